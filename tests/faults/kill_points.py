"""
The campaign: lives that are killed at every step of the journal, and what must be true afterwards.
"""

import json
import os
import random
import signal
import subprocess
import sys
import threading
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from keeper.journal import Entry, Journal, State
from tests.faults.lives import EXECUTOR, POINTS, TOKEN, TREASURY, Fate, journal_of
from tests.faults.sequencer import Arrival, Sequencer

ALL_POINTS = (*POINTS, "after send")

#: A life sends so many transactions at most before it is killed.
_TIMES = 3

_MOST = 40


class Nursery:
    """
    Starts lives, one after the other.
    """

    def __init__(self, process: "subprocess.Popen[str]", sequencer: Sequencer, where: str) -> None:
        self._process = process
        self._sequencer = sequencer
        self._where = where

    def live(self, point: str, times: int, seed: int, most: int = _MOST) -> int:
        """Have one life, killed when it is at *point* for so many times; return its exit code."""
        born, pid, left = threading.Event(), 0, times

        def kill(_: Arrival) -> bool:
            nonlocal left
            left -= 1
            if left:
                return True
            assert born.wait(60)
            os.kill(pid, signal.SIGKILL)
            return bool(seed % 2)  # the sequencer may have read the bytes, or lost them with the connection

        self._sequencer.on_arrival = kill if point == "after send" else lambda _: True
        told = {"url": self._sequencer.url, "where": self._where, "point": point, "times": times, "seed": seed}
        to, back = _pipe(self._process.stdin), _pipe(self._process.stdout)
        to.write(json.dumps(told | {"most": most}) + "\n")
        to.flush()
        pid = int(back.readline())
        born.set()
        return int(back.readline())


def _pipe(pipe: IO[str] | None) -> IO[str]:
    assert pipe is not None
    return pipe


@contextmanager
def nursery(where: str, rng: random.Random) -> Iterator[tuple[Nursery, Sequencer]]:
    """Start a sequencer, and what gives birth to lives that send to it; *where* is the journal."""
    with Sequencer(rng, EXECUTOR, TREASURY, TOKEN) as sequencer:
        script = Path(__file__).with_name("lives.py")
        with subprocess.Popen(
            [sys.executable, str(script)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        ) as process:
            yield Nursery(process, sequencer, where), sequencer


def kill_everywhere(where: str, times: int, seed: int) -> Counter[str]:
    """
    Kill a life at each point so many times, in random order and at random moments of its life; return how often it was
    killed where. Each life begins with what the one before it left.
    """
    rng = random.Random(seed)
    points = [point for point in ALL_POINTS for _ in range(times)]
    rng.shuffle(points)
    killed: Counter[str] = Counter()
    with nursery(where, rng) as (lives, sequencer):
        seen = 0
        for point in points:
            code = lives.live(point, rng.randint(1, _TIMES), rng.randrange(1 << 30))
            assert code == -signal.SIGKILL, f"a life ended with {code} before it could be killed {point}"
            killed[point] += 1
            seen = _nothing_lost(where, sequencer, seen)
        # Nobody kills the last one.
        assert lives.live("nowhere", 1, seed, most=3) == 0
        _journal_equals_chain(where, sequencer)
    return killed


def _nothing_lost(where: str, sequencer: Sequencer, seen: int) -> int:
    entries = _entries(where)
    assert len(entries) >= seen, "a row of the journal was lost"
    written = {entry.transaction.raw for entry in entries}
    assert {arrival.raw for arrival in sequencer.arrivals} <= written, "something was sent that the journal has not"
    return len(entries)


def _journal_equals_chain(where: str, sequencer: Sequencer) -> None:
    entries = _entries(where)
    by_nonce: dict[int, list[Entry]] = defaultdict(list)
    for entry in entries:
        by_nonce[entry.transaction.nonce].append(entry)
    for nonce, siblings in by_nonce.items():
        before = [None, *(entry.id for entry in siblings)]
        assert [entry.transaction.sibling_of for entry in siblings] == before[:-1], f"nonce {nonce} was signed twice"
    for nonce in range(sequencer.nonce):
        settled = [entry for entry in by_nonce[nonce] if entry.transaction.hash in sequencer.receipts]
        assert len(settled) == 1, f"nonce {nonce} was used by {len(settled)} of the journal's transactions"
    for entry in entries:
        receipt = sequencer.receipts.get(entry.transaction.hash)
        if receipt is None:
            assert entry.state is State.DROPPED, f"{entry.transaction.hash} is {entry.state} and in no block"
        else:
            assert entry.state is not State.DROPPED and (entry.state is State.REVERTED) == (receipt["status"] == "0x0")
            assert entry.detail["block_hash"] == receipt["blockHash"]
    _nothing_sent_twice(sequencer)


def _nothing_sent_twice(sequencer: Sequencer) -> None:
    """Of a nonce nothing arrives while something else that has it may still be included and succeed."""
    alive: dict[int, Arrival] = {}
    for arrival in sequencer.arrivals:
        earlier = alive.get(arrival.nonce)
        if earlier is not None and earlier.raw != arrival.raw:
            assert earlier.deadline < arrival.timestamp, f"nonce {arrival.nonce} was sent twice at a time"
        alive[arrival.nonce] = arrival


def _entries(where: str) -> list[Entry]:
    journal: Journal = journal_of(where, Fate("nowhere", 1))
    try:
        return journal.entries()
    finally:
        journal.close()
