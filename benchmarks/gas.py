"""
What routes cost on the localnet's real bytecode: in all, and in the executor's own frames.
"""

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import brotli
from vyper.cli.vyper_compile import compile_files

import localnet
from keeper.config import load_chain
from keeper.plan import DEXES, Funding, Guard, Hop, Plan, Route, encode, pool_address
from localnet import accounts
from localnet.abi import function
from scripts._deployment import ROOT, Roles, deploy

FACTS = load_chain("arbitrum")

_TRADER = "0x" + "7a" * 20
_NOBODY = "0x" + "5e" * 20
_AMOUNT_IN = 10**17
_GAS_LIMIT = 2_000_000
_STEPS = {"disableStorage": True, "enableMemory": False}
#: Selling moves the price of the last pool by about this share, so that every route gains.
_SHARE = 0.08

_BALANCE_OF = function("balanceOf(address)", ["uint256"])
_SLOT0 = function("slot0()", ["uint256"])
_SYNC = function("sync()")
_SELL = function("sell(address,bool,int256,uint160)")

_V3_USDC = ("uniswap_v3", "WETH", "USDC", 500)
_V3_BACK = ("sushi_v3", "USDC", "WETH", 500)
_V2_USDC = ("sushi_v2", "WETH", "USDC", 3_000)
_V2_BACK = ("sushi_v2", "USDC", "WETH", 3_000)
_V3_ARB = ("uniswap_v3", "WETH", "ARB", 500)
_V2_ARB_USDC = ("uniswap_v2", "ARB", "USDC", 3_000)

SHAPES = {
    "V3 V2": (_V3_USDC, _V2_BACK),
    "V3 V3": (_V3_USDC, _V3_BACK),
    "V2 V3": (_V2_USDC, _V3_BACK),
    "V2 V2": (_V2_USDC, ("uniswap_v2", "USDC", "WETH", 3_000)),
    "V3 V2 V3": (_V3_ARB, _V2_ARB_USDC, _V3_BACK),
    "V3 V3 V3": (
        ("pancake_v3", "WETH", "USDT", 100),
        ("uniswap_v3", "USDT", "USDC", 100),
        ("pancake_v3", "USDC", "WETH", 500),
    ),
    "V2 V2 V3": (("sushi_v2", "WETH", "ARB", 3_000), _V2_ARB_USDC, ("uniswap_v3", "USDC", "WETH", 500)),
}


def run() -> dict[str, dict[str, int]]:
    """
    Return for every shape and funding the gas and the calldata, then the gas of lost races.
    """
    net = localnet.start(sequencer=False)
    try:
        return _Bench(net).measure()
    finally:
        net.stop()


class _Bench:
    def __init__(self, net: Any) -> None:
        self._rpc = net.rpc
        self._rpc("evm_setAutomine", True)
        tokens = tuple(FACTS.token(symbol) for symbol in FACTS.profit_tokens)
        payer = accounts.public(0)
        self._operator = accounts.public(3).address
        roles = Roles(payer.address, payer.address, accounts.public(9).address, tokens, (self._operator,))
        with TemporaryDirectory() as folder:
            record = deploy(net.url, payer, roles.checksummed(), "local", Path(folder) / "deployment.json")
            self._executor = str(json.loads(record.read_text())["executor"])
        # One wei everywhere: what a first payment costs is not what is measured.
        for token in tokens:
            for holder in (self._executor, roles.treasury):
                self._rpc("anvil_dealERC20", holder, token, "0x1")
        source = ROOT / "contracts" / "mocks" / "V3TraderMock.vy"
        (output,) = compile_files([source], ["bytecode_runtime"], paths=[str(ROOT)]).values()
        self._rpc("anvil_setCode", _TRADER, output["bytecode_runtime"])
        for sender in (_NOBODY, self._operator):
            self._rpc("anvil_setBalance", sender, hex(10**20))
            self._rpc("anvil_impersonateAccount", sender)

    def measure(self) -> dict[str, dict[str, int]]:
        results = {}
        for name, steps in SHAPES.items():
            hops = tuple(_hop(*step) for step in steps)
            for funding in Funding:
                with self._undone():
                    self._cheapen(hops[-1])
                    results[f"{name}, {funding}"] = self._route(encode(_plan(hops, funding, guard=_wide(hops[0]))))
        for name in ("V3 V2", "V3 V3", "V2 V3"):
            hops = tuple(_hop(*step) for step in SHAPES[name])
            never = Guard(0, 1 << 32)
            results[f"lost race {name}, first guard"] = self._lost(_plan(hops, guard=never))
            results[f"lost race {name}, second guard"] = self._lost(_plan(hops, guard=_wide(hops[0]), second=never))
        return results

    def _route(self, calldata: bytes) -> dict[str, int]:
        # Time passes: then every pool and pair writes its history, as it does once in each block that trades with it.
        self._rpc("evm_increaseTime", 10)
        self._rpc("evm_mine")
        call = {"from": self._operator, "to": self._executor, "data": "0x" + calldata.hex(), "gas": hex(_GAS_LIMIT)}
        steps = self._rpc("debug_traceCall", call, "latest", _STEPS)["structLogs"]
        receipt = self._send(self._operator, self._executor, calldata)
        if receipt["status"] != "0x1":
            raise RuntimeError("the route reverted")
        return {
            "gas": int(receipt["gasUsed"], 16),
            "overhead": _overhead(steps, int(self._executor, 16)),
            "calldata": len(calldata),
            "brotli": len(brotli.compress(calldata)),
        }

    def _lost(self, plan: Plan) -> dict[str, int]:
        with self._undone():
            receipt = self._send(self._operator, self._executor, encode(plan))
            if receipt["status"] != "0x0":
                raise RuntimeError("the race was won")
            return {"gas": int(receipt["gasUsed"], 16)}

    def _cheapen(self, hop: Hop) -> None:
        """
        Sell WETH to the pool.
        """
        weth = FACTS.token("WETH")
        if not DEXES[hop.dex].is_v3:
            # The other token becomes dear: there is more WETH in the pair.
            held = int(self._ask(weth, _BALANCE_OF, hop.pool))
            self._rpc("anvil_dealERC20", hop.pool, weth, hex(int(held * (1 + _SHARE))))
            self._send(_NOBODY, hop.pool, _SYNC.calldata())
            return
        zero_for_one = weth == min(hop.token_in, hop.token_out)
        factor = 1 - _SHARE / 2 if zero_for_one else 1 + _SHARE / 2
        limit = int(self._ask(hop.pool, _SLOT0) * factor)
        self._rpc("anvil_dealERC20", _TRADER, weth, hex(10**30))
        self._send(_NOBODY, _TRADER, _SELL.calldata(hop.pool, zero_for_one, 10**30, limit))

    def _ask(self, target: str, view: Any, *arguments: Any) -> int:
        call = {"to": target, "data": "0x" + view.calldata(*arguments).hex()}
        return int(view.decode(bytes.fromhex(self._rpc("eth_call", call, "latest")[2:])))

    def _send(self, sender: str, to: str, data: bytes) -> dict[str, Any]:
        transaction = {"from": sender, "to": to, "data": "0x" + data.hex(), "gas": hex(_GAS_LIMIT)}
        name = self._rpc("eth_sendTransaction", transaction)
        for _ in range(100):
            receipt: dict[str, Any] | None = self._rpc("eth_getTransactionReceipt", name)
            if receipt is not None:
                return receipt
            time.sleep(0.05)
        raise RuntimeError("the transaction was not mined")

    @contextmanager
    def _undone(self) -> Iterator[None]:
        snapshot = self._rpc("evm_snapshot")
        yield
        self._rpc("evm_revert", snapshot)


def _overhead(steps: Sequence[Mapping[str, Any]], executor: int) -> int:
    """
    Return what the executor's frames took by themselves, from the steps of a trace.

    A frame took what it had at its first step less what it had after its last; what its calls took is not its own.
    """
    frames = [(executor, int(steps[0]["gas"]))]
    own = 0
    for step, following in zip(steps, [*steps[1:], None], strict=True):
        depth = following["depth"] if following else steps[0]["depth"] - 1
        if following and depth > step["depth"]:
            frames.append((int(step["stack"][-2], 16), int(following["gas"])))
        elif depth < step["depth"]:
            address, gas = frames.pop()
            took = gas - int(step["gas"]) + int(step["gasCost"])
            own += took if address == executor else 0
            if frames and frames[-1][0] == executor:
                own -= took
    return own


def _hop(dex: str, sold: str, bought: str, fee_pips: int) -> Hop:
    token_in, token_out = FACTS.token(sold), FACTS.token(bought)
    pool = pool_address(dex, token_in, token_out, fee_pips)
    return Hop(dex, pool, token_in, token_out, fee_pips, zero_for_one=token_in < token_out)


def _wide(hop: Hop) -> Guard:
    return Guard(1 << 32, (1 << 160 if DEXES[hop.dex].is_v3 else 1 << 112) - 1)


def _plan(
    hops: Sequence[Hop], funding: Funding = Funding.NONE, guard: Guard | None = None, second: Guard | None = None
) -> Plan:
    tokens = tuple(FACTS.token(symbol) for symbol in FACTS.profit_tokens)
    return Plan((Route(tuple(hops), funding, _AMOUNT_IN, 1, guard, second),), 2**40 - 1, tokens)
