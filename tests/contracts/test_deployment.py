"""
How the executor gets onto a chain, and how that is checked.
"""

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import ape
import pytest
from eth_account import Account
from eth_utils.crypto import keccak

from keeper.plan import pool_address
from localnet import accounts as public_accounts
from localnet import genesis
from scripts._deployment import ROOT, DeploymentError, compile_executor, deploy
from tests.contracts.conftest import FACTS, World, read_record

PAYER = public_accounts.public(0)


def test_record__tells_what_stands_on_the_chain(world: World) -> None:
    record = read_record(world.record)
    code = ape.chain.provider.make_request("eth_getCode", [record["executor"], "latest"])

    assert record["chain_id"] == 42161
    assert record["genesis_hash"] == ape.chain.provider.make_request("eth_getBlockByNumber", ["0x0", False])["hash"]
    assert record["code_hash"] == "0x" + keccak(hexstr=code).hex()
    assert record["deployer"] == PAYER.address
    assert ape.chain.provider.make_request("eth_getTransactionReceipt", [record["transaction_hash"]])["status"] == "0x1"
    assert (record["compiler"], record["evm_version"]) == ("vyper 0.4.3", "cancun")
    assert tuple(record["operators"]) == world.roles.operators
    assert tuple(record["profit_tokens"]) == tuple(world.executor.profit_tokens()) == world.roles.profit_tokens


def test_deploy__again__changes_nothing(world: World) -> None:
    before = world.record.read_text()
    nonce = _nonce()

    deploy(_url(), PAYER, world.roles, "local", world.record)

    assert world.record.read_text() == before
    assert _nonce() == nonce


def test_deploy__again_without_the_record__does_not_invent_a_transaction(world: World, tmp_path: Path) -> None:
    record = read_record(deploy(_url(), PAYER, world.roles, "local", tmp_path / "record.json"))

    assert record["executor"] == world.executor.address
    assert record["transaction_hash"] is record["block_number"] is record["deployer"] is None


def test_deploy__other_roles__is_another_address(world: World, tmp_path: Path) -> None:
    other = replace(world.roles, guardian=world.stranger.address)

    record = read_record(deploy(_url(), PAYER, other, "local", tmp_path / "record.json"))

    assert record["executor"] != world.executor.address


def test_deploy__paused_since__is_refused(world: World, tmp_path: Path) -> None:
    world.executor.pause(sender=world.guardian)

    with pytest.raises(DeploymentError, match=r"says True for paused\(\), False was asked for"):
        deploy(_url(), PAYER, world.roles, "local", tmp_path / "record.json")


def test_deploy__other_code_at_the_address__is_refused(world: World, tmp_path: Path) -> None:
    other = replace(world.roles, guardian=world.stranger.address)
    address = compile_executor().address(other)
    ape.chain.provider.make_request("anvil_setCode", [address, "0x60"])

    with pytest.raises(DeploymentError, match="has code hash 0x[0-9a-f]{64}, 0x[0-9a-f]{64} was compiled"):
        deploy(_url(), PAYER, other, "local", tmp_path / "record.json")


def test_deploy__poor_account__is_refused(world: World, tmp_path: Path) -> None:
    other = replace(world.roles, guardian=world.stranger.address)
    poor = public_accounts.named("poor")

    with pytest.raises(DeploymentError, match=f"{poor.address} has 0 wei, the deployment may take"):
        deploy(_url(), poor, other, "local", tmp_path / "record.json")


def test_deploy__constructor_reverts__is_refused(world: World, tmp_path: Path) -> None:
    with pytest.raises(DeploymentError):
        deploy(_url(), PAYER, replace(world.roles, owner="0x" + "00" * 20), "local", tmp_path / "record.json")


def test_deploy__not_an_address__is_refused(world: World) -> None:
    with pytest.raises(DeploymentError, match="a role or profit token is not an address"):
        replace(world.roles, owner="nobody").checksummed()


def test_deploy__no_node__is_refused(world: World, tmp_path: Path) -> None:
    with pytest.raises(DeploymentError, match="the node does not answer"):
        deploy("http://127.0.0.1:1", PAYER, world.roles, "local", tmp_path / "record.json")


def test_compiled_by_ape__is_the_deployed_code(project: Any) -> None:
    """Ape does not recompile a contract when only a module that it imports has changed."""
    fresh = compile_executor()
    stale = "ape's cache is stale: run ape compile -f"

    compiled = project.Executor.contract_type.deployment_bytecode.bytecode
    assert compiled.removeprefix("0x") == fresh.init_code.hex(), stale


def test_pool_address__every_pool_of_the_localnet__is_where_its_factory_put_it() -> None:
    families = {"uniswap_v3", "sushi_v3", "pancake_v3", "uniswap_v2", "sushi_v2"}
    pools = [pool for pool in genesis.build().layout.pools if pool.dex in families]

    assert len(pools) > 20
    for pool in pools:
        tokens = [FACTS.token(symbol) for symbol in pool.tokens]
        assert pool_address(pool.dex, *tokens, pool.fee_pips) == pool.address.lower()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--network", "arbitrum:nowhere"], "No network in 'arbitrum' named 'nowhere'"),
        (["--network", "arbitrum:mainnet:http://127.0.0.1:1"], "No (supported) node found on 'http://127.0.0.1:1'."),
        (["--chain", "nowhere"], "chain 'nowhere' is unknown"),
    ],
)
def test_script__cannot_deploy__says_why_in_one_sentence(arguments: list[str], words: str) -> None:
    result = _run(*arguments)

    assert result.returncode != 0
    assert words in result.stderr
    assert "Traceback" not in result.stderr + result.stdout


def test_script__ad_hoc_network__deploys(world: World, tmp_path: Path) -> None:
    data = tmp_path / "ape"
    (data / "accounts").mkdir(parents=True)
    (data / "accounts" / "cold.json").write_text(json.dumps(Account.encrypt(PAYER.key, "secret", iterations=2)))
    roles = ["--treasury", world.roles.treasury, "--operator", world.operator.address]
    record = tmp_path / "record.json"
    arguments = ["--network", f"arbitrum:mainnet:{_url()}", "--account", "cold", *roles, "--record", str(record)]
    environment = {**os.environ, "APE_DATA_FOLDER": str(data)}

    refused = _run(*arguments, environment={**environment, "APE_ACCOUNTS_cold_PASSPHRASE": "wrong"})
    locked = _run(*arguments, environment=environment)
    done = _run(*arguments, environment={**environment, "APE_ACCOUNTS_cold_PASSPHRASE": "secret"})

    assert refused.stderr.splitlines()[-1] == "Error: wrong passphrase for key file cold.json"
    assert locked.stderr.splitlines()[-1] == "Error: account cold is locked: set APE_ACCOUNTS_cold_PASSPHRASE"
    assert done.returncode == 0, done.stderr
    assert read_record(record)["network"] == "mainnet"
    assert read_record(record)["owner"] == PAYER.address


def _run(*arguments: str, environment: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    command = [str(Path(sys.executable).parent / "ape"), "run", "deploy", *arguments]
    return subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False
    )


def _url() -> str:
    return str(ape.chain.provider.http_uri)


def _nonce() -> int:
    return int(ape.chain.provider.make_request("eth_getTransactionCount", [PAYER.address, "latest"]), 16)
