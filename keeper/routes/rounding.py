"""
The integers near a cycle's optimum that gain most.

Rounding takes up to a unit at each hop, and that counts where a token is coarse: one unit of USDC may be worth 10**9 of
WETH's. So the inputs to try are the least ones for whole units of the coarsest token. Which of many are lucky, floats
tell: coarse amounts are small, so their fractions are exact enough; the exact models then decide between the best.
"""

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from math import inf, sqrt

import numpy as np

from keeper.errors import PoolError, SwapReverts
from keeper.math.fixed_point import ONE
from keeper.math.tick_bitmap import next_tick_above, next_tick_below
from keeper.math.tick_math import MAX_TICK, MIN_TICK, get_sqrt_ratio_at_tick
from keeper.pools.balancer_stable import BalancerStablePool
from keeper.pools.balancer_weighted import BalancerWeightedPool
from keeper.pools.pool import Pool
from keeper.pools.uniswap_v2 import UniswapV2Pool
from keeper.pools.uniswap_v3 import UniswapV3Pool
from keeper.pools.uniswap_v4 import UniswapV4Pool
from keeper.routes.curves import FEE_DENOMINATOR, Optimum
from keeper.routes.graph import Edge
from keeper.routes.kernels import stairs
from keeper.routes.kernels.tables import Array
from keeper.routes.samples import Smooth, moebius

#: A gain is good enough this near to what no input exceeds, relative to it; or within one unit.
TOLERANCE = 1e-6

#: How often floats recommend units, as what is missing narrows where to look; at how many they look each time, as often
#: again where those are not all; and how many the exact models try.
_ROUNDS, _LOOKS, _TRIES = 3, 1024, 12

#: By how much of the gain an input may be more than the least.
_SLACK = TOLERANCE / 8

#: Ranges of a hop that floats know, and an input that is never used up.
_RANGES, _PLENTY = 3, 1 << 200

#: Beyond this, floats do not know units apart.
_WHOLE_FLOATS = 1 << 52

#: By how many units, of the coarsest token or its own, a curve without a closed form may contradict what it is taken
#: for, and how much narrower is tried.
_MISFIT, _NARROWER = 0.05, 8

#: Where contracts refuse an amount: the parts by which less is tried.
_LESS = (0.0, 1e-12, 1e-9, 1e-6, 1e-3)


def amounts_near(edges: Sequence[Edge], pools: Sequence[Pool], amount_in: float) -> list[float]:
    """
    Return what goes into each hop, and comes out of the last, at an input that may lie a rounding beyond the end of a
    curve.
    """
    hops = list(zip(edges, pools, strict=True))
    amounts = _swapped_near(hops, amount_in)
    return list(map(float, amounts)) if amounts is not None else _at_rates(hops, amount_in)


def swapped(hops: Iterable[tuple[Edge, Pool]], amount_in: int) -> list[int] | None:
    """
    Return what goes into each hop, and comes out of the last; None where a contract would revert.
    """
    amounts = [amount_in]
    try:
        for edge, pool in hops:
            amounts.append(pool.amount_out(edge.token_in, edge.token_out, amounts[-1]))
    except SwapReverts:
        return None
    return amounts


def _swapped_near(hops: Sequence[tuple[Edge, Pool]], amount_in: float) -> list[int] | None:
    for less in _LESS:
        if (amounts := swapped(hops, round(max(amount_in * (1 - less), 1.0)))) is not None:
            return amounts
    return None


def _at_rates(hops: Iterable[tuple[Edge, Pool]], amount_in: float) -> list[float]:
    amounts = [amount_in]
    for edge, pool in hops:
        amounts.append(amounts[-1] * pool.rate(edge.token_in, edge.token_out))
    return amounts


class Trial:
    """
    Inputs that are tried: the least ones for whole units of the coarsest token.

    Attributes:
        amounts: Of the best, what goes into each hop and what comes out of the last; none if no gain was positive.
        gain: Of the best.
    """

    def __init__(self, edges: tuple[Edge, ...], pools: Sequence[Pool], near: Optimum) -> None:
        self.amounts: tuple[int, ...] = ()
        self.gain = 0
        self._hops = list(zip(edges, pools, strict=True))
        self._near = near
        first = _swapped_near(self._hops, near.amount_in)
        self._amounts = list(map(float, first)) if first is not None else _at_rates(self._hops, near.amount_in)
        if first is not None:
            self._compare(first)
        self._coarsest = 0

    def run(self) -> None:
        """
        Go on from the amounts at the optimum to those that floats recommend, until one is good.
        """
        if self._is_good:
            return
        self._coarsest = min(range(len(self._hops)), key=lambda i: self._amounts[i])
        self._try((self._middle, self._middle + 1, self._middle - 1))
        rows = self._stairs() if self._middle + self._reach() < _WHOLE_FLOATS else None
        if rows is None:
            self._try(self._strewn())
            return
        for _ in range(_ROUNDS):
            before = self.gain
            self._try_promising(rows)
            if self.gain == before:
                return

    @property
    def _middle(self) -> int:
        """Units of the coarsest token near the optimum."""
        return max(round(self._amounts[self._coarsest]), 1)

    @property
    def _is_good(self) -> bool:
        return self._near.gain - self.gain <= max(TOLERANCE * self._near.gain, 1.0)

    def _try(self, candidates: Iterable[int]) -> None:
        for units in candidates:
            if self._is_good:
                return
            self._take(self._least_in(units))

    def _strewn(self) -> Iterable[int]:
        """Units evenly strewn where the optimum is flat."""
        stride = max(2 * self._reach() // _TRIES, 1)
        return (self._middle + stride * i for i in range(-_TRIES // 2, _TRIES // 2 + 1))

    def _try_promising(self, rows: Array) -> None:
        """Try what floats recommend, the best first, while it promises more than what is known."""
        if self._is_good:
            return
        units, promises = self._recommended(rows)
        for candidate, promise in zip(units.tolist(), promises.tolist(), strict=True):
            if self._is_good or promise <= self.gain:
                return
            self._take(self._least_in(int(candidate)))

    def _recommended(self, rows: Array) -> tuple[Array, Array]:
        """The best of all units near the optimum; if they are too many, of a part of them and what is around those."""
        reach, units, promises = self._reach(), np.zeros(_TRIES), np.full(_TRIES, -inf)
        stride = 1 + 2 * reach // _LOOKS
        first, n = float(self._middle - reach), 2 * reach // stride + 1
        if stride == 1:
            stairs.look(rows, self._coarsest, first, 1.0, n, units, promises)
        else:
            centres = np.zeros(max(_LOOKS // stride, 1))
            stairs.look(rows, self._coarsest, first, float(stride), n, centres, np.full(len(centres), -inf))
            stairs.look_around(rows, self._coarsest, centres, min(stride, _LOOKS), units, promises)
        return units, promises

    def _reach(self) -> int:
        """How many units beside the optimum the gain has fallen by all that is missing, rounding aside."""
        missing = max(self._near.gain - self.gain, 0.0)
        unit = self._amounts[0] / max(self._amounts[self._coarsest], 1)
        return 2 + int(1.25 * sqrt(missing * self._near.depth) / unit)

    def _take(self, amount_in: int) -> None:
        if (amounts := swapped(self._hops, amount_in)) is not None:
            self._compare(amounts)

    def _compare(self, amounts: list[int]) -> None:
        if amounts[-1] - amounts[0] > self.gain:
            self.amounts, self.gain = tuple(amounts), amounts[-1] - amounts[0]

    def _least_in(self, units: int) -> int:
        """What puts so many units into the hop of the coarsest token, nearly the least; 0 if nothing does."""
        amount = units
        try:
            for i in range(self._coarsest - 1, -1, -1):
                near, following = self._amounts[i : i + 2]
                slack = int(_SLACK * self._near.gain * near / self._amounts[0])
                amount = _least_input(*self._hops[i], amount, round(amount * near / following), slack)
        except SwapReverts:
            return 0
        return amount

    def _stairs(self) -> Array | None:
        """The hops as the kernel takes them, or None if one has a curve that it does not know."""
        table = np.zeros((len(self._hops), _RANGES, 8))
        table[:, :, 2:4] = -1.0
        for i, (edge, pool) in enumerate(self._hops):
            amount, following = (value / self._amounts[self._coarsest] for value in self._amounts[i : i + 2])
            rows = _stairs(edge, pool, round(self._amounts[i]), int(self._reach() * amount) + 1, following)
            if not rows:
                return None
            table[i, : len(rows)] = rows
        return table


def _least_input(edge: Edge, pool: Pool, amount_out: int, guess: int, slack: int) -> int:
    """
    Return the least input that gives so much, or up to *slack* more.

    Args:
        guess: Where to begin with pools that sell no given amount.
    """
    try:
        guess = pool.amount_in(edge.token_in, edge.token_out, amount_out)
    except SwapReverts:
        raise
    except PoolError:
        guess = max(guess, 1)
    step = max(slack, 1)
    while pool.amount_out(edge.token_in, edge.token_out, guess) < amount_out:
        guess, step = guess + step, 2 * step
    enough, step = guess, max(slack, 1)
    while step < enough and pool.amount_out(edge.token_in, edge.token_out, enough - step) >= amount_out:
        enough, step = enough - step, 2 * step
    too_little = max(enough - step, 0)
    while enough - too_little > max(slack, 1):
        middle = (enough + too_little) // 2
        if pool.amount_out(edge.token_in, edge.token_out, middle) >= amount_out:
            enough = middle
        else:
            too_little = middle
    return enough


def _stairs(edge: Edge, pool: Pool, amount: int, width: int, grain: float) -> list[tuple[float, ...]]:
    """The ranges of a hop around an input; none if floats cannot tell."""
    match pool:
        case UniswapV2Pool():
            keep = 1 - pool.info.fee_pips / FEE_DENOMINATOR
            rate, depth = pool.rate(edge.token_in, edge.token_out) / keep, pool.depth(edge.token_in, edge.token_out)
            return [(0.0, 0.0, inf, rate * depth, rate, depth, keep, 0.0)]
        case UniswapV3Pool():
            return list(_v3_stairs(edge, pool, amount))
        case UniswapV4Pool() if pool.liquidity:
            return list(_v3_stairs(edge, _as_v3(edge, pool), amount))
        case BalancerWeightedPool() | BalancerStablePool():
            return list(_measured_stair(edge, pool, amount, width, grain, 1 - pool.swap_fee / ONE))
        case _:
            return list(_measured_stair(edge, pool, amount, width, grain, 1.0))


def _measured_stair(
    edge: Edge, pool: Pool, amount: int, width: int, grain: float, keep: float
) -> Iterator[tuple[float, ...]]:
    """
    A range around an input, so narrow that the curve is a Moebius map there.

    Args:
        grain: What a unit of the coarsest token is in units of the output.
        keep: The part of the input that a fee leaves which is taken, and rounded, first.
    """
    smooth, width = Smooth.of(pool, edge.token_in, edge.token_out), min(width, amount // 2)
    while width:
        start = int((amount - width) * keep)
        most = int(2 * width * keep)
        try:
            given, near, third, far = (smooth.out((start + most * part) / keep) for part in (0.0, 0.5, 0.75, 1.0))
        except PoolError:
            return
        rate, depth = moebius(most / 2, near - given, most, far - given)
        if abs(given + rate * 0.75 * most / (1 + 0.75 * most / depth) - third) < _MISFIT * max(grain, 1.0):
            yield start / keep, given, (start + most) / keep, far, rate, depth, keep, 1.0
            return
        width //= _NARROWER


def _as_v3(edge: Edge, pool: UniswapV4Pool) -> UniswapV3Pool:
    """The pool of V3 that swaps as one of V4 does in one direction: it takes the protocol's part with its own."""
    price = (pool.sqrt_price_x96 / 2**96) ** (2 if edge.token_in == pool.tokens[0] else -2)
    fee_pips = round(FEE_DENOMINATOR * (1 - pool.rate(edge.token_in, edge.token_out) / price))
    info = replace(pool.info, fee_pips=fee_pips)
    return UniswapV3Pool(info, pool.sqrt_price_x96, pool.tick, pool.liquidity, pool.ticks)


def _v3_stairs(edge: Edge, pool: UniswapV3Pool, amount: int) -> Iterator[tuple[float, ...]]:
    """The step of the swap that an input ends in, the one before and the one after: each rounds for itself."""
    keep = 1 - pool.info.fee_pips / FEE_DENOMINATOR
    falling = edge.token_in == pool.tokens[0]
    try:
        tick = pool.swap(edge.token_in, edge.token_out, amount)[1].tick
        stops = _stops_around(pool, falling, tick)
        start = (0, 0, pool) if stops[0] is None else _swap_to(pool, falling, stops[0])
        for stop in stops[1:]:
            if stop is None:
                return
            end = _swap_to(pool, falling, stop)
            rate, depth = start[2].rate(edge.token_in, edge.token_out), start[2].depth(edge.token_in, edge.token_out)
            if depth:
                yield *map(float, (*start[:2], *end[:2])), rate / keep, depth, keep, 1.0
            start = end
    except SwapReverts:
        return  # the pool ends here, or what is known of it


def _stops_around(pool: UniswapV3Pool, falling: bool, tick: int) -> tuple[int | None, ...]:
    """Where the steps around *tick* begin and end: None stands for the pool's present price."""
    before: deque[int | None] = deque([None], maxlen=_RANGES)
    stops = _stops(pool, falling)
    for stop in stops:
        before.append(stop)
        if stop <= tick if falling else stop > tick:
            return *before, next(stops, None)
    return tuple(before)


def _stops(pool: UniswapV3Pool, falling: bool) -> Iterator[int]:
    """Where steps end: at initialised ticks and at the ends of the bitmap's words."""
    indices, spacing, tick = pool.ticks.indices, pool.info.tick_spacing, pool.tick
    while MIN_TICK < tick < MAX_TICK:
        position = pool.ticks.position(tick)
        if falling:
            tick = next_tick_below(tick, spacing, indices[position - 1] if position else MIN_TICK)
            yield tick
            tick -= 1
        else:
            tick = next_tick_above(tick, spacing, indices[position] if position < len(indices) else MAX_TICK)
            yield tick


def _swap_to(pool: UniswapV3Pool, falling: bool, tick: int) -> tuple[int, int, UniswapV3Pool]:
    """What a swap takes and gives up to a tick, and the pool beyond it."""
    amount0, amount1, after = pool.swap_to(falling, _PLENTY, get_sqrt_ratio_at_tick(tick))
    return (amount0, -amount1, after) if falling else (amount1, -amount0, after)
