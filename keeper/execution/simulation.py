"""
Executing a transaction's very bytes before they are signed, and what gas they take.
"""

import asyncio

from keeper.abi import answer, call
from keeper.chain.answers import octets, quantity
from keeper.chain.rpc import Rpc
from keeper.errors import RpcError
from keeper.types import Address

_COMPONENTS = "gasEstimateComponents(address,bool,bytes)"


class Simulator:
    """
    Asks the node to execute a call by the operator on the pending state.

    Attributes:
        estimates_l1: Whether the node's estimates have the gas in them that pays for L1 data, as those of a Nitro node.
            That is priced exactly elsewhere (``gas.l1_fee_wei``) and must count once: such a node is asked for both
            parts together, so that one can be taken from the other.
    """

    def __init__(self, rpc: Rpc, target: Address, node_interface: Address) -> None:
        self.estimates_l1 = False
        self._rpc = rpc
        self._target = target
        self._node_interface = node_interface

    async def run(self, calldata: bytes, sender: Address) -> tuple[int, str]:
        """
        Return the L2 gas that it takes if *sender* calls, or 0 and why it fails.

        Raises:
            RpcError: No node answered.
        """
        request = {"from": sender, "to": self._target, "data": "0x" + calldata.hex()}
        try:
            _, gas = await asyncio.gather(
                self._rpc("eth_call", request, "pending"),
                self._l2_gas(calldata, sender) if self.estimates_l1 else self._gas(request),
            )
        except RpcError as error:
            if error.data is None and error.code is None:
                raise
            return 0, f"simulation failed: {error}"
        return gas, ""

    async def _gas(self, request: dict[str, str]) -> int:
        return quantity(await self._rpc("eth_estimateGas", request, "pending"), "estimate of gas")

    async def _l2_gas(self, calldata: bytes, sender: Address) -> int:
        asked = call(self._node_interface, _COMPONENTS, self._target, False, calldata)
        request = {"from": sender, "to": asked.target, "data": "0x" + asked.data.hex()}
        data = octets(await self._rpc("eth_call", request, "pending"), "estimate of gas")
        total, for_l1, *_ = answer("uint64,uint64,uint256,uint256", data, f"NodeInterface.{_COMPONENTS}")
        return int(total - for_l1)
