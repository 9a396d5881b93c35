"""
The live table: what happens now, for whoever looks at the terminal.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from keeper.market import Market
from keeper.monitor.report import Report

_ETH = 10**18


@dataclass(slots=True)
class Screen:
    """
    Shows a running keeper, redrawn once a block.

    Attributes:
        title: Which chain and which executor.
        recent: The last few things that happened, oldest first.
    """

    title: str
    console: Console
    recent: list[str] = field(default_factory=list)
    _live: Live | None = None

    def start(self) -> None:
        """Take the terminal, if it is one."""
        if self.console.is_terminal:
            self._live = Live(console=self.console, auto_refresh=False, transient=True)
            self._live.start()

    def stop(self) -> None:
        """Give the terminal back."""
        if self._live is not None:
            self._live.stop()
            self._live = None

    def tell(self, text: str) -> None:
        """Add a line of news."""
        self.recent = [*self.recent[-7:], text]

    def draw(self, market: Market, report: Report, in_flight: int) -> None:
        """Show the state as of the head."""
        if self._live is not None:
            table = _table(self.title, market, report, in_flight)
            self._live.update(Group(table, *map(Text, self.recent)), refresh=True)


def _table(title: str, market: Market, report: Report, in_flight: int) -> Table:
    sent = report.transactions
    table = Table(title=title, title_justify="left", show_header=False, box=None, padding=(0, 2, 0, 0))
    table.add_row("block", f"{market.head.number:,}", "pools", f"{len(market)}", "stale", f"{len(market.stale)}")
    table.add_row(
        "cycles searched",
        f"{report.cycles_searched:,}",
        "opportunities",
        f"{report.opportunities:,}",
        "events",
        f"{report.events:,}",
    )
    table.add_row(
        "sent",
        f"{sent['sent']} ({in_flight} in flight)",
        "included",
        f"{sent['included']}",
        "reverted",
        f"{sent['reverted']}",
    )
    table.add_row(
        "profit", f"{report.net_profit_wei / _ETH:.6f} ETH", "gas", f"{report.gas_wei / _ETH:.6f} ETH", "", ""
    )
    return table


def shown(amount: int, decimals: int) -> str:
    """
    Return an amount of smallest units as people read it, every digit that counts included.

    >>> shown(1_500_000, 6)
    '1.5'
    """
    text = f"{Decimal(amount).scaleb(-decimals):f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def summary(report: Report, stopped: str, decimals: Mapping[str, int]) -> str:
    """
    Return the closing words of a run: a few lines that a person reads.

    Args:
        decimals: Of each token, by symbol.
    """
    sent = report.transactions
    lines = [
        f"Stopped {stopped} after {report.blocks} blocks: {report.cycles_searched:,} cycles searched,"
        f" {report.opportunities} opportunities.",
        f"Transactions: {sent['sent']} sent, {sent['included']} included, {sent['reverted']} reverted,"
        f" {sent['dropped']} dropped, {sent['lost_money']} lost money.",
        f"Predicted to the wei: {sent['untouched_exact']} of {sent['untouched']} whose pools nobody touched in between"
        f" ({sent['touched']} were touched).",
    ]
    several = {routes: count for routes, count in sorted(report.routes_sent.items()) if routes > 1}
    if several:
        lines.append("Bundles: " + ", ".join(f"{count} of {routes} routes" for routes, count in several.items()) + ".")
    lines += [
        f"Gained {shown(gain.realised, decimals[symbol])} {symbol}." for symbol, gain in sorted(report.gain.items())
    ]
    lines.append(f"Net profit: {report.net_profit_wei / _ETH:.9f} ETH, after {report.gas_wei / _ETH:.9f} ETH of gas.")
    return "\n".join(lines)
