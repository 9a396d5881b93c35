"""
The same cycles by degenbot (MIT, on PyPI), what a user would otherwise pick.

Later versions need Python 3.13; this is the last one for the versions of Python that the keeper runs on.
"""

import json
import subprocess
import sys
import tempfile
import time
import venv
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from keeper.pools.pool import Pool
from keeper.pools.uniswap_v2 import UniswapV2Pool
from keeper.pools.uniswap_v3 import UniswapV3Pool
from keeper.routes.graph import Graph
from keeper.routes.kernels import optimum
from keeper.routes.kernels.tables import MAX_HOPS
from keeper.routes.ranking import Cycle
from keeper.routes.search import search
from keeper.routes.sizing import Sized, quote, size
from keeper.types import Address

_VERSION = "degenbot==0.3.0"
_ENVIRONMENT = Path(__file__).parents[1] / ".cache" / "degenbot"
_WORKER = Path(__file__).with_name("_degenbot_worker.py")

#: Paths of each kind, how often each is sized in bulk and exactly, and how many times the optimum is the most that
#: degenbot is told to look at: less than its default of 100 ether.
_PATHS, _BULK, _REPEATS, _ROOM = 150, 200, 3, 4


class NotInstalled(Exception):  # noqa: N818 - says what is the matter
    """degenbot cannot be had."""


def compared(graph: Graph, pools: Sequence[Pool], token: Address) -> dict[str, Any]:
    """
    Return seconds per path of both, over cycles that gain, by kind: of V2 pools only, and with V3 pools.

    Raises:
        NotInstalled: There is no degenbot here, and it cannot be installed.
    """
    python = _installed()
    by_address = {pool.address: pool for pool in pools}
    chosen: dict[str, list[Cycle]] = {"v2": [], "v3": []}
    for cycle in search(graph, None, {token: 1.0}, max_hops=3).cycles:
        families = {by_address[address].info.family for address in cycle.pools}
        kind = {"uniswap_v2": "v2", "uniswap_v3": "v3"}.get("+".join(sorted(families)))
        if kind and len(chosen[kind]) < _PATHS:
            chosen[kind].append(cycle)
    return {kind: _figures(graph, by_address, cycles, python) for kind, cycles in chosen.items() if cycles}


def _figures(graph: Graph, pools: dict[Address, Pool], cycles: Sequence[Cycle], python: Path) -> dict[str, Any]:
    in_bulk = _bulk_seconds(graph, cycles)
    exact, gains = [], []
    for cycle in cycles:
        pools_of = [pools[address] for address in cycle.pools]
        seconds, route = _exact(cycle, pools_of)
        exact.append(seconds)
        gains.append(route.gain if route else 0)
    theirs = _theirs([_path(cycle, pools) for cycle in cycles], python)
    true = [
        quote(cycle.edges, [pools[address] for address in cycle.pools], their["amount_in"])
        for cycle, their in zip(cycles, theirs, strict=True)
    ]
    paid = [route.gain if route else 0 for route in true]
    per_path, exact_per_path = (sum(seconds) / len(cycles) for seconds in ([t["seconds"] for t in theirs], exact))
    return {
        "paths": len(cycles),
        "degenbot_us": 1e6 * per_path,
        "float_us": 1e6 * in_bulk,
        "exact_us": 1e6 * exact_per_path,
        "float_times_faster": per_path / in_bulk,
        "exact_times_faster": per_path / exact_per_path,
        "inputs_no_better": sum(our + max(1, 1e-6 * our) >= their for our, their in zip(gains, paid, strict=True)),
        "predicted_too_much": sum(their["gain"] > gain for their, gain in zip(theirs, paid, strict=True)),
    }


def _exact(cycle: Cycle, pools: Sequence[Pool]) -> tuple[float, Sized | None]:
    """The least of several times: degenbot's are taken so, too."""
    least, route = float("inf"), None
    for _ in range(_REPEATS):
        began = time.perf_counter()
        route = size(cycle.edges, pools, cycle.optimum)
        least = min(least, time.perf_counter() - began)
    return least, route


def _bulk_seconds(graph: Graph, cycles: Sequence[Cycle]) -> float:
    """Seconds per path of the compiled sizing in floats, from the arrays that the search works on."""
    _, curves, _ = graph.settle()
    number_of = {edge: number for number, edge in enumerate(graph.all_edges)}
    rows = np.full((len(cycles), 1 + MAX_HOPS), -1)
    for row, cycle in zip(rows, cycles, strict=True):
        row[1 : 1 + len(cycle.edges)] = [number_of[edge] for edge in cycle.edges]
    rows, figures = np.tile(rows, (_BULK, 1)), np.empty((_BULK * len(cycles), 3))
    optimum.size(curves, rows[:1], figures[:1])
    began = time.perf_counter()
    optimum.size(curves, rows, figures)
    seconds = time.perf_counter() - began
    assert np.allclose(figures[: len(cycles), 1], [cycle.optimum.gain for cycle in cycles]), "other cycles were sized"
    return seconds / len(rows)


def _path(cycle: Cycle, pools: dict[Address, Pool]) -> dict[str, Any]:
    return {
        "token": cycle.token,
        "max_input": max(int(_ROOM * cycle.optimum.amount_in), 2),
        "pools": [_state(pools[address]) for address in cycle.pools],
    }


def _state(pool: Pool) -> dict[str, Any]:
    state: dict[str, Any] = {"address": pool.address, "tokens": pool.tokens, "fee_pips": pool.info.fee_pips}
    match pool:
        case UniswapV2Pool():
            return state | {"reserves": [pool.reserve0, pool.reserve1]}
        case UniswapV3Pool():
            return state | {
                "tick_spacing": pool.info.tick_spacing,
                "liquidity": pool.liquidity,
                "sqrt_price_x96": pool.sqrt_price_x96,
                "tick": pool.tick,
                "ticks": {str(tick): pair for tick, pair in pool.ticks.items()},
            }
    raise NotImplementedError(pool.info.family)


def _theirs(paths: Sequence[dict[str, Any]], python: Path) -> list[dict[str, Any]]:
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        json.dump(paths, file)
        file.flush()
        done = subprocess.run([python, _WORKER, file.name], capture_output=True, text=True, check=False)
    if done.returncode:
        raise NotInstalled(f"degenbot does not run: {done.stderr.strip().splitlines()[-1]}")
    return [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]


def _installed() -> Path:
    """The interpreter of an environment of its own, which is made where there is none."""
    python = _ENVIRONMENT / "bin" / "python"
    if not (_ENVIRONMENT / ".ready").exists():
        print(f"installing {_VERSION} into {_ENVIRONMENT}", file=sys.stderr)
        venv.create(_ENVIRONMENT, with_pip=True, clear=True)
        command = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", _VERSION]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            reason = (done.stderr.strip().splitlines() or ["pip says nothing"])[-1]
            raise NotInstalled(f"{_VERSION} cannot be installed: {reason}")
        (_ENVIRONMENT / ".ready").touch()
    return python
