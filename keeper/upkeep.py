"""
What keeps the market readable and honest: pools are read again, compared with the chain, let in and put out.
"""

import time
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from keeper.chain.reader import Reader
from keeper.config import ChainFacts, Settings
from keeper.errors import PoolError
from keeper.market import Audit, CachePolicy, Market, Memory, Quarantine
from keeper.market.audit import same
from keeper.monitor.alerts import Severity, alert
from keeper.pools import FAMILIES
from keeper.pools.pool import Pool, PoolInfo
from keeper.registry import TICK_RADIUS, Rules, discover, illiquid
from keeper.snapshot import Poor
from keeper.types import Address, Block
from keeper.valuation import Valuation

#: Failures of one kind in a row, after which a pool is put out. Simulations also fail for other reasons than the pool.
_UNREADABLE_LIMIT = 3
_MALFORMED_LIMIT = 3
_SIMULATION_LIMIT = 20

#: What may be a token's fault: one that takes a fee on transfer, changes balances by itself, or is paused.
_BLAMED_ON_TOKENS = ("simulation", "execution_unlike_quote")

#: How many pools that were given up for busier ones are looked at again at a time.
_WARMED = 50


class Upkeep:
    """
    Attributes:
        market: All pools as of the head.
        quarantine: What was put out of it.
        dropped: How many pools were never let in, by the rule that left them out.
        poor: Those of them that hold too little.
        unreadable: How often a pool did not answer as its family does.
    """

    def __init__(self, reader: Reader, settings: Settings, facts: ChainFacts, trusted: Iterable[Address]) -> None:
        """
        Args:
            trusted: Tokens that are not suspected for what happens in their pools.
        """
        self._reader = reader
        self._settings = settings
        self._facts = facts
        self._policy = CachePolicy(settings.cache_policy)
        self._audit = Audit(settings.audit_share)
        self.market = Market(())
        self.quarantine = Quarantine(frozenset(trusted))
        self.dropped: Counter[str] = Counter()
        self.poor = Poor()
        self.unreadable = 0
        self._gone: set[Address] = set()
        #: The block in which each pool was judged last by a simulation.
        self._charged: dict[Address, int] = {}

    def gone(self) -> frozenset[Address]:
        """Return the pools that were put out since this was asked last."""
        gone = frozenset(self._gone)
        self._gone.clear()
        return gone

    def report(self) -> dict[str, Any]:
        """Return what became of all pools, as plain data."""
        return {
            "followed": len(self.market),
            "filtered": dict(sorted(self.dropped.items())),
            "quarantined": len(self.quarantine.pools),
            "quarantined_for": dict(sorted(self.quarantine.counts.items())),
            "audited": self._audit.compared,
            "mismatched": self._audit.mismatched,
            "drifted": self._audit.drifted,
        }

    async def discover(self, block: Block) -> None:
        """
        Make the market of all pools that the operator's rules let in.

        Raises:
            ConfigError: A rule names what does not exist.
        """
        rules = Rules.of(self._settings, self._facts)
        (found,) = await self._reader.read([discover(self._facts)], block.hash)
        if isinstance(found, PoolError):
            raise found
        wanted, self.dropped = rules.sifted(found)
        settings = self._settings
        self.market = Market(wanted, settings.ttl_seconds, self._policy, settings.cache_pools)

    async def start(self, block: Block) -> frozenset[Address]:
        """
        Read every pool at *block*, leave out those that hold too little, and return the rest.
        """
        self.market.start(block, time.monotonic())
        self.poor = Poor()
        return await self.settle()

    def resume(self, memory: Memory, block: Block, poor: Poor) -> None:
        """
        Go on from an earlier market as of *block*; what it does not tell is read when the market is settled.
        """
        self.market.resume(memory, block, time.monotonic())
        if poor.least_wei == self._settings.min_liquidity_wei:
            self.poor = replace(poor, pools=poor.pools & self.market.stale)

    async def settle(self) -> frozenset[Address]:
        """
        Read every pool that is stale, leave out those that hold too little, and return the rest.
        """
        self._remove(sorted(self.poor.pools))
        await self.refresh()
        valuation = Valuation(self.market, Address(self._facts.weth))
        poor = illiquid(self.market, valuation.in_eth, self._settings.min_liquidity_wei)
        self._remove(poor)
        judged_at = self.poor.judged_at if self.poor.pools else time.time()
        self.poor = Poor(self.poor.pools.union(poor), self._settings.min_liquidity_wei, judged_at)
        self.dropped["illiquid"] = len(self.poor.pools)
        return frozenset(pool.address for pool in self.market)

    async def refresh(self) -> frozenset[Address]:
        """
        Read every stale pool, or what is missing of it, all in one call; return the pools that changed by it.
        """
        market, head = self.market, self.market.head
        stale = [market.infos[address] for address in sorted(market.stale)]
        readings = [market.mending(info.address) or FAMILIES[info.family].read(info, TICK_RADIUS) for info in stale]
        read = await self._reader.read(readings, head.hash)
        now = time.monotonic()
        return market.refresh(self._readable(stale, read, now), head.hash, now)

    async def look_around(self) -> frozenset[Address]:
        """
        Compare a few pools with the chain, try again what was put out long ago, and take back what has become busy;
        return the pools that changed by it.
        """
        now = time.monotonic()
        self.market.add(self.quarantine.released(now))
        if self.market.cold:
            self.market.warm(_WARMED)
        if self._policy in (CachePolicy.NONE, CachePolicy.TTL):
            return frozenset()
        current = [pool.address for pool in self.market]
        return await self._compare(self._audit.due(current, now), now)

    def refused(self, address: Address) -> None:
        """A log of the pool was malformed: it is forgotten, and put out if that goes on."""
        info = self.market.infos.get(address)
        if info is not None:
            self.market.invalidate(address)
            if self.quarantine.strike(info, "malformed_log", _MALFORMED_LIMIT, time.monotonic()):
                self._put_out(info, "malformed_log")

    def simulated(self, pools: Sequence[Address], succeeded: bool, block: Block) -> None:
        """
        A route through these pools did or did not do in a simulation what it should, as of *block*.

        A race that is lost is a failure, too, and many routes lead through one pool: a pool is charged once a block,
        and any success clears it.
        """
        for address in pools:
            info = self.market.infos.get(address)
            if succeeded:
                self.quarantine.absolve(address, "simulation")
                self._charged[address] = block.number
            elif info is not None and self._charged.get(address) != block.number:
                self._charged[address] = block.number
                if self.quarantine.strike(info, "simulation", _SIMULATION_LIMIT, time.monotonic()):
                    self._put_out(info, "simulation")

    def misled(self, pools: Sequence[Address]) -> None:
        """A route through these pools gave something else than was predicted, though nobody touched them before."""
        for address in pools:
            if (info := self.market.infos.get(address)) is not None:
                self.quarantine.hold(info, "execution_unlike_quote", time.monotonic())
                self._put_out(info, "execution_unlike_quote")

    async def _compare(self, addresses: Sequence[Address], now: float) -> frozenset[Address]:
        changed: set[Address] = set()
        infos = [self.market.infos[address] for address in addresses]
        fresh = await self._reader.read(
            [FAMILIES[info.family].read(info, TICK_RADIUS) for info in infos], self.market.head.hash
        )
        for info, read in zip(infos, fresh, strict=True):
            kept = self.market.peek(info.address)
            if kept is None or isinstance(read, PoolError):
                continue
            if self._audit.judge(kept, read):
                self.quarantine.hold(info, "audit_mismatch", now)
                self._put_out(info, "audit_mismatch")
            elif not same(kept, read):
                changed |= self.market.refresh([read], now=now)
        return frozenset(changed)

    def _readable(self, stale: Sequence[PoolInfo], read: Sequence[Pool | PoolError], now: float) -> list[Pool]:
        pools = []
        for info, result in zip(stale, read, strict=True):
            if not isinstance(result, PoolError):
                self.quarantine.absolve(info.address, "unreadable")
                pools.append(result)
                continue
            self.unreadable += 1
            if self.quarantine.strike(info, "unreadable", _UNREADABLE_LIMIT, now):
                self._put_out(info, "unreadable")
        return pools

    def _put_out(self, info: PoolInfo, reason: str) -> None:
        self._remove([info.address])
        alert(Severity.TICKET, "quarantine", f"pool {info.address} is not traded for a while: {reason}")
        for token in self.quarantine.suspects(reason) if reason in _BLAMED_ON_TOKENS else ():
            self.quarantine.hold_token(token, reason)
            others = self.quarantine.of_tokens(self.market.infos.values())
            self._remove([other.address for other in others])
            alert(Severity.TICKET, "quarantine", f"token {token} is not traded any more: {reason} in several pools")

    def _remove(self, addresses: Sequence[Address]) -> None:
        self.market.remove(addresses)
        self._gone.update(addresses)
