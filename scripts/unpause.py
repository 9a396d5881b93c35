"""
``ape run unpause``: let the operators execute again; only the owner may.
"""

import sys
from pathlib import Path
from typing import Any

import click

ROOT = Path(__file__).resolve().parent.parent
# Ape imports every script at every run, and drops the checkout from the path again.
sys.path.insert(0, str(ROOT))
from scripts._command import where  # noqa: E402 - the path comes first


@click.command(short_help="Unpause the executor")
@where
def cli(**given: Any) -> None:
    """
    Let the operators execute again; only the owner may.
    """
    sys.path.insert(0, str(ROOT))
    from scripts._command import run

    run(lambda desk: desk.unpause(), **given)
