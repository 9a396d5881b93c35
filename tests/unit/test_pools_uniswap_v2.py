from typing import Any

import pytest

from keeper.errors import PoolError, SwapReverts
from keeper.events import Sync, V2Swap, V3Swap
from keeper.pools import FAMILIES
from keeper.pools.pool import PoolInfo
from keeper.pools.uniswap_v2 import UniswapV2Pool
from keeper.types import Address, Answer, Call

POOL = Address("0x" + "cc" * 20)
TOKEN0, TOKEN1, OTHER = (Address("0x" + f"{n:040x}") for n in (1, 2, 3))
INFO = PoolInfo("uniswap_v2", "sushi_v2", POOL, (TOKEN0, TOKEN1), 3_000)
PAIR = UniswapV2Pool(INFO, 10_000, 40_000)
SNAPSHOT = {
    "family": "uniswap_v2",
    "dex": "sushi_v2",
    "address": POOL,
    "tokens": [TOKEN0, TOKEN1],
    "reserves": ["10000", "40000"],
    "fee_pips": "3000",
}


def test_pair__small_swap__by_hand() -> None:
    # 1,000 less 0.3 % is 997: 997 * 40,000 / (10,000 + 997) = 3,626.4; and back 997 * 10,000 / 40,997 = 243.1.
    assert PAIR.amount_out(TOKEN0, TOKEN1, 1_000) == 3_626
    assert PAIR.amount_out(TOKEN1, TOKEN0, 1_000) == 243


def test_pair__output_wanted__by_hand() -> None:
    # 10,000 * 3,626 / (40,000 - 3,626) / 0.997 = 999.8, and one unit above the quotient.
    assert PAIR.amount_in(TOKEN0, TOKEN1, 3_626) == 1_000
    assert PAIR.amount_in(TOKEN1, TOKEN0, 243) == 1_000


def test_pair__swap__moves_the_reserves() -> None:
    assert PAIR.swap(TOKEN0, TOKEN1, 1_000) == (3_626, UniswapV2Pool(INFO, 11_000, 36_374))
    assert PAIR.swap(TOKEN1, TOKEN0, 1_000) == (243, UniswapV2Pool(INFO, 9_757, 41_000))


def test_pair__input_that_buys_nothing__is_quoted_but_not_swapped() -> None:
    assert PAIR.amount_out(TOKEN1, TOKEN0, 4) == 0
    with pytest.raises(SwapReverts, match="INSUFFICIENT_OUTPUT_AMOUNT"):
        PAIR.swap(TOKEN1, TOKEN0, 4)


@pytest.mark.parametrize("amount", [0, -1])
def test_pair__no_amount__reverts(amount: int) -> None:
    with pytest.raises(SwapReverts, match="INSUFFICIENT_INPUT_AMOUNT"):
        PAIR.amount_out(TOKEN0, TOKEN1, amount)
    with pytest.raises(SwapReverts, match="INSUFFICIENT_OUTPUT_AMOUNT"):
        PAIR.amount_in(TOKEN0, TOKEN1, amount)


def test_pair__whole_reserve_wanted__reverts() -> None:
    with pytest.raises(SwapReverts, match="INSUFFICIENT_LIQUIDITY"):
        PAIR.amount_in(TOKEN0, TOKEN1, 40_000)


def test_pair__balance_beyond_uint112__reverts() -> None:
    most = 2**112 - 1 - PAIR.reserve0
    assert PAIR.amount_out(TOKEN0, TOKEN1, most) == 39_999
    with pytest.raises(SwapReverts, match="OVERFLOW"):
        PAIR.amount_out(TOKEN0, TOKEN1, most + 1)
    full = UniswapV2Pool(INFO, 2**112 - 1, 2**112 - 1)
    with pytest.raises(SwapReverts, match="OVERFLOW"):
        full.amount_in(TOKEN0, TOKEN1, 1)


@pytest.mark.parametrize(("token_in", "token_out"), [(TOKEN0, OTHER), (OTHER, TOKEN1), (TOKEN0, TOKEN0)])
def test_pair__token_that_it_does_not_trade__is_an_error(token_in: Address, token_out: Address) -> None:
    with pytest.raises(PoolError, match="does not trade"):
        PAIR.amount_out(token_in, token_out, 1)


def test_pair__rate_and_depth__of_the_reserves() -> None:
    assert PAIR.rate(TOKEN0, TOKEN1) == pytest.approx(4 * 0.997)
    assert PAIR.rate(TOKEN1, TOKEN0) == pytest.approx(0.997 / 4)
    assert (PAIR.depth(TOKEN0, TOKEN1), PAIR.depth(TOKEN1, TOKEN0)) == (10_000.0, 40_000.0)


def test_pair__without_liquidity__cannot_trade() -> None:
    empty = UniswapV2Pool.new(INFO)

    assert empty.rate(TOKEN0, TOKEN1) == 0.0
    with pytest.raises(SwapReverts, match="INSUFFICIENT_LIQUIDITY"):
        empty.amount_out(TOKEN0, TOKEN1, 1)


def test_pair__sync__takes_the_reserves() -> None:
    assert PAIR.apply(Sync(POOL, 7, 9)) == UniswapV2Pool(INFO, 7, 9)


def test_pair__swap_event__was_told_by_its_sync() -> None:
    assert PAIR.apply(V2Swap(POOL, 1, 0, 0, 1)) is PAIR


def test_pair__foreign_event__does_not_tell() -> None:
    assert PAIR.apply(V3Swap(POOL, 1, -1, 1, 1, 1)) is None


def test_pair__snapshot__there_and_back() -> None:
    assert PAIR.snapshot() == SNAPSHOT
    assert UniswapV2Pool.from_snapshot(SNAPSHOT) == PAIR
    assert FAMILIES["uniswap_v2"].from_snapshot(SNAPSHOT) == PAIR


@pytest.mark.parametrize(
    "broken", [{"reserves": ["1"]}, {"reserves": None}, {"fee_pips": "x"}, {"tokens": [1, 2]}, {"address": None}]
)
def test_pair__broken_snapshot__is_an_error(broken: dict[str, Any]) -> None:
    with pytest.raises(PoolError, match="^a uniswap_v2 snapshot cannot be read"):
        UniswapV2Pool.from_snapshot(SNAPSHOT | broken)


def test_pair__read__one_call() -> None:
    reading = UniswapV2Pool.read(INFO)
    assert list(next(reading)) == [Call(POOL, bytes.fromhex("0902f1ac"))]
    with pytest.raises(StopIteration) as done:
        reading.send([b"".join(value.to_bytes(32) for value in (10_000, 40_000, 1_700_000_000))])
    assert done.value.value == PAIR


@pytest.mark.parametrize("answer", [None, b"", bytes(64)])
def test_pair__read_unanswered__is_an_error(answer: Answer) -> None:
    reading = UniswapV2Pool.read(INFO)
    next(reading)
    with pytest.raises(PoolError, match="does not tell its reserves"):
        reading.send([answer])
