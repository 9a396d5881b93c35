from dataclasses import replace
from typing import Any

import pytest
from eth_abi.abi import encode

from keeper.errors import PoolError, SwapReverts
from keeper.events import BalancerV3Changed, BalancerV3Swap, BalancerV3SwapFeeChanged, CurveChanged
from keeper.events.balancer_v3 import VAULT
from keeper.math import stable_math
from keeper.math.stable_math_v3 import compute_balance, compute_in_given_exact_out, compute_out_given_exact_in
from keeper.pools import FAMILIES
from keeper.pools.balancer_v3 import BalancerV3Pool, VaultState
from keeper.pools.balancer_v3_stable import BalancerV3StablePool
from keeper.pools.balancer_v3_weighted import BalancerV3WeightedPool
from keeper.pools.pool import PoolInfo
from keeper.types import Address, Answer, Call

POOL = Address("0x" + "b3" * 20)
TOKEN0, TOKEN1, OTHER = (Address("0x" + f"{n:040x}") for n in (1, 2, 3))
ONE = 10**18
INFO = PoolInfo("balancer_v3_weighted", "balancer_v3", POOL, (TOKEN0, TOKEN1), 0)
STABLE_INFO = replace(INFO, family="balancer_v3_stable")
#: Six decimals and eighteen; a fee of a tenth, half of it not the pool's.
VAULT_STATE = VaultState((1_000 * 10**6, 1_000 * ONE), (10**12, 1), (ONE, ONE), False, ONE // 10, ONE // 2)
WEIGHTED = BalancerV3WeightedPool(INFO, VAULT_STATE, (ONE // 2, ONE // 2))
STABLE = BalancerV3StablePool(STABLE_INFO, VAULT_STATE, 200_000)
BOTH = pytest.mark.parametrize("pool", [WEIGHTED, STABLE], ids=["weighted", "stable"])
SNAPSHOT = {
    "family": "balancer_v3_weighted",
    "dex": "balancer_v3",
    "address": POOL,
    "tokens": [TOKEN0, TOKEN1],
    "balances": ["1000000000", "1000000000000000000000"],
    "scaling_factors": ["1000000000000", "1"],
    "rates": [str(ONE), str(ONE)],
    "rates_move": False,
    "swap_fee": str(ONE // 10),
    "aggregate_swap_fee": str(ONE // 2),
    "weights": [str(ONE // 2), str(ONE // 2)],
}


def test_stable_balance__balanced__is_its_own_rounded_up() -> None:
    assert compute_balance(200_000, [ONE, ONE], 2 * ONE, 0) == pytest.approx(ONE, abs=2)


def test_stable_balance__is_rounded_once_where_the_vault_before_rounded_twice() -> None:
    # (2 * 100)**2 * 1,000 over 2,000 * 20,000 is one, where V2 rounds 40,000 over 40,000,000 up to one, then has 1,000.
    balances, invariant = [100, 100], 200

    assert compute_balance(1_000, balances, invariant, 0) == 101
    assert stable_math.get_token_balance(1_000, balances, invariant, 0) > 101


@pytest.mark.parametrize("amount", [1_001 * ONE, 1 << 256])
def test_stable_output__that_is_not_there__reverts(amount: int) -> None:
    with pytest.raises(SwapReverts, match="overflow"):
        compute_in_given_exact_out(200_000, [1_000 * ONE, 1_000 * ONE], 0, 1, amount, 2_000 * ONE)


def test_stable_output__of_nothing__reverts() -> None:
    with pytest.raises(SwapReverts, match="overflow"):
        compute_out_given_exact_in(200_000, [1_000 * ONE, 1_000 * ONE], 0, 1, 0, 2_000 * ONE)


def test_stable_balance__without_an_invariant__reverts() -> None:
    with pytest.raises(SwapReverts, match="ZeroDivision"):
        compute_balance(200_000, [1, 1], 0, 0)


def test_weighted_pool__exact_input__by_hand() -> None:
    # 100 less a tenth are 90: 1,000 * 90 / 1,090 = 82.57, by equal weights without a logarithm.
    assert WEIGHTED.amount_out(TOKEN0, TOKEN1, 100 * 10**6) == pytest.approx(82_568_807_339_449_541_000, abs=2_000)
    assert WEIGHTED.amount_out(TOKEN1, TOKEN0, 100 * ONE) == 82_568_807


def test_weighted_pool__exact_output__by_hand() -> None:
    # 1,000 * 100 / 900 = 111.1; over nine tenths 123.456790, rounded up.
    assert WEIGHTED.amount_in(TOKEN0, TOKEN1, 100 * ONE) == 123_456_791


def test_stable_pool__exact_input__pays_almost_one_for_one_less_the_fee() -> None:
    assert STABLE.amount_out(TOKEN0, TOKEN1, 10**6) == pytest.approx(9 * ONE // 10, rel=1e-4)
    assert STABLE.amount_in(TOKEN0, TOKEN1, 9 * ONE // 10) == pytest.approx(10**6, rel=1e-4)


def test_pool__rate_of_a_token__is_what_it_is_worth() -> None:
    vault = replace(VAULT_STATE, rates=(ONE, 2 * ONE), balances=(1_000 * 10**6, 500 * ONE), swap_fee=0)
    pool = replace(STABLE, vault=vault)

    assert pool.amount_out(TOKEN0, TOKEN1, 10**6) == pytest.approx(ONE // 2, rel=1e-4)
    assert pool.rate(TOKEN0, TOKEN1) == pytest.approx(ONE / 2 / 10**6)


def test_rate__that_is_no_whole_number__is_rounded_up_for_what_leaves() -> None:
    vault = replace(VAULT_STATE, rates=(ONE + 1, 3 * ONE))

    assert (vault.rate_rounded_up(0), vault.rate_rounded_up(1)) == (ONE + 2, 3 * ONE)


def test_pool__swap__leaves_the_pool_its_part_of_the_fee() -> None:
    bought, after = WEIGHTED.swap(TOKEN0, TOKEN1, 100 * 10**6)

    # Of the fee of 10 the half is not the pool's.
    assert after.vault.balances == (1_095 * 10**6, 1_000 * ONE - bought)


@BOTH
@pytest.mark.parametrize(("amount", "complaint"), [(-1, "Zero"), (0, "Zero"), (10**5, "TooSmall")])
def test_pool__input_too_small__reverts(pool: BalancerV3Pool, amount: int, complaint: str) -> None:
    with pytest.raises(SwapReverts, match=complaint):
        pool.amount_out(TOKEN1, TOKEN0, amount)


@BOTH
@pytest.mark.parametrize("amount", [-1, 0, 10**5, 1_001 * ONE, 1 << 256])
def test_pool__output_that_it_does_not_sell__reverts(pool: BalancerV3Pool, amount: int) -> None:
    with pytest.raises(SwapReverts):
        pool.amount_in(TOKEN0, TOKEN1, amount)


def test_pool__fee_that_takes_it_all__reverts() -> None:
    dear = replace(WEIGHTED, vault=replace(VAULT_STATE, swap_fee=ONE))
    with pytest.raises(SwapReverts, match="ZeroDivision"):
        dear.amount_in(TOKEN0, TOKEN1, ONE)
    with pytest.raises(SwapReverts, match="TooSmall"):
        dear.amount_out(TOKEN0, TOKEN1, 10**6)


def test_pool__balance_beyond_half_a_word__reverts() -> None:
    full = replace(WEIGHTED, vault=replace(VAULT_STATE, balances=((1 << 88) - 1, 10**30)))
    with pytest.raises(SwapReverts, match="BalanceOverflow"):
        full.amount_out(TOKEN0, TOKEN1, 1 << 86)


@BOTH
def test_pool__without_liquidity__cannot_trade(pool: BalancerV3Pool) -> None:
    empty = replace(pool, vault=replace(VAULT_STATE, balances=(0, 0)))

    assert empty.rate(TOKEN0, TOKEN1) == empty.depth(TOKEN0, TOKEN1) == 0.0
    with pytest.raises(SwapReverts):
        empty.amount_out(TOKEN0, TOKEN1, 10**6)


def test_pool__token_that_it_does_not_trade__is_an_error() -> None:
    with pytest.raises(PoolError, match="does not trade"):
        WEIGHTED.amount_out(TOKEN0, OTHER, 1)


def swapped(vault: Address = VAULT, fee: int = ONE // 10, token_out: Address = TOKEN1) -> BalancerV3Swap:
    return BalancerV3Swap(POOL, vault, TOKEN0, token_out, 100 * 10**6, 82 * ONE, fee, 10 * 10**6)


@BOTH
def test_pool__swap_event__tells_the_balances(pool: BalancerV3Pool) -> None:
    after = replace(pool, vault=replace(VAULT_STATE, balances=(1_095 * 10**6, 918 * ONE)))

    assert pool.apply(swapped()) == after


@BOTH
def test_pool__fee_event__tells_the_fee(pool: BalancerV3Pool) -> None:
    assert pool.apply(BalancerV3SwapFeeChanged(POOL, VAULT, 7)) == replace(pool, vault=replace(VAULT_STATE, swap_fee=7))


@BOTH
@pytest.mark.parametrize(
    "event",
    [
        swapped(fee=1),
        swapped(token_out=OTHER),
        swapped(token_out=TOKEN0),
        replace(swapped(), amount_out=1_001 * ONE),
        BalancerV3Changed(POOL, VAULT),
        BalancerV3Changed(POOL, POOL),
        CurveChanged(POOL),
    ],
)
def test_pool__events_that_do_not_tell__invalidate(pool: BalancerV3Pool, event: Any) -> None:
    assert pool.apply(event) is None


def test_pool__swap_event_where_rates_move__invalidates() -> None:
    rated = replace(WEIGHTED, vault=replace(VAULT_STATE, rates_move=True))

    assert rated.apply(swapped()) is None


@BOTH
@pytest.mark.parametrize(
    "event", [swapped(vault=OTHER), BalancerV3SwapFeeChanged(POOL, OTHER, 7), BalancerV3Changed(POOL, OTHER)]
)
def test_pool__events_of_anybody_else__change_nothing(pool: BalancerV3Pool, event: Any) -> None:
    assert pool.apply(event) == pool


def test_pool__snapshot__there_and_back() -> None:
    assert WEIGHTED.snapshot() == SNAPSHOT
    assert FAMILIES["balancer_v3_weighted"].from_snapshot(SNAPSHOT) == WEIGHTED
    assert FAMILIES["balancer_v3_stable"].from_snapshot(STABLE.snapshot()) == STABLE


@pytest.mark.parametrize(
    "broken",
    [
        {"balances": ["1"]}, {"weights": ["1"]}, {"weights": ["0", "1"]}, {"rates": ["0", "1"]},
        {"scaling_factors": ["0", "1"]}, {"swap_fee": "x"}, {"tokens": None},
    ],
)  # fmt: skip
def test_weighted_pool__broken_snapshot__is_an_error(broken: dict[str, Any]) -> None:
    with pytest.raises(PoolError, match="^a balancer_v3_weighted snapshot cannot be read"):
        BalancerV3WeightedPool.from_snapshot(SNAPSHOT | broken)


@pytest.mark.parametrize("broken", [{"amp": "999"}, {"amp": None}, {"balances": None}])
def test_stable_pool__broken_snapshot__is_an_error(broken: dict[str, Any]) -> None:
    with pytest.raises(PoolError, match="^a balancer_v3_stable snapshot cannot be read"):
        BalancerV3StablePool.from_snapshot(STABLE.snapshot() | broken)


def told(
    *,
    tokens: tuple[Address, ...] = (TOKEN0, TOKEN1),
    kinds: tuple[int, int] = (0, 0),
    rates: tuple[int, int] = (ONE, ONE),
    live: tuple[int, int] = (1_000 * ONE, 1_000 * ONE),
    flags: tuple[bool, bool, bool, bool] = (True, True, False, False),
    hooks: int = -1,
    least: int = 10**6,
    paused: bool = False,
) -> list[Answer]:
    infos = [(kind, OTHER, bool(kind)) for kind in kinds]
    config = [False] * 4, [ONE // 10, ONE // 2, 0, 0, 0], flags
    return [
        encode(
            ["address[]", "(uint8,address,bool)[]", "uint256[]", "uint256[]"],
            [tokens, infos, VAULT_STATE.balances, live],
        ),
        encode(["uint256[]", "uint256[]"], [[10**12, 1], rates]),
        encode(["uint256[]"], [live]),
        encode(["bool"] * 4 + ["uint256"] * 5 + ["bool"] * 4, [value for part in config for value in part]),
        encode(["bool"] * 10 + ["address"], [*(k == hooks for k in range(10)), OTHER]),
        encode(["uint256"], [least]),
        encode(["bool"], [paused]),
    ]


WEIGHTS = encode(["uint256[]"], [[ONE // 2, ONE // 2]])
AMPLIFICATION = encode(["uint256", "bool", "uint256"], [200_000, False, 1_000])


@pytest.mark.parametrize(("pool", "answer"), [(WEIGHTED, WEIGHTS), (STABLE, AMPLIFICATION)])
def test_pool__read__one_round(pool: BalancerV3Pool, answer: bytes) -> None:
    reading = type(pool).read(pool.info)
    assert next(iter(next(reading))) == Call(VAULT, bytes.fromhex("67e0e076") + bytes(12) + bytes.fromhex(POOL[2:]))
    with pytest.raises(StopIteration) as done:
        reading.send([*told(), answer])
    assert done.value.value == pool


def read_weighted(answers: list[Answer]) -> BalancerV3WeightedPool:
    reading = BalancerV3WeightedPool.read(INFO)
    next(reading)
    with pytest.raises(StopIteration) as done:
        reading.send([*answers, WEIGHTS])
    pool: BalancerV3WeightedPool = done.value.value
    return pool


def test_pool__read_of_grown_rates__is_less_what_the_protocol_is_due() -> None:
    # At 1.25 the thousand are 1,250, of which the Vault counts 1,200: 960 are left.
    pool = read_weighted(told(kinds=(0, 1), rates=(ONE, 125 * ONE // 100), live=(1_000 * ONE, 1_200 * ONE)))

    assert pool.vault.balances == (1_000 * 10**6, 960 * ONE)
    assert pool.vault.rates_move


def test_pool__read_in_recovery__pays_the_protocol_nothing() -> None:
    assert read_weighted(told(flags=(True, True, False, True))).vault.aggregate_swap_fee == 0


@pytest.mark.parametrize("hooks", [0, 1, 2, 6, 7, 8, 9])
def test_pool__read_with_hooks_that_concern_liquidity__is_read(hooks: int) -> None:
    assert read_weighted(told(hooks=hooks)) == WEIGHTED


@pytest.mark.parametrize(
    ("answers", "complaint"),
    [
        ([None] * 7, "does not answer"),
        (told(tokens=(TOKEN0, OTHER)), "has other tokens"),
        (told(flags=(True, True, True, False)), "is paused"),
        (told(flags=(True, False, False, False)), "is paused"),
        (told(paused=True), "is paused"),
        (told(hooks=3), "has hooks"),
        (told(hooks=4), "has hooks"),
        (told(hooks=5), "has hooks"),
        (told(least=1), "another least amount"),
        (told(rates=(ONE, ONE // 2), live=(1_000 * ONE, 400 * ONE)), "does not tell what the protocol is due"),
    ],
)
def test_pool__read_of_another_kind__is_an_error(answers: list[Answer], complaint: str) -> None:
    reading = BalancerV3WeightedPool.read(INFO)
    next(reading)
    with pytest.raises(PoolError, match=complaint):
        reading.send([*answers, WEIGHTS])


@pytest.mark.parametrize("weights", [[ONE], [0, ONE]])
def test_weighted_pool__read_of_other_weights__is_an_error(weights: list[int]) -> None:
    reading = BalancerV3WeightedPool.read(INFO)
    next(reading)
    with pytest.raises(PoolError, match="weights instead of"):
        reading.send([*told(), encode(["uint256[]"], [weights])])


@pytest.mark.parametrize(("moves", "precision"), [(True, 1_000), (False, 100)])
def test_stable_pool__read_of_a_moving_amplification__is_an_error(moves: bool, precision: int) -> None:
    reading = BalancerV3StablePool.read(STABLE_INFO)
    next(reading)
    with pytest.raises(PoolError, match="moves its amplification"):
        reading.send([*told(), encode(["uint256", "bool", "uint256"], [200_000, moves, precision])])
