"""
Shards spread over processes, or over the machines of a Dask cluster.
"""

import json
import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from distributed import Client, LocalCluster, as_completed
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from keeper.backtest.shards import Question, Shard, study
from keeper.errors import ConfigError


def spread(
    shards: Sequence[Shard], question: Question, workers: int, scheduler: str, console: Console
) -> list[dict[str, Any]]:
    """
    Return what each shard told, in order; those that are studied already are only read.

    Args:
        workers: Processes of this machine; with 1 all is done in this one.
        scheduler: Address of a Dask scheduler whose workers see the same files; empty for this machine.

    Raises:
        ConfigError: The scheduler cannot be reached, or a result cannot be read.
    """
    waiting = [shard for shard in shards if not shard.result.is_file()]
    with _progress(console) as progress:
        task = progress.add_task("shards", total=len(shards), completed=len(shards) - len(waiting))
        for _ in _studied(waiting, question, workers, scheduler):
            progress.advance(task)
    return [_read(shard.result) for shard in shards]


def _studied(waiting: Sequence[Shard], question: Question, workers: int, scheduler: str) -> Iterator[Path]:
    if not waiting:
        return
    if workers == 1 and not scheduler:
        for shard in waiting:
            yield study(shard, question)
        return
    with _client(workers, scheduler) as client:
        futures = [client.submit(study, shard, question, pure=False) for shard in waiting]
        for future in as_completed(futures):
            yield future.result()


@contextmanager
def _client(workers: int, scheduler: str) -> Iterator[Client]:
    if scheduler:
        try:
            client = Client(scheduler, timeout=10)
        except (OSError, TimeoutError, ValueError):
            raise ConfigError(f"no Dask scheduler answers at {scheduler}") from None
        with client:
            yield client
        return
    with (
        LocalCluster(
            n_workers=workers,
            threads_per_worker=1,
            dashboard_address=None,
            host="127.0.0.1",
            silence_logs=logging.ERROR,
        ) as cluster,
        Client(cluster) as client,
    ):
        yield client


def _progress(console: Console) -> Progress:
    return Progress(
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(), console=console
    )


def _read(path: Path) -> dict[str, Any]:
    try:
        told: dict[str, Any] = json.loads(path.read_text())
    except (OSError, ValueError):
        raise ConfigError(f"{path} is damaged: remove it, and it is made again") from None
    return told
