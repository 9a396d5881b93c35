"""
What surrounds the keeper: the chain's rules, the executor's code, the nodes, the machine.
"""

import asyncio
import shutil

from eth_utils.crypto import keccak

from keeper.chain.answers import octets, quantity
from keeper.chain.arbitrum import ArbosParameters
from keeper.chain.rpc import Rpc
from keeper.config import Settings
from keeper.execution.breakers import Breakers
from keeper.execution.operation import Operation
from keeper.journal import Journal
from keeper.monitor.alerts import Severity, alert
from keeper.monitor.metrics import Metrics
from keeper.monitor.pulse import Clocks
from keeper.watch.subject import Subject


class Surroundings:
    """
    Attributes:
        clocks: What the wall clock is worth.
    """

    def __init__(
        self,
        rpc: Rpc,
        settings: Settings,
        subject: Subject,
        journal: Journal,
        operation: Operation,
        breakers: Breakers,
        metrics: Metrics,
    ) -> None:
        self._rpc, self._settings, self._subject, self._journal = rpc, settings, subject, journal
        self._operation, self._breakers, self._metrics = operation, breakers, metrics
        self.clocks = Clocks()

    async def look(self, arbos: ArbosParameters) -> None:
        """
        Look at all of it.

        Raises:
            ChainError: A node failed.
            JournalError: The journal cannot be read.
        """
        self._look_at_ordering(arbos)
        self._look_at_machine()
        self._look_at_nodes()
        await self._look_at_code()

    def _look_at_ordering(self, arbos: ArbosParameters) -> None:
        policy = arbos.ordering.name.lower()
        self._breakers.ordering(policy)
        self._metrics.ordering.clear()
        self._metrics.ordering.labels(policy).set(1)

    def _look_at_machine(self) -> None:
        skew = self.clocks.skew()
        self._metrics.clock_skew.set(skew)
        self._breakers.clock_skew(skew)
        try:
            free = shutil.disk_usage(self._settings.state_dir).free
        except OSError as error:
            self._breakers.trip("disk", f"the state directory is out of reach: {error.strerror}")
        else:
            self._metrics.disk_free.set(free)
            self._breakers.disk(free)
        self._operation.look_elsewhere(self._journal.halts)

    def _look_at_nodes(self) -> None:
        health = self._rpc.health
        for node in health:
            self._metrics.rpc_state.labels(node["node"]).set(not node["paused"])
            if node["paused"] and len(health) > 1:
                alert(Severity.TICKET, "node_down", f"node {node['node']} gives no answers")

    async def _look_at_code(self) -> None:
        deployment = self._subject.deployment
        told_id, told_code = await asyncio.gather(
            self._rpc("eth_chainId"), self._rpc("eth_getCode", deployment.executor, "latest")
        )
        chain_id, code = quantity(told_id, "chain id"), octets(told_code, "code of the executor")
        if chain_id != self._subject.chain_id:
            self._breakers.trip("chain_id", f"the node is of chain {chain_id} now")
        elif "0x" + keccak(code).hex() != deployment.code_hash:
            self._breakers.trip("code_changed", f"executor {deployment.executor} has other code than its record says")
