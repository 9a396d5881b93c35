"""
The DEXes of a chain: which pools there are, found by asking their factories, and which of them are not to be traded.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

from keeper.abi import call
from keeper.config import ChainFacts, DexFacts, Settings
from keeper.errors import ConfigError
from keeper.events import TOPICS, balancer_v2, curve, uniswap_v2, uniswap_v3, uniswap_v4
from keeper.pools import FAMILIES
from keeper.pools.pool import Pool, PoolInfo
from keeper.types import ZERO_ADDRESS, Address, Answer, Call, Hash, Reading

#: What is read around a pool's price: a swap within it may move the price fivefold. All ticks of a pool with narrow
#: spacing would be 6,932 words, each a cold storage slot, and on a fork each a request.
TICK_RADIUS = 16_384

#: So small a part of what a pool holds is valued: all of it, no pool would buy.
_VALUED_PART = 1_000


def discover(facts: ChainFacts) -> Reading[list[PoolInfo]]:
    """
    Return every pool that the chain's factories have for any two of its tokens.
    """
    tokens = sorted(facts.token_by_address)
    asked = [
        (dex, pair, fee)
        for dex in facts.dexes
        for pair in combinations(tokens, 2)
        for fee in dex.fee_tiers or {dex.fee_pips: 0}
    ]
    answers = yield [_lookup(dex, pair, fee) for dex, pair, fee in asked]
    return [
        PoolInfo(dex.family, dex.name, address, pair, fee, dex.fee_tiers.get(fee, 0))
        for (dex, pair, fee), answer in zip(asked, answers, strict=True)
        if (address := _address(answer)) != ZERO_ADDRESS
    ]


def read_pools(infos: Sequence[PoolInfo]) -> Iterator[Reading[Pool]]:
    """
    Yield the reading of each pool by the model of its family.
    """
    return (FAMILIES[info.family].read(info, TICK_RADIUS) for info in infos)


#: Whose events tell of the pools of a family.
_TOPICS: Mapping[str, Iterable[Hash]] = {
    "uniswap_v2": uniswap_v2.TOPICS,
    "uniswap_v3": uniswap_v3.TOPICS,
    "uniswap_v4": uniswap_v4.TOPICS,
    "curve_stableswap": curve.TOPICS,
    "balancer_weighted": balancer_v2.TOPICS,
    "balancer_stable": balancer_v2.TOPICS,
}


def topics_of(families: Iterable[str]) -> list[Hash]:
    """
    Return the topics by which pools of these families are followed.
    """
    return sorted({topic for family in families for topic in _TOPICS.get(family, TOPICS)})


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

    def sifted(self, infos: Sequence[PoolInfo]) -> tuple[list[PoolInfo], Counter[str]]:
        """
        Return the pools that are wanted, and how many were left out by which rule.

        Raises:
            ConfigError: A pool that is named is not among them: misspelt, it would not be what it seems.
        """
        known = {info.address for info in infos}
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
    parts = [in_eth(token, depth // _VALUED_PART) or 0 for token, depth in depths]
    return _VALUED_PART * max(parts, default=0)


def _lookup(dex: DexFacts, pair: tuple[Address, Address], fee_pips: int) -> Call:
    factory = Address(dex.factory)
    if dex.family == "uniswap_v2":
        return call(factory, "getPair(address,address)", *pair)
    return call(factory, "getPool(address,address,uint24)", *pair, fee_pips)


def _address(answer: Answer) -> Address:
    """A factory that does not answer has no pool: its absence is found by the start-up checks."""
    return Address("0x" + answer[12:32].hex()) if answer and len(answer) == 32 else ZERO_ADDRESS
