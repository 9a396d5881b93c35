from dataclasses import replace
from typing import Any

import pytest
from eth_abi.abi import encode

from keeper.errors import PoolError, SwapReverts
from keeper.events import BalancerPausedChanged, BalancerSwap, BalancerSwapFeeChanged, Event
from keeper.events.balancer_v2 import VAULT
from keeper.math.fixed_point import ONE
from keeper.math.stable_math import calculate_invariant, calculate_invariant_up, get_token_balance
from keeper.pools import FAMILIES
from keeper.pools.balancer_stable import BalancerStablePool
from keeper.pools.pool import PoolInfo
from keeper.types import ZERO_ADDRESS, Address, Answer, Call, Hash

POOL = Address("0x" + "cc" * 20)
POOL_ID = Hash(POOL + "0000" + "00" * 9 + "07")
TOKEN0, TOKEN1, OTHER, RATES = (Address("0x" + f"{n:040x}") for n in (1, 2, 3, 4))
FORGER = Address("0x" + "f0" * 20)
INFO = PoolInfo("balancer_stable", "balancer_v2", POOL, (TOKEN0, TOKEN1), 0, pool_id=POOL_ID)
#: An amplification of one, so that with two tokens Ann is 2, and a fifth as fee: simple enough for a pencil.
PAIR = BalancerStablePool(INFO, (1_000 * ONE, 1_000 * ONE), (ONE, ONE), 1_000, ONE // 5)
OUT = 95_227299777109729436
SNAPSHOT = {
    "family": "balancer_stable",
    "dex": "balancer_v2",
    "address": POOL,
    "pool_id": POOL_ID,
    "tokens": [TOKEN0, TOKEN1],
    "balances": [str(1_000 * ONE), str(1_000 * ONE)],
    "scaling_factors": [str(ONE), str(ONE)],
    "amp": "1000",
    "swap_fee": str(ONE // 5),
    "rounds_invariant_up": False,
}


def test_invariants__balanced__are_the_sum() -> None:
    assert calculate_invariant(100_000, [7 * ONE] * 3) == calculate_invariant_up(100_000, [7 * ONE] * 3) == 21 * ONE


def test_invariants__unbalanced__differ_in_their_rounding_only() -> None:
    down, up = (calculate(5_000, [ONE, 77 * ONE]) for calculate in (calculate_invariant, calculate_invariant_up))

    assert 0 <= up - down <= 2


def test_invariants__no_balances__are_zero() -> None:
    assert calculate_invariant(1_000, [0, 0]) == calculate_invariant_up(1_000, [0, 0]) == 0


def test_invariant__one_empty_balance__reverts() -> None:
    with pytest.raises(SwapReverts, match="ZERO_DIVISION"):
        calculate_invariant(1_000, [ONE, 0])


def test_token_balance__the_others_unchanged__is_its_own() -> None:
    balances = [3 * ONE, ONE, 5 * ONE]
    invariant = calculate_invariant(50_000, balances)

    assert get_token_balance(50_000, balances, invariant, 2) == pytest.approx(balances[2], rel=1e-15)


def test_pool__small_swap__by_hand() -> None:
    # 125 less a fifth is 100, and D is 2,000: y**2 + (1,100 + 1,000 - 2,000) y = 2,000**3 / (4 * 1,100) / 2 has
    # y = 904.7727.., which leaves OUT.
    paid = PAIR.amount_out(TOKEN0, TOKEN1, 125 * ONE)

    assert paid == pytest.approx(OUT, abs=10_000)
    assert paid < OUT


def test_pool__output_wanted__by_hand() -> None:
    asked = PAIR.amount_in(TOKEN0, TOKEN1, OUT)

    assert asked == pytest.approx(125 * ONE, abs=10_000)
    assert asked >= 125 * ONE


def test_pool__swap__moves_the_balances() -> None:
    bought, after = PAIR.swap(TOKEN0, TOKEN1, 125 * ONE)

    assert after == replace(PAIR, balances=(1_125 * ONE, 1_000 * ONE - bought))


def test_pool__rates_that_differ__are_scaled() -> None:
    # The first is worth a thousand times the second.
    pool = replace(PAIR, balances=(10**24, 10**27), scaling_factors=(1_000 * ONE, ONE), amp=10**6, swap_fee=0)

    assert pool.amount_out(TOKEN0, TOKEN1, 10**18) == pytest.approx(10**21, rel=1e-5)
    assert pool.rate(TOKEN0, TOKEN1) == pytest.approx(1_000)


def test_pool__rate_and_depth__are_the_slope_of_its_quotes() -> None:
    pool = replace(PAIR, balances=(10**24, 3 * 10**24), amp=20_000, swap_fee=0)
    dx = 10**20
    first, after = pool.swap(TOKEN0, TOKEN1, dx)
    second = after.amount_out(TOKEN0, TOKEN1, dx)

    assert first / dx == pytest.approx(pool.rate(TOKEN0, TOKEN1), rel=1e-3)
    assert pool.depth(TOKEN0, TOKEN1) == pytest.approx(2 * dx / (1 - second / first), rel=1e-2)


def test_pool__without_liquidity__cannot_trade() -> None:
    empty = replace(PAIR, balances=(0, 0))

    assert empty.rate(TOKEN0, TOKEN1) == empty.depth(TOKEN0, TOKEN1) == 0.0
    with pytest.raises(SwapReverts):
        empty.amount_out(TOKEN0, TOKEN1, 1)


@pytest.mark.parametrize("amount", [0, -1])
def test_pool__no_amount__reverts(amount: int) -> None:
    with pytest.raises(SwapReverts, match="UNKNOWN_AMOUNT"):
        PAIR.amount_out(TOKEN0, TOKEN1, amount)
    with pytest.raises(SwapReverts, match="UNKNOWN_AMOUNT"):
        PAIR.amount_in(TOKEN0, TOKEN1, amount)


def test_pool__more_than_there_is_wanted__reverts() -> None:
    with pytest.raises(SwapReverts, match="SUB_OVERFLOW"):
        PAIR.amount_in(TOKEN0, TOKEN1, 1_001 * ONE)


def test_pool__balance_beyond_uint112__reverts() -> None:
    with pytest.raises(SwapReverts, match="BALANCE_TOTAL_OVERFLOW"):
        PAIR.amount_out(TOKEN0, TOKEN1, 2**112)


@pytest.mark.parametrize(("token_in", "token_out"), [(TOKEN0, OTHER), (POOL, TOKEN1), (TOKEN0, TOKEN0)])
def test_pool__token_that_it_does_not_trade__is_an_error(token_in: Address, token_out: Address) -> None:
    with pytest.raises(PoolError, match="does not trade"):
        PAIR.amount_out(token_in, token_out, 1)


def test_pool__fee_event__sets_the_fee() -> None:
    assert PAIR.apply(BalancerSwapFeeChanged(POOL, 5)) == replace(PAIR, swap_fee=5)


def test_pool__event_that_the_vault_did_not_emit__says_nothing() -> None:
    assert PAIR.apply(BalancerSwap(POOL, FORGER, TOKEN1, TOKEN0, 7, 5)) is PAIR


@pytest.mark.parametrize("event", [BalancerPausedChanged(POOL, True), BalancerSwap(POOL, VAULT, TOKEN1, TOKEN0, 7, 5)])
def test_pool__event_that_does_not_tell__forgets(event: Event) -> None:
    assert PAIR.apply(event) is None


def test_pool__snapshot__there_and_back() -> None:
    assert PAIR.snapshot() == SNAPSHOT
    assert FAMILIES["balancer_stable"].from_snapshot(SNAPSHOT) == PAIR


@pytest.mark.parametrize(
    "broken", [{"balances": ["1"]}, {"scaling_factors": None}, {"swap_fee": "x"}, {"amp": "999"}, {"address": None}]
)
def test_pool__broken_snapshot__is_an_error(broken: dict[str, Any]) -> None:
    with pytest.raises(PoolError, match="^a balancer_stable snapshot cannot be read"):
        BalancerStablePool.from_snapshot(SNAPSHOT | broken)


def answers(tokens: tuple[Address, ...] = (TOKEN0, POOL, TOKEN1), moves: bool = False, paused: bool = False) -> Any:
    return [
        encode(["address[]", "uint256[]", "uint256"], [tokens, (1_000 * ONE, 2**111, 1_000 * ONE), 9]),
        encode(["uint256[]"], [(ONE, ONE, ONE)]),
        encode(["uint256", "bool", "uint256"], [1_000, moves, 1_000]),
        encode(["uint256"], [ONE // 5]),
        encode(["bool", "uint256", "uint256"], [paused, 0, 0]),
        encode(["address[]"], [(ZERO_ADDRESS, ZERO_ADDRESS, RATES)]),
    ]


def test_pool__read__balances_then_rates() -> None:
    reading = BalancerStablePool.read(INFO)
    calls = list(next(reading))
    assert calls[0] == Call(VAULT, bytes.fromhex("f94d4668" + POOL_ID[2:]))
    asked = list(reading.send(answers()))
    assert asked == [
        Call(POOL, bytes.fromhex("7f1260d1" + TOKEN1[2:].rjust(64, "0"))),
        Call(RATES, bytes.fromhex("679aefce")),
    ]
    with pytest.raises(StopIteration) as done:
        reading.send([encode(["uint256"] * 4, [ONE, ONE, 0, 0]), encode(["uint256"], [ONE])])
    assert done.value.value == PAIR


@pytest.mark.parametrize(
    ("answered", "complaint"),
    [
        ([None] * 6, "does not answer as a composable stable pool"),
        (answers(tokens=(TOKEN1, POOL, TOKEN0)), "other tokens in the Vault"),
        (answers(tokens=(TOKEN0, OTHER, TOKEN1)), "other tokens in the Vault"),
        (answers(paused=True), "is paused"),
        (answers(moves=True), "moves its amplification"),
    ],
)
def test_pool__read_that_cannot_be_used__is_an_error(answered: list[Answer], complaint: str) -> None:
    reading = BalancerStablePool.read(INFO)
    next(reading)
    with pytest.raises(PoolError, match=complaint):
        reading.send(answered)


def test_pool__rate_that_the_next_swap_may_renew__cannot_be_read() -> None:
    reading = BalancerStablePool.read(INFO)
    next(reading)
    reading.send(answers())
    with pytest.raises(PoolError, match="next swap may renew"):
        reading.send([encode(["uint256"] * 4, [ONE, ONE, 0, 0]), encode(["uint256"], [ONE + 1])])
