"""
What routes cost on the localnet's real bytecode: in all, and in the executor's own frames.
"""

import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import brotli

from benchmarks._executor import (
    FACTS,
    OPERATOR,
    TREASURY,
    Step,
    World,
    flash_pool,
    plan,
    provided,
    route,
    start,
)
from benchmarks._trace import split
from keeper.plan import DEXES, Funding, Guard, Plan, Program, Route, encode
from keeper.plan.bundle import program_of
from localnet.pins import GROUPS
from scripts._build import Artifact

Result = dict[str, int]

_GAS_LIMIT = 3_000_000
_AMOUNT = 10**17
#: As ArbOS compresses a transaction to know its share of a batch.
_BROTLI = {"quality": 1, "lgwin": 22}
#: A second program would not be lent to by a pool of the route.
_FLASH = ("uniswap_v3 WETH/USDC 10000", "USDC")
_NEVER, _EVER = Guard(0, 1 << 32), 1 << 111

_V3, _V3_BACK = ("uniswap_v3 WETH/USDC 500", "WETH", "USDC"), ("sushi_v3 WETH/USDC 500", "USDC", "WETH")
_V2, _V2_BACK = ("sushi_v2 WETH/USDC 3000", "WETH", "USDC"), ("sushi_v2 WETH/USDC 3000", "USDC", "WETH")
_ARB_V3, _ARB_V2 = ("uniswap_v3 WETH/ARB 500", "WETH", "ARB"), ("uniswap_v2 ARB/USDC 3000", "ARB", "USDC")
_USDT = ("pancake_v3 WETH/USDT 100", "WETH", "USDT")

SHAPES: dict[str, list[Step]] = {
    "V3 V2": [_V3, _V2_BACK],
    "V3 V3": [_V3, _V3_BACK],
    "V2 V3": [_V2, _V3_BACK],
    "V2 V2": [_V2, ("uniswap_v2 WETH/USDC 3000", "USDC", "WETH")],
    "V3 V2 V3": [_ARB_V3, _ARB_V2, _V3_BACK],
    "V3 V3 V3": [_USDT, ("uniswap_v3 USDC/USDT 100", "USDT", "USDC"), ("pancake_v3 WETH/USDC 500", "USDC", "WETH")],
    "V2 V2 V3": [("sushi_v2 WETH/ARB 3000", "WETH", "ARB"), _ARB_V2, ("uniswap_v3 WETH/USDC 500", "USDC", "WETH")],
    "V3 Curve V3": [_USDT, ("curve DAI/USDC/USDT 400", "USDT", "USDC"), _V3_BACK],
}
#: Of every other family of pools, each after a V3 pool; and some under the lender that they belong to.
HOPS: dict[str, tuple[list[Step], Funding]] = {
    "V3 V4": ([_V3, ("uniswap_v4 WETH/USDC 500", "USDC", "WETH")], Funding.NONE),
    "V3 V4 of ether": ([_V3, ("uniswap_v4 ETH/USDC 500", "USDC", "WETH")], Funding.NONE),
    "V3 Balancer V2": ([_V3, ("balancer_v2 WBTC/WETH/USDC 2500", "USDC", "WETH")], Funding.NONE),
    "V3 Balancer V3": ([_V3, ("balancer_v3 WETH/USDC 3000", "USDC", "WETH")], Funding.NONE),
    "V3 Curve of ether": (
        [("uniswap_v3 wstETH/WETH 100", "WETH", "wstETH"), ("curve ETH/wstETH 400", "wstETH", "WETH")],
        Funding.NONE,
    ),
    "V4 V3": ([("uniswap_v4 WETH/USDC 500", "WETH", "USDC"), _V3_BACK], Funding.UNISWAP_V4),
    "Balancer V3 V3": ([("balancer_v3 WETH/USDC 3000", "WETH", "USDC"), _V3_BACK], Funding.BALANCER_V3),
}
#: Routes that share no pool.
BUNDLE = [
    [_V3, _V2_BACK],
    [("pancake_v3 WETH/USDC 500", "WETH", "USDC"), ("uniswap_v2 WETH/USDC 3000", "USDC", "WETH")],
    [_ARB_V3, ("sushi_v2 WETH/ARB 3000", "ARB", "WETH")],
]
_NAMES = {
    Funding.NONE: "none",
    Funding.BALANCER_V2: "Balancer V2",
    Funding.AAVE_V3: "Aave V3",
    Funding.UNISWAP_V3: "V3 flash",
    Funding.BALANCER_V3: "Balancer V3",
    Funding.UNISWAP_V4: "Uniswap V4",
    Funding.MORPHO: "Morpho",
}
#: Lenders and DEXes that the localnet has only when asked.
_GROUPS = {"balancer_v3": "balancer-v3", "uniswap_v4": "v4", "morpho": "morpho"}
LOST = "lost race"
_COLUMNS = {
    "gas": "gas",
    "overhead": "overhead",
    "access": "of it calls",
    "transient": "of it transient storage",
    "calldata": "calldata, bytes",
    "brotli": "with Brotli",
}
#: Between which two lines a document has the tables.
_MARKS = "<!-- measured -->", "<!-- end of what was measured -->"


def add_options(parser: ArgumentParser) -> None:
    """
    Let the tables be written into a document.
    """
    parser.add_argument("--markdown", type=Path, help="a document whose tables are to be replaced")


def run(options: Namespace | None = None, artifact: Artifact | None = None) -> dict[str, Result]:
    """
    Return for every shape and funding the gas and the calldata, then the gas of lost races.

    Args:
        options: Of the command, which measures everything; without, what the localnet was built with is measured.
        artifact: The compiled executor; None compiles it.
    """
    if options and (missing := set(GROUPS) - set(provided())):
        sys.exit(f"gas: build the rest first: python -m localnet build --with {' --with '.join(sorted(missing))}")
    world = start(artifact)
    try:
        results = dict(_Bench(world).measure())
    finally:
        world.net.stop()
    if options and options.markdown:
        write(options.markdown, results)
    return results


def lines(results: Mapping[str, Mapping[str, int]]) -> Iterator[str]:
    """
    Yield the results as tables in Markdown.
    """
    yield f"| route, lender | {' | '.join(_COLUMNS.values())} |"
    yield "| --- |" + " --- |" * len(_COLUMNS)
    for name, values in results.items():
        if not name.startswith(LOST):
            yield f"| {name} | {' | '.join(f'{values[column]:,}' for column in _COLUMNS)} |"
    yield ""
    yield f"| {LOST} | gas |"
    yield "| --- | --- |"
    for name, values in results.items():
        if name.startswith(LOST):
            yield f"| {name.removeprefix(LOST + ' ')} | {values['gas']:,} |"


def write(document: Path, results: Mapping[str, Mapping[str, int]]) -> None:
    """
    Replace the tables in a document.
    """
    begin, end = _MARKS
    before, _, rest = document.read_text().partition(begin)
    document.write_text(before + "\n".join([begin, *lines(results), end]) + rest.partition(end)[2])


class _Bench:
    def __init__(self, world: World) -> None:
        self._world = world
        # One wei everywhere: what a first payment costs is not what is measured.
        for symbol in FACTS.tokens:
            for holder in (world.executor, TREASURY):
                world.net.deal(symbol, holder, 1)

    def measure(self) -> Iterator[tuple[str, Result]]:
        for name, steps in SHAPES.items():
            with self._world.undone():
                self._world.enrich(steps, _AMOUNT)
                for funding in filter(_is_there, Funding):
                    yield f"{name}, {_NAMES[funding]}", self._cost(plan(self._route(steps, funding)))
        for name, (steps, funding) in HOPS.items():
            if not all(map(_is_there, (funding, *(step[0].split()[0] for step in steps)))):
                continue
            with self._world.undone():
                self._world.enrich(steps, _AMOUNT)
                yield f"{name}, {_NAMES[funding]}", self._cost(plan(self._route(steps, funding)))
        yield from self._bundles()
        yield from self._lost()

    def _bundles(self) -> Iterator[tuple[str, Result]]:
        with self._world.undone():
            for steps in BUNDLE:
                self._world.enrich(steps, _AMOUNT)
            for count, funding in (
                (2, Funding.NONE),
                (3, Funding.NONE),
                (2, Funding.BALANCER_V2),
                (3, Funding.AAVE_V3),
            ):
                routes = [self._route(steps, funding) for steps in BUNDLE[:count]]
                yield f"bundle of {count} V3 V2, {_NAMES[funding]}", self._cost(plan(*routes))
            lost = self._route(BUNDLE[1], Funding.NONE, guards=[_NEVER], tolerant=True)
            first, third = (self._route(BUNDLE[place], Funding.NONE) for place in (0, 2))
            yield "bundle of 3 V3 V2 of which one is left out, none", self._cost(plan(first, lost, third))

    def _lost(self) -> Iterator[tuple[str, Result]]:
        for name in ("V3 V2", "V3 V3", "V2 V3", "V3 V2 V3"):
            for entry, funding in (("short", Funding.NONE), ("general", Funding.AAVE_V3)):
                for place, guards in (("first", [_NEVER]), ("second", [_wide(SHAPES[name][0]), _NEVER])):
                    lost = plan(self._route(SHAPES[name], funding, guards=guards))
                    sent = lost if entry == "short" else program_of(lost)
                    yield f"{LOST} {name}, {entry} program, {place} guard", self._reverted(sent)
        tolerant = [self._route(steps, Funding.NONE, guards=[_NEVER], tolerant=True) for steps in BUNDLE[:2]]
        yield f"{LOST} of a whole bundle of 2, first guards", self._reverted(plan(*tolerant))

    def _route(self, steps: Sequence[Step], funding: Funding, **more: Any) -> Route:
        more.setdefault("guards", [_wide(steps[0])])
        if funding is Funding.UNISWAP_V3:
            more["flash_pool"] = flash_pool(self._world, *_FLASH)
        return route(self._world, steps, _AMOUNT, funding, 1, **more)

    def _cost(self, planned: Plan) -> Result:
        calldata = encode(planned)
        call = {"from": OPERATOR, "to": self._world.executor, "data": "0x" + calldata.hex(), "gas": hex(_GAS_LIMIT)}
        with self._later():
            frames = self._world.net.rpc("debug_traceCall", call, "latest", {"tracer": "callTracer"})
            steps = self._world.net.rpc("debug_traceCall", call, "latest", {"disableStack": True})["structLogs"]
            receipt = self._world.execute(planned)
        own = split(steps, frames, self._world.executor)
        sizes = {"calldata": len(calldata), "brotli": len(brotli.compress(calldata, **_BROTLI))}
        return {"gas": int(receipt["gasUsed"], 16)} | own | sizes

    def _reverted(self, planned: Plan | Program) -> Result:
        with self._later():
            receipt = self._world.send(OPERATOR, self._world.executor, encode(planned))
            if receipt["status"] != "0x0":
                raise RuntimeError("the race was won")
            return {"gas": int(receipt["gasUsed"], 16)}

    @contextmanager
    def _later(self) -> Iterator[None]:
        """
        Let time pass: then every pool and pair writes its history, as it does once in each block that trades with it.
        """
        with self._world.undone():
            self._world.net.rpc("evm_increaseTime", 10)
            self._world.net.rpc("evm_mine")
            yield


def _is_there(name: str) -> bool:
    """Return whether the localnet has this lender or DEX."""
    return name not in _GROUPS or _GROUPS[name] in provided()


def _wide(step: Step) -> Guard:
    """Return bounds that hold, of whatever the pool's guard reads."""
    dex = step[0].split()[0]
    priced = dex == "uniswap_v4" or DEXES[dex].is_v3
    return Guard(1 << 32, (1 << 160) - 1) if priced else Guard(1, _EVER)
