"""
Real contracts in an EVM inside the test's process: a quote takes a fifth of a millisecond.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from typing import Any, TypeVar

from eth_abi.abi import decode, encode
from eth_utils.crypto import keccak
from pyrevm import EVM, AccountInfo
from vyper.compiler import compile_code

from keeper.types import Address, Answer, Call, Reading

T = TypeVar("T")

_CALLER = "0x" + "d0" * 20

#: Everybody may spend everything: only what the pools hold matters.
_TOKEN = """
balanceOf: public(HashMap[address, uint256])

@external
def mint(to: address, amount: uint256):
    self.balanceOf[to] += amount

@external
def transfer(to: address, amount: uint256) -> bool:
    return self._move(msg.sender, to, amount)

@external
def transferFrom(owner: address, to: address, amount: uint256) -> bool:
    return self._move(owner, to, amount)

@internal
def _move(owner: address, to: address, amount: uint256) -> bool:
    self.balanceOf[owner] = unsafe_sub(self.balanceOf[owner], amount)
    self.balanceOf[to] = unsafe_add(self.balanceOf[to], amount)
    return True
"""


class Reverted(Exception):  # noqa: N818 - says what the contract did
    """The contract reverted."""


class Chain:
    """
    A chain of one's own, with one account.
    """

    def __init__(self) -> None:
        self._evm = EVM(spec_id="CANCUN")
        self.account = Address(_CALLER)

    def deploy(self, creation: bytes) -> Address:
        """Run a constructor."""
        return Address(self._evm.deploy(_CALLER, creation).lower())

    def put(self, address: str, runtime: bytes) -> None:
        """Set code that needs no constructor."""
        self._evm.insert_account_info(address, AccountInfo(nonce=1, code=runtime))

    def token_pair(self) -> tuple[Address, Address]:
        """Deploy two tokens and return them in order."""
        first, second = sorted(self.deploy(_token_code()) for _ in range(2))
        return first, second

    def call(self, to: str, signature: str, *arguments: Any, returns: Sequence[str] = ()) -> Any:
        """
        Keep what ``name(type,...)`` does and return what it returns: one value alone, several as a tuple.
        """
        types = signature[signature.index("(") + 1 : -1]
        data = keccak(text=signature)[:4] + encode(types.split(",") if types else [], arguments)
        values = decode(returns, self.raw_call(to, data))
        return values[0] if len(values) == 1 else values

    def raw_call(self, to: str, data: bytes) -> bytes:
        """Keep what the contract does and return its answer."""
        try:
            return bytes(self._evm.message_call(_CALLER, to, data))
        except RuntimeError as error:
            raise Reverted(str(error)) from None

    @contextmanager
    def rolled_back(self) -> Iterator[None]:
        """Undo everything that the block does."""
        checkpoint = self._evm.snapshot()
        try:
            yield
        finally:
            self._evm.revert(checkpoint)

    def logs(self) -> list[Mapping[str, Any]]:
        """The logs of the last call, as ``eth_getLogs`` has them."""
        return [
            {"address": log.address.lower(), "topics": list(log.topics), "data": "0x" + bytes(log.data[1]).hex()}
            for log in self._evm.result.logs
        ]

    def read(self, reading: Reading[T]) -> T:
        """Answer a reading's calls until it has its result, as Multicall3 does."""
        try:
            calls = next(reading)
            while True:
                calls = reading.send([self._answer(call) for call in calls])
        except StopIteration as done:
            result: T = done.value
            return result

    def _answer(self, call: Call) -> Answer:
        try:
            return self.raw_call(call.target, call.data)
        except Reverted:
            return None


@cache
def _token_code() -> bytes:
    code: str = compile_code(_TOKEN, output_formats=["bytecode"])["bytecode"]
    return bytes.fromhex(code.removeprefix("0x"))
