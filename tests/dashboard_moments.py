"""
Blocks as the loop hands them to the dashboard, without a loop.
"""

from collections import Counter
from dataclasses import dataclass, field, replace
from pathlib import Path

from keeper.execution.transactions import Outcome
from keeper.gas import GasPrices
from keeper.journal import Decision, PlannedRoute, SignedTransaction, State
from keeper.lenders import Lender
from keeper.market import Market, Quarantine
from keeper.monitor.dashboard import Dashboard, Identity, Moment
from keeper.monitor.report import Booking, Decided, Report
from keeper.pools.pool import PoolInfo
from keeper.types import Address, Block, Hash, Token
from tests.plain_seat import Switch

WETH, USDC, ODD = (Address(f"0x{n:040x}") for n in (1, 2, 3))
POOLS = tuple(
    PoolInfo("uniswap_v2", dex, Address(f"0x{n:040x}"), (WETH, USDC), 3_000)
    for n, dex in ((16, "uniswap_v2"), (17, "sushi_v2"))
)
IDENTITY = Identity(
    "Arbitrum One",
    42161,
    Address("0x" + "0b" * 20),
    Address("0x" + "0c" * 20),
    Address("0x" + "0a" * 20),
    "0.1.0",
    False,
    {WETH: Token(WETH, "WETH", 18), USDC: Token(USDC, "USDC", 6)},
)
FINNEY = 10**15


@dataclass(slots=True)
class Chain:
    """
    Makes blocks, and what the keeper's report would hear of.
    """

    market: Market = field(default_factory=lambda: Market(POOLS))
    report: Report = field(default_factory=Report)
    quarantine: Quarantine = field(default_factory=Quarantine)
    calls: Counter[str] = field(default_factory=Counter)
    number: int = 99

    def block(self, timestamp: int = 1_000, seconds: float = 0.004) -> Moment:
        """Return the next block, which took two requests and read one pool from memory."""
        self.number += 1
        self.calls["eth_getLogs"] += 2
        self.market.counts.hits += 1
        block = Block(self.number, Hash(f"0x{self.number:064x}"), Hash("0x0"), timestamp, 10**7)
        self.report.blocks += 1
        return Moment(
            block,
            seconds,
            self.market,
            self.report,
            0,
            [Lender("morpho", ODD, 0, {WETH: 5 * 10**18, ODD: 7})],
            self.quarantine,
            GasPrices(10**7, 0, 10**8, 1),
            self.calls,
            [],
        )

    def decide(self, outcome: str, profit_wei: int = 3 * FINNEY, predicted_wei: int = 4 * FINNEY) -> SignedTransaction:
        """Have a route be considered on the last block; return the transaction that would be sent for it."""
        routes = (PlannedRoute((POOLS[0].address, POOLS[1].address), WETH, "none", 10**18, 5 * FINNEY, FINNEY),)
        decision = Decision(
            self.number, routes, ((WETH, 5 * FINNEY),), ((WETH, 0),), 5 * FINNEY, 3, 2, 1, (), profit_wei, outcome
        )
        self.report.news.append(Decided(decision, ((WETH, USDC, WETH),), predicted_wei))
        return SignedTransaction(
            IDENTITY.operator,
            0,
            Hash(f"0x{self.number:064x}"),
            b"",
            self.number,
            0,
            routes,
            ((WETH, 5 * FINNEY),),
            profit_wei,
            0,
            0,
        )

    def settle(self, transaction: SignedTransaction, worth_wei: int, state: State = State.SOFT) -> None:
        """Have its fate be known: it took a hundredth of a finney of gas."""
        outcome = Outcome(transaction, state, transaction.predicted, FINNEY // 100, (self.number + 1, 0))
        self.report.news.append(Booking(outcome, {WETH: "WETH"}, worth_wei, False))


def dashboard(state_dir: Path, switch: Switch, port: int, dry_run: bool = False) -> Dashboard:
    """Return a dashboard that is not served yet."""
    return Dashboard(replace(IDENTITY, dry_run=dry_run), switch, "127.0.0.1", port, ("keeper.example",), state_dir)
