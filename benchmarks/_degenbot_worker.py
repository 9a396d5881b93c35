"""
Sizes paths with degenbot 0.3, in its own environment: ``python _degenbot_worker.py PATHS.json``.

Its pools are given their state without a node, and calculate as they do with one. One line of JSON per path goes to
standard output: seconds, input, gain.
"""

import json
import sys
import time
from fractions import Fraction
from typing import Any

from degenbot.arbitrage.uniswap_lp_cycle import UniswapLpCycle  # type: ignore[import-not-found]
from degenbot.exceptions import DegenbotError  # type: ignore[import-not-found]
from degenbot.uniswap.types import (  # type: ignore[import-not-found]
    UniswapV2PoolState,
    UniswapV3LiquidityAtTick,
    UniswapV3PoolState,
)
from degenbot.uniswap.v2_liquidity_pool import UniswapV2Pool  # type: ignore[import-not-found]
from degenbot.uniswap.v3_liquidity_pool import UniswapV3Pool  # type: ignore[import-not-found]

_REPEATS = 3


def main() -> None:
    """
    Size every path of the file.
    """
    with open(sys.argv[1]) as file:  # noqa: PTH123 - nothing of the project is imported here
        paths = json.load(file)
    for path in paths:
        cycle = UniswapLpCycle.__new__(UniswapLpCycle)
        pools = [_pool(state) for state in path["pools"]]
        cycle.__init__(path["token"], pools, id="", max_input=path["max_input"])
        print(json.dumps(_measured(cycle)), flush=True)


def _measured(cycle: Any) -> dict[str, Any]:
    seconds, found = float("inf"), None
    for _ in range(_REPEATS):
        began = time.perf_counter()
        try:
            found = cycle.calculate()
        except DegenbotError:
            found = None
        seconds = min(seconds, time.perf_counter() - began)
    return {
        "seconds": seconds,
        "amount_in": found.input_amount if found else 0,
        "gain": found.profit_amount if found else 0,
    }


class _Pair(UniswapV2Pool):  # type: ignore[misc]
    def __init__(self, state: dict[str, Any]) -> None:
        _name(self, state)
        self.fee_token0 = self.fee_token1 = Fraction(state["fee_pips"], 1_000_000)
        self._state = UniswapV2PoolState(self.address, *state["reserves"])


class _Ranges(UniswapV3Pool):  # type: ignore[misc]
    def __init__(self, state: dict[str, Any]) -> None:
        _name(self, state)
        self._fee, self._tick_spacing = state["fee_pips"], state["tick_spacing"]
        self.fee, self.tick_spacing, self.sparse_liquidity_map = self._fee, self._tick_spacing, False
        ticks = {int(tick): UniswapV3LiquidityAtTick(net, gross) for tick, (gross, net) in state["ticks"].items()}
        # nothing reads the bitmap where all ticks are known, but an empty one counts as no liquidity
        self._state = UniswapV3PoolState(
            self.address, state["liquidity"], state["sqrt_price_x96"], state["tick"], {0: None}, ticks
        )


def _name(pool: Any, state: dict[str, Any]) -> None:
    pool.address = pool.name = state["address"]
    pool.token0, pool.token1 = state["tokens"]
    pool._subscribers = set()


def _pool(state: dict[str, Any]) -> Any:
    return _Ranges(state) if "ticks" in state else _Pair(state)


if __name__ == "__main__":
    main()
