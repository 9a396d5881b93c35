"""
``keeper report``: what the journal says that the keeper earned, by what, and why not.
"""

import json
import math
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from keeper.config import ChainFacts, load_chain, load_settings
from keeper.errors import ConfigError, KeeperError
from keeper.journal.reading import JournalReader
from keeper.monitor.ledger import Ledger, Line, add_up
from keeper.monitor.table import shown
from keeper.redaction import redact

_DAY_SECONDS = 86_400

#: The command asks no node; the setting must be there all the same.
_NO_NODE = "http://127.0.0.1"

#: More of them are for --json.
_ROUTES = 20

#: Where the report goes into a file or another program; a narrow terminal breaks what is longer into lines.
_COLUMNS = 160


@click.command()
@click.option("--config", type=click.Path(path_type=Path), help="Settings file (TOML).")
@click.option("--state-dir", type=click.Path(path_type=Path), help="Where the journal lives.")
@click.option("--days", type=click.FloatRange(min=0), help="Only what was signed and decided in so many last days.")
@click.option("--json", "as_json", is_flag=True, help="Everything, as JSON; amounts in smallest units.")
def report(config: Path | None, state_dir: Path | None, days: float | None, as_json: bool) -> None:
    """Profit and loss by day, route, DEX and lender, from the journal; a keeper may be writing to it."""
    try:
        if days is not None and not math.isfinite(days):
            raise ConfigError(f"--days {days}: that is no number of days")
        settings = load_settings(config, state_dir=state_dir, rpc_url=_NO_NODE)
        facts = load_chain(settings.chain)
        since = 0.0 if days is None else time.time() - days * _DAY_SECONDS
        url = settings.journal_url
        where = settings.state_dir / "journal.sqlite" if url is None else url.get_secret_value()
        with JournalReader.open(where) as journal:
            ledger = add_up(journal.lives(since), journal.outcomes(since), journal.dexes(), facts.token_by_address)
    except KeeperError as error:
        raise click.ClickException(redact(str(error))) from None
    if as_json:
        click.echo(json.dumps(ledger.as_json(), indent=2))
    else:
        console = Console(file=sys.stdout)
        _show(console if console.is_terminal else Console(file=sys.stdout, width=_COLUMNS), ledger, facts)


def _show(console: Console, ledger: Ledger, facts: ChainFacts) -> None:
    told = ledger.as_json()
    states = ", ".join(f"{count} {state}" for state, count in told["transactions"].items()) or "none"
    console.print(f"Transactions: {states}. Decisions: {ledger.decided}.", highlight=False)
    decimals = {symbol: token.decimals for symbol, token in facts.tokens.items()}
    for symbol, gain in told["gains"].items():
        console.print(f"Gained {shown(gain, decimals.get(symbol, 0))} {symbol}.", highlight=False)
    if ledger.unvalued:
        console.print(f"Not valued, and counted as nothing: the gains of {ledger.unvalued}.", highlight=False)
    _lines(console, "day", [*sorted(ledger.days.items()), ("all", ledger.total)])
    _lines(console, "DEX", _by_name(told["dexes"], ledger.dexes))
    _lines(console, "lender", _by_name(told["lenders"], ledger.lenders))
    symbols = facts.token_by_address
    routes = [
        (_route(route, symbols), ledger.routes[(route["token"], *route["pools"])]) for route in told["routes"][:_ROUTES]
    ]
    _lines(console, f"route (best {_ROUTES})" if len(told["routes"]) > _ROUTES else "route", routes)
    if told["why_not"]:
        table = Table("why not", "times", "most often", box=None, title_justify="left")
        for why in told["why_not"]:
            # Words of nodes and of contracts: what a terminal or rich would obey is none of theirs to say.
            table.add_row(Text(_plain(why["reason"])), str(why["times"]), Text(_plain(why["words"])))
        console.print()
        console.print(table)


def _plain(text: str) -> str:
    return "".join(letter if letter.isprintable() else " " for letter in text)


def _by_name(told: Iterable[str], lines: dict[str, Line]) -> list[tuple[str, Line]]:
    return [(name, lines[name]) for name in told]


def _route(route: dict[str, Any], tokens: Any) -> str:
    symbol = tokens[route["token"]].symbol if route["token"] in tokens else route["token"]
    return f"{symbol}: " + " > ".join(f"{pool[:8]}.." for pool in route["pools"])


def _lines(console: Console, title: str, lines: Iterable[tuple[str, Line]]) -> None:
    table = Table(title, box=None)
    for column in ("profit ETH", "gains ETH", "gas ETH", "wins", "losses"):
        table.add_column(column, justify="right", overflow="fold")
    for name, line in lines:
        amounts = (line.profit_wei, line.worth_wei, line.gas_wei)
        table.add_row(name, *(shown(amount, 18) for amount in amounts), str(line.wins), str(line.losses))
    console.print()
    console.print(table)
