"""
``python -m soak``: a keeper on a localnet, among nodes that fail at random, for as long as you like.

The last line is a JSON summary; the exit code is 0 if all held that must hold.
"""

import argparse
import asyncio
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import localnet
from keeper.errors import KeeperError
from keeper.monitor.logs import configure_logs
from keeper.routes.warm import warm
from localnet import TraderSettings
from localnet.errors import LocalnetError
from scripts._build import compile_executor
from soak.flight import deploy_executor
from soak.run import soak


def main(arguments: Sequence[str] | None = None) -> int:
    """
    Return 0 if the keeper came back by itself each time, with everything in order.
    """
    parser = argparse.ArgumentParser(prog="python -m soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=30.0, help="how long (default: 30)")
    parser.add_argument("--seed", type=int, default=1, help="decides what goes wrong (default: 1)")
    options = parser.parse_args(arguments)
    configure_logs("error")
    warm()
    try:
        with TemporaryDirectory(prefix="soak-") as scratch, _started(options.seed) as net:
            directory = Path(scratch)
            deploy_executor(net, directory, compile_executor())
            net.mine(2)  # a keeper begins at the parent of the latest block, and the executor must be there
            summary = asyncio.run(
                soak(net, directory, options.minutes, options.seed, lambda words: print(words, flush=True))
            )
    except (KeeperError, LocalnetError) as error:
        print(json.dumps({"soak": "failed", "failure": str(error), "seed": options.seed}))
        return 1
    print(json.dumps(summary.as_json()))
    return 1 if summary.failure else 0


def _started(seed: int) -> localnet.Localnet:
    return localnet.start(traders=TraderSettings(seed=seed, trades_per_block=3.0))


if __name__ == "__main__":
    sys.exit(main())
