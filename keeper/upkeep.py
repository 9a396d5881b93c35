"""
What keeps the market readable and honest: pools are read again, compared with the chain, let in and put out.
"""

import math
import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import structlog

from keeper.chain.reader import Reader
from keeper.chain.rpc import Rpc
from keeper.config import ChainFacts, Settings
from keeper.discovery import Discovery
from keeper.errors import PoolError
from keeper.market import Audit, CachePolicy, Market, Memory, Quarantine
from keeper.market.audit import same
from keeper.monitor.alerts import Severity, alert
from keeper.pools import FAMILIES
from keeper.pools.pool import Pool, PoolInfo
from keeper.registry import (
    METADATA,
    TICK_RADIUS,
    Found,
    Rules,
    illiquid,
    metadata_of,
    metadata_reading,
    traded,
)
from keeper.snapshot import Poor
from keeper.types import Address, Block
from keeper.valuation import Valuation

_log = structlog.get_logger("keeper")

#: Failures of one kind in a row, after which a pool is put out. Simulations also fail for other reasons than the pool.
_UNREADABLE_LIMIT = 3
_MALFORMED_LIMIT = 3
_SIMULATION_LIMIT = 20

#: What may be a token's fault: one that takes a fee on transfer, changes balances by itself, or is paused.
_BLAMED_ON_TOKENS = ("simulation", "execution_unlike_quote")

#: How many logs are kept to be looked at while no node answers; what goes lost, the next start finds.
_MOST_UNLOOKED = 10_000

#: How many pools that were given up for busier ones are looked at again at a time.
_WARMED = 50


class Upkeep:
    """
    Attributes:
        market: All pools as of the head.
        quarantine: What was put out of it.
        dropped: How many pools were never let in, by the rule that left them out.
        poor: Those of them that hold too little.
        facts: The chain, with the DEXes that are traded.
        off: Which DEXes are not, and why.
        unreadable: How often a pool did not answer as its family does.
        metadata: ``read`` again, ``changed``, and ``refused`` where a pool did not answer any more.
    """

    def __init__(
        self,
        reader: Reader,
        settings: Settings,
        facts: ChainFacts,
        trusted: Iterable[Address],
        rpc: Rpc | None = None,
    ) -> None:
        """
        Args:
            trusted: Tokens that are not suspected for what happens in their pools.
            rpc: Whom to ask which pools there are.

        Raises:
            ConfigError: A rule names what does not exist on the chain.
        """
        self._reader = reader
        self._settings = settings
        self.facts, self.off = traded(facts, settings)
        self._rules = Rules.of(settings, facts)
        self._discovery = (
            Discovery(rpc, reader, self.facts, settings.max_pools_per_dex, settings.state_dir / "pools.json")
            if rpc is not None
            else None
        )
        self._policy = CachePolicy(settings.cache_policy)
        self._audit = Audit(settings.audit_share)
        self.market = Market(())
        self.quarantine = Quarantine(frozenset(trusted))
        self.dropped: Counter[str] = Counter()
        self.poor = Poor()
        self.unreadable = 0
        self.metadata: Counter[str] = Counter()
        self._gone: set[Address] = set()
        #: When the metadata of each pool that has any were read.
        self._metadata_at: dict[Address, float] = {}
        #: Pools that were let in since the last look at what they hold.
        self._new: set[Address] = set()
        #: Logs that nobody could be asked about yet.
        self._unlooked: list[Mapping[str, Any]] = []
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
            "by_dex": dict(sorted(Counter(info.dex for info in self.market.infos.values()).items())),
            "off": dict(sorted(self.off.items())),
            "filtered": dict(sorted(self.dropped.items())),
            "discovery": self._discovery.report() if self._discovery else {},
            "metadata": dict(sorted(self.metadata.items())),
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
        for dex, reason in sorted(self.off.items()):
            _log.info("dex_off", dex=dex, reason=reason)
        found = await self._discovery.find(block) if self._discovery else Found()
        wanted, dropped = self._rules.sifted(found.infos, found.dropped)
        self.dropped = dropped + found.counts()
        settings = self._settings
        self.market = Market(wanted, settings.ttl_seconds, self._policy, settings.cache_pools)

    async def notice(self, block: Block, logs: Sequence[Mapping[str, Any]]) -> None:
        """
        Let in the pools that logs of the head block say were created: they are stale, and read with what is.
        """
        if self._discovery is not None:
            self._unlooked = [*self._unlooked, *logs][-_MOST_UNLOOKED:]
            found = await self._discovery.look_at(block, self._unlooked)
            self._unlooked = []
            self._let_in(found)

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
        # Nobody knows what became of fees meanwhile: all are due.
        self._metadata_at = {
            address: -math.inf for address, info in self.market.infos.items() if info.family in METADATA
        }
        if poor.least_wei == self._settings.min_liquidity_wei:
            self.poor = replace(poor, pools=poor.pools & self.market.stale)

    async def settle(self) -> frozenset[Address]:
        """
        Read every pool that is stale, leave out those that hold too little, and return the rest.
        """
        self._remove(sorted(self.poor.pools))
        await self.refresh()
        poor = self._poor()
        self._remove(poor)
        judged_at = self.poor.judged_at if self.poor.pools else time.time()
        self.poor = Poor(self.poor.pools.union(poor), self._settings.min_liquidity_wei, judged_at)
        self.dropped["illiquid"] = len(self.poor.pools)
        return frozenset(pool.address for pool in self.market)

    def wants_reads(self) -> bool:
        """Whether a pool is stale, or its metadata are due."""
        return bool(self.market.stale) or bool(self._due(time.monotonic()))

    async def refresh(self) -> frozenset[Address]:
        """
        Read every stale pool, or what is missing of it, and metadata that are due, all in one call; return the pools
        that changed by it.
        """
        market, head, now = self.market, self.market.head, time.monotonic()
        stale = [market.infos[address] for address in sorted(market.stale)]
        due = [market.infos[address] for address in self._due(now)]
        readings = [market.mending(info.address) or FAMILIES[info.family].read(info, TICK_RADIUS) for info in stale]
        read = await self._reader.read([*readings, *map(metadata_reading, due)], head.hash)
        now = time.monotonic()
        changed = market.refresh(self._readable(stale, read[: len(stale)], now), head.hash, now)
        return changed | await self._renew(due, read[len(stale) :], now)

    async def look_around(self) -> frozenset[Address]:
        """
        Compare a few pools with the chain, try again what was put out long ago, and take back what has become busy;
        return the pools that changed by it.
        """
        now = time.monotonic()
        self._judge_new(now)
        released = self.quarantine.released(now)
        self.market.add(released)
        self._new.update(info.address for info in released)
        if self._discovery is not None and self._discovery.behind:
            self._let_in(await self._discovery.go_on(self.market.head))
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

    def _let_in(self, found: Found) -> None:
        """Have pools read that nobody knew, unless a rule leaves them out."""
        self.dropped += found.counts()
        for info in found.infos:
            if info.address in self.market.infos or info.address in self.quarantine.pools:
                continue
            refusal = self._rules.refusal(info)
            if refusal is None and not self.quarantine.tokens.keys().isdisjoint(info.tokens):
                refusal = "token_quarantined"
            if refusal is not None:
                self.dropped[refusal] += 1
                continue
            self.market.add([info])
            self._new.add(info.address)
            _log.info("pool_found", pool=info.address, dex=info.dex)

    def _judge_new(self, now: float) -> None:
        """What was let in and holds too little is looked at again later, and later still."""
        poor = self._new.intersection(self._poor())
        for address in poor:
            self.quarantine.hold(self.market.infos[address], "illiquid", now)
        self._remove(sorted(poor))
        self._new.clear()

    def _poor(self) -> list[Address]:
        valuation = Valuation(self.market, Address(self.facts.weth))
        return illiquid(self.market, valuation.in_eth, self._settings.min_liquidity_wei)

    def _due(self, now: float) -> list[Address]:
        """The pools whose metadata are old; those that are stale are read as a whole anyway."""
        if self._policy in (CachePolicy.NONE, CachePolicy.TTL):
            return []
        oldest = now - self._settings.metadata_ttl_seconds
        return [
            address
            for address, read_at in self._metadata_at.items()
            if read_at < oldest and self.market.peek(address) is not None
        ]

    async def _renew(
        self, infos: Sequence[PoolInfo], read: Sequence[Pool | PoolError], now: float
    ) -> frozenset[Address]:
        """
        Take over metadata that are others. Such a pool is read as a whole: what was read of it may be a part.
        """
        changed = []
        for info, result in zip(infos, read, strict=True):
            self.metadata["read"] += 1
            kept = self.market.peek(info.address)
            self._metadata_at[info.address] = now
            if isinstance(result, PoolError):
                self.metadata["refused"] += 1
                self.market.invalidate(info.address, now)
            elif kept is not None and metadata_of(kept) != metadata_of(result):
                self.metadata["changed"] += 1
                changed.append(info.address)
        if not changed:
            return frozenset()
        self.market.invalidate_many(changed, now)
        return await self.refresh()

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
                if info.family in METADATA:
                    self._metadata_at[info.address] = now
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
        for address in addresses:
            self._metadata_at.pop(address, None)
        self._gone.update(addresses)
