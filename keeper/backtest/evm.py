"""
Findings executed on an EVM that has the recorded chain's states.

A program that insists on the whole predicted gain says by its success that the contracts pay as much; asked for one
unit more, it says by its failure that they pay no more.
"""

import asyncio
from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any

from keeper.abi import answer, selector
from keeper.chain.rpc import Rpc
from keeper.errors import ChainError, ConfigError, RpcError
from keeper.types import Address, Hash

#: The code of a revert, and what nodes say of calls that end otherwise.
_REVERTED = 3
_FAILED = ("execution reverted", "out of gas", "evm error", "invalid opcode")

#: Requests that wait for the node at once.
_AT_ONCE = 8


class Paid(StrEnum):
    """What the EVM pays, beside what was predicted."""

    EXACT = "exact"
    LESS = "less"  # or it reverts: a false positive
    MORE = "more"
    NO_HOP = "no_such_hop"  # the executor has no program for it


async def executed(rpc: Rpc, findings: Sequence[Mapping[str, Any]], executor: Address) -> list[Paid]:
    """
    Return for each finding what the EVM pays for it in the state after its block.

    Nothing is signed and nothing is sent: the node calls the executor as one of its operators would.

    Raises:
        ConfigError: There is no executor, or the node does not have the recorded blocks.
        ChainError: The node gives no answer.
    """
    operator = await _operator(rpc, executor)
    await _check_history(rpc, findings)
    slots = asyncio.Semaphore(_AT_ONCE)

    async def run(finding: Mapping[str, Any]) -> Paid:
        if finding["calldata"] == "0x":
            return Paid.NO_HOP
        async with slots:
            at = {"from": operator, "to": executor}, hex(finding["block_number"])
            if not await _succeeds(rpc, finding["calldata"], *at):
                return Paid.LESS
            return Paid.MORE if await _succeeds(rpc, finding["dearer"], *at) else Paid.EXACT

    return await asyncio.gather(*(run(finding) for finding in findings))


async def _succeeds(rpc: Rpc, calldata: str, request: Mapping[str, str], block: str) -> bool:
    try:
        await rpc("eth_call", {**request, "data": calldata}, block)
    except RpcError as error:
        if not _is_failure_of_the_call(error):
            # For instance a state that the node has no more: that says nothing about what was found.
            raise
        return False
    return True


def _is_failure_of_the_call(error: RpcError) -> bool:
    """Whether the EVM ran the call and it failed."""
    text = str(error).lower()
    return error.code == _REVERTED or error.data is not None or any(words in text for words in _FAILED)


async def _operator(rpc: Rpc, executor: Address) -> Address:
    try:
        told = await rpc("eth_call", {"to": executor, "data": "0x" + selector("operators()").hex()}, "latest")
        operators = answer("address[]", bytes.fromhex(told[2:]), "operators")
    except ChainError:
        operators = ()
    if not operators:
        raise ConfigError(f"{executor} is no executor with an operator on this node")
    return Address(operators[0].lower())


async def _check_history(rpc: Rpc, findings: Sequence[Mapping[str, Any]]) -> None:
    for finding in (*findings[:1], *findings[-1:]):
        block = await rpc("eth_getBlockByNumber", hex(finding["block_number"]), False)
        if not block or Hash(block["hash"]) != finding["block_hash"]:
            raise ConfigError(f"the node does not have the recorded block {finding['block_number']}")
