"""
Simulating by the node or in the keeper's own process: what each takes, and whether they agree.

A two-hop arbitrage through real pools is executed on the latest state of a localnet: by ``eth_call`` and
``eth_estimateGas`` at once, as the keeper does, and by revm in this process on a fork of that state, which it fetches
from the same node. No time is counted for the node's being far away: over loopback a request takes what the node takes.
"""

import argparse
import asyncio
import time
from collections.abc import Iterator
from statistics import median
from typing import Any

from pyrevm import EVM, BlockEnv

import localnet
from benchmarks._machine import machine
from keeper.chain.rpc import Rpc
from localnet import Localnet, RivalSettings, TraderSettings, accounts
from localnet.rival import ACCOUNT, CONTRACT

_SENDER = accounts.public(ACCOUNT).address


def add_options(parser: argparse.ArgumentParser) -> None:
    """
    Add what can be chosen.
    """
    parser.add_argument("--count", type=int, default=25, help="how many are simulated (default: %(default)s)")


def run(options: argparse.Namespace) -> dict[str, Any]:
    """
    Simulate what a rival would send, block after block, both ways.
    """
    seconds: dict[str, list[float]] = {"node": [], "revm, fresh fork": [], "revm, state at hand": []}
    same = 0
    with localnet.start(sequencer=False, traders=TraderSettings(seed=3), rival=RivalSettings()) as net:
        assert net.rival is not None
        assert net.traders is not None
        while len(seconds["node"]) < options.count:
            net.traders.step()
            net.mine()
            if (chance := net.rival.look()) is not None:
                asked = asyncio.run(_node(net, chance.calldata, seconds["node"]))
                same += asked == _revm(net, chance.calldata, seconds)
    milliseconds = {
        name: {"median_ms": 1e3 * median(times), "most_ms": 1e3 * max(times)} for name, times in seconds.items()
    }
    return {"machine": machine(), "simulated": options.count, "same output": same, **milliseconds}


async def _node(net: Localnet, calldata: bytes, seconds: list[float]) -> bytes:
    request = {"from": _SENDER, "to": CONTRACT, "data": "0x" + calldata.hex()}
    async with Rpc(net.url) as rpc:
        await rpc("eth_blockNumber")  # the connection stands before
        began = time.perf_counter()
        output, _ = await asyncio.gather(rpc("eth_call", request, "latest"), rpc("eth_estimateGas", request, "latest"))
        seconds.append(time.perf_counter() - began)
    return bytes.fromhex(output[2:])


def _revm(net: Localnet, calldata: bytes, seconds: dict[str, list[float]]) -> bytes:
    header = net.rpc("eth_getBlockByNumber", "latest", False)
    began = time.perf_counter()
    evm = EVM(fork_url=net.url, fork_block=header["hash"], spec_id="CANCUN")
    evm.set_block_env(BlockEnv(number=int(header["number"], 16) + 1, timestamp=int(header["timestamp"], 16)))
    before = evm.snapshot()
    output = evm.message_call(_SENDER, CONTRACT, calldata)
    seconds["revm, fresh fork"].append(time.perf_counter() - began)
    evm.revert(before)
    began = time.perf_counter()
    evm.message_call(_SENDER, CONTRACT, calldata)
    seconds["revm, state at hand"].append(time.perf_counter() - began)
    return output


def lines(results: dict[str, Any]) -> Iterator[str]:
    """
    Say the results in a table.
    """
    yield f"{results['same output']} of {results['simulated']} simulations gave the same output both ways"
    for name, values in results.items():
        if isinstance(values, dict) and "median_ms" in values:
            yield f"{name:<20} median {values['median_ms']:8.2f} ms   most {values['most_ms']:8.2f} ms"
