"""
The command line: ``python -m localnet build | verify | run | stop | status | overlay``.
"""

import logging
import os
import signal
import sys
import threading
import time
from pathlib import Path
from types import FrameType
from typing import Any

import click

from localnet import background, genesis, instance, pins, precompiles, verify
from localnet.auction import ROUNDS
from localnet.background import State
from localnet.errors import LocalnetError, NodeError
from localnet.node import CHAIN_ID
from localnet.paths import STATE_FILE
from localnet.rival import RivalSettings
from localnet.traders import TraderSettings

_DEFAULTS = TraderSettings()

_with = click.option(
    "--with", "groups", multiple=True, type=click.Choice(pins.GROUPS), help="An optional group of protocols."
)
_state_file = click.option(
    "--state-file", type=click.Path(path_type=Path, dir_okay=False), help="Where others find this localnet."
)


class _Group(click.Group):
    """Turns expected failures into one sentence and exit code 1."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except LocalnetError as error:
            click.echo(f"localnet: {error}", err=True)
            sys.exit(1)


@click.group(cls=_Group, help="An embedded Arbitrum One.")
def cli() -> None:
    logging.basicConfig(format="%(asctime)s %(name)s: %(message)s", level=logging.WARNING, stream=sys.stderr)


@cli.command(help="Generate the chain; immediate when nothing changed.")
@_with
def build(groups: tuple[str, ...]) -> None:
    began = time.monotonic()
    built = genesis.build(groups)
    click.echo(f"{len(built.layout.pools)} pools in {built.path} ({time.monotonic() - began:.1f} s)")


@cli.command(name="verify", help="Prove that the generated chain is what it claims to be.")
@_with
def verify_(groups: tuple[str, ...]) -> None:
    checks = verify.verify(groups)
    verify.require(checks)
    click.echo(f"{len(checks)} checks passed")


@cli.command(help="Run a localnet until it is interrupted.")
@click.option("--port", default=8545, show_default=True, help="Of HTTP and WebSocket; 0 chooses a free one.")
@click.option("--block-time", default=instance.BLOCK_SECONDS, show_default=True, help="Seconds from block to block.")
@click.option("--automine", is_flag=True, help="Mine when a transaction waits, not on a schedule.")
@click.option(
    "--order", type=click.Choice(["arrival", "fees"]), default="arrival", show_default=True, help="Within a block."
)
@click.option("--rounds", default=ROUNDS, show_default=True, help="Of the auction in a block, with --order fees.")
@click.option("--rival", type=int, help="Somebody competes for arbitrage; this seed decides his bids.")
@click.option("--like-production", is_flag=True, help="Show what a real Nitro node shows.")
@click.option("--no-traders", is_flag=True, help="Leave the market silent.")
@click.option("--seed", default=_DEFAULTS.seed, show_default=True, help="Decides every trade.")
@click.option("--trades-per-block", default=_DEFAULTS.trades_per_block, show_default=True, help="Their mean number.")
@click.option("--trade-size", default=_DEFAULTS.median_usd, show_default=True, help="Their median in dollars.")
@click.option("--trade-spread", default=_DEFAULTS.sigma, show_default=True, help="Sigma of the sizes' logarithm.")
@click.option("--reversion", default=_DEFAULTS.reversion, show_default=True, help="Pull towards the first prices.")
@click.option("--started-by", default="localnet run", help="Noted in the state file.")
@click.option("--detach", is_flag=True, help="Run in the background and return when it is ready.")
@_state_file
@_with
def run(detach: bool, state_file: Path | None, started_by: str, **options: Any) -> None:
    if detach:
        state = background.detach(_options_as_given(), (state_file or STATE_FILE).absolute())
        click.echo(f"localnet at {state.url}, process {state.pid}")
        return
    _run_here(state_file, started_by, **options)


@cli.command(help="Put stand-ins for Arbitrum's precompiles on the anvil at URL, for instance a fork.")
@click.argument("url")
def overlay(url: str) -> None:
    precompiles.apply(url)
    click.echo(f"{', '.join(precompiles.VISIBLE)} answer at their addresses")


@cli.command(help="End the localnet that runs in the background.")
@_state_file
def stop(state_file: Path | None) -> None:
    stopped = background.stop(state_file or STATE_FILE)
    click.echo("localnet stopped" if stopped else "no localnet was running")


@cli.command(help="Tell whether a localnet runs in the background.")
@_state_file
def status(state_file: Path | None) -> None:
    state = background.read(state_file or STATE_FILE)
    if state is None:
        click.echo("no localnet is running")
        sys.exit(1)
    click.echo(f"localnet at {state.url}, process {state.pid}, genesis {state.genesis_hash}, by {state.started_by}")


def _options_as_given() -> list[str]:
    """Return the command line of a run without what detaching itself means."""
    return [argument for argument in sys.argv[2:] if argument != "--detach"]


def _run_here(state_file: Path | None, started_by: str, **options: Any) -> None:
    stopping = threading.Event()

    def stop_soon(number: int, frame: FrameType | None) -> None:  # noqa: ARG001 - the shape of a signal handler
        stopping.set()

    signal.signal(signal.SIGINT, stop_soon)
    signal.signal(signal.SIGTERM, stop_soon)
    with _started(**options) as net:
        state = State(os.getpid(), net.url, net.ws_url, CHAIN_ID, net.genesis_hash, started_by)
        if state_file is not None:
            state.write(state_file)
        click.echo(f"localnet at {net.url}, genesis {net.genesis_hash}")
        try:
            while not stopping.wait(0.5):
                if not net.running:
                    raise NodeError("anvil or its sequencer ended by itself")
        finally:
            if state_file is not None:
                state_file.unlink(missing_ok=True)
    if net.traders is not None:
        click.echo(f"{net.traders.counts.sent} trades sent, {net.traders.counts.failed} failed")


def _started(
    port: int,
    block_time: float,
    automine: bool,
    order: Any,
    rounds: int,
    rival: int | None,
    like_production: bool,
    no_traders: bool,
    seed: int,
    trades_per_block: float,
    trade_size: float,
    trade_spread: float,
    reversion: float,
    groups: tuple[str, ...],
) -> instance.Localnet:
    settings = TraderSettings(seed, trades_per_block, trade_size, trade_spread, reversion)
    return instance.start(
        port,
        automine=automine,
        block_seconds=block_time,
        traders=None if no_traders else settings,
        order=order,
        rounds=rounds,
        rival=False if rival is None else RivalSettings(rival),
        like_production=like_production,
        groups=groups,
    )


if __name__ == "__main__":
    cli(prog_name="python -m localnet")
