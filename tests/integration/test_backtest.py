"""
A recording made while a keeper traded, studied: the same findings however it is cut and spread, and an EVM pays each.
"""

import json
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

import localnet
from keeper.__main__ import cli
from localnet import Localnet, TraderSettings
from tests.keeper_process import prepared

BLOCKS = 150
#: Of a machine that has other things to do.
_PATIENCE_SECONDS = 120


@dataclass(frozen=True, slots=True)
class Recorded:
    net: Localnet
    folder: Path
    executor: str

    def backtest(self, name: str, *options: str) -> Result:
        work = ("--work", str(self.folder / name))
        return CliRunner().invoke(
            cli, ["backtest", str(self.folder), "--report", str(self.report(name)), *work, *options]
        )

    def report(self, name: str) -> Path:
        return self.folder / f"{name}.json"

    def studied(self, name: str, *options: str) -> dict[str, Any]:
        result = self.backtest(name, *options)
        assert result.exit_code == 0, result.output
        report: dict[str, Any] = json.loads(self.report(name).read_text())
        return report


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Recorded]:
    folder = tmp_path_factory.mktemp("recording")
    with localnet.start(block_seconds=0.1, traders=TraderSettings(seed=8, trades_per_block=6.0), archive=True) as net:
        keepers = prepared(net, folder)
        executor = json.loads((folder / "state" / "deployment.json").read_text())["executor"]
        keeper = keepers.start()
        try:
            # Until it takes what pays, that stands, and no block makes anything new.
            _wait_for_a_transaction(net, keepers.operator, keeper)
            files = ["--snapshot", str(folder / "snapshot.jsonl"), "--logs", str(folder / "logs.jsonl")]
            result = CliRunner().invoke(cli, ["record", "--rpc-url", net.url, *files, "--blocks", str(BLOCKS)])
            assert result.exit_code == 0, result.output
            assert keeper.poll() is None
        finally:
            keeper.terminate()
            keeper.communicate()
        yield Recorded(net, folder, executor)


def _wait_for_a_transaction(net: Localnet, operator: str, keeper: "subprocess.Popen[str]") -> None:
    sent = net.rpc("eth_getTransactionCount", operator, "latest")
    until = time.monotonic() + _PATIENCE_SECONDS
    while net.rpc("eth_getTransactionCount", operator, "latest") == sent:
        assert keeper.poll() is None, "the keeper ended"
        assert time.monotonic() < until, "the keeper does not trade"
        time.sleep(0.1)


def test_backtest__every_finding_on_the_evm__pays_what_was_predicted_to_the_wei(recorded: Recorded) -> None:
    report = recorded.studied("evm", "--rpc-url", recorded.net.url, "--executor", recorded.executor)

    assert report["opportunities"]["new"] > 5
    assert report["evm"]["exact"] == report["evm"]["executed"] > 5
    assert report["evm"]["false_positive_rate"] == 0


def test_backtest__cut_and_spread_differently__finds_the_same(recorded: Recorded) -> None:
    whole = recorded.studied("whole")

    assert recorded.studied("again") == whole
    assert recorded.studied("pieces", "--blocks", "17") == whole
    assert recorded.studied("spread", "--blocks", "40", "--workers", "2") == whole


def test_backtest__executed_at_once__misses_nothing_and_later_not_more(recorded: Recorded) -> None:
    report = recorded.studied("later")

    at_once, *later = report["latency"]
    assert at_once["blocks"] == at_once["missed"] == 0
    assert at_once["executed"] == report["opportunities"]["new"]
    assert at_once["profit_wei"] == report["profit_wei"]
    # The keeper that traded meanwhile took some of them.
    assert all(row["missed"] > 0 for row in later[-1:])


def test_backtest__broken_off__goes_on_with_what_is_left(recorded: Recorded) -> None:
    whole = recorded.studied("broken", "--blocks", "40")
    results = sorted((recorded.folder / "broken").glob("*.result.json"))
    kept = results[0].stat().st_mtime_ns
    results[-1].unlink()

    assert recorded.studied("broken", "--blocks", "40") == whole
    assert results[0].stat().st_mtime_ns == kept
    assert results[-1].is_file()


def test_backtest__other_question__does_not_take_old_answers(recorded: Recorded) -> None:
    cheap = recorded.studied("asked")

    dear = recorded.studied("asked", "--gas-price-wei", str(10**12))

    assert dear["opportunities"]["found"] < cheap["opportunities"]["found"]


def test_backtest__page__shows_the_numbers_and_asks_nobody(recorded: Recorded, tmp_path: Path) -> None:
    report = recorded.studied("page", "--html", str(tmp_path / "page.html"))

    page = (tmp_path / "page.html").read_text()
    assert f"<b>{report['opportunities']['new']}</b>" in page
    assert page.count("<svg") >= 6
    assert "src=" not in page
    assert "<script" not in page


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--funding", "nobody"), "funding 'nobody' is unknown"),
        (("--chain", "nowhere"), "chain 'nowhere' is unknown"),
        (("--executor", "0x12", "--rpc-url", "http://127.0.0.1:1"), "is not an address"),
        (("--executor", "0x" + "12" * 20), "a node is needed"),
        (("--scheduler", "tcp://127.0.0.1:1"), "no Dask scheduler answers"),
    ],
)
def test_backtest__bad_option__is_one_sentence(recorded: Recorded, options: tuple[str, ...], words: str) -> None:
    result = recorded.backtest(f"refused-{words[:9]}", *options)

    assert result.exit_code == 1
    assert words in result.output
    assert "Traceback" not in result.output


def test_backtest__node_without_the_blocks__is_refused(recorded: Recorded) -> None:
    with localnet.start(sequencer=False) as other:
        result = recorded.backtest("other", "--rpc-url", other.url, "--executor", recorded.executor)

    assert result.exit_code == 1
    assert "is no executor with an operator" in result.output


def test_backtest__damaged_result__is_refused(recorded: Recorded) -> None:
    recorded.studied("damaged")
    for path in (recorded.folder / "damaged").glob("*.result.json"):
        path.write_text("{")

    result = recorded.backtest("damaged")

    assert result.exit_code == 1
    assert "is damaged" in result.output


def test_backtest__no_recording__is_refused(tmp_path: Path) -> None:
    result = CliRunner().invoke(cli, ["backtest", str(tmp_path), "--report", str(tmp_path / "r.json")])

    assert result.exit_code == 1
    assert "cannot be read" in result.output
