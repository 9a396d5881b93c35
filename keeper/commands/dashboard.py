"""
``keeper dashboard``: a running keeper in a terminal, for instance over ssh.
"""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Mapping
from typing import Any

import aiohttp
import click
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.markup import escape
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from keeper.errors import ConfigError, KeeperError
from keeper.monitor.logs import configure_logs
from keeper.redaction import redact

_URL = "http://127.0.0.1:8421/"

#: A keeper tells four times a second that it lives; without a word for so long it does not.
_SILENCE_SECONDS = 30
#: A line of the stream: all that a page shows, at its beginning.
_LONGEST_LINE = 16 * 2**20

_COLOURS = {"LIVE": "green", "DRY_RUN": "cyan", "STARTING": "cyan", "HALTED": "red"}
_OUTCOMES = {"included": "green", "sent": "cyan", "reverted": "red", "reorged": "yellow"}


@click.command()
@click.option("--url", default=_URL, show_default=True, help="Where the keeper's dashboard is.")
@click.option("--rows", default=12, show_default=True, type=click.IntRange(1, 80), help="Opportunities that are shown.")
@click.option("--once", is_flag=True, help="Print it once, and end.")
def dashboard(url: str, rows: int, once: bool) -> None:
    """Show a running keeper in the terminal; it only looks."""
    configure_logs("error")
    try:
        asyncio.run(_watch(url, rows, once))
    except KeeperError as error:
        raise click.ClickException(redact(str(error))) from None
    except KeyboardInterrupt:
        pass


async def _watch(url: str, rows: int, once: bool) -> None:
    console = Console()
    with Live(console=console, auto_refresh=False, screen=console.is_terminal and not once) as live:
        known: dict[str, Any] = {}
        async for news in _events(url):
            try:
                merge(known, news)
                shown = view(known, rows)
            except (KeyError, IndexError, TypeError, ValueError, AttributeError):
                raise ConfigError(f"what {url} tells is not what this version's keeper tells") from None
            live.update(shown, refresh=True)
            if once:
                return
    raise ConfigError(f"the keeper at {url} has ended")


async def _events(url: str) -> AsyncIterator[Mapping[str, Any]]:
    """
    Yield all that there is, then what is new.

    Raises:
        ConfigError: No keeper answers there.
    """
    timeout = aiohttp.ClientTimeout(total=None, sock_connect=5, sock_read=_SILENCE_SECONDS)
    try:
        async with (
            aiohttp.ClientSession(timeout=timeout, read_bufsize=_LONGEST_LINE) as session,
            session.get(url.rstrip("/") + "/events") as response,
        ):
            if response.content_type != "text/event-stream":
                raise ConfigError(f"what answers at {url} is not a keeper's dashboard")
            while line := await response.content.readline():
                if line.startswith(b"data: "):
                    yield json.loads(line[6:])
    except (aiohttp.ClientError, OSError, ValueError, RecursionError) as error:
        reason = "it said nothing" if isinstance(error, TimeoutError) else type(error).__name__
        raise ConfigError(f"no keeper answers at {url}: {reason}") from None


def merge(known: dict[str, Any], news: Mapping[str, Any]) -> None:
    """
    Take in what a keeper told: a decision that is known changes in place.
    """
    decisions = known.get("decisions", {}) if "identity" not in news else {}
    decisions = decisions | {decision["n"]: decision for decision in news.get("decisions", ())}
    known.update(news)
    known["decisions"] = dict(sorted(decisions.items())[-80:])


def view(known: Mapping[str, Any], rows: int) -> RenderableType:
    """
    Return what a terminal of 80 columns or more shows.
    """
    identity, standing = known["identity"], known["standing"]
    state = standing["state"]
    colour = _COLOURS.get(state, "yellow")
    chain, executor = escape(identity["chain"]), escape(identity["executor"])
    title = f"[bold {colour}]{state.replace('_', ' ')}[/]  [bold]{chain}[/], {executor}"
    parts: list[RenderableType] = []
    if reasons := "; ".join(standing["reasons"].values()):
        parts.append(Text(_plain(reasons), style=colour))
    if "totals" in known:
        parts += [_numbers(known), Text(), _opportunities(known, rows)]
    else:
        parts.append(Text("no block was handled yet"))
    return Panel(Group(*parts), title=title, title_align="left", border_style="dim", padding=(0, 1))


def _numbers(known: Mapping[str, Any]) -> Table:
    totals, head = known["totals"], known["head"]
    stages = known.get("latency", {})
    facts = (
        ("block", f"{head['number']:,}, {max(time.time() - head['timestamp'], 0):.0f} s old"),
        ("base fee", f"{known['prices']['base_fee']:.4g} gwei"),
        ("profit", f"{totals['profit']:+.6f} ETH"),
        ("gas", f"{totals['gas']:.6f} ETH"),
        ("sent", f"{totals['sent']:,} ({totals['in_flight']} in flight)"),
        ("included", f"{totals['included']:,}"),
        ("to the wei", f"{totals['untouched_exact']} of {totals['untouched']}"),
        ("reverted", f"{totals['reverted']:,} ({totals['dropped']} dropped)"),
        ("found", f"{totals['opportunities']:,} opportunities"),
        ("pools", f"{totals['pools']:,} ({totals['stale']} stale)"),
        ("all", f"{stages['block_to_sent'][0]:.1f} ms at the median" if "block_to_sent" in stages else "-"),
        ("cache", f"{totals['hit_rate']:.1%} hits"),
    )
    table = Table.grid(padding=(0, 2, 0, 0))
    for place in range(4):
        table.add_column(style="bold" if place % 2 else "dim", min_width=20 if place % 2 else 11, no_wrap=True)
    for left, right in zip(facts[::2], facts[1::2], strict=True):
        table.add_row(*left, *right)
    return table


def _opportunities(known: Mapping[str, Any], rows: int) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    table.add_column("block", no_wrap=True)
    table.add_column("route", no_wrap=True, overflow="ellipsis", max_width=32)
    for name in ("predicted", "realised"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("outcome", no_wrap=True, overflow="ellipsis")
    for decision in list(known["decisions"].values())[: -rows - 1 : -1]:
        first, *others = decision["routes"] or [{"tokens": ["-"]}]
        route = Text(_plain(">".join(first["tokens"]) + (f" +{len(others)}" if others else "")))
        words = _plain(f"{decision['outcome']} {decision['why']}".strip())
        outcome = Text(words, style=_OUTCOMES.get(decision["outcome"], ""))
        table.add_row(f"{decision['block']:,}", route, _eth(decision["predicted"]), _eth(decision["realised"]), outcome)
    return table


def _plain(text: str) -> str:
    """Without what a terminal would obey: a node's words are among it."""
    return "".join(letter if letter.isprintable() else " " for letter in text)


def _eth(value: float | None) -> str:
    return "-" if value is None else f"{value:.6f}"
