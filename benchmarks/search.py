"""
How long it takes from changed pools to the best opportunity, sized exactly.
"""

import argparse
import gc
import random
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from benchmarks._chart import chart
from benchmarks._degenbot import NotInstalled, compared
from benchmarks._machine import machine
from benchmarks._markets import World, generated, recorded
from keeper.gas import GasPrices
from keeper.lenders import Lender
from keeper.market import Market
from keeper.opportunity import Terms, scan
from keeper.routes.graph import Graph
from keeper.routes.search import search
from keeper.routes.warm import warm
from keeper.types import Address, Block, Hash

_RECORDED = Path(__file__).parents[2] / "shared" / "vectors" / "arbitrum_pools.csv.gz"

#: Gas at 0.01 gwei, and what ArbOS charges for a unit of calldata.
_PRICES = GasPrices(base_fee_wei=10**7, tip_wei=0, l1_wei_per_unit=10**8, brotli_level=1)
_REPEATS = 20
#: Of the cycles that gain, so many more than the best are listed: nobody wants all.
_LISTED = 999
_HOPS = (3, 4)

#: Who lends, at how many millionths: each as much as anybody wants.
_LENDERS = (("uniswap_v4", 0), ("balancer_v2", 0), ("aave_v3", 500))
_PLENTY = 1 << 120

_PROFIT_SYMBOLS = ("WETH", "USDC", "USDT", "ARB", "WBTC")


def add_options(parser: argparse.ArgumentParser) -> None:
    """
    Add what can be chosen.
    """
    parser.add_argument("--pools", type=Path, default=_RECORDED, help="real pools (default: %(default)s)")
    parser.add_argument("--blocks", type=int, default=400, help="blocks a market (default: %(default)s)")
    parser.add_argument("--changed", type=int, default=20, help="pools that a block changes (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--chart", type=Path, help="draw what it costs as pools grow")
    parser.add_argument("--no-degenbot", dest="degenbot", action="store_false", help="leave the comparison out")


def run(options: argparse.Namespace) -> dict[str, Any]:
    """
    Measure every market.
    """
    began = time.perf_counter()
    warm()
    results: dict[str, Any] = {"machine": machine(), "seed": options.seed, "warm_s": time.perf_counter() - began}
    results["generated, 500 pools"] = _measure(generated(500, 80, options.seed, others=True), options)
    results["generated, 5,000 pools"] = _measure(generated(5_000, 800, options.seed, others=True), options)
    world = generated(5_000, 800, options.seed)
    results["generated, 5,000 pools of Uniswap alone"] = _measure(world, options)
    if options.degenbot:
        results["degenbot"] = _beside_degenbot(world, options.seed)
    if options.pools.is_file():
        mixed = recorded(options.pools, options.seed, others=True)
        results["Arbitrum's pools, generated reserves"] = _measure(mixed, options)
    else:
        results["left out"] = f"{options.pools} is not there"
    if options.chart:
        options.chart.write_text(_drawn(results))
    return results


def _drawn(results: dict[str, Any]) -> str:
    """What it costs on the markets that mix all families."""
    markets = [figures for figures in results.values() if "curve_stableswap" in _families(figures)]
    series: dict[str, list[tuple[float, float]]] = {}
    for figures in markets:
        longest = figures[f"{max(_HOPS)} hops"]
        spent = longest["block"]["ms"]
        for name, ms in (
            ("full scan, median", longest["scan"]["best_ms"]["median"]),
            ("20 pools changed, median", spent["total"]["median"]),
            ("20 pools changed, p99", spent["cpu"]["p99"]),
        ):
            series.setdefault(name, []).append((figures["pools"], ms))
    title = "From changed pools to the best opportunity, cycles of 2-4 hops"
    return chart(title, "pools of Uniswap, Curve and Balancer", "milliseconds", series)


def _families(figures: Any) -> dict[str, int]:
    """The families of a market; of anything else, none."""
    return figures.get("families", {}) if isinstance(figures, dict) else {}


def lines(results: dict[str, Any]) -> Iterator[str]:
    """
    Say the results in sentences.
    """
    machine = results["machine"]
    yield f"{machine['processor']}, {machine['cores']} cores, load {machine['load']:.1f}, Python {machine['python']}"
    yield f"kernels compiled or loaded in {results['warm_s']:.1f} s"
    if "left out" in results:
        yield f"the real pools are left out: {results['left out']}"
    for name, figures in results.items():
        if isinstance(figures, dict) and "pools" in figures:
            yield (
                f"{name}: {figures['pools']:,} pools, {figures['ticks']:,} ticks, {figures['tokens']:,} tokens;"
                f" built in {figures['build_s']:.2f} s"
            )
            yield "  " + ", ".join(f"{n:,} {family}" for family, n in figures["families"].items())
            for hops in _HOPS:
                yield from _lines(hops, figures[f"{hops} hops"])
    if "degenbot" in results:
        yield from _degenbot_lines(results["degenbot"])


def _beside_degenbot(world: World, seed: int) -> dict[str, Any]:
    """The market after swaps in a quarter of its pools, so that many cycles gain."""
    moved = {pool.address: pool for pool in world.moved(random.Random(seed), len(world.pools) // 4)}
    pools = [moved.get(pool.address, pool) for pool in world.pools]
    graph = Graph()
    for pool in pools:
        graph.update(pool)
    try:
        return compared(graph, pools, world.tokens[0].address)
    except NotInstalled as error:
        return {"left out": str(error)}


def _degenbot_lines(results: dict[str, Any]) -> Iterator[str]:
    if "left out" in results:
        yield f"degenbot is left out: {results['left out']}"
        return
    for kind, figures in results.items():
        yield (
            f"degenbot 0.3.0, {figures['paths']} cycles of {kind.upper()} pools that gain, each:"
            f" {figures['degenbot_us']:,.0f} us; here {figures['float_us']:.2f} us in floats in bulk"
            f" ({figures['float_times_faster']:,.0f} times faster), {figures['exact_us']:,.0f} us with exact integers"
            f" ({figures['exact_times_faster']:.1f} times faster)"
        )
        yield (
            f"  {figures['inputs_no_better']} of its inputs gain no more than ours do, but for a millionth or a unit;"
            f" {figures['predicted_too_much']} of its predictions are above what the pools pay"
        )


def _measure(world: World, options: argparse.Namespace) -> dict[str, Any]:
    weth = next(token.address for token in world.tokens if token.symbol == "WETH")
    tokens = {token.symbol: token for token in reversed(world.tokens)}
    profit = tuple(tokens[symbol].address for symbol in _PROFIT_SYMBOLS if symbol in tokens)
    market, graph, build_s = _built(world)
    gc.collect()
    gc.freeze()
    figures: dict[str, Any] = {
        "pools": len(world.pools),
        "tokens": len(world.tokens),
        "families": dict(sorted(Counter(pool.info.family for pool in world.pools).items())),
        "ticks": sum(len(getattr(pool, "ticks", ())) for pool in world.pools),
        "build_s": build_s,
    }
    for hops in _HOPS:
        terms = Terms(profit, weth, hops, ("none", *(name for name, _ in _LENDERS)), 2 * 10**12)
        figures[f"{hops} hops"] = {
            "scan": _full_scan(world, graph, market, terms, options),
            "block": _blocks(world, graph, market, terms, options),
        }
    gc.unfreeze()
    return figures


def _built(world: World) -> tuple[Market, Graph, float]:
    market = Market([pool.info for pool in world.pools])
    market.start(Block(1, Hash("0x" + "01" * 32), Hash("0x" + "00" * 32), 0, _PRICES.base_fee_wei), 0.0)
    market.refresh(world.pools)
    graph = Graph()
    began = time.perf_counter()
    for pool in world.pools:
        graph.update(pool)
    graph.settle()
    return market, graph, time.perf_counter() - began


def _full_scan(world: World, graph: Graph, market: Market, terms: Terms, options: argparse.Namespace) -> dict[str, Any]:
    """Every cycle of the market after a block that changed some pools: the best one, and then those that follow."""
    changed = world.moved(random.Random(options.seed), options.changed)
    _update(graph, market, changed)
    graph.settle()
    values = dict.fromkeys(terms.profit_tokens, 1.0)
    to_best, to_last = [], []
    for _ in range(_REPEATS):
        began = time.perf_counter()
        found = search(graph, None, values, terms.max_hops)
        told = int(next(found.cycles, None) is not None)
        to_best.append(time.perf_counter() - began)
        told += sum(1 for _ in islice(found.cycles, _LISTED))
        to_last.append(time.perf_counter() - began)
    began = time.perf_counter()
    figures = {
        "cycles": found.searched,
        "counting_ms": 1e3 * (time.perf_counter() - began),
        "listed": told,
        "best_ms": _summary(to_best),
        "listed_ms": _summary(to_last),
    }
    _restore(graph, market, world, changed)
    return figures


def _blocks(world: World, graph: Graph, market: Market, terms: Terms, options: argparse.Namespace) -> dict[str, Any]:
    """From changed pools to the chosen opportunity, block by block from the market at rest."""
    rng = random.Random(options.seed + 1)
    parts: dict[str, list[float]] = {"update": [], "search": [], "choose": [], "total": [], "cpu": []}
    dollars, rings = [], []
    plenty = dict.fromkeys(terms.profit_tokens, _PLENTY)
    lenders = [Lender(name, Address(f"0x{n:040x}"), fee_pips, plenty) for n, (name, fee_pips) in enumerate(_LENDERS)]
    for _ in range(options.blocks):
        changed = world.moved(rng, options.changed)
        addresses = [pool.address for pool in changed]
        cpu, marks = time.process_time(), [time.perf_counter()]
        _update(graph, market, changed)
        marks.append(time.perf_counter())
        found = scan(market, graph, addresses, terms, lenders, _PRICES)
        marks.append(time.perf_counter())
        best = next(found, None)
        marks.append(time.perf_counter())
        parts["cpu"].append(time.process_time() - cpu)
        for part, first, last in (("update", 0, 1), ("search", 1, 2), ("choose", 2, 3), ("total", 0, 3)):
            parts[part].append(marks[last] - marks[first])
        rings.append(found.rings)
        if best is not None:
            dollars.append(best.profit_wei / 10**18 * world.tokens[0].dollars)
        _restore(graph, market, world, changed)
    return {
        "blocks": options.blocks,
        "changed": options.changed,
        "chosen": len(dollars),
        "profit_dollars": {"median": _quantile(dollars, 0.5), "p90": _quantile(dollars, 0.9)},
        "rings_that_may_pay": {"median": _quantile(rings, 0.5), "most": max(rings)},
        "ms": {part: _summary(seconds) for part, seconds in parts.items()},
    }


def _update(graph: Graph, market: Market, pools: Sequence[Any]) -> None:
    market.refresh(pools)
    for pool in pools:
        graph.update(pool)


def _restore(graph: Graph, market: Market, world: World, changed: Sequence[Any]) -> None:
    addresses = {pool.address for pool in changed}
    _update(graph, market, [pool for pool in world.pools if pool.address in addresses])
    graph.settle()


def _summary(seconds: Sequence[float]) -> dict[str, float]:
    ms = [1e3 * value for value in seconds]
    return {"median": _quantile(ms, 0.5), "p99": _quantile(ms, 0.99), "least": min(ms), "most": max(ms)}


def _quantile(values: Sequence[float], share: float) -> float:
    ordered = sorted(values)
    return ordered[min(int(share * len(ordered)), len(ordered) - 1)] if ordered else 0.0


def _lines(hops: int, figures: dict[str, Any]) -> Iterator[str]:
    whole, block = figures["scan"], figures["block"]
    spent, profit, rings = block["ms"], block["profit_dollars"], block["rings_that_may_pay"]
    best, every = whole["best_ms"]["median"], whole["listed_ms"]["median"]
    yield (
        f"  up to {hops} hops: {whole['cycles']:,} cycles; full scan to the best {best:.2f} ms, to the last of the"
        f" {whole['listed']:,} that gain most {every:.2f} ms (medians)"
    )
    yield (
        f"    {block['changed']} changed pools to the chosen opportunity: median {spent['total']['median']:.2f} ms, p99"
        f" {spent['total']['p99']:.2f} ms; of processor time {spent['cpu']['median']:.2f} and"
        f" {spent['cpu']['p99']:.2f} (medians: update"
        f" {spent['update']['median']:.2f}, search {spent['search']['median']:.2f}, rank and size"
        f" {spent['choose']['median']:.2f})"
    )
    yield (
        f"    {block['chosen']} of {block['blocks']} blocks had one, of median ${profit['median']:.2f} and p90"
        f" ${profit['p90']:.2f}; rings that may pay: median {rings['median']:.0f}, most {rings['most']:.0f}"
    )
