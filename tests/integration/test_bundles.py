"""
Bundles on a localnet: what the keeper plans, run by the real executor among the real pools.
"""

import asyncio
from collections.abc import Iterable, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest

from keeper.bundling import Bundle, Bundler, Conditions
from keeper.chain.reader import Reader
from keeper.chain.rpc import Rpc
from keeper.config import load_settings
from keeper.errors import PoolError
from keeper.execution.opening import open_broadcast, open_operators, open_signers
from keeper.execution.payouts import Payouts
from keeper.execution.simulation import Simulator
from keeper.execution.trader import Trader
from keeper.gas import GasPrices
from keeper.journal import Journal
from keeper.lenders import Lender, flash_pools, read_lender
from keeper.market import Market
from keeper.opportunity import Opportunity, Scene, Terms, look
from keeper.pools.pool import Pool
from keeper.registry import discover, gathered, read_pools
from keeper.routes.graph import Graph
from keeper.types import Address, Block, Hash
from localnet import accounts, addresses
from tests.real_world import FACTS, FOREVER, OPERATOR, PROFIT_TOKENS, TREASURY, World, gained

PRICES = GasPrices(base_fee_wei=2 * 10**7, tip_wei=0, l1_wei_per_unit=10**8, brotli_level=1)
SYMBOLS = {FACTS.token(symbol): symbol for symbol in FACTS.profit_tokens}
V2, SUSHI_V2 = "uniswap_v2 WETH/USDC 3000", "sushi_v2 WETH/USDC 3000"
V3, APART, STABLE = "uniswap_v3 WETH/USDC 500", "uniswap_v3 USDC/USDT 100", "sushi_v3 USDC/USDT 100"


async def read(url: str, head: Hash) -> tuple[list[Pool], list[Lender]]:
    async with Rpc(url) as rpc:
        reader = Reader(rpc, Address(FACTS.multicall3))
        found = gathered(await reader.read(discover(FACTS), head))
        pools = await reader.read(list(read_pools(found.infos)), head)
        lenders = await reader.read([read_lender(facts, PROFIT_TOKENS) for facts in FACTS.lenders], head)
    return _whole(pools), _whole(lenders)


def _whole(read: Iterable[Any]) -> list[Any]:
    return [one for one in read if not isinstance(one, PoolError)]


def scene(world: World, funding: Sequence[str] = ("none",), only: Sequence[str] = ()) -> Scene:
    """What the keeper would decide on now, if it knew only these pools."""
    header = world.net.rpc("eth_getBlockByNumber", "latest", False)
    block = Block(int(header["number"], 16), Hash(header["hash"]), Hash(header["parentHash"]), 0, PRICES.base_fee_wei)
    pools, lenders = asyncio.run(read(world.net.url, block.hash))
    if only:
        known = {_address(world, name) for name in only}
        pools = [pool for pool in pools if pool.address in known]
    market, graph = Market([pool.info for pool in pools]), Graph()
    market.start(block, 0.0)
    market.refresh(pools)
    for pool in pools:
        graph.update(pool)
    terms = Terms(PROFIT_TOKENS, Address(FACTS.weth), 3, tuple(funding), 10**13)
    return Scene(market, graph, terms, lenders, PRICES, flash_pools(pools, PROFIT_TOKENS))


def decided(on: Scene) -> tuple[Opportunity, Bundle, Bundler]:
    every = [pool.address for pool in on.market]
    seen = look(on, every)
    best = next(seen)
    bundler = Bundler(on, Conditions(0.1, FOREVER, PROFIT_TOKENS))
    return best, bundler.join(best, seen.found, every), bundler


def run(world: World, bundle: Bundle) -> tuple[dict[str, int], int]:
    """Run it, and return what the treasury gained of each token and the gas."""
    before = world.holdings()
    receipt = world.send(OPERATOR, world.executor, bundle.calldata)
    assert receipt["status"] == "0x1", world.refusal(world.executor, bundle.calldata, OPERATOR)
    changes = gained(before, world.holdings())
    assert {who for who, _ in changes} <= {TREASURY}
    return {symbol: gain for (_, symbol), gain in changes.items()}, int(receipt["gasUsed"], 16)


def told(bundle: Bundle) -> dict[str, int]:
    return {SYMBOLS[token]: gain for token, gain in bundle.gains}


def test_split__two_parallel_pools__is_paid_to_the_wei_and_beats_the_best_single_after_gas(world: World) -> None:
    for pair in (V2, SUSHI_V2):
        world.cheapen((pair, "USDC", "WETH"), 0.05)
    on = scene(world)
    best, bundle, bundler = decided(on)
    single = bundler.alone(best)
    cheap = {Address(world.net.layout.pool(pair).address.lower()) for pair in (V2, SUSHI_V2)}
    assert cheap <= {edge.pool for leg in bundle.legs for edge in leg.route.edges}

    with world.undone():
        alone, alone_gas = run(world, single)
    paid, gas = run(world, bundle)

    assert alone == told(single)
    assert paid == told(bundle)
    worth = bundle.worth_wei - gas * PRICES.base_fee_wei
    assert worth > single.worth_wei - alone_gas * PRICES.base_fee_wei


@pytest.mark.parametrize("lender", ["balancer_v2", "aave_v3", "uniswap_v3"])
def test_bundle__under_a_lender__is_paid_to_the_wei(world: World, lender: str) -> None:
    for pair in (V2, SUSHI_V2):
        world.cheapen((pair, "USDC", "WETH"), 0.05)

    _, bundle, _ = decided(scene(world, [lender]))
    paid, _ = run(world, bundle)

    assert len(bundle.legs) > 1
    assert {leg.offer.lender for leg in bundle.legs} == {lender}
    assert bool(bundle.loan_fees) == (lender != "balancer_v2")
    assert paid == told(bundle)


def test_bundle__one_race_lost__the_others_are_paid(world: World) -> None:
    world.cheapen((SUSHI_V2, "USDC", "WETH"), 0.05)
    world.cheapen((APART, "USDC", "USDT"), 0.02)
    _, bundle, _ = decided(scene(world, only=[V3, SUSHI_V2, APART, STABLE]))
    assert len(bundle.legs) == 2
    (other,) = (leg for leg in bundle.legs if _address(world, APART) not in {edge.pool for edge in leg.route.edges})

    world.cheapen((APART, "USDT", "USDC"), 0.05)
    paid, _ = run(world, bundle)

    assert paid == {SYMBOLS[other.token]: other.gain}


def test_trade__chosen_lender_emptied__takes_the_next(world: World, tmp_path: Path) -> None:
    world.cheapen((SUSHI_V2, "USDC", "WETH"), 0.05)
    on = scene(world, ["balancer_v2", "aave_v3"])
    _, bundle, bundler = decided(on)
    assert {leg.offer.lender for leg in bundle.legs} == {"balancer_v2"}
    for symbol in FACTS.profit_tokens:
        world.net.deal(symbol, addresses.BALANCER_VAULT, 1)
    before = world.holdings()

    outcome, sent = asyncio.run(_trade(world, tmp_path, on, bundler, bundle))
    world.net.rpc("evm_mine")

    assert outcome == "sent"
    assert sent is not None
    assert {leg.offer.lender for leg in sent.legs} == {"aave_v3"}
    assert gained(before, world.holdings()) == {(TREASURY, symbol): gain for symbol, gain in told(sent).items()}
    assert sum(told(sent).values()) < sum(told(bundle).values())


async def _trade(world: World, folder: Path, on: Scene, bundler: Bundler, bundle: Bundle) -> tuple[str, Bundle | None]:
    executor, operator = Address(world.executor.lower()), Address(OPERATOR.lower())
    journal = Journal.open(folder / "journal.sqlite", FACTS.chain_id, Hash("0x00"))
    journal.begin_run(operator, executor)
    settings = load_settings(rpc_url=world.net.url)
    async with (
        Rpc(world.net.url) as rpc,
        open_signers(settings, FACTS.chain_id, executor, [accounts.public(3)]) as signers,
        open_broadcast(settings, FACTS, rpc, []) as broadcast,
    ):
        payouts = Payouts(rpc, executor, Address(TREASURY.lower()))
        operators = await open_operators(rpc, broadcast, journal, settings, FACTS.chain_id, payouts, signers)
        simulator = Simulator(rpc, executor, Address(FACTS.node_interface.lower()))
        trader = Trader(simulator, settings, FACTS, executor, operators, lambda: True)
        try:
            return await trader.trade(bundler.variants(bundle), on.market.head, PRICES, lambda _: nullcontext())
        finally:
            journal.close()


def _address(world: World, name: str) -> Address:
    return Address(world.net.layout.pool(name).address.lower())
