"""
Which DEXes and pools the operator wants.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from keeper.config import ChainFacts, Settings
from keeper.errors import ConfigError
from keeper.pools.pool import Pool, PoolInfo
from keeper.types import Address

#: So small a part of what a pool holds is valued: all of it, no pool would buy. A pool of pegged tokens is as deep as
#: a pair of a thousand times its size, so less of it may be sold.
_VALUED_PARTS = (10**3, 10**6, 10**9)

#: Why a DEX is off that the operator switched off.
_DENIED = "dexes_off"


def traded(facts: ChainFacts, settings: Settings) -> tuple[ChainFacts, dict[str, str]]:
    """
    Return the chain with only the DEXes that are traded, and why each of the others is not.

    Raises:
        ConfigError: A DEX is unknown on the chain.
    """
    known = {dex.name for dex in facts.dexes}
    for name, listed in (("dexes_on", settings.dexes_on), ("dexes_off", settings.dexes_off)):
        if unknown := sorted(set(listed) - known):
            raise ConfigError(f"{name}: {unknown[0]!r} is no DEX of {facts.name}; known are {', '.join(sorted(known))}")
    off = {dex.name: dex.off for dex in facts.dexes if dex.off and dex.name not in settings.dexes_on}
    off |= dict.fromkeys(settings.dexes_off, _DENIED)
    return facts.with_dexes(dex for dex in facts.dexes if dex.name not in off), off


@dataclass(frozen=True, slots=True)
class Rules:
    """
    Which pools the operator wants: those that are allowed, of tokens that are allowed, less those that are denied.

    An empty allow list allows all.
    """

    allow_pools: frozenset[Address] = frozenset()
    deny_pools: frozenset[Address] = frozenset()
    allow_tokens: frozenset[Address] = frozenset()
    deny_tokens: frozenset[Address] = frozenset()

    @classmethod
    def of(cls, settings: Settings, facts: ChainFacts) -> "Rules":
        """
        Raises:
            ConfigError: A token is unknown on the chain.
        """
        return cls(
            frozenset(map(Address, settings.allow_pools)),
            frozenset(map(Address, settings.deny_pools)),
            frozenset(map(facts.token, settings.allow_tokens)),
            frozenset(map(facts.token, settings.deny_tokens)),
        )

    def refusal(self, info: PoolInfo) -> str | None:
        """Return by which rule a pool is left out, or None if it is wanted."""
        if info.address in self.deny_pools:
            return "pool_denied"
        if self.allow_pools and info.address not in self.allow_pools:
            return "pool_not_allowed"
        if not self.deny_tokens.isdisjoint(info.tokens):
            return "token_denied"
        if self.allow_tokens and not self.allow_tokens.issuperset(info.tokens):
            return "token_not_allowed"
        return None

    def sifted(self, infos: Sequence[PoolInfo], others: Iterable[Address] = ()) -> tuple[list[PoolInfo], Counter[str]]:
        """
        Return the pools that are wanted, and how many were left out by which rule.

        Args:
            others: Pools that exist and are not followed anyway.

        Raises:
            ConfigError: A pool that is named does not exist: misspelt, it would not be what it seems.
        """
        known = {*(info.address for info in infos), *others}
        for name, listed in (("deny_pools", self.deny_pools), ("allow_pools", self.allow_pools)):
            if unknown := listed - known:
                raise ConfigError(f"{name}: {min(unknown)} is not a pool of any DEX and tokens of this chain")
        dropped = Counter(refusal for info in infos if (refusal := self.refusal(info)) is not None)
        return [info for info in infos if self.refusal(info) is None], dropped


def illiquid(pools: Iterable[Pool], in_eth: Callable[[Address, int], int | None], least_wei: int) -> list[Address]:
    """
    Return the pools that hold less than *least_wei*, by the depth of any two of their tokens.

    Args:
        in_eth: What an amount of a token is worth in wei, None where nobody can tell: such a pool counts as empty.
    """
    return [pool.address for pool in pools if _worth_wei(pool, in_eth) < least_wei]


def _worth_wei(pool: Pool, in_eth: Callable[[Address, int], int | None]) -> int:
    depths = [
        (token_in, int(pool.depth(token_in, token_out)))
        for token_in in pool.tokens
        for token_out in pool.tokens
        if token_in != token_out
    ]
    return max(
        (part * (in_eth(token, depth // part) or 0) for part in _VALUED_PARTS for token, depth in depths), default=0
    )
