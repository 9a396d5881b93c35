"""
What the dashboard gathers of blocks and decisions, in bounded memory, and only what is new.
"""

import json
from pathlib import Path
from typing import Any

import pytest

from keeper.execution.operation import Operation
from keeper.journal import State
from keeper.monitor.dashboard.board import Board
from keeper.monitor.dashboard.seat import Controls
from keeper.monitor.dashboard.series import KEPT_BLOCKS, KEPT_POINTS
from keeper.monitor.dashboard.viewers import Viewers
from keeper.monitor.metrics import Metrics
from tests.dashboard_moments import FINNEY, IDENTITY, POOLS, Chain
from tests.plain_seat import Switch


@pytest.fixture
def chain() -> Chain:
    return Chain()


@pytest.fixture
def switch() -> Switch:
    return Switch()


@pytest.fixture
def board(switch: Switch) -> Board:
    return Board(IDENTITY, switch)


def update(board: Board) -> dict[str, Any]:
    told: dict[str, Any] = json.loads(board.update())
    return told


def snapshot(board: Board) -> dict[str, Any]:
    told: dict[str, Any] = json.loads(board.snapshot())
    return told


# -------------------------------------------------------------------- the board


def test_board__before_any_block__says_who_and_how_it_stands(board: Board) -> None:
    told = snapshot(board)

    assert told["identity"]["executor"] == IDENTITY.executor
    assert told["standing"]["state"] == "STARTING"
    assert told["blocks"] == {"to": 0, "rows": []}
    assert "head" not in told


def test_board__blocks__are_told_once_each_with_what_they_added(board: Board, chain: Chain) -> None:
    for _ in range(3):
        board.note(chain.block())
    first = update(board)
    board.note(chain.block(seconds=0.007))
    second = update(board)

    assert [row[0] for row in first["blocks"]["rows"]] == [100, 101, 102]
    # number, milliseconds, requests, hits, misses, events, base fee in gwei; what was before the first is the start's
    assert first["blocks"]["rows"][0] == [100, 4.0, 0, 0, 0, 0, 0.01]
    assert second["blocks"] == {"to": 4, "rows": [[103, 7.0, 2, 1, 0, 0, 0.01]]}


def test_board__many_blocks__keeps_the_last(board: Board, chain: Chain) -> None:
    for _ in range(KEPT_BLOCKS + 7):
        board.note(chain.block())

    told = snapshot(board)["blocks"]

    assert told["to"] == KEPT_BLOCKS + 7
    assert [row[0] for row in told["rows"]] == list(range(107, 107 + KEPT_BLOCKS))


def test_board__refused_route__says_why_and_names_what_people_know(board: Board, chain: Chain) -> None:
    board.note(chain.block())
    chain.decide("simulation failed: route: minimum, says http://node.example/v2/KEY")

    (shape,) = update(board)["decisions"]

    assert shape["outcome"] == "simulation failed"
    assert shape["why"] == "route: minimum, says http://node.example/..."
    assert (shape["predicted"], shape["simulated"], shape["realised"]) == (0.004, 0.003, None)
    (route,) = shape["routes"]
    assert route["tokens"] == ["WETH", "USDC", "WETH"]
    assert route["in"] == "1 WETH"
    assert [pool["dex"] for pool in route["pools"]] == ["uniswap_v2", "sushi_v2"]
    assert route["pools"][0] == {"address": POOLS[0].address, "dex": "uniswap_v2", "fee": 0.3}
    assert update(board)["decisions"] == []


def test_board__sent_and_included__joins_prediction_simulation_and_receipt(board: Board, chain: Chain) -> None:
    board.note(chain.block())
    transaction = chain.decide("sent")
    assert update(board)["decisions"][0]["outcome"] == "sent"

    chain.settle(transaction, worth_wei=5 * FINNEY)
    told = update(board)

    (shape,) = told["decisions"]
    assert (shape["n"], shape["outcome"], shape["exact"], shape["hash"]) == (1, "included", True, transaction.hash)
    assert shape["realised"] == pytest.approx(0.00499)
    (point,) = told["profit"]["rows"]
    assert point[1:] == [chain.number + 1, 0.004, 0.003, pytest.approx(0.00499)]


def test_board__reverted__costs_its_gas(board: Board, chain: Chain) -> None:
    board.note(chain.block())
    chain.settle(chain.decide("sent"), worth_wei=0, state=State.REVERTED)

    told = update(board)

    assert told["decisions"][0]["outcome"] == "reverted"
    assert told["profit"]["rows"][-1][4] == pytest.approx(-0.00001)


def test_board__in_no_block__earns_and_costs_nothing(board: Board, chain: Chain) -> None:
    board.note(chain.block())
    chain.settle(chain.decide("sent"), worth_wei=0, state=State.DROPPED)

    told = update(board)

    assert told["decisions"][0]["outcome"] == "dropped"
    assert told["profit"]["rows"] == []


def test_board__block_left_the_chain__takes_its_profit_back_until_it_is_included_again(
    board: Board, chain: Chain
) -> None:
    board.note(chain.block())
    transaction = chain.decide("sent")
    chain.settle(transaction, worth_wei=5 * FINNEY)
    chain.report.news.append(transaction.hash)
    gone = update(board)
    chain.settle(transaction, worth_wei=2 * FINNEY)
    back = update(board)

    assert gone["decisions"][0]["outcome"] == "reorged"
    assert gone["profit"]["rows"][-1][2:] == [0, 0, 0]
    assert back["decisions"][0]["outcome"] == "included"
    assert back["profit"]["rows"][-1][4] == pytest.approx(0.00199)


def test_board__many_transactions__keeps_the_curve_in_bounded_memory(board: Board, chain: Chain) -> None:
    for _ in range(KEPT_POINTS + 10):
        board.note(chain.block())
        chain.settle(chain.decide("sent"), worth_wei=FINNEY + FINNEY // 100)
        board.update()

    told = snapshot(board)

    assert len(told["profit"]["rows"]) <= KEPT_POINTS
    assert told["profit"]["rows"][-1][4] == pytest.approx((KEPT_POINTS + 10) / 1e3)
    assert len(told["decisions"]) == 80


def test_board__slow_things__are_told_when_they_change(board: Board, chain: Chain) -> None:
    board.note(chain.block())
    first = update(board)
    second = update(board)

    assert first["lenders"] == [{"name": "morpho", "fee": 0, "has": {"WETH": 5.0}}]
    assert "lenders" not in second
    assert snapshot(board)["lenders"] == first["lenders"]


def test_board__many_come_at_once__makes_the_whole_once_until_the_next_update(board: Board, chain: Chain) -> None:
    board.note(chain.block())
    first = board.snapshot()
    again = board.snapshot()
    board.note(chain.block())
    board.update()

    assert again is first
    assert len(snapshot(board)["blocks"]["rows"]) == 2


def test_board__held_pool__is_told_with_its_reason_and_time(board: Board, chain: Chain) -> None:
    chain.quarantine.hold(POOLS[0], "simulation", now=0.0)
    board.note(chain.block())

    (held,) = update(board)["quarantine"]["pools"]

    assert (held["dex"], held["tokens"], held["reason"]) == ("uniswap_v2", ["WETH", "USDC"], "simulation")


# -------------------------------------------------------------------- the keeper's own controls


def test_controls__paused_by_the_operator_and_a_breaker__needs_both_taken_back(tmp_path: Path) -> None:
    operation = Operation(tmp_path)
    controls = Controls(operation, Metrics())
    operation.begin()
    assert controls.status().state == "LIVE"
    assert controls.status().may_send
    assert not any(controls.status().breakers.values())

    controls.pause("operator", "lunch")
    operation.pause("stale_head", "the head is old")
    controls.resume("operator")

    standing = controls.status()
    assert (standing.state, standing.may_send) == ("DEGRADED", False)
    assert standing.reasons == {"stale_head": "the head is old"}
    assert standing.breakers["stale_head"]


def test_controls__halted__is_not_resumed_and_survives(tmp_path: Path) -> None:
    operation = Operation(tmp_path)
    controls = Controls(operation, Metrics())
    operation.begin()

    controls.halt("enough")
    controls.resume("operator")

    assert controls.status().state == "HALTED"
    assert Operation(tmp_path).reasons == {"by_hand": "enough"}
    assert b"arb_" in controls.metrics()


# -------------------------------------------------------------------- viewers


async def test_viewers__slow_one__is_let_go_and_the_others_are_not() -> None:
    viewers = Viewers()
    quick, slow = viewers.join(), viewers.join()
    assert quick and slow

    for number in range(40):
        viewers.tell(b"%d" % number)
        assert await quick.next() == b"%d" % number

    assert await slow.next() is None
    assert (len(viewers), viewers.dropped) == (1, 1)


async def test_viewers__many__are_all_told() -> None:
    viewers = Viewers()
    joined = [viewers.join() for _ in range(100)]

    viewers.tell(b"news")

    assert [await viewer.next() for viewer in joined if viewer] == [b"news"] * 100


async def test_viewers__too_many__are_not_let_in() -> None:
    viewers = Viewers()

    joined = [viewers.join() for _ in range(300)]

    assert joined.count(None) == 50
