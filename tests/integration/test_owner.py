"""
What the owner's scripts do to the executor, and whom they refuse.
"""

import subprocess
from pathlib import Path

import pytest
from eth_account import Account

from keeper.errors import KeeperError
from localnet import accounts
from scripts._owner import Desk, at_executor
from tests.ape_process import ape
from tests.keeper_place import FACTS, NOBODY, OWNER, STRANGER, Place
from tests.keeper_process import PASSPHRASE


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
