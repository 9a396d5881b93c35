"""
The command line: ``keeper``, or ``python -m keeper``.
"""

from keeper.beginning import loaded

# isort: split

import click

from keeper import __version__
from keeper.backtest.command import backtest
from keeper.commands.dashboard import dashboard
from keeper.commands.doctor.command import doctor
from keeper.commands.find import find
from keeper.commands.quote import quote
from keeper.commands.rearm import rearm
from keeper.commands.recordings import record, replay
from keeper.commands.reference import settings
from keeper.commands.run import run
from keeper.reporting import report


@click.group()
@click.version_option(__version__, prog_name="keeper")
def cli() -> None:
    """A keeper that earns from price differences between the DEXes of Arbitrum One."""


for command in (backtest, dashboard, doctor, find, quote, rearm, record, replay, report, run, settings):
    cli.add_command(command)

loaded()


if __name__ == "__main__":
    cli()
