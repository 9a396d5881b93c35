"""
``ape run operators list|add|remove``: who may execute.
"""

import sys
from pathlib import Path
from typing import Any

import click

ROOT = Path(__file__).resolve().parent.parent
# Ape imports every script at every run, and drops the checkout from the path again.
sys.path.insert(0, str(ROOT))
from scripts._command import where  # noqa: E402 - the path comes first


@click.command(short_help="List, add or remove operators")
@click.argument("what", type=click.Choice(["list", "add", "remove"]))
@click.argument("address", required=False)
@where
def cli(what: str, address: str | None, **given: Any) -> None:
    """
    List who may execute, or add or remove ADDRESS; only the owner adds, the guardian may remove, too.
    """
    sys.path.insert(0, str(ROOT))
    from scripts._command import run

    if what == "list":
        run(lambda desk: desk.operators(), **given, signs=False)
        return
    if address is None:
        raise click.UsageError(f"{what} whom? Give an address")
    run(lambda desk: desk.add(address) if what == "add" else desk.remove(address), **given)
