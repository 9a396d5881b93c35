"""
Everything that must be so before an executor is deployed and after; each refusal is one sentence.
"""

from collections import Counter
from collections.abc import Iterator
from typing import Any

from eth_utils.address import to_checksum_address
from eth_utils.crypto import keccak

from localnet.abi import function
from localnet.rpc import Rpc
from scripts._build import PROXY, Artifact
from scripts._roles import DeploymentError, Roles

_ZERO = "0x" + "00" * 20
#: The whole of the deterministic deployment proxy: it creates what it is sent, with the salt in front.
_PROXY_CODE = bytes.fromhex(
    "7fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffe03601600081602082378035828234f58015156039578182fd5b80"
    "82525050506014600cf3"
)


def check_chain(rpc: Rpc, chain_id: int) -> None:
    """
    Raises:
        DeploymentError: The node is of another chain.
    """
    if (found := int(rpc("eth_chainId"), 16)) != chain_id:
        raise DeploymentError(f"the node is of chain {found}; the profit tokens are those of chain {chain_id}")


def check_roles(rpc: Rpc, roles: Roles) -> None:
    """
    Raises:
        DeploymentError: The constructor would refuse the roles, or they would make the executor useless.
    """
    if _ZERO in (roles.owner, roles.treasury, *roles.operators):
        raise DeploymentError("the owner, the treasury and the operators must not be the zero address")
    for kind, listed in (("profit token", roles.profit_tokens), ("operator", roles.operators)):
        if not 1 <= len(listed) <= 8:
            raise DeploymentError(f"{len(listed)} {kind}s were given; an executor has 1 to 8")
        if repeated := [address for address, count in Counter(listed).items() if count > 1]:
            raise DeploymentError(f"{kind} {repeated[0]} is listed twice")
    if roles.treasury in roles.profit_tokens:
        raise DeploymentError(f"the treasury {roles.treasury} is a token: what it is sent would be lost")
    for token in roles.profit_tokens:
        if not code(rpc, token):
            raise DeploymentError(f"profit token {token} has no code on this chain")


def check_proxy(rpc: Rpc) -> None:
    """
    Raises:
        DeploymentError: The proxy is not there, or something else is.
    """
    found = code(rpc, PROXY)
    if not found:
        raise DeploymentError(f"there is no deterministic deployment proxy at {PROXY} on this chain")
    if found != _PROXY_CODE:
        raise DeploymentError(f"{PROXY} is not the deterministic deployment proxy: its code hash is {_hash(found)}")


def verify(rpc: Rpc, artifact: Artifact, roles: Roles) -> None:
    """
    Raises:
        DeploymentError: The code at the executor's address or one of its roles differs from what was asked for.
    """
    executor = artifact.address(roles)
    if (found := code(rpc, executor)) != artifact.deployed_code(roles):
        expected = _hash(artifact.deployed_code(roles))
        raise DeploymentError(f"{executor} has code hash {_hash(found)}, {expected} was compiled")
    asked: dict[str, tuple[str, Any]] = {
        "owner": ("address", roles.owner),
        "guardian": ("address", roles.guardian),
        "operators": ("address[]", roles.operators),
        "paused": ("bool", False),
    }
    for name, (kind, wanted) in asked.items():
        if (told := read(rpc, executor, name, kind)) != wanted:
            raise DeploymentError(f"executor {executor} says {told} for {name}(), {wanted} was asked for")


def advice(rpc: Rpc, executor: str, roles: Roles, payer: str) -> Iterator[str]:
    """
    Yield what the owner should know or do next, where the money is real.
    """
    if (pending := read(rpc, executor, "pending_owner", "address")) != _ZERO:
        yield f"{pending} was offered the ownership: it calls accept_ownership(), until then {roles.owner} is the owner"
    if roles.owner == payer:
        yield (
            f"the account that pays, {payer}, is the owner: hand over with transfer_ownership(...), "
            "and the new owner calls accept_ownership()"
        )
    for role, address in (("owner", roles.owner), ("treasury", roles.treasury)):
        if not code(rpc, address):
            yield f"the {role} {address} has no code: one key controls it, where a multisig would need several"
        if address in roles.operators:
            yield f"the {role} {address} is an operator, whose key is on the keeper's machine"
    if roles.guardian == _ZERO:
        yield "there is no guardian: only the owner can pause"
    elif roles.guardian == roles.owner:
        yield "the guardian is the owner: another key could pause sooner"
    for operator in roles.operators:
        if not int(rpc("eth_getBalance", operator, "latest"), 16):
            yield f"operator {operator} has no ether: send it what it needs for gas, and not more"
    yield "neither the owner nor an operator may ever approve the executor for a token"


def code(rpc: Rpc, address: str) -> bytes:
    """
    Return the code at an address.
    """
    return bytes.fromhex(rpc("eth_getCode", address, "latest")[2:])


def read(rpc: Rpc, executor: str, name: str, kind: str) -> Any:
    """
    Return what a view of the executor without arguments says; addresses are checksummed.
    """
    view = function(f"{name}()", [kind])
    data = "0x" + view.calldata().hex()
    value = view.decode(bytes.fromhex(rpc("eth_call", {"to": executor, "data": data}, "latest")[2:]))
    if kind == "address":
        return str(to_checksum_address(value))
    return tuple(map(to_checksum_address, value)) if kind == "address[]" else value


def _hash(found: bytes) -> str:
    return "0x" + keccak(found).hex()
