"""
A long recording of real bytecode, studied: the same report each time, on one worker and on two, and every finding
executed on the EVM that made the recording.
"""

import argparse
import asyncio
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from click.testing import CliRunner
from eth_account import Account

import localnet
from benchmarks._executor import FACTS, PROFIT_TOKENS, TREASURY
from keeper.__main__ import cli
from keeper.chain.heads import PolledHeads
from keeper.chain.rpc import Rpc
from keeper.record import record
from localnet import Localnet, TraderSettings, accounts
from scripts._deployment import deploy, rehearsal_roles

_PASSPHRASE = "a public test key needs no secret"  # noqa: S105 - of a public test key
_LEAST_PROFIT_WEI = 10**13

#: anvil writes its whole state down for every block, so that few large ones take less time than many small ones.
_BLOCK_SECONDS = 0.35


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--events", type=int, default=100_000, help="how many the recording has at least")
    parser.add_argument("--trades", type=float, default=100.0, help="of the noise traders in a block")
    parser.add_argument("--keep", type=Path, help="keep recording, report and page in this folder")


def run(options: argparse.Namespace) -> dict[str, Any]:
    with TemporaryDirectory() as scratch:
        folder = options.keep or Path(scratch)
        folder.mkdir(parents=True, exist_ok=True)
        traders = TraderSettings(seed=8, trades_per_block=options.trades)
        with localnet.start(block_seconds=_BLOCK_SECONDS, traders=traders, archive=True) as net:
            executor = _deployed(net, folder)
            began = time.perf_counter()
            with _keeper(net, folder):
                blocks = _record(net, folder, options.events)
            recorded_seconds = time.perf_counter() - began
            net.settle()
            asked = ("--rpc-url", net.url, "--executor", executor)
            reports = {
                "once": _study(folder, "once", *asked, html=True),
                "again": _study(folder, "again"),
                "two workers": _study(folder, "two", "--workers", "2"),
                "other shards": _study(folder, "other", "--blocks", "333"),
            }
    first = reports["once"][0]
    return {
        "recording": {"blocks": blocks, "seconds": round(recorded_seconds, 1), **first["logs"]},
        "opportunities": first["opportunities"],
        "profit_eth": round(int(first["profit_wei"]) / 10**18, 6),
        "latency": {
            str(row["blocks"]): f"{row['executed']} executed, {row['missed']} missed" for row in first["latency"]
        },
        "evm": first["evm"],
        "seconds": {name: round(seconds, 1) for name, (_, seconds) in reports.items()},
        "same": {name: _told(report) == _told(first) for name, (report, _) in reports.items()},
    }


def lines(results: Mapping[str, Any]) -> Iterator[str]:
    for name, values in results.items():
        yield f"{name:<14} " + (
            ", ".join(f"{key} {value}" for key, value in values.items()) if isinstance(values, dict) else str(values)
        )


def _deployed(net: Localnet, folder: Path) -> str:
    operator = accounts.public(0)
    roles = rehearsal_roles(operator.address, TREASURY, PROFIT_TOKENS)
    state_dir = folder / "state"
    shutil.rmtree(state_dir, ignore_errors=True)
    record = deploy(net.url, operator, roles, "local", state_dir / "deployment.json")
    keystore = Account.encrypt(operator.key, _PASSPHRASE, kdf="pbkdf2", iterations=1)
    (folder / "operator.json").write_text(json.dumps(keystore))
    return str(json.loads(record.read_text())["executor"])


@contextmanager
def _keeper(net: Localnet, folder: Path) -> Iterator[None]:
    """A keeper that trades meanwhile: else what pays would stand for ever, and nothing new would begin."""
    settings = {
        "KEEPER_RPC_URL": net.url,
        "KEEPER_STATE_DIR": str(folder / "state"),
        "KEEPER_PASSPHRASE": _PASSPHRASE,
        "KEEPER_MIN_PROFIT_WEI": str(_LEAST_PROFIT_WEI),
    }
    command = [sys.executable, "-m", "keeper", "run", "--keystore", str(folder / "operator.json")]
    with (folder / "keeper.log").open("wb") as log:
        process = subprocess.Popen(command, env=os.environ | settings, stdout=log, stderr=log)
        try:
            yield
            if process.poll() is not None:
                raise RuntimeError(f"the keeper ended with {process.returncode}: {(folder / 'keeper.log').read_text()}")
        finally:
            process.terminate()
            process.wait()


def _record(net: Localnet, folder: Path, events: int) -> int:
    """Record so many events at least, and return how many blocks that took."""
    logs = folder / "logs.jsonl"

    async def record_until() -> int:
        stop = asyncio.Event()
        async with Rpc(net.url) as rpc:
            heads = PolledHeads(0.02)
            recording = asyncio.create_task(record(rpc, heads, FACTS, folder / "snapshot.jsonl", logs, 1 << 40, stop))
            written = place = 0
            while written < events and not recording.done():
                await asyncio.sleep(1)
                if logs.exists():
                    with logs.open("rb") as file:
                        file.seek(place)
                        more = file.read()
                    written, place = written + more.count(b"\n"), place + len(more)
            stop.set()
            return await recording

    return asyncio.run(record_until())


def _study(folder: Path, name: str, *options: str, html: bool = False) -> tuple[dict[str, Any], float]:
    report = folder / f"{name}.json"
    page = ("--html", str(folder / "report.html")) if html else ()
    work = ("--work", str(folder / f"work-{name}"))
    began = time.perf_counter()
    # Shards that an earlier run left would be read, not studied.
    shutil.rmtree(folder / f"work-{name}", ignore_errors=True)
    arguments = ["backtest", str(folder), "--report", str(report), *page, *work]
    arguments += ["--blocks", "500", "--min-profit-wei", str(_LEAST_PROFIT_WEI), *options]
    told = CliRunner().invoke(cli, arguments)
    if told.exit_code:
        raise RuntimeError(told.output)
    return json.loads(report.read_text()), time.perf_counter() - began


def _told(report: Mapping[str, Any]) -> dict[str, Any]:
    """All but what only one of the studies asked for."""
    return {name: value for name, value in report.items() if name != "evm"}
