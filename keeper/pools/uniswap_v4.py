"""
The pools of Uniswap V4 that have no hooks.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Self

from eth_abi.abi import encode
from eth_utils.crypto import keccak

from keeper.errors import PoolError, SwapReverts
from keeper.events import Event, V4Initialize, V4ModifyLiquidity, V4ProtocolFeeUpdated, V4Swap
from keeper.math.swap_math import FEE_DENOMINATOR
from keeper.math.swap_steps import SwapSteps
from keeper.math.tick import ALL_TICKS, Ticks
from keeper.math.tick_bitmap import initialized_ticks, span, words_around
from keeper.math.tick_math import MAX_SQRT_RATIO, MAX_TICK, MIN_SQRT_RATIO, MIN_TICK
from keeper.pools.pool import PoolInfo
from keeper.types import ZERO_ADDRESS, Address, Answer, Call, Reading

_EXTSLOAD = bytes.fromhex("1e2eaeaf")

#: Where v4-core's StateLibrary finds a pool, and its parts from there.
_POOLS_SLOT = 6
_LIQUIDITY_OFFSET, _TICKS_OFFSET, _TICK_BITMAP_OFFSET = 3, 4, 5

_MAX_UINT128 = (1 << 128) - 1
_MAX_INT128 = (1 << 127) - 1


@dataclass(frozen=True, slots=True)
class UniswapV4Pool:
    """
    A concentrated-liquidity pool inside the PoolManager (v4-core, Pool): it swaps as one of V3 does, with the
    protocol's part on top of the fee, and exchanges no more than an int128 holds. The native coin is the zero address.

    Attributes:
        sqrt_price_x96: Square root of token1 per token0, in 2**-96; 0 before the pool is initialised.
        tick: As in slot0: one below the price's own tick after a swap that fell onto a stop.
        liquidity: What is in range at the present price.
        protocol_fee: In millionths, twelve bits for each direction, the lower for swaps of token0.
        ticks: Initialised tick -> (liquidity_gross, liquidity_net).
    """

    info: PoolInfo
    sqrt_price_x96: int
    tick: int
    liquidity: int
    protocol_fee: int
    ticks: Ticks
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
        sqrt_price = self._tradable_sqrt_price_x96(zero_for_one) / (1 << 96)
        if not sqrt_price:
            return 0.0
        price = sqrt_price**2 if zero_for_one else sqrt_price**-2
        return price * (1 - self._swap_fee(zero_for_one) / FEE_DENOMINATOR)

    def depth(self, token_in: Address, token_out: Address) -> float:
        zero_for_one = self._zero_for_one(token_in, token_out)
        if not self.sqrt_price_x96:
            return 0.0
        sqrt_price = self.sqrt_price_x96 / (1 << 96)
        return self.liquidity / sqrt_price if zero_for_one else self.liquidity * sqrt_price

    def amount_out(self, token_in: Address, token_out: Address, amount_in: int) -> int:
        amount_out = self._steps_of(self._zero_for_one(token_in, token_out)).amount_out(amount_in)
        _require_int128(amount_in, amount_out)
        return amount_out

    def amount_in(self, token_in: Address, token_out: Address, amount_out: int) -> int:
        amount_in = self._steps_of(self._zero_for_one(token_in, token_out)).amount_in(amount_out)
        _require_int128(amount_in, amount_out)
        return amount_in

    def swap(self, token_in: Address, token_out: Address, amount_in: int) -> tuple[int, Self]:
        swapped = self._steps_of(self._zero_for_one(token_in, token_out)).exact_input(amount_in)
        _require_int128(swapped.amount_in, swapped.amount_out)
        after = replace(self, sqrt_price_x96=swapped.sqrt_price_x96, tick=swapped.tick, liquidity=swapped.liquidity)
        return swapped.amount_out, after

    def apply(self, event: Event) -> Self | None:
        match event:
            case V4Initialize() | V4Swap() | V4ModifyLiquidity() | V4ProtocolFeeUpdated() if (
                event.manager != self.info.manager
            ):
                return self  # anyone can emit these
            case V4Initialize():
                return type(self)(self.info, event.sqrt_price_x96, event.tick, 0, 0, Ticks())
            case _ if not self.sqrt_price_x96:
                return None
            case V4Swap():
                if not self.ticks.suffice(event.tick):
                    return None
                return replace(self, sqrt_price_x96=event.sqrt_price_x96, tick=event.tick, liquidity=event.liquidity)
            case V4ModifyLiquidity():
                return self._modify_position(event.tick_lower, event.tick_upper, event.liquidity_delta)
            case V4ProtocolFeeUpdated():
                return replace(self, protocol_fee=event.protocol_fee)
            case _:
                return None

    @classmethod
    def new(cls, info: PoolInfo) -> Self:
        """
        Return the pool before it has a price.
        """
        return cls(info, 0, 0, 0, 0, Ticks())

    @classmethod
    def read(cls, info: PoolInfo, radius: int | None = None) -> Reading[Self]:
        _require_plain(info)
        state = int.from_bytes(keccak(bytes.fromhex(info.pool_id[2:]) + _POOLS_SLOT.to_bytes(32)))
        answers = yield [_load(info, state), _load(info, state + _LIQUIDITY_OFFSET)]
        slot0, liquidity = _words(info, answers)
        tick = _signed(slot0 >> 160, 24)
        words = words_around(info.tick_spacing, tick, radius)
        answers = yield [_load(info, _entry(word, state + _TICK_BITMAP_OFFSET)) for word in words]
        indices = list(initialized_ticks(words, _words(info, answers), info.tick_spacing))
        answers = yield [_load(info, _entry(index, state + _TICKS_OFFSET)) for index in indices]
        ticks = {
            index: (word & _MAX_UINT128, _signed(word >> 128, 128))
            for index, word in zip(indices, _words(info, answers), strict=True)
        }
        known = ALL_TICKS if radius is None else span(words, info.tick_spacing)
        price, protocol_fee = slot0 & ((1 << 160) - 1), slot0 >> 184 & 0xFFFFFF
        pool = cls(info, price, tick, liquidity, protocol_fee, Ticks.of(ticks, known))
        if not all(pool.ticks.gross) or (
            pool.ticks.whole and sum(pool.ticks.net[: pool.ticks.position(tick)]) != liquidity
        ):
            raise PoolError(f"pool {info.address} changed while it was read")
        return pool

    def snapshot(self) -> dict[str, Any]:
        return {
            "family": "uniswap_v4",
            "dex": self.info.dex,
            "address": self.info.address,
            "pool_id": self.info.pool_id,
            "manager": self.info.manager,
            "tokens": list(self.info.tokens),
            "fee_pips": str(self.info.fee_pips),
            "tick_spacing": str(self.info.tick_spacing),
            "sqrt_price_x96": str(self.sqrt_price_x96),
            "tick": str(self.tick),
            "liquidity": str(self.liquidity),
            "protocol_fee": str(self.protocol_fee),
            "ticks": {str(tick): [str(gross), str(net)] for tick, (gross, net) in self.ticks.items()},
            **({} if self.ticks.whole else {"known_ticks": [str(tick) for tick in self.ticks.known]}),
        }

    @classmethod
    def from_snapshot(cls, snapshot: dict[str, Any]) -> Self:
        try:
            info = PoolInfo.from_snapshot(snapshot)
            first, last = map(int, snapshot.get("known_ticks", ALL_TICKS))
            ticks = {
                int(tick): (abs(int(net)) if gross is None else int(gross), int(net))
                for tick, (gross, net) in snapshot["ticks"].items()
            }
            pool = cls(
                info,
                int(snapshot["sqrt_price_x96"]),
                int(snapshot["tick"]),
                int(snapshot["liquidity"]),
                int(snapshot["protocol_fee"]),
                Ticks.of(ticks, (first, last)),
            )
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise PoolError(f"a uniswap_v4 snapshot cannot be read: {error!r}") from error
        _require_plain(info)
        return pool

    def _zero_for_one(self, token_in: Address, token_out: Address) -> bool:
        token0, token1 = self.info.tokens
        if token_in == token0 and token_out == token1:
            return True
        if token_in == token1 and token_out == token0:
            return False
        raise PoolError(f"pool {self.info.address} does not trade {token_in} for {token_out}")

    def _swap_fee(self, zero_for_one: bool) -> int:
        """``calculateSwapFee``: the protocol takes its part first, the liquidity providers theirs of what remains."""
        protocol_fee = self.protocol_fee & 0xFFF if zero_for_one else self.protocol_fee >> 12
        return protocol_fee + self.info.fee_pips - protocol_fee * self.info.fee_pips // FEE_DENOMINATOR

    def _steps_of(self, zero_for_one: bool) -> SwapSteps:
        steps = self._steps[zero_for_one]
        if steps is None:
            if not self.sqrt_price_x96:
                raise SwapReverts("PoolManager: PoolNotInitialized")
            steps = self._steps[zero_for_one] = SwapSteps(
                zero_for_one,
                self.sqrt_price_x96,
                self.tick,
                self.liquidity,
                self.ticks,
                self.info.tick_spacing,
                self._swap_fee(zero_for_one),
            )
        return steps

    def _tradable_sqrt_price_x96(self, zero_for_one: bool) -> int:
        """The first price at which there is something to trade with, 0 if there is nothing in this direction."""
        price = self.sqrt_price_x96
        if not (price > MIN_SQRT_RATIO + 1 if zero_for_one else 0 < price < MAX_SQRT_RATIO - 1):
            return 0
        if self.liquidity:
            return price
        try:
            return self._steps_of(zero_for_one).first_price() if self.ticks else 0
        except SwapReverts:
            return 0

    def _modify_position(self, tick_lower: int, tick_upper: int, liquidity_delta: int) -> Self | None:
        """The state after ``modifyLiquidity``, or None if no state of a pool allows the change."""
        if not MIN_TICK <= tick_lower < tick_upper <= MAX_TICK:
            return None
        liquidity = self.liquidity + liquidity_delta if tick_lower <= self.tick < tick_upper else self.liquidity
        if not 0 <= liquidity <= _MAX_UINT128:
            return None
        if liquidity_delta == 0:
            return self
        return replace(self, liquidity=liquidity, ticks=self.ticks.modified(tick_lower, tick_upper, liquidity_delta))


def _require_plain(info: PoolInfo) -> None:
    """Raise unless the id is that of a pool without hooks, whose fee is then its own for good."""
    types = ["address", "address", "uint24", "int24", "address"]
    pool_id = "0x" + keccak(encode(types, [*info.tokens, info.fee_pips, info.tick_spacing, ZERO_ADDRESS])).hex()
    if info.pool_id != pool_id or info.address != pool_id[:42]:
        raise PoolError(f"pool {info.address} is not the one of its tokens and fee without hooks")


def _require_int128(*amounts: int) -> None:
    if max(amounts) > _MAX_INT128:
        raise SwapReverts("PoolManager: SafeCastOverflow")


def _load(info: PoolInfo, slot: int) -> Call:
    return Call(info.manager, _EXTSLOAD + (slot % (1 << 256)).to_bytes(32))


def _entry(key: int, slot: int) -> int:
    """The slot of a mapping's entry."""
    return int.from_bytes(keccak(key.to_bytes(32, signed=True) + (slot % (1 << 256)).to_bytes(32)))


def _words(info: PoolInfo, answers: Sequence[Answer]) -> list[int]:
    """The answers, each of which must be one word."""
    words = []
    for answer in answers:
        if answer is None or len(answer) != 32:
            raise PoolError(f"pool {info.address} is not in a PoolManager of Uniswap V4")
        words.append(int.from_bytes(answer))
    return words


def _signed(value: int, bits: int) -> int:
    value &= (1 << bits) - 1
    return value - (1 << bits) if value >> (bits - 1) else value
