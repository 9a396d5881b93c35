"""
The best input of a cycle by trying inputs, and what proves that none is better.

Two facts make the proof short. Contracts round against the trader, so that no input gains more than the real curves
say, and these are concave. And what a cycle pays is a staircase with no more steps than there are amounts of its
coarsest token: of the inputs that lead to one such amount, only the least can be the best.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from math import gcd

from keeper.errors import PoolError, SwapReverts
from keeper.pools.pool import Pool
from keeper.routes.graph import Edge, Graph
from keeper.routes.search import search
from keeper.routes.sizing import Sized, size
from keeper.types import Address
from tests.random_markets import random_market
from tests.real_curves import Curve, composed, real_curve, stretch

Hop = tuple[Edge, Pool]

#: A gain this near to another is as good, relative to it; or within one unit.
TOLERANCE = Decimal(10) ** -6

#: How many amounts of the coarsest token are tried for one cycle; in none of the markets are more needed.
_PATIENCE = 300_000

#: Of pools, which are kept so that their identities are: the curves that were needed.
_curves: dict[int, tuple[Pool, dict[Edge, Curve]]] = {}

#: By how much inputs grow until one is beyond the best.
_GROWTH = 8

_GOLDEN = (Decimal(5).sqrt() - 1) / 2

#: What a refused input is said to gain.
_REFUSED = -(1 << 200)


def close(gain: int, ceiling: Decimal) -> bool:
    """
    Return whether a gain is as good as what no input exceeds.
    """
    return int(ceiling) - gain <= max(TOLERANCE * ceiling, Decimal(1))


def all_cycles(pools: Sequence[Pool], token: Address, max_hops: int) -> list[list[Hop]]:
    """
    Return every cycle from *token* over different tokens and pools.
    """
    return list(_continued(pools, token, max_hops, [], {token}))


def _continued(
    pools: Sequence[Pool], token: Address, max_hops: int, path: list[Hop], seen: set[Address]
) -> Iterator[list[Hop]]:
    at = path[-1][0].token_out if path else token
    for pool in pools:
        if at not in pool.tokens or any(edge.pool == pool.address for edge, _ in path):
            continue
        for token_out in pool.tokens:
            longer = [*path, (Edge(pool.address, at, token_out), pool)]
            if token_out == token and len(path) >= 1 and at != token:
                yield longer
            elif token_out not in seen and len(longer) < max_hops:
                yield from _continued(pools, token, max_hops, longer, seen | {token_out})


@dataclass(frozen=True, slots=True)
class Limit:
    """
    What the real curves say of a cycle.

    Attributes:
        amount: Where they gain most, roughly.
        ceiling: No input gains more.
    """

    amount: Decimal
    ceiling: Decimal


def limit(cycle: Sequence[Hop]) -> Limit:
    """
    Return what the real curves allow.
    """
    return _highest(composed([_curve_of(hop) for hop in cycle]))


def _curve_of(hop: Hop) -> Curve:
    """The curve of a hop, which many cycles of a market have."""
    edge, pool = hop
    _, curves = _curves.setdefault(id(pool), (pool, {}))
    if edge not in curves:
        curves[edge] = real_curve(edge, pool)
    return curves[edge]


def _highest(out: Curve) -> Limit:
    """
    The highest point of ``out(x) - x``, which is concave: each chord, made longer, is above what lies beyond its ends;
    and between a and b it is at most ``out(b) - a``.
    """

    def gain(x: Decimal) -> Decimal:
        return out(x) - x

    low, left, right = 1 / Decimal(_GROWTH), Decimal(1), Decimal(_GROWTH)  # inputs are whole
    at_left, at_right = gain(left), gain(right)
    while at_right > at_left:
        low, left, right = left, right, right * _GROWTH
        at_left, at_right = at_right, gain(right)
    return _narrowed(gain, low, right)


def _narrowed(gain: Curve, low: Decimal, high: Decimal) -> Limit:
    """The highest point between two of a concave function."""
    left, right = high - (high - low) * _GOLDEN, low + (high - low) * _GOLDEN
    at_low, at_left, at_right, at_high = gain(low), gain(left), gain(right), gain(high)
    while True:
        best, ceiling = max(at_left, at_right), max(
            at_left + (at_left - at_right) / (right - left) * (left - low),
            at_right + (at_right - at_left) / (right - left) * (high - right),
            min(
                at_left + (at_left - at_low) / (left - low) * (right - left),
                at_right + (at_right - at_high) / (high - right) * (right - left),
            ),
        )  # fmt: skip
        near = max(best / 10**8, Decimal("0.01"))
        if high - low <= near:
            ceiling = min(ceiling, at_high + high - low)
        if ceiling <= 1 or ceiling - best <= near or high - low <= near:
            return Limit(left if at_left > at_right else right, max(ceiling, best))
        if at_left < at_right:
            low, at_low, left, at_left = left, at_left, right, at_right
            right = _between(low, left, high)
            at_right = gain(right)
        else:
            high, at_high, right, at_right = right, at_right, left, at_left
            left = _between(low, right, high)
            at_left = gain(left)
        if left > right:
            left, at_left, right, at_right = right, at_right, left, at_left


def _between(low: Decimal, middle: Decimal, high: Decimal) -> Decimal:
    """A point in the longer of two parts, nearer to the middle."""
    if high - middle > middle - low:
        return middle + (high - middle) * (1 - _GOLDEN)
    return middle - (middle - low) * (1 - _GOLDEN)


def gain(cycle: Sequence[Hop], amount_in: int) -> int:
    """
    Return what an input gains, a great loss where a pool refuses it.
    """
    amount = _paid(cycle, amount_in)
    return _REFUSED if amount is None else amount - amount_in


def best_input(cycle: Sequence[Hop], found: Limit, at_least: int, patience: int) -> tuple[int, Decimal]:
    """
    Return the highest gain of all inputs, or *at_least* if none exceeds that, and what none exceeds.

    Both are the same where all inputs that may gain more were tried; where they are more than the *patience*, the
    second is what the real curves say.

    Args:
        at_least: A gain that is known already.
    """
    best = max(at_least, *(gain(cycle, int(found.amount) + k) for k in range(-2, 3)))
    out = composed([_curve_of(hop) for hop in cycle])
    found = Limit(found.amount, min(found.ceiling, _tighter(cycle, out, int(found.amount))))
    if close(best, found.ceiling):
        return best, found.ceiling
    low, high = _where_more(out, found.amount, best)
    steps = [_steps(cycle[:n], low, high) for n in range(len(cycle) + 1)]
    coarsest = min(range(len(steps)), key=lambda n: steps[n][1] - steps[n][0])
    first, last = steps[coarsest]
    n = last - first + 1
    stride = _stride(n)
    for k in range(min(n, patience)):
        amount = first + k * stride % n
        guess = low + (high - low) * (amount - first) // n
        best = max(best, gain(cycle, _least_input(cycle[:coarsest], amount, guess, low, high)))
        if close(best, found.ceiling):
            return best, found.ceiling
    return best, Decimal(best) if n <= patience else found.ceiling


def _tighter(cycle: Sequence[Hop], out: Curve, top: int) -> Decimal:
    """
    Return what no input gains more than, from curves that count what is rounded where the best input, roughly, crosses
    stops of ranges: between the inputs that cross the same, these hold; beyond, the gain falls on both sides.
    """
    curves: list[Curve] = []
    first, last, amount = 1, 2 * top + 1, top
    for n, hop in enumerate(cycle):
        if (paid := _paid([hop], amount)) is None:
            return Decimal("Infinity")
        if (part := stretch(*hop, amount)) is not None:
            _, start, stop = part
            first = max(first, _first(lambda x, n=n, start=start: _reaches(cycle[:n], x, start), first, top))
            last = min(last, _first(lambda x, n=n, stop=stop: _exceeds(cycle[:n], x, stop), top, last) - 1)
        curves.append(part[0] if part else _curve_of(hop))
        amount = paid
    within = composed(curves)
    at_first, at_top, at_last = (out(Decimal(x)) - x for x in (first, top, last))
    if not first < top < last or max(at_first, at_last) > at_top:
        return Decimal("Infinity")
    inside = _narrowed(lambda x: within(x) - x, Decimal(first), Decimal(last))
    return max(inside.ceiling, at_first, at_last)


def _first(holds: Callable[[int], bool], low: int, high: int) -> int:
    """The first of two numbers and what is between them from which on something holds; the one beyond, if none."""
    high += 1
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if holds(middle) else (middle + 1, high)
    return low


def _exceeds(hops: Sequence[Hop], amount_in: int, amount: int) -> bool:
    """Whether hops pay more than an amount, or take no such input."""
    paid = _paid(hops, amount_in)
    return paid is None or paid > amount


def _stride(n: int) -> int:
    """A stride that visits all of n places, spread evenly from the beginning."""
    stride = max(int(n * _GOLDEN), 1)
    while gcd(stride, n) > 1:
        stride += 1
    return stride


def _where_more(out: Curve, top: Decimal, least: int) -> tuple[int, int]:
    """The inputs between which the real curves gain more than *least*."""
    low, high = Decimal(0), top
    while high - low > 1:
        middle = (low + high) / 2
        low, high = (low, middle) if out(middle) - middle > least else (middle, high)
    first, low, high = int(low), top, 2 * top + 1
    while out(high) - high > least:
        high *= 2
    while high - low > 1:
        middle = (low + high) / 2
        low, high = (middle, high) if out(middle) - middle > least else (low, middle)
    return max(first, 1), int(high) + 1


def _steps(hops: Sequence[Hop], low: int, high: int) -> tuple[int, int]:
    """The least and the most of the amounts that inputs between two lead to, as far as contracts take them."""
    least, most = _paid(hops, low), _paid(hops, high)
    if most is None:
        accepted, refused = low, high
        while refused - accepted > 1:
            middle = (accepted + refused) // 2
            accepted, refused = (middle, refused) if _paid(hops, middle) is not None else (accepted, middle)
        most = _paid(hops, accepted)
    return least or 1, most or 1


def _least_input(hops: Sequence[Hop], amount: int, guess: int, low: int, high: int) -> int:
    """The least input between two that leads to an amount: near what the pools would sell it for, or near the guess."""
    guess = min(max(_asked(hops, amount) or guess, low), high)
    step = 1
    if _reaches(hops, guess, amount):
        while guess - step > low and _reaches(hops, guess - step, amount):
            guess, step = guess - step, 2 * step
        below, least = max(guess - step, low - 1), guess
    else:
        while guess + step < high and not _reaches(hops, guess + step, amount):
            guess, step = guess + step, 2 * step
        below, least = guess, min(guess + step, high)
    while least - below > 1:
        middle = (below + least) // 2
        below, least = (below, middle) if _reaches(hops, middle, amount) else (middle, least)
    return least


def _reaches(hops: Sequence[Hop], amount_in: int, amount: int) -> bool:
    """A contract that takes no less refuses what is too small, and then what is too large."""
    paid = _paid(hops, amount_in)
    return paid is not None and paid >= amount


def _paid(hops: Sequence[Hop], amount: int) -> int | None:
    try:
        for edge, pool in hops:
            amount = pool.amount_out(edge.token_in, edge.token_out, amount)
    except SwapReverts:
        return None
    return amount


def _asked(hops: Sequence[Hop], amount: int) -> int | None:
    try:
        for edge, pool in reversed(hops):
            amount = pool.amount_in(edge.token_in, edge.token_out, amount)
    except PoolError:
        return None
    return amount


def check_market(seed: int, best: int = 1) -> int:
    """
    Hold what routes find in a random market of all families to brute force, and return how many cycles may gain.

    The best opportunity is as good as the best of all inputs of all cycles; so is each of the *best* first ones as good
    as the best input of its cycle.
    """
    _curves.clear()
    tokens, pools = random_market(seed, kinds="234cws")
    allowed = {tuple(edge for edge, _ in cycle): (limit(cycle), cycle) for cycle in all_cycles(pools, tokens[0], 4)}
    may_gain = [pair for pair in allowed.values() if pair[0].ceiling > 1]

    told = _told(tokens[0], pools, best)

    most = max((sized.gain for sized in told), default=0)
    for found, cycle in sorted(may_gain, key=lambda pair: -pair[0].ceiling):
        if close(most, found.ceiling):
            break
        _, ceiling = best_input(cycle, found, at_least=most, patience=_PATIENCE)
        assert close(most, ceiling), f"market {seed}: {most}, but {ceiling} by {cycle}"
    for sized in told[:best]:
        found, cycle = allowed[sized.edges]
        assert gain(cycle, sized.amounts[0]) == sized.gain <= found.ceiling, f"market {seed}: {cycle}"
        if sized.gain < most and not close(sized.gain, found.ceiling):
            _, ceiling = best_input(cycle, found, at_least=sized.gain, patience=_PATIENCE)
            assert close(sized.gain, ceiling), f"market {seed}: {sized.gain}, but {ceiling} by {cycle}"
    return len(may_gain)


def _told(token: Address, pools: Sequence[Pool], n: int) -> list[Sized]:
    """The n best opportunities from a token, sized."""
    graph, by_address = Graph(), {pool.address: pool for pool in pools}
    for pool in pools:
        graph.update(pool)
    cycles = search(graph, None, {token: 1.0}, max_hops=4).cycles
    told: list[Sized] = []
    while cycles.bound >= 0 and not (len(told) >= n and told[n - 1].gain > cycles.bound):
        cycle = next(cycles, None)
        pools_of = [by_address[address] for address in cycle.pools] if cycle else []
        if cycle and (sized := size(cycle.edges, pools_of, cycle.optimum)) is not None:
            told = sorted([*told, sized], key=lambda sized: -sized.gain)
    return told
