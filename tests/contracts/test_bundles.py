"""
What the keeper itself finds, plans and funds, run on the chain that Ape is connected to: a localnet, or a fork.
"""

import asyncio
from collections.abc import Iterable
from typing import Any

import ape
import pytest

from keeper.bundling import Bundle, Bundler, Conditions
from keeper.chain.reader import Reader
from keeper.chain.rpc import Rpc
from keeper.errors import PoolError
from keeper.gas import GasPrices
from keeper.lenders import Lender, flash_pools, read_lender
from keeper.market import Market
from keeper.opportunity import Scene, Terms, look
from keeper.plan import pool_address
from keeper.pools.pool import Pool, PoolInfo
from keeper.registry import Found, discover, gathered, read_pools
from keeper.routes.graph import Graph
from keeper.types import Address, Block, Hash
from tests.contracts.conftest import FACTS, FOREVER, World, exists, hop

#: All that the keeper knows of here: those that are made cheap, where their WETH is sold, and a pool that lends.
POOLS = [
    ("uniswap_v2", 3_000),
    ("sushi_v2", 3_000),
    ("uniswap_v3", 500),
    ("sushi_v3", 500),
    ("pancake_v3", 500),
    ("uniswap_v3", 3_000),
]
FUNDINGS = ["none", "uniswap_v3", *(lender.name for lender in FACTS.lenders)]
TOKENS = tuple(Address(FACTS.token(symbol)) for symbol in FACTS.profit_tokens)
PRICES = GasPrices(base_fee_wei=2 * 10**7, tip_wei=0, l1_wei_per_unit=10**8, brotli_level=1)
FREE = {"none", "balancer_v2", "balancer_v3", "uniswap_v4", "morpho"}


@pytest.fixture(scope="module")
def found() -> Found:
    """Every pool that the chain's factories and registries name, asked once."""
    return asyncio.run(_found(_head()))


@pytest.mark.parametrize("funding", FUNDINGS)
def test_bundle__of_each_funding__pays_the_treasury_what_was_predicted(
    world: World, found: Found, funding: str
) -> None:
    for lender in FACTS.lenders:
        if lender.name == funding and not exists(lender.address):
            pytest.skip(f"{funding} is not on this chain")
    for dex in ("uniswap_v2", "sushi_v2"):
        world.cheapen(hop(dex, "USDC", "WETH", 3_000), "WETH", 0.05)

    bundle = _decided(found, funding)
    before = world.holdings()
    world.operator.transfer(world.executor.address, 0, data=bundle.calldata)
    after = world.holdings()

    assert len(bundle.legs) > 1
    assert {leg.offer.lender for leg in bundle.legs} == {funding}
    assert bool(bundle.loan_fees) == (funding not in FREE)
    symbols = {Address(FACTS.token(symbol)): symbol for symbol in FACTS.profit_tokens}
    told = {(world.roles.treasury, symbols[token]): gain for token, gain in bundle.gains}
    assert {key: after[key] - before[key] for key in after if after[key] != before[key]} == told


def test_discovery__of_all_that_the_keeper_trades__finds_and_reads_the_pools_and_writes_nothing(
    found: Found,
) -> None:
    head, before = _head(), _nonces()

    read = asyncio.run(_read(head, found.infos))

    known = {pool.address for pool in read if not isinstance(pool, PoolError)}
    assert known >= {_address(*pool) for pool in POOLS}
    assert len(known) > len(found.infos) * 0.9
    assert (_head(), _nonces()) == (head, before)


def _decided(found: Found, funding: str) -> Bundle:
    """
    Return what the keeper would send now if it might fund in one way only.
    """
    head, wanted = _head(), {_address(*pool) for pool in POOLS}
    pools = _whole(asyncio.run(_read(head, [info for info in found.infos if info.address in wanted])))
    lenders = _whole(asyncio.run(_lenders(head)))
    market, graph = Market([pool.info for pool in pools]), Graph()
    market.start(head, 0.0)
    market.refresh(pools)
    for pool in pools:
        graph.update(pool)
    terms = Terms(TOKENS, Address(FACTS.weth), 3, (funding,), 10**13)
    scene = Scene(market, graph, terms, lenders, PRICES, flash_pools(pools, TOKENS))
    every = [pool.address for pool in pools]
    seen = look(scene, every)
    best = next(seen)
    return Bundler(scene, Conditions(0.9, FOREVER, TOKENS)).join(best, seen.found, every)


async def _found(head: Block) -> Found:
    async with Rpc(ape.chain.provider.http_uri) as rpc:
        return gathered(await Reader(rpc, Address(FACTS.multicall3)).read(discover(FACTS), head.hash))


async def _read(head: Block, infos: Iterable[PoolInfo]) -> list[Pool | PoolError]:
    async with Rpc(ape.chain.provider.http_uri) as rpc:
        return await Reader(rpc, Address(FACTS.multicall3)).read(list(read_pools(infos)), head.hash)


async def _lenders(head: Block) -> list[Lender | PoolError]:
    async with Rpc(ape.chain.provider.http_uri) as rpc:
        readings = [read_lender(facts, TOKENS) for facts in FACTS.lenders]
        return await Reader(rpc, Address(FACTS.multicall3)).read(readings, head.hash)


def _whole(read: Iterable[Any]) -> list[Any]:
    return [one for one in read if not isinstance(one, PoolError)]


def _address(dex: str, fee_pips: int) -> Address:
    return Address(pool_address(dex, FACTS.token("WETH"), FACTS.token("USDC"), fee_pips))


def _head() -> Block:
    header = ape.chain.provider.make_request("eth_getBlockByNumber", ["latest", False])
    number, base_fee_wei = int(header["number"], 16), PRICES.base_fee_wei
    return Block(number, Hash(header["hash"]), Hash(header["parentHash"]), 0, base_fee_wei)


def _nonces() -> list[str]:
    people = [account.address for account in ape.accounts.test_accounts[:5]]
    return [ape.chain.provider.make_request("eth_getTransactionCount", [who, "latest"]) for who in people]
