"""
Every Uniswap-like pool of the localnet: quotes equal the contracts', and following events equals reading.
"""

import random
from collections.abc import AsyncIterator, Iterator, Sequence
from typing import Any

import pytest

import localnet
from keeper.chain.reader import Reader
from keeper.chain.rpc import Rpc
from keeper.errors import SwapReverts
from keeper.events import V3Burn, V3Mint, V3Swap, decode
from keeper.math.tick_math import MAX_SQRT_RATIO, MIN_SQRT_RATIO
from keeper.pools import FAMILIES
from keeper.pools.pool import Pool, PoolInfo
from keeper.pools.uniswap_v2 import UniswapV2Pool
from keeper.pools.uniswap_v3 import UniswapV3Pool
from keeper.types import Address, Answer, Call, Hash
from localnet import accounts, addresses, swaps
from localnet.abi import Function, function

_FAMILIES = ("uniswap_v2", "uniswap_v3")
_QUOTES = 500
_UINT256 = 1 << 256

_QUOTE = function("quote(address,bool,int256,uint160)", ["int256", "int256", "uint160", "int24", "uint128"])
_AMOUNTS_OUT = function("getAmountsOut(uint256,address[])", ["uint256[]"])
_AMOUNTS_IN = function("getAmountsIn(uint256,address[])", ["uint256[]"])
_BALANCE = function("balanceOf(address)", ["uint256"])
_TRANSFER = function("transfer(address,uint256)")
_V3_MINT = function("mint(address,int24,int24,uint128)")
_V3_BURN = function("burn(int24,int24,uint128)")
_V2_ADD = function("addLiquidity(address,address,uint256,uint256,uint256,uint256,address,uint256)")
_V2_BURN = function("burn(address)")
_ROUTERS = {"uniswap_v2": addresses.UNISWAP_V2_ROUTER, "sushi_v2": addresses.SUSHI_V2_ROUTER}


@pytest.fixture(scope="module")
def net() -> Iterator[localnet.Localnet]:
    with localnet.start(sequencer=False) as net:
        net.rpc("anvil_autoImpersonateAccount", True)
        net.rpc("anvil_setBalance", accounts.OWNER, hex(10**24))
        yield net


@pytest.fixture
async def reader(net: localnet.Localnet) -> AsyncIterator[Reader]:
    async with Rpc(net.url) as rpc:
        yield Reader(rpc, Address(addresses.MULTICALL3.lower()))


async def test_pools__read__quote_as_the_contracts(net: localnet.Localnet, reader: Reader) -> None:
    pools = await _read(net, reader)

    compared = await _compare_quotes(net, reader, pools, random.Random(1))

    assert len(pools) > 30
    assert compared == _QUOTES * len(pools)


async def test_pools__swaps_mints_and_burns_applied__equal_a_fresh_read_and_quote_as_the_contracts(
    net: localnet.Localnet, reader: Reader
) -> None:
    rng = random.Random(2)
    pools = {pool.address: pool for pool in await _read(net, reader)}
    first = int(net.rpc("eth_blockNumber"), 16) + 1
    for _ in range(4):
        for pool in pools.values():
            _swap(net, pool, rng)
            _change_liquidity(net, pool, rng)
        net.mine()

    logs = net.rpc("eth_getLogs", {"fromBlock": hex(first), "address": list(pools)})
    events = [event for log in logs if (event := decode(log)) is not None]
    for event in events:
        after = pools[event.pool].apply(event)
        assert after is not None
        pools[event.pool] = after

    assert min(sum(isinstance(event, kind) for event in events) for kind in (V3Swap, V3Mint, V3Burn)) > 2 * 20
    assert list(pools.values()) == await _read(net, reader)
    assert await _compare_quotes(net, reader, list(pools.values()), rng) == _QUOTES * len(pools)


async def _read(net: localnet.Localnet, reader: Reader) -> list[Pool]:
    infos = [_info(net, placed) for placed in net.layout.pools if placed.family in _FAMILIES]
    read = await reader.read([FAMILIES[info.family].read(info) for info in infos], _head(net))
    assert [pool for pool in read if isinstance(pool, Exception)] == []
    return read  # type: ignore[return-value]


async def _compare_quotes(net: localnet.Localnet, reader: Reader, pools: Sequence[Pool], rng: random.Random) -> int:
    compared = 0
    for pool in pools:
        balances = [_ask(net, token, _BALANCE, pool.address) for token in pool.tokens]
        asked = [_random_quote(balances, rng) for _ in range(_QUOTES)]
        answers = await reader.call([_contract_call(net, pool, *quote) for quote in asked], _head(net))
        for quote, answer in zip(asked, answers, strict=True):
            assert _model_answer(pool, *quote) == _contract_answer(pool, *quote, answer), (pool.info, quote)
            compared += 1
    return compared


def _info(net: localnet.Localnet, placed: Any) -> PoolInfo:
    tokens = tuple(Address(net.layout.tokens[symbol].address.lower()) for symbol in placed.tokens)
    spacing = _ask(net, placed.address, function("tickSpacing()", ["int24"])) if placed.family == "uniswap_v3" else 0
    return PoolInfo(placed.family, placed.dex, Address(placed.address.lower()), tokens, placed.fee_pips, spacing)


def _random_quote(balances: Sequence[int], rng: random.Random) -> tuple[bool, bool, int]:
    """Zero for one, exact in, and an amount up to eight times what the pool holds of that token."""
    zero_for_one, exact_in = rng.random() < 0.5, rng.random() < 0.7
    most = 8 * balances[zero_for_one ^ exact_in]
    return zero_for_one, exact_in, rng.randrange(1, 2 << rng.randrange(most.bit_length()))


def _model_answer(pool: Pool, zero_for_one: bool, exact_in: bool, amount: int) -> int | None:
    tokens = pool.tokens if zero_for_one else pool.tokens[::-1]
    try:
        return pool.amount_out(tokens[0], tokens[1], amount) if exact_in else pool.amount_in(*tokens, amount)
    except SwapReverts:
        return None


def _contract_call(net: localnet.Localnet, pool: Pool, zero_for_one: bool, exact_in: bool, amount: int) -> Call:
    if isinstance(pool, UniswapV3Pool):
        limit = MIN_SQRT_RATIO + 1 if zero_for_one else MAX_SQRT_RATIO - 1
        data = _QUOTE.calldata(pool.address, zero_for_one, amount if exact_in else -amount, limit)
        return Call(Address(addresses.V3_QUOTER.lower()), data)
    tokens = pool.tokens if zero_for_one else pool.tokens[::-1]
    data = (_AMOUNTS_OUT if exact_in else _AMOUNTS_IN).calldata(amount, tokens)
    return Call(Address(_ROUTERS[pool.info.dex].lower()), data)


def _contract_answer(pool: Pool, zero_for_one: bool, exact_in: bool, amount: int, answer: Answer) -> int | None:
    """What comes out or must go in; None where the contract reverts or exchanges only a part."""
    if answer is None:
        return None
    if isinstance(pool, UniswapV2Pool):
        amount_in, amount_out = _AMOUNTS_OUT.decode(answer)
    else:
        amount0, amount1, *_ = _QUOTE.decode(answer)
        amount_in, amount_out = (amount0, -amount1) if zero_for_one else (amount1, -amount0)
    if exact_in:
        return amount_out if amount_in == amount else None
    return amount_in if amount_out == amount else None


def _swap(net: localnet.Localnet, pool: Pool, rng: random.Random) -> None:
    placed = next(placed for placed in net.layout.pools if placed.address.lower() == pool.address)
    sold = rng.randrange(2)
    amount = _ask(net, pool.tokens[sold], _BALANCE, pool.address) // rng.choice((3, 30, 300))
    trader = rng.choice(net.layout.traders[pool.info.dex])
    net.deal(placed.tokens[sold], trader, amount)
    _send(net, trader, *swaps.call(swaps.Swap(placed, sold, 1 - sold, amount), net.layout, trader))


def _change_liquidity(net: localnet.Localnet, pool: Pool, rng: random.Random) -> None:
    if isinstance(pool, UniswapV2Pool):
        add = (*pool.tokens, pool.reserve0 // 9, pool.reserve1 // 9, 0, 0, accounts.OWNER, 2**40)
        _send(net, accounts.OWNER, _ROUTERS[pool.info.dex], _V2_ADD.calldata(*add))
        share = _ask(net, pool.address, _BALANCE, accounts.OWNER) // 20
        _send(net, accounts.OWNER, pool.address, _TRANSFER.calldata(pool.address, share))
        _send(net, accounts.OWNER, pool.address, _V2_BURN.calldata(accounts.OWNER))
    elif isinstance(pool, UniswapV3Pool):
        spacing = pool.info.tick_spacing
        lower = (pool.tick // spacing + rng.randint(-40, 5)) * spacing
        upper = lower + rng.randint(1, 40) * spacing
        liquidity = max(pool.liquidity // rng.randint(5, 50), 1)
        _send(net, accounts.OWNER, addresses.V3_ROUTER, _V3_MINT.calldata(pool.address, lower, upper, liquidity))
        burnt = rng.choice((liquidity, liquidity // 3))
        _send(net, accounts.OWNER, pool.address, _V3_BURN.calldata(lower, upper, burnt))


def _ask(net: localnet.Localnet, to: str, asked: Function, *arguments: Any) -> Any:
    answer = net.rpc("eth_call", {"to": to, "data": "0x" + asked.calldata(*arguments).hex()}, "latest")
    return asked.decode(bytes.fromhex(answer[2:]))


def _send(net: localnet.Localnet, sender: str, to: str, data: bytes) -> None:
    transaction = {"from": sender, "to": to, "data": "0x" + data.hex(), "gas": hex(1 << 25), "gasPrice": hex(10**9)}
    net.rpc("eth_sendTransaction", transaction)


def _head(net: localnet.Localnet) -> Hash:
    return Hash(net.rpc("eth_getBlockByNumber", "latest", False)["hash"])
