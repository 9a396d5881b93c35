"""
Sends one transaction, and waits for what becomes of it.
"""

import time
from typing import Any

from eth_account.signers.local import LocalAccount
from eth_utils.address import to_checksum_address

from localnet.rpc import Rpc
from scripts._roles import DeploymentError

_BASE_FEE_FLOOR_WEI = 20_000_000
_RECEIPT_SECONDS = 60


def send(rpc: Rpc, account: LocalAccount, to: str, data: bytes, what: str) -> dict[str, Any]:
    """
    Return the receipt of a transaction that has succeeded.

    Args:
        what: The transaction's name in sentences, "the deployment".

    Raises:
        DeploymentError: The account cannot pay, it reverted, or it is in no block after a minute.
        LocalnetError: The node refused, as it does what would revert.
    """
    call = {"from": account.address, "to": to, "data": "0x" + data.hex()}
    gas = int(rpc("eth_estimateGas", call), 16) * 5 // 4
    # Not less than Arbitrum's floor: a fork's base fee may have decayed to nothing.
    fee = max(int(rpc("eth_getBlockByNumber", "latest", False)["baseFeePerGas"], 16), _BASE_FEE_FLOOR_WEI) * 2
    if (balance := int(rpc("eth_getBalance", account.address, "latest"), 16)) < gas * fee:
        raise DeploymentError(f"{account.address} has {balance} wei, {what} may take {gas * fee}")
    transaction: dict[str, Any] = {
        "chainId": int(rpc("eth_chainId"), 16),
        "nonce": int(rpc("eth_getTransactionCount", account.address, "latest"), 16),
        "to": to_checksum_address(to),
        "value": 0,
        "data": call["data"],
        "gas": gas,
        "maxFeePerGas": fee,
        "maxPriorityFeePerGas": 0,
    }
    signed = account.sign_transaction(transaction)
    sent = rpc("eth_sendRawTransaction", "0x" + signed.raw_transaction.hex().removeprefix("0x"))
    receipt = _wait(rpc, sent, what)
    if receipt["status"] != "0x1":
        raise DeploymentError(f"{what} {receipt['transactionHash']} reverted")
    return receipt


def _wait(rpc: Rpc, transaction_hash: str, what: str) -> dict[str, Any]:
    deadline = time.monotonic() + _RECEIPT_SECONDS
    while time.monotonic() < deadline:
        receipt: dict[str, Any] | None = rpc("eth_getTransactionReceipt", transaction_hash)
        if receipt is not None:
            return receipt
        time.sleep(0.1)
    raise DeploymentError(f"{what} {transaction_hash} is in no block after {_RECEIPT_SECONDS} seconds; run again")
