"""
Venues and tokens that misbehave, and what they try to say to the executor.
"""

from collections.abc import Sequence
from typing import Any

from keeper.plan import encode
from tests.executor_world import (
    FOREVER,
    V3_FEE,
    World,
    call,
    cycle,
    lower,
    number,
    plan,
    pool_address,
)


def profitable(world: World) -> Any:
    world.v3("uniswap_v3", world.weth, world.usdc, (2, 1))
    world.v3("sushi_v3", world.usdc, world.weth, (6, 10))
    return cycle(("uniswap_v3", "sushi_v3"), (world.weth, world.usdc))


def through(world: World, mock: str, dexes: Sequence[str]) -> Any:
    """
    Return a new token of this kind and a profitable route through it.
    """
    token = world.token(mock)
    world.pool(dexes[0], world.weth, token, (2, 1))
    world.pool(dexes[1], token, world.weth, (6, 10))
    return token, cycle(dexes, (world.weth, token))


def through_a_hook(world: World) -> Any:
    return through(world, "HookTokenMock", ("uniswap_v3", "sushi_v3"))


def scripted_pool(world: World) -> Any:
    """
    Return a pool that can be told what to do, and a route that it opens.
    """
    address = pool_address("uniswap_v3", lower(world.weth), lower(world.usdc), V3_FEE)
    pool = world.chain.place("mocks/ScriptMock", address)
    pool.set_reserves(number(world.weth), number(world.usdc))
    world.v3("sushi_v3", world.usdc, world.weth, (6, 10))
    return pool, cycle(("uniswap_v3", "sushi_v3"), (world.weth, world.usdc))


def script(world: World, pool: Any, callbacks: Sequence[bytes], delta_in: int, delta_out: int) -> None:
    calls = [(world.executor.address, data, False) for data in callbacks]
    pool.script(calls, *deltas(pool, delta_in, delta_out))


def deltas(pool: Any, delta_in: int, delta_out: int) -> tuple[int, int]:
    """
    Return a swap's two deltas in the order of the pool's tokens, which ``scripted_pool`` noted as its reserves.
    """
    token_in, token_out = pool.getReserves()[:2]
    return (delta_in, delta_out) if token_in < token_out else (delta_out, delta_in)


def on_v3_swap(pool: Any, delta_in: int, delta_out: int) -> bytes:
    return call("uniswapV3SwapCallback(int256,int256,bytes)", *deltas(pool, delta_in, delta_out), b"")


def on_v2_swap(world: World, amount: int) -> bytes:
    return call("uniswapV2Call(address,uint256,uint256,bytes)", world.executor.address, amount, 0, b"")


def on_loan(world: World, amount: int) -> bytes:
    signature = "receiveFlashLoan(address[],uint256[],uint256[],bytes)"
    return call(signature, [world.weth.address], [amount], [0], b"")


def replayable(world: World, hops: Any) -> bytes:
    return encode(plan(world, hops, deadline=FOREVER))


def word(single: Any) -> int:
    return (16 << 24 | single.fee_pips) << 160 | int(single.token_out, 16)
