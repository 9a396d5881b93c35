"""
How much is bid, what is learned from races, and that bids come off the profit before anything is decided.
"""

import random
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keeper.bidding import MILLION, NO_BID, Bidder, Caps, FixedTip, Learned, Race, ShareOfProfit, Stake
from keeper.bundling import Bundle
from keeper.config import load_settings
from keeper.gas import GasPrices
from keeper.journal import Journal, State
from keeper.opportunity import Scene, look
from keeper.plan import decode
from keeper.plan.bundle import Program
from keeper.races import REMEMBERED, Races, bidder_of, race_of
from tests.unit.test_bundling import PRICES, USDC, WETH, apart, joined, parallel, scene
from tests.unit.test_journal import EXECUTOR, GENESIS, OPERATOR, TRANSACTION

CAPS = Caps(900_000, 10**18)
STAKE = Stake(10**15, 200_000)
BIDDERS = [FixedTip(7), ShareOfProfit(400_000, CAPS), Learned(CAPS)]


def races(share_ppm: int, won: int, lost: int) -> list[Race]:
    return [Race(share_ppm, True)] * won + [Race(share_ppm, False)] * lost


def test_fixed_tip__any_stake__is_the_same() -> None:
    assert FixedTip(7).tip_wei(STAKE) == FixedTip(7).tip_wei(Stake(-1, 1)) == 7


def test_share_of_profit__is_bid_over_the_gas_that_it_takes() -> None:
    assert ShareOfProfit(400_000, CAPS).tip_wei(STAKE) == 4 * 10**14 // 200_000


@pytest.mark.parametrize(
    ("caps", "expected"),
    [
        (Caps(100_000, 10**18), 10**14 // 200_000),
        (Caps(900_000, 10**13), 10**13 // 200_000),
        (Caps(900_000, 10**13, 10**9), 10**9),
    ],
    ids=["share", "wei", "least tip"],
)
def test_share_of_profit__beyond_a_cap__is_the_cap(caps: Caps, expected: int) -> None:
    assert ShareOfProfit(400_000, caps).tip_wei(STAKE) == expected


def test_share_of_profit__nothing_to_gain__bids_the_least() -> None:
    assert ShareOfProfit(400_000, replace(CAPS, least_tip_wei=3)).tip_wei(Stake(-(10**15), 200_000)) == 3


@given(
    st.sampled_from(range(len(BIDDERS))),
    st.lists(st.builds(Race, st.integers(0, MILLION), st.booleans()), max_size=30),
    st.integers(0, 10**20),
    st.integers(0, 10**20),
    st.integers(21_000, 32_000_000),
)
def test_bidder__larger_stake__keeps_no_less(number: int, seen: list[Race], one: int, other: int, gas: int) -> None:
    bidder: Bidder = BIDDERS[number].after(seen)
    less, more = sorted((one, other))

    kept = [profit - gas * bidder.tip_wei(Stake(profit, gas)) for profit in (less, more)]

    # A tip is whole wei for a unit of gas.
    assert kept[0] <= kept[1] + gas


def test_learned__nothing_known__tries_to_win_for_nothing() -> None:
    assert Learned(CAPS).tip_wei(STAKE) == Learned(CAPS).after([]).tip_wei(STAKE) == 0


def test_learned__lost__bids_more_until_it_wins() -> None:
    seen: list[Race] = []
    shares = []
    for _ in range(40):
        share = Learned(CAPS).after(seen).best_share_ppm(200_000)
        shares.append(share)
        seen.append(Race(share, share >= 330_000))

    first = next(place for place, share in enumerate(shares) if share >= 330_000)
    assert shares[: first + 1] == list(range(0, 350_001, 50_000))
    assert set(shares[first:]) == {350_000}


def test_learned__rival_gives_up__bids_less_again() -> None:
    seen = [Race(share, False) for share in range(0, 300_001, 50_000)] + races(350_000, 5, 0)
    assert Learned(CAPS).after(seen).best_share_ppm(200_000) == 350_000

    shares = []
    for _ in range(500):
        shares.append(Learned(CAPS).after(seen).best_share_ppm(200_000))
        seen = [*seen, Race(shares[-1], True)][-REMEMBERED:]

    assert shares[0] == 350_000
    assert shares[-1] == 0


def test_learned__rival_cannot_be_beaten__does_not_bid_everything() -> None:
    seen = [race for share in range(0, 900_001, 50_000) for race in races(share, 0, 4)]

    assert Learned(CAPS).after(seen).best_share_ppm(200_000) < 900_000


def test_learned__rival_who_varies__earns_nearly_what_the_best_share_would() -> None:
    rivals = random.Random(5)
    drawn = [rivals.randrange(100_000, 600_000) for _ in range(2_000)]
    best = max(sum(MILLION - share for rival in drawn if share > rival) for share in range(0, 900_001, 50_000))

    kept, seen = 0, list[Race]()
    for rival in drawn:
        share = Learned(CAPS).after(seen[-REMEMBERED:]).best_share_ppm(200_000)
        seen.append(Race(share, share > rival))
        kept += (MILLION - share) * (share > rival)

    assert kept > 0.85 * best


def test_learned__same_races__bids_the_same() -> None:
    seen = [Race(share, share % 3 > 0) for share in range(0, 900_000, 10_007)]

    assert Learned(CAPS).after(seen) == Learned(CAPS).after(seen[:5]).after(list(seen))


# ---------------------------------------------------------------- what is decided with it


def bidding(on: Scene, bidder: Bidder) -> Scene:
    return replace(on, bidder=bidder, prices=replace(on.prices, tip_wei=bidder.least_tip_wei))


@pytest.mark.parametrize("bidder", BIDDERS[:2], ids=["fixed", "share"])
def test_look__with_a_bid__profit_is_what_is_left_of_it(bidder: Bidder) -> None:
    on = scene(apart())
    pools = [pool.address for pool in on.market]

    free, bid = list(look(on, pools)), list(look(bidding(on, bidder), pools))

    assert len(bid) == len(free)
    for one, other in zip(bid, free, strict=True):
        assert one.route == other.route
        assert one.outlay.bid_wei == one.gas * bidder.tip_wei(Stake(other.profit_wei, one.gas)) > 0
        assert one.profit_wei == other.profit_wei - one.outlay.bid_wei


def test_look__bid_leaves_too_little__is_no_opportunity() -> None:
    on = scene(apart())
    pools = [pool.address for pool in on.market]
    free = list(look(on, pools))
    wanted = free[0].profit_wei * 6 // 10

    on = replace(on, terms=replace(on.terms, min_profit_wei=wanted))

    assert list(look(on, pools))
    assert not list(look(bidding(on, ShareOfProfit(500_000, CAPS)), pools))


def alone(on: Scene) -> Bundle:
    best, _, bundler = joined(on)
    return bundler.alone(best)


def test_join__with_a_bid__tip_is_what_the_best_route_bids_alone() -> None:
    bidder = ShareOfProfit(100_000, CAPS)

    single = alone(bidding(scene(parallel()), bidder))
    _, bundle, _ = joined(bidding(scene(parallel()), bidder))

    assert len(bundle.legs) > 1
    assert single.tip_wei == bidder.tip_wei(Stake(single.profit_wei + single.outlay.bid_wei, single.gas))
    assert bundle.tip_wei == pytest.approx(single.tip_wei, rel=0.05)  # sized beside the others it gains less
    assert bundle.profit_wei > single.profit_wei
    assert bundle.at(2 * bundle.gas, bundle.outlay.l1_wei, PRICES).tip_wei == bundle.tip_wei
    assert all(leg.min_gain >= 0.1 * leg.gain for leg in bundle.legs)  # what is bid is insisted on, too


def test_join__tip_that_others_cannot_pay__leaves_them_out() -> None:
    best, bundle, _ = joined(bidding(scene(apart()), ShareOfProfit(500_000, CAPS)))

    assert len(joined(scene(apart()))[1].legs) == 2
    assert bundle.pools == best.pools


def test_join__with_a_bid__nothing_goes_on_without_the_route_that_bids() -> None:
    for bidder, tolerant in ((NO_BID, [True, True]), (ShareOfProfit(100_000, CAPS), [False, True])):
        _, bundle, _ = joined(bidding(scene(parallel()), bidder))

        read = decode(bundle.calldata, (WETH, USDC))

        assert isinstance(read, Program)
        assert [route.tolerant for group in read.groups for route in group.routes] == tolerant


# ---------------------------------------------------------------- settings and journal


def settings_of(**given: object):  # type: ignore[no-untyped-def]
    return load_settings(rpc_url="http://x", tip_wei=3, **given)


def test_bidder_of__each_setting__is_that_policy() -> None:
    caps = Caps(900_000, 5 * 10**16, 3)

    assert bidder_of(settings_of(bidder="fixed")) == FixedTip(3)
    assert bidder_of(settings_of(bidder="share", bid_share=0.4)) == ShareOfProfit(400_000, caps)
    assert bidder_of(settings_of(bidder="learned")) == Learned(caps)


def test_races__tips_not_collected__bid_nothing() -> None:
    bids = Races(FixedTip(3))

    assert bids.bidder is NO_BID
    bids.tips_count = True
    assert bids.bidder == FixedTip(3)


def test_race_of__share_is_of_the_profit_before_the_bid() -> None:
    transaction = replace(TRANSACTION, predicted_profit_wei=60, bid_wei=40)

    assert race_of(transaction, State.SOFT) == Race(400_000, True)
    assert race_of(transaction, State.REVERTED) == Race(400_000, False)
    assert race_of(transaction, State.DROPPED) is None
    assert race_of(replace(transaction, routes=()), State.SOFT) is None


def test_races__rebuilt_from_the_journal__bids_as_before(tmp_path: Path) -> None:
    journal = Journal.open(tmp_path / "journal.sqlite", 42161, GENESIS)
    journal.begin_run(OPERATOR, EXECUTOR)
    rng, lived = random.Random(3), Races(Learned(CAPS))
    for nonce in range(3 * REMEMBERED):
        bid_wei = rng.randrange(0, 900)
        transaction = replace(
            TRANSACTION,
            nonce=nonce,
            hash=f"0x{nonce:064x}",
            block_number=nonce // 2,
            predicted_profit_wei=1_000 - bid_wei,
            bid_wei=bid_wei,
        )
        entry_id = journal.signed(transaction)
        state = rng.choice((State.SOFT, State.REVERTED, State.DROPPED, State.SENT))
        journal.step(entry_id, state)
        lived.note(transaction, state)

    rebuilt = Races(Learned(CAPS), journal.settled(REMEMBERED))
    journal.close()

    assert rebuilt._bidder == lived._bidder != Learned(CAPS).after([])


def test_races__reorged__is_forgotten() -> None:
    lived, unhurt = Races(Learned(CAPS)), Races(Learned(CAPS))
    for nonce in range(5):
        lived.note(replace(TRANSACTION, nonce=nonce, hash=f"0x{nonce:064x}"), State.REVERTED)
        if nonce != 3:
            unhurt.note(replace(TRANSACTION, nonce=nonce, hash=f"0x{nonce:064x}"), State.REVERTED)

    lived.forget(f"0x{3:064x}")

    assert lived._bidder == unhurt._bidder


def test_prices__of_the_search__have_the_least_tip() -> None:
    assert GasPrices(10, FixedTip(3).least_tip_wei, 1, 1).gas_price_wei == 13
