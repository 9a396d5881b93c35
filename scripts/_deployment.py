"""
Deploys the executor, and checks that what stands on the chain is what was compiled.

The executor is deployed with CREATE2 through the deterministic deployment proxy. Its init code carries every role, so
its address tells its code and its constructor's arguments: anybody may deploy it first, and twice is once.
"""

import json
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from eth_account.signers.local import LocalAccount
from eth_utils.address import to_checksum_address
from eth_utils.crypto import keccak

from keeper.errors import KeeperError
from localnet.abi import function
from localnet.errors import LocalnetError
from localnet.rpc import Rpc
from scripts._build import COMPILER, EVM_VERSION, PROXY, ROOT, SALT, Artifact, BuildError, compile_executor

_BASE_FEE_FLOOR_WEI = 20_000_000
_RECEIPT_SECONDS = 60
#: What a record tells about the deployment itself.
_PROVENANCE = ("deployer", "transaction_hash", "block_number")


class DeploymentError(KeeperError):
    """The executor is not deployed, or not as it should be."""


@dataclass(frozen=True, slots=True)
class Roles:
    """
    The executor's constructor arguments, in its order.

    Attributes:
        profit_tokens: At most eight; a program names them by their place.
        operators: At most eight.
    """

    owner: str
    guardian: str
    treasury: str
    profit_tokens: tuple[str, ...]
    operators: tuple[str, ...]

    def checksummed(self) -> "Roles":
        """
        Raises:
            DeploymentError: Something is not an address.
        """
        try:
            return Roles(
                _checksum(self.owner),
                _checksum(self.guardian),
                _checksum(self.treasury),
                tuple(map(_checksum, self.profit_tokens)),
                tuple(map(_checksum, self.operators)),
            )
        except (ValueError, TypeError):
            raise DeploymentError(f"a role or profit token is not an address: {asdict(self)}") from None


def rehearsal_roles(payer: str, treasury: str, profit_tokens: tuple[str, ...]) -> Roles:
    """
    Return the roles where nothing is worth anything: whoever pays is owner, guardian and operator.
    """
    return Roles(payer, payer, treasury, profit_tokens, (payer,))


def deploy(url: str, account: LocalAccount, roles: Roles, network: str, record: Path | None = None) -> Path:
    """
    Deploy the executor unless it stands there already, verify it, and write the deployment record.

    Args:
        url: HTTP endpoint of a node.
        account: Pays; it gets no role by that.
        network: The record's label for the network, "mainnet" or "localnet".
        record: Where the record goes; None takes the default, see ``default_record``.

    Returns:
        The record's path.

    Raises:
        DeploymentError: Something is not as it should be; the message says what was found.
    """
    roles = roles.checksummed()
    try:
        artifact = compile_executor()
    except BuildError as error:
        raise DeploymentError(str(error)) from None
    executor = artifact.address(roles)
    rpc = Rpc(url)
    try:
        path = record or default_record(rpc, network)
        provenance = _provenance(path, executor)
        if not _code(rpc, executor):
            receipt = _deploy(rpc, account, artifact.deployment_code(roles))
            values = account.address, receipt["transactionHash"], int(receipt["blockNumber"], 16)
            provenance = dict(zip(_PROVENANCE, values, strict=True))
        verify(rpc, artifact, roles)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(_record(rpc, network, artifact, roles, provenance), indent=2) + "\n")
    except LocalnetError as error:
        raise DeploymentError(str(error)) from None
    finally:
        rpc.close()
    return path


def default_record(rpc: Rpc, network: str) -> Path:
    """
    Return where a chain's deployment record stands unless told otherwise: a localnet has a new one at every start.
    """
    return ROOT / "var" / f"{network}-{_genesis_hash(rpc)[2:10]}" / "deployment.json"


def verify(rpc: Rpc, artifact: Artifact, roles: Roles) -> None:
    """
    Raises:
        DeploymentError: The code at the executor's address or one of its roles differs from what was asked for.
    """
    executor = artifact.address(roles)
    if (found := _code(rpc, executor)) != artifact.deployed_code(roles):
        expected = keccak(artifact.deployed_code(roles)).hex()
        raise DeploymentError(f"{executor} has code hash 0x{keccak(found).hex()}, 0x{expected} was compiled")
    asked: dict[str, tuple[str, Any]] = {
        "owner": ("address", roles.owner),
        "guardian": ("address", roles.guardian),
        "operators": ("address[]", roles.operators),
        "paused": ("bool", False),
    }
    for name, (kind, wanted) in asked.items():
        if (told := _read(rpc, executor, name, kind)) != wanted:
            raise DeploymentError(f"executor {executor} says {told} for {name}(), {wanted} was asked for")


def _deploy(rpc: Rpc, account: LocalAccount, code: bytes) -> dict[str, Any]:
    if not _code(rpc, PROXY):
        raise DeploymentError(f"there is no deterministic deployment proxy at {PROXY} on this chain")
    data = "0x" + (SALT + code).hex()
    call = {"from": account.address, "to": PROXY, "data": data}
    gas = int(rpc("eth_estimateGas", call), 16) * 5 // 4
    # Not less than Arbitrum's floor: a fork's base fee may have decayed to nothing.
    fee = max(int(rpc("eth_getBlockByNumber", "latest", False)["baseFeePerGas"], 16), _BASE_FEE_FLOOR_WEI) * 2
    if (balance := int(rpc("eth_getBalance", account.address, "latest"), 16)) < gas * fee:
        raise DeploymentError(f"{account.address} has {balance} wei, the deployment may take {gas * fee}")
    transaction: dict[str, Any] = {
        "chainId": int(rpc("eth_chainId"), 16),
        "nonce": int(rpc("eth_getTransactionCount", account.address, "latest"), 16),
        "to": PROXY,
        "value": 0,
        "data": data,
        "gas": gas,
        "maxFeePerGas": fee,
        "maxPriorityFeePerGas": 0,
    }
    signed = account.sign_transaction(transaction)
    receipt = _wait(rpc, rpc("eth_sendRawTransaction", "0x" + signed.raw_transaction.hex().removeprefix("0x")))
    if receipt["status"] != "0x1":
        raise DeploymentError(f"the deployment {receipt['transactionHash']} reverted")
    return receipt


def _wait(rpc: Rpc, transaction_hash: str) -> dict[str, Any]:
    deadline = time.monotonic() + _RECEIPT_SECONDS
    while time.monotonic() < deadline:
        receipt: dict[str, Any] | None = rpc("eth_getTransactionReceipt", transaction_hash)
        if receipt is not None:
            return receipt
        time.sleep(0.1)
    raise DeploymentError(
        f"the deployment {transaction_hash} is in no block after {_RECEIPT_SECONDS} seconds; run again"
    )


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


def _read(rpc: Rpc, executor: str, name: str, kind: str) -> Any:
    view = function(f"{name}()", [kind])
    value = view.decode(
        bytes.fromhex(rpc("eth_call", {"to": executor, "data": "0x" + view.calldata().hex()}, "latest")[2:])
    )
    if kind == "address":
        return _checksum(value)
    return tuple(map(_checksum, value)) if kind == "address[]" else value


def _checksum(address: str | bytes) -> str:
    return str(to_checksum_address(address))


def _code(rpc: Rpc, address: str) -> bytes:
    return bytes.fromhex(rpc("eth_getCode", address, "latest")[2:])


def _genesis_hash(rpc: Rpc) -> str:
    block = rpc("eth_getBlockByNumber", "0x0", False)
    if block is None:
        raise DeploymentError("the node does not know block 0, which tells one chain from another")
    return str(block["hash"])
