"""
Deploys the executor, and checks that what stands on the chain is what was compiled.

The executor is deployed with CREATE2 through the deterministic deployment proxy. Its init code carries every role, so
its address tells its code and its constructor's arguments: anybody may deploy it first, and twice is once.
"""

import json
import os
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from eth_account.signers.local import LocalAccount
from eth_utils.crypto import keccak

from keeper.files import replace_file
from localnet.errors import LocalnetError
from localnet.rpc import Rpc
from scripts._build import COMPILER, EVM_VERSION, PROXY, ROOT, SALT, Artifact, compile_executor
from scripts._checks import check_chain, check_proxy, check_roles, code, verify
from scripts._roles import DeploymentError, Roles, rehearsal_roles
from scripts._sending import send

__all__ = ["ROOT", "DeploymentError", "Roles", "compile_executor", "default_record", "deploy", "rehearsal_roles"]

#: What a record tells about the deployment itself.
_PROVENANCE = ("deployer", "transaction_hash", "block_number")


def deploy(
    url: str,
    account: LocalAccount,
    roles: Roles,
    network: str,
    record: Path | None = None,
    chain_id: int | None = None,
    artifact: Artifact | None = None,
) -> Path:
    """
    Deploy the executor unless it stands there already, verify it, and write the deployment record.

    Args:
        url: HTTP endpoint of a node.
        account: Pays; it gets no role by that.
        network: The record's label for the network, "mainnet" or "localnet".
        record: Where the record goes; None takes the default, see ``default_record``.
        chain_id: The chain that the profit tokens are of; None where the caller has looked.
        artifact: The compiled executor; None compiles it.

    Returns:
        The record's path.

    Raises:
        DeploymentError: Something is not as it should be; the message says what was found.
    """
    roles = roles.checksummed()
    artifact = artifact or compile_executor()
    executor = artifact.address(roles)
    rpc = Rpc(url)
    try:
        if chain_id is not None:
            check_chain(rpc, chain_id)
        path = record or default_record(rpc, network)
        _require_place(path)
        provenance = _provenance(path, executor)
        if not code(rpc, executor):
            check_roles(rpc, roles)
            receipt = _deploy(rpc, account, artifact.deployment_code(roles))
            values = account.address, receipt["transactionHash"], int(receipt["blockNumber"], 16)
            provenance = dict(zip(_PROVENANCE, values, strict=True))
        verify(rpc, artifact, roles)
        told = json.dumps(_record(rpc, network, artifact, roles, provenance), indent=2) + "\n"
        replace_file(path, [told.encode()])
    except LocalnetError as error:
        raise DeploymentError(str(error)) from None
    except OSError as error:
        words = f"the executor stands at {executor}, and its record {path} cannot be written: {error.strerror}"
        raise DeploymentError(f"{words}; run again with another --record, nothing is done twice") from None
    finally:
        rpc.close()
    return path


def _require_place(path: Path) -> None:
    """Before anything is paid for."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DeploymentError(f"record {path} cannot be written: {error.strerror}") from None
    if path.is_dir() or not os.access(path.parent, os.W_OK | os.X_OK):
        raise DeploymentError(f"record {path} cannot be written: its folder is not yours, or it is one")


def default_record(rpc: Rpc, network: str) -> Path:
    """
    Return where a chain's deployment record stands unless told otherwise: a localnet has a new one at every start.
    """
    return ROOT / "var" / f"{network}-{_genesis_hash(rpc)[2:10]}" / "deployment.json"


def _deploy(rpc: Rpc, account: LocalAccount, init_code: bytes) -> dict[str, Any]:
    check_proxy(rpc)
    return send(rpc, account, PROXY, SALT + init_code, "the deployment")


def _record(rpc: Rpc, network: str, artifact: Artifact, roles: Roles, provenance: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "chain_id": int(rpc("eth_chainId"), 16),
        "genesis_hash": _genesis_hash(rpc),
        "network": network,
        "executor": artifact.address(roles),
        "code_hash": "0x" + keccak(artifact.deployed_code(roles)).hex(),
        **asdict(roles),
        **provenance,
        "compiler": f"vyper {COMPILER}",
        "evm_version": EVM_VERSION,
    }


def _provenance(path: Path, executor: str) -> Mapping[str, Any]:
    """
    Return what an earlier record tells about the transaction; nothing where somebody else deployed.
    """
    unknown = dict.fromkeys(_PROVENANCE)
    try:
        earlier = json.loads(path.read_text())
    except (OSError, ValueError):
        return unknown
    if not isinstance(earlier, dict) or earlier.get("executor") != executor:
        return unknown
    return {key: earlier.get(key) for key in _PROVENANCE}


def _genesis_hash(rpc: Rpc) -> str:
    block = rpc("eth_getBlockByNumber", "0x0", False)
    if block is None:
        raise DeploymentError("the node does not know block 0, which tells one chain from another")
    return str(block["hash"])
