"""
Every pool of the localnet, by the list of those who built it, is followed or counted with the reason why it is not; and
pools that real factories make while the keeper watches are found in their block.
"""

from collections import Counter
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from eth_utils.crypto import keccak

import localnet
from keeper.chain.follower import Follower, NewBlock
from keeper.chain.reader import Reader
from keeper.chain.rpc import Rpc
from keeper.config import Settings, load_chain, load_settings
from keeper.discovery import Discovery
from keeper.events import TOPICS
from keeper.registry import creation_topics, traded
from keeper.types import Address
from keeper.upkeep import Upkeep
from localnet import Localnet, accounts, addresses, artifacts, compiler, pins
from localnet.abi import Function
from localnet.layout import Pool
from tests.keeper_process import DEXES_OF_THE_LOCALNET

FACTS = load_chain("arbitrum")
GROUPS = [group for group in ("v4", "balancer-v3") if pins.provided(group)]

#: Why pools of the localnet are not followed.
UNFOLLOWED = {
    "curve ETH/wstETH 400": "native_coin",
    "uniswap_v4 ETH/USDC 500": "native_coin",
    "uniswap_v4 ETH/wstETH 100": "native_coin",
}
#: A stand-in for the ABI only, in the list of a factory whose DEX is off.
STAND_IN = "curve USDT/WBTC/WETH 1000"


@pytest.fixture(scope="module")
def net() -> Iterator[Localnet]:
    with localnet.start(sequencer=False, groups=GROUPS) as net:
        net.rpc("anvil_autoImpersonateAccount", True)
        yield net


@pytest.fixture
async def rpc(net: Localnet) -> AsyncIterator[Rpc]:
    async with Rpc(net.url) as rpc:
        yield rpc


def settings(net: Localnet, tmp_path: Path, *more: str) -> Settings:
    return load_settings(rpc_url=net.url, state_dir=tmp_path, dexes_on=[*DEXES_OF_THE_LOCALNET, *more])


def address(pool: Pool) -> Address:
    return Address((str(pool.pool_id)[:42] if pool.family == "uniswap_v4" else pool.address).lower())


async def started(rpc: Rpc, chosen: Settings) -> tuple[Upkeep, Follower]:
    follower = Follower(rpc, sorted({*TOPICS, *creation_topics(FACTS)}))
    upkeep = Upkeep(Reader(rpc, Address(FACTS.multicall3)), chosen, FACTS, (), rpc)
    block = await follower.start()
    await upkeep.discover(block)
    await upkeep.start(block)
    return upkeep, follower


async def test_coverage__every_pool_that_was_built__is_followed_or_has_its_reason(
    net: Localnet, rpc: Rpc, tmp_path: Path
) -> None:
    built = (*net.layout.pools, *net.layout.untraded)
    upkeep, _ = await started(rpc, settings(net, tmp_path))
    facts, off = traded(FACTS, settings(net, tmp_path))
    block = await Follower(rpc, []).start()
    found = await Discovery(rpc, Reader(rpc, Address(FACTS.multicall3)), facts, 2_000).find(block)

    unfollowed = {pool.name for pool in built if address(pool) not in upkeep.market.infos}

    expected = {pool.name: UNFOLLOWED[pool.name] for pool in built if pool.name in UNFOLLOWED}
    assert unfollowed == {*expected, STAND_IN}
    assert {pool.name: found.dropped[address(pool)] for pool in built if pool.name in expected} == expected
    assert "curve_tricrypto" in off
    assert +upkeep.dropped == Counter(expected.values())
    assert len(built) >= 47


async def test_coverage__followed_pools__are_what_was_built(net: Localnet, rpc: Rpc, tmp_path: Path) -> None:
    upkeep, _ = await started(rpc, settings(net, tmp_path))
    built = {address(pool): pool for pool in net.layout.pools}

    assert upkeep.market.infos.keys() == built.keys()
    assert not upkeep.market.stale
    for pool, info in upkeep.market.infos.items():
        placed = built[pool]
        assert info.family == placed.family
        assert {net.layout.tokens[symbol].address.lower() for symbol in placed.tokens} == set(info.tokens)
        assert info.fee_pips in (0, placed.fee_pips)
        assert info.pool_id == (placed.pool_id or "")


async def test_coverage__stand_in_is_no_cryptoswap_pool__is_put_out_after_it_was_asked(
    net: Localnet, rpc: Rpc, tmp_path: Path
) -> None:
    upkeep, _ = await started(rpc, settings(net, tmp_path, "curve_tricrypto"))
    stand_in = address(net.layout.pool(STAND_IN))
    assert upkeep.market.stale == {stand_in}

    for _ in range(2):
        await upkeep.refresh()

    assert stand_in not in upkeep.market.infos
    assert upkeep.report()["quarantined_for"] == {"unreadable": 1}
    assert upkeep.report()["filtered"]["no_answer"] == 1  # the real tricrypto pool, which is not here


async def test_coverage__started_again__asks_for_no_old_log_twice(net: Localnet, rpc: Rpc, tmp_path: Path) -> None:
    first, _ = await started(rpc, settings(net, tmp_path))
    asked = rpc.calls["eth_getLogs"]

    again, _ = await started(rpc, settings(net, tmp_path))

    assert asked > 0
    assert rpc.calls["eth_getLogs"] == asked
    assert again.market.infos.keys() == first.market.infos.keys()


# ---------------------------------------------------------------- made while the keeper watches


def send(net: Localnet, to: str, data: bytes) -> None:
    request = {"from": accounts.OWNER, "to": to, "data": "0x" + data.hex(), "gas": hex(1 << 25), "gasPrice": hex(10**9)}
    sent = net.rpc("eth_sendTransaction", request)
    net.mine()
    assert net.rpc("eth_getTransactionReceipt", sent)["status"] == "0x1"


def v2_pair(net: Localnet) -> None:
    usdc, link = (net.layout.tokens[symbol].address for symbol in ("USDC", "LINK"))
    send(
        net,
        addresses.UNISWAP_V2_FACTORY,
        artifacts.load("UniswapV2Factory").abi.find("createPair", 2).calldata(usdc, link),
    )


def v3_pool(net: Localnet) -> None:
    usdc, link = (net.layout.tokens[symbol].address for symbol in ("USDC", "LINK"))
    create = artifacts.load("UniswapV3Factory").abi.find("createPool", 3)
    send(net, addresses.UNISWAP_V3_FACTORY, create.calldata(usdc, link, 10_000))


def balancer_v2_pool(net: Localnet) -> None:
    tokens = sorted(net.layout.tokens[symbol].address for symbol in ("USDC", "LINK"))
    create = artifacts.load("WeightedPoolFactory").abi.find("create", 7)
    weights, nobody = [5 * 10**17, 5 * 10**17], [addresses.ZERO] * 2
    arguments = ("any", "any", tokens, weights, nobody, 10**15, accounts.OWNER)
    send(net, addresses.BALANCER_WEIGHTED_FACTORY, create.calldata(*arguments))


def curve_pool(net: Localnet) -> None:
    """The pool that nobody deployed yet is one more line in the list."""
    add = compiler.compiled("CurveFactory").abi.find("add", 4)
    pool = net.layout.pool("curve USDC.e/USDT 100").address
    coins = [net.layout.tokens[symbol].address for symbol in ("USDC.e", "USDT")]
    send(net, addresses.CURVE_FACTORY, add.calldata(pool, [*coins, addresses.ZERO, addresses.ZERO], 1, 1))


def v4_pool(net: Localnet) -> None:
    usdc, link = sorted(net.layout.tokens[symbol].address for symbol in ("USDC", "LINK"))
    initialize = Function("initialize", ("(address,address,uint24,int24,address)", "uint160"), ("int24",))
    send(net, addresses.UNISWAP_V4_POOL_MANAGER, initialize.calldata((usdc, link, 777, 7, addresses.ZERO), 1 << 96))


def balancer_v3_pool(net: Localnet) -> None:
    tokens = sorted(net.layout.tokens[symbol].address for symbol in ("USDC", "LINK"))
    create = artifacts.load("BalancerV3WeightedPoolFactory").abi.find("create", 10)
    configured = [(token, 0, addresses.ZERO, False) for token in tokens]
    weights, nobody = [5 * 10**17, 5 * 10**17], (addresses.ZERO,) * 3
    arguments = ("any", "any", configured, weights, nobody, 10**15, addresses.ZERO, False, False, keccak(text="any"))
    send(net, addresses.BALANCER_V3_WEIGHTED_FACTORY, create.calldata(*arguments))


MADE = {
    "uniswap_v2": v2_pair,
    "uniswap_v3": v3_pool,
    "balancer_v2_weighted": balancer_v2_pool,
    "uniswap_v4": v4_pool,
    "balancer_v3_weighted": balancer_v3_pool,
}
NEEDS = {"uniswap_v4": "v4", "balancer_v3_weighted": "balancer-v3"}


@pytest.mark.parametrize("dex", MADE)
async def test_notice__real_factory_makes_a_pool__it_is_known_in_its_block(
    net: Localnet, rpc: Rpc, tmp_path: Path, dex: str
) -> None:
    if dex in NEEDS and NEEDS[dex] not in GROUPS:
        pytest.skip(f"needs python -m localnet build --with {NEEDS[dex]}")
    snapshot = net.rpc("evm_snapshot")
    upkeep, follower = await started(rpc, settings(net, tmp_path))
    before = set(upkeep.market.infos)

    MADE[dex](net)
    (news,) = await follower.news()
    assert isinstance(news, NewBlock)
    upkeep.market.advance(news.block, [], 0.0)
    await upkeep.notice(news.block, news.logs)

    (made,) = upkeep.market.infos.keys() - before
    assert upkeep.market.infos[made].dex == dex
    assert set(upkeep.market.infos[made].tokens) == {FACTS.token("USDC"), FACTS.token("LINK")}
    net.rpc("evm_revert", snapshot)


async def test_notice__curve_list_becomes_longer__is_asked_again_and_knows_each_pool_once(
    net: Localnet, rpc: Rpc, tmp_path: Path
) -> None:
    snapshot = net.rpc("evm_snapshot")
    upkeep, follower = await started(rpc, settings(net, tmp_path))
    before, asked = set(upkeep.market.infos), rpc.calls["eth_call"]

    curve_pool(net)
    (news,) = await follower.news()
    assert isinstance(news, NewBlock)
    upkeep.market.advance(news.block, [], 0.0)
    await upkeep.notice(news.block, news.logs)

    assert rpc.calls["eth_call"] == asked + 3
    assert set(upkeep.market.infos) == before
    net.rpc("evm_revert", snapshot)
