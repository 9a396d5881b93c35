"""
The loop of UniswapV3Pool.swap in v3-core, as a staircase of its full steps.

A step that reaches its stop takes and gives the same whatever amount remains: the remaining input, less the fee and
rounded down, covers the step exactly if the input covers the step plus its fee, rounded up. So the full steps from one
state are common to all swaps. They are summed once, as far as any swap needed them; then each swap is a lookup and one
partial step.
"""

from bisect import bisect_left
from operator import neg
from typing import NamedTuple

from keeper.errors import BeyondKnownTicks, SwapReverts
from keeper.math.full_math import mul_div_rounding_up
from keeper.math.liquidity_math import add_delta
from keeper.math.sqrt_price_math import (
    get_amount0_delta,
    get_amount1_delta,
    get_next_sqrt_price_from_input,
    get_next_sqrt_price_from_output,
)
from keeper.math.swap_math import FEE_DENOMINATOR, compute_swap_step
from keeper.math.tick import Ticks
from keeper.math.tick_bitmap import next_tick_above, next_tick_below
from keeper.math.tick_math import (
    MAX_SQRT_RATIO,
    MAX_TICK,
    MIN_SQRT_RATIO,
    MIN_TICK,
    get_sqrt_ratio_at_tick,
    get_tick_at_sqrt_ratio,
)

_MAX_UINT128 = (1 << 128) - 1


class Swapped(NamedTuple):
    """
    What a swap exchanged, the fee included, and the state it left.
    """

    amount_in: int
    amount_out: int
    sqrt_price_x96: int
    tick: int
    liquidity: int


class SwapSteps:
    """
    The steps of all swaps in one direction from one state.

    Entry i of each list holds after i full steps, so entry 0 is the state itself.
    """

    __slots__ = (
        "_amounts_in",
        "_amounts_out",
        "_delta_in",
        "_delta_out",
        "_end",
        "_fee_pips",
        "_liquidities",
        "_position",
        "_prices",
        "_tick_spacing",
        "_ticks",
        "_ticks_after",
        "_zero_for_one",
    )

    def __init__(
        self,
        zero_for_one: bool,
        sqrt_price_x96: int,
        tick: int,
        liquidity: int,
        ticks: Ticks,
        tick_spacing: int,
        fee_pips: int,
    ) -> None:
        self._zero_for_one = zero_for_one
        self._ticks = ticks
        self._tick_spacing = tick_spacing
        self._fee_pips = fee_pips
        self._end = min(MIN_SQRT_RATIO + 1, sqrt_price_x96) if zero_for_one else max(MAX_SQRT_RATIO - 1, sqrt_price_x96)
        self._delta_in = get_amount0_delta if zero_for_one else get_amount1_delta
        self._delta_out = get_amount1_delta if zero_for_one else get_amount0_delta
        self._position = ticks.position(tick)
        self._amounts_in = [0]
        self._amounts_out = [0]
        self._prices = [sqrt_price_x96]
        self._ticks_after = [tick]
        self._liquidities = [liquidity]

    def amount_out(self, amount_in: int) -> int:
        """
        Return what a swap of exactly *amount_in* gives.

        Raises:
            SwapReverts: The contract reverts, or would not take the whole input.
        """
        i = self._step_of(amount_in, self._amounts_in)
        if self._amounts_in[i] == amount_in:
            self._require_crossed(i)
            return self._amounts_out[i]
        price, liquidity = self._prices[i - 1], self._liquidities[i - 1]
        price_after = self._price_after_input(i, amount_in)
        return self._amounts_out[i - 1] + self._delta_out(price_after, price, liquidity, False)

    def exact_input(self, amount_in: int) -> Swapped:
        """
        Return the outcome of a swap of exactly *amount_in*.

        Raises:
            SwapReverts: The contract reverts, or would not take the whole input.
        """
        i = self._step_of(amount_in, self._amounts_in)
        if self._amounts_in[i] == amount_in:
            return self._crossed(i, amount_in, self._amounts_out[i])
        price, liquidity = self._prices[i - 1], self._liquidities[i - 1]
        price_after = self._price_after_input(i, amount_in)
        amount_out = self._amounts_out[i - 1] + self._delta_out(price_after, price, liquidity, False)
        return Swapped(amount_in, amount_out, price_after, self._tick_at(price_after, i), liquidity)

    def amount_in(self, amount_out: int) -> int:
        """
        Return what a swap for exactly *amount_out* takes.

        Raises:
            SwapReverts: The contract reverts, or cannot deliver the whole output.
        """
        i = self._step_of(amount_out, self._amounts_out)
        if self._amounts_out[i] == amount_out:
            self._require_crossed(i)
            return self._amounts_in[i]
        price, liquidity = self._prices[i - 1], self._liquidities[i - 1]
        remaining = amount_out - self._amounts_out[i - 1]
        price_after = get_next_sqrt_price_from_output(price, liquidity, remaining, self._zero_for_one)
        return self._amounts_in[i - 1] + self._with_fee(self._delta_in(price_after, price, liquidity, True))

    def swap(self, amount_specified: int, sqrt_price_limit_x96: int) -> Swapped:
        """
        Return the outcome of a swap that ends when the amount is exchanged or the price is at the limit.

        Args:
            amount_specified: The input if positive, minus the output if negative; not zero.
            sqrt_price_limit_x96: Strictly beyond the price of the state.

        Raises:
            SwapReverts: The contract reverts.
        """
        exchanged = self._amounts_in if amount_specified > 0 else self._amounts_out
        amount = abs(amount_specified)
        while exchanged[-1] < amount and self._is_before(self._prices[-1], sqrt_price_limit_x96):
            self._extend()
        i = min(bisect_left(exchanged, amount), self._first_at(sqrt_price_limit_x96))
        stop = sqrt_price_limit_x96 if self._is_before(sqrt_price_limit_x96, self._prices[i]) else self._prices[i]
        remaining = amount - exchanged[i - 1]
        return self._last_step(i, stop, remaining if amount_specified > 0 else -remaining)

    def first_price(self) -> int:
        """
        Return the first square root of the price at which there is liquidity.

        Raises:
            SwapReverts: There is none in this direction.
        """
        i = 0
        while not self._liquidities[i]:
            i += 1
            if i == len(self._liquidities):
                self._extend()
        return self._prices[i]

    def _step_of(self, amount: int, exchanged: list[int]) -> int:
        """The first number of full steps that exchange *amount* or more."""
        if amount <= 0:
            raise SwapReverts("UniswapV3Pool: AS")
        while exchanged[-1] < amount:
            self._extend()
        return bisect_left(exchanged, amount)

    def _price_after_input(self, i: int, amount_in: int) -> int:
        """The price after *amount_in* where step i is the last and does not reach its stop."""
        less_fee = (amount_in - self._amounts_in[i - 1]) * (FEE_DENOMINATOR - self._fee_pips) // FEE_DENOMINATOR
        return get_next_sqrt_price_from_input(
            self._prices[i - 1], self._liquidities[i - 1], less_fee, self._zero_for_one
        )

    def _tick_at(self, price: int, i: int) -> int:
        """The tick of a price that step i moved to, short of its stop."""
        return self._ticks_after[i - 1] if price == self._prices[i - 1] else get_tick_at_sqrt_ratio(price)

    def _last_step(self, i: int, stop: int, remaining: int) -> Swapped:
        """The outcome where step i is the last, and neither exchanges more than *remaining* nor passes *stop*."""
        price, liquidity = self._prices[i - 1], self._liquidities[i - 1]
        price_after, amount_in, amount_out, fee_amount = compute_swap_step(
            price, stop, liquidity, remaining, self._fee_pips
        )
        amount_in += self._amounts_in[i - 1] + fee_amount
        amount_out += self._amounts_out[i - 1]
        if price_after == self._prices[i]:
            return self._crossed(i, amount_in, amount_out)
        return Swapped(amount_in, amount_out, price_after, self._tick_at(price_after, i), liquidity)

    def _crossed(self, i: int, amount_in: int, amount_out: int) -> Swapped:
        self._require_crossed(i)
        return Swapped(amount_in, amount_out, self._prices[i], self._ticks_after[i], self._liquidities[i])

    def _extend(self) -> None:
        """Sum one more full step."""
        price, liquidity = self._prices[-1], self._liquidities[-1]
        if price == self._end:
            raise SwapReverts("UniswapV3Pool: the price limit is reached before the whole amount is exchanged")
        first, last = self._ticks.known
        if self._ticks_after[-1] < first or (self._ticks_after[-1] >= last and not self._zero_for_one):
            raise BeyondKnownTicks("the swap leaves the ticks that were read")
        stop, tick_after, liquidity_net = self._next_below() if self._zero_for_one else self._next_above()
        amount_in = self._with_fee(self._delta_in(stop, price, liquidity, True))
        self._amounts_in.append(self._amounts_in[-1] + amount_in)
        self._amounts_out.append(self._amounts_out[-1] + self._delta_out(stop, price, liquidity, False))
        self._prices.append(stop)
        self._ticks_after.append(tick_after)
        self._liquidities.append(liquidity + liquidity_net)
        if not 0 <= liquidity + liquidity_net <= _MAX_UINT128:
            self._end = stop

    def _next_below(self) -> tuple[int, int, int]:
        """The price of the next stop, and what crossing it makes of the tick and adds to the liquidity."""
        position = self._position
        initialized = self._ticks.indices[position - 1] if position else MIN_TICK
        tick = next_tick_below(self._ticks_after[-1], self._tick_spacing, initialized)
        if tick == MIN_TICK:
            return self._end, MIN_TICK, 0
        if tick > initialized:
            return get_sqrt_ratio_at_tick(tick), tick - 1, 0
        self._position = position - 1
        return get_sqrt_ratio_at_tick(tick), tick - 1, -self._ticks.net[position - 1]

    def _next_above(self) -> tuple[int, int, int]:
        position = self._position
        initialized = self._ticks.indices[position] if position < len(self._ticks.indices) else MAX_TICK
        tick = next_tick_above(self._ticks_after[-1], self._tick_spacing, initialized)
        if tick == MAX_TICK:
            return self._end, MAX_TICK - 1, 0
        if tick < initialized:
            return get_sqrt_ratio_at_tick(tick), tick, 0
        self._position = position + 1
        return get_sqrt_ratio_at_tick(tick), tick, self._ticks.net[position]

    def _with_fee(self, amount_in: int) -> int:
        return amount_in + mul_div_rounding_up(amount_in, self._fee_pips, FEE_DENOMINATOR - self._fee_pips)

    def _require_crossed(self, i: int) -> None:
        """Raise where stop i cannot be crossed: only a state whose ticks are known in part has such, and ends there."""
        add_delta(self._liquidities[i], 0)

    def _is_before(self, price: int, other: int) -> bool:
        """Whether a swap meets *price* before *other*."""
        return price > other if self._zero_for_one else price < other

    def _first_at(self, price: int) -> int:
        """The first number of full steps after which *price* is reached or passed."""
        if self._zero_for_one:
            return bisect_left(self._prices, -price, key=neg)
        return bisect_left(self._prices, price)
