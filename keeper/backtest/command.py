"""
``keeper backtest``: what recordings could have earned.
"""

import asyncio
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
from rich.console import Console

from keeper.backtest.evm import executed
from keeper.backtest.page import page
from keeper.backtest.shards import Question, Recording, cut
from keeper.backtest.spread import spread
from keeper.backtest.summary import summarise
from keeper.chain.rpc import Rpc
from keeper.config import MOST_GAS_PRICE_WEI, MOST_L1_WEI_PER_UNIT, MOST_PROFIT_WEI, load_chain
from keeper.errors import ConfigError, KeeperError
from keeper.files import replace_file
from keeper.monitor.logs import configure_logs
from keeper.monitor.report import require_place, write_report
from keeper.redaction import redact
from keeper.texts import to_address
from keeper.types import Address

_DEFAULT = Question()


@click.command()
@click.argument("recordings", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--report", type=click.Path(path_type=Path), required=True, help="Where the findings go, as JSON.")
@click.option("--html", type=click.Path(path_type=Path), help="Where they go as a page with plots.")
@click.option(
    "--work",
    type=click.Path(path_type=Path),
    default=Path("var/backtest"),
    show_default=True,
    help="Where shards and their results are kept: a study that was broken off goes on there.",
)
@click.option("--blocks", default=2_000, show_default=True, type=click.IntRange(min=1), help="Of a shard.")
@click.option("--workers", default=1, show_default=True, type=click.IntRange(min=1), help="Processes on this machine.")
@click.option("--scheduler", default="", help="A Dask scheduler whose workers see the same files.")
@click.option("--chain", default=_DEFAULT.chain, show_default=True, help="Whose factories and profit tokens count.")
@click.option(
    "--funding",
    multiple=True,
    default=_DEFAULT.funding,
    show_default=True,
    help="A way to fund routes; a lender is assumed to have enough. May be given several times.",
)
@click.option("--max-hops", default=_DEFAULT.max_hops, show_default=True, type=click.IntRange(2, 4))
@click.option(
    "--gas-price-wei",
    default=_DEFAULT.gas_price_wei,
    show_default=True,
    type=click.IntRange(0, MOST_GAS_PRICE_WEI),
    help="Of L2 gas.",
)
@click.option(
    "--min-profit-wei",
    default=_DEFAULT.min_profit_wei,
    show_default=True,
    type=click.IntRange(0, MOST_PROFIT_WEI),
    help="Less is no opportunity.",
)
@click.option(
    "--l1-wei-per-unit",
    default=_DEFAULT.l1_wei_per_unit,
    show_default=True,
    type=click.IntRange(0, MOST_L1_WEI_PER_UNIT),
    help="Of L1 data.",
)
@click.option(
    "--latency",
    "latencies",
    multiple=True,
    type=click.IntRange(min=0),
    default=_DEFAULT.latencies,
    show_default=True,
    help="Blocks after which a finding is looked at again. May be given several times.",
)
@click.option("--rpc-url", envvar="KEEPER_RPC_URL", help="A node with the recorded states: executes every finding.")
@click.option("--executor", help="The executor on that node.")
def backtest(
    recordings: Sequence[Path],
    report: Path,
    html: Path | None,
    work: Path,
    blocks: int,
    workers: int,
    scheduler: str,
    rpc_url: str | None,
    executor: str | None,
    **asked: Any,
) -> None:
    """
    Study RECORDINGS: folders with the snapshot.jsonl and logs.jsonl that ``record`` wrote.
    """
    configure_logs("error")
    try:
        question = _question(asked)
        require_place(report)
        if html is not None:
            require_place(html)
        work.mkdir(parents=True, exist_ok=True)
        shards, logs = [], Counter[str]()
        for folder in recordings:
            pieces, counts = cut(Recording(folder / "snapshot.jsonl", folder / "logs.jsonl"), question, blocks, work)
            shards += pieces
            logs.update(counts)
        told = spread(shards, question, workers, scheduler, Console(stderr=True))
        findings = [finding for shard in told for finding in shard["findings"]]
        counts = Counter[str]()
        for shard in told:
            counts.update(shard["counts"])
        paid = asyncio.run(_paid(findings, rpc_url, executor)) if executor is not None else None
        summed = summarise(findings, counts, logs, paid)
        write_report(report, summed)
        if html is not None:
            replace_file(html, [page(summed, findings).encode()])
    except OSError as error:
        raise click.ClickException(f"{error.filename} cannot be written: {error.strerror}") from None
    except KeeperError as error:
        raise click.ClickException(redact(str(error))) from None
    click.echo(_sentence(summed))


def _question(asked: Any) -> Question:
    facts = load_chain(asked["chain"])
    known = {"none", *(lender.name for lender in facts.lenders)}
    for name in asked["funding"]:
        if name not in known:
            raise ConfigError(f"funding {name!r} is unknown; known are {', '.join(sorted(known))}")
    return Question(**asked)


async def _paid(findings: Sequence[Any], rpc_url: str | None, executor: str) -> list[str]:
    if not rpc_url:
        raise ConfigError("to execute what was found a node is needed: give --rpc-url")
    try:
        address = Address(to_address(executor))
    except ValueError as error:
        raise ConfigError(f"executor: {error}") from None
    async with Rpc(rpc_url) as rpc:
        return [str(paid) for paid in await executed(rpc, findings, address)]


def _sentence(report: Any) -> str:
    found, at_once = report["opportunities"], next(iter(report["latency"]), None)
    eth = int(report["profit_wei"]) / 10**18
    lines = [f"{found['found']} opportunities in {report['blocks']} blocks, {found['new']} of them new: {eth:.6f} ETH"]
    if at_once is not None:
        lines += [
            f"{row['blocks']} blocks later: {row['executed']} executed, {row['missed']} missed, "
            f"{int(row['profit_wei']) / 10**18:.6f} ETH"
            for row in report["latency"]
        ]
    if (evm := report["evm"]) is not None:
        lines.append(
            f"on the EVM {evm['exact']} of {evm['executed']} pay to the wei what was predicted, "
            f"{evm['more']} more, {evm['less']} less"
        )
    return "\n".join(lines)
