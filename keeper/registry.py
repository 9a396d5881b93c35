"""
The DEXes of a chain: which pools there are, found by asking their factories.
"""

from collections.abc import Iterator, Sequence
from itertools import combinations

from keeper.abi import call
from keeper.config import ChainFacts, DexFacts
from keeper.pools import FAMILIES
from keeper.pools.pool import Pool, PoolInfo
from keeper.types import ZERO_ADDRESS, Address, Answer, Call, Reading

#: What is read around a pool's price: a swap within it may move the price fivefold. All ticks of a pool with narrow
#: spacing would be 6,932 words, each a cold storage slot, and on a fork each a request.
TICK_RADIUS = 16_384


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


def _lookup(dex: DexFacts, pair: tuple[Address, Address], fee_pips: int) -> Call:
    factory = Address(dex.factory)
    if dex.family == "uniswap_v2":
        return call(factory, "getPair(address,address)", *pair)
    return call(factory, "getPool(address,address,uint24)", *pair, fee_pips)


def _address(answer: Answer) -> Address:
    """A factory that does not answer has no pool: its absence is found by the start-up checks."""
    return Address("0x" + answer[12:32].hex()) if answer and len(answer) == 32 else ZERO_ADDRESS
