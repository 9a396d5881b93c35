"""
Whatever is planted, ``doctor`` names it and says what to do; where nothing is, it finds nothing.
"""

import json
import os
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from eth_account import Account

import localnet
from keeper.__main__ import cli
from keeper.commands.doctor.examination import examine
from keeper.commands.doctor.finding import Finding, Verdict
from keeper.config import ChainFacts, Settings, load_chain, load_settings
from keeper.errors import KeeperError
from keeper.execution.operation import Operation
from keeper.journal import Journal
from keeper.types import Address, Hash
from localnet import Localnet, accounts, node
from localnet.abi import function
from scripts._owner import Desk, at_executor
from scripts._sending import send
from tests.ape_process import ape
from tests.http_receiver import receiving
from tests.keeper_process import PASSPHRASE, KeeperProcess, prepared

SECRET = "k3y-of-a-provider"
FACTS = load_chain("arbitrum")
OWNER, STRANGER = accounts.public(0), accounts.public(5)
NOBODY = Address("0x" + "12" * 20)


@dataclass(frozen=True, slots=True)
class Place:
    """
    A keeper that could start, on a localnet, and what its doctor says.
    """

    net: Localnet
    keeper: KeeperProcess

    @property
    def record(self) -> Path:
        return self.keeper.state_dir / "deployment.json"

    @property
    def executor(self) -> str:
        return str(json.loads(self.record.read_text())["executor"])

    def settings(self, **changed: Any) -> Settings:
        given = {"rpc_url": self.net.url, "ws_url": self.net.ws_url, "state_dir": self.keeper.state_dir}
        return load_settings(**(given | {"min_disk_bytes": 0, "hard_stale_head_seconds": 600.0} | changed))

    async def findings(
        self, facts: ChainFacts = FACTS, keystores: tuple[Path, ...] = (), operator: str = "", **changed: Any
    ) -> list[Finding]:
        operators = [Address(operator)] if operator else []
        return await examine(self.settings(**changed), facts, keystores, operators, requests=1)

    def altered(self, directory: Path, **fields: object) -> Path:
        """A state directory whose record says something else."""
        record = json.loads(self.record.read_text()) | fields
        (directory / "deployment.json").write_text(json.dumps(record))
        return directory

    def owner(self, act: Callable[[Desk], str], account: Any = OWNER) -> str:
        """Do what the owner's scripts do."""
        return at_executor(self.net.url, "localnet", account, self.record, FACTS, act)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    with localnet.start() as net:
        keeper = prepared(net, tmp_path_factory.mktemp("doctor"))
        keeper.keystore.chmod(0o600)
        yield Place(net, keeper)


def failed(findings: list[Finding]) -> dict[str, Finding]:
    """What is to be mended, by check; each says what to do."""
    found = {one.check: one for one in findings if one.verdict is Verdict.FAIL}
    assert all(one.found and one.advice for one in found.values())
    return found


def the_only(findings: list[Finding], check: str) -> Finding:
    """What is to be mended: one thing."""
    found = failed(findings)
    assert list(found) == [check]
    return found[check]


async def test_doctor__nothing_planted__nothing_fails(place: Place) -> None:
    findings = await place.findings(keystores=(place.keeper.keystore,))

    assert failed(findings) == {}
    checks = {one.check for one in findings if one.verdict is Verdict.OK}
    assert {
        "node 1 chain",
        "node 1 batch",
        "websocket",
        "multicall3",
        "precompiles",
        "executor code",
        "treasury",
    } <= checks
    assert {"allowances", "approvals", "journal", "dex uniswap_v3", "dex sushi_v2", "lender aave_v3"} <= checks
    assert all(
        "stand where the executor derives them" in one.found for one in findings if one.check == "dex uniswap_v3"
    )


async def test_doctor__a_dozen_planted_at_once__each_is_named_and_nothing_else(place: Place, tmp_path: Path) -> None:
    stranger = STRANGER.address.lower()
    poor = "0x" + "ab" * 20
    place.altered(tmp_path, treasury=NOBODY)
    Journal.open(tmp_path / "journal.sqlite", 10, Hash("0x" + "34" * 32)).close()
    keystore = tmp_path / "open.json"
    keystore.write_text(place.keeper.keystore.read_text())
    keystore.chmod(0o644)
    usdc = FACTS.tokens["USDC"].model_copy(update={"decimals": 18})
    facts = with_dex("uniswap_v3", factory=NOBODY).model_copy(update={"tokens": FACTS.tokens | {"USDC": usdc}})
    place.owner(lambda desk: desk.add(poor))
    place.owner(Desk.pause)
    try:
        async with receiving() as other:
            block = {"number": "0x1", "timestamp": "0x1", "hash": "0x" + "00" * 32}
            other.answer = lambda *params: block if params else "0xa"
            findings = await place.findings(
                facts.with_dexes(facts.dexes),
                keystores=(keystore,),
                operator=stranger,
                signer_addresses=[poor],
                state_dir=tmp_path,
                rpc_urls=[f"http://127.0.0.1:{node.free_port()}", other.url],
                ws_url=f"ws://127.0.0.1:{node.free_port()}",
                webhook_urls=["hooks.example.com"],
            )
    finally:
        place.owner(Desk.unpause)
        place.owner(lambda desk: desk.remove(poor))

    assert set(failed(findings)) == {
        "node 2 reach",
        "node 3 chain",
        "websocket",
        "keystore open.json",
        "token USDC",
        "dex uniswap_v3",
        "treasury",
        "paused",
        f"operator {stranger}",
        f"operator {poor}",
        "journal",
        "webhook_urls 1",
    }


# ---------------------------------------------------------------- nodes


async def test_doctor__node_of_another_chain__is_named(place: Place) -> None:
    async with receiving() as other:
        block = {"number": "0x1", "timestamp": "0x1", "hash": "0x" + "00" * 32}
        other.answer = lambda *params: block if params else "0xa"
        finding = the_only(await place.findings(rpc_urls=[other.url]), "node 2 chain")

    assert "is of chain 10; Arbitrum One is chain 42161" in finding.found
    assert "right chain" in finding.advice
    assert "secret" not in finding.found


async def test_doctor__dead_second_node__is_named_without_its_secret(place: Place) -> None:
    url = f"http://127.0.0.1:{node.free_port()}/v2/{SECRET}"
    finding = the_only(await place.findings(rpc_urls=[url]), "node 2 reach")

    assert "is out of reach" in finding.found
    assert SECRET not in finding.found + finding.advice
    assert "rpc_urls" in finding.advice


async def test_doctor__only_node_is_dead__says_so_and_looks_at_the_machine(place: Place) -> None:
    url = f"http://127.0.0.1:{node.free_port()}/v2/{SECRET}"
    findings = await place.findings(rpc_url=url)

    assert {"node 1 reach", "chain"} == set(failed(findings))
    assert any(one.check == "disk" for one in findings)


async def test_doctor__websocket_is_dead__is_named(place: Place) -> None:
    url = f"ws://127.0.0.1:{node.free_port()}/v2/{SECRET}"
    finding = the_only(await place.findings(ws_url=url), "websocket")

    assert "gives no heads" in finding.found
    assert SECRET not in finding.found
    assert "ws_url" in finding.advice


# ---------------------------------------------------------------- the executor


async def test_doctor__no_record__is_named(place: Place, tmp_path: Path) -> None:
    finding = the_only(await place.findings(state_dir=tmp_path), "executor")

    assert "ape run deploy" in finding.found


async def test_doctor__record_of_another_chain__is_named(place: Place, tmp_path: Path) -> None:
    directory = place.altered(tmp_path, genesis_hash="0x" + "12" * 32)
    finding = the_only(await place.findings(state_dir=directory), "record")

    assert "state_dir" in finding.advice


async def test_doctor__no_code_at_the_executor__is_named(place: Place, tmp_path: Path) -> None:
    directory = place.altered(tmp_path, executor=NOBODY)
    finding = the_only(await place.findings(state_dir=directory), "executor code")

    assert f"no code at {NOBODY}" in finding.found
    assert "deploy" in finding.advice


async def test_doctor__other_code_at_the_executor__is_named(place: Place, tmp_path: Path) -> None:
    directory = place.altered(tmp_path, code_hash="0x" + "12" * 32)
    finding = the_only(await place.findings(state_dir=directory), "executor code")

    assert "its record says 0x1212" in finding.found
    assert "do not use it" in finding.advice


async def test_doctor__wrong_treasury_in_the_record__is_named(place: Place, tmp_path: Path) -> None:
    directory = place.altered(tmp_path, treasury=NOBODY)
    finding = the_only(await place.findings(state_dir=directory), "treasury")

    assert f"its record says {NOBODY}" in finding.found
    assert "never be changed" in finding.advice


async def test_doctor__paused_executor__is_named(place: Place) -> None:
    assert "is paused: no operator" in place.owner(Desk.pause)
    try:
        finding = the_only(await place.findings(), "paused")
    finally:
        assert "not paused any more" in place.owner(Desk.unpause)

    assert "ape run unpause" in finding.advice


async def test_doctor__key_is_no_operator__is_named(place: Place) -> None:
    stranger = STRANGER.address.lower()
    finding = the_only(await place.findings(operator=stranger), f"operator {stranger}")

    assert "does not know it" in finding.found
    assert f"ape run operators add {stranger}" in finding.advice


async def test_doctor__operator_without_gas__is_named(place: Place) -> None:
    poor = "0x" + "ab" * 20
    assert "is an operator now" in place.owner(lambda desk: desk.add(poor))
    try:
        finding = the_only(await place.findings(operator=poor), f"operator {poor}")
    finally:
        assert "is no operator any more" in place.owner(lambda desk: desk.remove(poor))

    assert "0.000000 ETH" in finding.found
    assert "send it ether" in finding.advice


async def test_doctor__owner_approved_the_executor__is_named(place: Place) -> None:
    approve = function("approve(address,uint256)")
    token = FACTS.token("USDC")
    send(place.net.rpc, OWNER, token, approve.calldata(place.executor, 7), "the approval")
    try:
        finding = the_only(await place.findings(), "approvals")
    finally:
        send(place.net.rpc, OWNER, token, approve.calldata(place.executor, 0), "the approval")

    assert f"{OWNER.address.lower()} lets the executor take its USDC" in finding.found
    assert "revokes it" in finding.advice


async def test_doctor__executor_does_not_take_a_profit_token__is_named(place: Place) -> None:
    finding = the_only(await place.findings(profit_tokens=["WETH", "LINK"]), "profit tokens")

    assert "takes no profit in LINK" in finding.found


# ---------------------------------------------------------------- the chain's facts


def with_dex(name: str, **changed: Any) -> ChainFacts:
    dexes = [dex.model_copy(update=changed) if dex.name == name else dex for dex in FACTS.dexes]
    return FACTS.with_dexes(dexes)


async def test_doctor__factory_is_not_there__is_named(place: Place) -> None:
    finding = the_only(await place.findings(with_dex("uniswap_v3", factory=NOBODY)), "dex uniswap_v3")

    assert f"no code at 1 of its 1 factories: {NOBODY}" in finding.found
    assert "arbitrum.toml" in finding.advice


async def test_doctor__factory_of_another_dex__is_named(place: Place) -> None:
    others = next(dex.factory for dex in FACTS.dexes if dex.name == "sushi_v2")
    finding = the_only(await place.findings(with_dex("uniswap_v2", factory=others)), "dex uniswap_v2")

    assert "where the executor derives" in finding.found
    assert "dexes_off" in finding.advice


async def test_doctor__other_decimals__are_named(place: Place) -> None:
    usdc = FACTS.tokens["USDC"].model_copy(update={"decimals": 18})
    facts = FACTS.model_copy(update={"tokens": FACTS.tokens | {"USDC": usdc}})
    facts = facts.with_dexes(facts.dexes)
    finding = the_only(await place.findings(facts), "token USDC")

    assert "has 6 decimals, 18 were expected" in finding.found


# ---------------------------------------------------------------- the machine


async def test_doctor__key_file_that_others_may_read__is_named(place: Place, tmp_path: Path) -> None:
    keystore = tmp_path / "open.json"
    keystore.write_text(place.keeper.keystore.read_text())
    keystore.chmod(0o644)
    finding = the_only(await place.findings(keystores=(keystore,)), "keystore open.json")

    assert "its mode is 0644" in finding.found
    assert "chmod 600" in finding.advice


async def test_doctor__key_file_is_none__is_named(place: Place, tmp_path: Path) -> None:
    (tmp_path / "bad.json").write_text("[]")
    keystores = (tmp_path / "bad.json", tmp_path / "missing.json")
    found = failed(await place.findings(keystores=keystores))

    assert "is not a keystore file" in found["keystore bad.json"].found
    assert "cannot be read" in found["keystore missing.json"].found


async def test_doctor__journal_of_another_chain__is_named(place: Place, tmp_path: Path) -> None:
    place.altered(tmp_path)
    Journal.open(tmp_path / "journal.sqlite", 10, Hash("0x" + "34" * 32)).close()
    finding = the_only(await place.findings(state_dir=tmp_path), "journal")

    assert "of another chain: 10" in finding.found
    assert "one for each chain" in finding.advice


async def test_doctor__damaged_journal__is_named(place: Place, tmp_path: Path) -> None:
    place.altered(tmp_path)
    (tmp_path / "journal.sqlite").write_bytes(os.urandom(8_192))

    assert "damaged" in the_only(await place.findings(state_dir=tmp_path), "journal").found


async def test_doctor__halted_keeper__is_named(place: Place, tmp_path: Path) -> None:
    Operation(place.altered(tmp_path)).halt("somebody wanted it")
    finding = the_only(await place.findings(state_dir=tmp_path), "operation")

    assert "somebody wanted it" in finding.found
    assert "keeper rearm" in finding.advice


async def test_doctor__journal_has_keepers_halted__is_named(place: Place, tmp_path: Path) -> None:
    place.altered(tmp_path)
    journal = Journal.open(tmp_path / "journal.sqlite", FACTS.chain_id, Hash(place.net.genesis_hash))
    journal.halts.latch("loss_hour", "a loss within an hour, on another machine")
    journal.close()

    finding = the_only(await place.findings(state_dir=tmp_path), "journal")

    assert "loss_hour: a loss within an hour, on another machine" in finding.found
    assert "keeper rearm" in finding.advice


async def test_doctor__disk_is_full__is_named(place: Place) -> None:
    assert "are needed" in the_only(await place.findings(min_disk_bytes=10**18), "disk").found


async def test_doctor__webhook_is_no_url__is_named_without_showing_it(place: Place) -> None:
    finding = the_only(await place.findings(webhook_urls=[f"hooks.example.com/{SECRET}"]), "webhook_urls 1")

    assert SECRET not in finding.found + finding.advice
    assert "http://" in finding.advice


async def test_doctor__setting_names_what_does_not_exist__is_named(place: Place) -> None:
    findings = await place.findings(dexes_off=["uniswap_v9"])

    assert "'uniswap_v9' is no DEX" in failed(findings)["settings"].found


# ---------------------------------------------------------------- the command


def doctor(place: Place, *options: str) -> Result:
    given = ("--rpc-url", place.net.url, "--state-dir", str(place.keeper.state_dir), "--requests", "1")
    return CliRunner(env={"KEEPER_MIN_DISK_BYTES": "0"}).invoke(cli, ["doctor", *given, *options])


def test_command__all_well__exits_with_0_and_changes_nothing(place: Place) -> None:
    before = {path.name: path.read_bytes() for path in place.keeper.state_dir.iterdir()}
    result = doctor(place, "--json", "--keystore", str(place.keeper.keystore))

    told = json.loads(result.output)
    assert (result.exit_code, told["healthy"]) == (0, True), [
        one for one in told["findings"] if one["verdict"] == "fail"
    ]
    assert {path.name: path.read_bytes() for path in place.keeper.state_dir.iterdir()} == before


def test_command__something_planted__exits_with_1_and_shows_a_table(place: Place) -> None:
    url = f"http://127.0.0.1:{node.free_port()}/v2/{SECRET}"
    result = CliRunner(env={"KEEPER_RPC_URLS": json.dumps([url])}).invoke(
        cli, ["doctor", "--rpc-url", place.net.url, "--state-dir", str(place.keeper.state_dir), "--requests", "1"]
    )

    assert result.exit_code == 1
    assert "node 2 reach" in result.output
    assert "to be mended" in result.output
    assert SECRET not in result.output
    assert "Traceback" not in result.output


def test_command__unknown_chain__is_a_sentence(place: Place) -> None:
    result = doctor(place, "--chain", "nowhere")

    assert (result.exit_code, "chain 'nowhere' is unknown" in result.output) == (1, True)


# ---------------------------------------------------------------- the owner's scripts


def test_owner__sweep__sends_the_treasury_what_the_executor_holds(place: Place) -> None:
    treasury = accounts.public(9).address
    assert "holds none of USDC" in place.owner(lambda desk: desk.sweep("USDC", FACTS))
    place.net.deal("USDC", place.executor, 1_500_000)

    assert f"the treasury {treasury} received 1.5 USDC" in place.owner(lambda desk: desk.sweep("USDC", FACTS))
    assert "holds none of USDC" in place.owner(lambda desk: desk.sweep("USDC", FACTS))


def test_owner__stranger__is_refused_before_anything_is_sent(place: Place) -> None:
    nonce = place.net.rpc("eth_getTransactionCount", STRANGER.address, "latest")

    with pytest.raises(KeeperError, match=f"{STRANGER.address} is not the owner or guardian of executor"):
        place.owner(Desk.pause, STRANGER)
    with pytest.raises(KeeperError, match=f"{STRANGER.address} is not the owner of executor"):
        place.owner(lambda desk: desk.add(NOBODY), STRANGER)
    assert place.net.rpc("eth_getTransactionCount", STRANGER.address, "pending") == nonce


def test_owner__again__changes_nothing(place: Place) -> None:
    assert "is not paused" in place.owner(Desk.unpause)
    assert "is an operator already" in place.owner(lambda desk: desk.add(OWNER.address))
    assert "is no operator" in place.owner(lambda desk: desk.remove(Account.create().address))
    assert place.owner(Desk.operators, None) == OWNER.address


def test_owner__record_of_another_executor__is_refused(place: Place, tmp_path: Path) -> None:
    record = place.altered(tmp_path, code_hash="0x" + "12" * 32) / "deployment.json"

    with pytest.raises(KeeperError, match="is not the recorded executor"):
        at_executor(place.net.url, "localnet", OWNER, record, FACTS, Desk.pause)


# ---------------------------------------------------------------- as people type them


def typed(place: Place, home: Path, *arguments: str, account: str = "owner") -> subprocess.CompletedProcess[str]:
    """Run a script of Ape's on the localnet as on a real network, with the owner's account for "owner"."""
    keys = home / "ape" / "accounts" / "owner.json"
    keys.parent.mkdir(parents=True, exist_ok=True)
    keys.write_text(place.keeper.keystore.read_text())
    network = ("--network", f"arbitrum:mainnet:{place.net.url}")
    signer = ("--account", account) if account else ()
    return ape(home, "run", *arguments, *network, *signer, APE_ACCOUNTS_owner_PASSPHRASE=PASSPHRASE)


def test_script__pause_doctor_unpause__are_one_story(place: Place, tmp_path: Path) -> None:
    record = ("--record", str(place.record))
    state = ("--state-dir", str(place.keeper.state_dir))

    paused = typed(place, tmp_path, "pause", *record)
    seen = typed(place, tmp_path, "doctor", "--json", *state, account="")
    unpaused = typed(place, tmp_path, "unpause", *record)

    assert (paused.returncode, "is paused: no operator can execute" in paused.stdout) == (0, True), paused.stderr
    assert (seen.returncode, "unpauses it: ape run unpause" in seen.stdout) == (1, True), seen.stderr
    assert (unpaused.returncode, "is not paused any more" in unpaused.stdout) == (0, True), unpaused.stderr


def test_script__sweep_and_operators__do_what_they_say(place: Place, tmp_path: Path) -> None:
    record = ("--record", str(place.record))
    place.net.deal("DAI", place.executor, 10**18)

    swept = typed(place, tmp_path, "sweep", "DAI", *record)
    added = typed(place, tmp_path, "operators", "add", NOBODY, *record)
    listed = typed(place, tmp_path, "operators", "list", *record, account="")
    removed = typed(place, tmp_path, "operators", "remove", NOBODY, *record)

    assert f"the treasury {accounts.public(9).address} received 1 DAI" in swept.stdout, swept.stderr
    assert f"{NOBODY} is an operator now" in added.stdout, added.stderr
    assert listed.stdout.split()[-2:] == [OWNER.address, NOBODY], listed.stderr
    assert f"{NOBODY} is no operator any more" in removed.stdout, removed.stderr


@pytest.mark.parametrize(
    ("arguments", "account", "sentence"),
    [
        (("pause",), "", "--account must be given"),
        (("operators", "add", "0x12"), "owner", "'0x12' is not an address"),
    ],
)
def test_script__bad_input__is_refused_in_a_sentence(
    place: Place, tmp_path: Path, arguments: tuple[str, ...], account: str, sentence: str
) -> None:
    refused = typed(place, tmp_path, *arguments, "--record", str(place.record), account=account)

    assert refused.returncode != 0
    assert sentence in refused.stderr
    assert "Traceback" not in refused.stderr
