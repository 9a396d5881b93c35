"""
What a Prometheus server scrapes. Names and labels are listed in docs/metrics.md, which is made from this file.

Most figures are kept where they arise; they are read when somebody asks. Only what would be lost by then, a duration
or an event, is told at once.
"""

import sys
from collections.abc import Callable

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    Info,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.registry import Collector

# When a counter began is of no use to anyone here, and is a third of the text.
disable_created_metrics()  # type: ignore[no-untyped-call]

#: Names of all metrics begin with it.
PREFIX = "arb"

#: Upper bounds in wei per unit of gas: the base fee is 10 million and more.
_TIPS = (0, 10**5, 10**6, 10**7, 10**8, 10**9, 10**10, 10**11)

#: Upper bounds in seconds: of what happens within a block, and of what takes several.
_WITHIN_A_BLOCK = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 15.0)
_OVER_BLOCKS = (0.1, 0.25, 0.5, 1.0, 2.0, 3.0, 5.0, 10.0, 20.0, 60.0)
_DEPTHS = (1, 2, 3, 5, 8, 13, 21, 64, 256)


class Metrics:
    """
    Every metric, as an attribute.

    Attributes:
        registry: Its own: two keepers in one process do not share figures.
    """

    #: What ``render`` returns, for the HTTP header.
    content_type = "text/plain; version=0.0.4; charset=utf-8"

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._refreshers: list[Callable[[], None]] = []
        info = Info("build", "Version and contract of this keeper.", namespace=PREFIX, registry=self.registry)
        self.build = info

        self.state = self._gauge("state", "1 for the state that the keeper is in.", "state")
        self.head_block = self._gauge("head_block", "Number of the head block.")
        self.head_age = self._gauge("head_age_seconds", "Time since the head last moved.")
        self.block_lag = self._gauge("block_lag_seconds", "Wall clock minus the head's timestamp.")
        self.clock_skew = self._gauge("clock_skew_seconds", "What the wall clock seems to be wrong by.")
        self.reorgs = self._counter("reorgs", "Times that the head left the chain.")
        self.reorg_depth = self._histogram("reorg_depth", "Blocks that were taken back at a time.", _DEPTHS)
        self.resyncs = self._counter("resyncs", "Times that the whole market had to be read anew.")
        self.pools = self._gauge("pools", "Pools by DEX and by what they are.", "venue", "status")
        self.lenders = self._gauge("lenders", "Flash lenders whose terms are known.")

        self.decision = self._histogram(
            "decision_latency_seconds", "From a block's arrival to its transaction's leaving.", _WITHIN_A_BLOCK
        )
        self.scan = self._histogram("scan_seconds", "Setting up the search of a block.", _WITHIN_A_BLOCK)
        self.simulation = self._histogram("sim_seconds", "Simulations by the node.", _WITHIN_A_BLOCK)
        self.stage = self._histogram("stage_seconds", "Each stage of a block.", _WITHIN_A_BLOCK, "stage")

        self.transactions = self._counter("tx", "Transactions that ended, by how.", "status")
        self.confirmation = self._histogram("tx_confirm_seconds", "From leaving to a known fate.", _OVER_BLOCKS)
        self.in_flight = self._gauge("tx_inflight", "Transactions whose fate is not known.", "key")
        self.nonce = self._gauge("nonce", "Nonces, by key.", "key", "kind")
        self.gas_used = self._counter(
            "gas_used", "What our transactions in blocks took of gas, that for L1 data included."
        )
        self.tip = self._histogram("tip_wei", "What was bid for a unit of gas, of each transaction sent.", _TIPS)
        self.bids = self._counter("bid_result", "What became of transactions that bid: won, lost or unknown.", "result")
        self.gas_spent = self._counter("gas_spent_wei", "What was paid for gas, by outcome.", "outcome")
        self.profit = self._counter("profit_wei", "What the treasury received, in the token's smallest unit.", "token")
        self.realised = self._gauge("realised_profit_wei", "Net profit of this run, in ETH.")
        self.expected = self._gauge("expected_profit_wei", "What all that was sent should have brought, net, in ETH.")
        self.divergence = self._gauge("profit_divergence", "Median share of the simulated profit that was missed.")

        self.base_fee = self._gauge("base_fee_wei", "Of the head block, per gas.")
        self.l1_price = self._gauge("l1_price_per_unit_wei", "Of a unit of L1 data.")
        self.ordering = self._gauge("ordering_policy", "1 for the way in which the chain orders.", "policy")

        self.operator_balance = self._gauge("operator_balance_wei", "ETH of an operator.", "key")
        self.treasury_balance = self._gauge("treasury_balance", "In the token's smallest unit.", "token")
        self.unexplained = self._counter("unexplained_wei", "Balance changes that nothing explains.", "whose", "way")
        self.topups = self._counter("topups_wei", "ETH that the funder sent to operators.")

        self.breaker = self._gauge("breaker_state", "1 while the breaker is tripped.", "name")
        self.trips = self._counter("breaker_trips", "How often it tripped.", "name")
        self.alerts = self._counter("alerts_sent", "Alerts by sink and by what became of them.", "sink", "outcome")
        self.heartbeats = self._counter("heartbeats", "Pings of the dead-man switch.", "outcome")

        self.rpc_requests = self._counter("rpc_requests", "Requests to nodes.", "provider", "method", "outcome")
        self.rpc_seconds = self._histogram("rpc_seconds", "Answers of nodes.", _WITHIN_A_BLOCK, "provider")
        self.rpc_state = self._gauge("rpc_provider_state", "1 while the node is asked, 0 while paused.", "provider")
        self.rpc_limited = self._counter("rpc_ratelimited", "Times that a node wanted fewer requests.", "provider")

        self.loop_lag = self._histogram("event_loop_lag_seconds", "How late the event loop is.", _WITHIN_A_BLOCK)
        self.gc_pause = self._histogram("gc_pause_seconds", "Garbage collections.", _WITHIN_A_BLOCK, "generation")
        self.memory = self._gauge("resident_memory_bytes", "Memory of the process.")
        self.descriptors = self._gauge("open_fds", "File descriptors of the process.")
        self.disk_free = self._gauge("disk_free_bytes", "Room for the journal.")
        self.journal_seconds = self._histogram("journal_commit_seconds", "Writing something down.", _WITHIN_A_BLOCK)
        self.journal_errors = self._counter("journal_errors", "Steps that could not be written.")

    def describe(self, version: str, executor: str, code_hash: str) -> None:
        """
        Say which keeper this is.
        """
        python = ".".join(map(str, sys.version_info[:3]))
        self.build.info({"version": version, "executor": executor, "codehash": code_hash, "python": python})

    def on_render(self, refresh: Callable[[], None]) -> None:
        """
        Call *refresh*, which sets gauges, before each rendering.
        """
        self._refreshers.append(refresh)

    def collect(self, collector: Collector) -> None:
        """
        Take in figures that are counted elsewhere.
        """
        self.registry.register(collector)

    def render(self) -> bytes:
        """
        Return all metrics as Prometheus' text; milliseconds, no I/O.
        """
        for refresh in self._refreshers:
            refresh()
        return generate_latest(self.registry)

    def _gauge(self, name: str, text: str, *labels: str) -> Gauge:
        return Gauge(name, text, labels, namespace=PREFIX, registry=self.registry)

    def _counter(self, name: str, text: str, *labels: str) -> Counter:
        return Counter(name, text, labels, namespace=PREFIX, registry=self.registry)

    def _histogram(self, name: str, text: str, buckets: tuple[float, ...], *labels: str) -> Histogram:
        return Histogram(name, text, labels, namespace=PREFIX, registry=self.registry, buckets=buckets)
