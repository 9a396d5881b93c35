"""
A long run of one keeper among failing nodes.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

from keeper.errors import KeeperError
from localnet import Localnet
from soak.flight import EARNED, Flight, flight
from soak.oracles import Footprint, OracleError, Oracles, journal_is_the_chains
from soak.troubles import TROUBLES

#: How long a trouble lasts at least and at most.
_SECONDS = (0.5, 6.0)

#: Of the troubles, how many come two at a time.
_TOGETHER = 0.3


@dataclass(slots=True)
class Summary:
    """
    What a soak came to.

    Attributes:
        troubles: How often each was there.
        recovered_seconds: How long it took from each trouble's end until all that must hold did, an earning included.
        journal_equals_chain: Whether all of it was compared with the chain in the end, and was the same.
        restarts: How often a node ended the keeper, which was started again.
        last: The troubles that came last.
        failure: What did not hold, with what was going on; None if everything did.
    """

    seed: int
    minutes: float
    troubles: Counter[str] = field(default_factory=Counter)
    recovered_seconds: list[float] = field(default_factory=list)
    failure: str | None = None
    before: Footprint | None = None
    after: Footprint | None = None
    most_rss: int = 0
    states: Counter[str] = field(default_factory=Counter)
    offered: int = 0
    restarts: int = 0
    last: Sequence[str] = ()
    journal_equals_chain: bool = False

    def as_json(self) -> dict[str, Any]:
        """Return it as plain data."""
        recovered = sorted(self.recovered_seconds)
        footprint = [
            {"rss_mb": round(each.rss / 2**20), "descriptors": each.descriptors, "tasks": each.tasks}
            for each in (self.before, self.after)
            if each is not None
        ]
        return {
            "soak": "failed" if self.failure else "passed",
            "failure": self.failure,
            "seed": self.seed,
            "minutes": round(self.minutes, 2),
            "troubles": sum(self.troubles.values()),
            "kinds": len(self.troubles),
            "recovered_seconds": {
                "median": round(recovered[len(recovered) // 2], 2) if recovered else None,
                "most": round(recovered[-1], 2) if recovered else None,
            },
            "transactions": dict(sorted(self.states.items())),
            "offered_to_nodes": self.offered,
            "restarts": self.restarts,
            "journal_equals_chain": self.journal_equals_chain,
            "footprint": footprint,
            "most_rss_mb": round(self.most_rss / 2**20),
        }


async def soak(net: Localnet, directory: Path, minutes: float, seed: int, tell: Any = lambda words: None) -> Summary:
    """
    Let things go wrong for so many minutes, and check all that must hold after each.

    Args:
        directory: Where the executor's deployment record is, and the keeper's state goes.
        tell: Called with a line for each trouble.
    """
    choice = Random(seed)
    began = time.monotonic()
    summary = Summary(seed, minutes)
    async with flight(net, directory) as flown:
        flown.supervised = True
        try:
            await flown.earn()
            oracles = Oracles(flown, Footprint.now())
            summary.before = oracles.before
            while time.monotonic() - began < 60 * minutes:
                await _trouble(flown, oracles, choice, summary, tell)
            await journal_is_the_chains(flown, len(flown.entries))
            summary.journal_equals_chain = True
        except (KeeperError, OracleError, TimeoutError) as error:
            summary.failure = f"{type(error).__name__}: {error} (after {' and '.join(summary.last)})"
        summary.after = Footprint.now()
        summary.states.update(str(entry.state) for entry in flown.entries)
        summary.offered = len(flown.sent)
        summary.restarts = flown.restarts
        if not summary.failure and not any(entry.state in EARNED for entry in flown.entries):
            summary.failure = "nothing was ever earned"
    summary.minutes = (time.monotonic() - began) / 60
    return summary


async def _trouble(flown: Flight, oracles: Oracles, choice: Random, summary: Summary, tell: Any) -> None:
    names = choice.sample(sorted(TROUBLES), 2 if choice.random() < _TOGETHER else 1)
    seconds = choice.uniform(*_SECONDS)
    summary.troubles.update(names)
    summary.last = names
    async with AsyncExitStack() as stack:
        for name in names:
            await stack.enter_async_context(TROUBLES[name](flown, choice))
        await asyncio.sleep(seconds)
    ended = time.monotonic()
    await oracles.check()
    taken = time.monotonic() - ended
    summary.recovered_seconds.append(taken)
    summary.most_rss = max(summary.most_rss, Footprint.now().rss)
    tell(f"{' and '.join(names)}, for {seconds:.1f} s: in order again after {taken:.1f} s")
