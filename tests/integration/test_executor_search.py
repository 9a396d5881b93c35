"""
The best cycles that the search finds among the localnet's pools, executed: none pays less than was predicted.
"""

import random
from collections.abc import Sequence

import pytest

from keeper.chain.reader import Reader
from keeper.chain.rpc import Rpc
from keeper.plan import Funding
from keeper.pools import FAMILIES
from keeper.pools.pool import Pool, PoolInfo
from keeper.routes.graph import Graph
from keeper.routes.search import search
from keeper.routes.sizing import Sized, size
from keeper.types import Address, Hash
from localnet import addresses
from localnet.layout import Pool as PlacedPool
from tests.real_world import FACTS, PROFIT_TOKENS, TREASURY, World, gained, plan, route

_FAMILIES = ("uniswap_v2", "uniswap_v3", "curve_stableswap", "balancer_weighted", "balancer_stable")
_SENDING_FIRST = ("uniswap_v2", "uniswap_v3")
_AAVE_PIPS = 500

#: Pools that are pushed off their price, by how much, and how many of the best cycles are executed.
_PUSHED, _SHARE, _BEST = 6, 0.02, 3


def info_of(world: World, placed: PlacedPool) -> PoolInfo:
    tokens = tuple(Address(world.net.layout.tokens[symbol].address.lower()) for symbol in placed.tokens)
    tiers = next((dex.fee_tiers for dex in FACTS.dexes if dex.name == placed.dex), {})
    fee_pips = placed.fee_pips if placed.family.startswith("uniswap") else 0
    address, pool_id = Address(placed.address.lower()), Hash(placed.pool_id or "")
    return PoolInfo(placed.family, placed.dex, address, tokens, fee_pips, tiers.get(fee_pips, 0), pool_id)


async def read(world: World, placed: Sequence[PlacedPool]) -> list[Pool]:
    infos = [info_of(world, pool) for pool in placed]
    head = Hash(world.net.rpc("eth_getBlockByNumber", "latest", False)["hash"])
    async with Rpc(world.net.url) as rpc:
        reader = Reader(rpc, Address(addresses.MULTICALL3.lower()))
        pools = await reader.read([FAMILIES[info.family].read(info) for info in infos], head)
    assert [pool for pool in pools if isinstance(pool, Exception)] == []
    return pools  # type: ignore[return-value]


def push(world: World, placed: Sequence[PlacedPool], rng: random.Random) -> None:
    """Make what some pools sell cheaper, one of each family at least."""
    first = [rng.choice([pool for pool in placed if pool.family == family]) for family in _FAMILIES]
    for pool in first + rng.sample(placed, _PUSHED - len(first)):
        sold, bought = rng.sample(pool.tokens, 2)
        world.cheapen((pool.name, sold, bought), _SHARE)


def chosen(pools: Sequence[Pool]) -> list[tuple[Sized, list[Pool]]]:
    """The best cycles, and the best through each family."""
    graph, by_address = Graph(), {pool.address: pool for pool in pools}
    for pool in pools:
        graph.update(pool)
    told: list[tuple[Sized, list[Pool]]] = []
    wanted = set(_FAMILIES)
    for cycle in search(graph, None, dict.fromkeys(PROFIT_TOKENS, 1.0), max_hops=4).cycles:
        through = [by_address[address] for address in cycle.pools]
        families = {pool.info.family for pool in through}
        if len(told) >= _BEST and not families & wanted:
            continue
        if (sized := size(cycle.edges, through, cycle.optimum)) is not None:
            told.append((sized, through))
            wanted -= families
        if not wanted and len(told) >= _BEST:
            break
    assert not wanted
    return told


@pytest.mark.parametrize("seed", [1, 2])
async def test_search__best_cycles_executed__pay_what_was_predicted(world: World, seed: int) -> None:
    placed = [pool for pool in world.net.layout.pools if pool.family in _FAMILIES]
    names = {pool.address.lower(): pool.name for pool in placed}
    symbols = {Address(token.address.lower()): symbol for symbol, token in world.net.layout.tokens.items()}
    push(world, placed, random.Random(seed))

    for sized, through in chosen(await read(world, placed)):
        steps = [(names[e.pool], symbols[e.token_in], symbols[e.token_out]) for e in sized.edges]
        sends = through[0].info.family in _SENDING_FIRST
        fee = 0 if sends else -(-sized.amounts[0] * _AAVE_PIPS // 1_000_000)
        with world.undone():
            before = world.holdings()
            funding = Funding.NONE if sends else Funding.AAVE_V3
            world.execute(plan(route(world, steps, sized.amounts[0], funding)))

            assert gained(before, world.holdings()) == {(TREASURY, steps[0][1]): sized.gain - fee}
