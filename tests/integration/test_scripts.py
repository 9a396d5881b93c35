"""
``ape run deploy``, ``ape run keeper`` and ``ape test`` as their users type them.
"""

import re
from pathlib import Path

import pytest

from localnet import Localnet
from tests.ape_process import ape, home, upstream

__all__ = ["home", "upstream"]


def test_fork__deploy_and_keeper__work_as_on_the_chain(home: Path, upstream: Localnet) -> None:
    network = ("--network", "arbitrum:mainnet-fork:foundry")

    deployed = ape(home, "run", "deploy", *network, ARBITRUM_RPC_URL=upstream.url)
    ran = ape(home, "run", "keeper", *network, "--blocks", "20", ARBITRUM_RPC_URL=upstream.url)

    assert deployed.returncode == 0, deployed.stderr
    assert re.search(r"^executor +0x[0-9a-fA-F]{40}$", deployed.stdout, re.MULTILINE)
    assert not re.search(r"^(explorer|sources|note) ", deployed.stdout, re.MULTILINE), "nothing to publish or to guard"
    assert ran.returncode == 0, ran.stderr
    assert "after 20 blocks" in ran.stdout
    assert ", 0 lost money" in ran.stdout


def test_fork__routes_and_attacks__are_as_on_the_localnet(home: Path, upstream: Localnet) -> None:
    """What tests the deployment's scripts does so on the localnet, and here in the long run."""
    tested = ape(
        home,
        *("test", "tests/contracts/test_executor.py", "-q", "--network", "arbitrum:mainnet-fork:foundry"),
        ARBITRUM_RPC_URL=upstream.url,
    )

    assert tested.returncode == 0, tested.stdout[-3_000:]
    assert re.search(r"\d+ passed", tested.stdout)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["run", "keeper", "--network", "arbitrum:nonsense"], "nonsense"),
        (["run", "keeper", "--network", "arbitrum:mainnet:{url}"], "--account must be given"),
        (["run", "keeper", "--network", "arbitrum:mainnet:{url}", "--account", "nobody"], "no Ape account nobody"),
        (["run", "deploy", "--network", "arbitrum:mainnet:{url}"], "--account must be given"),
        (["run", "deploy", "--config", "nowhere.toml"], "nowhere.toml cannot be read"),
        (["run", "keeper", "--network", "arbitrum:mainnet:http://127.0.0.1:9/s3cret"], "network arbitrum:mainnet"),
    ],
)
def test_script__bad_input__is_refused_in_a_sentence(
    home: Path, upstream: Localnet, arguments: list[str], sentence: str
) -> None:
    refused = ape(home, *(argument.format(url=upstream.url) for argument in arguments))

    assert refused.returncode != 0
    assert sentence in refused.stderr
    assert "Traceback" not in refused.stderr
    assert "s3cret" not in refused.stderr + refused.stdout
