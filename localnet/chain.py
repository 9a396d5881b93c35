"""
How contracts get onto the chain while it is being built.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from eth_utils.address import to_checksum_address

from localnet.abi import Abi
from localnet.errors import RpcError
from localnet.rpc import Rpc

#: Above any constructor here; the chain that is built charges nothing for gas.
GAS = hex(1 << 26)


class Chain:
    """
    A node that lets anyone be a transaction's sender, and mines each at once unless they are sent together.
    """

    def __init__(self, rpc: Rpc, sender: str) -> None:
        self.rpc = rpc
        self.sender = sender
        self._together: list[dict[str, Any]] | None = None

    @contextmanager
    def together(self) -> Iterator[None]:
        """
        Mine what is sent inside in one block, in this order; its receipts are empty.

        A block costs anvil some 10 ms here, since it hashes the whole state, and a transaction hardly anything.
        """
        self.rpc("anvil_setAutomine", False)
        sent: list[dict[str, Any]] = []
        self._together = sent
        yield
        self._together = None
        self.rpc("evm_mine")
        for transaction in sent:
            _require_success(self.rpc, transaction, self.rpc("eth_getTransactionReceipt", transaction.pop("hash")))
        self.rpc("anvil_setAutomine", True)

    def send(self, to: str | None, data: bytes = b"", *, sender: str | None = None, value: int = 0) -> dict[str, Any]:
        """
        Return the receipt of a transaction; raise RpcError with the reason if it reverts.
        """
        transaction = {
            "from": sender or self.sender,
            "data": _hex(data),
            "gas": GAS,
            "gasPrice": "0x0",
            "value": hex(value),
        }
        if to is not None:
            transaction["to"] = to
        if self._together is not None:
            self._together.append(transaction | {"hash": self.rpc("eth_sendTransaction", transaction)})
            return {}
        receipt: dict[str, Any] = self.rpc("eth_sendTransactionSync", transaction)
        _require_success(self.rpc, transaction, receipt)
        return receipt

    def call(self, to: str, data: bytes) -> bytes:
        """Return what the contract at *to* answers to *data*."""
        answer: str = self.rpc("eth_call", {"from": self.sender, "to": to, "data": _hex(data), "gas": GAS}, "latest")
        return bytes.fromhex(answer[2:])

    def create(self, creation: bytes, *, sender: str | None = None) -> str:
        """Deploy at the address that the sender's nonce gives."""
        return to_checksum_address(self.send(None, creation, sender=sender)["contractAddress"])

    def place(self, address: str, creation: bytes) -> str:
        """
        Run a real constructor at *address*, so that immutables, storage and children come out as on the real chain.

        The creation code stands at the address and is called: once to learn the runtime code that it returns, once to
        keep what it stores. Nested CREATEs count from nonce 1 (EIP-161).
        """
        self.rpc("anvil_setCode", address, _hex(creation))
        self.rpc("anvil_setNonce", address, "0x1")
        runtime = self.call(address, b"")
        self.send(address)
        self.rpc("anvil_setCode", address, _hex(runtime))
        return address

    def put(self, address: str, runtime: bytes) -> str:
        """Set code that needs no constructor."""
        self.rpc("anvil_setCode", address, _hex(runtime))
        self.rpc("anvil_setNonce", address, "0x1")
        return address


class Contract:
    """
    A contract on a chain that is being built.
    """

    def __init__(self, chain: Chain, address: str, abi: Abi) -> None:
        self.chain = chain
        self.address = to_checksum_address(address)
        self.abi = abi

    def call(self, name: str, *arguments: Any) -> Any:
        """Return the answer of the function *name*."""
        function = self.abi.find(name, len(arguments))
        return function.decode(self.chain.call(self.address, function.calldata(*arguments)))

    def send(self, name: str, *arguments: Any, sender: str | None = None, value: int = 0) -> dict[str, Any]:
        """Return the receipt of a transaction that calls the function *name*."""
        data = self.abi.find(name, len(arguments)).calldata(*arguments)
        return self.chain.send(self.address, data, sender=sender, value=value)


def _require_success(rpc: Rpc, transaction: dict[str, Any], receipt: dict[str, Any]) -> None:
    if receipt["status"] != "0x1":
        # Only a call tells the reason.
        rpc("eth_call", transaction, "latest")
        raise RpcError(f"a transaction to {transaction.get('to')} reverted, but not when repeated", 3)


def _hex(data: bytes) -> str:
    return "0x" + data.hex()
