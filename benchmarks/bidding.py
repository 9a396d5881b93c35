"""
What ways to bid come to against a rival: races won and lost, what losses cost, what is left.

A keeper and the localnet's seeded rival meet in the priority gas auction, block by block, over the same noise and the
same draws of the rival's bids, once for each bidder. L1 data is priced by the keeper and not charged by anvil; prices,
depths and the rival are invented: the figures compare bidders with each other, and say nothing about production.
"""

import argparse
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks._duel import timed
from benchmarks._machine import machine
from keeper.monitor.logs import configure_logs
from keeper.routes.warm import warm
from localnet import RivalSettings
from scripts._build import compile_executor

#: Settings of each bidder that is compared.
_BIDDERS: dict[str, dict[str, Any]] = {
    "no tip": {"bidder": "fixed"},
    "fixed tip": {"bidder": "fixed"},
    "share 50 %": {"bidder": "share", "bid_share": 0.5},
    "learned": {"bidder": "learned"},
}
_COLUMNS = ("races", "won", "lost", "reverted", "reverted_gas", "reverted_eth", "bids_eth", "net_profit_eth")


def add_options(parser: argparse.ArgumentParser) -> None:
    """
    Add what can be chosen.
    """
    parser.add_argument("--blocks", type=int, default=300, help="of each duel (default: %(default)s)")
    parser.add_argument("--seeds", type=int, default=2, help="how many markets (default: %(default)s)")
    parser.add_argument("--bidders", nargs="+", choices=_BIDDERS, default=list(_BIDDERS), help="which (default: all)")
    parser.add_argument("--tip-wei", type=int, default=10**9, help="of the fixed tip (default: %(default)s)")
    parser.add_argument("--least-share", type=float, default=0.1, help="that the rival bids (default: %(default)s)")
    parser.add_argument("--most-share", type=float, default=0.5, help="that the rival bids (default: %(default)s)")


def run(options: argparse.Namespace) -> dict[str, Any]:
    """
    Let each bidder meet the rival in each market.
    """
    configure_logs("error")
    warm()
    artifact = compile_executor()
    state = Path(__file__).parents[1] / "var"
    state.mkdir(exist_ok=True)
    duels: dict[str, list[dict[str, float]]] = {name: [] for name in options.bidders}
    for seed in range(1, options.seeds + 1):
        rival = RivalSettings(seed, options.least_share, options.most_share)
        for name in options.bidders:
            settings = _BIDDERS[name] | ({"tip_wei": options.tip_wei} if name == "fixed tip" else {})
            with tempfile.TemporaryDirectory(prefix="bidding-", dir=state) as folder:
                figures = timed(Path(folder), options.blocks, seed, rival, artifact=artifact, **settings)
            duels[name].append({"seed": seed, **figures})
            print(f"{name}, market {seed}: {figures}", file=sys.stderr, flush=True)
    return {
        "machine": machine(),
        "rival": {"least_share": options.least_share, "most_share": options.most_share},
        "fixed_tip_wei": options.tip_wei,
        "bidders": {
            name: {"duels": fought, "all": {column: sum(one[column] for one in fought) for column in fought[0]}}
            for name, fought in duels.items()
        },
    }


def lines(results: dict[str, Any]) -> Iterator[str]:
    """
    Say the results in a table.
    """
    rival = results["rival"]
    yield (
        f"rival bids {rival['least_share']:.0%} to {rival['most_share']:.0%} of his gain; fixed tip"
        f" {results['fixed_tip_wei'] / 10**9:g} gwei"
    )
    yield f"{'':12}" + "".join(f"{column:>16}" for column in _COLUMNS)
    for name, told in results["bidders"].items():
        yield f"{name:12}" + "".join(f"{_shown(told['all'][column]):>16}" for column in _COLUMNS)


def _shown(value: float) -> str:
    return f"{value:.6f}" if isinstance(value, float) else f"{value:,}"
