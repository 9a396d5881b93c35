"""
``ape run deploy``, ``ape run keeper`` and ``ape test`` as their users type them.
"""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import localnet
from localnet import Localnet, TraderSettings

ROOT = Path(__file__).parents[2]
APE = Path(sys.executable).with_name("ape")


@pytest.fixture(scope="module")
def upstream() -> Iterator[Localnet]:
    """As an archive node would serve it: a block that others build on, and whose state does not go away."""
    with localnet.start(sequencer=False, traders=TraderSettings(seed=5), like_production=True) as net:
        assert net.traders is not None
        for _ in range(40):
            net.traders.step()
            net.mine()
        yield net


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """Whoever runs Ape here leaves nothing in the user's own folder."""
    return tmp_path


def ape(home: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("APE_", "KEEPER_"))}
    return subprocess.run(
        [str(APE), *arguments],
        cwd=ROOT,
        env=clean | {"APE_DATA_FOLDER": str(home / "ape"), "HOME": str(home)} | environment,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
        stdin=subprocess.DEVNULL,
    )


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


def test_fork__contract_tests__pass(home: Path, upstream: Localnet) -> None:
    tested = ape(
        home,
        *("test", "tests/contracts", "-q", "--network", "arbitrum:mainnet-fork:foundry"),
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
