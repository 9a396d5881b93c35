"""
``ape test`` on a fork: all of the contracts' tests, of which the quick run takes the routes and the attacks.
"""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks._executor import provided
from keeper.config import load_chain
from localnet import Localnet, pins
from tests.ape_process import ape, home, serving

__all__ = ["home"]

#: Lenders of the protocols that every localnet has; with no lender at all, and a V3 pool's flash.
_ALWAYS = {"none", "uniswap_v3", "aave_v3", "balancer_v2"}


@pytest.fixture(scope="module")
def upstream() -> Iterator[Localnet]:
    """Every protocol that is at hand."""
    with serving(provided()) as net:
        yield net


def test_fork__all_contract_tests__pass_with_a_bundle_of_each_funding(home: Path, upstream: Localnet) -> None:
    network = ("--network", "arbitrum:mainnet-fork:foundry")

    tested = ape(home, "test", "tests/contracts", "-q", "-rps", *network, ARBITRUM_RPC_URL=upstream.url)

    assert tested.returncode == 0, tested.stdout[-3_000:]
    passed = set(re.findall(r"PASSED \S+test_bundle__of_each_funding\w+\[(\w+)\]", tested.stdout))
    assert passed >= _ALWAYS
    if provided() == pins.GROUPS:
        assert passed == _ALWAYS | {lender.name for lender in load_chain("arbitrum").lenders}
        assert "SKIPPED" not in tested.stdout
