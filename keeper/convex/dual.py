"""
The prices at which the pools' arbitrages together are worth least: that is the most that the market gives.

Each round takes a Newton step: at the prices as they are, pools are springs between tokens, and what is left of a token
pushes on its price. Where a pool's trade would begin, its spring is not there yet; so pools are blurred, and less from
round to round, as in an interior-point method. The dual function itself is never blurred where it is told.
"""

from dataclasses import dataclass, replace
from math import inf

import numpy as np

from keeper.convex.kernels import flows, springs
from keeper.convex.kernels.tables import Flow
from keeper.convex.problem import Problem
from keeper.routes.kernels.tables import Array

#: What rounding may hide: of the value that moves, and of what the stable pools that trade hold.
_OF_MOVED, _OF_HELD = 1e-12, 1e-13

#: The blur in wei, first and last, and from one to the next; it is lowered once a step promises so many times as much.
_BLURRED, _SHARP, _SHARPER, _CENTRED = 1e14, 1e2, 0.1, 300.0

#: From which part of the value on the blur no longer hides how near the minimum is.
_IN_SIGHT = 1e-7

#: By how much a price may change in a step at most, and at least before the search is given up.
_REACH, _LEAST_REACH = 0.3, 1e-12

#: Steps are shortened by this until the value falls by this part of what was promised.
_SHORTER, _FALL, _TRIES = 0.4, 0.1, 6


@dataclass(frozen=True, slots=True)
class Solution:
    """
    The best prices that were found.

    Attributes:
        price: Logarithm of each token's, relative to the reference.
        bound: No plan is worth more, in wei; true at any prices.
        residual: Worth of what tokens lack or are left over of, beyond what is wanted: 0 at the optimum.
        flow: What the pools do at these prices.
        rounds, evaluations: How long it took.
        converged: Whether the residual is below the tolerance.
    """

    price: Array
    bound: float
    residual: float
    flow: Flow
    rounds: int
    evaluations: int
    converged: bool


def evaluate(problem: Problem, price: Array, flow: Flow | None = None) -> tuple[float, Flow]:
    """
    Return a bound, with a margin for rounding, on what any plan is worth, and what the pools do.

    Any prices give one, if no profit token's is below what it is worth: a plan is worth no more than what it leaves of
    each token, at these prices; and that is what its pools gain at them, each no more than it can.
    """
    assert (price >= problem.floor).all()
    flow = flow or empty_flow(problem)
    value, moved, held = flows.evaluate(problem.edges, problem.baskets, price, 0.0, flow)
    return value + _OF_MOVED * moved + _OF_HELD * held, flow


def empty_flow(problem: Problem) -> Flow:
    """
    Return room for what the pools do.
    """
    n, baskets = problem.edges.tail.size, problem.baskets
    return Flow(
        np.zeros(n),
        np.zeros(n),
        np.zeros(baskets.token.size),
        np.zeros(len(problem.tokens)),
        np.zeros(n + int(baskets.pair[-1])),
    )


def minimise(problem: Problem, tolerance: float, negligible: float, most_rounds: int) -> Solution:
    """
    Lower the bound until what is out of balance is worth less than this part of it, or the bound is negligible.

    The least bound that was seen is told; prices and flows are those that were nearest to a balance.
    """
    descent = _Descent(problem, np.maximum(0.0, problem.floor))
    best = descent.sharp(0)
    least = best.bound
    for n in range(1, most_rounds + 1):
        if best.residual <= tolerance * least or least <= negligible or descent.is_stuck:
            break
        # Where the blur could not be lowered, the last prices are the best that there are.
        fell = descent.step()
        if (fell and descent.is_in_sight(negligible)) or n == most_rounds or descent.is_stuck:
            sharp = descent.sharp(n)
            least = min(least, sharp.bound)
            best = min(best, sharp, key=lambda solution: solution.residual)
    is_done = bool(best.residual <= tolerance * least or least <= negligible)
    return replace(best, bound=least, converged=is_done)


class _Descent:
    """
    Prices on their way down.
    """

    def __init__(self, problem: Problem, price: Array) -> None:
        self._problem, self._price = problem, price
        self._blur, self._reach = _BLURRED, _REACH
        self._flow, self._trial = (empty_flow(problem) for _ in range(2))
        self._evaluations = 0
        self._value = self._evaluate(price, self._flow)

    @property
    def is_stuck(self) -> bool:
        return self._blur < _SHARP or self._reach < _LEAST_REACH

    def sharp(self, rounds: int) -> Solution:
        """Return what the present prices say without blur."""
        self._evaluations += 1
        bound, flow = evaluate(self._problem, self._price, empty_flow(self._problem))
        fixed = (self._price <= self._problem.floor) & (flow.slope >= 0)
        residual = float(np.abs(flow.slope[~fixed]).sum())
        return Solution(self._price, bound, residual, flow, rounds, self._evaluations, False)

    def is_in_sight(self, negligible: float) -> bool:
        """Return whether the blur is so little that the minimum may be near: before, it is not worth a look."""
        return self._blur <= max(_IN_SIGHT * self._value, 0.01 * negligible)

    def step(self) -> bool:
        """
        Take a step, sharpen where that is in sight of the minimum, and return whether the value fell.
        """
        step, length = self._direction()
        widest = float(np.abs(step).max())
        promised = 0.0
        for _ in range(_TRIES):
            price = np.maximum(self._price + length * step, self._problem.floor)
            promised = -float(self._flow.slope @ (price - self._price))
            value = self._evaluate(price, self._trial)
            if value <= self._value - _FALL * promised + 1e-13 * self._value:
                break
            length *= _SHORTER
        else:
            self._reach = 0.03 * widest
            return False
        self._price, self._value = price, value
        self._flow, self._trial = self._trial, self._flow
        is_held = widest > 0.3 * self._reach
        self._reach = min(10 * self._reach, _REACH) if length >= _SHORTER else max(length * widest, _LEAST_REACH)
        if length > 0.1 and not is_held and promised < _CENTRED * self._blur:
            self._blur *= _SHARPER
            self._value = self._evaluate(self._price, self._flow)
        return True

    def _direction(self) -> tuple[Array, float]:
        """
        The Newton step, and how much of it may be taken until the first profit token's price is as low as it may be.

        At least one of these is there and stays: prices may only be compared with something.
        """
        floor, slope = self._problem.floor, self._flow.slope
        low, step = self._price <= floor, np.zeros(floor.size)
        fixed = low & (slope >= 0)
        if not fixed.any():
            fixed[np.argmax(np.where(low, slope, -inf))] = True
        while True:
            springs.solve(self._problem.elimination, self._flow.spring, self._reach, slope, ~fixed, step)
            np.clip(step, -_REACH, _REACH, out=step)
            falls = low & ~fixed & (step < 0)
            if not falls.any():
                break
            fixed |= falls
        falling = np.flatnonzero((step < 0) & (floor > -inf))
        room = (floor[falling] - self._price[falling]) / step[falling]
        return step, float(min(1.0, room.min(initial=1.0)))

    def _evaluate(self, price: Array, flow: Flow) -> float:
        self._evaluations += 1
        value, _, _ = flows.evaluate(self._problem.edges, self._problem.baskets, price, self._blur, flow)
        return float(value)
