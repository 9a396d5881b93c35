"""
Accounts with delegated code (EIP-7702) around the executor: operators, strangers, and its own code in an account.
"""

from collections.abc import Sequence

import pytest
from eth_account.signers.local import LocalAccount

from keeper.plan import encode
from localnet import accounts
from localnet.abi import function
from localnet.addresses import AAVE_POOL, BALANCER_VAULT
from tests.real_attacks import AMOUNT, HONEST, check_unharmed, furnish, place, script, standing
from tests.real_world import FACTS, OPERATOR, OWNER, STRANGER, TREASURY, Step, World, gained, plan, route

WETH = FACTS.token("WETH")
#: Another route, which shares no pool with the honest one.
OTHER: list[Step] = [("sushi_v3 WETH/USDC 500", "WETH", "USDC"), ("sushi_v2 WETH/USDC 3000", "USDC", "WETH")]

_KEYS = {key.address: key for key in (accounts.public(number) for number in range(10))}
_REFUSED = function("refused()", ["uint256"])
_VAULT_LOAN = function("flashLoan(address,address[],uint256[],bytes)")
_AAVE_LOAN = function("flashLoanSimple(address,address,uint256,bytes,uint16)")
_V3_CALLBACK = function("uniswapV3SwapCallback(int256,int256,bytes)")
_SWEEP, _PAUSE = function("sweep(address)"), function("pause()")
_ADD_OPERATOR, _REMOVE_OPERATOR = function("add_operator(address)"), function("remove_operator(address)")


def delegate(world: World, who: str, code: str) -> None:
    """
    Let an account sign that it runs somebody's code from now on, in a transaction of type 4 of its own.
    """
    key: LocalAccount = _KEYS[who]
    nonce = int(world.net.rpc("eth_getTransactionCount", who, "latest"), 16)
    signed = key.sign_authorization({"chainId": 42161, "address": code, "nonce": nonce + 1})
    transaction = {
        "type": 4,
        "chainId": 42161,
        "nonce": nonce,
        "to": STRANGER if who != STRANGER else OWNER,
        "value": 0,
        "gas": 200_000,
        "maxFeePerGas": 10**9,
        "maxPriorityFeePerGas": 0,
        "data": b"",
        "accessList": [],
        "authorizationList": [signed],
    }
    raw = key.sign_transaction(transaction).raw_transaction.hex().removeprefix("0x")
    name = world.net.rpc("eth_sendRawTransaction", "0x" + raw)
    world.net.rpc("evm_mine")
    receipt = world.net.rpc("eth_getTransactionReceipt", name)
    assert (receipt["status"], receipt["type"]) == ("0x1", "0x4")
    assert world.net.rpc("eth_getCode", who, "latest") == "0xef0100" + code[2:].lower()


def attacks(world: World) -> list[tuple[str, bytes, bool]]:
    """
    Return what must be refused whoever tries it, and between any two programs.
    """
    us = world.executor
    return [
        (us, _V3_CALLBACK.calldata(10**15, -1, b""), True),
        (BALANCER_VAULT, _VAULT_LOAN.calldata(us, [WETH], [10**18], b""), True),
        (AAVE_POOL, _AAVE_LOAN.calldata(us, WETH, 10**18, b"", 0), True),
        (us, _SWEEP.calldata(WETH), True),
    ]


def act(world: World, who: str, calls: Sequence[tuple[str, bytes, bool]], caller: str) -> int:
    """
    Let a delegated account make these calls in one transaction, and return how many were refused.
    """
    script(world, who, 0, calls)
    refused = int(world.ask(who, _REFUSED))

    assert world.send(caller, who, b"")["status"] == "0x1"

    return int(world.ask(who, _REFUSED)) - refused


def gaining(world: World, steps: Sequence[Step]) -> tuple[bytes, int]:
    """
    Return a program that asks for all of its gain, and the gain.
    """
    gain = world.outcome(steps, AMOUNT) - AMOUNT
    return encode(plan(route(world, steps, AMOUNT, min_profit=gain))), gain


@pytest.mark.parametrize("fails", [False, True])
def test_operator__with_delegated_code_batches__attacks_between_find_no_permission(world: World, fails: bool) -> None:
    """It sends the transaction to itself: ``tx.origin``, ``msg.sender`` and the operator are one."""
    furnish(world)
    world.enrich(OTHER, AMOUNT)
    first, gain = gaining(world, HONEST)
    second, other_gain = gaining(world, OTHER)
    if fails:
        first, gain = encode(plan(route(world, HONEST, AMOUNT, min_profit=gain + 1))), 0
    delegate(world, OPERATOR, place(world, "Actor"))
    before = standing(world)

    calls = [(world.executor, first, True), *attacks(world), (world.executor, second, False)]
    refused = act(world, OPERATOR, calls, OPERATOR)

    assert refused == len(attacks(world)) + fails
    assert gained(before.holdings, world.holdings()) == {(TREASURY, "WETH"): gain + other_gain}
    check_unharmed(world, before)


def test_operator__delegated_to_an_open_contract__strangers_run_routes_but_take_nothing(world: World) -> None:
    """The worst that an operator's key can sign: whoever likes is an operator. The owner dismisses the account."""
    furnish(world)
    honest, gain = gaining(world, HONEST)
    greedy = encode(plan(route(world, HONEST, AMOUNT, min_profit=gain + 1)))
    losing = encode(plan(route(world, [(name, bought, sold) for name, sold, bought in reversed(HONEST)], AMOUNT)))
    delegate(world, OPERATOR, place(world, "Actor"))
    before = standing(world)
    orders = greedy, losing, _PAUSE.calldata(), _ADD_OPERATOR.calldata(STRANGER)
    tried = [(world.executor, data, True) for data in orders]

    assert act(world, OPERATOR, [*attacks(world), *tried], STRANGER) == len(attacks(world)) + len(tried)
    assert world.holdings() == before.holdings
    assert act(world, OPERATOR, [(world.executor, honest, True)], STRANGER) == 0
    assert gained(before.holdings, world.holdings()) == {(TREASURY, "WETH"): gain}
    check_unharmed(world, before)

    world.send(OWNER, world.executor, _REMOVE_OPERATOR.calldata(OPERATOR))
    assert act(world, OPERATOR, [(world.executor, honest, True)], STRANGER) == 1


def test_stranger__with_delegated_code__is_refused_as_ever(world: World) -> None:
    furnish(world)
    honest, _ = gaining(world, HONEST)
    delegate(world, STRANGER, place(world, "Actor"))
    before = standing(world)
    calls = [(world.executor, honest, True), *attacks(world)]

    for caller in (STRANGER, OPERATOR):
        assert act(world, STRANGER, calls, caller) == len(calls)

    assert "roles: caller is not an operator" in world.refusal(world.executor, honest, STRANGER)
    assert world.holdings() == before.holdings
    check_unharmed(world, before)


def test_account__delegated_to_the_executors_own_code__is_no_executor(world: World) -> None:
    """It has the code and the treasury, but no roles: storage is the account's own."""
    before = furnish(world)
    honest, _ = gaining(world, HONEST)
    delegate(world, STRANGER, world.executor)

    assert "roles: caller is not an operator" in world.refusal(STRANGER, honest, OPERATOR)
    assert "roles: caller is not the owner" in world.refusal(STRANGER, _SWEEP.calldata(WETH), OWNER)
    assert "roles: caller is not an operator" in world.refusal(STRANGER, honest, STRANGER)
    assert "roles: caller is not an operator" in world.refusal(world.executor, honest, STRANGER)
    assert world.holdings() == before.holdings
    check_unharmed(world, before)
