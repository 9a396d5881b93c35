"""
A recording of real bytecode, replayed: every swap is explained to the wei, in whatever order the logs come.
"""

import json
import os
import random
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

import localnet
from keeper.__main__ import cli
from keeper.chain.reader import Reader
from keeper.chain.rpc import Rpc
from keeper.config import load_chain
from keeper.pools import FAMILIES
from keeper.pools.pool import PoolInfo
from keeper.registry import TICK_RADIUS
from keeper.types import Address, Hash
from localnet import Localnet, TraderSettings

FACTS = load_chain("arbitrum")
ROOT = Path(__file__).parents[2]


@dataclass(frozen=True, slots=True)
class Recording:
    snapshot: Path
    logs: Path

    def lines(self) -> list[str]:
        return self.logs.read_text().splitlines()


@pytest.fixture(scope="module")
def net() -> Iterator[Localnet]:
    with localnet.start(block_seconds=0.05, traders=TraderSettings(seed=8, trades_per_block=3.0)) as net:
        yield net


@pytest.fixture(scope="module")
def recording(net: Localnet, tmp_path_factory: pytest.TempPathFactory) -> Recording:
    folder = tmp_path_factory.mktemp("recording")
    recording = Recording(folder / "snapshot.jsonl", folder / "logs.jsonl")
    arguments = ["--snapshot", str(recording.snapshot), "--logs", str(recording.logs), "--blocks", "100"]
    result = CliRunner().invoke(cli, ["record", "--rpc-url", net.url, *arguments])
    assert result.exit_code == 0, result.output
    return recording


def replay(recording: Recording, folder: Path, *lines: str) -> dict[str, Any]:
    """Replay the recording, or these lines in place of its logs."""
    logs = folder / "logs.jsonl"
    logs.write_text("\n".join(lines or recording.lines()))
    arguments = ["--snapshot", str(recording.snapshot), "--logs", str(logs), "--report", str(folder / "r.json")]
    result = CliRunner().invoke(cli, ["replay", *arguments, "--max-hops", "3"])
    assert result.exit_code == 0, result.output
    report: dict[str, Any] = json.loads((folder / "r.json").read_text())
    assert report.pop("seconds") >= 0
    return report


def test_replay__recording__every_swap_is_explained(recording: Recording, tmp_path: Path) -> None:
    report = replay(recording, tmp_path)

    assert report["logs"] == len(recording.lines())
    assert report["logs"] == report["applied"] + report["invalidated"] + report["ignored"] + report["malformed"]
    assert report["malformed"] == 0
    lost = {address for address, pool in report["pools"].items() if pool["final_state"] is None}
    families = {
        state["address"]: state["family"] for state in map(json.loads, recording.snapshot.read_text().splitlines())
    }
    assert {families[address] for address in lost} <= {"curve_stableswap", "balancer_stable"}
    assert report["invalidated"] == len(lost)
    pools = report["pools"].values()
    assert sum(pool["mismatch"] for pool in pools) == 0
    assert sum(pool["swaps"] for pool in pools) > 100
    assert report["opportunities"] > 0


async def test_replay__recording__ends_where_the_chain_is(net: Localnet, recording: Recording, tmp_path: Path) -> None:
    report = replay(recording, tmp_path)
    states = [state for pool in report["pools"].values() if (state := pool["final_state"]) is not None]
    infos = [PoolInfo.from_snapshot(state) for state in states]

    async with Rpc(net.url) as rpc:
        readings = [FAMILIES[info.family].read(info, TICK_RADIUS) for info in infos]
        at = Hash(states[0]["block_hash"])
        read = await Reader(rpc, Address(FACTS.multicall3)).read(readings, at)

    ours = [FAMILIES[state["family"]].from_snapshot(state) for state in states]
    assert [_without_ticks_known(pool) for pool in ours] == [_without_ticks_known(pool) for pool in read]


def _without_ticks_known(pool: Any) -> dict[str, Any]:
    """What was read around another price knows other ticks; all else must be the same."""
    state: dict[str, Any] = pool.snapshot()
    return {key: value for key, value in state.items() if key not in ("ticks", "known_ticks")}


def test_replay__twice__is_the_same(recording: Recording, tmp_path: Path) -> None:
    assert replay(recording, tmp_path) == replay(recording, tmp_path)


def test_replay__two_processes_that_hash_otherwise__plan_the_same_bytes(recording: Recording, tmp_path: Path) -> None:
    """What sets and dictionaries are ordered by differs from process to process."""
    logs = tmp_path / "logs.jsonl"
    logs.write_text("\n".join(recording.lines()[:120]))
    processes = []
    for seed in ("1", "2"):
        paths = ["--snapshot", recording.snapshot, "--logs", logs, "--report", tmp_path / f"{seed}.json"]
        processes.append(
            subprocess.Popen(
                [sys.executable, "-m", "keeper", "replay", *map(str, paths)],
                cwd=ROOT,
                env=os.environ | {"PYTHONHASHSEED": seed},
                stdout=subprocess.PIPE,
                text=True,
            )
        )
    said = [process.communicate(timeout=60)[0] for process in processes]
    reports = [json.loads((tmp_path / f"{seed}.json").read_text()) | {"seconds": 0} for seed in ("1", "2")]

    assert reports[0] == reports[1]
    assert reports[0]["opportunities"] > 0
    told = f"{reports[0]['opportunities']} opportunities, their plans' sha256 {reports[0]['plans_sha256']}\n"
    assert said == [told, told]


def test_replay__logs_shuffled_doubled_and_removed__is_the_same(recording: Recording, tmp_path: Path) -> None:
    lines = recording.lines()
    chance = random.Random(1)
    again = chance.sample(lines, 50)
    removed = [json.dumps(json.loads(line) | {"removed": True}) for line in again]
    foreign = [json.dumps(json.loads(line) | {"blockHash": "0x" + "77" * 32}) for line in again]
    foreign_removed = [json.dumps(json.loads(line) | {"removed": True}) for line in foreign]
    mixed = lines + chance.sample(lines, 30)
    chance.shuffle(mixed)

    assert replay(recording, tmp_path, *foreign, *foreign_removed, *mixed, *removed, *again) == replay(
        recording, tmp_path
    )


def test_replay__malformed_logs__are_counted_and_their_pool_refused(recording: Recording, tmp_path: Path) -> None:
    lines = recording.lines()
    last = json.loads(lines[-1])
    broken = json.dumps(last | {"data": last["data"][:-64]})

    report = replay(recording, tmp_path, *lines[:-1], broken, "not json", "[]", '{"blockNumber": "0x1"}')

    assert report["malformed"] == 4
    assert report["pools"][last["address"]]["final_state"] is None


def test_replay__altered_amount__is_a_mismatch(recording: Recording, tmp_path: Path) -> None:
    lines = recording.lines()
    swap_topic = "0xc42079f94a6350d7e6235f29174924f928cc2ac818eb64fed8004e115fbcca67"
    index = next(i for i, line in enumerate(lines) if json.loads(line)["topics"][0] == swap_topic)
    log = json.loads(lines[index])
    word = int(log["data"][2:66], 16) ^ 1
    lines[index] = json.dumps(log | {"data": f"0x{word:064x}{log['data'][66:]}"})

    report = replay(recording, tmp_path, *lines)

    assert report["pools"][log["address"]]["mismatch"] == 1
    assert sum(pool["mismatch"] for pool in report["pools"].values()) == 1


@pytest.mark.parametrize("snapshot", ["{}", "nonsense", '{"family": "uniswap_v2"}'])
def test_replay__broken_snapshot__is_refused(recording: Recording, tmp_path: Path, snapshot: str) -> None:
    (tmp_path / "s.jsonl").write_text(snapshot)
    arguments = ["--snapshot", str(tmp_path / "s.jsonl"), "--logs", str(recording.logs), "--report", "unused"]

    result = CliRunner().invoke(cli, ["replay", *arguments])

    assert result.exit_code == 1
    assert "line 1 of the snapshot is not a pool of a known family" in result.output


def test_record__nobody_there__is_refused(tmp_path: Path) -> None:
    arguments = ["--snapshot", str(tmp_path / "s"), "--logs", str(tmp_path / "l"), "--blocks", "1"]

    result = CliRunner().invoke(cli, ["record", "--rpc-url", "http://127.0.0.1:9", *arguments])

    assert result.exit_code == 1
    assert "is out of reach" in result.output
