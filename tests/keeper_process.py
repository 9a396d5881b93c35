"""
A localnet with traders, the executor on it, and keepers as separate processes that can be killed.
"""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from eth_account import Account
from eth_account.signers.local import LocalAccount

from keeper.config import load_chain
from keeper.routes.warm import warm
from localnet import Localnet, accounts
from scripts._deployment import deploy, rehearsal_roles
from tests.executor_artifact import artifact

ROOT = Path(__file__).parents[1]
#: Off in production, and there to be traded here.
DEXES_OF_THE_LOCALNET = ["balancer_v2_stable", "balancer_v3_weighted"]
PASSPHRASE = "a public test key needs no secret"
#: On a busy machine, everything takes its time.
PATIENCE_SECONDS = 120.0


@dataclass(frozen=True, slots=True)
class KeeperProcess:
    """
    Starts keepers on one localnet with one state directory.
    """

    net: Localnet
    state_dir: Path
    keystore: Path
    operator: str

    @property
    def arguments(self) -> list[str]:
        """Of its command line."""
        return ["run", "--keystore", str(self.keystore), "--log-level", "warning"]

    @property
    def environment(self) -> dict[str, str]:
        """All of it."""
        return os.environ | {
            "KEEPER_RPC_URL": self.net.url,
            "KEEPER_WS_URL": self.net.ws_url,
            "KEEPER_STATE_DIR": str(self.state_dir),
            "KEEPER_PASSPHRASE": PASSPHRASE,
            "KEEPER_DEXES_ON": json.dumps(DEXES_OF_THE_LOCALNET),
            # With each reorganisation anvil's clock falls behind for good, by what was taken back.
            "KEEPER_MAX_BLOCK_LAG_SECONDS": "3600",
            # Many are killed here soon after their start.
            "KEEPER_MAX_QUICK_FAILURES": "0",
        }

    def nonce(self, block: str = "latest") -> int:
        """How many transactions of the operator are in blocks up to this one."""
        return int(self.net.rpc("eth_getTransactionCount", self.operator, block), 16)

    def start(self, *arguments: str, **environment: str) -> "subprocess.Popen[str]":
        """Start a keeper; *environment* is added to its own."""
        return subprocess.Popen(
            [sys.executable, "-m", "keeper", *self.arguments, *arguments],
            cwd=ROOT,
            env=self.environment | environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *arguments: str, **environment: str) -> tuple[int, str, str]:
        """Run a keeper to its end; return exit code, standard output and standard error."""
        process = self.start(*arguments, **environment)
        try:
            output, errors = process.communicate(timeout=PATIENCE_SECONDS)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.communicate()
            raise
        return process.returncode, output, errors


def prepared(net: Localnet, directory: Path, others: Sequence[LocalAccount] = ()) -> KeeperProcess:
    """
    Deploy the executor on a localnet, with anvil's first public account for operator, and return what starts keepers.

    Args:
        others: Who may use the executor besides.
    """
    warm()  # no life is spent on compiling
    facts = load_chain("arbitrum")
    operator = accounts.public(0)
    profit_tokens = tuple(facts.token(symbol) for symbol in facts.profit_tokens)
    roles = rehearsal_roles(operator.address, accounts.public(9).address, profit_tokens)
    roles = replace(roles, operators=(*roles.operators, *(account.address for account in others)))
    record = directory / "state" / "deployment.json"
    deploy(net.url, operator, roles, "localnet", record, artifact=artifact())
    keystore = write_keystore(directory / "operator.json", operator)
    return KeeperProcess(net, directory / "state", keystore, operator.address.lower())


def wait_for(condition: Callable[[], bool], process: "subprocess.Popen[str]") -> None:
    """Wait for what happens in a keeper's process, or by it."""
    deadline, pause = time.monotonic() + PATIENCE_SECONDS, threading.Event()
    while not condition():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline, "it did not happen in time"
        pause.wait(0.05)


def write_keystore(path: Path, account: LocalAccount) -> Path:
    """Write a key file, and return where it is."""
    path.write_text(json.dumps(Account.encrypt(account.key, PASSPHRASE, kdf="pbkdf2", iterations=1)))
    return path


def opened(pipe: Path, writers: list[int]) -> bool:
    """Whether somebody waits for what is written there; where it is written is added to *writers*."""
    try:
        writers.append(os.open(pipe, os.O_WRONLY | os.O_NONBLOCK))
    except OSError:
        return False
    return True
