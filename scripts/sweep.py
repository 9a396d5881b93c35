"""
``ape run sweep TOKEN``: send the treasury, and nobody else, all that the executor holds of a token.
"""

import sys
from pathlib import Path
from typing import Any

import click

ROOT = Path(__file__).resolve().parent.parent
# Ape imports every script at every run, and drops the checkout from the path again.
sys.path.insert(0, str(ROOT))
from scripts._command import where  # noqa: E402 - the path comes first


@click.command(short_help="Sweep a token to the treasury")
@click.argument("token")
@where
def cli(token: str, **given: Any) -> None:
    """
    Send the treasury all that the executor holds of TOKEN, a symbol or an address; only the owner may.
    """
    sys.path.insert(0, str(ROOT))
    from keeper.config import load_chain
    from scripts._command import run

    run(lambda desk: desk.sweep(token, load_chain(given["chain"])), **given)
