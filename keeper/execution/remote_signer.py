"""
A key that another process holds, asked by JSON-RPC: ``eth_signTransaction``, as web3signer and clef answer it.

The answer is not believed: the bytes must say what was asked, signed by the right key.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from keeper.errors import RpcError, SignerError
from keeper.execution.signer import Policy
from keeper.execution.wire import Unsigned, address_of, digest_of, hash_of, parse, recover
from keeper.types import Address, Hash

#: An opportunity is gone by then.
_PATIENCE_SECONDS = 2.0


class RemoteSigner:
    """
    Has an HTTP endpoint sign for one account.

    Attributes:
        failures: How many times in a row it did not.
    """

    def __init__(
        self,
        ask: Callable[..., Awaitable[Any]],
        address: Address,
        policy: Policy,
        patience_seconds: float = _PATIENCE_SECONDS,
    ) -> None:
        """
        Args:
            ask: Sends a JSON-RPC request, as ``chain.endpoint.Endpoint`` does.
        """
        self._ask = ask
        self._address = address
        self._policy = policy
        self._patience_seconds = patience_seconds
        self.failures = 0

    @property
    def address(self) -> Address:
        return self._address

    async def sign(self, transaction: Unsigned) -> tuple[bytes, Hash]:
        self._policy.check(transaction, self._address)
        try:
            raw = await self._signed(transaction)
        except SignerError:
            self.failures += 1
            raise
        self.failures = 0
        return raw, hash_of(raw)

    async def check(self) -> None:
        """
        Have it sign what does nothing, to see that it has the key; the bytes are not kept.

        Raises:
            SignerError: It has not, or is out of reach.
        """
        await self.sign(Unsigned(self._policy.chain_id, 0, self._address, b"", 21_000, 0, 0))

    async def _signed(self, transaction: Unsigned) -> bytes:
        try:
            async with asyncio.timeout(self._patience_seconds):
                answer = await self._ask("eth_signTransaction", self._request(transaction))
        except TimeoutError:
            raise SignerError(f"the signer of {self._address} did not answer in {self._patience_seconds} s") from None
        except RpcError as error:
            raise SignerError(f"the signer of {self._address} failed: {error}") from None
        raw = _bytes_of(answer)
        if raw is None:
            raise SignerError(f"the signer of {self._address} answered with something that is no transaction")
        says, signature = parse(raw)
        if says != transaction:
            raise SignerError(f"the signer of {self._address} signed something else than was asked")
        if (signed_by := address_of(recover(digest_of(says.fields()), signature))) != self._address:
            raise SignerError(f"the signer of {self._address} signed with the key of {signed_by}")
        return raw

    def _request(self, transaction: Unsigned) -> dict[str, str]:
        return {
            "from": self._address,
            "to": transaction.to,
            "gas": hex(transaction.gas_limit),
            "maxFeePerGas": hex(transaction.max_fee_wei),
            "maxPriorityFeePerGas": hex(transaction.tip_wei),
            "value": "0x0",
            "nonce": hex(transaction.nonce),
            "data": "0x" + transaction.data.hex(),
            "chainId": hex(transaction.chain_id),
        }


def _bytes_of(answer: Any) -> bytes | None:
    """The signed bytes: web3signer answers with them alone, clef and geth with an object that has them as ``raw``."""
    text = answer.get("raw") if isinstance(answer, dict) else answer
    try:
        return bytes.fromhex(text[2:]) if isinstance(text, str) and text.startswith("0x") else None
    except ValueError:
        return None
