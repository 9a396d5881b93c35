"""
``keeper record`` and ``keeper replay``: blocks as files, and what the keeper would have decided on them.
"""

import asyncio
import time
from pathlib import Path

import click

from keeper.chain.heads import PolledHeads
from keeper.chain.rpc import Rpc
from keeper.config import MOST_GAS_PRICE_WEI, MOST_L1_WEI_PER_UNIT, ChainFacts, Settings, load_chain
from keeper.errors import KeeperError
from keeper.gas import GasPrices
from keeper.monitor.logs import configure_logs
from keeper.monitor.report import require_place, write_report
from keeper.opportunity import Terms
from keeper.preflight import read_genesis
from keeper.process import stop_on_signals
from keeper.record import record as record_blocks
from keeper.redaction import redact
from keeper.replay.files import read_lines, standing_logs
from keeper.replay.replay import Plans, Replay
from keeper.snapshot import snapshot_pools
from keeper.types import Address

#: The keeper's own, so that a replay decides what it would.
_MAX_HOPS = Settings.model_fields["max_hops"].default


@click.command()
@click.option("--rpc-url", envvar="KEEPER_RPC_URL", required=True, help="HTTP endpoint of a node.")
@click.option("--snapshot", type=click.Path(path_type=Path), required=True, help="Where the pools go (JSON lines).")
@click.option("--logs", type=click.Path(path_type=Path), required=True, help="Where the logs go (JSON lines).")
@click.option("--blocks", type=click.IntRange(min=1), required=True, help="How many blocks are recorded.")
@click.option("--chain", default="arbitrum", show_default=True, help="Whose pools are recorded.")
def record(rpc_url: str, snapshot: Path, logs: Path, blocks: int, chain: str) -> None:
    """Write down the pools and the next blocks' logs, for a replay."""
    configure_logs("warning")
    try:
        recorded = asyncio.run(_record(rpc_url, load_chain(chain), snapshot, logs, blocks))
    except KeeperError as error:
        raise click.ClickException(redact(str(error))) from None
    click.echo(f"{recorded} blocks recorded")


async def _record(rpc_url: str, facts: ChainFacts, snapshot: Path, logs: Path, blocks: int) -> int:
    stop = stop_on_signals()
    async with Rpc(rpc_url) as rpc:
        await read_genesis(rpc, facts)
        return await record_blocks(rpc, PolledHeads(0.02), facts, snapshot, logs, blocks, stop)


@click.command()
@click.option("--snapshot", type=click.Path(path_type=Path), required=True, help="Pools before the logs (JSON lines).")
@click.option("--logs", type=click.Path(path_type=Path), required=True, help="Results of eth_getLogs (JSON lines).")
@click.option("--report", type=click.Path(path_type=Path), required=True, help="Where the findings go, as JSON.")
@click.option("--chain", default="arbitrum", show_default=True, help="Whose factories and profit tokens count.")
@click.option(
    "--gas-price-wei",
    default=20_000_000,
    show_default=True,
    type=click.IntRange(0, MOST_GAS_PRICE_WEI),
    help="Of L2 gas; logs do not tell it.",
)
@click.option(
    "--l1-wei-per-unit",
    default=0,
    show_default=True,
    type=click.IntRange(0, MOST_L1_WEI_PER_UNIT),
    help="Of L1 data; logs do not tell it.",
)
@click.option("--max-hops", default=_MAX_HOPS, show_default=True, type=click.IntRange(2, 4), help="The longest cycle.")
@click.option("--log-level", type=click.Choice(["debug", "info", "warning", "error"]), default="warning")
def replay(
    snapshot: Path,
    logs: Path,
    report: Path,
    chain: str,
    gas_price_wei: int,
    l1_wei_per_unit: int,
    max_hops: int,
    log_level: str,
) -> None:
    """Run the decision side over recorded logs, with no node."""
    configure_logs(log_level)
    try:
        facts = load_chain(chain)
        require_place(report)
        tokens = tuple(facts.token(symbol) for symbol in facts.profit_tokens)
        terms = Terms(tokens, Address(facts.weth), max_hops, ("none",), min_profit_wei=1)
        prices = GasPrices(gas_price_wei, 0, l1_wei_per_unit, brotli_level=1)
        began = time.perf_counter()
        replayed = Replay(facts, snapshot_pools(read_lines(snapshot)), Plans(terms, prices))
        standing, malformed = standing_logs(read_lines(logs))
        replayed.counts["malformed"] += malformed
        replayed.run(standing)
        found = replayed.report()
        write_report(report, {**found, "seconds": round(time.perf_counter() - began, 3)})
        click.echo(f"{found['opportunities']} opportunities, their plans' sha256 {found['plans_sha256']}")
    except KeeperError as error:
        raise click.ClickException(redact(str(error))) from None
