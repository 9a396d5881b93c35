"""
Pools and tokens that misbehave: kept out of the market for a while, longer each time.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from keeper.pools.pool import PoolInfo
from keeper.types import Address

#: How long a pool is held the first time; four times as long each time after, up to a day.
_FIRST_SECONDS = 60.0
_LONGEST_SECONDS = 86_400.0
_GROWTH = 4

#: A token that so many held pools share, each on its own suspicion of execution, is the likelier culprit.
_POOLS_PER_TOKEN = 3


@dataclass(frozen=True, slots=True)
class Held:
    """
    A pool in quarantine.

    Attributes:
        until: When it is tried again, by the caller's clock.
    """

    info: PoolInfo
    reason: str
    until: float


@dataclass(slots=True)
class Quarantine:
    """
    Attributes:
        trusted: Tokens that are not suspected for what happens in their pools.
        pools: What is held now.
        tokens: Which tokens are held for good, and why.
        counts: How often pools and tokens were put in, by reason.
    """

    trusted: frozenset[Address] = frozenset()
    pools: dict[Address, Held] = field(default_factory=dict)
    tokens: dict[Address, str] = field(default_factory=dict)
    counts: Counter[str] = field(default_factory=Counter)
    _strikes: Counter[tuple[Address, str]] = field(default_factory=Counter)
    _times: Counter[Address] = field(default_factory=Counter)

    def strike(self, info: PoolInfo, reason: str, limit: int, now: float) -> bool:
        """
        Count a failure of a pool, and hold it if it was the *limit*-th in a row; return whether it was.
        """
        self._strikes[info.address, reason] += 1
        if self._strikes[info.address, reason] < limit:
            return False
        self.hold(info, reason, now)
        return True

    def absolve(self, address: Address, reason: str) -> None:
        """Forget the failures of a pool that did well."""
        self._strikes.pop((address, reason), None)

    def hold(self, info: PoolInfo, reason: str, now: float) -> None:
        """
        Put a pool in.
        """
        seconds = min(_FIRST_SECONDS * _GROWTH ** self._times[info.address], _LONGEST_SECONDS)
        self._times[info.address] += 1
        self._strikes.pop((info.address, reason), None)
        self.pools[info.address] = Held(info, reason, now + seconds)
        self.counts[reason] += 1

    def hold_token(self, token: Address, reason: str) -> None:
        """
        Put a token in, for good.
        """
        self.tokens[token] = reason
        self.counts[f"token_{reason}"] += 1

    def suspects(self, reason: str) -> frozenset[Address]:
        """
        Return the tokens that enough pools held for *reason* share, and that are neither trusted nor held.
        """
        seen = Counter(token for held in self.pools.values() if held.reason == reason for token in held.info.tokens)
        common = {token for token, pools in seen.items() if pools >= _POOLS_PER_TOKEN}
        return frozenset(common - self.trusted - self.tokens.keys())

    def of_tokens(self, infos: Iterable[PoolInfo]) -> list[PoolInfo]:
        """Return those pools that have a token which is held."""
        return [info for info in infos if not self.tokens.keys().isdisjoint(info.tokens)]

    def released(self, now: float) -> list[PoolInfo]:
        """
        Let go of the pools whose time is over, and return them.
        """
        over = [held.info for held in self.pools.values() if held.until <= now]
        for info in over:
            del self.pools[info.address]
        return [info for info in over if self.tokens.keys().isdisjoint(info.tokens)]
