"""
Figures that are kept elsewhere, read when somebody asks for the metrics.
"""

import os
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from prometheus_client import Metric
from prometheus_client.core import CounterMetricFamily
from prometheus_client.registry import Collector

from keeper.execution.answers import TAKEN
from keeper.execution.breakers import Breakers
from keeper.execution.limits import BREAKERS
from keeper.execution.operation import OperatingState, Operation
from keeper.market import CacheCounts, Market
from keeper.monitor.metrics import PREFIX, Metrics
from keeper.monitor.report import Report

_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True, slots=True)
class Sources:
    """
    Where figures are kept.

    Attributes:
        pools: What became of all pools, as in the report of a run.
        lenders: How many flash lenders there are whose terms are known.
        in_flight: How many transactions of each key are in no block yet.
        nonces: Each key's next one.
        answers: How often each endpoint gave each kind of answer to sent bytes.
        gaps: How many nonces were found that something waited for, and how many of them were filled.
        backfilled: How many logs were fetched for blocks that had been missed.
    """

    operation: Operation
    breakers: Breakers
    report: Report
    market: Callable[[], Market]
    pools: Callable[[], Mapping[str, Any]]
    lenders: Callable[[], int]
    in_flight: Callable[[], Mapping[str, int]]
    nonces: Callable[[], Mapping[str, int]]
    answers: Callable[[], Mapping[tuple[str, str], int]]
    gaps: Callable[[], tuple[int, int]]
    backfilled: Callable[[], int]


class Figures(Collector):
    """
    Cumulative figures; gauges are set by ``refresh``.
    """

    def __init__(self, metrics: Metrics, sources: Sources) -> None:
        self._metrics, self._sources = metrics, sources
        metrics.on_render(self.refresh)
        metrics.collect(self)
        sources.report.latency.listener = self._took

    def describe(self) -> Iterator[Metric]:
        """No figures are needed to know the names."""
        return iter(())

    def collect(self) -> Iterator[Metric]:
        yield from _cache(self._sources.market().counts)
        yield from _decisions(self._sources.report)
        yield from _upkeep(self._sources.pools())
        yield from _sending(self._sources)

    def refresh(self) -> None:
        """
        Set what is as it is now.
        """
        metrics, sources = self._metrics, self._sources
        operation, breakers, report = sources.operation, sources.breakers, sources.report
        for state in OperatingState:
            metrics.state.labels(str(state)).set(operation.state is state)
        reasons = operation.reasons
        for name in BREAKERS:
            metrics.breaker.labels(name).set(name in reasons)
        metrics.head_age.set(breakers.head_age_seconds)
        metrics.divergence.set(breakers.divergence)
        metrics.realised.set(report.net_profit_wei)
        metrics.expected.set(report.expected["profit_wei"])
        metrics.lenders.set(sources.lenders())
        for key, count in sources.in_flight().items():
            metrics.in_flight.labels(key).set(count)
        for key, nonce in sources.nonces().items():
            metrics.nonce.labels(key, "next").set(nonce)
        self._set_pools(sources.market())
        self._set_process()

    def _set_pools(self, market: Market) -> None:
        stale, cold = market.stale, market.cold
        found = Counter(
            (info.dex, "stale" if address in stale else "cold" if address in cold else "current")
            for address, info in market.infos.items()
        )
        pools = self._metrics.pools
        pools.clear()
        for (dex, status), count in found.items():
            pools.labels(dex, status).set(count)
        pools.labels("any", "quarantined").set(self._sources.pools()["quarantined"])

    def _set_process(self) -> None:
        try:
            pages = int(Path("/proc/self/statm").read_text().split()[1])
            self._metrics.memory.set(pages * _PAGE_BYTES)
            self._metrics.descriptors.set(len(list(Path("/proc/self/fd").iterdir())))
        except OSError:
            pass  # a system without /proc

    def _took(self, stage: str, seconds: float) -> None:
        metrics = self._metrics
        match stage:
            case "search":
                metrics.scan.observe(seconds)
            case "simulate":
                metrics.simulation.observe(seconds)
            case "block_to_sent":
                metrics.decision.observe(seconds)
            case _:
                metrics.stage.labels(stage).observe(seconds)


def _cache(counts: CacheCounts) -> Iterator[Metric]:
    told = {
        "cache_hits": ("Pools that a decision read and that cost no request in its block.", counts.hits),
        "cache_misses": ("Pools that a decision wanted and that were stale, or read in that block.", counts.misses),
        "cache_applied": ("Events that told the pool's next state.", counts.applied),
        "cache_invalidated": ("Times that a pool, or a field of it, was forgotten.", counts.invalidated),
        "cache_evicted": ("Times that a pool was given up for busier ones.", counts.evicted),
        "cache_read": ("Times that a pool, or a field of it, was read from the chain.", counts.read),
        "cache_waits": ("Times that a pool was read again after it had been forgotten.", counts.waited),
        "cache_wait_seconds": ("From invalidation to the next read, over all those times.", counts.waited_seconds),
    }
    for name, (text, value) in told.items():
        yield CounterMetricFamily(f"{PREFIX}_{name}", text, value)


def _upkeep(pools: Mapping[str, Any]) -> Iterator[Metric]:
    yield CounterMetricFamily(f"{PREFIX}_state_audits", "Pools that were compared with the chain.", pools["audited"])
    yield CounterMetricFamily(f"{PREFIX}_state_audit_mismatch", "Those that were not as on chain.", pools["mismatched"])
    put_out = CounterMetricFamily(f"{PREFIX}_quarantines", "Pools and tokens put out, by reason.", labels=("reason",))
    for reason, times in pools["quarantined_for"].items():
        put_out.add_metric((reason,), times)
    yield put_out


def _sending(sources: Sources) -> Iterator[Metric]:
    errors = CounterMetricFamily(
        f"{PREFIX}_tx_publish_errors", "Answers to sent bytes that took none.", labels=("endpoint", "class")
    )
    for (endpoint, answer), times in sorted(sources.answers().items()):
        if answer not in TAKEN:
            errors.add_metric((endpoint, answer), times)
    yield errors
    found, filled = sources.gaps()
    text = "Nonces that something in flight waited for and nothing had."
    yield CounterMetricFamily(f"{PREFIX}_nonce_gaps", text, found)
    yield CounterMetricFamily(f"{PREFIX}_noop", "Transactions that did nothing but fill such a gap.", filled)
    text = "Logs that were fetched by ranges, for blocks that had been missed."
    yield CounterMetricFamily(f"{PREFIX}_logs_backfilled", text, sources.backfilled())


def _decisions(report: Report) -> Iterator[Metric]:
    yield CounterMetricFamily(f"{PREFIX}_cycles", "Cycles that were searched.", report.cycles_searched)
    yield CounterMetricFamily(f"{PREFIX}_blocks", "Blocks that were taken in.", report.blocks)
    yield CounterMetricFamily(f"{PREFIX}_events", "Events that were taken in.", report.events)
    found = CounterMetricFamily(
        f"{PREFIX}_opportunities", "Opportunities by how far they came, and why no farther.", labels=("stage", "reason")
    )
    found.add_metric(("found", ""), report.opportunities)
    found.add_metric(("sent", ""), report.transactions["sent"])
    for reason, times in sorted(report.refused.items()):
        found.add_metric(("refused", reason), times)
    yield found
