"""
The concentrated-liquidity pools of Uniswap V3 and its forks: Sushi V3, Pancake V3.
"""

from collections.abc import Sequence
from dataclasses import field
from typing import Any, Self

from keeper.errors import PoolError, SwapReverts
from keeper.events import Event, V3Burn, V3Initialize, V3Mint, V3SetFeeProtocol, V3Swap
from keeper.math.swap_math import FEE_DENOMINATOR
from keeper.math.swap_steps import Swapped, SwapSteps
from keeper.math.tick import ALL_TICKS, Ticks
from keeper.math.tick_bitmap import initialized_ticks, span, words_around
from keeper.math.tick_math import MAX_SQRT_RATIO, MAX_TICK, MIN_SQRT_RATIO, MIN_TICK
from keeper.pools.pool import PoolInfo
from keeper.types import Address, Answer, Call, Reading, value

_SLOT0 = bytes.fromhex("3850c7bd")
_LIQUIDITY = bytes.fromhex("1a686502")
_TICK_BITMAP = bytes.fromhex("5339c296")
_TICKS = bytes.fromhex("f30dba93")

_MAX_UINT128 = (1 << 128) - 1

#: Where a swap without a limit of its own ends, as routers and quoters set it, by zero_for_one.
_LIMITS = (MAX_SQRT_RATIO - 1, MIN_SQRT_RATIO + 1)


@value
class UniswapV3Pool:
    """
    A concentrated-liquidity pool (v3-core, UniswapV3Pool).

    Attributes:
        sqrt_price_x96: Square root of token1 per token0, in 2**-96; 0 before the pool is initialised.
        tick: As in slot0: one below the price's own tick after a swap that fell onto a stop.
        liquidity: What is in range at the present price.
        ticks: Initialised tick -> (liquidity_gross, liquidity_net).
    """

    info: PoolInfo
    sqrt_price_x96: int
    tick: int
    liquidity: int
    ticks: Ticks
    #: The steps of swaps by zero_for_one, summed when first needed.
    _steps: dict[bool, SwapSteps] | None = field(default=None, init=False, repr=False, compare=False)

    @property
    def address(self) -> Address:
        return self.info.address

    @property
    def tokens(self) -> tuple[Address, ...]:
        return self.info.tokens

    def rate(self, token_in: Address, token_out: Address) -> float:
        zero_for_one = self._zero_for_one(token_in, token_out)
        sqrt_price = self._tradable_sqrt_price_x96(zero_for_one) / (1 << 96)
        if not sqrt_price:
            return 0.0
        price = sqrt_price**2 if zero_for_one else sqrt_price**-2
        return price * (1 - self.info.fee_pips / FEE_DENOMINATOR)

    def depth(self, token_in: Address, token_out: Address) -> float:
        zero_for_one = self._zero_for_one(token_in, token_out)
        if not self.sqrt_price_x96:
            return 0.0
        sqrt_price = self.sqrt_price_x96 / (1 << 96)
        return self.liquidity / sqrt_price if zero_for_one else self.liquidity * sqrt_price

    def amount_out(self, token_in: Address, token_out: Address, amount_in: int) -> int:
        return self._steps_of(self._zero_for_one(token_in, token_out)).amount_out(amount_in)

    def amount_in(self, token_in: Address, token_out: Address, amount_out: int) -> int:
        return self._steps_of(self._zero_for_one(token_in, token_out)).amount_in(amount_out)

    def swap(self, token_in: Address, token_out: Address, amount_in: int) -> tuple[int, Self]:
        swapped = self._steps_of(self._zero_for_one(token_in, token_out)).exact_input(amount_in)
        return swapped.amount_out, self._after(swapped)

    def swap_to(self, zero_for_one: bool, amount_specified: int, sqrt_price_limit_x96: int) -> tuple[int, int, Self]:
        """
        Return (amount0, amount1, state after) of ``swap``, with the contract's signs.

        Args:
            amount_specified: The input if positive, minus the output if negative.
            sqrt_price_limit_x96: The price at which the swap ends early.

        Raises:
            SwapReverts: The contract reverts.
        """
        if amount_specified == 0:
            raise SwapReverts("UniswapV3Pool: AS")
        steps = self._steps_of(zero_for_one)
        if not self._may_reach(zero_for_one, sqrt_price_limit_x96):
            raise SwapReverts("UniswapV3Pool: SPL")
        swapped = steps.swap(amount_specified, sqrt_price_limit_x96)
        if zero_for_one:
            return swapped.amount_in, -swapped.amount_out, self._after(swapped)
        return -swapped.amount_out, swapped.amount_in, self._after(swapped)

    def apply(self, event: Event) -> Self | None:
        match event:
            case V3Swap() if self.sqrt_price_x96 and self.ticks.suffice(event.tick):
                return type(self)(self.info, event.sqrt_price_x96, event.tick, event.liquidity, self.ticks)
            case V3Initialize():
                return type(self)(self.info, event.sqrt_price_x96, event.tick, 0, Ticks())
            case _ if not self.sqrt_price_x96:
                return None
            case V3Mint():
                return self._modify_position(event.tick_lower, event.tick_upper, event.amount)
            case V3Burn():
                return self._modify_position(event.tick_lower, event.tick_upper, -event.amount)
            case V3SetFeeProtocol():
                return self
            case _:
                return None

    @classmethod
    def new(cls, info: PoolInfo) -> Self:
        """
        Return the pool as its factory deploys it, before it has a price.
        """
        return cls(info, 0, 0, 0, Ticks())

    @classmethod
    def read(cls, info: PoolInfo, radius: int | None = None) -> Reading[Self]:
        answers = yield [Call(info.address, _SLOT0), Call(info.address, _LIQUIDITY)]
        slot0, (liquidity,) = _decoded(info, answers, [7, 1])
        tick = _signed(slot0[1])
        words = words_around(info.tick_spacing, tick, radius)
        answers = yield [Call(info.address, _TICK_BITMAP + _int256(word)) for word in words]
        bitmap = [word for (word,) in _decoded(info, answers, [1] * len(words))]
        indices = list(initialized_ticks(words, bitmap, info.tick_spacing))
        answers = yield [Call(info.address, _TICKS + _int256(index)) for index in indices]
        ticks = {
            index: (gross, _signed(net))
            for index, (gross, net, *_) in zip(indices, _decoded(info, answers, [8] * len(indices)), strict=True)
        }
        known = ALL_TICKS if radius is None else span(words, info.tick_spacing)
        pool = cls(info, slot0[0], tick, liquidity, Ticks.of(ticks, known))
        pool._require_whole()
        return pool

    def snapshot(self) -> dict[str, Any]:
        return {
            "family": "uniswap_v3",
            "dex": self.info.dex,
            "address": self.info.address,
            "tokens": list(self.info.tokens),
            "fee_pips": str(self.info.fee_pips),
            "tick_spacing": str(self.info.tick_spacing),
            "sqrt_price_x96": str(self.sqrt_price_x96),
            "tick": str(self.tick),
            "liquidity": str(self.liquidity),
            "ticks": {str(tick): [str(gross), str(net)] for tick, (gross, net) in self.ticks.items()},
            **({} if self.ticks.whole else {"known_ticks": [str(tick) for tick in self.ticks.known]}),
        }

    @classmethod
    def from_snapshot(cls, snapshot: dict[str, Any]) -> Self:
        try:
            return cls(
                PoolInfo.from_snapshot(snapshot),
                int(snapshot["sqrt_price_x96"]),
                int(snapshot["tick"]),
                int(snapshot["liquidity"]),
                Ticks.of(
                    {int(tick): _liquidity_of(*pair) for tick, pair in snapshot["ticks"].items()},
                    _pair(snapshot.get("known_ticks", ALL_TICKS)),
                ),
            )
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise PoolError(f"a uniswap_v3 snapshot cannot be read: {error!r}") from error

    def _zero_for_one(self, token_in: Address, token_out: Address) -> bool:
        token0, token1 = self.info.tokens
        if token_in == token0 and token_out == token1:
            return True
        if token_in == token1 and token_out == token0:
            return False
        raise PoolError(f"pool {self.info.address} does not trade {token_in} for {token_out}")

    def _steps_of(self, zero_for_one: bool) -> SwapSteps:
        known = self._steps
        if known is None:
            known = {}
            object.__setattr__(self, "_steps", known)
        if zero_for_one not in known:
            known[zero_for_one] = self._new_steps(zero_for_one)
        return known[zero_for_one]

    def _new_steps(self, zero_for_one: bool) -> SwapSteps:
        if not self.sqrt_price_x96:
            raise SwapReverts("UniswapV3Pool: LOK")
        return SwapSteps(
            zero_for_one,
            self.sqrt_price_x96,
            self.tick,
            self.liquidity,
            self.ticks,
            self.info.tick_spacing,
            self.info.fee_pips,
        )

    def _after(self, swapped: Swapped) -> Self:
        return type(self)(self.info, swapped.sqrt_price_x96, swapped.tick, swapped.liquidity, self.ticks)

    def _may_reach(self, zero_for_one: bool, sqrt_price_limit_x96: int) -> bool:
        if zero_for_one:
            return MIN_SQRT_RATIO < sqrt_price_limit_x96 < self.sqrt_price_x96
        return self.sqrt_price_x96 < sqrt_price_limit_x96 < MAX_SQRT_RATIO

    def _tradable_sqrt_price_x96(self, zero_for_one: bool) -> int:
        """The first price at which there is something to trade with, 0 if there is nothing in this direction."""
        if not self._may_reach(zero_for_one, _LIMITS[zero_for_one]):
            return 0
        if self.liquidity:
            return self.sqrt_price_x96
        try:
            return self._steps_of(zero_for_one).first_price() if self.ticks else 0
        except SwapReverts:
            return 0

    def _modify_position(self, tick_lower: int, tick_upper: int, liquidity_delta: int) -> Self | None:
        """The state after ``_modifyPosition``, or None if no state of a pool allows the change."""
        if not MIN_TICK <= tick_lower < tick_upper <= MAX_TICK:
            return None
        liquidity = self.liquidity + liquidity_delta if tick_lower <= self.tick < tick_upper else self.liquidity
        if not 0 <= liquidity <= _MAX_UINT128:
            return None
        if liquidity_delta == 0:
            return self
        ticks = self.ticks.modified(tick_lower, tick_upper, liquidity_delta)
        return type(self)(self.info, self.sqrt_price_x96, self.tick, liquidity, ticks)

    def _require_whole(self) -> None:
        """Raise where what was read is not of one moment."""
        in_range = sum(self.ticks.net[: self.ticks.position(self.tick)])
        adds_up = in_range == self.liquidity or not self.ticks.whole
        if not adds_up or not all(self.ticks.gross):
            raise PoolError(f"pool {self.info.address} changed while it was read")


def _decoded(info: PoolInfo, answers: Sequence[Answer], words: Sequence[int]) -> list[tuple[int, ...]]:
    """The words of each answer, of which it must have exactly as many as given."""
    decoded = []
    for answer, n in zip(answers, words, strict=True):
        if answer is None or len(answer) != 32 * n:
            raise PoolError(f"pool {info.address} does not answer as a Uniswap V3 pool")
        decoded.append(tuple(int.from_bytes(answer[i : i + 32]) for i in range(0, 32 * n, 32)))
    return decoded


def _int256(value: int) -> bytes:
    return value.to_bytes(32, signed=True)


def _signed(word: int) -> int:
    return word - (1 << 256) if word >> 255 else word


def _liquidity_of(gross: str | None, net: str) -> tuple[int, int]:
    """Gross and net; gross that is not known is at least the net's magnitude."""
    return abs(int(net)) if gross is None else int(gross), int(net)


def _pair(values: Sequence[str | int]) -> tuple[int, int]:
    first, last = map(int, values)
    return first, last
