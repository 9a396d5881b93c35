from collections.abc import Callable

import pytest

from keeper.errors import PoolError, SwapReverts
from keeper.events import Sync, V3Burn, V3Initialize, V3Mint, V3SetFeeProtocol, V3Swap
from keeper.math.tick import Ticks
from keeper.math.tick_math import (
    MAX_SQRT_RATIO,
    MIN_SQRT_RATIO,
    get_sqrt_ratio_at_tick,
    get_tick_at_sqrt_ratio,
)
from keeper.pools.pool import PoolInfo
from keeper.pools.uniswap_v3 import UniswapV3Pool
from keeper.types import Address

POOL = Address("0x" + "cc" * 20)
TOKEN0, TOKEN1, OTHER = (Address("0x" + f"{n:040x}") for n in (1, 2, 3))
INFO = PoolInfo("uniswap_v3", "sushi_v3", POOL, (TOKEN0, TOKEN1), 3_000, 60)
Q96 = 1 << 96
LOWEST, HIGHEST = MIN_SQRT_RATIO + 1, MAX_SQRT_RATIO - 1


def pool(*positions: tuple[int, int, int], tick: int = 0) -> UniswapV3Pool:
    """A pool at the price of *tick* with (lower, upper, liquidity) positions."""
    model = UniswapV3Pool.new(INFO).apply(V3Initialize(POOL, get_sqrt_ratio_at_tick(tick), tick))
    for lower, upper, liquidity in positions:
        assert model is not None
        model = model.apply(V3Mint(POOL, lower, upper, liquidity, 0, 0))
    assert model is not None
    return model


NARROW = pool((-60, 60, 1_000_000))
#: Two ranges with nothing between them.
GAP = pool((-120, -60, 1_000_000), (60, 120, 1_000_000), tick=80)


def test_pool__small_swap__by_hand() -> None:
    # 1,000 less 0.3 % is 997: 997 * 1,000,000 / (1,000,000 + 997) = 996.007; the other way the price rises by
    # 997 / 1,000,000, which is 997 / 1.000997 = 996.007 of token0.
    assert NARROW.amount_out(TOKEN0, TOKEN1, 1_000) == 996
    assert NARROW.amount_out(TOKEN1, TOKEN0, 1_000) == 996


def test_pool__output_wanted__by_hand() -> None:
    # 996 * 1,000,000 / (1,000,000 - 996) = 996.993, rounded up, and a fee of 3/997, rounded up.
    assert NARROW.amount_in(TOKEN0, TOKEN1, 996) == 1_000
    assert NARROW.amount_in(TOKEN1, TOKEN0, 996) == 1_000


def test_pool__swap__moves_the_price_and_shares_the_ticks() -> None:
    amount_out, after = NARROW.swap(TOKEN0, TOKEN1, 1_000)

    assert amount_out == 996
    assert after.sqrt_price_x96 == -(-1_000_000 * Q96 // 1_000_997)
    assert (after.tick, after.liquidity) == (get_tick_at_sqrt_ratio(after.sqrt_price_x96), 1_000_000)
    assert after.ticks is NARROW.ticks


def test_pool__input_that_buys_nothing__is_taken() -> None:
    within = pool((-60, 60, 1_000_000), tick=30)

    assert within.amount_out(TOKEN0, TOKEN1, 1) == 0
    assert within.swap(TOKEN0, TOKEN1, 1) == (0, within)


def test_pool__input_that_buys_nothing_at_the_edge_of_a_word__steps_over_it() -> None:
    _, after = NARROW.swap(TOKEN0, TOKEN1, 1)

    assert (after.sqrt_price_x96, after.tick) == (Q96, -1)


def test_pool__swap_onto_an_initialised_tick__crosses_it() -> None:
    wide = pool((-600, 600, 1_000_000), (-60, 60, 500_000))
    stop = get_sqrt_ratio_at_tick(-60)

    amount0, _, after = wide.swap_to(True, 10**9, stop)

    assert (after.sqrt_price_x96, after.tick, after.liquidity) == (stop, -61, 1_000_000)
    assert wide.swap(TOKEN0, TOKEN1, amount0)[1] == after


def test_pool__swap_up_onto_an_initialised_tick__crosses_it() -> None:
    wide = pool((-600, 600, 1_000_000), (-60, 60, 500_000))
    stop = get_sqrt_ratio_at_tick(60)

    _, amount1, after = wide.swap_to(False, 10**9, stop)

    assert (after.sqrt_price_x96, after.tick, after.liquidity) == (stop, 60, 1_000_000)
    assert wide.swap(TOKEN1, TOKEN0, amount1)[1] == after


def test_pool__swap_past_an_empty_word__rounds_at_its_edge() -> None:
    # Ticks are 256 * 60 apart at a word's edge: the two halves pay one unit more than the whole range would.
    wide = pool((-30_720, 30_720, 1_000_000))
    edge, below = get_sqrt_ratio_at_tick(-15_360), get_sqrt_ratio_at_tick(-20_000)

    first, _, at_edge = wide.swap_to(True, 10**12, edge)
    second, _, _ = at_edge.swap_to(True, 10**12, below)
    whole, _, after = wide.swap_to(True, 10**12, below)

    assert at_edge.tick == -15_361
    assert whole == first + second
    assert after.liquidity == 1_000_000
    assert _unstepped_input(below) < whole


def _unstepped_input(sqrt_price_x96: int) -> int:
    """What one step from price 1 would take, with its fee."""
    amount = -(-(1_000_000 * Q96 * (Q96 - sqrt_price_x96)) // (Q96 * sqrt_price_x96))
    return amount + -(-amount * 3_000 // 997_000)


def test_pool__gap_without_liquidity__is_passed_for_nothing() -> None:
    amount0, amount1, after = GAP.swap_to(True, 10**9, get_sqrt_ratio_at_tick(-60))

    assert (after.tick, after.liquidity) == (-61, 1_000_000)
    assert GAP.swap_to(True, 10**9, get_sqrt_ratio_at_tick(0))[:2] == (amount0, amount1)


def test_pool__price_in_a_gap__has_the_rate_beyond_it() -> None:
    inside = pool((-120, -60, 1_000_000), (60, 120, 1_000_000))

    assert inside.liquidity == 0
    assert inside.rate(TOKEN0, TOKEN1) == pytest.approx(1.0001**-60 * 0.997)
    assert inside.rate(TOKEN1, TOKEN0) == pytest.approx(1.0001**-60 * 0.997)
    assert inside.depth(TOKEN0, TOKEN1) == 0.0
    assert inside.amount_out(TOKEN0, TOKEN1, 1_000) > 0


def test_pool__liquidity_on_one_side_only__cannot_trade_on_the_other() -> None:
    above = pool((60, 120, 1_000_000))

    assert above.rate(TOKEN0, TOKEN1) == 0.0
    assert above.rate(TOKEN1, TOKEN0) > 0
    assert pool().rate(TOKEN0, TOKEN1) == 0.0


def test_pool__price_at_the_end_of_the_range__cannot_trade_further() -> None:
    low = UniswapV3Pool(INFO, LOWEST, -887_272, 10**30, Ticks())

    assert low.rate(TOKEN0, TOKEN1) == 0.0
    with pytest.raises(SwapReverts, match="price limit"):
        low.amount_out(TOKEN0, TOKEN1, 1)


def test_pool__rate_and_depth__of_the_price() -> None:
    dear = pool((-887_220, 887_220, 10**18), tick=13_863)

    assert dear.rate(TOKEN0, TOKEN1) == pytest.approx(4 * 0.997, rel=1e-3)
    assert dear.rate(TOKEN1, TOKEN0) == pytest.approx(0.997 / 4, rel=1e-3)
    assert dear.depth(TOKEN0, TOKEN1) == pytest.approx(5e17, rel=1e-3)
    assert dear.depth(TOKEN1, TOKEN0) == pytest.approx(2e18, rel=1e-3)


def test_pool__more_than_it_can_exchange__reverts() -> None:
    for ask in (NARROW.amount_out, NARROW.amount_in, NARROW.swap):
        with pytest.raises(SwapReverts, match="price limit is reached before the whole amount"):
            ask(TOKEN0, TOKEN1, 10**9)


def test_pool__more_than_it_can_exchange__is_limited_by_the_price() -> None:
    amount0, amount1, after = NARROW.swap_to(True, 10**9, LOWEST)

    # 3,005 (the range's 3,004.3) and a fee of 3/997 of it, rounded up, for 2,995 (2,995.3).
    assert (amount0, amount1) == (3_015, -2_995)
    assert (after.sqrt_price_x96, after.tick, after.liquidity) == (LOWEST, -887_272, 0)


def test_pool__exact_output_to_a_limit__has_the_contracts_signs() -> None:
    assert NARROW.swap_to(True, -996, LOWEST)[:2] == (1_000, -996)
    assert NARROW.swap_to(False, -996, HIGHEST)[:2] == (-996, 1_000)


@pytest.mark.parametrize("amount", [0, -1])
def test_pool__no_amount__reverts(amount: int) -> None:
    for ask in (NARROW.amount_out, NARROW.amount_in, NARROW.swap):
        with pytest.raises(SwapReverts, match="AS"):
            ask(TOKEN0, TOKEN1, amount)
    with pytest.raises(SwapReverts, match="AS"):
        NARROW.swap_to(True, 0, LOWEST)


@pytest.mark.parametrize(
    ("zero_for_one", "limit"),
    [(True, Q96), (True, Q96 + 1), (True, MIN_SQRT_RATIO), (False, Q96), (False, Q96 - 1), (False, MAX_SQRT_RATIO)],
)
def test_pool__limit_not_beyond_the_price_or_out_of_range__reverts(zero_for_one: bool, limit: int) -> None:
    with pytest.raises(SwapReverts, match="SPL"):
        NARROW.swap_to(zero_for_one, 1, limit)


def test_pool__not_initialised__reverts() -> None:
    unborn = UniswapV3Pool.new(INFO)

    asks: list[Callable[[], object]] = [
        lambda: unborn.amount_out(TOKEN0, TOKEN1, 1),
        lambda: unborn.amount_in(TOKEN0, TOKEN1, 1),
        lambda: unborn.swap(TOKEN0, TOKEN1, 1),
        lambda: unborn.swap_to(True, 1, LOWEST),
    ]
    for ask in asks:
        with pytest.raises(SwapReverts, match="LOK"):
            ask()
    assert unborn.rate(TOKEN0, TOKEN1) == unborn.depth(TOKEN0, TOKEN1) == 0.0


@pytest.mark.parametrize(("token_in", "token_out"), [(TOKEN0, OTHER), (OTHER, TOKEN1), (TOKEN0, TOKEN0)])
def test_pool__token_that_it_does_not_trade__is_an_error(token_in: Address, token_out: Address) -> None:
    with pytest.raises(PoolError, match="does not trade"):
        NARROW.amount_out(token_in, token_out, 1)


def test_pool__ticks_known_in_part__swaps_up_to_what_cannot_be() -> None:
    # More liquidity ends at -60 than is in range: another position, which begins above, is not known.
    ticks = Ticks.of({-60: (2_000_000, 2_000_000), -120: (9_000_000, -9_000_000)})
    partly = UniswapV3Pool(INFO, Q96, 0, 1_000_000, ticks)

    assert partly.amount_out(TOKEN0, TOKEN1, 1_000) == 996
    for ask in (partly.amount_out, partly.amount_in, partly.swap):
        with pytest.raises(SwapReverts):
            ask(TOKEN0, TOKEN1, 50_000)
    stop = get_sqrt_ratio_at_tick(-60)
    amount0, amount1, _ = NARROW.swap_to(True, 10**9, stop)
    landings: list[Callable[[], object]] = [
        lambda: partly.swap_to(True, 10**9, stop),
        lambda: partly.swap(TOKEN0, TOKEN1, amount0),
        lambda: partly.amount_out(TOKEN0, TOKEN1, amount0),
        lambda: partly.amount_in(TOKEN0, TOKEN1, -amount1),
    ]
    for land in landings:
        with pytest.raises(SwapReverts, match="LS"):
            land()


def test_pool__swap_event__is_followed_and_shares_the_ticks() -> None:
    after = NARROW.apply(V3Swap(POOL, 5, -4, Q96 + 9, 77, 3))

    assert after == UniswapV3Pool(INFO, Q96 + 9, 3, 77, NARROW.ticks)
    assert after is not None
    assert after.ticks is NARROW.ticks


def test_pool__mint_in_range__adds_liquidity_and_ticks() -> None:
    after = NARROW.apply(V3Mint(POOL, -120, 60, 5, 0, 0))

    assert after is not None
    assert after.liquidity == 1_000_005
    assert dict(after.ticks) == {-120: (5, 5), -60: (1_000_000, 1_000_000), 60: (1_000_005, -1_000_005)}


@pytest.mark.parametrize(("lower", "upper"), [(60, 120), (-120, -60), (-60, 0)])
def test_pool__mint_out_of_range__leaves_the_liquidity(lower: int, upper: int) -> None:
    after = NARROW.apply(V3Mint(POOL, lower, upper, 5, 0, 0))

    assert after is not None
    assert after.liquidity == 1_000_000


def test_pool__burn_of_everything__removes_the_ticks() -> None:
    after = NARROW.apply(V3Burn(POOL, -60, 60, 1_000_000, 0, 0))

    assert after == UniswapV3Pool(INFO, Q96, 0, 0, Ticks())


def test_pool__burn_of_nothing__changes_nothing() -> None:
    assert NARROW.apply(V3Burn(POOL, -60, 60, 0, 0, 0)) is NARROW


def test_pool__burn_of_a_position_on_unknown_ticks__leaves_them_unknown() -> None:
    after = NARROW.apply(V3Burn(POOL, 600, 660, 9, 0, 0))

    assert after == NARROW


@pytest.mark.parametrize(
    "event",
    [
        V3Burn(POOL, -60, 60, 1_000_001, 0, 0),
        V3Mint(POOL, -60, 60, 2**128 - 1, 0, 0),
        V3Mint(POOL, 60, 60, 1, 0, 0),
        V3Mint(POOL, -887_273, 60, 1, 0, 0),
        V3Mint(POOL, -60, 887_273, 1, 0, 0),
        V3Swap(POOL, 1, -1, Q96, 1, 887_273),
        V3Swap(POOL, 1, -1, Q96, 1, -887_273),
        Sync(POOL, 1, 1),
    ],
)
def test_pool__event_that_cannot_follow__does_not_tell(event: V3Burn | V3Mint | V3Swap | Sync) -> None:
    assert NARROW.apply(event) is None


def test_pool__fee_of_the_protocol__changes_no_swap() -> None:
    assert NARROW.apply(V3SetFeeProtocol(POOL, 4, 4)) is NARROW


@pytest.mark.parametrize(
    "event", [V3Swap(POOL, 1, -1, Q96, 1, 0), V3Mint(POOL, -60, 60, 1, 0, 0), V3SetFeeProtocol(POOL, 4, 4)]
)
def test_pool__event_before_it_is_initialised__does_not_tell(event: V3Swap | V3Mint | V3SetFeeProtocol) -> None:
    assert UniswapV3Pool.new(INFO).apply(event) is None


def test_pool__initialize__starts_from_nothing() -> None:
    assert NARROW.apply(V3Initialize(POOL, Q96, 0)) == UniswapV3Pool(INFO, Q96, 0, 0, Ticks())
