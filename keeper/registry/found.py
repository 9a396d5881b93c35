"""
Finding pools: factories are asked for any two known tokens, registries for their lists, and of what logs announced the
contracts that hold the tokens.

Everything is asked by views at one block, in a few rounds that all DEXes share.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations

from eth_abi.abi import decode
from eth_abi.exceptions import DecodingError

from keeper.abi import call, selector
from keeper.config import ChainFacts, DexFacts
from keeper.errors import PoolError
from keeper.events import balancer_v2, balancer_v3
from keeper.pools import FAMILIES
from keeper.pools.pool import Pool, PoolInfo
from keeper.registry.created import Created
from keeper.registry.window import TICK_RADIUS
from keeper.types import ZERO_ADDRESS, Address, Answer, Call, Hash, Reading

#: What stands for the chain's own coin: in Uniswap V4, and in Curve's pools.
_NATIVE = frozenset({ZERO_ADDRESS, Address("0x" + "ee" * 20)})

#: No Curve pool has more coins.
_MOST_COINS = 8
_COINS = selector("coins(uint256)")
_GET_POOL_ID = selector("getPoolId()")
_V2_GET_POOL_TOKENS = selector("getPoolTokens(bytes32)")
_V3_GET_POOL_TOKENS = selector("getPoolTokens(address)")


@dataclass(slots=True)
class Found:
    """
    The pools of some DEXes.

    Attributes:
        infos: Those that can be followed.
        dropped: Why each of the others is not.
        unseen: How many more there are that were not looked at, by why.
    """

    infos: list[PoolInfo] = field(default_factory=list)
    dropped: dict[Address, str] = field(default_factory=dict)
    unseen: Counter[str] = field(default_factory=Counter)

    def counts(self) -> Counter[str]:
        """Return how many pools are not followed, by why."""
        return Counter(self.dropped.values()) + self.unseen


def discover(
    facts: ChainFacts, created: Iterable[Created] = (), most: int = 2_000, lookups: bool = True
) -> list[Reading[Found]]:
    """
    Return a reading of every DEX of the chain for the pools that it has of the chain's tokens.

    Args:
        created: What its logs told.
        most: Of each DEX, so many pools at most; anyone can create any number.
        lookups: Whether factories are asked for the pools of any two tokens.
    """
    of_dex: dict[str, list[Created]] = {}
    for pool in created:
        of_dex.setdefault(pool.dex.name, []).append(pool)
    tokens = sorted(facts.token_by_address) if lookups else []
    return [_of_dex(dex, facts, tokens, of_dex.get(dex.name, ()), most) for dex in facts.dexes]


def gathered(results: Iterable[Found | PoolError]) -> Found:
    """
    Return what all DEXes together have, each pool once; a DEX that does not answer as its family does has none.
    """
    infos: dict[Address, PoolInfo] = {}
    all_found = Found()
    for result in results:
        if isinstance(result, PoolError):
            all_found.unseen["dex_unreadable"] += 1
            continue
        for info in result.infos:
            infos.setdefault(info.address, info)
        all_found.dropped.update(result.dropped)
        all_found.unseen += result.unseen
    all_found.infos = list(infos.values())
    all_found.dropped = {pool: why for pool, why in all_found.dropped.items() if pool not in infos}
    return all_found


def read_pools(infos: Sequence[PoolInfo]) -> Iterator[Reading[Pool]]:
    """
    Yield the reading of each pool by the model of its family.
    """
    return (FAMILIES[info.family].read(info, TICK_RADIUS) for info in infos)


def _of_dex(
    dex: DexFacts, facts: ChainFacts, tokens: Sequence[Address], created: Sequence[Created], most: int
) -> Reading[Found]:
    told = [pool.info for pool in created if pool.info is not None and pool.refusal is None]
    named = [pool.address for pool in created if pool.address is not None and pool.info is None]
    match dex.family:
        case "uniswap_v2" | "uniswap_v3" | "camelot_v2" | "camelot_v3":
            infos = yield from _looked_up(dex, tokens)
            found = Found(infos + [info for info in told if info not in infos])
        case "curve_stableswap" | "curve_stableswap_ng" | "curve_cryptoswap":
            found = yield from _listed(dex, most)
        case "balancer_weighted" | "balancer_stable":
            found = yield from _in_balancer_v2(dex, named)
        case "balancer_v3_weighted" | "balancer_v3_stable":
            found = yield from _in_balancer_v3(dex, named)
        case _:
            found = Found(told)
    found.dropped |= {pool.address: pool.refusal for pool in created if pool.address and pool.refusal}
    return _bounded(found, facts.token_by_address, most)


def _bounded(found: Found, known: Mapping[Address, object], most: int) -> Found:
    """Without the pools of tokens that are not known, and without too many."""
    kept: list[PoolInfo] = []
    for info in found.infos:
        if not _NATIVE.isdisjoint(info.tokens):
            found.dropped[info.address] = "native_coin"
        elif not all(token in known for token in info.tokens):
            found.dropped[info.address] = "unknown_token"
        elif len(kept) >= most:
            found.dropped[info.address] = "over_limit"
        else:
            kept.append(info)
    found.infos = kept
    return found


# ---------------------------------------------------------------- factories that are asked for two tokens


def _looked_up(dex: DexFacts, tokens: Sequence[Address]) -> Reading[list[PoolInfo]]:
    asked = [
        (pair, fee) for pair in combinations(tokens, 2) for fee in dex.fee_tiers or {dex.fee_pips: 0}
    ]  # pairs are in the contract's order, as the tokens are sorted
    answers = yield [_lookup(dex, pair, fee) for pair, fee in asked]
    return [
        PoolInfo(dex.family, dex.name, address, pair, fee, dex.fee_tiers.get(fee, 0))
        for (pair, fee), answer in zip(asked, answers, strict=True)
        if (address := _address(answer)) != ZERO_ADDRESS
    ]


def _lookup(dex: DexFacts, pair: tuple[Address, Address], fee_pips: int) -> Call:
    factory = Address(dex.factory)
    match dex.family:
        case "uniswap_v2" | "camelot_v2":
            return call(factory, "getPair(address,address)", *pair)
        case "camelot_v3":
            return call(factory, "poolByPair(address,address)", *pair)
        case _:
            return call(factory, "getPool(address,address,uint24)", *pair, fee_pips)


# ---------------------------------------------------------------- Curve's lists


def _listed(dex: DexFacts, most: int) -> Reading[Found]:
    """The pools in a factory's list, and those that are in none; each pool itself is asked for its coins."""
    factory = Address(dex.factory)
    pools = [Address(pool) for pool in dex.pools]
    found = Found()
    if dex.factory != ZERO_ADDRESS:
        (answer,) = yield [call(factory, "pool_count()")]
        count = _word(answer)
        found.unseen["over_limit"] += max(count - most, 0)
        # The newest of a list that is too long: what is old and busy can be named in the chain's facts.
        answers = yield [call(factory, "pool_list(uint256)", k) for k in range(max(count - most, 0), count)]
        pools += [address for answer in answers if (address := _address(answer)) != ZERO_ADDRESS]
    pools = list(dict.fromkeys(pools))
    answers = yield [
        *(call(factory, "is_meta(address)", pool) for pool in pools),
        *(Call(pool, _COINS + k.to_bytes(32)) for pool in pools for k in range(_MOST_COINS)),
    ]
    for n, pool in enumerate(pools):
        coins = _coins(answers[len(pools) + n * _MOST_COINS :][:_MOST_COINS])
        if len(coins) < 2:
            found.dropped[pool] = "no_answer"
        elif _word(answers[n]):
            found.dropped[pool] = "metapool"
        else:
            found.infos.append(PoolInfo(dex.family, dex.name, pool, coins, 0))
    return found


def _coins(answers: Sequence[Answer]) -> tuple[Address, ...]:
    """Those before the first that the pool does not have."""
    coins: list[Address] = []
    for answer in answers:
        if (coin := _address(answer)) == ZERO_ADDRESS:
            break
        coins.append(coin)
    return tuple(coins)


# ---------------------------------------------------------------- Balancer's Vaults


def _in_balancer_v2(dex: DexFacts, pools: Sequence[Address]) -> Reading[Found]:
    answers = yield [Call(pool, _GET_POOL_ID) for pool in pools]
    ids = [answer if answer and len(answer) == 32 else b"" for answer in answers]
    answers = yield [Call(balancer_v2.VAULT, _V2_GET_POOL_TOKENS + pool_id) for pool_id in ids]
    found = Found()
    for pool, pool_id, answer in zip(pools, ids, answers, strict=True):
        tokens = _tokens(answer, "address[]", "uint256[]", "uint256")
        if not pool_id.startswith(bytes.fromhex(pool[2:])) or not tokens:
            found.dropped[pool] = "not_registered"
            continue
        # The shares that a composable pool holds of itself are none of its tokens.
        others = tuple(token for token in tokens if token != pool)
        found.infos.append(PoolInfo(dex.family, dex.name, pool, others, 0, pool_id=Hash("0x" + pool_id.hex())))
    return found


def _in_balancer_v3(dex: DexFacts, pools: Sequence[Address]) -> Reading[Found]:
    answers = yield [
        Call(balancer_v3.VAULT, _V3_GET_POOL_TOKENS + bytes.fromhex(pool[2:]).rjust(32, b"\0")) for pool in pools
    ]
    found = Found()
    for pool, answer in zip(pools, answers, strict=True):
        if tokens := _tokens(answer, "address[]"):
            found.infos.append(PoolInfo(dex.family, dex.name, pool, tokens, 0))
        else:
            found.dropped[pool] = "not_registered"
    return found


def _tokens(answer: Answer, *types: str) -> tuple[Address, ...]:
    try:
        return tuple(Address(token) for token in decode(types, answer or b"")[0])
    except DecodingError:
        return ()


def _word(answer: Answer) -> int:
    return int.from_bytes(answer) if answer and len(answer) == 32 else 0


def _address(answer: Answer) -> Address:
    """A factory that does not answer has no pool: its absence is found by the start-up checks."""
    return Address("0x" + answer[12:32].hex()) if answer and len(answer) == 32 else ZERO_ADDRESS
