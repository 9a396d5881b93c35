from dataclasses import replace
from typing import Any

import pytest
from eth_abi.abi import encode

from keeper.errors import PoolError, SwapReverts
from keeper.events import (
    BalancerBalancesChanged,
    BalancerPausedChanged,
    BalancerSwap,
    BalancerSwapFeeChanged,
    Event,
)
from keeper.events.balancer_v2 import VAULT
from keeper.math.fixed_point import ONE
from keeper.pools import FAMILIES
from keeper.pools.balancer_weighted import BalancerWeightedPool
from keeper.pools.pool import PoolInfo
from keeper.types import Address, Answer, Call, Hash

POOL = Address("0x" + "cc" * 20)
POOL_ID = Hash(POOL + "0002" + "00" * 9 + "07")
TOKEN0, TOKEN1, OTHER = (Address("0x" + f"{n:040x}") for n in (1, 2, 3))
FORGER = Address("0x" + "f0" * 20)
INFO = PoolInfo("balancer_weighted", "balancer_v2", POOL, (TOKEN0, TOKEN1), 0, pool_id=POOL_ID)
#: Of 18 and 6 decimals, four to one by weight, a hundredth as fee.
PAIR = BalancerWeightedPool(INFO, (100 * ONE, 25 * 10**6), (8 * ONE // 10, 2 * ONE // 10), (ONE, 10**30), ONE // 100)
SNAPSHOT = {
    "family": "balancer_weighted",
    "dex": "balancer_v2",
    "address": POOL,
    "pool_id": POOL_ID,
    "tokens": [TOKEN0, TOKEN1],
    "balances": [str(100 * ONE), str(25 * 10**6)],
    "weights": [str(8 * ONE // 10), str(2 * ONE // 10)],
    "scaling_factors": [str(ONE), str(10**30)],
    "swap_fee": str(ONE // 100),
    "pow_shortcuts": True,
}


def test_pool__small_swap__by_hand() -> None:
    # 10 less a hundredth is 9.9; the exponent is four: 25 * (1 - (100 / 109.9)**4) = 7.862430...
    assert PAIR.amount_out(TOKEN0, TOKEN1, 10 * ONE) == 7_862_430


def test_pool__output_wanted__by_hand() -> None:
    # 100 * ((25 / (25 - 5))**(1/4) - 1) = 5.737126344056411..., that by 0.99, and the error of a power on top.
    assert 0 < PAIR.amount_in(TOKEN0, TOKEN1, 5 * 10**6) - 5_795077115208495000 < 2_000_000


def test_pool__swap__moves_the_balances() -> None:
    assert PAIR.swap(TOKEN0, TOKEN1, 10 * ONE) == (
        7_862_430,
        replace(PAIR, balances=(110 * ONE, 25_000_000 - 7_862_430)),
    )


def test_pool__rate_and_depth__of_weights_and_balances() -> None:
    # A quarter by balances and four by weights; as deep as 2 * 100 / (1 + 4).
    assert PAIR.rate(TOKEN0, TOKEN1) * 10**12 == pytest.approx(0.99)
    assert PAIR.depth(TOKEN0, TOKEN1) == pytest.approx(40 * ONE)


def test_pool__without_liquidity__cannot_trade() -> None:
    empty = replace(PAIR, balances=(0, 0))

    assert empty.rate(TOKEN0, TOKEN1) == empty.depth(TOKEN0, TOKEN1) == 0.0
    with pytest.raises(SwapReverts, match="MAX_IN_RATIO"):
        empty.amount_out(TOKEN0, TOKEN1, ONE)


@pytest.mark.parametrize("amount", [0, -1])
def test_pool__no_amount__reverts(amount: int) -> None:
    with pytest.raises(SwapReverts, match="UNKNOWN_AMOUNT"):
        PAIR.amount_out(TOKEN0, TOKEN1, amount)
    with pytest.raises(SwapReverts, match="UNKNOWN_AMOUNT"):
        PAIR.amount_in(TOKEN0, TOKEN1, amount)


def test_pool__balance_beyond_uint112__reverts() -> None:
    full = replace(PAIR, balances=(2**112 - 1, 25 * 10**6))
    with pytest.raises(SwapReverts, match="BALANCE_TOTAL_OVERFLOW"):
        full.amount_out(TOKEN0, TOKEN1, 1)
    with pytest.raises(SwapReverts, match="BALANCE_TOTAL_OVERFLOW"):
        full.amount_in(TOKEN0, TOKEN1, 1)


@pytest.mark.parametrize(("token_in", "token_out"), [(TOKEN0, OTHER), (OTHER, TOKEN1), (TOKEN0, TOKEN0)])
def test_pool__token_that_it_does_not_trade__is_an_error(token_in: Address, token_out: Address) -> None:
    with pytest.raises(PoolError, match="does not trade"):
        PAIR.amount_out(token_in, token_out, 1)


def test_pool__swap_event__moves_both_balances() -> None:
    event = BalancerSwap(POOL, VAULT, TOKEN1, TOKEN0, 7, 5)

    assert PAIR.apply(event) == replace(PAIR, balances=(100 * ONE - 5, 25 * 10**6 + 7))


def test_pool__join_event__adds_the_deltas() -> None:
    event = BalancerBalancesChanged(POOL, VAULT, (TOKEN0, TOKEN1), (3, -4))

    assert PAIR.apply(event) == replace(PAIR, balances=(100 * ONE + 3, 25 * 10**6 - 4))


def test_pool__fee_event__sets_the_fee() -> None:
    assert PAIR.apply(BalancerSwapFeeChanged(POOL, 5)) == replace(PAIR, swap_fee=5)


@pytest.mark.parametrize(
    "event",
    [
        BalancerSwap(POOL, FORGER, TOKEN1, TOKEN0, 7, 5),
        BalancerBalancesChanged(POOL, FORGER, (TOKEN0, TOKEN1), (3, 4)),
    ],
)
def test_pool__event_that_the_vault_did_not_emit__says_nothing(event: Event) -> None:
    assert PAIR.apply(event) is PAIR


@pytest.mark.parametrize(
    "event",
    [
        BalancerPausedChanged(POOL, True),
        BalancerSwap(POOL, VAULT, TOKEN1, OTHER, 7, 5),
        BalancerSwap(POOL, VAULT, TOKEN1, TOKEN0, 7, 101 * ONE),
        BalancerBalancesChanged(POOL, VAULT, (TOKEN0, TOKEN1), (2**112, 0)),
    ],
)
def test_pool__event_that_does_not_tell__forgets(event: Event) -> None:
    assert PAIR.apply(event) is None


def test_pool__snapshot__there_and_back() -> None:
    assert PAIR.snapshot() == SNAPSHOT
    assert FAMILIES["balancer_weighted"].from_snapshot(SNAPSHOT) == PAIR


@pytest.mark.parametrize(
    "broken", [{"balances": ["1"]}, {"weights": None}, {"swap_fee": "x"}, {"pool_id": 7}, {"address": None}]
)
def test_pool__broken_snapshot__is_an_error(broken: dict[str, Any]) -> None:
    with pytest.raises(PoolError, match="^a balancer_weighted snapshot cannot be read"):
        BalancerWeightedPool.from_snapshot(SNAPSHOT | broken)


def answers(tokens: tuple[Address, ...] = INFO.tokens, paused: bool = False, modern: bool = True) -> list[Answer]:
    return [
        encode(["address[]", "uint256[]", "uint256"], [tokens, PAIR.balances, 9]),
        encode(["uint256[]"], [PAIR.weights]),
        encode(["uint256"], [PAIR.swap_fee]),
        encode(["bool", "uint256", "uint256"], [paused, 0, 0]),
        encode(["uint256"], [12]) if modern else None,
        encode(["uint8"], [18]),
        encode(["uint8"], [6]),
    ]


@pytest.mark.parametrize("modern", [True, False])
def test_pool__read__one_round(modern: bool) -> None:
    reading = BalancerWeightedPool.read(INFO)
    calls = list(next(reading))
    assert calls[0] == Call(VAULT, bytes.fromhex("f94d4668" + POOL_ID[2:]))
    with pytest.raises(StopIteration) as done:
        reading.send(answers(modern=modern))
    assert done.value.value == replace(PAIR, pow_shortcuts=modern)


@pytest.mark.parametrize(
    ("answered", "complaint"),
    [
        ([None] * 7, "does not answer as a weighted pool"),
        (answers(tokens=(TOKEN1, TOKEN0)), "other tokens in the Vault"),
        (answers(paused=True), "is paused"),
    ],
)
def test_pool__read_that_cannot_be_used__is_an_error(answered: list[Answer], complaint: str) -> None:
    reading = BalancerWeightedPool.read(INFO)
    next(reading)
    with pytest.raises(PoolError, match=complaint):
        reading.send(answered)
