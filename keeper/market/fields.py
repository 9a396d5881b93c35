"""
Parts of a pool that can be forgotten, and read again, alone.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

from eth_abi.abi import decode
from eth_abi.exceptions import DecodingError

from keeper.errors import PoolError
from keeper.events.balancer_v2 import VAULT
from keeper.math.tick import Ticks
from keeper.math.tick_bitmap import initialized_ticks
from keeper.pools.balancer_stable import BalancerStablePool
from keeper.pools.balancer_weighted import BalancerWeightedPool
from keeper.pools.curve_stableswap import CurveStableSwapPool
from keeper.pools.pool import Pool
from keeper.pools.uniswap_v2 import UniswapV2Pool
from keeper.pools.uniswap_v3 import UniswapV3Pool
from keeper.types import Answer, Call, Reading

_GET_RESERVES = bytes.fromhex("0902f1ac")
_SLOT0 = bytes.fromhex("3850c7bd")
_LIQUIDITY = bytes.fromhex("1a686502")
_TICK_BITMAP = bytes.fromhex("5339c296")
_TICKS = bytes.fromhex("f30dba93")
_BALANCES = bytes.fromhex("4903b0d1")
_FEE = bytes.fromhex("ddca3f43")
_GET_POOL_TOKENS = bytes.fromhex("f94d4668")
_GET_SWAP_FEE_PERCENTAGE = bytes.fromhex("55c67628")


@dataclass(frozen=True, slots=True)
class Reserve:
    """What a pool holds of its token number *index*; of a concentrated pool its price and the liquidity in range."""

    index: int


@dataclass(frozen=True, slots=True)
class TickRange:
    """The initialised ticks from *first* to *last* of a concentrated pool, both included."""

    first: int
    last: int


@dataclass(frozen=True, slots=True)
class Fee:
    """The fee of a pool whose fee is state."""


Field: TypeAlias = Reserve | TickRange | Fee


def mended(pool: Pool, missing: Iterable[Field]) -> Reading[Pool] | None:
    """
    Return the reading of the *missing* fields of *pool*, which gives the whole pool, or None if its family's fields
    cannot be read alone.
    """
    wanted = sorted(missing, key=repr)
    ranges = [field for field in wanted if isinstance(field, TickRange)]
    match pool:
        case UniswapV2Pool() if not ranges and Fee() not in wanted:
            return _pair(pool)
        case UniswapV3Pool() if Fee() not in wanted:
            return _concentrated(pool, ranges, priced=len(ranges) < len(wanted))
        case CurveStableSwapPool() if not ranges:
            return _curve(pool, wanted)
        case BalancerWeightedPool() | BalancerStablePool() if wanted == [Fee()]:
            return _balancer_fee(pool)
        case BalancerWeightedPool() if not ranges and Fee() not in wanted:
            return _balancer_reserves(pool)
        case _:
            return None


def _pair(pool: UniswapV2Pool) -> Reading[Pool]:
    """A pair tells both reserves or none."""
    (answer,) = yield [Call(pool.address, _GET_RESERVES)]
    reserve0, reserve1, _ = _words(pool, answer, 3)
    return replace(pool, reserve0=reserve0, reserve1=reserve1)


def _concentrated(pool: UniswapV3Pool, ranges: Sequence[TickRange], priced: bool) -> Reading[Pool]:
    state = [Call(pool.address, _SLOT0), Call(pool.address, _LIQUIDITY)] if priced else []
    spacing = pool.info.tick_spacing
    words = sorted({word for span in ranges for word in _words_of(span, spacing)})
    answers = yield [*state, *(Call(pool.address, _TICK_BITMAP + _int256(word)) for word in words)]
    if priced:
        slot0, (liquidity,) = _words(pool, answers[0], 7), _words(pool, answers[1], 1)
        tick = _signed(slot0[1])
        pool = replace(pool, sqrt_price_x96=slot0[0], tick=tick, liquidity=liquidity)
        first, last = pool.ticks.known
        if not first <= tick <= last:
            raise PoolError(f"pool {pool.address} left the ticks that are known of it")
    if not words:
        return pool
    bitmaps = [_words(pool, answer, 1)[0] for answer in answers[len(state) :]]
    found = [tick for tick in initialized_ticks(words, bitmaps, spacing) if _within(tick, ranges)]
    answers = yield [Call(pool.address, _TICKS + _int256(tick)) for tick in found]
    told = [_words(pool, answer, 8) for answer in answers]
    fresh = {tick: (gross, _signed(net)) for tick, (gross, net, *_) in zip(found, told, strict=True)}
    return replace(pool, ticks=_replaced(pool.ticks, ranges, fresh))


def _replaced(ticks: Ticks, ranges: Sequence[TickRange], fresh: Mapping[int, tuple[int, int]]) -> Ticks:
    first, last = ticks.known
    kept = {tick: liquidity for tick, liquidity in ticks.items() if not _within(tick, ranges)}
    return Ticks.of({**kept, **{tick: it for tick, it in fresh.items() if first <= tick <= last}}, ticks.known)


def _within(tick: int, ranges: Sequence[TickRange]) -> bool:
    return any(span.first <= tick <= span.last for span in ranges)


def _curve(pool: CurveStableSwapPool, wanted: Sequence[Field]) -> Reading[Pool]:
    indices = [field.index for field in wanted if isinstance(field, Reserve)]
    fee = [Call(pool.address, _FEE)] if Fee() in wanted else []
    answers = yield [*(Call(pool.address, _BALANCES + index.to_bytes(32)) for index in indices), *fee]
    told = [_words(pool, answer, 1)[0] for answer in answers]
    balances = list(pool.balances)
    for index, balance in zip(indices, told, strict=False):
        balances[index] = balance
    return replace(pool, balances=tuple(balances), fee=told[-1] if fee else pool.fee)


def _balancer_fee(pool: BalancerWeightedPool | BalancerStablePool) -> Reading[Pool]:
    (answer,) = yield [Call(pool.address, _GET_SWAP_FEE_PERCENTAGE)]
    return replace(pool, swap_fee=_words(pool, answer, 1)[0])


def _balancer_reserves(pool: BalancerWeightedPool) -> Reading[Pool]:
    """The Vault tells the balances of all tokens or none."""
    (answer,) = yield [Call(VAULT, _GET_POOL_TOKENS + bytes.fromhex(pool.info.pool_id[2:]))]
    try:
        tokens, balances, _ = decode(["address[]", "uint256[]", "uint256"], answer or b"")
    except DecodingError:
        raise PoolError(f"pool {pool.address} does not tell its balances") from None
    if tokens != pool.tokens:
        raise PoolError(f"pool {pool.address} has other tokens in the Vault")
    return replace(pool, balances=balances)


def _words(pool: Pool, answer: Answer, count: int) -> tuple[int, ...]:
    if answer is None or len(answer) != 32 * count:
        raise PoolError(f"pool {pool.address} does not answer as its family does")
    return tuple(int.from_bytes(answer[at : at + 32]) for at in range(0, 32 * count, 32))


def _words_of(span: TickRange, tick_spacing: int) -> range:
    """The words of the bitmap that hold a range."""
    return range(span.first // tick_spacing >> 8, (span.last // tick_spacing >> 8) + 1)


def _int256(value: int) -> bytes:
    return value.to_bytes(32, signed=True)


def _signed(word: int) -> int:
    return word - (1 << 256) if word >> 255 else word
