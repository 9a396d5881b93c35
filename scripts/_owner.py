"""
What the owner and the guardian do at an executor: pause, unpause, operators, sweep.

What would revert is not sent, what is so already is not done again, and what was done is read back.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from eth_account.signers.local import LocalAccount
from eth_utils.address import to_checksum_address
from eth_utils.crypto import keccak

from keeper.config import ChainFacts
from keeper.monitor.table import shown
from keeper.preflight import Deployment
from keeper.texts import to_address
from localnet.abi import Function, function
from localnet.errors import LocalnetError
from localnet.rpc import Rpc
from scripts._checks import check_chain, code, read
from scripts._deployment import default_record
from scripts._roles import DeploymentError
from scripts._sending import send

_BALANCE_OF = function("balanceOf(address)", ["uint256"])


class Desk:
    """
    One executor, and one account that signs for it.
    """

    def __init__(self, rpc: Rpc, account: LocalAccount | None, executor: str, treasury: str) -> None:
        self._rpc, self._account, self._executor, self._treasury = rpc, account, executor, treasury

    def pause(self) -> str:
        """Suspend every operator; the owner and the guardian may."""
        if self._read("paused", "bool"):
            return f"executor {self._executor} is paused already"
        self._send("owner or guardian", function("pause()"))
        return self._done(self._read("paused", "bool"), f"executor {self._executor} is paused: no operator can execute")

    def unpause(self) -> str:
        """Let the operators execute again; the owner may."""
        if not self._read("paused", "bool"):
            return f"executor {self._executor} is not paused"
        self._send("owner", function("unpause()"))
        return self._done(not self._read("paused", "bool"), f"executor {self._executor} is not paused any more")

    def operators(self) -> str:
        """Tell who may execute."""
        listed = self._read("operators", "address[]")
        return "\n".join(listed) or f"executor {self._executor} has no operators"

    def add(self, text: str) -> str:
        """Appoint an operator; the owner may."""
        operator = _address(text)
        if operator in self._read("operators", "address[]"):
            return f"{operator} is an operator already"
        self._send("owner", function("add_operator(address)"), operator)
        return self._done(operator in self._read("operators", "address[]"), f"{operator} is an operator now")

    def remove(self, text: str) -> str:
        """Dismiss an operator; the owner and the guardian may."""
        operator = _address(text)
        if operator not in self._read("operators", "address[]"):
            return f"{operator} is no operator"
        self._send("owner or guardian", function("remove_operator(address)"), operator)
        return self._done(operator not in self._read("operators", "address[]"), f"{operator} is no operator any more")

    def sweep(self, text: str, facts: ChainFacts) -> str:
        """Send the treasury all that the executor holds of a token; the owner may."""
        token = _address(text) if text.startswith("0x") else str(facts.token(text))
        if not code(self._rpc, token):
            raise DeploymentError(f"token {token} has no code on this chain")
        amount, before = self._balance(token, self._executor), self._balance(token, self._treasury)
        if not amount:
            return f"executor {self._executor} holds none of {text}"
        self._send("owner", function("sweep(address)"), token)
        left, arrived = self._balance(token, self._executor), self._balance(token, self._treasury) - before
        known = facts.token_by_address.get(to_address(token))
        words = (
            f"{shown(arrived, known.decimals)} {known.symbol}"
            if known
            else f"{arrived} of the smallest unit of {token}"
        )
        return self._done(left == 0 and arrived > 0, f"the treasury {self._treasury} received {words}")

    def _read(self, name: str, kind: str) -> Any:
        return read(self._rpc, self._executor, name, kind)

    def _balance(self, token: str, holder: str) -> int:
        request = {"to": token, "data": "0x" + _BALANCE_OF.calldata(holder).hex()}
        return int(self._rpc("eth_call", request, "latest"), 16)

    def _send(self, who: str, asked: Function, *arguments: str) -> None:
        if self._account is None:
            raise DeploymentError("--account must be given: something has to be signed")
        allowed = [self._read(role, "address") for role in who.split(" or ")]
        if self._account.address not in allowed:
            sentence = f"{self._account.address} is not the {who} of executor {self._executor}"
            raise DeploymentError(f"{sentence}: {' or '.join(dict.fromkeys(allowed))} is")
        send(self._rpc, self._account, self._executor, asked.calldata(*arguments), asked.name)

    def _done(self, so: bool, sentence: str) -> str:
        if not so:
            raise DeploymentError(f"it was sent, and the chain does not show it: look at executor {self._executor}")
        return sentence


def at_executor(
    url: str,
    label: str,
    account: LocalAccount | None,
    record: Path | None,
    facts: ChainFacts,
    act: Callable[[Desk], str],
) -> str:
    """
    Do something at the recorded executor, and return what was done, in a sentence.

    Args:
        label: Of the network, which tells where the record is unless it is given.
        account: Who signs; None where nothing is signed.

    Raises:
        KeeperError: There is no such executor on this chain, the account has not the role, or it could not be sent.
    """
    rpc = Rpc(url)
    try:
        check_chain(rpc, facts.chain_id)
        deployment = Deployment.load(record or default_record(rpc, label))
        executor = to_checksum_address(deployment.executor)
        if "0x" + keccak(code(rpc, executor)).hex() != deployment.code_hash:
            raise DeploymentError(f"{executor} is not the recorded executor on this chain: its code is another")
        return act(Desk(rpc, account, executor, to_checksum_address(read(rpc, executor, "TREASURY", "address"))))
    except LocalnetError as error:
        raise DeploymentError(str(error)) from None
    finally:
        rpc.close()


def _address(text: str) -> str:
    try:
        return str(to_checksum_address(to_address(text)))
    except ValueError as error:
        raise DeploymentError(str(error)) from None


def state_dir_of(url: str, label: str) -> Path:
    """
    Return where the record of a network's executor is kept, and the journal of its keeper.

    Raises:
        DeploymentError: The node does not answer.
    """
    rpc = Rpc(url)
    try:
        return default_record(rpc, label).parent
    except LocalnetError as error:
        raise DeploymentError(str(error)) from None
    finally:
        rpc.close()
