"""
Two keepers with one key on one PostgreSQL, whose leader meets with accidents.
"""

import math
import os
import random
import shutil
import signal
import statistics
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import psycopg

import localnet
from keeper.journal import Entry, Journal, State
from keeper.types import Hash
from localnet import TraderSettings
from tests.faults.cables import Cable, Record, Sent, Tap
from tests.faults.nursery import Nursery, nursery
from tests.keeper_process import KeeperProcess, prepared
from tests.postgres import Server, server

Accident = Literal["killed", "stopped", "cut off"]
ACCIDENTS: tuple[Accident, ...] = ("killed", "stopped", "cut off")

#: When it happens: whenever, or as the leader sends something, whose bytes come through or are lost.
Moment = Literal["at any time", "after sending", "while sending"]
MOMENTS: tuple[Moment, ...] = ("at any time", "at any time", "after sending", "while sending")

#: Of the keepers here, and by default.
LEASE_SECONDS = 3.0

#: What docs/journal.md promises: the other one leads after so many leases, one of which it waits for, and a moment.
LEADS_IN_LEASES: dict[Accident, float] = {"killed": 1.25, "stopped": 2.25, "cut off": 2.25}

#: How long that moment may be where two cores run all of this, and how long until something that pays was sent.
_MOMENT_SECONDS, _SENDS_SECONDS = 3.0, 6.0

BLOCK_SECONDS = 0.5

#: What is searched is not the matter here, and lives are short.
_SETTINGS = {"KEEPER_MAX_HOPS": "3", "KEEPER_MAX_ROUTES": "1", "KEEPER_JOURNAL_LEASE_SECONDS": str(LEASE_SECONDS)}

#: Whatever takes longer will not come, however busy the machine is.
_PATIENCE_SECONDS = 150.0

#: A keeper that is not halted sends something in every other one here.
_HALTED_BLOCKS = 12

#: More than two looks at what no event announces, balances among it.
_REST_BLOCKS = 50

#: An accident that is to happen at any time happens within so many.
_ANY_TIME_BLOCKS = 2


@dataclass(slots=True)
class Side:
    """
    One of the two, and what it is connected by.

    Attributes:
        output: What the keeper that runs now, or ran last, wrote.
        code: How it ended, once it has.
    """

    name: str
    cable: Cable
    tap: Tap
    folder: Path
    pid: int = 0
    lives: int = 0
    output: Path = Path()
    code: int | None = None


@dataclass(frozen=True, slots=True)
class TakeOver:
    """
    Attributes:
        leads_seconds: From the accident until the other keeper led, with nothing left to wait for.
        sends_seconds: Until it had sent something.
    """

    accident: Accident
    moment: Moment
    leads_seconds: float
    sends_seconds: float


@dataclass(slots=True)
class Pair:
    """
    Attributes:
        takeovers: One for each accident.
    """

    keeper: KeeperProcess
    database: str
    nursery: Nursery
    sides: tuple[Side, Side]
    record: Record
    journal: "psycopg.Connection[tuple[Any, ...]]"
    takeovers: list[TakeOver] = field(default_factory=list)

    # ---------------------------------------------------------------- what happens

    def start(self, side: Side) -> None:
        """Start a keeper that leads, or stands by."""
        name = psycopg.conninfo.conninfo_to_dict(self.database)["dbname"]
        url = f"postgresql://keeper:unused@127.0.0.1:{side.cable.port}/{name}?application_name={side.name}"
        side.lives, side.code = side.lives + 1, None
        side.output = side.folder / f"{side.lives}.log"
        environment = self.keeper.environment | _SETTINGS
        environment |= {"KEEPER_RPC_URL": side.tap.url, "KEEPER_JOURNAL_URL": url}
        environment |= {"KEEPER_STATE_DIR": str(side.folder / "state")}
        side.pid = self.nursery.start([*self.keeper.arguments, "--log-level", "info"], environment, side.output)

    def meet(self, accident: Accident, rng: random.Random) -> None:
        """Have the leader meet with an accident, see the other take over, and bring the first back."""
        epoch, leader, standby = self._sending()
        moment = rng.choice(MOMENTS)
        began, began_at = self._strike(leader, accident, moment, rng)
        lives = standby.lives
        self._until(lambda: self._epoch() > epoch, f"{standby.name} has the locks", standby)
        waits = accident == "stopped" and rng.random() < 0.5
        if not waits:
            self._bring_back(leader, accident)
        self._until(lambda: self._sent_after(epoch), f"{standby.name} sends something", *self._others(leader, waits))
        if waits:
            self._bring_back(leader, accident)
        first = self._sent_after(epoch)[0]
        assert first.keeper == standby.name or standby.lives > lives, f"{first.keeper} took over from itself"
        ((led_at,),) = self._rows(
            "SELECT r.started_at FROM runs r JOIN transactions t ON t.run_id = r.id WHERE t.epoch > %s"
            " ORDER BY t.id LIMIT 1",
            epoch,
        )
        self.takeovers.append(TakeOver(accident, moment, led_at - began_at, first.at - began))

    def rest(self) -> None:
        """Nothing happens for a while, but that the leader sends: the standby is not to make anything of that."""
        _, _, standby = self._sending()
        lives, first = standby.lives, self.keeper.net.rpc("eth_blockNumber")
        until = int(first, 16) + _REST_BLOCKS
        self._until(lambda: int(self.keeper.net.rpc("eth_blockNumber"), 16) >= until, "time passes", *self.sides)
        assert standby.lives == lives
        assert "HALTED" not in standby.output.read_text()

    def halt(self) -> None:
        """Have the leader halted and killed: whoever takes over is halted, too, and sends nothing."""
        epoch, leader, standby = self._sending()
        os.kill(leader.pid, signal.SIGUSR1)
        self._until(lambda: self._rows("SELECT key FROM meta WHERE key = 'halted:by_hand'"), "the halt is written down")
        os.kill(leader.pid, signal.SIGKILL)
        self._ended(leader, -signal.SIGKILL)
        sent = len(self.record.sent)
        self._until(lambda: "keeper_started" in standby.output.read_text(), f"{standby.name} leads")
        first = int(self.keeper.net.rpc("eth_blockNumber"), 16)
        self._until(lambda: int(self.keeper.net.rpc("eth_blockNumber"), 16) > first + _HALTED_BLOCKS, "time passes")
        assert self._epoch() > epoch
        assert len(self.record.sent) == sent, "a keeper that was halted sent something"
        os.kill(standby.pid, signal.SIGTERM)
        self._until(lambda: self._has_ended(standby), f"{standby.name} ends")
        said = standby.output.read_text()
        assert standby.code == 1
        assert "halted, nothing is sent until it is armed again" in said.splitlines()[-1], said

    def end(self) -> None:
        """Stop both when told to; the standby first, for else it would lead."""
        _, leader, standby = self._settled()
        for side in (standby, leader):
            os.kill(side.pid, signal.SIGTERM)
            self._ended(side, 0)

    def _strike(self, side: Side, accident: Accident, moment: Moment, rng: random.Random) -> tuple[float, float]:
        """Return when it happened, by the steady clock and by the other."""
        happened: list[tuple[float, float]] = []
        struck = threading.Event()
        cut = rng.choice((side.cable.go_dark, side.cable.cut))

        def strike() -> bool:
            happened.append((time.monotonic(), time.time()))
            match accident:
                case "killed":
                    os.kill(side.pid, signal.SIGKILL)
                case "stopped":
                    os.kill(side.pid, signal.SIGSTOP)
                case "cut off":
                    cut()
            struck.set()
            return moment != "while sending"

        if moment == "at any time":
            threading.Event().wait(rng.uniform(0.0, _ANY_TIME_BLOCKS * BLOCK_SECONDS))
            strike()
        else:
            side.tap.ambush = strike
            assert struck.wait(_PATIENCE_SECONDS), f"{side.name} never sent anything more"
        return happened[0]

    def _bring_back(self, side: Side, accident: Accident) -> None:
        """It ends by itself, whatever it was about, and is started again, as whatever watches it would."""
        if accident == "stopped":
            os.kill(side.pid, signal.SIGCONT)
        self._ended(side, -signal.SIGKILL if accident == "killed" else 1)
        side.cable.mend()
        self.start(side)

    def _ended(self, side: Side, code: int) -> None:
        self._until(lambda: self._has_ended(side), f"{side.name} ends")
        said = side.output.read_text()
        assert side.code == code, said
        if code == 1:
            assert "Traceback" not in said
            assert any(words in said.splitlines()[-1] for words in ("lead", "out of reach")), said

    def _has_ended(self, side: Side) -> bool:
        if side.code is None:
            side.code = self.nursery.code(side.pid)
        return side.code is not None

    def _supervise(self, side: Side) -> None:
        """Start again what has stopped because it could not be sure to lead: on a busy machine that is an accident."""
        if self._has_ended(side):
            self._ended(side, 1)
            self.start(side)

    # ---------------------------------------------------------------- what is seen

    def _settled(self) -> tuple[int, Side, Side]:
        """Wait until one leads and the other stands by, warm; return the epoch, the leader and the standby."""
        found: list[tuple[int, Side, Side]] = []

        def look() -> bool:
            if self._rows("SELECT to_regclass('leaders')") == [(None,)]:
                return False  # neither has come so far
            # Nobody stands for the leadership before his market is read.
            standing = self._rows(
                "SELECT application_name FROM pg_stat_activity WHERE datname = current_database()"
                " AND (query LIKE '%%pg_try_advisory_lock%%' OR query LIKE '%%pg_advisory_unlock_all%%')"
                " AND pid <> pg_backend_pid()"
            )
            for epoch, holder in self._rows("SELECT epoch, holder FROM leaders"):
                for leader, standby in (self.sides, self.sides[::-1]):
                    if holder.endswith(f":{leader.pid}") and (standby.name,) in standing:
                        found.append((epoch, leader, standby))
            return bool(found)

        self._until(look, "one leads and the other stands by", *self.sides)
        return found[-1]

    def _sending(self) -> tuple[int, Side, Side]:
        """Wait until one has sent something since it leads, and the other stands by; return as ``_settled``."""
        while True:
            epoch, leader, standby = self._settled()
            lives = leader.lives, standby.lives
            self._until(
                lambda epoch=epoch: self._sent_after(epoch - 1) or self._epoch() > epoch,  # type: ignore[misc]
                "the leader sends something",
                *self.sides,
            )
            if self._epoch() == epoch and lives == (leader.lives, standby.lives):
                return epoch, leader, standby

    def _others(self, struck: Side, is_stopped: bool) -> tuple[Side, ...]:
        return tuple(side for side in self.sides if side is not struck or not is_stopped)

    def _epoch(self) -> int:
        return max((epoch for (epoch,) in self._rows("SELECT epoch FROM leaders")), default=0)

    def _sent_after(self, epoch: int) -> list[Sent]:
        """What was sent of what leaders of later epochs signed."""
        raws = {bytes(raw) for (raw,) in self._rows("SELECT raw FROM transactions WHERE epoch > %s", epoch)}
        return [sent for sent in list(self.record.sent) if sent.raw in raws]

    def _rows(self, statement: str, *values: object) -> list[tuple[Any, ...]]:
        return self.journal.execute(statement.encode(), values).fetchall()

    def _until(self, condition: Callable[[], object], what: str, *supervised: Side) -> None:
        """Wait for what processes do; all that is measured is measured where it happens."""
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while not condition():
            for side in supervised:
                self._supervise(side)
            assert time.monotonic() < deadline, f"it never came about that {what}: {self._words()}"
            with self.record.changed:
                self.record.changed.wait(0.1)

    def _words(self) -> str:
        """The last of what both said."""
        return "\n".join(line for side in self.sides for line in side.output.read_text().splitlines()[-12:])

    # ---------------------------------------------------------------- what must be true

    def check(self) -> int:
        """
        One at a time submitted, no nonce was used twice, and the journal is what happened on the chain. Return how many
        nonces were used.
        """
        journal = Journal.connect(self.database, 42161, Hash(self.keeper.net.genesis_hash), LEASE_SECONDS)
        entries = journal.entries()
        journal.close()
        self._one_at_a_time()
        by_nonce: dict[int, list[Entry]] = defaultdict(list)
        for entry in entries:
            by_nonce[entry.transaction.nonce].append(entry)
            receipt = self.keeper.net.rpc("eth_getTransactionReceipt", entry.transaction.hash)
            assert (receipt is not None) == (entry.state is not State.DROPPED), entry.state
            if receipt is not None:
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
        return len(in_block)

    def _one_at_a_time(self) -> None:
        signed = {
            bytes(raw): (transaction_hash, epoch)
            for raw, transaction_hash, epoch in self._rows("SELECT raw, hash, epoch FROM transactions")
        }
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
            (folder / name / "state").mkdir(parents=True)
            shutil.copy(keeper.state_dir / "deployment.json", folder / name / "state")
            sides.append(Side(name, cable, tap, folder / name))
        journal = open_.enter_context(psycopg.connect(database, autocommit=True))
        keepers = open_.enter_context(nursery())
        both = Pair(keeper, database, keepers, (sides[0], sides[1]), record, journal)
        for side in both.sides:
            both.start(side)
        yield both


def have_accidents(folder: Path, accidents: list[Accident], seed: int, thorough: bool = False) -> "Campaign":
    """
    Have one leader after another meet with these accidents, in random order.

    Args:
        thorough: Whether they have some time without any besides, and then a leader that is halted.
    """
    rng = random.Random(seed)
    rng.shuffle(accidents)
    with server() as postgres, slow_localnet(folder) as keeper, pair(keeper, postgres, folder) as both:
        for accident in accidents:
            both.meet(accident, rng)
        if thorough:
            both.rest()
        both.end()
        if thorough:
            for side in both.sides:
                both.start(side)
            both.halt()
        nonces = both.check()
        sent = len(both.record.sent)
    return Campaign(both.takeovers, nonces, sent)


@dataclass(frozen=True, slots=True)
class Campaign:
    """
    Attributes:
        nonces: How many were used, each once.
        sent: How many times bytes came to the node.
    """

    takeovers: Sequence[TakeOver]
    nonces: int
    sent: int

    @property
    def met(self) -> Counter[str]:
        """How often what happened."""
        return Counter(each.accident for each in self.takeovers)

    def too_slow(self) -> list[TakeOver]:
        """Those that took longer than they may."""
        return [
            each
            for each in self.takeovers
            if each.leads_seconds > LEADS_IN_LEASES[each.accident] * LEASE_SECONDS + _MOMENT_SECONDS
            or each.sends_seconds > LEADS_IN_LEASES[each.accident] * LEASE_SECONDS + _SENDS_SECONDS
        ]

    def summary(self) -> str:
        """The figures, two lines for each kind of accident."""
        lines = [
            f"{len(self.takeovers)} accidents; {self.nonces} nonces used, none twice; bytes sent {self.sent} times"
        ]
        for accident in ACCIDENTS:
            found = [each for each in self.takeovers if each.accident == accident]
            lines += [
                f"{accident} {len(found)} times: the other {what} after {_spread(seconds)}"
                for what, seconds in (
                    ("led", [each.leads_seconds for each in found]),
                    ("sent", [each.sends_seconds for each in found]),
                )
                if found
            ]
        return "\n".join(lines)


def _spread(seconds: Sequence[float]) -> str:
    ordered = sorted(seconds)
    late = ordered[math.ceil(0.99 * len(ordered)) - 1]
    return f"{statistics.median(ordered):.1f} s at the median, {late:.1f} at p99, {ordered[-1]:.1f} at most"
