"""
The live table: what happens now, for whoever looks at the terminal.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.markup import escape
from rich.panel import Panel
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from keeper.market import Market
from keeper.monitor.report import Report

_ETH = 10**18

#: Between two drawings at least.
_DRAWN_SECONDS = 0.2

#: Medians are of so many of the last blocks.
_RECENT = 128

#: What a person at a terminal wants to know how long it takes, and what it is called there.
_STAGES = {"search": "search", "decide": "decide", "simulate": "simulate", "block_to_sent": "all"}

_COLOURS = {"LIVE": "green", "DRY_RUN": "cyan", "STARTING": "cyan", "HALTED": "red"}


@dataclass(slots=True)
class Screen:
    """
    Shows a running keeper, redrawn after a block, a few times a second at most: a slow line must not hold it up.

    Attributes:
        title: Which chain and which executor.
        recent: The last few things that happened, oldest first, each with the time of day.
    """

    title: str
    console: Console
    recent: list[str] = field(default_factory=list)
    _live: Live | None = None
    _drawn_at: float = float("-inf")

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
        self.recent = [*self.recent[-7:], f"{time.strftime('%H:%M:%S')}  {text}"]

    def draw(self, market: Market, report: Report, in_flight: int, state: str = "") -> None:
        """
        Show the keeper as of the head.

        Args:
            state: Whether it trades.
        """
        now = time.monotonic()
        if self._live is not None and now - self._drawn_at >= _DRAWN_SECONDS:
            self._drawn_at = now
            self._live.update(view(self.title, self.recent, market, report, in_flight, state), refresh=True)


def view(
    title: str, recent: Sequence[str], market: Market, report: Report, in_flight: int, state: str = ""
) -> RenderableType:
    """
    Return what a terminal shows of a keeper, in a width of 80 or more.
    """
    sent, cache, head = report.transactions, market.counts, market.head
    numbers = Table.grid(padding=(0, 2, 0, 0))
    for n in range(4):
        numbers.add_column(style="dim" if n % 2 == 0 else "bold", min_width=11 if n % 2 == 0 else 20, no_wrap=True)
    facts: tuple[tuple[str, str | Text], ...] = (
        ("block", f"{head.number:,}"),
        ("base fee", f"{head.base_fee_wei / 1e9:.4g} gwei"),
        ("profit", _money(report.net_profit_wei)),
        ("gas", f"{report.gas_wei / _ETH:.6f} ETH"),
        ("sent", _of(sent["sent"], in_flight, "in flight")),
        ("included", f"{sent['included']:,}"),
        ("to the wei", f"{sent['untouched_exact']} of {sent['untouched']}"),
        ("reverted", _of(sent["reverted"], sent["dropped"], "dropped")),
        ("found", f"{report.opportunities:,} opportunities"),
        ("searched", f"{report.cycles_searched:,} cycles"),
        ("pools", _of(len(market), len(market.stale), "stale")),
        ("cache", f"{cache.hit_rate:.1%} hits"),
    )
    for left, right in zip(facts[::2], facts[1::2], strict=True):
        numbers.add_row(*left, *right)
    parts: list[RenderableType] = [numbers, _line("latency", _latency(report)), _line("not taken", _refused(report))]
    if recent:
        parts += [Rule(style="dim"), *(Text(line, no_wrap=True, overflow="ellipsis") for line in recent)]
    told = f"[bold {_COLOURS.get(state, 'yellow')}]{state.replace('_', ' ')}[/]  " if state else ""
    heading = f"{told}[bold]{escape(title)}[/]"
    return Panel(Group(*parts), title=heading, title_align="left", border_style="dim", padding=(0, 1))


def _of(all_of_them: int, some: int, what: str) -> str:
    return f"{all_of_them:,} ({some} {what})"


def _money(wei: int) -> Text:
    return Text(f"{wei / _ETH:+.6f} ETH", style="green" if wei > 0 else "red" if wei < 0 else "")


def _line(name: str, words: str) -> Text:
    return Text.assemble((f"{name:<13}", "dim"), words or "-", no_wrap=True, overflow="ellipsis")


def _latency(report: Report) -> str:
    """Medians of the stages between a block and a transaction, and of all of it."""
    recent = report.latency.recent(_RECENT)
    stages = {stage: sorted(recent[stage]) for stage in _STAGES if recent.get(stage)}
    return "  ".join(f"{_STAGES[stage]} {1e3 * values[len(values) // 2]:.1f} ms" for stage, values in stages.items())


def _refused(report: Report) -> str:
    """Why opportunities were not taken, the most frequent reasons first."""
    return "  ".join(f"{reason.replace('_', ' ')} {times}" for reason, times in report.refused.most_common(4) if times)


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
