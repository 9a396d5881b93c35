"""
What the chain charges, how it orders, and who lends what: asked for where no event tells.
"""

import time

from keeper.abi import answer, call
from keeper.chain.arbitrum import ArbosParameters, read_arbos
from keeper.chain.changes import Change, Changes, Parameter
from keeper.chain.reader import Reader
from keeper.chain.rpc import Rpc
from keeper.config import ChainFacts
from keeper.desk import Desk
from keeper.execution.operation import Operation
from keeper.execution.simulation import Simulator
from keeper.gas import GasPrices
from keeper.monitor.alerts import Severity, alert
from keeper.types import Address, Block


class Conditions:
    """
    Attributes:
        changes: Tells whoever listens of what is not as it was.
        arbos: The chain's parameters as of the last look; there are none before the first.
    """

    arbos: ArbosParameters

    def __init__(
        self, rpc: Rpc, reader: Reader, facts: ChainFacts, desk: Desk, simulator: Simulator, operation: Operation
    ) -> None:
        self._rpc, self._reader, self._facts = rpc, reader, facts
        self._desk, self._simulator, self._operation = desk, simulator, operation
        self.changes = Changes()
        self.changes.listeners.append(self._announce)

    async def look(self) -> None:
        """
        Read the chain's parameters anew, and have whoever goes by them do so.

        Raises:
            ChainError: A node failed.
        """
        self.arbos = await read_arbos(self._rpc, self._facts)
        self._desk.books.races.tips_count = self.arbos.collects_tips
        self._simulator.estimates_l1 = self.arbos.estimates_l1
        self.changes.look(self.arbos)
        self._desk.rank_flash_pools()
        self._desk.lenders.invalidate()

    def advance(self, block: Block) -> None:
        """
        The head moved forward.
        """
        self.changes.advance(block)

    def prices(self, block: Block) -> GasPrices:
        """
        Return what gas and L1 data cost in the block after this one.
        """
        tip_wei = self._desk.books.races.bidder.least_tip_wei
        return GasPrices(block.base_fee_wei, tip_wei, self.arbos.l1_wei_per_unit, self.arbos.brotli_level)

    async def read_lenders(self, head: Block) -> None:
        """
        Read what lenders take and have, where that may have changed.

        Raises:
            ChainError: A node failed.
        """
        if readings := self._desk.lenders.due(time.monotonic()):
            read = await self._reader.read(readings, head.hash)
            self._desk.lenders.refresh(read, time.monotonic())

    async def held_by(self, owner: Address, head: Block) -> dict[Address, int]:
        """
        Return what somebody holds of each profit token, in smallest units.

        Raises:
            ChainError: A node failed.
        """
        tokens = list(self._desk.books.symbols)
        answers = await self._reader.call([call(token, "balanceOf(address)", owner) for token in tokens], head.hash)
        return {
            token: answer("uint256", balance, f"balance of {token}")
            for token, balance in zip(tokens, answers, strict=True)
        }

    def _announce(self, change: Change) -> None:
        alert(Severity.TICKET, "chain_parameters", str(change))
        if change.parameter is Parameter.ARBOS_VERSION:
            # What it executes and charges may be other than was proved; a person looks, and starts the keeper anew.
            self._operation.pause("arbos_version", str(change))
