"""
Follows recorded logs block by block: explains each swap, keeps the market, and decides as the keeper would.
"""

import hashlib
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any, Protocol

import structlog

from keeper.config import ChainFacts
from keeper.errors import MalformedLog, PlanError
from keeper.events import Event, PairCreated, PoolCreated, Sync, V2Swap, V3Swap, decode
from keeper.gas import GasPrices
from keeper.market import Market
from keeper.opportunity import Opportunity, Terms, scan
from keeper.plan import Plan, encode
from keeper.planning import plan_route
from keeper.pools.pool import Pool, PoolInfo
from keeper.pools.uniswap_v2 import UniswapV2Pool
from keeper.pools.uniswap_v3 import UniswapV3Pool
from keeper.replay.explanation import Explanation, explain_v2, explain_v3
from keeper.replay.files import Log
from keeper.routes.graph import Graph
from keeper.types import Address, Block, Hash

_log = structlog.get_logger("replay")

#: The block before the first one of a recording.
_START = Block(0, Hash(""), Hash(""), 0, 0)

#: The fee of pairs whose factory is not among the chain's facts.
_USUAL_V2_FEE_PIPS = 3_000


class Decider(Protocol):
    """
    Who looks at a replay's market after each block.
    """

    def begin(self, market: Market) -> None:
        """Take in the market before the first block."""
        ...

    def leave(self, next_number: int | None, market: Market) -> None:
        """Take in the market before it is advanced to the block of that number, or, with None, at the end."""
        ...

    def decide(self, block: Block, changed: Collection[Address], market: Market, graph: Graph) -> None:
        """Decide after a block."""
        ...

    def report(self) -> Mapping[str, Any]: ...


class Plans:
    """
    Decides as the keeper would, every opportunity of every block in a transaction of its own.

    Attributes:
        opportunities: How many were found, over all blocks.
    """

    def __init__(self, terms: Terms, prices: GasPrices) -> None:
        """
        Args:
            prices: What gas costs, the same in every block: logs do not tell.
        """
        self._terms, self._prices = terms, prices
        self._digest = hashlib.sha256()
        self.opportunities = 0

    def begin(self, market: Market) -> None:
        pass

    def leave(self, next_number: int | None, market: Market) -> None:
        pass

    def decide(self, block: Block, changed: Collection[Address], market: Market, graph: Graph) -> None:
        found = scan(market, graph, changed, self._terms, (), self._prices)
        for opportunity in found:
            self._digest.update(self._planned(opportunity, block, market))
        self.opportunities += found.told

    def report(self) -> Mapping[str, Any]:
        return {"opportunities": self.opportunities, "plans_sha256": self._digest.hexdigest()}

    def _planned(self, opportunity: Opportunity, block: Block, market: Market) -> bytes:
        """The calldata; where the executor knows no such plan, what it would have to do."""
        first = market.pool(opportunity.pools[0])
        route = plan_route(opportunity, first, market.infos, opportunity.funding, opportunity.gain)
        try:
            return encode(Plan((route,), block.number, self._terms.profit_tokens))
        except PlanError:
            return repr((opportunity.pools, opportunity.route.amounts)).encode()


class Replay:
    """
    The decision side over one recording.

    Attributes:
        counts: ``applied``, ``invalidated``, ``ignored``, ``malformed``.
        explained: By pool, how its swaps were explained.
    """

    def __init__(self, facts: ChainFacts, pools: Sequence[Pool], decider: Decider, explaining: bool = True) -> None:
        """
        Args:
            explaining: Whether each swap is computed by the models, too.
        """
        self._facts = facts
        self._explaining = explaining
        self._decider = decider
        self._graph = Graph()
        self._before_sync: dict[Address, UniswapV2Pool] = {}
        self._market = Market([pool.info for pool in pools])
        self._market.start(_START, now=0.0)
        for pool in self._market.refresh(pools):
            self._update(pool)
        self.counts: Counter[str] = Counter(applied=0, invalidated=0, ignored=0, malformed=0)
        self.explained: dict[Address, Counter[str]] = {}
        decider.begin(self._market)

    def run(self, logs: Iterable[Log]) -> None:
        """
        Follow logs that stand, in chain order.
        """
        for (number, block_hash), of_block in groupby(logs, key=lambda log: (log["blockNumber"], log["blockHash"])):
            head = self._market.head
            block = Block(int(number, 16), Hash(block_hash), head.hash, head.timestamp, 0)
            self._decider.leave(block.number, self._market)
            changed = self._market.advance(block, self._events(of_block), now=0.0)
            self._graph.forget(self._market.stale)
            for pool in changed:
                self._update(pool)
            self._decider.decide(block, changed, self._market, self._graph)
        self._decider.leave(None, self._market)

    @property
    def market(self) -> Market:
        """As of the last block."""
        return self._market

    def report(self) -> dict[str, Any]:
        """
        Return what was found, but for the time it took.
        """
        return {
            "logs": sum(self.counts.values()),
            **self.counts,
            "pools": {address: self._pool_report(address) for address in sorted(self._market.infos)},
            **self._decider.report(),
            "cache": self._market.counts.as_json(),
        }

    def _pool_report(self, address: Address) -> dict[str, Any]:
        explained = self.explained.get(address, Counter())
        pool, head = self._market.peek(address), self._market.head
        at = {"block_number": str(head.number), "block_hash": head.hash}
        return {
            "swaps": explained.total(),
            **{explanation: explained[explanation] for explanation in Explanation},
            "final_state": {**pool.snapshot(), **at} if pool is not None else None,
        }

    def _events(self, logs: Iterable[Log]) -> Iterator[Event]:
        """The events of the market's pools; each is explained before, and counted after, the market has followed it."""
        for log in logs:
            event = self._decode(log)
            if event is None:
                continue
            if isinstance(event, PairCreated | PoolCreated):
                pool = self._created(event)
                if pool is not None:
                    self._market.admit(pool)
                self.counts["ignored" if pool is None else "applied"] += 1
                continue
            before = self._market.peek(event.pool)
            if before is None:
                self.counts["ignored"] += 1
                continue
            if self._explaining:
                self._explain(before, event, log)
            yield event
            stands = self._market.peek(event.pool) is not None
            self.counts["applied" if stands else "invalidated"] += 1

    def _decode(self, log: Log) -> Event | None:
        try:
            event = decode(log)
        except MalformedLog as error:
            self.counts["malformed"] += 1
            self._market.invalidate(Address(str(log.get("address")).lower()))
            _log.warning("log_refused", reason=str(error))
            return None
        if event is None:
            self.counts["ignored"] += 1
        return event

    def _created(self, event: PairCreated | PoolCreated) -> Pool | None:
        """
        The pool that was created, or None if it is none of Uniswap's kind: others announce theirs by the same topics.
        """
        dex = self._facts.dex_by_factory.get(event.factory)
        family = "uniswap_v2" if isinstance(event, PairCreated) else "uniswap_v3"
        if dex is not None and dex.family != family:
            _log.warning(
                "pool_not_admitted", pool=event.pool, dex=dex.name, reason="its creation does not tell its fees"
            )
            return None
        name, tokens = dex.name if dex else event.factory, (event.token0, event.token1)
        if isinstance(event, PairCreated):
            fee_pips = dex.fee_pips if dex else _USUAL_V2_FEE_PIPS
            return UniswapV2Pool.new(PoolInfo("uniswap_v2", name, event.pool, tokens, fee_pips))
        return UniswapV3Pool.new(PoolInfo("uniswap_v3", name, event.pool, tokens, event.fee_pips, event.tick_spacing))

    def _explain(self, pool: Pool, event: Event, log: Mapping[str, Any]) -> None:
        match pool, event:
            case UniswapV2Pool(), Sync():
                self._before_sync[pool.address] = pool
                return
            case UniswapV2Pool(), V2Swap():
                explanation = explain_v2(self._before_sync.get(pool.address, pool), pool, event)
            case UniswapV3Pool(), V3Swap():
                explanation = explain_v3(pool, event)
            case _:
                return
        self.explained.setdefault(pool.address, Counter())[explanation] += 1
        if explanation is Explanation.MISMATCH:
            _log.warning("swap_not_explained", pool=pool.address, block=log["blockNumber"], index=log["logIndex"])

    def _update(self, address: Address) -> None:
        if (pool := self._market.peek(address)) is not None:
            self._graph.update(pool)
