"""
What an EVM says of a finding, and what is no word about it.
"""

from typing import Any

import pytest

from keeper.backtest.evm import Paid, executed
from keeper.chain.rpc import Rpc
from keeper.errors import RpcError
from keeper.types import Address

EXECUTOR = Address("0x" + "0e" * 20)
OPERATORS = "0x" + f"{32:064x}{1:064x}{7:064x}"
FINDING = {"block_number": 5, "block_hash": "0x05", "calldata": "0x01", "dearer": "0x02"}


class Node(Rpc):
    """Has the block, and answers the two calls as it is told."""

    def __init__(self, **answers: Exception | None) -> None:
        self._answers = answers

    async def __call__(self, method: str, *params: Any) -> Any:
        if method == "eth_getBlockByNumber":
            return {"hash": "0x05"}
        if params[1] == "latest":
            return OPERATORS
        answer = self._answers[{"0x01": "exact", "0x02": "dearer"}[params[0]["data"]]]
        if answer is not None:
            raise answer
        return "0x"


@pytest.mark.parametrize(
    "failure",
    [
        RpcError("execution reverted", 3, "0x08c379a0"),
        RpcError("execution reverted: profit: below minimum", -32000),
        RpcError("EVM error InvalidFEOpcode", -32603),
        RpcError("out of gas", -32000),
    ],
)
async def test_finding__call_that_fails__is_less_than_was_predicted(failure: RpcError) -> None:
    less = await executed(Node(exact=failure), [FINDING], EXECUTOR)
    exact = await executed(Node(exact=None, dearer=failure), [FINDING], EXECUTOR)
    more = await executed(Node(exact=None, dearer=None), [FINDING], EXECUTOR)

    assert (less, exact, more) == ([Paid.LESS], [Paid.EXACT], [Paid.MORE])


@pytest.mark.parametrize(
    "failure",
    [
        RpcError("BlockOutOfRangeError: block height is 9 but requested was 5", -32602),
        RpcError("missing trie node", -32000),
        RpcError("no node answers"),
    ],
)
async def test_finding__state_that_the_node_has_not__is_no_answer(failure: RpcError) -> None:
    with pytest.raises(RpcError, match=str(failure)):
        await executed(Node(exact=failure), [FINDING], EXECUTOR)
