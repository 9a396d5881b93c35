"""
``ape test`` on a fork: all of the contracts' tests, of which the quick run takes the routes and the attacks.
"""

import re
from pathlib import Path

from localnet import Localnet
from tests.ape_process import ape, home, upstream

__all__ = ["home", "upstream"]


def test_fork__all_contract_tests__pass(home: Path, upstream: Localnet) -> None:
    network = ("--network", "arbitrum:mainnet-fork:foundry")

    tested = ape(home, "test", "tests/contracts", "-q", *network, ARBITRUM_RPC_URL=upstream.url)

    assert tested.returncode == 0, tested.stdout[-3_000:]
    assert re.search(r"\d+ passed", tested.stdout)
