"""
The whole loop: a keeper of its own process on a localnet with traders.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import localnet
from keeper.journal import Journal, State
from keeper.types import Hash
from localnet import Localnet, TraderSettings
from tests.keeper_process import KeeperProcess


@pytest.fixture(scope="module", params=[False, True], ids=["localnet", "like production"])
def net(request: pytest.FixtureRequest) -> Iterator[Localnet]:
    with localnet.start(traders=TraderSettings(seed=2), like_production=request.param) as net:
        yield net


#: The stricter of the two is enough for what concerns a setting only.
in_production = pytest.mark.parametrize("net", [True], ids=["like production"], indirect=True, scope="module")


@pytest.fixture(scope="module")
def report(keeper: KeeperProcess) -> dict[str, Any]:
    path = keeper.keystore.with_name("report.json")
    code, output, errors = keeper.run("--blocks", "60", "--report", str(path))
    assert code == 0, errors
    assert "after 60 blocks" in output
    written: dict[str, Any] = json.loads(path.read_text())
    return written | {"booked": booked(keeper)}


def booked(keeper: KeeperProcess) -> dict[str, int]:
    """What the journal says that each token gained so far."""
    journal = Journal.open(keeper.state_dir / "journal.sqlite", 42161, Hash(keeper.net.genesis_hash))
    gains: dict[str, int] = {}
    for entry in journal.entries():
        if entry.state in (State.SOFT, State.FINAL):
            for token, gain in entry.detail["gains"].items():
                gains[token] = gains.get(token, 0) + int(gain)
    journal.close()
    return gains


def test_keeper__sixty_blocks__earns_and_loses_no_more_than_races(report: dict[str, Any]) -> None:
    transactions = report["transactions"]

    assert report["blocks"] == 60
    assert transactions["included"] >= 5
    # Somebody may trade between the simulation and the block; nothing may be lost where nobody did.
    assert transactions["lost_untouched"] == 0
    assert transactions["lost_money"] <= 2
    assert transactions["sent"] == transactions["included"] + transactions["reverted"] + transactions["dropped"]
    assert report["net_profit_wei"] > 0


def test_keeper__untouched_transactions__realised_what_was_predicted(report: dict[str, Any]) -> None:
    transactions = report["transactions"]

    assert transactions["untouched"] + transactions["touched"] == transactions["included"]
    assert transactions["untouched_exact"] == transactions["untouched"] > 0


def test_keeper__journal_receipts_and_treasury__agree_to_the_wei(keeper: KeeperProcess, report: dict[str, Any]) -> None:
    by_address = {keeper.net.layout.tokens[symbol].address.lower(): gain for symbol, gain in report["gain"].items()}

    assert report["booked"] == {token: gain["realised"] for token, gain in by_address.items()}
    assert report["booked"] == {token: gain["treasury_delta"] for token, gain in by_address.items()}


def test_keeper__steady_state__asks_little_and_reads_only_what_no_event_tells(report: dict[str, Any]) -> None:
    cache, pools = report["cache"], report["pools"]
    read_again = cache["read"] - pools["followed"] - pools["quarantined"]

    # Curve's and Balancer's stable pools, in the blocks that moved them.
    assert 0 < read_again <= cache["invalidated"] <= report["blocks"]
    assert cache["misses"] <= 2 * read_again * report["blocks"]
    assert report["rpc_calls"]["eth_getLogs"] <= report["blocks"] + 20


def test_keeper__report__says_which_dexes_are_traded_and_why_others_are_not(report: dict[str, Any]) -> None:
    pools = report["pools"]

    assert {"balancer_v2_stable", "balancer_v2_weighted", "curve_plain"} <= pools["by_dex"].keys()
    assert {"camelot_v2", "camelot_v3", "curve_stable_ng", "curve_tricrypto"} <= pools["off"].keys()
    assert all(pools["off"].values())
    assert pools["quarantined_for"] == {}


@in_production
def test_keeper__dry_run__sends_nothing(keeper: KeeperProcess, report: dict[str, Any], tmp_path: Path) -> None:
    path = tmp_path / "dry.json"

    code, _, errors = keeper.run("--blocks", "10", "--dry-run", "--report", str(path))

    assert code == 0, errors
    written = json.loads(path.read_text())
    assert "eth_sendRawTransaction" not in written["rpc_calls"]
    assert written["transactions"]["sent"] == 0
    assert written["opportunities"] > 0
    assert "snapshot" not in errors  # it went on from where the other one ended
    assert written["cache"]["read"] < report["cache"]["read"]


@in_production
def test_keeper__only_a_lender_allowed__earns_by_its_loans(
    keeper: KeeperProcess, report: dict[str, Any], tmp_path: Path
) -> None:
    path = tmp_path / "lent.json"
    earlier = report["transactions"]["sent"]

    code, _, errors = keeper.run("--blocks", "20", "--report", str(path), KEEPER_FUNDING='["balancer_v2"]')

    assert code == 0, errors
    transactions = json.loads(path.read_text())["transactions"]
    assert transactions["included"] > 0
    assert transactions["untouched_exact"] == transactions["untouched"]
    journal = Journal.open(keeper.state_dir / "journal.sqlite", 42161, Hash(keeper.net.genesis_hash))
    lent = [route.funding for entry in journal.entries()[earlier:] for route in entry.transaction.routes]
    journal.close()
    assert set(lent) == {"balancer_v2"}


@in_production
def test_keeper__cache_off_and_preferred_node_dead__still_earns(keeper: KeeperProcess, tmp_path: Path) -> None:
    path = tmp_path / "off.json"
    nodes = {"KEEPER_RPC_URL": "http://127.0.0.1:9/KEY", "KEEPER_RPC_URLS": json.dumps([keeper.net.url])}

    code, output, errors = keeper.run("--blocks", "40", "--report", str(path), KEEPER_CACHE_POLICY="none", **nodes)

    assert code == 0, errors
    assert "node_paused" in errors
    assert "KEY" not in output + errors
    written = json.loads(path.read_text())
    decided = written["blocks"] - written["refused"].get("behind", 0)
    assert written["cache"]["read"] >= decided * written["pools"]["followed"] > 0
    assert written["cache"]["hits"] == 0
    assert written["transactions"]["included"] > 0
