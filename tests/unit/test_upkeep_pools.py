"""
What becomes of pools while the keeper runs: metadata grow old, pools are created, and families are told apart.
"""

from collections import Counter
from dataclasses import replace
from typing import Any

import pytest

from keeper.chain.reader import Reader
from keeper.config import load_chain, load_settings
from keeper.errors import PoolError, RpcError
from keeper.market import Market
from keeper.market.policy import ANNOUNCED
from keeper.pools import FAMILIES
from keeper.pools.curve_stableswap import CurveStableSwapPool
from keeper.pools.pool import Pool, PoolInfo
from keeper.pools.uniswap_v2 import UniswapV2Pool
from keeper.registry import METADATA, Found, metadata_of
from keeper.types import Address, Block, Hash
from keeper.upkeep import Upkeep

FACTS = load_chain("arbitrum")
WETH, USDC, ARB = (FACTS.token(symbol) for symbol in ("WETH", "USDC", "ARB"))
DEEP = UniswapV2Pool(
    PoolInfo("uniswap_v2", "sushi_v2", Address("0x" + "01" * 20), (WETH, USDC), 3_000), 10**21, 3 * 10**12
)
CURVE = CurveStableSwapPool(
    PoolInfo("curve_stableswap", "curve_plain", Address("0x" + "02" * 20), (WETH, ARB), 0),
    (10**21, 10**21),
    (10**18, 10**18),
    20_000,
    4_000_000,
    5 * 10**9,
)


class Chain(Reader):
    """What the chain says of each pool: a pool, or why it says nothing."""

    def __init__(self, *pools: Pool) -> None:
        self.pools: dict[Address, Pool | PoolError] = {pool.address: pool for pool in pools}
        self.reads: Counter[Address] = Counter()
        self.read_at: list[Hash] = []

    async def read(self, readings, block_hash):  # type: ignore[no-untyped-def]
        asked = [next(reading)[0].target for reading in readings]
        self.reads.update(asked)
        self.read_at.append(block_hash)
        return [self.pools[address] for address in asked]


class Told:
    """A discovery that finds what the test says."""

    def __init__(self) -> None:
        self.found = Found()
        self.behind = 0
        self.asked: list[tuple[Block, Any]] = []

    async def look_at(self, block: Block, logs: Any) -> Found:
        self.asked.append((block, logs))
        return self.found

    async def go_on(self, block: Block) -> Found:
        return await self.look_at(block, None)

    def report(self) -> dict[str, int]:
        return {"announced": 1}


def head(number: int) -> Block:
    return Block(number, Hash(f"a{number}"), Hash(f"a{number - 1}"), number, 0)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [0.0]
    monkeypatch.setattr("keeper.upkeep.time.monotonic", lambda: now[0])
    return now


@pytest.fixture
def chain() -> Chain:
    return Chain(DEEP, CURVE)


async def started(chain: Chain, **settings: Any) -> Upkeep:
    upkeep = Upkeep(chain, load_settings(rpc_url="http://x", audit_share=0.0, **settings), FACTS, [WETH])
    upkeep.market = Market([DEEP.info, CURVE.info], policy=upkeep._policy)
    await upkeep.start(head(0))
    return upkeep


# ---------------------------------------------------------------- metadata


async def test_metadata__older_than_their_time__are_read_and_counted(chain: Chain, clock: list[float]) -> None:
    upkeep = await started(chain)
    assert not upkeep.wants_reads()
    clock[0] = 15.1
    assert upkeep.wants_reads()

    changed = await upkeep.refresh()

    assert changed == frozenset()
    assert chain.reads == {DEEP.address: 1, CURVE.address: 2}
    assert upkeep.report()["metadata"] == {"read": 1}
    assert not upkeep.wants_reads()
    assert upkeep.market.counts.invalidated == 0


async def test_metadata__owner_changed_the_fee__is_taken_over(chain: Chain, clock: list[float]) -> None:
    upkeep = await started(chain, metadata_ttl_seconds=3)
    chain.pools[CURVE.address] = replace(CURVE, fee=9_000_000)
    clock[0] = 3.1

    changed = await upkeep.refresh()

    assert changed == {CURVE.address}
    assert upkeep.market.peek(CURVE.address) == chain.pools[CURVE.address]
    assert upkeep.report()["metadata"] == {"changed": 1, "read": 1}


async def test_metadata__only_the_balances_differ__is_not_what_is_looked_for(chain: Chain, clock: list[float]) -> None:
    upkeep = await started(chain)
    chain.pools[CURVE.address] = replace(CURVE, balances=(1, 1))
    clock[0] = 15.1

    assert await upkeep.refresh() == frozenset()
    assert upkeep.market.peek(CURVE.address) == CURVE


async def test_metadata__pool_was_paused__is_unreadable_and_put_out(chain: Chain, clock: list[float]) -> None:
    upkeep = await started(chain)
    chain.pools[CURVE.address] = PoolError("the pool is killed")
    clock[0] = 15.1

    await upkeep.refresh()

    assert upkeep.market.stale == {CURVE.address}
    for _ in range(3):
        await upkeep.refresh()
    assert CURVE.address not in upkeep.market.infos
    assert upkeep.report()["metadata"] == {"read": 1, "refused": 1}
    assert not upkeep.wants_reads()


@pytest.mark.parametrize("policy", ["none", "ttl"])
async def test_metadata__cache_off_or_deaf__are_left_alone(chain: Chain, clock: list[float], policy: str) -> None:
    upkeep = await started(chain, cache_policy=policy)
    clock[0] = 15.1

    assert not upkeep.wants_reads()


def test_metadata__every_family__has_what_its_owners_change() -> None:
    assert set(FAMILIES) - METADATA.keys() == {"uniswap_v2", "uniswap_v3"}
    assert metadata_of(DEEP) == ()
    assert metadata_of(CURVE) == (20_000, 4_000_000, 5 * 10**9)


def test_announced__families_any_of_whose_state_moves_unannounced__are_not() -> None:
    unannounced = {
        "camelot_v2",  # what the factory's owner takes of a stable pair's fee
        "camelot_v3",  # the configuration of its fees
        "curve_stableswap",  # ramps, and what the admin takes
        "curve_stableswap_ng",  # likewise, and rates
        "curve_cryptoswap",  # likewise, and the price scale
        "balancer_stable",  # ramps and rates
        "balancer_v3_weighted",  # rates
        "balancer_v3_stable",  # ramps and rates
    }

    assert set(FAMILIES) - ANNOUNCED == unannounced


# ---------------------------------------------------------------- pools that are created


def created(number: int, tokens: tuple[Address, Address] = (WETH, ARB)) -> PoolInfo:
    return PoolInfo("uniswap_v2", "sushi_v2", Address(f"0x{number:040x}"), tokens, 3_000)


async def noticing(upkeep: Upkeep, *infos: PoolInfo, **dropped: str) -> Told:
    told = Told()
    told.found = Found(list(infos), {Address(pool): why for pool, why in dropped.items()})
    upkeep._discovery = told  # type: ignore[assignment]
    await upkeep.notice(head(0), [])
    return told


async def test_notice__pool_was_created__is_read_with_what_is_stale(chain: Chain, clock: list[float]) -> None:
    upkeep = await started(chain)
    info = created(7)
    chain.pools[info.address] = UniswapV2Pool(info, 10**20, 10**20)

    await noticing(upkeep, info, CURVE.info, hooked="hooks")

    assert upkeep.market.stale == {info.address}
    assert await upkeep.refresh() == {info.address}
    assert upkeep.report()["filtered"]["hooks"] == 1
    await upkeep.look_around()
    assert info.address in upkeep.market.infos


async def test_notice__node_fails__logs_are_looked_at_with_the_next_ones(chain: Chain, clock: list[float]) -> None:
    class Failing(Told):
        async def look_at(self, block: Block, logs: Any) -> Found:
            asked.append((block.number, list(logs)))
            if len(asked) == 1:
                raise RpcError("node is out of reach")
            return Found([])

    asked: list[tuple[int, list[Any]]] = []
    upkeep = await started(chain)
    upkeep._discovery = Failing()  # type: ignore[assignment]
    with pytest.raises(RpcError):
        await upkeep.notice(head(0), [{"a": 1}])

    await upkeep.notice(head(1), [{"b": 2}])
    await upkeep.notice(head(2), [{"c": 3}])

    assert asked == [(0, [{"a": 1}]), (1, [{"a": 1}, {"b": 2}]), (2, [{"c": 3}])]


async def test_notice__denied_pools_and_tokens__stay_out_and_are_counted(chain: Chain, clock: list[float]) -> None:
    pool, curve = created(7), replace(CURVE.info, address=Address("0x" + "07" * 20), tokens=(USDC, ARB))
    upkeep = await started(chain, deny_pools=[pool.address], deny_tokens=["USDC"])

    await noticing(upkeep, pool, curve)

    assert not upkeep.market.stale
    assert {"pool_denied": 1, "token_denied": 1}.items() <= upkeep.report()["filtered"].items()


async def test_notice__token_is_in_quarantine__its_new_pools_stay_out(chain: Chain, clock: list[float]) -> None:
    upkeep = await started(chain)
    upkeep.quarantine.hold_token(ARB, "simulation")

    await noticing(upkeep, created(7))

    assert not upkeep.market.stale
    assert upkeep.report()["filtered"]["token_quarantined"] == 1


async def test_notice__pool_is_empty__is_looked_at_later_and_later(chain: Chain, clock: list[float]) -> None:
    upkeep = await started(chain)
    info = created(7)
    chain.pools[info.address] = UniswapV2Pool(info, 1, 1)
    told = await noticing(upkeep, info)
    await upkeep.refresh()

    await upkeep.look_around()

    assert info.address not in upkeep.market.infos
    assert upkeep.report()["quarantined_for"] == {"illiquid": 1}
    await upkeep.notice(head(0), [])
    assert info.address not in upkeep.market.infos
    chain.pools[info.address] = UniswapV2Pool(info, 10**20, 10**20)
    told.found = Found()
    clock[0] = 60.0
    await upkeep.look_around()
    await upkeep.refresh()
    await upkeep.look_around()
    assert upkeep.market.peek(info.address) == chain.pools[info.address]


async def test_look_around__scan_is_behind__what_it_finds_is_let_in(chain: Chain, clock: list[float]) -> None:
    upkeep = await started(chain)
    told = await noticing(upkeep)
    told.found, told.behind = Found([created(7)]), 10

    await upkeep.look_around()

    assert upkeep.market.stale == {created(7).address}


async def test_report__says_what_is_off_and_why(chain: Chain, clock: list[float]) -> None:
    upkeep = await started(chain, dexes_on=["camelot_v2"], dexes_off=["uniswap_v4"])

    report = upkeep.report()

    assert report["by_dex"] == {"curve_plain": 1, "sushi_v2": 1}
    assert "camelot_v2" not in report["off"]
    assert report["off"]["uniswap_v4"] == "dexes_off"
    assert "November 2025" in report["off"]["balancer_v2_stable"]


async def test_quarantine__pool_of_a_new_family__is_put_out_and_comes_back(chain: Chain, clock: list[float]) -> None:
    upkeep = await started(chain)

    upkeep.misled([CURVE.address])

    assert set(upkeep.market.infos) == {DEEP.address}
    assert upkeep.gone() == {CURVE.address}
    clock[0] = 60.0
    await upkeep.look_around()
    assert upkeep.market.stale == {CURVE.address}
