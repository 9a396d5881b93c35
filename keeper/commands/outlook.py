"""
The market as a keeper would see it now, for commands that look once and send nothing.
"""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from keeper.chain.arbitrum import read_arbos
from keeper.chain.follower import Follower
from keeper.chain.reader import Reader
from keeper.chain.rpc import Rpc
from keeper.config import ChainFacts, Settings, load_chain
from keeper.desk import profit_tokens
from keeper.errors import ConfigError
from keeper.gas import GasPrices
from keeper.lenders import FLASH_POOL, LenderBook, flash_pools
from keeper.opportunity import Scene, Terms
from keeper.preflight import check_facts, read_genesis
from keeper.registry import traded
from keeper.routes.graph import Graph
from keeper.texts import to_address
from keeper.types import Address, Block, Token
from keeper.upkeep import Upkeep


@dataclass(frozen=True, slots=True)
class Outlook:
    """
    Attributes:
        block: Whose state all of it is.
    """

    facts: ChainFacts
    scene: Scene
    block: Block

    def token(self, name: str) -> Token:
        """
        Return a token by its symbol or address.

        Raises:
            ConfigError: The chain's facts have no such token.
        """
        if not name.startswith("0x"):
            return self.facts.token_by_address[self.facts.token(name)]
        try:
            return self.facts.token_by_address[Address(to_address(name))]
        except (KeyError, ValueError):
            raise ConfigError(f"token {name} is unknown on {self.facts.name}") from None

    def symbol(self, token: Address) -> str:
        """Return what people call a token."""
        return self.facts.token_by_address[token].symbol


@asynccontextmanager
async def look_out(settings: Settings) -> AsyncIterator[Outlook]:
    """
    Yield the market, the lenders and the prices of gas as of one block.

    Raises:
        ConfigError: The node is of another chain, or a setting names what does not exist.
        ChainError: The node failed.
    """
    facts = load_chain(settings.chain)
    async with Rpc(*settings.nodes, chain_id=facts.chain_id) as rpc:
        await read_genesis(rpc, facts)
        await check_facts(rpc, traded(facts, settings)[0])
        reader, weth = Reader(rpc, Address(facts.multicall3)), Address(facts.weth)
        tokens = profit_tokens(settings, facts)
        upkeep = Upkeep(reader, settings, facts, (*tokens, weth), rpc)
        block = await Follower(rpc, []).start_settled()
        await upkeep.discover(block)
        await upkeep.start(block)
        graph = Graph()
        for pool in upkeep.market:
            graph.update(pool)
        book = LenderBook(facts.lenders, tokens, settings.ttl_seconds)
        book.refresh(await reader.read(book.due(time.monotonic()), block.hash), time.monotonic())
        arbos = await read_arbos(rpc, facts)
        tip = settings.tip_wei if arbos.collects_tips else 0
        prices = GasPrices(block.base_fee_wei, tip, arbos.l1_wei_per_unit, arbos.brotli_level)
        terms = Terms(tokens, weth, settings.max_hops, settings.funding, settings.min_profit_wei)
        flash = flash_pools(upkeep.market, tokens) if FLASH_POOL in settings.funding else {}
        lenders = book.current(time.monotonic())
        yield Outlook(facts, Scene(upkeep.market, graph, terms, lenders, prices, flash), block)
