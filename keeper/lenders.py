"""
Who pays for a route's first swap: nobody (its first pool delivers before it is paid), or a flash lender.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any

from eth_utils.crypto import keccak

from keeper.abi import call
from keeper.config import LenderFacts
from keeper.errors import PoolError
from keeper.pools.pool import Pool, PoolInfo
from keeper.types import Address, Answer, Hash, Reading, value

#: Chaining flash-swaps: the route's first pool waits for its payment inside its own callback.
NO_LENDER = "none"
#: A V3 pool's ``flash``.
FLASH_POOL = "uniswap_v3"

_WAD = 10**18
_WAD_PER_PIP = 10**12
_WAD_PER_BPS = 10**14

#: Families whose pools send before they are paid.
_SENDING_FIRST = frozenset({"uniswap_v2", "uniswap_v3", "camelot_v2", "camelot_v3"})
_OF_BALANCER_V2 = frozenset({"balancer_weighted", "balancer_stable"})

#: Lenders of whose one loan several tokens may be.
_OF_SEVERAL_TOKENS = frozenset({"balancer_v2", "balancer_v3", "uniswap_v4"})

#: The DEXes whose pools the executor lets lend.
_LENDING_DEXES = frozenset({"uniswap_v3", "sushi_v3", "pancake_v3"})
#: How many of the deepest pools of each fee are kept as lenders of a token: some may be hops of the route.
_KEPT_OF_A_FEE = 3

#: Lenders, the one whose loan takes least gas first (docs/gas.md).
_BY_GAS = ("uniswap_v4", "balancer_v3", "morpho", "balancer_v2", FLASH_POOL, "aave_v3")

#: What tells that a lender's fee changed: Aave's PoolConfigurator and Balancer's ProtocolFeesCollector say so.
TOPICS = tuple(
    Hash("0x" + keccak(text=signature).hex())
    for signature in ("FlashloanPremiumTotalUpdated(uint128,uint128)", "FlashLoanFeePercentageChanged(uint256)")
)


@dataclass(frozen=True, slots=True)
class Lender:
    """
    A flash lender as of some block.

    Attributes:
        fee_wad: Its fee in 10**-18 of the loan, rounded up.
        available: What it can lend of each token, in smallest units.
    """

    name: str
    address: Address
    fee_wad: int
    available: Mapping[Address, int] = field(default_factory=dict)


@value
class Offer:
    """
    A way to fund a route.

    Attributes:
        fee_wad: In 10**-18 of the loan, rounded up.
        pool: The V3 pool that lends, if one does.
    """

    lender: str
    fee_wad: int = 0
    pool: PoolInfo | None = None

    def loan_fee(self, amount: int) -> int:
        """What the loan costs, in the token lent."""
        return -(-amount * self.fee_wad // _WAD)

    def shared(self, token: Address) -> object:
        """
        Return what routes have in common that can share its loan of *token*, besides the lender.
        """
        return None if self.lender in _OF_SEVERAL_TOKENS else (self.pool, token)


class LenderBook:
    """
    The lenders as of the head: what they take and what they have.

    Fees are read again as soon as an event says that one changed, and all of it after a reorganisation, after a loan
    that failed, and when it is old; what is older than its time to live is not offered.
    """

    def __init__(self, facts: Sequence[LenderFacts], tokens: Sequence[Address], ttl_seconds: float) -> None:
        self._facts, self._tokens, self._ttl_seconds = facts, tokens, ttl_seconds
        self._lenders: tuple[Lender, ...] = ()
        self._read_at = 0.0
        self._stale = True

    def follow(self, logs: Iterable[Mapping[str, Any]]) -> None:
        """
        Take in the logs of a block, one of which may tell of a fee.
        """
        self._stale |= any(topics[0] in TOPICS for log in logs if (topics := log.get("topics")))

    def invalidate(self) -> None:
        """
        Have all of it read again.
        """
        self._stale = True

    def due(self, now: float) -> list[Reading[Lender]]:
        """
        Return what has to be read before the next decision.
        """
        if not self._stale and now - self._read_at <= self._ttl_seconds:
            return []
        return [read_lender(facts, self._tokens) for facts in self._facts]

    def refresh(self, read: Iterable[Lender | PoolError], now: float) -> None:
        """
        Take what was read.
        """
        self._lenders = tuple(lender for lender in read if not isinstance(lender, PoolError))
        self._read_at, self._stale = now, False

    def current(self, now: float) -> tuple[Lender, ...]:
        """
        Return every lender whose terms are known.
        """
        return () if self._stale or now - self._read_at > self._ttl_seconds else self._lenders


def read_lender(facts: LenderFacts, tokens: Sequence[Address]) -> Reading[Lender]:
    """
    Return the lender with what it can lend of each token: nothing, where it is not on this chain or does not answer.
    """
    address = Address(facts.address)
    fee_wad = facts.fee_pips * _WAD_PER_PIP
    match facts.name:
        case "aave_v3":
            # What it lends of is a balance in its books (since version 3.1), not what its contracts hold.
            calls = [call(address, "getVirtualUnderlyingBalance(address)", token) for token in tokens]
            answers = yield [*calls, call(address, "FLASHLOAN_PREMIUM_TOTAL()")]
            if answers[-1]:
                fee_wad = _number(answers[-1]) * _WAD_PER_BPS
        case "balancer_v2":
            calls = [call(token, "balanceOf(address)", address) for token in tokens]
            answers = yield [*calls, call(address, "getProtocolFeesCollector()")]
            if collector := _number(answers[-1]):
                (fee,) = yield [call(Address(f"0x{collector:040x}"), "getFlashLoanFeePercentage()")]
                fee_wad = _number(fee)
        case "balancer_v3":
            # What was sent to the Vault and not settled cannot be lent.
            answers = yield [call(address, "getReservesOf(address)", token) for token in tokens]
        case _:
            answers = yield [call(token, "balanceOf(address)", address) for token in tokens]
    available = {token: _number(answer) for token, answer in zip(tokens, answers, strict=False)}
    return Lender(facts.name, address, fee_wad, available)


def flash_pools(pools: Iterable[Pool], tokens: Sequence[Address]) -> dict[Address, tuple[Address, ...]]:
    """
    Return for each token the V3 pools that are worth asking for a loan: of each fee the deepest, the lowest fee first.
    """
    lending = [pool for pool in pools if pool.info.family == FLASH_POOL and pool.info.dex in _LENDING_DEXES]
    return {token: tuple(_ranked([pool for pool in lending if token in pool.tokens], token)) for token in tokens}


def _ranked(pools: list[Pool], token: Address) -> Iterable[Address]:
    def rank(pool: Pool) -> tuple[int, float, Address]:
        return pool.info.fee_pips, -pool.depth(token, _other(pool.info, token)), pool.address

    for _, of_a_fee in groupby(sorted(pools, key=rank), lambda pool: pool.info.fee_pips):
        yield from [pool.address for pool in of_a_fee][:_KEPT_OF_A_FEE]


def fundings(
    token: Address,
    amount: int,
    allowed: Iterable[str],
    lenders: Iterable[Lender],
    hops: Sequence[PoolInfo] = (),
    flash: Iterable[Pool] = (),
) -> list[Offer]:
    """
    Return every way to fund *amount* of *token*: no lender first, then the cheapest.

    Args:
        hops: The route's pools, in their order. Not every first pool sends before it is paid, Balancer's V2 Vault
            refuses swaps while it lends, and so does a V3 pool.
        flash: V3 pools that may lend it, the preferred first.
    """
    allowed, families = set(allowed), [info.family for info in hops]
    locked = {"balancer_v2"} if not _OF_BALANCER_V2.isdisjoint(families) else set()
    offers = [
        Offer(lender.name, lender.fee_wad)
        for lender in lenders
        if lender.name in allowed - locked and lender.available.get(token, 0) >= amount
    ]
    if FLASH_POOL in allowed:
        crossed = {info.address for info in hops}
        offers += _first(pool.info for pool in flash if pool.address not in crossed and _has(pool, token, amount))
    opens = not families or sends_first(families[0])
    first = [Offer(NO_LENDER)] if NO_LENDER in allowed and opens else []
    return first + sorted(offers, key=lambda offer: _order(offer, amount))


def sends_first(family: str) -> bool:
    """
    Tell whether pools of a family send before they are paid, so that a route that begins with one needs no lender.
    """
    return family in _SENDING_FIRST


def _first(infos: Iterable[PoolInfo]) -> list[Offer]:
    info = next(iter(infos), None)
    return [Offer(FLASH_POOL, info.fee_pips * _WAD_PER_PIP, info)] if info is not None else []


def _has(pool: Pool, token: Address, amount: int) -> bool:
    """Whether the pool holds so much for sure: what it could pay to a trader, fees aside that it owes."""
    try:
        pool.amount_in(_other(pool.info, token), token, amount)
    except PoolError:
        return False
    return True


def _other(info: PoolInfo, token: Address) -> Address:
    return info.tokens[1 - info.tokens.index(token)]


def _order(offer: Offer, amount: int) -> tuple[int, int]:
    """By the fee, then by what a loan takes of gas."""
    return offer.loan_fee(amount), _BY_GAS.index(offer.lender) if offer.lender in _BY_GAS else len(_BY_GAS)


def _number(answer: Answer) -> int:
    return int.from_bytes(answer, "big") if answer and len(answer) == 32 else 0
