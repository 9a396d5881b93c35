from dataclasses import replace
from typing import Any

import pytest
from eth_abi.abi import encode
from eth_utils.crypto import keccak

from keeper.errors import PoolError, SwapReverts
from keeper.events import Event, Sync, V4Initialize, V4ModifyLiquidity, V4ProtocolFeeUpdated, V4Swap
from keeper.math.tick import Ticks
from keeper.pools import FAMILIES
from keeper.pools.pool import PoolInfo
from keeper.pools.uniswap_v4 import UniswapV4Pool
from keeper.types import ZERO_ADDRESS, Address, Call, Hash

MANAGER, FORGER = Address("0x" + "aa" * 20), Address("0x" + "f0" * 20)
TOKEN0, TOKEN1, OTHER = ZERO_ADDRESS, *(Address("0x" + f"{n:040x}") for n in (1, 2))
FEE, SPACING = 10_000, 60
POOL_ID = Hash(
    "0x"
    + keccak(
        encode(["address", "address", "uint24", "int24", "address"], [TOKEN0, TOKEN1, FEE, SPACING, ZERO_ADDRESS])
    ).hex()
)
POOL = Address(POOL_ID[:42])
INFO = PoolInfo("uniswap_v4", "uniswap_v4", POOL, (TOKEN0, TOKEN1), FEE, SPACING, POOL_ID, MANAGER)
ONE_X96 = 1 << 96
LIQUIDITY = 10**18
#: A million times the amounts below, at a price of one, over a wide range.
WIDE = UniswapV4Pool(
    INFO, ONE_X96, 0, LIQUIDITY, 0, Ticks.of({-60_000: (LIQUIDITY, LIQUIDITY), 60_000: (LIQUIDITY, -LIQUIDITY)})
)
SNAPSHOT = {
    "family": "uniswap_v4",
    "dex": "uniswap_v4",
    "address": POOL,
    "pool_id": POOL_ID,
    "manager": MANAGER,
    "tokens": [TOKEN0, TOKEN1],
    "fee_pips": "10000",
    "tick_spacing": "60",
    "sqrt_price_x96": str(ONE_X96),
    "tick": "0",
    "liquidity": str(LIQUIDITY),
    "protocol_fee": "0",
    "ticks": {"-60000": [str(LIQUIDITY), str(LIQUIDITY)], "60000": [str(LIQUIDITY), str(-LIQUIDITY)]},
}


def test_pool__small_swap__by_hand() -> None:
    # 1 % of a million stays; the rest is a million millionth of the liquidity, so that the price hardly moves.
    assert WIDE.amount_out(TOKEN0, TOKEN1, 1_000_000) == 989_999
    assert WIDE.amount_in(TOKEN0, TOKEN1, 989_999) == 1_000_000


def test_pool__protocol_fee__comes_first_and_in_its_direction() -> None:
    # A thousandth for the protocol, then 1 % of the rest: 10,990 millionths in all.
    pool = replace(WIDE, protocol_fee=1_000)

    assert pool.amount_out(TOKEN0, TOKEN1, 1_000_000) == 989_009
    assert pool.amount_out(TOKEN1, TOKEN0, 1_000_000) == 989_999
    assert pool.rate(TOKEN0, TOKEN1) == pytest.approx(1 - 0.01099)
    assert replace(WIDE, protocol_fee=1_000 << 12).amount_out(TOKEN1, TOKEN0, 1_000_000) == 989_009


def test_pool__rate_and_depth__of_price_and_liquidity() -> None:
    assert WIDE.rate(TOKEN0, TOKEN1) == WIDE.rate(TOKEN1, TOKEN0) == pytest.approx(0.99)
    assert WIDE.depth(TOKEN0, TOKEN1) == WIDE.depth(TOKEN1, TOKEN0) == pytest.approx(LIQUIDITY)


def test_pool__without_a_price__cannot_trade() -> None:
    pool = UniswapV4Pool.new(INFO)

    assert pool.rate(TOKEN0, TOKEN1) == pool.rate(TOKEN1, TOKEN0) == pool.depth(TOKEN0, TOKEN1) == 0.0
    with pytest.raises(SwapReverts, match="PoolNotInitialized"):
        pool.amount_out(TOKEN0, TOKEN1, 1)


def test_pool__more_than_an_int128__reverts() -> None:
    most = (1 << 128) - 1
    deep = UniswapV4Pool(INFO, ONE_X96, 0, most, 0, Ticks.of({-887_220: (most, most), 887_220: (most, -most)}))

    assert deep.amount_out(TOKEN0, TOKEN1, 1 << 126) > 0
    with pytest.raises(SwapReverts, match="SafeCastOverflow"):
        deep.amount_out(TOKEN0, TOKEN1, 1 << 127)
    with pytest.raises(SwapReverts, match="SafeCastOverflow"):
        deep.amount_in(TOKEN0, TOKEN1, 1 << 127)


@pytest.mark.parametrize(("token_in", "token_out"), [(TOKEN0, OTHER), (OTHER, TOKEN1), (TOKEN0, TOKEN0)])
def test_pool__token_that_it_does_not_trade__is_an_error(token_in: Address, token_out: Address) -> None:
    with pytest.raises(PoolError, match="does not trade"):
        WIDE.amount_out(token_in, token_out, 1)


def test_pool__its_life_in_events__is_followed() -> None:
    events: list[Event] = [
        V4Initialize(POOL, MANAGER, ONE_X96, 0),
        V4ModifyLiquidity(POOL, MANAGER, -60_000, 60_000, 3 * LIQUIDITY),
        V4ModifyLiquidity(POOL, MANAGER, -60_000, 60_000, -2 * LIQUIDITY),
    ]
    pool: UniswapV4Pool | None = UniswapV4Pool.new(INFO)
    for event in events:
        assert pool is not None
        pool = pool.apply(event)

    assert pool == WIDE
    assert WIDE.apply(V4Swap(POOL, MANAGER, -5, 4, ONE_X96 + 9, 7, -1, FEE)) == replace(
        WIDE, sqrt_price_x96=ONE_X96 + 9, liquidity=7, tick=-1
    )
    assert WIDE.apply(V4ProtocolFeeUpdated(POOL, MANAGER, 77)) == replace(WIDE, protocol_fee=77)
    assert WIDE.apply(V4ModifyLiquidity(POOL, MANAGER, -60, 60, 0)) is WIDE


@pytest.mark.parametrize(
    "event",
    [
        V4Initialize(POOL, FORGER, 1, 0),
        V4Swap(POOL, FORGER, -5, 4, 1, 7, -1, FEE),
        V4ModifyLiquidity(POOL, FORGER, -60, 60, 5),
        V4ProtocolFeeUpdated(POOL, FORGER, 77),
    ],
)
def test_pool__event_that_the_manager_did_not_emit__says_nothing(event: Event) -> None:
    assert WIDE.apply(event) is WIDE


@pytest.mark.parametrize(
    "event",
    [
        Sync(POOL, 1, 1),
        V4ModifyLiquidity(POOL, MANAGER, 60, -60, 5),
        V4ModifyLiquidity(POOL, MANAGER, -60, 60, -2 * LIQUIDITY),
    ],
)
def test_pool__event_that_cannot_be__forgets(event: Event) -> None:
    assert WIDE.apply(event) is None


def test_pool__swap_towards_what_was_not_read__forgets() -> None:
    pool = replace(WIDE, ticks=Ticks.of({}, (-800, 800)))

    assert pool.apply(V4Swap(POOL, MANAGER, -5, 4, ONE_X96, 7, 700, FEE)) is None
    assert pool.apply(V4Swap(POOL, MANAGER, -5, 4, ONE_X96, 7, 500, FEE)) is not None


def test_pool__snapshot__there_and_back() -> None:
    assert WIDE.snapshot() == SNAPSHOT
    assert FAMILIES["uniswap_v4"].from_snapshot(SNAPSHOT) == WIDE


@pytest.mark.parametrize("broken", [{"ticks": None}, {"protocol_fee": None}, {"fee_pips": "x"}, {"address": None}])
def test_pool__broken_snapshot__is_an_error(broken: dict[str, Any]) -> None:
    with pytest.raises(PoolError, match="^a uniswap_v4 snapshot cannot be read"):
        UniswapV4Pool.from_snapshot(SNAPSHOT | broken)


def test_pool__with_hooks__is_an_error() -> None:
    with pytest.raises(PoolError, match="without hooks"):
        next(UniswapV4Pool.read(replace(INFO, pool_id=Hash("0x" + "77" * 32))))
    with pytest.raises(PoolError, match="without hooks"):
        UniswapV4Pool.from_snapshot(SNAPSHOT | {"fee_pips": "3000"})


def test_pool__read__asks_the_manager_for_slots() -> None:
    reading = UniswapV4Pool.read(INFO, radius=0)
    state = int.from_bytes(keccak(bytes.fromhex(POOL_ID[2:]) + (6).to_bytes(32)))
    assert list(next(reading)) == [
        Call(MANAGER, bytes.fromhex("1e2eaeaf") + slot.to_bytes(32)) for slot in (state, state + 3)
    ]
    slot0 = FEE << 208 | 1_000 << 196 | 500 << 184 | ((-7) % 2**24) << 160 | ONE_X96
    assert len(list(reading.send([slot0.to_bytes(32), LIQUIDITY.to_bytes(32)]))) == 1
    assert len(list(reading.send([(1 << 255).to_bytes(32)]))) == 1
    net_and_gross = (-9) % 2**128 << 128 | 9
    with pytest.raises(StopIteration) as done:
        reading.send([net_and_gross.to_bytes(32)])
    assert done.value.value == UniswapV4Pool(
        INFO, ONE_X96, -7, LIQUIDITY, 1_000 << 12 | 500, Ticks.of({-60: (9, -9)}, (-15_360, -60))
    )


def test_pool__read_unanswered__is_an_error() -> None:
    reading = UniswapV4Pool.read(INFO)
    next(reading)
    with pytest.raises(PoolError, match="not in a PoolManager"):
        reading.send([None, None])
