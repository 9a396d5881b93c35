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
from localnet.rpc import Rpc
from scripts._build import PROXY
from scripts._checks import advice
from scripts._deployment import ROOT, DeploymentError, Roles, deploy
from tests.contracts.conftest import FACTS, World, read_record
from tests.executor_artifact import artifact

PAYER = public_accounts.public(0)
ZERO = "0x" + "00" * 20
#: An address where no contract is.
NOBODY = "0x00000000000000000000000000000000000000ff"


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

    _deploy(world.roles, world.record)

    assert world.record.read_text() == before
    assert _nonce() == nonce


def test_deploy__again_without_the_record__does_not_invent_a_transaction(world: World, tmp_path: Path) -> None:
    record = read_record(_deploy(world.roles, tmp_path / "record.json"))

    assert record["executor"] == world.executor.address
    assert record["transaction_hash"] is record["block_number"] is record["deployer"] is None


def test_deploy__other_roles__is_another_address(world: World, tmp_path: Path) -> None:
    other = replace(world.roles, guardian=world.stranger.address)

    record = read_record(_deploy(other, tmp_path / "record.json"))

    assert record["executor"] != world.executor.address


def test_deploy__paused_since__is_refused(world: World, tmp_path: Path) -> None:
    world.executor.pause(sender=world.guardian)

    with pytest.raises(DeploymentError, match=r"says True for paused\(\), False was asked for"):
        _deploy(world.roles, tmp_path / "record.json")


def test_deploy__other_code_at_the_address__is_refused(world: World, tmp_path: Path) -> None:
    other = replace(world.roles, guardian=world.stranger.address)
    address = artifact().address(other)
    ape.chain.provider.make_request("anvil_setCode", [address, "0x60"])

    with pytest.raises(DeploymentError, match="has code hash 0x[0-9a-f]{64}, 0x[0-9a-f]{64} was compiled"):
        _deploy(other, tmp_path / "record.json")


def test_deploy__poor_account__is_refused(world: World, tmp_path: Path) -> None:
    other = replace(world.roles, guardian=world.stranger.address)
    poor = public_accounts.named("poor")

    with pytest.raises(DeploymentError, match=f"{poor.address} has 0 wei, the deployment may take"):
        deploy(_url(), poor, other, "local", tmp_path / "record.json", artifact=artifact())


def test_deploy__record_has_no_place__is_refused_before_anything_is_sent(world: World, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    other = replace(world.roles, guardian=world.stranger.address)

    for record in (tmp_path / "file" / "record.json", tmp_path):
        with pytest.raises(DeploymentError, match=f"record {record} cannot be written"):
            _deploy(other, record)

    assert ape.chain.provider.get_code(artifact().address(other)) == b""


def test_deploy__other_chain__is_refused(world: World, tmp_path: Path) -> None:
    with pytest.raises(DeploymentError, match="the node is of chain 42161; the profit tokens are those of chain 1$"):
        _deploy(world.roles, tmp_path / "record.json", chain_id=1)


def test_deploy__operator_dismissed_since__is_refused(world: World, tmp_path: Path) -> None:
    world.executor.remove_operator(world.operator, sender=world.guardian)

    with pytest.raises(DeploymentError, match=r"says \(\) for operators\(\), .* was asked for"):
        _deploy(world.roles, tmp_path / "record.json")


@pytest.mark.parametrize(("code", "words"), [("0x", "there is no"), ("0x60", "is not the")])
def test_deploy__proxy_is_not_there__is_refused(world: World, tmp_path: Path, code: str, words: str) -> None:
    other = replace(world.roles, guardian=world.stranger.address)
    ape.chain.provider.make_request("anvil_setCode", [PROXY, code])

    with pytest.raises(DeploymentError, match=f"{words} deterministic deployment proxy"):
        _deploy(other, tmp_path / "record.json")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"owner": ZERO}, "the owner, the treasury and the operators must not be the zero address"),
        ({"treasury": ZERO}, "the owner, the treasury and the operators must not be the zero address"),
        ({"treasury": FACTS.weth}, "the treasury 0x[0-9a-fA-F]{40} is a token"),
        ({"profit_tokens": ()}, "0 profit tokens were given; an executor has 1 to 8"),
        ({"operators": tuple(f"0x{i:040x}" for i in range(1, 10))}, "9 operators were given; an executor has 1 to 8"),
        ({"profit_tokens": (FACTS.weth, FACTS.weth)}, "profit token 0x[0-9a-fA-F]{40} is listed twice"),
        ({"profit_tokens": (FACTS.weth, NOBODY)}, f"profit token {NOBODY} has no code on this chain"),
    ],
)
def test_deploy__bad_role__is_refused_before_anything_is_sent(
    world: World, tmp_path: Path, change: dict[str, Any], words: str
) -> None:
    nonce = _nonce()

    with pytest.raises(DeploymentError, match=words):
        _deploy(replace(world.roles, **change), tmp_path / "record.json")
    assert _nonce() == nonce


def test_advice__roles_apart_and_funded__is_only_about_keys_and_approvals(world: World) -> None:
    notes = _advice(world, world.stranger.address)

    assert [note.split()[1] for note in notes] == ["owner", "treasury", "the"]
    assert all("has no code: one key controls it" in note for note in notes[:2])
    assert notes[2] == "neither the owner nor an operator may ever approve the executor for a token"


def test_advice__owner_pays_and_has_offered__says_who_has_to_accept(world: World) -> None:
    world.executor.transfer_ownership(world.stranger, sender=world.owner)

    notes = _advice(world, world.owner.address)

    assert notes[0].startswith(f"{world.stranger.address} was offered the ownership: it calls accept_ownership()")
    assert "hand over with transfer_ownership(...), and the new owner calls accept_ownership()" in notes[1]


def test_advice__hot_or_poor_roles__are_named(world: World) -> None:
    ape.chain.provider.make_request("anvil_setBalance", [world.operator.address, "0x0"])
    same = replace(world.roles, owner=world.operator.address, guardian=world.operator.address)
    none = replace(world.roles, guardian=ZERO)

    notes = " | ".join([*_advice(world, PAYER.address, same), *_advice(world, PAYER.address, none)])

    assert f"the owner {world.operator.address} is an operator" in notes
    assert "the guardian is the owner: another key could pause sooner" in notes
    assert "there is no guardian: only the owner can pause" in notes
    assert f"operator {world.operator.address} has no ether" in notes


def test_deploy__not_an_address__is_refused(world: World) -> None:
    with pytest.raises(DeploymentError, match="a role or profit token is not an address: 'nobody'"):
        replace(world.roles, owner="nobody").checksummed()


def test_deploy__no_node__is_refused(world: World, tmp_path: Path) -> None:
    with pytest.raises(DeploymentError, match="the node does not answer"):
        deploy("http://127.0.0.1:1", PAYER, world.roles, "local", tmp_path / "record.json", artifact=artifact())


def test_compiled_by_ape__is_the_deployed_code(project: Any) -> None:
    """Ape does not recompile a contract when only a module that it imports has changed."""
    fresh = artifact()
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


def test_script__ad_hoc_network__deploys_as_configured(world: World, tmp_path: Path) -> None:
    data = tmp_path / "ape"
    (data / "accounts").mkdir(parents=True)
    (data / "accounts" / "cold.json").write_text(json.dumps(Account.encrypt(PAYER.key, "secret", iterations=2)))
    config = tmp_path / "deployment.toml"
    config.write_text(
        f'["arbitrum:mainnet"]\ntreasury = "{world.roles.treasury}"\noperators = ["{world.operator.address}"]\n'
        'profit_tokens = ["WETH"]\nexplorer = "https://explorer.test"\nverifier = "http://127.0.0.1:9"\n'
    )
    record = tmp_path / "record.json"
    network = f"arbitrum:mainnet:{_url()}"
    arguments = ["--network", network, "--account", "cold", "--config", str(config), "--record", str(record)]
    environment = {**os.environ, "APE_DATA_FOLDER": str(data)}
    environment.pop("ETHERSCAN_API_KEY", None)

    refused = _run(*arguments, environment={**environment, "APE_ACCOUNTS_cold_PASSPHRASE": "wrong"})
    locked = _run(*arguments, environment=environment)
    done = _run(*arguments, environment={**environment, "APE_ACCOUNTS_cold_PASSPHRASE": "secret"})

    assert refused.stderr.splitlines()[-1] == "Error: wrong passphrase for key file cold.json"
    assert locked.stderr.splitlines()[-1] == "Error: account cold is locked: set APE_ACCOUNTS_cold_PASSPHRASE"
    assert done.returncode == 0, done.stderr
    written = read_record(record)
    assert (written["network"], written["owner"]) == ("mainnet", PAYER.address)
    assert written["profit_tokens"] == [ape.convert(FACTS.weth, ape.types.AddressType)]
    assert f"explorer   https://explorer.test/address/{written['executor']}" in done.stdout
    assert "ETHERSCAN_API_KEY is not set: the sources were not sent" in done.stdout
    assert "the new owner calls accept_ownership()" in done.stdout
    form = json.loads((tmp_path / "verification.json").read_text())
    assert form["standard_json"]["sources"]["contracts/Executor.vy"]["content"].startswith("# pragma version 0.4.3")
    assert world.roles.treasury[2:].lower() in form["constructor_arguments"]


def _deploy(roles: Roles, record: Path, chain_id: int | None = None) -> Path:
    return deploy(_url(), PAYER, roles, "local", record, chain_id, artifact())


def _advice(world: World, payer: str, roles: Roles | None = None) -> list[str]:
    rpc = Rpc(_url())
    notes = list(advice(rpc, world.executor.address, roles or world.roles, payer))
    rpc.close()
    return notes


def _run(*arguments: str, environment: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    command = [str(Path(sys.executable).parent / "ape"), "run", "deploy", *arguments]
    return subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False
    )


def _url() -> str:
    return str(ape.chain.provider.http_uri)


def _nonce() -> int:
    return int(ape.chain.provider.make_request("eth_getTransactionCount", [PAYER.address, "latest"]), 16)
