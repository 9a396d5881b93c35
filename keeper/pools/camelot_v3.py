"""
The concentrated-liquidity pools of Camelot V3, which are Algebra's with a fee for each direction.

No package ships their bytecode: a swap is one in a Uniswap V3 pool of spacing one and the direction's fee,
and against that bytecode they are proved; off by default in production until a run on a fork has proved the rest.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Self

from keeper.errors import PoolError, SwapReverts
from keeper.events import CamelotV3Fee, Event, V3Burn, V3Initialize, V3Mint, V3Swap
from keeper.math.swap_math import FEE_DENOMINATOR
from keeper.math.swap_steps import SwapSteps
from keeper.math.tick import ALL_TICKS, Ticks
from keeper.math.tick_bitmap import initialized_ticks, span, words_around
from keeper.math.tick_math import MAX_SQRT_RATIO, MAX_TICK, MIN_SQRT_RATIO, MIN_TICK
from keeper.pools.pool import PoolInfo, indices
from keeper.types import Address, Answer, Call, Reading

_GLOBAL_STATE = bytes.fromhex("e76c01e4")
_LIQUIDITY = bytes.fromhex("1a686502")
_DATA_STORAGE_OPERATOR = bytes.fromhex("29047dfa")
_FEE_CONFIG_ZTO = bytes.fromhex("824e8e87")
_FEE_CONFIG_OTZ = bytes.fromhex("90577ef6")
_TICK_TABLE = bytes.fromhex("c677e3e0")
_TICKS = bytes.fromhex("f30dba93")

_MAX_UINT128 = (1 << 128) - 1

#: Algebra's table of ticks has a bit for every tick, whatever spacing positions must have.
_TABLE_SPACING = 1


@dataclass(frozen=True, slots=True)
class CamelotV3Pool:
    """
    A pool of Camelot V3 (Algebra 1.9, AlgebraPool) whose fees do not adapt.

    Where they do, the first swap of a second finds another fee than the last one paid, by how far the price moved when;
    such a pool cannot be read.

    Attributes:
        price: Square root of token1 per token0, in 2**-96; 0 before the pool is initialised.
        tick: As in globalState: one below the price's own tick after a swap that fell onto a stop.
        liquidity: What is in range at the present price.
        ticks: Initialised tick -> (liquidity_total, liquidity_delta).
        fee_zto, fee_otz: Share of token0 and of token1 that comes in, in millionths.
    """

    info: PoolInfo
    price: int
    tick: int
    liquidity: int
    ticks: Ticks
    fee_zto: int
    fee_otz: int
    #: The steps of swaps of token1 for token0 and of token0 for token1, summed when first needed.
    _steps: list[SwapSteps | None] = field(default_factory=lambda: [None, None], init=False, repr=False, compare=False)

    @property
    def address(self) -> Address:
        return self.info.address

    @property
    def tokens(self) -> tuple[Address, ...]:
        return self.info.tokens

    def rate(self, token_in: Address, token_out: Address) -> float:
        zero_for_one = self._zero_for_one(token_in, token_out)
        sqrt_price = self._tradable_price(zero_for_one) / (1 << 96)
        if not sqrt_price:
            return 0.0
        price = sqrt_price**2 if zero_for_one else sqrt_price**-2
        return price * (1 - self._fee(zero_for_one) / FEE_DENOMINATOR)

    def depth(self, token_in: Address, token_out: Address) -> float:
        zero_for_one = self._zero_for_one(token_in, token_out)
        if not self.price:
            return 0.0
        sqrt_price = self.price / (1 << 96)
        return self.liquidity / sqrt_price if zero_for_one else self.liquidity * sqrt_price

    def amount_out(self, token_in: Address, token_out: Address, amount_in: int) -> int:
        return self._steps_of(self._zero_for_one(token_in, token_out)).amount_out(amount_in)

    def amount_in(self, token_in: Address, token_out: Address, amount_out: int) -> int:
        return self._steps_of(self._zero_for_one(token_in, token_out)).amount_in(amount_out)

    def swap(self, token_in: Address, token_out: Address, amount_in: int) -> tuple[int, Self]:
        swapped = self._steps_of(self._zero_for_one(token_in, token_out)).exact_input(amount_in)
        after = replace(self, price=swapped.sqrt_price_x96, tick=swapped.tick, liquidity=swapped.liquidity)
        return swapped.amount_out, after

    def apply(self, event: Event) -> Self | None:
        match event:
            case CamelotV3Fee() if (event.fee_zto, event.fee_otz) == (self.fee_zto, self.fee_otz):
                return self  # any other fee is of a configuration that is not known
            case V3Swap() if self.price and self.ticks.suffice(event.tick):
                return replace(self, price=event.sqrt_price_x96, tick=event.tick, liquidity=event.liquidity)
            case V3Mint() if self.price:
                return self._modify_position(event.tick_lower, event.tick_upper, event.amount)
            case V3Burn() if self.price:
                return self._modify_position(event.tick_lower, event.tick_upper, -event.amount)
            case V3Initialize():
                return replace(self, price=event.sqrt_price_x96, tick=event.tick, liquidity=0, ticks=Ticks())
            case _:
                return None

    @classmethod
    def read(cls, info: PoolInfo, radius: int | None = None) -> Reading[Self]:
        selectors = (_GLOBAL_STATE, _LIQUIDITY, _DATA_STORAGE_OPERATOR)
        answers = yield [Call(info.address, selector) for selector in selectors]
        (price, tick, *_), (liquidity,), (operator,) = _decoded(info, answers, [8, 1, 1])
        tick = _signed(tick)
        table = words_around(_TABLE_SPACING, tick, radius)
        storage = Address(f"0x{operator:040x}")
        zto, otz, *answers = yield [
            *(Call(storage, selector) for selector in (_FEE_CONFIG_ZTO, _FEE_CONFIG_OTZ)),
            *(Call(info.address, _TICK_TABLE + _int256(word)) for word in table),
        ]
        fee_zto, fee_otz = (_constant_fee(info, config) for config in _decoded(info, [zto, otz], [9, 9]))
        rows = [word for (word,) in _decoded(info, answers, [1] * len(table))]
        initialized = list(initialized_ticks(table, rows, _TABLE_SPACING))
        answers = yield [Call(info.address, _TICKS + _int256(index)) for index in initialized]
        ticks = {
            index: (total, _signed(delta))
            for index, (total, delta, *_) in zip(
                initialized, _decoded(info, answers, [8] * len(initialized)), strict=True
            )
        }
        known = ALL_TICKS if radius is None else span(table, _TABLE_SPACING)
        pool = cls(info, price, tick, liquidity, Ticks.of(ticks, known), fee_zto, fee_otz)
        pool._require_whole()
        return pool

    def snapshot(self) -> dict[str, Any]:
        return {
            "family": "camelot_v3",
            "dex": self.info.dex,
            "address": self.info.address,
            "tokens": list(self.info.tokens),
            "price": str(self.price),
            "tick": str(self.tick),
            "liquidity": str(self.liquidity),
            "fee_zto": str(self.fee_zto),
            "fee_otz": str(self.fee_otz),
            "ticks": {str(tick): [str(total), str(delta)] for tick, (total, delta) in self.ticks.items()},
            **({} if self.ticks.whole else {"known_ticks": [str(tick) for tick in self.ticks.known]}),
        }

    @classmethod
    def from_snapshot(cls, snapshot: dict[str, Any]) -> Self:
        try:
            first, last = map(int, snapshot.get("known_ticks", ALL_TICKS))
            ticks = {int(tick): _liquidity_of(*pair) for tick, pair in snapshot["ticks"].items()}
            price, tick, liquidity = (int(snapshot[key]) for key in ("price", "tick", "liquidity"))
            fees = int(snapshot["fee_zto"]), int(snapshot["fee_otz"])
            info = PoolInfo.from_snapshot({"fee_pips": 0, **snapshot})
            return cls(info, price, tick, liquidity, Ticks.of(ticks, (first, last)), *fees)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise PoolError(f"a camelot_v3 snapshot cannot be read: {error!r}") from error

    def _zero_for_one(self, token_in: Address, token_out: Address) -> bool:
        return indices(self.info, token_in, token_out) == (0, 1)

    def _fee(self, zero_for_one: bool) -> int:
        return self.fee_zto if zero_for_one else self.fee_otz

    def _steps_of(self, zero_for_one: bool) -> SwapSteps:
        steps = self._steps[zero_for_one]
        if steps is None:
            if not self.price:
                raise SwapReverts("AlgebraPool: LOK")
            steps = self._steps[zero_for_one] = SwapSteps(
                zero_for_one, self.price, self.tick, self.liquidity, self.ticks, _TABLE_SPACING, self._fee(zero_for_one)
            )
        return steps

    def _tradable_price(self, zero_for_one: bool) -> int:
        """The first price at which there is something to trade with, 0 if there is nothing in this direction."""
        in_bounds = self.price > MIN_SQRT_RATIO + 1 if zero_for_one else self.price < MAX_SQRT_RATIO - 1
        if not self.price or not in_bounds:
            return 0
        if self.liquidity:
            return self.price
        try:
            return self._steps_of(zero_for_one).first_price() if self.ticks else 0
        except SwapReverts:
            return 0

    def _modify_position(self, bottom_tick: int, top_tick: int, liquidity_delta: int) -> Self | None:
        """The state after liquidity changed, or None if no state of a pool allows the change."""
        if not MIN_TICK <= bottom_tick < top_tick <= MAX_TICK:
            return None
        liquidity = self.liquidity + liquidity_delta if bottom_tick <= self.tick < top_tick else self.liquidity
        if not 0 <= liquidity <= _MAX_UINT128:
            return None
        if liquidity_delta == 0:
            return self
        return replace(self, liquidity=liquidity, ticks=self.ticks.modified(bottom_tick, top_tick, liquidity_delta))

    def _require_whole(self) -> None:
        """Raise where what was read is not of one moment."""
        in_range = sum(self.ticks.net[: self.ticks.position(self.tick)])
        adds_up = in_range == self.liquidity or not self.ticks.whole
        if not adds_up or not all(self.ticks.gross):
            raise PoolError(f"pool {self.info.address} changed while it was read")


def _constant_fee(info: PoolInfo, config: tuple[int, ...]) -> int:
    """The base fee of a configuration whose sigmoids have no height."""
    alpha1, alpha2, *_, base_fee = config
    if alpha1 or alpha2:
        raise PoolError(f"pool {info.address} adapts its fee, and nobody tells what the next swap pays")
    return base_fee


def _decoded(info: PoolInfo, answers: Sequence[Answer], words: Sequence[int]) -> list[tuple[int, ...]]:
    """The words of each answer, of which it must have exactly as many as given."""
    decoded = []
    for answer, n in zip(answers, words, strict=True):
        if answer is None or len(answer) != 32 * n:
            raise PoolError(f"pool {info.address} does not answer as a Camelot V3 pool")
        decoded.append(tuple(int.from_bytes(answer[i : i + 32]) for i in range(0, 32 * n, 32)))
    return decoded


def _int256(value: int) -> bytes:
    return value.to_bytes(32, signed=True)


def _signed(word: int) -> int:
    return word - (1 << 256) if word >> 255 else word


def _liquidity_of(total: str | None, delta: str) -> tuple[int, int]:
    """Total and delta; a total that is not known is at least the delta's magnitude."""
    return abs(int(delta)) if total is None else int(total), int(delta)
