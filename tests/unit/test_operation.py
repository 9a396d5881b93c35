"""
Whether the keeper may send, and what survives its end.
"""

import json
from pathlib import Path

import pytest

from keeper.errors import ConfigError
from keeper.execution.operation import OperatingState, Operation


@pytest.fixture
def operation(tmp_path: Path) -> Operation:
    operation = Operation(tmp_path, clock=lambda: 1_000.0)
    operation.begin()
    return operation


def test_operation__not_begun__is_starting_and_may_not_send(tmp_path: Path) -> None:
    operation = Operation(tmp_path)

    assert operation.state is OperatingState.STARTING
    assert not operation.may_send
    assert not operation.decides


def test_operation__begun__is_live(operation: Operation) -> None:
    assert operation.state is OperatingState.LIVE
    assert operation.may_send
    assert operation.reasons == {}


def test_operation__dry_run__decides_and_may_not_send(tmp_path: Path) -> None:
    operation = Operation(tmp_path, dry_run=True)
    operation.begin()

    assert operation.state is OperatingState.DRY_RUN
    assert operation.decides
    assert not operation.may_send


def test_pause__two_names__both_must_be_resumed(operation: Operation) -> None:
    operation.pause("stale_head", "no block for 5 s")
    operation.pause("base_fee", "it is above the cap")

    assert operation.resume("stale_head")
    assert operation.state is OperatingState.DEGRADED
    assert operation.reasons == {"base_fee": "it is above the cap"}
    assert not operation.may_send
    assert operation.resume("base_fee")
    assert not operation.resume("base_fee")
    assert operation.state is OperatingState.LIVE


def test_halt__is_on_disk_at_once_and_outlives_the_process(operation: Operation, tmp_path: Path) -> None:
    operation.halt("a loss of 0.02 ETH within an hour", "loss_hour")

    record = json.loads((tmp_path / "HALTED").read_text())
    assert record == {"at": 1_000.0, "reasons": {"loss_hour": "a loss of 0.02 ETH within an hour"}}
    assert not (tmp_path / "HALTED.partial").exists()
    later = Operation(tmp_path)
    later.begin()
    assert later.state is OperatingState.HALTED
    assert later.reasons == {"loss_hour": "a loss of 0.02 ETH within an hour"}
    assert not later.may_send


def test_halt__is_not_resumed(operation: Operation) -> None:
    operation.halt("told to")

    assert not operation.resume("by_hand")
    assert operation.state is OperatingState.HALTED


def test_halt__while_paused__names_both(operation: Operation) -> None:
    operation.pause("stale_head", "no block")
    operation.halt("told to")

    assert operation.reasons == {"by_hand": "told to", "stale_head": "no block"}


def test_rearm__forgets_the_halt(operation: Operation, tmp_path: Path) -> None:
    operation.halt("told to")

    operation.rearm()

    assert operation.state is OperatingState.LIVE
    assert not (tmp_path / "HALTED").exists()
    assert Operation(tmp_path).reasons == {}


def test_rearm__kill_file_still_there__is_refused(operation: Operation, tmp_path: Path) -> None:
    (tmp_path / "KILL").touch()
    assert not operation.may_send

    with pytest.raises(ConfigError, match="KILL is still there: remove it first"):
        operation.rearm()

    assert operation.state is OperatingState.HALTED


def test_kill_file__is_seen_by_the_very_next_question(operation: Operation, tmp_path: Path) -> None:
    assert operation.may_send
    (tmp_path / "KILL").touch()

    assert not operation.may_send
    (tmp_path / "KILL").unlink()
    assert not operation.may_send
    assert "KILL" in operation.reasons["by_hand"]


def test_halt__disk_cannot_take_it__holds_and_is_written_later(tmp_path: Path) -> None:
    directory = tmp_path / "gone"
    operation = Operation(directory)
    operation.begin()

    operation.halt("disk is full", "disk")
    assert operation.state is OperatingState.HALTED
    directory.mkdir()
    operation.look()

    assert json.loads((directory / "HALTED").read_text())["reasons"] == {"disk": "disk is full"}


@pytest.mark.parametrize("text", ["", "{", "[]", '{"reasons": 3}', '{"reasons": {}}'])
def test_record__cannot_be_understood__halts_all_the_same(tmp_path: Path, text: str) -> None:
    (tmp_path / "HALTED").write_text(text)

    operation = Operation(tmp_path)
    operation.begin()

    assert operation.state is OperatingState.HALTED


def test_halt__disk_has_room_for_a_name_only__halts_the_next_life(operation: Operation, tmp_path: Path) -> None:
    # Where the record would be written first nothing can be, as on a full disk.
    (tmp_path / "HALTED.partial").mkdir()

    operation.halt("the disk is full", "journal")
    assert Operation(tmp_path).state is OperatingState.HALTED
    (tmp_path / "HALTED.partial").rmdir()
    operation.look()

    assert Operation(tmp_path).reasons == {"journal": "the disk is full"}


def test_changes__counts_only_what_changes(operation: Operation) -> None:
    before = operation.changes

    operation.pause("stale_head", "no block")
    operation.pause("stale_head", "no block")
    operation.resume("stale_head")
    operation.resume("stale_head")

    assert operation.changes == before + 2
