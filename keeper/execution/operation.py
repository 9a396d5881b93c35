"""
Whether the keeper may send: one state, with every reason for it.

    STARTING -> LIVE (or DRY_RUN) <-> DEGRADED      what pauses it has a name, and goes by that name again
                    any of them    -> HALTED        on disk and in the journal, until a person arms it again

DEGRADED and HALTED keepers follow the chain and their own transactions; they send nothing.
"""

import json
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from enum import StrEnum
from pathlib import Path

import structlog

from keeper.errors import ConfigError, KeeperError
from keeper.files import replace_file, sync_folder
from keeper.journal.halts import Halts

_log = structlog.get_logger("operation")

#: Files of the state directory: why the keeper is halted, and by which anybody who can write there halts it.
HALTED_FILE = "HALTED"
KILL_FILE = "KILL"

#: What the last day brought, for the next life; whoever arms the keeper again begins anew.
RESULTS_FILE = "results.json"

#: Halts that a person asked for, whatever the way.
BY_HAND = "by_hand"

#: The row of the journal by which anybody who can write there halts it.
JOURNAL_FLAG = "journal_flag"

#: Between two tries to have a halt in a journal that does not take it.
_AGAIN_SECONDS = 10.0


class OperatingState(StrEnum):
    """What the keeper is about."""

    STARTING = "STARTING"  # it does not know the chain yet
    DRY_RUN = "DRY_RUN"  # it does everything but send, because it was told so
    LIVE = "LIVE"  # the only state in which anything is sent
    DEGRADED = "DEGRADED"  # something pauses it
    HALTED = "HALTED"  # something stopped it, for good


class Operation:
    """
    The state machine.

    Attributes:
        changes: How often the state has changed, for whoever waits for news of it.
    """

    def __init__(self, state_dir: Path, dry_run: bool = False, clock: Callable[[], float] = time.time) -> None:
        """
        Take up the state that an earlier life left.

        Args:
            clock: Unix seconds; what a person reads in the file.
        """
        self._directory = state_dir
        self._dry_run = dry_run
        self._clock = clock
        self._started = False
        self._pauses: dict[str, str] = {}
        self._halts: dict[str, str] = _read(state_dir / HALTED_FILE)
        self._on_disk = bool(self._halts)
        #: What halted a keeper elsewhere: it is for the journal to remember, not for this machine.
        self._elsewhere: dict[str, str] = {}
        self._journal: Halts | None = None
        self._in_journal: set[str] = set()
        self._recorded_at = float("-inf")
        self.changes = 0

    # ---------------------------------------------------------------- what it is

    @property
    def state(self) -> OperatingState:
        """Now."""
        if self._halts or self._elsewhere:
            return OperatingState.HALTED
        if not self._started:
            return OperatingState.STARTING
        if self._pauses:
            return OperatingState.DEGRADED
        return OperatingState.DRY_RUN if self._dry_run else OperatingState.LIVE

    @property
    def reasons(self) -> Mapping[str, str]:
        """Why it is HALTED or DEGRADED: a sentence by name, the halts first; empty if it is neither."""
        return {**self._elsewhere, **self._halts, **self._pauses}

    @property
    def pauses(self) -> Mapping[str, str]:
        """What would keep a keeper that is not halted from sending."""
        return dict(self._pauses)

    @property
    def may_send(self) -> bool:
        """Whether a transaction may be signed and sent at this very moment; it looks for the kill file."""
        self.look()
        return self.state is OperatingState.LIVE

    @property
    def decides(self) -> bool:
        """Whether it is worth to look for something to send."""
        return self.state in (OperatingState.LIVE, OperatingState.DRY_RUN)

    # ---------------------------------------------------------------- what changes it

    def begin(self) -> None:
        """
        The chain is known: nothing but what pauses or halts it keeps the keeper from sending.
        """
        self._started = True
        self._changed()

    def lead(self, halts: Halts) -> None:
        """
        Take up the halts of whoever led before, on whichever machine. From now on those of this keeper are in the
        journal as well: what halts the leader halts whoever comes after him.

        Raises:
            JournalError: The journal does not tell.
        """
        self._journal = halts
        self.look_elsewhere(halts)
        self.persist()

    def look_elsewhere(self, halts: Halts) -> None:
        """
        Halt if another keeper that shares the journal is halted, or a person wants all of them to be.

        Raises:
            JournalError: The journal does not tell.
        """
        found, flag = halts.found()
        self._in_journal = set(found)
        if flag is not None:
            reason = f"the journal's halt flag is set: {flag}"
            if self._journal is not None:
                self.halt(reason, JOURNAL_FLAG)
            else:
                found.setdefault(JOURNAL_FLAG, reason)
        if unknown := {name: reason for name, reason in found.items() if name not in self.reasons}:
            self._elsewhere.update(unknown)
            self._changed()

    def pause(self, name: str, reason: str) -> None:
        """
        Send nothing until this name is resumed.
        """
        if self._pauses.get(name) != reason:
            self._pauses[name] = reason
            self._changed()

    def resume(self, name: str) -> bool:
        """
        Take back what was paused by this name, and return whether something was; a halt is not resumed.
        """
        if self._pauses.pop(name, None) is None:
            return False
        self._changed()
        return True

    def halt(self, reason: str, name: str = BY_HAND) -> None:
        """
        Send nothing until a person arms the keeper again, in this life or a later one.
        """
        if name not in self._halts:
            self._halts[name] = reason
            self._on_disk = False
            self._changed()
        self.persist()

    def rearm(self, halts: Halts | None = None) -> None:
        """
        Forget what halted the keeper. For a person who has read why.

        Args:
            halts: Those in the journal, if there is one: they are forgotten, too.

        Raises:
            ConfigError: The kill file or the journal's flag is still there, or the record of the halt cannot be
                removed.
            JournalError: Neither can that in the journal.
        """
        if (self._directory / KILL_FILE).exists():
            raise ConfigError(f"{self._directory / KILL_FILE} is still there: remove it first")
        if halts is not None and halts.flag() is not None:
            raise ConfigError("the journal's halt flag is still set: delete the row 'halt' of its table 'meta' first")
        try:
            for name in (HALTED_FILE, RESULTS_FILE):
                (self._directory / name).unlink(missing_ok=True)
            sync_folder(self._directory)
        except OSError as error:
            raise ConfigError(f"{self._directory / HALTED_FILE} cannot be removed: {error.strerror}") from None
        if halts is not None:
            halts.forget()
        self._halts.clear()
        self._elsewhere.clear()
        self._in_journal.clear()
        self._changed()

    def look(self) -> None:
        """
        Halt if the kill file is there, and write down a halt that could not be written so far.
        """
        if BY_HAND not in self._halts:
            try:
                found = (self._directory / KILL_FILE).exists()
            except OSError as error:
                self.halt(f"nobody can tell whether there is a file {KILL_FILE}: {error.strerror}")
            else:
                if found:
                    self.halt(f"the file {KILL_FILE} was put into the state directory")
        self.persist()

    def persist(self) -> None:
        """
        Have a halt on disk, and in the journal where this keeper leads. What cannot take it does not undo it: a later
        look tries again.
        """
        if not self._halts:
            return
        if not self._on_disk:
            self._write_file()
        if self._journal is not None and not self._halts.keys() <= self._in_journal:
            self._write_row(self._journal)

    def _write_file(self) -> None:
        try:
            record = {"at": self._clock(), "reasons": self._halts}
            replace_file(self._directory / HALTED_FILE, [json.dumps(record, indent=2).encode()])
            self._on_disk = True
        except OSError as error:
            _log.error("halt_not_written", reason=error.strerror)
            # A full disk often has room for a name: an empty record halts the next life, too.
            with suppress(OSError):
                (self._directory / HALTED_FILE).touch()

    def _write_row(self, journal: Halts) -> None:
        if time.monotonic() - self._recorded_at < _AGAIN_SECONDS:
            return
        try:
            for name in self._halts.keys() - self._in_journal:
                journal.latch(name, self._halts[name])
                self._in_journal.add(name)
        except KeeperError as error:
            self._recorded_at = time.monotonic()
            _log.error("halt_not_in_journal", reason=str(error))

    def _changed(self) -> None:
        self.changes += 1
        _log.info("state_changed", state=str(self.state), reasons=dict(self.reasons))


def _read(path: Path) -> dict[str, str]:
    """The reasons of an earlier life. A record that cannot be understood halts all the same."""
    try:
        reasons = json.loads(path.read_text())["reasons"]
        return {str(name): str(reason) for name, reason in reasons.items()} or {BY_HAND: "no reason is recorded"}
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {BY_HAND: f"{path} is there, and cannot be read"}
