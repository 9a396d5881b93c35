"""
What may be amiss with contracts: the executor, who may use it, and all that the chain's facts name.
"""

from pathlib import Path

from localnet.abi import function
from scripts._owner import Desk
from scripts._sending import send
from tests.keeper_place import FACTS, NOBODY, OWNER, STRANGER, Place, the_only, with_dex

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
