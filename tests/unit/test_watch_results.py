"""
What transactions came to is counted, and losses stop the keeper.
"""

from dataclasses import replace

from keeper.execution.transactions import Outcome
from keeper.execution.wire import Unsigned
from keeper.journal import State
from keeper.monitor.alerts import Alert
from tests.operator_world import SIGNERS
from tests.unit.test_journal import EXECUTOR, TRANSACTION
from tests.watch_world import Bench, bench, heard

__all__ = ["bench", "heard"]


async def test_look__a_day_of_opportunities_without_success__is_told(bench: Bench, heard: list[Alert]) -> None:
    bench.report.opportunities = 3
    bench.watch._succeeded_at -= 86_401

    await bench.look()
    await bench.look()

    assert [alert.name for alert in heard] == ["no_success"]


def test_booked__losses__trip(bench: Bench) -> None:
    bench.book(Outcome(TRANSACTION, State.REVERTED, gas_wei=3 * 10**16, position=(101, 0)), worth_wei=0)

    assert {"loss_hour", "failed_gas"} <= bench.tripped
    spent = bench.metrics.registry.get_sample_value("arb_gas_spent_wei_total", {"outcome": "failure"})
    assert spent == 3 * 10**16


def test_booked__bids_and_gas__are_counted(bench: Bench) -> None:
    bidding = replace(TRANSACTION, bid_wei=10**12)
    for state in (State.SOFT, State.REVERTED, State.REVERTED, State.DROPPED):
        bench.book(Outcome(bidding, state, gas_used=0 if state is State.DROPPED else 150_000), worth_wei=10**12)
    bench.book(Outcome(TRANSACTION, State.SOFT, gas_used=150_000), worth_wei=10**12)  # that bid nothing

    told = bench.metrics.registry.get_sample_value
    results = {result: told("arb_bid_result_total", {"result": result}) for result in ("won", "lost", "unknown")}
    assert results == {"won": 1, "lost": 2, "unknown": 1}
    assert told("arb_gas_used_total") == 600_000


def test_sent__tip__is_that_of_the_bytes_and_told_once(bench: Bench) -> None:
    raw, _ = SIGNERS[0].sign_now(Unsigned(42161, 3, EXECUTOR, b"", 300_000, 10**9, 5 * 10**6))

    for _ in range(2):
        bench.watch.sent([replace(TRANSACTION, raw=raw)])

    told = bench.metrics.registry.get_sample_value
    assert (told("arb_tip_wei_count"), told("arb_tip_wei_sum")) == (1, 5 * 10**6)


def test_booked__losses__are_known_to_the_next_life_until_it_is_armed_again(bench: Bench) -> None:
    loss = Outcome(TRANSACTION, State.REVERTED, gas_wei=15 * 10**15, position=(101, 0))
    bench.book(loss, worth_wei=0)
    bench.operation.resume("failed_gas")

    bench.watch = bench.another()
    bench.book(loss, worth_wei=0)

    assert "loss_hour" in bench.tripped
    bench.operation.rearm()
    bench.watch = bench.another()
    bench.book(loss, worth_wei=0)
    assert "loss_hour" not in bench.tripped


def test_results__cannot_be_understood__are_none(bench: Bench) -> None:
    (bench.settings.state_dir / "results.json").write_text('{"wei_by_minute": [3]}')

    assert bench.another().breakers.results == {}


def test_booked__dropped__is_no_result(bench: Bench) -> None:
    for _ in range(9):
        bench.book(Outcome(TRANSACTION, State.DROPPED), worth_wei=0)

    assert bench.tripped == set()
    assert b'arb_tx_total{status="dropped"} 9.0' in bench.metrics.render()
