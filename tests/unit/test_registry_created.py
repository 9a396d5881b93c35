"""
What logs of factories say: who emits them decides, as two DEXes may announce their pools by one topic.
"""

from typing import Any

import pytest
from eth_abi.abi import encode
from eth_utils.crypto import keccak

from keeper.config import ChainFacts, load_chain, load_settings
from keeper.errors import ConfigError, MalformedLog
from keeper.pools.pool import PoolInfo
from keeper.registry import creation_filters, creation_of, creation_topics, topics_of, traded
from keeper.types import ZERO_ADDRESS, Address, Hash

FACTS = load_chain("arbitrum")
FACTORY = {dex.name: Address(dex.all_factories[0]) for dex in FACTS.dexes}
WETH, USDC = FACTS.token("WETH"), FACTS.token("USDC")
POOL = Address("0x" + "ab" * 20)
POOL_ID = Hash("0x" + "cd" * 32)

PAIR_CREATED = "PairCreated(address,address,address,uint256)"
V3_CREATED = "PoolCreated(address,address,uint24,int24,address)"
ALGEBRA = "Pool(address,address,address)"
BALANCER = "PoolCreated(address)"
INITIALIZE = "Initialize(bytes32,address,address,uint24,int24,address,uint160,int24)"


def log(emitter: str, signature: str, *topics: str, data: bytes = b"") -> dict[str, Any]:
    name = "0x" + keccak(text=signature).hex()
    return {
        "address": emitter,
        "topics": [name, *("0x" + topic[2:].rjust(64, "0") for topic in topics)],
        "data": "0x" + data.hex(),
    }


def pair(emitter: str) -> dict[str, Any]:
    return log(emitter, PAIR_CREATED, WETH, USDC, data=encode(["address", "uint256"], [POOL, 7]))


def initialize(fee: int = 500, hooks: str = ZERO_ADDRESS) -> dict[str, Any]:
    data = encode(["uint24", "int24", "address", "uint160", "int24"], [fee, 10, hooks, 2**96, 0])
    return log(FACTORY["uniswap_v4"], INITIALIZE, POOL_ID, WETH, USDC, data=data)


@pytest.mark.parametrize(
    ("dex", "family", "fee_pips"),
    [("uniswap_v2", "uniswap_v2", 3_000), ("sushi_v2", "uniswap_v2", 3_000), ("camelot_v2", "camelot_v2", 0)],
)
def test_creation__one_topic__is_of_the_emitters_dex(dex: str, family: str, fee_pips: int) -> None:
    created = creation_of(FACTS, pair(FACTORY[dex]))

    assert created is not None
    assert created.info == PoolInfo(family, dex, POOL, (WETH, USDC), fee_pips)


def test_creation__nobodys_factory__is_none() -> None:
    assert creation_of(FACTS, pair("0x" + "ee" * 20)) is None
    assert creation_of(FACTS, pair(FACTORY["uniswap_v3"])) is None
    assert creation_of(FACTS, {"address": FACTORY["uniswap_v2"], "topics": [], "data": "0x"}) is None


def test_creation__of_a_dex_that_is_off__is_none() -> None:
    facts, off = traded(FACTS, load_settings(rpc_url="http://x"))

    assert "camelot_v2" in off
    assert creation_of(facts, pair(FACTORY["camelot_v2"])) is None


def test_creation__concentrated_pools__tell_what_they_have() -> None:
    v3 = log(FACTORY["pancake_v3"], V3_CREATED, WETH, USDC, hex(2_500), data=encode(["int24", "address"], [50, POOL]))
    algebra = log(FACTORY["camelot_v3"], ALGEBRA, WETH, USDC, data=encode(["address"], [POOL]))

    assert created_info(v3) == PoolInfo("uniswap_v3", "pancake_v3", POOL, (WETH, USDC), 2_500, 50)
    assert created_info(algebra) == PoolInfo("camelot_v3", "camelot_v3", POOL, (WETH, USDC), 0)


def created_info(told: dict[str, Any]) -> PoolInfo | None:
    created = creation_of(FACTS, told)
    assert created is not None
    assert created.refusal is None
    return created.info


def test_creation__uniswap_v4__only_plain_pools_are_wanted() -> None:
    plain, hooked, dynamic = (
        creation_of(FACTS, told)
        for told in (initialize(), initialize(hooks="0x" + "11" * 20), initialize(fee=0x800000))
    )

    assert plain is not None
    assert plain.info == PoolInfo(
        "uniswap_v4", "uniswap_v4", Address(POOL_ID[:42]), (WETH, USDC), 500, 10, POOL_ID, FACTORY["uniswap_v4"]
    )
    assert [created.refusal for created in (plain, hooked, dynamic) if created] == [None, "hooks", "dynamic_fee"]


@pytest.mark.parametrize("dex", ["balancer_v2_weighted", "balancer_v2_stable", "balancer_v3_stable"])
def test_creation__balancer__tells_the_pool_alone(dex: str) -> None:
    created = creation_of(FACTS, log(FACTORY[dex], BALANCER, POOL))

    assert created is not None
    assert (created.dex.name, created.address, created.info) == (dex, POOL, None)


@pytest.mark.parametrize(
    "signature",
    [
        "PlainPoolDeployed(address[4],uint256,uint256,address)",
        "PlainPoolDeployed(address[],uint256,uint256,address)",
    ],
)
def test_creation__curve__tells_that_the_list_is_longer(signature: str) -> None:
    created = creation_of(FACTS, log(FACTORY["curve_plain"], signature, data=b"whatever"))

    assert created is not None
    assert created.address is None


def test_creation__malformed__is_refused() -> None:
    broken = pair(FACTORY["uniswap_v2"]) | {"data": "0x1234"}

    with pytest.raises(MalformedLog, match="cannot be decoded"):
        creation_of(FACTS, broken)


def test_filters__dexes_without_lists__are_asked_for_of_known_tokens() -> None:
    balancer, v4 = creation_filters(FACTS)

    made_by_balancer = {name for dex in FACTS.dexes if dex.by_vault for name in dex.factories}
    assert set(balancer.addresses) == made_by_balancer
    assert v4.addresses == (FACTORY["uniswap_v4"],)
    assert v4.topics[2] == v4.topics[3]
    assert v4.topics[2] is not None
    assert len(v4.topics[2]) == len(FACTS.tokens) + 1  # and the native coin, to be counted
    assert set(creation_topics(FACTS)) >= {pair(POOL)["topics"][0], initialize()["topics"][0]}


def test_traded__production_defaults__have_off_what_nothing_proves_each_with_its_reason() -> None:
    facts, off = traded(FACTS, load_settings(rpc_url="http://x"))

    unproved = {"camelot_v2", "camelot_v3", "curve_stableswap_ng", "curve_cryptoswap", "balancer_stable"}
    assert unproved <= {dex.family for dex in FACTS.dexes if dex.name in off}
    assert unproved.isdisjoint(dex.family for dex in facts.dexes)
    assert {"uniswap_v4", "curve_stableswap", "balancer_weighted"} <= {dex.family for dex in facts.dexes}
    assert all(len(reason.split()) > 5 for reason in off.values())


def test_traded__switches__are_the_operators() -> None:
    settings = load_settings(rpc_url="http://x", dexes_on=["camelot_v2"], dexes_off=["uniswap_v4"])

    facts, off = traded(FACTS, settings)

    assert "camelot_v2" in {dex.name for dex in facts.dexes}
    assert off["uniswap_v4"] == "dexes_off"
    assert facts.dex_by_factory.get(FACTORY["uniswap_v4"]) is None


@pytest.mark.parametrize("name", ["dexes_on", "dexes_off"])
def test_traded__dex_that_does_not_exist__is_refused(name: str) -> None:
    with pytest.raises(ConfigError, match=f"{name}: 'uniswap_v9' is no DEX of Arbitrum One"):
        traded(FACTS, load_settings(rpc_url="http://x", **{name: ["uniswap_v9"]}))


def test_chain__factories__belong_to_one_dex_each() -> None:
    factories = [factory for dex in FACTS.dexes for factory in dex.all_factories]

    assert len(set(factories)) == len(factories)


def test_topics__families__have_their_own() -> None:
    everything = set(topics_of({dex.family for dex in FACTS.dexes}))

    assert all(set(topics_of({dex.family})) < everything for dex in FACTS.dexes)
    assert facts_without_v3(FACTS).isdisjoint(topics_of({"balancer_v3_stable"}))


def facts_without_v3(facts: ChainFacts) -> set[Hash]:
    return set(topics_of({dex.family for dex in facts.dexes if not dex.family.startswith("balancer_v3")}))
