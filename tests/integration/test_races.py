"""
Races against a rival: the higher bid wins, and a race that is lost ends in the executor's state guard.
"""

from pathlib import Path

import pytest

from benchmarks._duel import Duel, duel
from keeper.chain.arbitrum import Ordering
from keeper.chain.changes import Parameter
from keeper.journal import State
from localnet import Localnet, RivalSettings, TraderSettings
from localnet.precompiles import PRICE_PER_UNIT_WEI
from tests.executor_artifact import artifact

BLOCKS = 14
#: Of a lost race; docs/gas.md has what the guards take.
GUARD_GAS = 45_000


def fought(folder: Path, rival_share: float, **settings: object) -> Duel:
    rival = RivalSettings(least_share=rival_share, most_share=rival_share)
    return duel(folder, BLOCKS, TraderSettings(seed=2), rival, artifact(), max_routes=1, max_hops=2, **settings)


@pytest.fixture(scope="module")
def outbid(tmp_path_factory: pytest.TempPathFactory) -> Duel:
    return fought(tmp_path_factory.mktemp("outbid"), 0.9, bidder="fixed")


@pytest.fixture(scope="module")
def outbidding(tmp_path_factory: pytest.TempPathFactory) -> Duel:
    return fought(tmp_path_factory.mktemp("outbidding"), 0.05, bidder="share", bid_share=0.6)


def test_race__rival_bids_more__is_lost_and_ends_in_the_state_guard(outbid: Duel) -> None:
    lost = [meeting.entry for meeting in outbid.meetings]

    assert lost
    assert not any(meeting.first for meeting in outbid.meetings)
    assert {entry.state for entry in lost} == {State.REVERTED}
    assert all(0 < entry.detail["gas_used"] < GUARD_GAS for entry in lost)
    assert outbid.report.transactions["reverted"] >= len(lost)


def test_keeper__chain_stops_collecting_tips_and_l1_gets_dearer__is_told_and_bids_no_more(tmp_path: Path) -> None:
    flipped: list[int] = []

    def flip(net: Localnet, block: int) -> None:
        if block == 12:
            net.set_collect_tips(False)
            net.set_l1_price(20 * PRICE_PER_UNIT_WEI)
            flipped.append(int(net.rpc("eth_blockNumber"), 16))

    seen = duel(
        tmp_path,
        48,
        TraderSettings(seed=2),
        RivalSettings(),
        artifact(),
        flip,
        bidder="share",
        max_routes=1,
        max_hops=2,
        ordering_pause_seconds=0.001,
    )

    assert sorted(change.parameter for change in seen.changes) == [Parameter.L1_PRICE, Parameter.ORDERING]
    ordering = next(change for change in seen.changes if change.parameter is Parameter.ORDERING)
    assert (ordering.before, ordering.after) == (Ordering.PRIORITY_GAS, Ordering.ARRIVAL)
    # What the keeper looks at every twenty blocks, it has looked at by then.
    sent = [(entry.transaction.block_number - flipped[0], entry.transaction.bid_wei) for entry in seen.entries]
    assert all(bid_wei > 0 for after, bid_wei in sent if after < 0)
    assert {bid_wei for after, bid_wei in sent if after > 20} == {0}


def test_race__keeper_bids_more__is_won_and_the_bid_is_paid(outbidding: Duel) -> None:
    won = [meeting.entry for meeting in outbidding.meetings]

    assert won
    assert all(meeting.first for meeting in outbidding.meetings)
    assert {entry.state for entry in won} <= {State.SOFT, State.FINAL}
    for entry in won:
        tip_wei = int(entry.detail["gas_wei"]) // entry.detail["gas_used"] - 20_000_000
        assert tip_wei > 0
        # The bid was reckoned with the simulation's gas, which is a limit that suffices.
        assert entry.detail["gas_used"] * tip_wei <= entry.transaction.bid_wei
        assert entry.transaction.predicted_profit_wei > 0
    assert outbidding.report.net_profit_wei > 0
