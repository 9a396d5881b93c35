"""
What stops a running keeper: nothing is sent from then on, in this life and in the next, until it is armed again.
"""

import json
import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from keeper.execution.operation import HALTED_FILE, KILL_FILE
from tests.keeper_process import PATIENCE_SECONDS, ROOT, KeeperProcess, opened, wait_for


def head(keeper: KeeperProcess) -> int:
    return int(keeper.net.rpc("eth_blockNumber"), 16)


def halts(keeper: KeeperProcess) -> dict[str, str]:
    try:
        reasons: dict[str, str] = json.loads((keeper.state_dir / HALTED_FILE).read_text())["reasons"]
    except FileNotFoundError:
        return {}
    return reasons


def stopped(process: "subprocess.Popen[str]") -> tuple[int, str]:
    """Tell the keeper to stop; return its exit code and what it said on standard error."""
    process.send_signal(signal.SIGTERM)
    _, errors = process.communicate(timeout=PATIENCE_SECONDS)
    return process.returncode, errors


def rearm(keeper: KeeperProcess) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "keeper", "rearm", "--state-dir", str(keeper.state_dir)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=PATIENCE_SECONDS)


def test_kill_file__nothing_is_sent_from_the_next_block_on__until_it_is_armed_again(
    keeper: KeeperProcess,
) -> None:
    began = keeper.nonce()
    process = keeper.start()
    try:
        wait_for(lambda: keeper.nonce() > began, process)
        (keeper.state_dir / KILL_FILE).touch()
        told_at = head(keeper)
        wait_for(lambda: head(keeper) >= told_at + 20, process)
        # What had left by then may come into the block that was being made, and into no later one.
        assert keeper.nonce() == keeper.nonce(hex(told_at + 2))
        refused = rearm(keeper)
        assert refused.returncode != 0
        assert "another keeper is running" in refused.stderr
    finally:
        code, errors = stopped(process)
    assert code == 1
    assert "halted, nothing is sent until it is armed again" in errors
    sent = keeper.nonce()

    code, _, errors = keeper.run("--blocks", "12")

    assert code == 1
    assert "the file KILL" in errors
    assert keeper.nonce() == sent
    refused = rearm(keeper)
    assert refused.returncode != 0
    assert "KILL is still there: remove it first" in refused.stderr
    (keeper.state_dir / KILL_FILE).unlink()
    code, _, errors = keeper.run("--blocks", "12")
    assert code == 1, "without the file it is halted all the same"
    assert keeper.nonce() == sent

    assert rearm(keeper).returncode == 0
    process = keeper.start()
    try:
        wait_for(lambda: keeper.nonce() > sent, process)
    finally:
        code, errors = stopped(process)
    assert code == 0, errors


def flagged(keeper: KeeperProcess, reason: str | None) -> None:
    """Put the halt flag into the journal, or take it out."""
    database = sqlite3.connect(keeper.state_dir / "journal.sqlite", timeout=10)
    with database:
        database.execute("DELETE FROM meta WHERE key = 'halt'")
        if reason is not None:
            database.execute("INSERT INTO meta VALUES ('halt', ?)", (reason,))
    database.close()


def paused(keeper: KeeperProcess, yes: bool) -> None:
    """
    Have `paused` of the executor say so. Here the owner's key is the operator's, too: a real call would use its nonce.
    """
    executor = json.loads((keeper.state_dir / "deployment.json").read_text())["executor"]
    layout = json.loads((ROOT / "scripts" / "executor_build.json").read_text())["storage"]
    slot = int(layout["roles.paused"].split(",")[0].removeprefix("slot "))
    keeper.net.rpc("anvil_setStorageAt", executor, hex(slot), f"0x{int(yes):064x}")


def coded(keeper: KeeperProcess, code: str) -> str:
    """Give the executor other code, and return what it had."""
    executor = json.loads((keeper.state_dir / "deployment.json").read_text())["executor"]
    before: str = keeper.net.rpc("eth_getCode", executor, "latest")
    keeper.net.rpc("anvil_setCode", executor, code)
    return before


def drained(keeper: KeeperProcess) -> None:
    balance = int(keeper.net.rpc("eth_getBalance", keeper.operator, "latest"), 16)
    keeper.net.rpc("anvil_setBalance", keeper.operator, hex(balance - 10**18))


def test_signal__halts_and_pages(keeper: KeeperProcess, posted: tuple[str, list[dict[str, Any]]]) -> None:
    url, taken = posted
    began = keeper.nonce()
    process = keeper.start(KEEPER_WEBHOOK_URLS=json.dumps([url]))
    try:
        wait_for(lambda: keeper.nonce() > began, process)
        process.send_signal(signal.SIGUSR1)
        wait_for(lambda: "by_hand" in halts(keeper), process)
        told_at = head(keeper)
        wait_for(lambda: head(keeper) >= told_at + 8, process)
        assert keeper.nonce() == keeper.nonce(hex(told_at + 2))
    finally:
        code, errors = stopped(process)

    assert code == 1
    assert "SIGUSR1 was received" in errors
    assert "SECRET" not in errors
    pages = [alert for alert in taken if alert["severity"] == "page"]
    assert [(page["name"], page["text"]) for page in pages] == [
        ("halted", "the keeper is halted (by_hand): SIGUSR1 was received")
    ]
    assert "forgotten: by_hand: SIGUSR1 was received" in rearm(keeper).stdout


def test_kill_switch__before_the_key_is_read__halts_from_the_beginning(keeper: KeeperProcess, tmp_path: Path) -> None:
    began, pipe = keeper.nonce(), tmp_path / "operator.json"
    os.mkfifo(pipe)
    process = replace(keeper, keystore=pipe).start("--blocks", "4")
    try:
        writers: list[int] = []
        wait_for(lambda: opened(pipe, writers), process)
        process.send_signal(signal.SIGUSR1)
        os.write(writers[0], keeper.keystore.read_bytes())
        os.close(writers[0])
        process.wait(PATIENCE_SECONDS)
    finally:
        code, errors = stopped(process)

    assert code == 1
    assert "SIGUSR1 was received" in errors
    assert keeper.nonce() == began
    assert "forgotten: by_hand: SIGUSR1 was received" in rearm(keeper).stdout


def test_chain_key_and_journal__each_is_seen_and_named(keeper: KeeperProcess) -> None:
    began = keeper.nonce()
    code_before: list[str] = []
    causes: dict[str, Callable[[], None]] = {
        "balance_unexplained": lambda: drained(keeper),
        "journal_flag": lambda: flagged(keeper, "the treasury moves house"),
        "executor_paused": lambda: paused(keeper, True),
        # The last one, for this code answers zero to every question.
        "code_changed": lambda: code_before.append(coded(keeper, "0x5f5f5f5260205ff3")),
    }
    process = keeper.start()
    try:
        wait_for(lambda: keeper.nonce() > began, process)
        for name, cause in causes.items():
            cause()
            wait_for(lambda name=name: name in halts(keeper), process)  # type: ignore[misc]
        told_at = head(keeper)
        wait_for(lambda: head(keeper) >= told_at + 8, process)
        assert keeper.nonce() == keeper.nonce(hex(told_at + 2))
    finally:
        code, errors = stopped(process)
        flagged(keeper, None)
        if code_before:
            coded(keeper, code_before[0])
        paused(keeper, False)

    assert code == 1
    reasons = halts(keeper)
    assert all(reason in errors for reason in reasons.values())
    assert f"{10**18} wei went out of the operator" in reasons["balance_unexplained"]
    assert "the treasury moves house" in reasons["journal_flag"]
    assert rearm(keeper).returncode == 0
