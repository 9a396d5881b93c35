"""
``keeper find``: what pays now.
"""

import asyncio
import json
import sys
from itertools import islice
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.table import Table

from keeper.commands.outlook import Outlook, look_out
from keeper.config import Settings, load_settings
from keeper.errors import KeeperError
from keeper.monitor.logs import configure_logs
from keeper.monitor.table import shown
from keeper.opportunity import Opportunity, look
from keeper.redaction import redact

_ETH = 10**18
_COLUMNS = 160


@click.command()
@click.option("--config", type=click.Path(path_type=Path), help="Settings file (TOML).")
@click.option("--rpc-url", help="HTTP endpoint of a node; better in KEEPER_RPC_URL, which ps does not show.")
@click.option("--state-dir", type=click.Path(path_type=Path), help="Where the scan for pools is kept.")
@click.option("--max-hops", type=click.IntRange(2, 4), help="The longest cycle.")
@click.option("--min-profit-wei", type=int, help="Less is no opportunity.")
@click.option("--most", default=20, show_default=True, type=click.IntRange(min=1), help="So many are shown at most.")
@click.option("--json", "as_data", is_flag=True, help="The opportunities as JSON.")
def find(config: Path | None, most: int, as_data: bool, **given: Any) -> None:
    """Read every pool once, and show what pays; nothing is signed or sent."""
    configure_logs("error")
    try:
        told = asyncio.run(_find(load_settings(config, **given), most))
    except KeeperError as error:
        raise click.ClickException(redact(str(error))) from None
    if as_data:
        click.echo(json.dumps(told, indent=2))
    else:
        _show(told)


async def _find(settings: Settings, most: int) -> dict[str, Any]:
    async with look_out(settings) as outlook:
        market = outlook.scene.market
        scan = look(outlook.scene, [pool.address for pool in market])
        found = [_row(outlook, opportunity) for opportunity in islice(scan, most)]
        return {
            "block": outlook.block.number,
            "pools": len(market),
            "cycles_searched": scan.searched,
            "opportunities": found,
        }


def _row(outlook: Outlook, opportunity: Opportunity) -> dict[str, Any]:
    """The opportunity as plain data: amounts in smallest units, as text where they may be large."""
    route, infos = opportunity.route, outlook.scene.market.infos
    token = outlook.facts.token_by_address[opportunity.token]
    return {
        "token": token.symbol,
        "amount_in": str(route.amounts[0]),
        "amount_in_shown": shown(route.amounts[0], token.decimals),
        "gain": str(opportunity.gain),
        "gain_shown": shown(opportunity.gain, token.decimals),
        "worth_wei": str(opportunity.worth_wei),
        "cost_wei": str(opportunity.outlay.total_wei),
        "net_wei": str(opportunity.profit_wei),
        "lender": opportunity.funding,
        "loan_fee": str(opportunity.loan_fee),
        "gas": opportunity.gas,
        "hops": [
            {
                "dex": infos[edge.pool].dex,
                "pool": edge.pool,
                "token_in": outlook.symbol(edge.token_in),
                "token_out": outlook.symbol(edge.token_out),
                "amount_in": str(amount),
            }
            for edge, amount in zip(route.edges, route.amounts, strict=False)
        ],
    }


def _show(told: dict[str, Any]) -> None:
    click.echo(f"block {told['block']:,}: {told['pools']} pools, {told['cycles_searched']:,} cycles searched")
    if not told["opportunities"]:
        click.echo("nothing pays")
        return
    table = Table(box=None, padding=(0, 2, 0, 0))
    for column in ("through", "tokens", "amount", "gain", "lender", "costs, ETH", "net, ETH"):
        table.add_column(column, overflow="fold")
    for row in told["opportunities"]:
        hops = row["hops"]
        table.add_row(
            " > ".join(hop["dex"] for hop in hops),
            " > ".join([*(hop["token_in"] for hop in hops), row["token"]]),
            row["amount_in_shown"],
            row["gain_shown"],
            row["lender"],
            f"{int(row['cost_wei']) / _ETH:.6f}",
            f"{int(row['net_wei']) / _ETH:.6f}",
        )
    console = Console()
    (console if console.is_terminal else Console(width=_COLUMNS, file=sys.stdout)).print(table)
