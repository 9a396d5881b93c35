"""
Contracts compiled from the sources, and the chain in titanoboa that they stand on.
"""

import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import boa
    from eth.vm.forks.shanghai import computation as shanghai
    from eth.vm.forks.spurious_dragon import computation as spurious_dragon
    from vyper.compiler.settings import OptimizationLevel

from eth_abi.abi import encode
from eth_utils.crypto import keccak

from keeper.types import Address

#: The sources under test and the optimizer's level; those who test the tests say otherwise.
CONTRACTS = Path(os.environ.get("EXECUTOR_CONTRACTS", Path(__file__).parent.parent / "contracts"))
OPTIMIZE = os.environ.get("EXECUTOR_OPTIMIZE")

#: Without the optimizer the executor is larger than a chain takes (EIP-170, EIP-3860); what it does is compared.
CODE_LIMIT = 2**17 if OPTIMIZE == "none" else 24_576
spurious_dragon.EIP170_CODE_SIZE_LIMIT = CODE_LIMIT
shanghai.MAX_INITCODE_SIZE = 2 * CODE_LIMIT


class Outcome(NamedTuple):
    """
    What became of a call.
    """

    is_error: bool
    output: bytes
    gas_used: int


class Reverted(Exception):  # noqa: N818 - says what the contract did
    """
    A call reverted.

    Attributes:
        reason: Its words; empty where there were none.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class BoaChain:
    """
    Slow, and knows where in the source something went wrong.
    """

    def account(self) -> str:
        """Return a new account."""
        return str(boa.env.generate_address())

    def deploy(self, name: str, *arguments: Any) -> Any:
        """Run a constructor and return the contract."""
        return deployer(name).deploy(*arguments)

    def place(self, name: str, address: str) -> Any:
        """Put a contract's code at an address and return the contract there."""
        boa.env.set_code(address, deployer(name).compiler_data.bytecode_runtime)
        return deployer(name).at(address)

    def at(self, name: str, address: str) -> Any:
        """Return the contract at an address."""
        return deployer(name).at(address)

    def send(self, to: str, sender: str, data: bytes, value: int = 0) -> Outcome:
        """Send any bytes."""
        done = boa.env.execute_code(to_address=to, sender=sender, data=data, value=value)
        return Outcome(bool(done.is_error), bytes(done.output), int(done.get_gas_used()))

    def balance(self, address: str) -> int:
        """Return how much ether there is."""
        return int(boa.env.get_balance(address))

    def set_balance(self, address: str, amount: int) -> None:
        """Say how much ether there is."""
        boa.env.set_balance(address, amount)

    @contextmanager
    def anchor(self) -> Iterator[None]:
        """Undo everything that the block does."""
        with boa.env.anchor():
            yield


@cache
def deployer(name: str) -> Any:
    """
    Return what deploys a contract; compiled once.
    """
    arguments = {"optimize": OptimizationLevel.from_string(OPTIMIZE)} if OPTIMIZE else {}
    return boa.load_partial(str(CONTRACTS / f"{name}.vy"), compiler_args=arguments)


def lower(contract: Any) -> Address:
    """
    Return a contract's or an account's address as the keeper writes it.
    """
    return Address(str(getattr(contract, "address", contract)).lower())


def number(contract: Any) -> int:
    return int(lower(contract), 16)


def call(signature: str, *arguments: Any) -> bytes:
    """
    Return the calldata of ``name(type,...)``.
    """
    return keccak(text=signature)[:4] + encode(_types(signature[signature.index("(") + 1 : -1]), arguments)


def reason(output: bytes) -> str:
    """
    Return the words of an ``Error(string)``.
    """
    if output[:4] != bytes.fromhex("08c379a0"):
        return ""
    length = int.from_bytes(output[36:68])
    return output[68 : 68 + length].decode()


def _types(inner: str) -> list[str]:
    """Split at the commas that are not within a tuple."""
    types, depth = [""], 0
    for letter in inner:
        depth += (letter == "(") - (letter == ")")
        if letter == "," and not depth:
            types.append("")
        else:
            types[-1] += letter
    return [name for name in types if name]
