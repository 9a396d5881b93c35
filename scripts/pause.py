"""
``ape run pause``: suspend every operator; the owner and the guardian may.
"""

import sys
from pathlib import Path
from typing import Any

import click

ROOT = Path(__file__).resolve().parent.parent
# Ape imports every script at every run, and drops the checkout from the path again.
sys.path.insert(0, str(ROOT))
from scripts._command import where  # noqa: E402 - the path comes first


@click.command(short_help="Pause the executor")
@where
def cli(**given: Any) -> None:
    """
    Suspend every operator; the owner and the guardian may.
    """
    sys.path.insert(0, str(ROOT))
    from scripts._command import run

    run(lambda desk: desk.pause(), **given)
