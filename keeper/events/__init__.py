"""
Logs decoded to typed pool events, straight from their hex: one module per protocol.

A log is one result object of ``eth_getLogs``. Its ``removed`` flag concerns whoever orders logs and is not looked at.
Amounts are in the tokens' smallest units.
"""

import struct
from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeAlias

from keeper.errors import MalformedLog
from keeper.events import balancer_v2, balancer_v3, camelot, curve, uniswap_v2, uniswap_v3, uniswap_v4
from keeper.events.balancer_v2 import (
    BalancerBalancesChanged,
    BalancerPausedChanged,
    BalancerSwap,
    BalancerSwapFeeChanged,
)
from keeper.events.balancer_v3 import BalancerV3Changed, BalancerV3Swap, BalancerV3SwapFeeChanged
from keeper.events.camelot import CamelotFeePercentUpdated, CamelotSetStableSwap, CamelotV3Fee
from keeper.events.curve import CurveChanged, CurveExchange
from keeper.events.log import Log
from keeper.events.uniswap_v2 import PairCreated, Sync, V2Swap
from keeper.events.uniswap_v3 import PoolCreated, V3Burn, V3Initialize, V3Mint, V3SetFeeProtocol, V3Swap
from keeper.events.uniswap_v4 import V4Initialize, V4ModifyLiquidity, V4ProtocolFeeUpdated, V4Swap
from keeper.types import Address, Hash

__all__ = [
    "TOPICS",
    "BalancerBalancesChanged",
    "BalancerPausedChanged",
    "BalancerSwap",
    "BalancerSwapFeeChanged",
    "BalancerV3Changed",
    "BalancerV3Swap",
    "BalancerV3SwapFeeChanged",
    "CamelotFeePercentUpdated",
    "CamelotSetStableSwap",
    "CamelotV3Fee",
    "CurveChanged",
    "CurveExchange",
    "Event",
    "Log",
    "PairCreated",
    "PoolCreated",
    "Sync",
    "V2Swap",
    "V3Burn",
    "V3Initialize",
    "V3Mint",
    "V3SetFeeProtocol",
    "V3Swap",
    "V4Initialize",
    "V4ModifyLiquidity",
    "V4ProtocolFeeUpdated",
    "V4Swap",
    "decode",
    "decode_all",
    "decode_each",
    "speakers",
]

Event: TypeAlias = (
    uniswap_v2.Event
    | uniswap_v3.Event
    | uniswap_v4.Event
    | camelot.Event
    | curve.Event
    | balancer_v2.Event
    | balancer_v3.Event
)

#: The events that are understood, by the hash of their signature.
TOPICS: dict[Hash, Callable[[Log], Event]] = {
    **uniswap_v2.TOPICS,
    **uniswap_v3.TOPICS,
    **uniswap_v4.TOPICS,
    **camelot.TOPICS,
    **curve.TOPICS,
    **balancer_v2.TOPICS,
    **balancer_v3.TOPICS,
}


def decode(log: Log) -> Event | None:
    """
    Return the event of *log*, or None if its topic is not one of ours.

    Raises:
        MalformedLog: The log is not what its topic promises.
    """
    try:
        topics = log["topics"]
        decoder = TOPICS.get(topics[0]) if len(topics) else None
        return decoder(log) if decoder else None
    except (KeyError, TypeError, ValueError, AttributeError, struct.error) as error:
        raise MalformedLog(f"{_name(log)} cannot be decoded: {error}") from error


def decode_all(logs: Iterable[Log]) -> list[Event]:
    """
    Return the events of *logs*, in order, without those of other topics: ``decode`` for many.

    Raises:
        MalformedLog: One of them is not what its topic promises.
    """
    events: list[Event] = []
    decoder_of, add, log = TOPICS.get, events.append, None
    try:
        for log in logs:
            topics = log["topics"]
            if topics and (decoder := decoder_of(topics[0])) is not None:
                add(decoder(log))
    except (KeyError, TypeError, ValueError, AttributeError, struct.error) as error:
        raise MalformedLog(f"{_name(log)} cannot be decoded: {error}") from error
    return events


def decode_each(logs: Iterable[Log], refuse: Callable[[Log, MalformedLog], None]) -> list[Event]:
    """
    Return the events of *logs*, in order; one that is malformed is handed to *refuse*, and costs no other.
    """
    logs = list(logs)
    try:
        return decode_all(logs)
    except MalformedLog:
        return list(_one_by_one(logs, refuse))


def speakers(logs: Iterable[Log], events: Iterable[Event]) -> frozenset[tuple[Address, int]]:
    """
    Return which pools spoke, and in which transaction of the block: a Vault speaks for its pools.

    Args:
        events: Of these logs.
    """
    pools = {event.pool for event in events}
    return frozenset(
        (address if address in pools else _spoken_for(log, address), int(log["transactionIndex"], 16))
        for log in logs
        for address in [Address(str(log.get("address")).lower())]
    )


def _spoken_for(log: Log, address: Address) -> Address:
    try:
        event = decode(log)
    except MalformedLog:
        return address
    return address if event is None else event.pool


def _one_by_one(logs: Iterable[Log], refuse: Callable[[Log, MalformedLog], None]) -> Iterator[Event]:
    for log in logs:
        try:
            event = decode(log)
        except MalformedLog as error:
            refuse(log, error)
        else:
            if event is not None:
                yield event


def _name(log: Any) -> str:
    try:
        return f"log {int(log['logIndex'], 16)} of block {int(log['blockNumber'], 16)}"
    except (KeyError, TypeError, ValueError):
        return "a log"
