"""
What the keeper refuses, in one sentence, before anything is sent.
"""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

import localnet
from localnet import Localnet, node
from tests.keeper_process import KeeperProcess

SECRET = "k3y-of-a-provider"


@pytest.fixture(scope="module")
def net() -> Iterator[Localnet]:
    with localnet.start() as net:
        yield net


def refusal(keeper: KeeperProcess, *arguments: str, **environment: str) -> str:
    """Run the keeper, which must refuse in one line, and return that line."""
    nonce = keeper.net.rpc("eth_getTransactionCount", keeper.operator, "latest")
    # What is only found when the market is read comes after the dashboard's address.
    environment = {"KEEPER_DASHBOARD_PORT": "0"} | environment
    code, output, errors = keeper.run("--blocks", "1", *arguments, **environment)
    assert code != 0
    assert output == ""
    assert "Traceback" not in errors
    assert SECRET not in errors
    assert keeper.net.rpc("eth_getTransactionCount", keeper.operator, "pending") == nonce
    (line,) = errors.strip().splitlines()
    return line


def altered_record(keeper: KeeperProcess, directory: Path, **fields: object) -> dict[str, str]:
    """A state directory whose deployment record says something else, as the environment that chooses it."""
    record = json.loads((keeper.state_dir / "deployment.json").read_text()) | fields
    (directory / "deployment.json").write_text(json.dumps(record))
    return {"KEEPER_STATE_DIR": str(directory)}


def test_refusal__node_out_of_reach__names_it_without_its_secret(keeper: KeeperProcess) -> None:
    line = refusal(keeper, KEEPER_RPC_URL=f"http://127.0.0.1:{node.free_port()}/v2/{SECRET}")
    assert "is out of reach for eth_chainId" in line


def test_refusal__other_chain(keeper: KeeperProcess) -> None:
    port = node.free_port()
    other = subprocess.Popen(["anvil", "--port", str(port), "--chain-id", "10", "--quiet"])
    try:
        while "out of reach" in (line := refusal(keeper, KEEPER_RPC_URL=f"http://127.0.0.1:{port}")):
            assert other.poll() is None
    finally:
        other.terminate()
        other.wait()
    assert line == f"keeper: node http://127.0.0.1:{port} is of chain 10; Arbitrum One is chain 42161"


def test_refusal__no_deployment_record(keeper: KeeperProcess, tmp_path: Path) -> None:
    assert "deploy the executor first (ape run deploy)" in refusal(keeper, KEEPER_STATE_DIR=str(tmp_path))


def test_refusal__record_is_no_record(keeper: KeeperProcess, tmp_path: Path) -> None:
    (tmp_path / "deployment.json").write_text('{"executor": 7}')
    assert "is not a deployment record" in refusal(keeper, KEEPER_STATE_DIR=str(tmp_path))


def test_refusal__record_of_another_chain(keeper: KeeperProcess, tmp_path: Path) -> None:
    environment = altered_record(keeper, tmp_path, genesis_hash="0x" + "12" * 32)
    assert "the deployment record is of another chain" in refusal(keeper, **environment)


def test_refusal__executor_not_deployed(keeper: KeeperProcess, tmp_path: Path) -> None:
    environment = altered_record(keeper, tmp_path, executor="0x" + "12" * 20)
    assert "is not deployed on this chain" in refusal(keeper, **environment)


def test_refusal__executor_has_other_code(keeper: KeeperProcess, tmp_path: Path) -> None:
    environment = altered_record(keeper, tmp_path, code_hash="0x" + "12" * 32)
    assert "has code hash" in refusal(keeper, **environment)


def test_refusal__executor_pays_another_treasury(keeper: KeeperProcess, tmp_path: Path) -> None:
    environment = altered_record(keeper, tmp_path, treasury="0x" + "12" * 20)
    assert "pays another treasury" in refusal(keeper, **environment)


def test_refusal__report_has_no_place(keeper: KeeperProcess, tmp_path: Path) -> None:
    line = refusal(keeper, "--report", str(tmp_path / "none" / "report.json"))
    assert line == f"keeper: report {tmp_path}/none/report.json cannot be written: its folder is not there"


def test_refusal__alerts_have_no_url(keeper: KeeperProcess) -> None:
    line = refusal(keeper, KEEPER_SLACK_URL=f"hooks.example.com/{SECRET}")
    assert line.startswith("keeper: slack_url: it is not the URL of a web server")


def test_refusal__wrong_passphrase(keeper: KeeperProcess) -> None:
    assert refusal(keeper, KEEPER_PASSPHRASE=SECRET) == "Error: wrong passphrase for key file operator.json"


def test_refusal__key_file_missing(keeper: KeeperProcess, tmp_path: Path) -> None:
    assert "key file none.json cannot be read" in refusal(keeper, "--keystore", str(tmp_path / "none.json"))


def test_refusal__key_file_is_no_keystore(keeper: KeeperProcess, tmp_path: Path) -> None:
    (tmp_path / "bad.json").write_text("[]")
    assert "bad.json is not a keystore file" in refusal(keeper, "--keystore", str(tmp_path / "bad.json"))


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("min_profit = 3", "settings: min_profit is not a known key"),
        ('profit_tokens = ["PEPE"]', "token 'PEPE' is unknown on Arbitrum One"),
        ('profit_tokens = ["LINK"]', "does not take profit in LINK"),
        ('deny_pools = ["0x12"]', "is not an address"),
        (f'deny_pools = ["0x{"12" * 20}"]', "is not a pool of any DEX"),
        ('chain = "optimism"', "chain 'optimism' is unknown"),
        ("max_hops = 7", "max_hops"),
    ],
)
def test_refusal__wrong_setting(keeper: KeeperProcess, tmp_path: Path, text: str, sentence: str) -> None:
    (tmp_path / "keeper.toml").write_text(text)
    assert sentence in refusal(keeper, "--config", str(tmp_path / "keeper.toml"))


def test_refusal__dashboard_where_this_machine_is_not(keeper: KeeperProcess) -> None:
    line = refusal(keeper, KEEPER_DASHBOARD_PORT="8421", KEEPER_DASHBOARD_HOST="192.0.2.1")
    assert "the dashboard cannot be served at 192.0.2.1 port 8421" in line


def test_refusal__key_is_no_operator(keeper: KeeperProcess, net: Localnet, tmp_path: Path) -> None:
    from eth_account import Account

    from localnet import accounts
    from tests.keeper_process import PASSPHRASE

    path = tmp_path / "stranger.json"
    path.write_text(json.dumps(Account.encrypt(accounts.public(5).key, PASSPHRASE, kdf="pbkdf2", iterations=1)))
    assert "is not an operator of executor" in refusal(keeper, "--keystore", str(path))
