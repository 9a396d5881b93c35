"""
Quarantine and audit, and how the keeper uses them.
"""

from dataclasses import replace
from itertools import pairwise

import pytest

from keeper.chain.reader import Reader
from keeper.config import load_chain, load_settings
from keeper.errors import PoolError
from keeper.market import Audit, Market, Quarantine
from keeper.market.audit import same
from keeper.math.tick import Ticks
from keeper.pools.curve_stableswap import CurveStableSwapPool
from keeper.pools.pool import Pool, PoolInfo
from keeper.pools.uniswap_v2 import UniswapV2Pool
from keeper.pools.uniswap_v3 import UniswapV3Pool
from keeper.types import Address, Block, Hash
from keeper.upkeep import Upkeep

WETH, USDC, RUG = (Address("0x" + byte * 20) for byte in ("01", "02", "03"))
INFOS = [PoolInfo("uniswap_v2", "sushi_v2", Address(f"0x{n:040x}"), (WETH, RUG), 3_000) for n in range(1, 6)]
FIRST, SECOND, THIRD, FOURTH, _ = (info.address for info in INFOS)
CONCENTRATED = PoolInfo("uniswap_v3", "uniswap_v3", Address("0x" + "c3" * 20), (WETH, USDC), 500, 10)


def test_quarantine__failures_in_a_row__put_a_pool_in() -> None:
    quarantine = Quarantine()

    assert [quarantine.strike(INFOS[0], "unreadable", 3, 0.0) for _ in range(3)] == [False, False, True]
    assert quarantine.pools[FIRST].reason == "unreadable"
    assert quarantine.counts == {"unreadable": 1}


def test_quarantine__success_in_between__does_not() -> None:
    quarantine = Quarantine()
    quarantine.strike(INFOS[0], "unreadable", 2, 0.0)
    quarantine.absolve(FIRST, "unreadable")

    assert not quarantine.strike(INFOS[0], "unreadable", 2, 0.0)
    assert not quarantine.strike(INFOS[0], "malformed_log", 2, 0.0)


def test_quarantine__again_and_again__is_longer_each_time_up_to_a_day() -> None:
    quarantine, now, waits = Quarantine(), 0.0, []
    for _ in range(8):
        quarantine.hold(INFOS[0], "audit_mismatch", now)
        waits.append(quarantine.pools[FIRST].until - now)
        assert quarantine.released(now + waits[-1] - 0.1) == []
        now += waits[-1]
        assert quarantine.released(now) == [INFOS[0]]

    assert waits[0] == 60
    assert all(after == min(4 * before, 86_400) for before, after in pairwise(waits))
    assert waits[-1] == 86_400


def test_quarantine__token_that_held_pools_share__is_suspected_unless_trusted() -> None:
    quarantine = Quarantine(frozenset({WETH}))
    for info in INFOS[:2]:
        quarantine.hold(info, "simulation", 0.0)
    assert not quarantine.suspects("simulation")
    quarantine.hold(INFOS[2], "simulation", 0.0)

    assert quarantine.suspects("simulation") == {RUG}
    assert not quarantine.suspects("unreadable")
    quarantine.hold_token(RUG, "simulation")
    assert not quarantine.suspects("simulation")
    assert quarantine.of_tokens(INFOS) == INFOS
    assert quarantine.released(1e9) == []
    assert quarantine.counts["token_simulation"] == 1


def test_audit__every_pool_in_turn__at_its_share_a_minute() -> None:
    audit = Audit(share=0.4, seed=3)
    addresses = [info.address for info in INFOS]
    assert audit.due(addresses, 0.0) == []
    assert audit.due(addresses, 59.0) == []

    chosen = [audit.due(addresses, 60.0 * minute) for minute in range(1, 6)]

    assert [len(part) for part in chosen] == [2] * 5
    assert sorted(chosen[0] + chosen[1] + chosen[2][:1]) == addresses


def test_audit__nothing_to_look_at__looks_at_nothing() -> None:
    audit = Audit(share=1.0)
    audit.due([], 0.0)

    assert audit.due([], 60.0) == []


def concentrated(known: tuple[int, int], ticks: dict[int, tuple[int, int]]) -> UniswapV3Pool:
    return UniswapV3Pool(CONCENTRATED, 2**96, 0, 5, Ticks.of(ticks, known))


def test_same__ticks_known_in_part__are_compared_where_both_know_them() -> None:
    kept = concentrated((-100, 200), {-100: (1, 1), 50: (2, 2), 150: (7, 7)})
    read = concentrated((-50, 100), {50: (2, 2)})

    assert same(kept, read)
    assert not same(kept, concentrated((-50, 100), {50: (3, 2)}))
    assert not same(kept, concentrated((-50, 100), {}))
    assert not same(kept, replace(read, liquidity=6))
    assert not same(kept, UniswapV2Pool(INFOS[0], 1, 1))


# ---------------------------------------------------------------- used by the keeper


class Chain(Reader):
    """What the chain says of each pool: a pool, or why it says nothing."""

    def __init__(self, pools: list[Pool]) -> None:
        self.pools: dict[Address, Pool | PoolError] = {pool.address: pool for pool in pools}
        self.read_at: list[Hash] = []

    async def read(self, readings, block_hash):  # type: ignore[no-untyped-def]
        self.read_at.append(block_hash)
        return [self.pools[next(reading)[0].target] for reading in readings]


def head(number: int) -> Block:
    return Block(number, Hash(f"a{number}"), Hash(f"a{number - 1}"), number, 0)


@pytest.fixture
def chain() -> Chain:
    return Chain([UniswapV2Pool(info, 1_000, 1_000) for info in INFOS])


@pytest.fixture
async def upkeep(chain: Chain) -> Upkeep:
    settings = load_settings(rpc_url="http://x", audit_share=1.0, min_liquidity_wei=0)
    upkeep = Upkeep(chain, settings, load_chain("arbitrum"), [WETH])
    upkeep.market = Market(INFOS)
    upkeep.market.start(head(0), now=0.0)
    await upkeep.refresh()
    return upkeep


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [0.0]
    monkeypatch.setattr("keeper.upkeep.time.monotonic", lambda: now[0])
    return now


async def audit(upkeep: Upkeep, clock: list[float]) -> frozenset[Address]:
    await upkeep.look_around()
    clock[0] += 60.0
    return await upkeep.look_around()


async def test_upkeep__market_equals_the_chain__nothing_is_put_out(upkeep: Upkeep, clock: list[float]) -> None:
    assert await audit(upkeep, clock) == frozenset()
    assert upkeep.report() | {"filtered": {}, "off": {}} == {
        "followed": 5,
        "by_dex": {"sushi_v2": 5},
        "off": {},
        "filtered": {},
        "discovery": {},
        "metadata": {},
        "quarantined": 0,
        "quarantined_for": {},
        "audited": 5,
        "mismatched": 0,
        "drifted": 0,
    }


async def test_upkeep__pool_differs_from_the_chain__is_put_out_with_its_past_and_comes_back(
    upkeep: Upkeep, chain: Chain, clock: list[float], capsys: pytest.CaptureFixture[str]
) -> None:
    upkeep.market.advance(head(1), [], now=0.25)
    chain.pools[SECOND] = UniswapV2Pool(INFOS[1], 1_000, 999)

    await audit(upkeep, clock)

    assert upkeep.gone() == {SECOND}
    assert upkeep.gone() == frozenset()
    assert upkeep.report()["quarantined_for"] == {"audit_mismatch": 1}
    assert upkeep.report()["mismatched"] == 1
    assert "is not traded for a while: audit_mismatch" in capsys.readouterr().out
    upkeep.market.unwind(Hash("a0"))
    assert upkeep.market.peek(SECOND) is None

    clock[0] += 60.0
    await upkeep.look_around()
    assert upkeep.market.stale == {SECOND}
    await upkeep.refresh()
    assert upkeep.market.peek(SECOND) == chain.pools[SECOND]


async def test_upkeep__state_moved_unannounced__is_taken_over_and_counted(clock: list[float]) -> None:
    info = PoolInfo("curve_stableswap", "curve", FIRST, (WETH, USDC), 0)
    pool = CurveStableSwapPool(info, (10**18, 10**18), (10**18, 10**18), 20_000, 4_000_000, 5 * 10**9)
    chain = Chain([pool])
    upkeep = Upkeep(chain, load_settings(rpc_url="http://x", audit_share=1.0), load_chain("arbitrum"), [])
    upkeep.market = Market([info])
    upkeep.market.start(head(0), now=0.0)
    await upkeep.refresh()
    chain.pools[FIRST] = replace(pool, fee=1)

    assert await audit(upkeep, clock) == {FIRST}
    assert upkeep.market.peek(FIRST) == chain.pools[FIRST]
    assert upkeep.report()["drifted"] == 1


async def test_upkeep__pool_stays_unreadable__is_put_out(upkeep: Upkeep, chain: Chain) -> None:
    chain.pools[FIRST] = PoolError("it does not answer")
    upkeep.market.invalidate(FIRST)
    for _ in range(3):
        await upkeep.refresh()

    assert FIRST not in upkeep.market.infos
    assert upkeep.unreadable == 3
    assert upkeep.report()["quarantined_for"] == {"unreadable": 1}


async def test_upkeep__malformed_logs_go_on__pool_is_put_out(upkeep: Upkeep) -> None:
    upkeep.refused(FIRST)
    assert upkeep.market.stale == {FIRST}
    for _ in range(2):
        upkeep.refused(FIRST)

    assert FIRST not in upkeep.market.infos
    upkeep.refused(Address("0x" + "ee" * 20))


async def test_upkeep__execution_unlike_quote_in_several_pools_of_a_token__token_is_put_out(upkeep: Upkeep) -> None:
    upkeep.misled([FIRST, SECOND])
    assert set(upkeep.market.infos) == {info.address for info in INFOS[2:]}

    upkeep.misled([THIRD])

    assert not upkeep.market.infos
    assert upkeep.report()["quarantined_for"] == {"execution_unlike_quote": 3, "token_execution_unlike_quote": 1}


async def test_upkeep__simulations_fail__only_blocks_in_a_row_without_a_success_count(upkeep: Upkeep) -> None:
    for number in range(1, 40):
        for _ in range(5):
            upkeep.simulated([FIRST, FOURTH], succeeded=number == 20, block=head(number))
    assert len(upkeep.market.infos) == 5

    upkeep.simulated([FIRST], succeeded=False, block=head(40))

    assert FIRST not in upkeep.market.infos
    assert FOURTH in upkeep.market.infos


async def test_upkeep__success_in_the_block_of_a_failure__clears_it(upkeep: Upkeep) -> None:
    for number in range(1, 60):
        upkeep.simulated([FIRST], succeeded=False, block=head(number))
        upkeep.simulated([FIRST], succeeded=True, block=head(number))
        upkeep.simulated([FIRST], succeeded=False, block=head(number))

    assert FIRST in upkeep.market.infos
