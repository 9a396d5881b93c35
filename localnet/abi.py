"""
Calldata and answers, from JSON ABIs.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from eth_abi.abi import decode, encode
from eth_utils.crypto import keccak

#: An ABI as JSON carries it: a list of entries.
JsonAbi = Sequence[Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Function:
    """One function of a contract, its types in canonical form."""

    name: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]

    @property
    def signature(self) -> str:
        """``name(type,type)``"""
        return f"{self.name}({','.join(self.inputs)})"

    @property
    def selector(self) -> bytes:
        """The first four bytes of the signature's hash."""
        return keccak(text=self.signature)[:4]

    def calldata(self, *arguments: Any) -> bytes:
        """Return the call of this function with *arguments*."""
        return self.selector + encode(self.inputs, arguments)

    def decode(self, output: bytes) -> Any:
        """Return what the function answered: the value itself where there is one, else a tuple."""
        values = decode(self.outputs, output)
        return values[0] if len(values) == 1 else values


class Abi:
    """
    The functions of one contract.
    """

    def __init__(self, entries: JsonAbi) -> None:
        self.functions = tuple(_function(entry) for entry in entries if entry["type"] == "function")

    def find(self, name: str, count: int) -> Function:
        """
        Return the function *name* with *count* arguments; a full signature chooses between overloads of one length.
        """
        found = [f for f in self.functions if f.signature == name or (f.name == name and len(f.inputs) == count)]
        if len(found) != 1:
            raise LookupError(f"{len(found)} functions match {name} with {count} arguments")
        return found[0]


def function(signature: str, outputs: Iterable[str] = ()) -> Function:
    """
    Return the function that *signature* names; its inputs must be of elementary types.
    """
    name, inputs = signature.removesuffix(")").split("(", 1)
    return Function(name, tuple(inputs.split(",")) if inputs else (), tuple(outputs))


def _function(entry: Mapping[str, Any]) -> Function:
    inputs = tuple(map(_canonical, entry["inputs"]))
    return Function(entry["name"], inputs, tuple(map(_canonical, entry.get("outputs", ()))))


def _canonical(argument: Mapping[str, Any]) -> str:
    kind: str = argument["type"]
    if not kind.startswith("tuple"):
        return kind
    return "(" + ",".join(map(_canonical, argument["components"])) + ")" + kind.removeprefix("tuple")
