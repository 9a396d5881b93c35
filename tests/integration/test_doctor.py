"""
Whatever is planted, ``doctor`` names it and says what to do; where nothing is, it finds nothing.
"""

import json
import os
from pathlib import Path

from click.testing import CliRunner, Result

from keeper.__main__ import cli
from keeper.commands.doctor.finding import Verdict
from keeper.execution.operation import Operation
from keeper.journal import Journal
from keeper.types import Hash
from localnet import node
from scripts._owner import Desk
from tests.http_receiver import receiving
from tests.keeper_place import FACTS, NOBODY, STRANGER, Place, failed, the_only, with_dex

SECRET = "k3y-of-a-provider"


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
