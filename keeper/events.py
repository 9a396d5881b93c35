"""
Logs decoded to typed pool events, straight from their hex.

A log is one result object of ``eth_getLogs``. Its ``removed`` flag concerns whoever orders logs and is not looked at.
"""

import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from keeper.errors import MalformedLog
from keeper.types import Address, Hash


@dataclass(frozen=True, slots=True)
class PairCreated:
    """A Uniswap V2 factory deployed a pair. Amounts in this module are in the tokens' smallest units."""

    pool: Address
    factory: Address
    token0: Address
    token1: Address


@dataclass(frozen=True, slots=True)
class Sync:
    """A Uniswap V2 pair's reserves after a swap, mint, burn or sync."""

    pool: Address
    reserve0: int
    reserve1: int


@dataclass(frozen=True, slots=True)
class V2Swap:
    """A swap in a Uniswap V2 pair, emitted right after its Sync."""

    pool: Address
    amount0_in: int
    amount1_in: int
    amount0_out: int
    amount1_out: int


@dataclass(frozen=True, slots=True)
class PoolCreated:
    """A Uniswap V3 factory deployed a pool."""

    pool: Address
    factory: Address
    token0: Address
    token1: Address
    fee_pips: int
    tick_spacing: int


@dataclass(frozen=True, slots=True)
class V3Initialize:
    """A Uniswap V3 pool got its first price."""

    pool: Address
    sqrt_price_x96: int
    tick: int


@dataclass(frozen=True, slots=True)
class V3Swap:
    """A swap in a Uniswap V3 pool: amounts are signed from the pool's side, the rest is the state after it."""

    pool: Address
    amount0: int
    amount1: int
    sqrt_price_x96: int
    liquidity: int
    tick: int


@dataclass(frozen=True, slots=True)
class V3Mint:
    """Liquidity *amount* was added to the ticks [tick_lower, tick_upper) of a Uniswap V3 pool."""

    pool: Address
    tick_lower: int
    tick_upper: int
    amount: int
    amount0: int
    amount1: int


@dataclass(frozen=True, slots=True)
class V3Burn:
    """Liquidity *amount* was removed from the ticks [tick_lower, tick_upper) of a Uniswap V3 pool."""

    pool: Address
    tick_lower: int
    tick_upper: int
    amount: int
    amount0: int
    amount1: int


@dataclass(frozen=True, slots=True)
class V3SetFeeProtocol:
    """The protocol's share of a Uniswap V3 pool's fees changed; what a swap pays and gets did not."""

    pool: Address
    fee_protocol0: int
    fee_protocol1: int


@dataclass(frozen=True, slots=True)
class CurveExchange:
    """A swap in a Curve pool: how much of which coin was sold, and how much of which was bought for it."""

    pool: Address
    sold_id: int
    tokens_sold: int
    bought_id: int
    tokens_bought: int


@dataclass(frozen=True, slots=True)
class CurveChanged:
    """Liquidity, the amplification or a fee of a Curve pool changed; the state that follows is not told."""

    pool: Address


@dataclass(frozen=True, slots=True)
class BalancerSwap:
    """A swap that *vault* says it made in a Balancer V2 pool; anyone can say so, but there is only one Vault."""

    pool: Address
    vault: Address
    token_in: Address
    token_out: Address
    amount_in: int
    amount_out: int


@dataclass(frozen=True, slots=True)
class BalancerBalancesChanged:
    """A join or exit that *vault* says it made in a Balancer V2 pool: by how much each balance grew."""

    pool: Address
    vault: Address
    tokens: tuple[Address, ...]
    deltas: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class BalancerSwapFeeChanged:
    """The fee of a Balancer pool, in 1e-18."""

    pool: Address
    swap_fee: int


@dataclass(frozen=True, slots=True)
class BalancerPausedChanged:
    """A Balancer pool stopped or resumed."""

    pool: Address
    paused: bool


@dataclass(frozen=True, slots=True)
class V4Initialize:
    """A Uniswap V4 pool got its first price, as *manager* says."""

    pool: Address
    manager: Address
    sqrt_price_x96: int
    tick: int


@dataclass(frozen=True, slots=True)
class V4Swap:
    """A swap in a Uniswap V4 pool: amounts are signed from the trader's side, price to tick are the state after it."""

    pool: Address
    manager: Address
    amount0: int
    amount1: int
    sqrt_price_x96: int
    liquidity: int
    tick: int
    fee_pips: int


@dataclass(frozen=True, slots=True)
class V4ModifyLiquidity:
    """Liquidity was added to the ticks [tick_lower, tick_upper) of a Uniswap V4 pool, or removed if negative."""

    pool: Address
    manager: Address
    tick_lower: int
    tick_upper: int
    liquidity_delta: int


@dataclass(frozen=True, slots=True)
class V4ProtocolFeeUpdated:
    """What the protocol adds to the fee of a Uniswap V4 pool: twelve bits for each direction, token0's the lower."""

    pool: Address
    manager: Address
    protocol_fee: int


Event: TypeAlias = (
    PairCreated
    | Sync
    | V2Swap
    | PoolCreated
    | V3Initialize
    | V3Swap
    | V3Mint
    | V3Burn
    | V3SetFeeProtocol
    | CurveExchange
    | CurveChanged
    | BalancerSwap
    | BalancerBalancesChanged
    | BalancerSwapFeeChanged
    | BalancerPausedChanged
    | V4Initialize
    | V4Swap
    | V4ModifyLiquidity
    | V4ProtocolFeeUpdated
)
Log: TypeAlias = Mapping[str, Any]

#: n words of 32 bytes, exactly.
_LAYOUTS = [struct.Struct(">" + "32s" * n) for n in range(8)]
_uint = int.from_bytes


def decode(log: Log) -> Event | None:
    """
    Return the event of *log*, or None if its topic is not one of ours.

    Raises:
        MalformedLog: The log is not what its topic promises.
    """
    try:
        topics = log["topics"]
        decoder = TOPICS.get(topics[0]) if len(topics) else None
        return decoder(log) if decoder else None
    except (KeyError, TypeError, ValueError, AttributeError, struct.error) as error:
        raise MalformedLog(f"{_name(log)} cannot be decoded: {error}") from error


def _pair_created(log: Log) -> PairCreated:
    pair, _ = _words(log, 3, 2)
    return PairCreated(_address(pair), log["address"].lower(), _address(_topic(log, 1)), _address(_topic(log, 2)))


def _sync(log: Log) -> Sync:
    word0, word1 = _words(log, 1, 2)
    reserve0, reserve1 = _uint(word0), _uint(word1)
    if reserve0 >> 112 or reserve1 >> 112:
        raise ValueError("a reserve exceeds uint112")
    return Sync(log["address"].lower(), reserve0, reserve1)


def _v2_swap(log: Log) -> V2Swap:
    amount0_in, amount1_in, amount0_out, amount1_out = _words(log, 3, 4)
    return V2Swap(log["address"].lower(), _uint(amount0_in), _uint(amount1_in), _uint(amount0_out), _uint(amount1_out))


def _pool_created(log: Log) -> PoolCreated:
    tick_spacing, pool = _words(log, 4, 2)
    return PoolCreated(
        _address(pool),
        log["address"].lower(),
        _address(_topic(log, 1)),
        _address(_topic(log, 2)),
        _fits(_uint(_topic(log, 3)), 24),
        _int24(tick_spacing),
    )


def _v3_initialize(log: Log) -> V3Initialize:
    sqrt_price_x96, tick = _words(log, 1, 2)
    return V3Initialize(log["address"].lower(), _fits(_uint(sqrt_price_x96), 160), _int24(tick))


def _v3_swap(log: Log, words: int = 5) -> V3Swap:
    amount0, amount1, sqrt_price_x96, liquidity, tick = _words(log, 3, words)[:5]
    return V3Swap(
        log["address"].lower(),
        _uint(amount0, signed=True),
        _uint(amount1, signed=True),
        _fits(_uint(sqrt_price_x96), 160),
        _fits(_uint(liquidity), 128),
        _int24(tick),
    )


def _pancake_v3_swap(log: Log) -> V3Swap:
    """As Uniswap's, and the protocol's part of the fee in two more words."""
    return _v3_swap(log, 7)


def _v3_mint(log: Log) -> V3Mint:
    _sender, amount, amount0, amount1 = _words(log, 4, 4)
    return V3Mint(
        log["address"].lower(),
        _int24(_topic(log, 2)),
        _int24(_topic(log, 3)),
        _fits(_uint(amount), 128),
        _uint(amount0),
        _uint(amount1),
    )


def _v3_burn(log: Log) -> V3Burn:
    amount, amount0, amount1 = _words(log, 4, 3)
    return V3Burn(
        log["address"].lower(),
        _int24(_topic(log, 2)),
        _int24(_topic(log, 3)),
        _fits(_uint(amount), 128),
        _uint(amount0),
        _uint(amount1),
    )


def _v3_set_fee_protocol(log: Log) -> V3SetFeeProtocol:
    _old0, _old1, fee_protocol0, fee_protocol1 = _words(log, 1, 4)
    return V3SetFeeProtocol(log["address"].lower(), _fits(_uint(fee_protocol0), 32), _fits(_uint(fee_protocol1), 32))


def _curve_exchange(log: Log) -> CurveExchange:
    sold_id, tokens_sold, bought_id, tokens_bought = _words(log, 2, 4)
    return CurveExchange(
        log["address"].lower(), _uint(sold_id), _uint(tokens_sold), _uint(bought_id), _uint(tokens_bought)
    )


def _curve_changed(log: Log) -> CurveChanged:
    return CurveChanged(log["address"].lower())


def _balancer_swap(log: Log) -> BalancerSwap:
    amount_in, amount_out = _words(log, 4, 2)
    return BalancerSwap(
        _pool_of_id(log),
        log["address"].lower(),
        _address(_topic(log, 2)),
        _address(_topic(log, 3)),
        _uint(amount_in),
        _uint(amount_out),
    )


def _balancer_balances_changed(log: Log) -> BalancerBalancesChanged:
    """Of each token what came in or went out, less what the protocol took of the pool."""
    n, odd = divmod((len(log["data"]) - 2) // 64 - 6, 3)
    if odd or n < 0:
        raise ValueError("its arrays do not fill it")
    words = _split(log, 3, 6 + 3 * n)
    offsets, (tokens, deltas, fees) = words[:3], (words[k : k + n + 1] for k in range(3, 6 + 3 * n, n + 1))
    if [_uint(word) for word in (*offsets, tokens[0], deltas[0], fees[0])] != [
        *(32 * k for k in (3, 4 + n, 5 + 2 * n)), n, n, n,
    ]:  # fmt: skip
        raise ValueError("its arrays are not one after the other")
    return BalancerBalancesChanged(
        _pool_of_id(log),
        log["address"].lower(),
        tuple(map(_address, tokens[1:])),
        tuple(_uint(delta, signed=True) - _uint(fee) for delta, fee in zip(deltas[1:], fees[1:], strict=True)),
    )


def _balancer_swap_fee_changed(log: Log) -> BalancerSwapFeeChanged:
    (swap_fee,) = _words(log, 1, 1)
    return BalancerSwapFeeChanged(log["address"].lower(), _uint(swap_fee))


def _balancer_paused_changed(log: Log) -> BalancerPausedChanged:
    (paused,) = _words(log, 1, 1)
    return BalancerPausedChanged(log["address"].lower(), bool(_fits(_uint(paused), 1)))


def _v4_initialize(log: Log) -> V4Initialize:
    _fee, _spacing, _hooks, sqrt_price_x96, tick = _words(log, 4, 5)
    return V4Initialize(_pool_of_id(log), log["address"].lower(), _fits(_uint(sqrt_price_x96), 160), _int24(tick))


def _v4_swap(log: Log) -> V4Swap:
    amount0, amount1, sqrt_price_x96, liquidity, tick, fee_pips = _words(log, 3, 6)
    return V4Swap(
        _pool_of_id(log),
        log["address"].lower(),
        _uint(amount0, signed=True),
        _uint(amount1, signed=True),
        _fits(_uint(sqrt_price_x96), 160),
        _fits(_uint(liquidity), 128),
        _int24(tick),
        _fits(_uint(fee_pips), 24),
    )


def _v4_modify_liquidity(log: Log) -> V4ModifyLiquidity:
    tick_lower, tick_upper, liquidity_delta, _salt = _words(log, 3, 4)
    return V4ModifyLiquidity(
        _pool_of_id(log),
        log["address"].lower(),
        _int24(tick_lower),
        _int24(tick_upper),
        _uint(liquidity_delta, signed=True),
    )


def _v4_protocol_fee_updated(log: Log) -> V4ProtocolFeeUpdated:
    (protocol_fee,) = _words(log, 2, 1)
    return V4ProtocolFeeUpdated(_pool_of_id(log), log["address"].lower(), _fits(_uint(protocol_fee), 24))


def _pool_of_id(log: Log) -> Address:
    """An id of Balancer begins with the pool's address; one of Uniswap V4 is cut to where an address would be."""
    return Address("0x" + _topic(log, 1)[:20].hex())


def _words(log: Log, topics: int, words: int) -> tuple[bytes, ...]:
    return _unpack(log, topics, _LAYOUTS[words])


def _split(log: Log, topics: int, words: int) -> tuple[bytes, ...]:
    """As _words, for any number of words."""
    return _unpack(log, topics, struct.Struct(">" + "32s" * words))


def _unpack(log: Log, topics: int, layout: struct.Struct) -> tuple[bytes, ...]:
    if len(log["topics"]) != topics:
        raise ValueError(f"{len(log['topics'])} topics instead of {topics}")
    return layout.unpack(bytes.fromhex(log["data"][2:]))


def _topic(log: Log, index: int) -> bytes:
    (word,) = _LAYOUTS[1].unpack(bytes.fromhex(log["topics"][index][2:]))
    return word  # type: ignore[no-any-return]


def _address(word: bytes) -> Address:
    return Address(f"0x{_fits(_uint(word), 160):040x}")


def _fits(value: int, bits: int) -> int:
    if value >> bits:
        raise ValueError(f"{value} exceeds uint{bits}")
    return value


def _int24(word: bytes) -> int:
    value = _uint(word, signed=True)
    if not -0x800000 <= value < 0x800000:
        raise ValueError(f"{value} exceeds int24")
    return value


def _name(log: Log) -> str:
    try:
        return f"log {int(log['logIndex'], 16)} of block {int(log['blockNumber'], 16)}"
    except (KeyError, TypeError, ValueError):
        return "a log"


#: The events that are understood, by the hash of their signature.
TOPICS: dict[Hash, Callable[[Log], Event]] = {
    Hash("0x0d3648bd0f6ba80134a33ba9275ac585d9d315f0ad8355cddefde31afa28d0e9"): _pair_created,
    Hash("0x1c411e9a96e071241c2f21f7726b17ae89e3cab4c78be50e062b03a9fffbbad1"): _sync,
    Hash("0xd78ad95fa46c994b6551d0da85fc275fe613ce37657fb8d5e3d130840159d822"): _v2_swap,
    Hash("0x783cca1c0412dd0d695e784568c96da2e9c22ff989357a2e8b1d9b2b4e6b7118"): _pool_created,
    Hash("0x98636036cb66a9c19a37435efc1e90142190214e8abeb821bdba3f2990dd4c95"): _v3_initialize,
    Hash("0xc42079f94a6350d7e6235f29174924f928cc2ac818eb64fed8004e115fbcca67"): _v3_swap,
    Hash("0x19b47279256b2a23a1665c810c8d55a1758940ee09377d4f8d26497a3577dc83"): _pancake_v3_swap,
    Hash("0x7a53080ba414158be7ec69b987b5fb7d07dee101fe85488f0853ae16239d0bde"): _v3_mint,
    Hash("0x0c396cd989a39f4459b5fa1aed6a9a8dcdbc45908acfd67e028cd568da98982c"): _v3_burn,
    # Pancake V3's shares are finer than Uniswap V3's.
    Hash("0x973d8d92bb299f4af6ce49b52a8adb85ae46b9f214c4c4fc06ac77401237b133"): _v3_set_fee_protocol,
    Hash("0xb3159fed3ddfba67bae294599eafe2d0ec98c08bb38e0e5fb87d33154b6e05aa"): _v3_set_fee_protocol,
    # Curve's TokenExchange; then what changes a pool that is its own LP token: liquidity of two, three and four coins,
    # of one coin, RampA, StopRampA, NewFee.
    Hash("0x8b3e96f2b889fa771c53c981b40daf005f63f637f1869f707052d15a3dd97140"): _curve_exchange,
    Hash("0x26f55a85081d24974e85c6c00045d0f0453991e95873f52bff0d21af4079a768"): _curve_changed,
    Hash("0x7c363854ccf79623411f8995b362bce5eddff18c927edc6f5dbbb5e05819a82c"): _curve_changed,
    Hash("0x2b5508378d7e19e0d5fa338419034731416c4f5b219a10379956f764317fd47e"): _curve_changed,
    Hash("0x423f6495a08fc652425cf4ed0d1f9e37e571d9b9529b1c1c23cce780b2e7df0d"): _curve_changed,
    Hash("0xa49d4cf02656aebf8c771f5a8585638a2a15ee6c97cf7205d4208ed7c1df252d"): _curve_changed,
    Hash("0x173599dbf9c6ca6f7c3b590df07ae98a45d74ff54065505141e7de6c46a624c2"): _curve_changed,
    Hash("0x3f1915775e0c9a38a57a7bb7f1f9005f486fb904e1f84aa215364d567319a58d"): _curve_changed,
    Hash("0x9878ca375e106f2a43c3b599fc624568131c4c9a4ba66a14563715763be9d59d"): _curve_changed,
    Hash("0xb964b72f73f5ef5bf0fdc559b2fab9a7b12a39e47817a547f1f0aee47febd602"): _curve_changed,
    Hash("0x5ad056f2e28a8cec232015406b843668c1e36cda598127ec3b8c59b8c72773a0"): _curve_changed,
    Hash("0xa2b71ec6df949300b59aab36b55e189697b750119dd349fcfa8c0f779e83c254"): _curve_changed,
    Hash("0x46e22fb3709ad289f62ce63d469248536dbc78d82b84a3d7e74ad606dc201938"): _curve_changed,
    Hash("0xbe12859b636aed607d5230b2cc2711f68d70e51060e6cca1f575ef5d2fcc95d1"): _curve_changed,
    Hash("0x2170c741c41531aec20e7c107c24eecfdd15e69c9bb0a8dd37b1840b9e0b207b"): _balancer_swap,
    Hash("0xe5ce249087ce04f05a957192435400fd97868dba0e6a4b4c049abf8af80dae78"): _balancer_balances_changed,
    Hash("0xa9ba3ffe0b6c366b81232caab38605a0699ad5398d6cce76f91ee809e322dafc"): _balancer_swap_fee_changed,
    Hash("0x9e3a5e37224532dea67b89face185703738a228a6e8a23dee546960180d3be64"): _balancer_paused_changed,
    Hash("0xdd466e674ea557f56295e2d0218a125ea4b4f0f6f3307b95f85e6110838d6438"): _v4_initialize,
    Hash("0x40e9cecb9f5f1f1c5b9c97dec2917b7ee92e57ba5563708daca94dd84ad7112f"): _v4_swap,
    Hash("0xf208f4912782fd25c7f114ca3723a2d5dd6f3bcc3ac8db5af63baa85f711d5ec"): _v4_modify_liquidity,
    Hash("0xe9c42593e71f84403b84352cd168d693e2c9fcd1fdbcc3feb21d92b43e6696f9"): _v4_protocol_fee_updated,
}
