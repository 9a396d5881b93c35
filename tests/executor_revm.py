"""
A chain that is thirty times as fast as titanoboa's; it does not know the sources.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache, partial
from typing import Any

from eth_abi.abi import decode, encode
from eth_utils.crypto import keccak
from pyrevm import EVM, AccountInfo, BlockEnv, CfgEnv, Env
from vyper.compiler.output import build_abi_output

from tests.executor_chain import CODE_LIMIT, Outcome, Reverted, deployer, reason

_NOBODY = "0x" + "d0" * 20
#: The block's time.
NOW = 1_800_000_000


class RevmChain:
    """
    What ``BoaChain`` is.
    """

    def __init__(self) -> None:
        self.evm = EVM(env=Env(cfg=CfgEnv(limit_contract_code_size=CODE_LIMIT)), spec_id="CANCUN")
        self.evm.set_block_env(BlockEnv(number=1, timestamp=NOW, gas_limit=2**63))
        self._accounts = 0
        self._replaced: dict[str, bytes] = {}

    def account(self) -> str:
        self._accounts += 1
        return "0x" + keccak(self._accounts.to_bytes(32))[12:].hex()

    def deploy(self, name: str, *arguments: Any) -> Any:
        contract = _compiled(name)
        creation = contract.creation + _encoded(contract.inputs, arguments)
        try:
            return _Contract(self, contract, self.evm.deploy(_NOBODY, creation).lower())
        except RuntimeError as error:
            raise Reverted(reason(_failure(error).output)) from None

    def place(self, name: str, address: str) -> Any:
        contract = _compiled(name)
        self._set_code(address, contract.runtime)
        return _Contract(self, contract, address)

    def at(self, name: str, address: str) -> Any:
        return _Contract(self, _compiled(name), address)

    def send(self, to: str, sender: str, data: bytes, value: int = 0, gas: int | None = None) -> Outcome:
        if value:
            self.evm.set_balance(sender, self.evm.get_balance(sender) + value)
        code = self.evm.get_code(sender)
        if code:
            # Who has code sends no transactions; without it he may.
            self._set_code(sender, b"")
        try:
            output = bytes(self.evm.message_call(sender, to, data, value or None, gas))
        except RuntimeError as error:
            return _failure(error)
        finally:
            self.evm.reset_transient_storage()
            if code:
                self._set_code(sender, bytes(code))
        return Outcome(False, output, int(self.evm.result.gas_used))

    def balance(self, address: str) -> int:
        return int(self.evm.get_balance(address))

    def set_balance(self, address: str, amount: int) -> None:
        self.evm.set_balance(address, amount)

    @contextmanager
    def anchor(self) -> Iterator[None]:
        checkpoint, outer = self.evm.snapshot(), self._replaced
        self._replaced = {}
        try:
            yield
        finally:
            # Code that was set is not in the journal.
            for address, code in self._replaced.items():
                self._set_code(address, code)
            self.evm.revert(checkpoint)
            self._replaced = outer

    def _set_code(self, address: str, code: bytes) -> None:
        old, balance = self.evm.get_code(address), self.evm.get_balance(address)
        self._replaced.setdefault(address, bytes(old or b""))
        self.evm.insert_account_info(address, AccountInfo(nonce=1, code=code))
        self.evm.set_balance(address, balance)


class _Compiled:
    def __init__(self, name: str) -> None:
        data = deployer(name).compiler_data
        self.creation, self.runtime = data.bytecode, data.bytecode_runtime
        abi = build_abi_output(data)
        self.inputs = [item for entry in abi if entry["type"] == "constructor" for item in map(_type, entry["inputs"])]
        self.functions = {
            entry["name"]: ([_type(item) for item in entry["inputs"]], [_type(item) for item in entry["outputs"]])
            for entry in abi
            if entry["type"] == "function"
        }


class _Contract:
    def __init__(self, chain: RevmChain, compiled: _Compiled, address: str) -> None:
        self.address = address
        self._chain, self._compiled = chain, compiled

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_") or name not in self._compiled.functions:
            raise AttributeError(name)
        return partial(self._call, name)

    def _call(self, name: str, *arguments: Any, sender: str = _NOBODY, value: int = 0) -> Any:
        inputs, outputs = self._compiled.functions[name]
        inputs = inputs[: len(arguments)]
        data = _selector(name, tuple(inputs)) + _encoded(inputs, arguments)
        outcome = self._chain.send(self.address, sender, data, value)
        if outcome.is_error:
            raise Reverted(reason(outcome.output))
        values = decode(outputs, outcome.output)
        return values[0] if len(values) == 1 else values


def _failure(error: RuntimeError) -> Outcome:
    """What pyrevm tells in words."""
    used = re.search(r"gas_used: (\d+)", str(error))
    found = re.search(r"output: (?:Bytes\()?0x([0-9a-f]*)", str(error))
    return Outcome(True, bytes.fromhex(found[1]) if found else b"", int(used[1]) if used else 0)


_compiled = cache(_Compiled)


@cache
def _selector(name: str, inputs: tuple[str, ...]) -> bytes:
    return keccak(text=f"{name}({','.join(inputs)})")[:4]


def _encoded(types: list[str], arguments: Any) -> bytes:
    return encode(types, [_plain(argument) for argument in arguments])


def _plain(argument: Any) -> Any:
    """Contracts as their addresses."""
    if isinstance(argument, list | tuple):
        return [_plain(item) for item in argument]
    return getattr(argument, "address", argument)


def _type(item: dict[str, Any]) -> str:
    if item["type"].startswith("tuple"):
        return f"({','.join(map(_type, item['components']))}){item['type'][5:]}"
    return str(item["type"])
