"""
Pools that were created, as the logs of factories tell it. Two DEXes may say it with one topic: who says it decides.
"""

import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from eth_utils.crypto import keccak

from keeper.config import ChainFacts, DexFacts
from keeper.errors import MalformedLog
from keeper.events.log import Log, address, fits, int24, topic, uint, words
from keeper.pools.pool import PoolInfo
from keeper.types import ZERO_ADDRESS, Address, Hash


@dataclass(frozen=True, slots=True)
class Created:
    """
    A pool that a DEX says it has now.

    Attributes:
        address: None where the log does not tell it: the DEX's list of pools has become longer.
        info: What never changes about it, where the log tells all of that.
        refusal: Why it is not traded, where the log tells that.
    """

    dex: DexFacts
    address: Address | None
    info: PoolInfo | None = None
    refusal: str | None = None


@dataclass(frozen=True, slots=True)
class LogFilter:
    """Which logs a node is asked for: of these contracts, each place of the topics one of these, or any if None."""

    addresses: tuple[Address, ...]
    topics: tuple[tuple[str, ...] | None, ...]


def _hash(signature: str) -> Hash:
    return Hash("0x" + keccak(text=signature).hex())


_PAIR_CREATED = _hash("PairCreated(address,address,address,uint256)")
_V3_POOL_CREATED = _hash("PoolCreated(address,address,uint24,int24,address)")
_ALGEBRA_POOL = _hash("Pool(address,address,address)")
_BALANCER_POOL_CREATED = _hash("PoolCreated(address)")
_V4_INITIALIZE = _hash("Initialize(bytes32,address,address,uint24,int24,address,uint160,int24)")
_CURVE = (
    _hash("PlainPoolDeployed(address[4],uint256,uint256,address)"),
    _hash("PlainPoolDeployed(address[],uint256,uint256,address)"),
    _hash(
        "TricryptoPoolDeployed(address,string,string,address,address[3],address,bytes32,uint256,uint256,uint256,uint256,"
        "uint256,address)"
    ),
    _hash(
        "TwocryptoPoolDeployed(address,string,string,address[2],address,bytes32,uint256[2],uint256,uint256,uint256,"
        "uint256,address)"
    ),
)

#: The fee of a Uniswap V4 pool that its hooks set.
_DYNAMIC_FEE = 0x800000


def _pair(dex: DexFacts, log: Log) -> Created:
    pool, _ = words(log, 3, 2)
    return _told(dex, address(pool), (address(topic(log, 1)), address(topic(log, 2))), dex.fee_pips)


def _v3_pool(dex: DexFacts, log: Log) -> Created:
    spacing, pool = words(log, 4, 2)
    tokens, fee_pips = (address(topic(log, 1)), address(topic(log, 2))), fits(uint(topic(log, 3)), 24)
    return _told(dex, address(pool), tokens, fee_pips, int24(spacing))


def _algebra_pool(dex: DexFacts, log: Log) -> Created:
    (pool,) = words(log, 3, 1)
    return _told(dex, address(pool), (address(topic(log, 1)), address(topic(log, 2))), 0)


def _v4_pool(dex: DexFacts, log: Log) -> Created:
    fee, spacing, hooks, _price, _tick = words(log, 4, 5)
    pool_id = Hash("0x" + topic(log, 1).hex())
    tokens, fee_pips = (address(topic(log, 2)), address(topic(log, 3))), fits(uint(fee), 24)
    pool, manager = Address(pool_id[:42]), Address(dex.factory)
    info = PoolInfo(dex.family, dex.name, pool, tokens, fee_pips, int24(spacing), pool_id, manager)
    if address(hooks) != ZERO_ADDRESS:
        return Created(dex, pool, info, "hooks")
    return Created(dex, pool, info, "dynamic_fee" if fee_pips & _DYNAMIC_FEE else None)


def _balancer_pool(dex: DexFacts, log: Log) -> Created:
    words(log, 2, 0)
    return Created(dex, address(topic(log, 1)))


def _curve_pool(dex: DexFacts, log: Log) -> Created:
    del log  # neither the plain pools' nor NG's tells where the pool is
    return Created(dex, None)


def _told(
    dex: DexFacts, pool: Address, tokens: tuple[Address, Address], fee_pips: int, tick_spacing: int = 0
) -> Created:
    return Created(dex, pool, PoolInfo(dex.family, dex.name, pool, tokens, fee_pips, tick_spacing))


_Reader = Callable[[DexFacts, Log], Created]

_OF_CURVE = dict.fromkeys(_CURVE, _curve_pool)
_OF_BALANCER = {_BALANCER_POOL_CREATED: _balancer_pool}

#: By which topics the DEXes of a family announce a pool, and what the log says.
_ANNOUNCED_BY: Mapping[str, Mapping[Hash, _Reader]] = {
    "uniswap_v2": {_PAIR_CREATED: _pair},
    "camelot_v2": {_PAIR_CREATED: _pair},
    "uniswap_v3": {_V3_POOL_CREATED: _v3_pool},
    "camelot_v3": {_ALGEBRA_POOL: _algebra_pool},
    "uniswap_v4": {_V4_INITIALIZE: _v4_pool},
    "curve_stableswap": _OF_CURVE,
    "curve_stableswap_ng": _OF_CURVE,
    "curve_cryptoswap": _OF_CURVE,
    "balancer_weighted": _OF_BALANCER,
    "balancer_stable": _OF_BALANCER,
    "balancer_v3_weighted": _OF_BALANCER,
    "balancer_v3_stable": _OF_BALANCER,
}


def creation_topics(facts: ChainFacts) -> list[Hash]:
    """
    Return the topics by which the chain's DEXes announce pools.
    """
    return sorted({name for dex in facts.dexes for name in _ANNOUNCED_BY[dex.family]})


def creation_of(facts: ChainFacts, log: Log) -> Created | None:
    """
    Return what a log says was created, or None if it is no announcement of a DEX of the chain.

    Raises:
        MalformedLog: A DEX's log is not what its topic promises.
    """
    try:
        reader = _reader(facts, log)
        return reader(log) if reader is not None else None
    except (KeyError, TypeError, ValueError, AttributeError, IndexError, struct.error) as error:
        raise MalformedLog(f"an announcement of a pool cannot be decoded: {error}") from error


def _reader(facts: ChainFacts, log: Log) -> Callable[[Log], Created] | None:
    dex = facts.dex_by_factory.get(Address(str(log.get("address", "")).lower()))
    topics = log.get("topics") or ()
    if dex is None or not topics or (reader := _ANNOUNCED_BY[dex.family].get(topics[0])) is None:
        return None
    return partial(reader, dex)


def creation_filters(facts: ChainFacts) -> list[LogFilter]:
    """
    Return which logs tell of the pools of those DEXes that nobody can ask for a list of them.

    Of Uniswap V4's pools, which anyone creates by the million, only those of the chain's tokens are asked for.
    """
    factories = [Address(factory) for dex in facts.dexes if dex.by_vault for factory in dex.all_factories]
    filters = [LogFilter(tuple(factories), ((_BALANCER_POOL_CREATED,),))] if factories else []
    tokens = tuple(_padded(token) for token in (ZERO_ADDRESS, *sorted(facts.token_by_address)))
    managers = [Address(dex.factory) for dex in facts.dexes if dex.family == "uniswap_v4"]
    return filters + [LogFilter((manager,), ((_V4_INITIALIZE,), None, tokens, tokens)) for manager in managers]


def as_request(asked: LogFilter) -> dict[str, Any]:
    """
    Return the filter in the shape of ``eth_getLogs``, without its blocks.
    """
    return {
        "address": list(asked.addresses),
        "topics": [None if place is None else list(place) for place in asked.topics],
    }


def _padded(token: Address) -> str:
    return "0x" + token[2:].rjust(64, "0")
