"""
Two keepers with one key on one PostgreSQL, whose leader meets with accidents.
"""

import random
import shutil
import signal
import subprocess
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import psycopg

import localnet
from keeper.journal import Entry, Journal, State
from keeper.types import Hash
from localnet import TraderSettings
from tests.faults.cables import Cable, Record, Sent, Tap
from tests.keeper_process import KeeperProcess, prepared
from tests.postgres import Server, server

Accident = Literal["killed", "stopped", "cut off"]
ACCIDENTS: tuple[Accident, ...] = ("killed", "stopped", "cut off")

#: Of the keepers here.
LEASE_SECONDS = 3.0

BLOCK_SECONDS = 0.5

#: What is searched is not the matter here.
_QUICK = {"KEEPER_MAX_HOPS": "3", "KEEPER_MAX_ROUTES": "1"}

#: Whatever takes longer will not come, however busy the machine is.
_PATIENCE_SECONDS = 150.0

#: At most so long after a keeper began to send it meets with its accident.
_MOMENTS_SECONDS = 1.5


@dataclass(slots=True)
class Side:
    """
    One of the two, and what it is connected by.
    """

    name: str
    cable: Cable
    tap: Tap
    state_dir: Path
    process: "subprocess.Popen[str] | None" = None

    @property
    def pid(self) -> int:
        return self.process.pid if self.process is not None else 0


@dataclass(slots=True)
class Pair:
    """
    Attributes:
        takeovers: How long it took from each accident until the other one sent, in seconds.
    """

    keeper: KeeperProcess
    database: str
    sides: tuple[Side, Side]
    record: Record
    takeovers: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))

    # ---------------------------------------------------------------- what happens

    def start(self, side: Side) -> None:
        """Start a keeper that leads, or stands by."""
        server = psycopg.conninfo.conninfo_to_dict(self.database)
        url = f"postgresql://keeper:unused@127.0.0.1:{side.cable.port}/{server['dbname']}?application_name={side.name}"
        side.process = self.keeper.start(
            KEEPER_RPC_URL=side.tap.url,
            KEEPER_STATE_DIR=str(side.state_dir),
            KEEPER_JOURNAL_URL=url,
            KEEPER_JOURNAL_LEASE_SECONDS=str(LEASE_SECONDS),
            **_QUICK,
        )

    def meet(self, accident: Accident, rng: random.Random) -> None:
        """Have the leader meet with an accident while it sends, see the other take over, and bring the first back."""
        epoch, leader, standby = self._sending()
        threading.Event().wait(rng.uniform(0.0, _MOMENTS_SECONDS))
        began = time.monotonic()
        match accident:
            case "killed":
                _process(leader).send_signal(signal.SIGKILL)
            case "stopped":
                _process(leader).send_signal(signal.SIGSTOP)
            case "cut off":
                rng.choice((leader.cable.go_dark, leader.cable.cut))()
        self._until(lambda: self._sent_by(standby, epoch), f"{standby.name} sends something", standby)
        self.takeovers[accident].append(self._sent_by(standby, epoch)[0].at - began)
        if accident == "stopped":
            _process(leader).send_signal(signal.SIGCONT)
        self._ended(leader, -signal.SIGKILL if accident == "killed" else 1)
        leader.cable.mend()
        self.start(leader)

    def end(self) -> None:
        """Stop both when told to; the standby first, for else it would lead."""
        _, leader, standby = self._settled()
        for side in (standby, leader):
            process = _process(side)
            process.send_signal(signal.SIGTERM)
            _, errors = process.communicate(timeout=_PATIENCE_SECONDS)
            assert process.returncode == 0, errors

    def kill(self) -> None:
        """Leave nothing behind."""
        for side in self.sides:
            if side.process is not None and side.process.poll() is None:
                side.process.kill()
                side.process.communicate()

    def _ended(self, side: Side, code: int) -> None:
        process = _process(side)
        _, errors = process.communicate(timeout=_PATIENCE_SECONDS)
        assert process.returncode == code, errors
        if code == 1:
            assert "Traceback" not in errors
            assert any(words in errors.splitlines()[-1] for words in ("lead", "out of reach")), errors

    def _supervise(self, side: Side) -> None:
        """Start again what has stopped because it could not be sure to lead: on a busy machine that is an accident."""
        if _process(side).poll() is not None:
            self._ended(side, 1)
            self.start(side)

    # ---------------------------------------------------------------- what is seen

    def _settled(self) -> tuple[int, Side, Side]:
        """Wait until one leads and the other stands by; return the epoch, the leader and the standby."""
        found: list[tuple[int, Side, Side]] = []

        def look() -> bool:
            with psycopg.connect(self.database) as connection:
                if connection.execute("SELECT to_regclass('leaders')").fetchone() == (None,):
                    return False  # neither has come so far
                leaders = connection.execute("SELECT epoch, holder FROM leaders").fetchall()
                standing = connection.execute(
                    "SELECT application_name FROM pg_stat_activity WHERE datname = current_database()"
                    " AND (query LIKE '%pg_try_advisory_lock%' OR query LIKE '%pg_advisory_unlock_all%')"
                    " AND pid <> pg_backend_pid()"
                ).fetchall()
            for epoch, holder in leaders:
                for leader, standby in (self.sides, self.sides[::-1]):
                    if holder.endswith(f":{leader.pid}") and (standby.name,) in standing:
                        found.append((epoch, leader, standby))
            return bool(found)

        self._until(look, "one leads and the other stands by", *self.sides)
        return found[-1]

    def _sending(self) -> tuple[int, Side, Side]:
        """Wait until one has sent something since it leads, and the other stands by; return as ``_settled``."""
        found = self._settled()

        def sends() -> bool:
            nonlocal found
            if any(_process(side).poll() is not None for side in self.sides):
                found = self._settled()
            return bool(self._sent_by(found[1], found[0] - 1))

        self._until(sends, "the leader sends something")
        return found

    def _sent_by(self, side: Side, after: int) -> list[Sent]:
        """What a keeper sent of what it signed as the leader of an epoch after that."""
        with psycopg.connect(self.database) as connection:
            signed = connection.execute("SELECT raw FROM transactions WHERE epoch > %s", (after,)).fetchall()
        raws = {bytes(raw) for (raw,) in signed}
        return [sent for sent in list(self.record.sent) if sent.raw in raws and sent.keeper == side.name]

    def _until(self, condition: Callable[[], object], what: str, *supervised: Side) -> None:
        deadline, pause = time.monotonic() + _PATIENCE_SECONDS, threading.Event()
        while not condition():
            for side in supervised:
                self._supervise(side)
            assert time.monotonic() < deadline, f"it never came about that {what}"
            pause.wait(0.05)

    # ---------------------------------------------------------------- what must be true

    def check(self) -> int:
        """
        One at a time submitted, no nonce was used twice, and the journal is what happened on the chain. Return how many
        transactions were included.
        """
        journal = Journal.connect(self.database, 42161, Hash(self.keeper.net.genesis_hash), LEASE_SECONDS)
        entries = journal.entries()
        journal.close()
        self._one_at_a_time()
        by_nonce: dict[int, list[Entry]] = defaultdict(list)
        included = 0
        for entry in entries:
            by_nonce[entry.transaction.nonce].append(entry)
            receipt = self.keeper.net.rpc("eth_getTransactionReceipt", entry.transaction.hash)
            assert (receipt is not None) == (entry.state is not State.DROPPED), entry.state
            if receipt is not None:
                included += 1
                assert entry.detail["block_hash"] == receipt["blockHash"]
                assert (entry.state is State.REVERTED) == (receipt["status"] == "0x0")
        for nonce, siblings in by_nonce.items():
            assert sum(entry.state is not State.DROPPED for entry in siblings) <= 1, f"nonce {nonce} was used twice"
            before = [None, *(entry.id for entry in siblings)]
            told = [entry.transaction.sibling_of for entry in siblings]
            assert told == before[:-1], f"nonce {nonce} was signed twice"
        used = int(self.keeper.net.rpc("eth_getTransactionCount", self.keeper.operator, "latest"), 16)
        first = min(by_nonce)
        in_block = sorted(nonce for nonce, each in by_nonce.items() if any(e.state is not State.DROPPED for e in each))
        assert in_block == list(range(first, used)), "a nonce was used by a transaction that the journal has not"
        return included

    def _one_at_a_time(self) -> None:
        with psycopg.connect(self.database) as connection:
            rows = connection.execute("SELECT raw, hash, epoch FROM transactions").fetchall()
        signed = {bytes(raw): (transaction_hash, epoch) for raw, transaction_hash, epoch in rows}
        latest, keepers = 0, {}
        for sent in self.record.sent:
            assert sent.raw in signed, "something was sent that the journal has not"
            transaction_hash, epoch = signed[sent.raw]
            assert keepers.setdefault(epoch, sent.keeper) == sent.keeper, "one sent what the other one signed"
            if epoch < latest:
                # Stopped after its last look at the lease: the bytes are the journal's, and too old to do anything.
                receipt = self.keeper.net.rpc("eth_getTransactionReceipt", transaction_hash)
                assert receipt is None or receipt["status"] == "0x0", "an earlier leader's bytes did their work"
            latest = max(latest, epoch)


def _process(side: Side) -> "subprocess.Popen[str]":
    assert side.process is not None
    return side.process


@contextmanager
def slow_localnet(folder: Path) -> Iterator[KeeperProcess]:
    """A localnet whose blocks leave time for two keepers beside it."""
    with localnet.start(traders=TraderSettings(seed=11), block_seconds=BLOCK_SECONDS) as net:
        yield prepared(net, folder)


@contextmanager
def pair(keeper: KeeperProcess, postgres: Server, folder: Path) -> Iterator[Pair]:
    """Start two keepers on one new database; none is left afterwards."""
    database = postgres.create(f"pair{time.monotonic_ns()}")
    record = Record()
    with ExitStack() as open_:
        sides = []
        for name in ("left", "right"):
            cable = open_.enter_context(Cable(postgres.port))
            tap = open_.enter_context(Tap(name, keeper.net.url, record, time.monotonic))
            state_dir = folder / name
            state_dir.mkdir()
            shutil.copy(keeper.state_dir / "deployment.json", state_dir)
            sides.append(Side(name, cable, tap, state_dir))
        both = Pair(keeper, database, (sides[0], sides[1]), record)
        try:
            for side in both.sides:
                both.start(side)
            yield both
        finally:
            both.kill()


def have_accidents(folder: Path, accidents: list[Accident], seed: int) -> dict[str, list[float]]:
    """
    Have one leader after another meet with these accidents, in random order; return how long take-overs took.
    """
    rng = random.Random(seed)
    rng.shuffle(accidents)
    with server() as postgres, slow_localnet(folder) as keeper, pair(keeper, postgres, folder) as both:
        for accident in accidents:
            both.meet(accident, rng)
        both.end()
        assert both.check() > 0
    return both.takeovers
