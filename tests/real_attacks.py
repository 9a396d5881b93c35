"""
Hostile contracts beside the executor on the localnet, and what none of them may achieve.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from eth_abi.abi import encode as encode_abi
from vyper.cli.vyper_compile import compile_files

from keeper.plan import encode
from localnet.abi import Function, function
from tests.real_world import OWNER, STRANGER, TREASURY, Step, World, gained, plan, route

FOLDER = Path(__file__).parent / "hostile"

#: What a call may take along.
Call = tuple[str, bytes]

_SCRIPT = Function("script", ("uint256", "(address,bytes,bool)[]"), ())
_REFUSED = function("refused()", ["uint256"])
_ADD_OPERATOR = function("add_operator(address)")
_ROLES = {
    "owner": function("owner()", ["address"]),
    "pending_owner": function("pending_owner()", ["address"]),
    "guardian": function("guardian()", ["address"]),
    "operators": function("operators()", ["address[]"]),
    "paused": function("paused()", ["bool"]),
}
#: What strangers sent to the executor: nobody may get it, and it may hide no loss.
_LEFT = {"WETH": 10**19, "USDC": 10**10, "USDT": 10**10, "ARB": 10**21}

HONEST: list[Step] = [("uniswap_v3 WETH/USDC 500", "WETH", "USDC"), ("uniswap_v2 WETH/USDC 3000", "USDC", "WETH")]
AMOUNT = 10**17


@dataclass(frozen=True, slots=True)
class Before:
    """
    Everything that an attack may not change.
    """

    holdings: Mapping[tuple[str, str], int]
    roles: Mapping[str, Any]


def furnish(world: World) -> Before:
    """
    Let the executor have tokens that it should not have, and return what there is before an attack.
    """
    for symbol, amount in _LEFT.items():
        world.net.deal(symbol, world.executor, amount)
    world.enrich(HONEST, AMOUNT)
    return standing(world)


def standing(world: World) -> Before:
    """
    Return what there is now.
    """
    return Before(world.holdings(), roles(world))


def check_unharmed(world: World, before: Before) -> None:
    """
    See that neither the executor nor the treasury has less, that nothing is allowed, and that all are who they were.
    """
    assert all(change > 0 for change in gained(before.holdings, world.holdings()).values())
    assert world.allowances() == []
    assert roles(world) == before.roles


def roles(world: World) -> dict[str, Any]:
    return {name: world.ask(world.executor, view) for name, view in _ROLES.items()}


def check_refused(world: World, before: Before, attack: Call, reason: str) -> None:
    """
    Let a stranger try, then an operator who is a contract and who goes on with an honest route in the same transaction.
    """
    to, data = attack
    assert reason in world.refusal(to, data, STRANGER)
    assert world.send(STRANGER, to, data)["status"] == "0x0"
    assert world.holdings() == before.holdings
    actor = employ(world)
    gain = world.outcome(HONEST, AMOUNT) - AMOUNT
    honest = encode(plan(route(world, HONEST, AMOUNT, min_profit=gain)))
    script(world, actor, 0, [(to, data, True), (world.executor, honest, False)])
    before = standing(world)

    assert world.send(STRANGER, actor, b"")["status"] == "0x1"

    assert world.ask(actor, _REFUSED) == 1
    assert gained(before.holdings, world.holdings()) == {(TREASURY, "WETH"): gain}
    check_unharmed(world, before)


def employ(world: World) -> str:
    """
    Put up an actor and let the owner make him an operator.
    """
    actor = place(world, "Actor")
    assert world.send(OWNER, world.executor, _ADD_OPERATOR.calldata(actor))["status"] == "0x1"
    return actor


def script(world: World, actor: str, depth: int, calls: Sequence[tuple[str, bytes, bool]]) -> None:
    """
    Tell the actor what to do when he is called at that depth.
    """
    assert world.send(STRANGER, actor, _SCRIPT.calldata(depth, list(calls)))["status"] == "0x1"


def place(world: World, name: str, types: Sequence[str] = (), arguments: Sequence[Any] = ()) -> str:
    """
    Deploy a hostile contract.
    """
    creation, _ = _compiled(name)
    receipt = world.send(STRANGER, None, creation + encode_abi(types, arguments))
    assert receipt["status"] == "0x1"
    return str(receipt["contractAddress"])


def runtime(name: str) -> bytes:
    return _compiled(name)[1]


def executor_calls(world: World, transaction: str) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """
    Return the calls that the executor made in a transaction, and those that it got from others than its operator.
    """
    top = world.net.rpc("debug_traceTransaction", transaction, {"tracer": "callTracer"})
    made: list[dict[str, Any]] = []
    got: list[dict[str, Any]] = []
    waiting = [top]
    while waiting:
        frame = waiting.pop()
        waiting += frame.get("calls", [])
        if frame["type"] != "CALL" or frame is top:
            continue
        if frame["from"].lower() == world.executor.lower():
            made.append(frame)
        if frame["to"].lower() == world.executor.lower():
            got.append(frame)
    return made, got


@cache
def _compiled(name: str) -> tuple[bytes, bytes]:
    source = FOLDER / f"{name}.vy"
    (output,) = compile_files([source], ["bytecode", "bytecode_runtime"], paths=[str(FOLDER)]).values()
    return bytes.fromhex(output["bytecode"][2:]), bytes.fromhex(output["bytecode_runtime"][2:])
