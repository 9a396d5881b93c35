"""
What is tried after a block, in which order, and what is left to be searched.
"""

import sqlite3
from collections.abc import Iterable
from dataclasses import replace
from io import StringIO
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace

import pytest
from rich.console import Console

from keeper.bundling import Bundle
from keeper.config import load_chain, load_settings
from keeper.desk import Desk
from keeper.errors import PlanError
from keeper.execution.receipts import Outcome
from keeper.execution.trader import planned_routes
from keeper.journal import Journal, State
from keeper.lenders import Lender
from keeper.market import Market
from keeper.monitor.report import Decided, Report
from keeper.monitor.table import Screen
from keeper.opportunity import Terms
from keeper.pools.pool import Pool
from keeper.types import Address, Block, Hash
from tests.unit.test_bundling import PRICES, USDC, WETH, apart, parallel
from tests.unit.test_journal import EXECUTOR, GENESIS, OPERATOR, TRANSACTION

HEAD = Block(1, Hash("0x01"), Hash("0x00"), 50, PRICES.base_fee_wei)


class Upkeep:
    """A market that nobody keeps up; it remembers whom it was told to blame."""

    def __init__(self, pools: list[Pool]) -> None:
        self.market = Market([pool.info for pool in pools])
        self.market.start(HEAD, 0.0)
        self.market.refresh(pools)
        self.simulations: list[tuple[tuple[Address, ...], bool]] = []
        self.blamed: list[tuple[Address, ...]] = []

    def gone(self) -> frozenset[Address]:
        return frozenset()

    def simulated(self, pools: tuple[Address, ...], succeeded: bool, _: Block) -> None:
        self.simulations.append((pools, succeeded))

    def misled(self, pools: tuple[Address, ...]) -> None:
        self.blamed.append(pools)


class Trader:
    """Says of each transaction what it is told to say, and sends what is left."""

    def __init__(self, *outcomes: str) -> None:
        self.outcomes = list(outcomes)
        self.tried: list[Bundle] = []

    async def trade(self, variants: Iterable[Bundle], *_: object) -> tuple[str, Bundle]:
        self.tried.append(next(iter(variants)))
        return self.outcomes.pop(0) if self.outcomes else "sent", self.tried[-1]


@pytest.fixture
def upkeep() -> Upkeep:
    return Upkeep(parallel() + apart())


@pytest.fixture
def report() -> Report:
    return Report()


@pytest.fixture
def most_routes() -> int:
    return 8


@pytest.fixture
def desk(upkeep: Upkeep, report: Report, most_routes: int, tmp_path: Path) -> Desk:
    settings = load_settings(rpc_url="http://x", max_hops=3, max_routes=most_routes)
    facts = load_chain("arbitrum")
    journal = Journal.open(tmp_path / "journal.sqlite", facts.chain_id, GENESIS)
    journal.begin_run(OPERATOR, EXECUTOR)
    deployment = SimpleNamespace(profit_tokens=(WETH, USDC))
    screen = Screen("", Console(file=StringIO()))
    desk = Desk(settings, facts, deployment, upkeep, journal, report, screen)  # type: ignore[arg-type]
    desk.terms = Terms((WETH, USDC), WETH, 3, ("none",), 10**12)
    desk.lenders.refresh([Lender("morpho", WETH, 0)], 0.0)
    desk.restart([pool.address for pool in upkeep.market])
    return desk


async def test_trade__several_opportunities__are_sent_as_one(desk: Desk, report: Report) -> None:
    trader = Trader()

    assert await desk.trade(HEAD, PRICES, 0.0, trader)  # type: ignore[arg-type]

    (bundle,) = trader.tried
    assert len(bundle.legs) >= 3
    assert report.transactions["sent"] == 1
    assert report.routes_sent == {len(bundle.legs): 1}
    assert report.opportunities == len(bundle.legs)
    assert report.expected["profit_wei"] == bundle.profit_wei
    assert bundle.deadline == 50 + 3


@pytest.mark.parametrize("most_routes", [1, 2])
async def test_trade__several_opportunities_and_few_routes_allowed__sends_no_more(desk: Desk, most_routes: int) -> None:
    trader = Trader()

    assert await desk.trade(HEAD, PRICES, 0.0, trader)  # type: ignore[arg-type]

    (bundle,) = trader.tried
    assert len(bundle.legs) == most_routes


async def test_trade__bundle_fails__its_routes_are_tried_alone_the_best_first(
    desk: Desk, upkeep: Upkeep, report: Report
) -> None:
    trader = Trader("simulation failed: x", "simulation failed: y")

    assert await desk.trade(HEAD, PRICES, 0.0, trader)  # type: ignore[arg-type]

    bundle, first, second = trader.tried
    assert first.legs[0].route.edges == bundle.legs[0].route.edges
    assert len(first.legs) == len(second.legs) == 1
    assert first.profit_wei > second.profit_wei
    assert report.refused == {"simulation failed": 2}
    # Which route of a bundle failed is not known.
    assert upkeep.simulations == [(first.pools, False), (second.pools, True)]


async def test_restart__pools_told_one_by_one__are_all_searched(desk: Desk, upkeep: Upkeep, report: Report) -> None:
    trader = Trader()
    desk.restart(pool.address for pool in upkeep.market)

    assert await desk.trade(HEAD, PRICES, 0.0, trader)  # type: ignore[arg-type]

    assert len(trader.tried[0].legs) >= 3
    assert report.cycles_searched > 0


async def test_trade__simulation_fails__lenders_are_read_again(desk: Desk) -> None:
    assert desk.lenders.current(0.0)

    await desk.trade(HEAD, PRICES, 0.0, Trader("simulation failed: x"))  # type: ignore[arg-type]

    assert desk.lenders.current(0.0) == ()


async def test_trade__nothing_goes__all_of_it_is_known_to_have_been_tried(desk: Desk, report: Report) -> None:
    trader = Trader(*["not worth its gas"] * 99)

    assert not await desk.trade(HEAD, PRICES, 0.0, trader)  # type: ignore[arg-type]

    assert len({bundle.pools for bundle in trader.tried if len(bundle.legs) == 1}) == len(trader.tried) - 1
    again = Trader()
    await desk.trade(HEAD, PRICES, 0.0, again)  # type: ignore[arg-type]
    assert bool(again.tried) == (len(trader.tried) == 16)  # what was over the limit is searched again


@pytest.mark.parametrize("outcome", ["base fee above cap", "L1 price above cap", "no key is free", "not live"])
async def test_trade__nothing_may_be_sent_now__is_tried_once_and_again_after_the_next_block(
    desk: Desk, outcome: str
) -> None:
    hindered, again = Trader(*[outcome] * 99), Trader()

    assert not await desk.trade(HEAD, PRICES, 0.0, hindered)  # type: ignore[arg-type]
    await desk.trade(HEAD, PRICES, 0.0, again)  # type: ignore[arg-type]

    assert len(hindered.tried) == 1
    assert again.tried == hindered.tried


async def test_trade__pools_are_under_way__are_searched_again_after_the_next_block(desk: Desk) -> None:
    hindered, again = Trader(*["its pools are under way"] * 99), Trader()

    assert not await desk.trade(HEAD, PRICES, 0.0, hindered)  # type: ignore[arg-type]
    await desk.trade(HEAD, PRICES, 0.0, again)  # type: ignore[arg-type]

    assert len(hindered.tried) > 1
    assert again.tried == hindered.tried[:1]


@pytest.mark.parametrize(("blocks", "is_searched"), [(0, False), (1, False), (2, True), (40, True)])
async def test_settled__dropped__its_pools_are_searched_again_unless_it_was_refused(
    desk: Desk, blocks: int, is_searched: bool
) -> None:
    first, again = Trader(), Trader()
    await desk.trade(HEAD, PRICES, 0.0, first)  # type: ignore[arg-type]
    await desk.trade(HEAD, PRICES, 0.0, Trader(*["not worth its gas"] * 99))  # type: ignore[arg-type]
    sent = replace(TRANSACTION, routes=planned_routes(first.tried[0]), predicted=(), block_number=HEAD.number - blocks)

    desk.settled([Outcome(sent, State.DROPPED)])

    await desk.trade(HEAD, PRICES, 0.0, again)  # type: ignore[arg-type]
    assert bool(again.tried) == is_searched


async def test_trade__any_outcome__is_in_the_journal_with_all_costs(desk: Desk, tmp_path: Path) -> None:
    trader = Trader("simulation failed: x")

    await desk.trade(HEAD, PRICES, 0.0, trader)  # type: ignore[arg-type]

    db = sqlite3.connect(tmp_path / "journal.sqlite")
    rows = db.execute("SELECT worth_wei, l2_wei, l1_wei, bid_wei, profit_wei, outcome FROM decisions").fetchall()
    assert [row[-1] for row in rows] == ["simulation failed: x", "sent"]
    for worth, l2, l1, bid, profit, _ in rows:
        assert int(worth) - int(l2) - int(l1) - int(bid) == int(profit) > 0
        assert int(l1) > 0


async def test_trade__whatever_comes_of_it__is_news_with_the_way_of_each_route(
    desk: Desk, report: Report, upkeep: Upkeep
) -> None:
    trader = Trader("simulation failed: x")

    await desk.trade(HEAD, PRICES, 0.0, trader)  # type: ignore[arg-type]

    news = [item for item in report.news if isinstance(item, Decided)]
    assert [item.decision.outcome for item in news] == ["simulation failed: x", "sent"]
    for item, bundle in zip(news, trader.tried, strict=True):
        assert item.predicted_wei == bundle.profit_wei
        for route, path in zip(item.decision.routes, item.paths, strict=True):
            assert path[0] == path[-1] == route.token
            assert len(path) == len(route.pools) + 1
            for pool, pair in zip(route.pools, pairwise(path), strict=True):
                assert set(pair) <= set(upkeep.market.infos[pool].tokens)


async def test_trade__no_plan_for_a_route__is_news_with_the_reason(
    desk: Desk, report: Report, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> Bundle:
        raise PlanError("hop 2 does not fit")

    monkeypatch.setattr("keeper.desk.Bundler.join", refuse)
    monkeypatch.setattr("keeper.desk.Bundler.alone", refuse)

    assert not await desk.trade(HEAD, PRICES, 0.0, Trader())  # type: ignore[arg-type]

    news = [item for item in report.news if isinstance(item, Decided)]
    assert len(news) == report.refused["no plan"] > 1
    assert {item.decision.outcome for item in news} == {"no plan: hop 2 does not fit"}
    assert all(item.predicted_wei == item.decision.profit_wei > 0 for item in news)
