"""
How much of what a market gives is captured: by one route, by routes one after another, by the convex plan.

The markets are those of the search, after the same blocks. Gas and lenders are left aside: the bound knows neither.
"""

import argparse
import random
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from benchmarks._markets import World, generated
from keeper.convex.bound import Bound, bound
from keeper.pools.pool import Pool
from keeper.routes.graph import Graph
from keeper.routes.search import search
from keeper.routes.sizing import Sized, size
from keeper.routes.warm import warm
from keeper.types import Address

_PROFIT_SYMBOLS = ("WETH", "USDC", "USDT", "ARB", "WBTC")

#: A block whose bound is below has nothing to gain (0.3 cents); a route that gains less than this part of the bound is
#: not added.
_NOTHING_WEI, _LEAST_PART = 1e12, 1e-4

#: Cycles that are sized to find the best one, and seconds that routes one after another may take: what is cut by it is
#: counted.
_MOST_CYCLES, _MOST_SECONDS = 300, 4.0

_WAYS = ("better_of_plan_and_routes", "convex_plan", "routes_one_after_another", "best_route")

_SMALL_POOLS, _SMALL_TOKENS, _SMALL_CHANGED = 40, 12, 20


def add_options(parser: argparse.ArgumentParser) -> None:
    """
    Add what can be chosen.
    """
    parser.add_argument("--blocks", type=int, default=30, help="blocks a market (default: %(default)s)")
    parser.add_argument("--changed", type=int, default=20, help="pools that a block changes (default: %(default)s)")
    parser.add_argument("--small", type=int, default=60, help="small markets (default: %(default)s)")
    parser.add_argument("--pools", type=int, default=5_000, help="of a large market (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=1)


def run(options: argparse.Namespace) -> dict[str, Any]:
    """
    Measure the large markets block by block, and small ones once each.
    """
    began = time.perf_counter()
    warm()
    small = [generated(_SMALL_POOLS, _SMALL_TOKENS, options.seed + n, others=True) for n in range(options.small + 1)]
    _measure([small.pop()], 1, _SMALL_CHANGED, options.seed)
    results: dict[str, Any] = {"seed": options.seed, "warm_s": time.perf_counter() - began}
    tokens = max(options.pools * 4 // 25, _SMALL_TOKENS)
    for name, others in (("V2 and V3", False), ("with Curve and Balancer", True)):
        world = generated(options.pools, tokens, options.seed, others)
        results[f"{options.pools:,} pools, {name}"] = _measure([world], options.blocks, options.changed, options.seed)
    results[f"{len(small)} markets of {_SMALL_POOLS} pools"] = _measure(small, 1, _SMALL_CHANGED, options.seed)
    return results


def lines(results: dict[str, Any]) -> Iterator[str]:
    """
    Say the results in sentences.
    """
    yield f"kernels compiled or loaded in {results['warm_s']:.1f} s"
    for name, figures in results.items():
        if not isinstance(figures, dict):
            continue
        yield (
            f"{name}: {figures['blocks']} blocks, {figures['with_gain']} with something to gain, of median"
            f" {figures['bound_eth']['median']:.6f} ETH by the bound; {figures['left_out']} pools are not in it"
        )
        for way in _WAYS:
            part = figures["captured"][way]
            yield (
                f"  {way.replace('_', ' ')}: median {part['median']:.2%} of the bound, quartiles {part['q1']:.2%} and"
                f" {part['q3']:.2%}, worst {part['worst']:.2%}, of all together {part['together']:.2%}"
            )
        cold, following, plan = (figures["ms"][key] for key in ("cold", "following", "plan"))
        yield (
            f"  bound from nothing: median {cold['median']:.0f} ms, p99 {cold['p99']:.0f} ms; after a block: median"
            f" {following['median']:.0f} ms, p99 {following['p99']:.0f} ms, of processor time"
            f" {figures['ms']['cpu']['median']:.0f} and {figures['ms']['cpu']['p99']:.0f}; the plan from it: median"
            f" {plan['median']:.1f} ms, p99 {plan['p99']:.1f} ms"
        )
        yield (
            f"  rounds: median {figures['rounds']['median']:.0f}, most {figures['rounds']['most']:.0f}; evaluations:"
            f" median {figures['evaluations']['median']:.0f}; {figures['converged']:.0%} converged;"
            f" {figures['routes']['median']:.0f} routes one after another in the median,"
            f" {figures['cut']} times cut short"
        )


def _measure(worlds: Sequence[World], blocks: int, changed: int, seed: int) -> dict[str, Any]:
    rows = [row for world in worlds for row in _Market(world).blocks(blocks, changed, random.Random(seed + 1))]
    gaining = [row for row in rows if row["bound"] > _NOTHING_WEI]
    return {
        "blocks": len(rows),
        "with_gain": len(gaining),
        "left_out": rows[0]["left_out"],
        "bound_eth": _summary([row["bound"] / 1e18 for row in gaining]),
        "captured": {way: _captured(gaining, way) for way in _WAYS},
        "ms": {key: _summary([1e3 * row[key] for row in rows]) for key in ("cold", "following", "cpu", "plan")},
        "rounds": _summary([row["rounds"] for row in rows]),
        "evaluations": _summary([row["evaluations"] for row in rows]),
        "routes": _summary([row["routes"] for row in rows]),
        "converged": sum(row["converged"] for row in rows) / len(rows),
        "cut": sum(row["cut"] for row in rows),
    }


class _Market:
    """
    A market at rest, whose blocks each change it anew.
    """

    def __init__(self, world: World) -> None:
        self._world = world
        self._graph = Graph()
        self._rest: dict[Address, Pool] = {pool.address: pool for pool in world.pools}
        for pool in world.pools:
            self._graph.update(pool)
        by_symbol = {token.symbol: token for token in reversed(world.tokens)}
        weth = by_symbol["WETH"].dollars
        profit = [by_symbol[symbol] for symbol in _PROFIT_SYMBOLS]
        self._values = {token.address: token.dollars / weth * 10 ** (18 - token.decimals) for token in profit}

    def blocks(self, n: int, changed: int, rng: random.Random) -> Iterator[dict[str, Any]]:
        before = self._bound(self._rest)
        for _ in range(n):
            moved = self._world.moved(rng, changed)
            yield self._block(before, moved)
            for pool in moved:
                self._graph.update(self._rest[pool.address])

    def _block(self, before: Bound, moved: Sequence[Pool]) -> dict[str, Any]:
        pools = self._rest | {pool.address: pool for pool in moved}
        for pool in moved:
            self._graph.update(pool)
        marks = [time.perf_counter()]
        self._bound(pools)
        marks.append(time.perf_counter())
        cpu = time.process_time()
        found = self._bound(pools, before)
        marks.append(time.perf_counter())
        cpu = time.process_time() - cpu
        plan = found.plan(pools, self._values)
        marks.append(time.perf_counter())
        first, total, routes, cut = self._greedy(dict(pools), [pool.address for pool in moved], found.wei)
        return {
            "bound": found.wei,
            "better_of_plan_and_routes": max(plan.worth_wei, total),
            "convex_plan": plan.worth_wei,
            "best_route": first,
            "routes_one_after_another": total,
            "routes": routes,
            "cut": cut,
            "cold": marks[1] - marks[0],
            "following": marks[2] - marks[1],
            "plan": marks[3] - marks[2],
            "cpu": cpu,
            "rounds": found.solution.rounds,
            "evaluations": found.solution.evaluations,
            "converged": found.solution.converged,
            "left_out": len(found.left_out),
        }

    def _bound(self, pools: Mapping[Address, Pool], before: Bound | None = None) -> Bound:
        return bound(self._graph, pools.values(), self._values, before)

    def _greedy(
        self, pools: dict[Address, Pool], changed: list[Address], most: float
    ) -> tuple[float, float, int, bool]:
        """Worth of the best route, of routes each on what the ones before left, how many, and whether that was cut."""
        if most <= _NOTHING_WEI:
            return 0.0, 0.0, 0, False
        began, first, total, routes, cut, touched = time.perf_counter(), 0.0, 0.0, 0, False, set(changed)
        while True:
            route, is_cut = self._best(pools, sorted(touched))
            cut = cut or is_cut
            worth = route.gain * self._values[route.edges[0].token_in] if route else 0.0
            if route is None or worth <= _LEAST_PART * most:
                break
            first, total, routes = first or worth, total + worth, routes + 1
            for edge, amount in zip(route.edges, route.amounts, strict=False):
                _, pools[edge.pool] = pools[edge.pool].swap(edge.token_in, edge.token_out, amount)
                self._graph.update(pools[edge.pool])
                touched.add(edge.pool)
            if time.perf_counter() - began > _MOST_SECONDS:
                cut = True
                break
        for address in touched - set(changed):
            self._graph.update(self._rest[address])
        return first, total, routes, cut

    def _best(self, pools: Mapping[Address, Pool], changed: Sequence[Address]) -> tuple[Sized | None, bool]:
        """The best route, sized exactly, and whether others that may be better were left out."""
        cycles = search(self._graph, changed, self._values, max_hops=4).cycles
        best, worth = None, 0.0
        for _ in range(_MOST_CYCLES):
            if cycles.bound <= worth or (cycle := next(cycles, None)) is None:
                return best, False
            route = size(cycle.edges, [pools[address] for address in cycle.pools], cycle.optimum)
            if route is not None and route.gain * self._values[cycle.token] > worth:
                best, worth = route, route.gain * self._values[cycle.token]
        return best, True


def _captured(rows: Sequence[Mapping[str, Any]], way: str) -> dict[str, float]:
    """Parts of the bound."""
    parts = sorted(row[way] / row["bound"] for row in rows)
    if not parts:
        return dict.fromkeys(("median", "q1", "q3", "worst", "together"), 0.0)
    together = sum(row[way] for row in rows) / sum(row["bound"] for row in rows)
    return {
        "median": _quantile(parts, 0.5),
        "q1": _quantile(parts, 0.25),
        "q3": _quantile(parts, 0.75),
        "worst": parts[0],
        "together": together,
    }


def _summary(values: Sequence[float]) -> dict[str, float]:
    ordered = sorted(values) or [0.0]
    return {
        "median": _quantile(ordered, 0.5),
        "q1": _quantile(ordered, 0.25),
        "q3": _quantile(ordered, 0.75),
        "p99": _quantile(ordered, 0.99),
        "most": ordered[-1],
    }


def _quantile(ordered: Sequence[float], share: float) -> float:
    return ordered[min(int(share * len(ordered)), len(ordered) - 1)]
