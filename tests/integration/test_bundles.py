"""
Bundles on a localnet: what the keeper plans, run by the real executor among the real pools.
"""

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from eth_account import Account

from keeper.bundling import Bundle, Bundler, Conditions
from keeper.chain.reader import Reader
from keeper.chain.rpc import Rpc
from keeper.config import LenderFacts, load_settings
from keeper.execution.nonces import NonceManager
from keeper.execution.signer import LocalSigner
from keeper.execution.trader import Trader
from keeper.execution.transactions import Transactions
from keeper.gas import GasPrices
from keeper.journal import Journal
from keeper.lenders import Lender, flash_pools, read_lender
from keeper.market import Market
from keeper.opportunity import Opportunity, Scene, Terms, look
from keeper.pools.pool import Pool
from keeper.registry import discover, read_pools
from keeper.routes.graph import Graph
from keeper.types import Address, Block, Hash
from localnet import accounts, addresses
from tests.real_world import FACTS, FOREVER, OPERATOR, PROFIT_TOKENS, TREASURY, Step, World, gained

PRICES = GasPrices(base_fee_wei=10**7, tip_wei=0, l1_wei_per_unit=10**8, brotli_level=1)
V3, V2, SUSHI_V2 = "uniswap_v3 WETH/USDC 500", "uniswap_v2 WETH/USDC 3000", "sushi_v2 WETH/USDC 3000"


async def _read(url: str, head: Hash) -> tuple[list[Pool], list[Lender]]:
    async with Rpc(url) as rpc:
        reader = Reader(rpc, Address(FACTS.multicall3))
        (infos,) = await reader.read([discover(FACTS)], head)
        pools = await reader.read(list(read_pools(infos)), head)
        lenders = await reader.read([read_lender(facts, PROFIT_TOKENS) for facts in FACTS.lenders], head)
    return [pool for pool in pools if isinstance(pool, Pool)], list(lenders)  # type: ignore[misc,arg-type]


def scene(world: World, funding: Sequence[str] = ("none",)) -> Scene:
    """What the keeper would decide on now."""
    header = world.net.rpc("eth_getBlockByNumber", "latest", False)
    block = Block(int(header["number"], 16), Hash(header["hash"]), Hash(header["parentHash"]), 0, PRICES.base_fee_wei)
    pools, lenders = asyncio.run(_read(world.net.url, block.hash))
    market, graph = Market([pool.info for pool in pools]), Graph()
    market.start(block, 0.0)
    market.refresh(pools)
    for pool in pools:
        graph.update(pool)
    terms = Terms(PROFIT_TOKENS, Address(FACTS.weth), 3, tuple(funding), 10**13)
    return Scene(market, graph, terms, lenders, PRICES, flash_pools(pools, PROFIT_TOKENS))
