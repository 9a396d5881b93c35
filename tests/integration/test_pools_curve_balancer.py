"""
Curve's and Balancer's pools of the localnet: read through Multicall3, quotes equal the contracts', and events are
followed or make the pool forgotten.
"""

import random
from collections.abc import AsyncIterator, Iterator, Sequence
from typing import Any

import pytest

import localnet
from keeper.chain.reader import Reader
from keeper.chain.rpc import Rpc
from keeper.errors import SwapReverts
from keeper.events import BalancerSwap, CurveExchange, decode
from keeper.pools import FAMILIES
from keeper.pools.balancer_weighted import BalancerWeightedPool
from keeper.pools.curve_stableswap import CurveStableSwapPool
from keeper.pools.pool import Pool, PoolInfo
from keeper.types import Address, Answer, Call, Hash
from localnet import accounts, addresses, artifacts, swaps
from localnet.abi import function

_FAMILIES = ("curve_stableswap", "balancer_weighted", "balancer_stable")
_QUOTES = 100

_GET_DY = function("get_dy(int128,int128,uint256)", ["uint256"])
_BALANCE = function("balanceOf(address)", ["uint256"])


@pytest.fixture(scope="module")
def net() -> Iterator[localnet.Localnet]:
    with localnet.start(sequencer=False) as net:
        net.rpc("anvil_autoImpersonateAccount", True)
        yield net


@pytest.fixture
async def reader(net: localnet.Localnet) -> AsyncIterator[Reader]:
    async with Rpc(net.url) as rpc:
        yield Reader(rpc, Address(addresses.MULTICALL3.lower()))


async def test_pools__read__quote_as_the_contracts(net: localnet.Localnet, reader: Reader) -> None:
    pools = await _read(net, reader)

    compared = await _compare_quotes(net, reader, pools, random.Random(1))

    assert {pool.info.family for pool in pools} == set(_FAMILIES)
    assert compared == _QUOTES * len(pools)


async def test_pools__traded__follow_or_forget_and_quote_as_the_contracts(
    net: localnet.Localnet, reader: Reader
) -> None:
    rng = random.Random(2)
    pools = {pool.address: pool for pool in await _read(net, reader)}
    first = int(net.rpc("eth_blockNumber"), 16) + 1
    for pool in pools.values():
        for _ in range(3):
            _trade(net, pool, rng)
    net.mine()

    events = [
        event
        for log in net.rpc("eth_getLogs", {"fromBlock": hex(first)})
        if isinstance(event := decode(log), CurveExchange | BalancerSwap)
    ]
    after = dict(pools)
    for event in events:
        told = after[event.pool].apply(event)
        assert (told is not None) == isinstance(pools[event.pool], BalancerWeightedPool)
        after[event.pool] = told or after[event.pool]

    fresh = await _read(net, reader)
    assert {event.pool for event in events} == set(pools)
    assert all(pool != pools[pool.address] for pool in fresh)
    assert all(pool == after[pool.address] for pool in fresh if isinstance(pool, BalancerWeightedPool))
    assert await _compare_quotes(net, reader, fresh, rng) == _QUOTES * len(pools)


async def _read(net: localnet.Localnet, reader: Reader) -> list[Pool]:
    infos = [_info(net, placed) for placed in net.layout.pools if placed.family in _FAMILIES]
    read = await reader.read([FAMILIES[info.family].read(info) for info in infos], _head(net))
    assert [pool for pool in read if isinstance(pool, Exception)] == []
    return read  # type: ignore[return-value]


def _info(net: localnet.Localnet, placed: Any) -> PoolInfo:
    tokens = tuple(Address(net.layout.tokens[symbol].address.lower()) for symbol in placed.tokens)
    pool_id = Hash(placed.pool_id or "")
    return PoolInfo(placed.family, placed.dex, Address(placed.address.lower()), tokens, 0, pool_id=pool_id)


async def _compare_quotes(net: localnet.Localnet, reader: Reader, pools: Sequence[Pool], rng: random.Random) -> int:
    compared = 0
    for pool in pools:
        asked = [_random_quote(pool, rng) for _ in range(_QUOTES)]
        answers = await reader.call([_contract_call(pool, *quote) for quote in asked], _head(net))
        for quote, answer in zip(asked, answers, strict=True):
            assert _model_answer(pool, *quote) == _number(answer), (pool.info, quote)
            compared += 1
    return compared


def _random_quote(pool: Pool, rng: random.Random) -> tuple[int, int, bool, int]:
    """Sold, bought, whether the input is given, and an amount around what the pool holds."""
    i, j = rng.sample(range(len(pool.tokens)), 2)
    exact_in = isinstance(pool, CurveStableSwapPool) or rng.random() < 0.6
    return i, j, exact_in, rng.randrange(1, 1 << rng.randint(1, 88))


def _model_answer(pool: Pool, i: int, j: int, exact_in: bool, amount: int) -> int | None:
    try:
        return (pool.amount_out if exact_in else pool.amount_in)(pool.tokens[i], pool.tokens[j], amount)
    except SwapReverts:
        return None


def _contract_call(pool: Pool, i: int, j: int, exact_in: bool, amount: int) -> Call:
    if isinstance(pool, CurveStableSwapPool):
        return Call(pool.address, _GET_DY.calldata(i, j, amount))
    query = artifacts.load("BalancerQueries").abi.find("querySwap", 2)
    pool_id = bytes.fromhex(pool.info.pool_id[2:])
    single = (pool_id, 0 if exact_in else 1, pool.tokens[i], pool.tokens[j], amount, b"")
    funds = (accounts.OWNER, False, accounts.OWNER, False)
    return Call(Address(addresses.BALANCER_QUERIES.lower()), query.calldata(single, funds))


def _number(answer: Answer) -> int | None:
    return None if answer is None else int.from_bytes(answer)


def _trade(net: localnet.Localnet, pool: Pool, rng: random.Random) -> None:
    placed = next(placed for placed in net.layout.pools if placed.address.lower() == pool.address)
    sold, bought = rng.sample(range(len(placed.tokens)), 2)
    held = pool.snapshot()["balances"][sold]
    amount = int(held) // rng.choice((10, 300))
    trader = rng.choice(net.layout.traders[placed.dex])
    net.deal(placed.tokens[sold], trader, amount)
    to, data = swaps.call(swaps.Swap(placed, sold, bought, amount), net.layout, trader)
    request = {"from": trader, "to": to, "data": "0x" + data.hex(), "gas": hex(1 << 25), "gasPrice": hex(10**9)}
    net.rpc("eth_sendTransaction", request)


def _head(net: localnet.Localnet) -> Hash:
    return Hash(net.rpc("eth_getBlockByNumber", "latest", False)["hash"])
