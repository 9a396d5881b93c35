"""
Whom an executor pays: the present one's treasury is known, a former one's is asked for.
"""

from keeper.abi import answer, call
from keeper.chain.answers import octets
from keeper.chain.rpc import Rpc
from keeper.errors import ChainError, RpcError
from keeper.types import Address


class Payouts:
    """
    Knows the treasury of every executor that transactions of ours went to.
    """

    def __init__(self, rpc: Rpc, executor: Address, treasury: Address) -> None:
        self._rpc = rpc
        self._treasuries = {executor: treasury}

    async def treasury_of(self, executor: Address) -> Address:
        """
        Raises:
            ChainError: Nobody can tell.
        """
        if executor not in self._treasuries:
            asked = call(executor, "TREASURY()")
            try:
                told = await self._rpc("eth_call", {"to": executor, "data": "0x" + asked.data.hex()}, "latest")
                treasury = answer("address", octets(told, "treasury of an executor"), f"treasury of {executor}")
            except RpcError as error:
                raise ChainError(f"the treasury of the former executor {executor} cannot be read: {error}") from None
            self._treasuries[executor] = Address(treasury)
        return self._treasuries[executor]
