"""
The market as a state machine: whatever blocks, reads, losses, evictions and reorganisations come, and however a node
tells them - shuffled, twice, in part, taken back - it equals a rebuild.
"""

import asyncio
import random
from collections.abc import Sequence
from itertools import count
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from keeper.chain.bloom import bloom_of
from keeper.chain.follower import Follower, NewBlock, Unwound
from keeper.errors import ChainError, StalePool
from keeper.events import TOPICS, Event, Sync, V3Burn, V3Mint, V3Swap, decode
from keeper.market import Field, Market, Reserve, TickRange
from keeper.math.tick_math import get_sqrt_ratio_at_tick
from keeper.pools.pool import Pool, PoolInfo
from keeper.pools.uniswap_v2 import UniswapV2Pool
from keeper.pools.uniswap_v3 import UniswapV3Pool
from keeper.types import Address, Call, Reading
from tests.fake_node import FakeNode

TOKENS = (Address("0x" + "01" * 20), Address("0x" + "02" * 20))
PAIRS = [PoolInfo("uniswap_v2", "sushi_v2", Address(f"0x{n:040x}"), TOKENS, 3_000) for n in range(1, 4)]
CONCENTRATED = [PoolInfo("uniswap_v3", "uniswap_v3", Address(f"0x{n:040x}"), TOKENS, 500, 10) for n in range(10, 13)]
INFOS = {info.address: info for info in PAIRS + CONCENTRATED}
DEPTH = 64

#: One pool fewer than there are.
CAPACITY = len(INFOS) - 1


def initial(info: PoolInfo) -> Pool:
    if info.family == "uniswap_v2":
        return UniswapV2Pool(info, 10**9, 10**9)
    pool = UniswapV3Pool.from_snapshot(
        {
            **UniswapV3Pool.new(info).snapshot(),
            "sqrt_price_x96": str(get_sqrt_ratio_at_tick(0)),
            "ticks": {},
        }
    )
    whole = pool.apply(V3Mint(info.address, -500, 500, 10**12, 0, 0))
    assert whole is not None
    return whole


def events() -> st.SearchStrategy[list[Event]]:
    pairs = st.sampled_from([info.address for info in PAIRS])
    concentrated = st.sampled_from([info.address for info in CONCENTRATED])
    strangers = st.just(Address("0x" + "ee" * 20))
    reserve = st.integers(1, 2**112 - 1)
    edge = st.integers(-40, 39)
    return st.lists(
        st.one_of(
            st.builds(Sync, st.one_of(pairs, strangers), reserve, reserve),
            st.builds(lambda pool, tick: swapped(pool, tick), concentrated, st.integers(-390, 390)),
            st.builds(
                lambda pool, lower, width, amount: V3Mint(pool, lower * 10, (lower + width) * 10, amount, 0, 0),
                concentrated,
                edge,
                st.integers(1, 40),
                st.integers(1, 10**6),
            ),
            st.builds(lambda pool, amount: V3Burn(pool, -500, 500, amount, 0, 0), concentrated, st.integers(0, 10)),
        ),
        max_size=6,
    )


def swapped(pool: Address, tick: int) -> V3Swap:
    return V3Swap(pool, 1, -1, get_sqrt_ratio_at_tick(tick), 10**12, tick)


def fields(info: PoolInfo) -> st.SearchStrategy[Field]:
    if info.family == "uniswap_v2":
        return st.builds(Reserve, st.integers(0, 1))
    return st.one_of(
        st.just(Reserve(0)),
        st.builds(lambda first, width: TickRange(first, first + width), st.integers(-900, 800), st.integers(0, 900)),
    )


# ---------------------------------------------------------------- logs and answers, as a node has them

_TOPICS = {
    Sync: "0x1c411e9a96e071241c2f21f7726b17ae89e3cab4c78be50e062b03a9fffbbad1",
    V3Swap: "0xc42079f94a6350d7e6235f29174924f928cc2ac818eb64fed8004e115fbcca67",
    V3Mint: "0x7a53080ba414158be7ec69b987b5fb7d07dee101fe85488f0853ae16239d0bde",
    V3Burn: "0x0c396cd989a39f4459b5fa1aed6a9a8dcdbc45908acfd67e028cd568da98982c",
}


def word(value: int) -> str:
    return (value % (1 << 256)).to_bytes(32).hex()


def as_log(event: Event, block_hash: str, index: int) -> dict[str, Any]:
    topics: list[int] = []
    match event:
        case Sync():
            words = [event.reserve0, event.reserve1]
        case V3Swap():
            topics = [7, 7]
            words = [event.amount0, event.amount1, event.sqrt_price_x96, event.liquidity, event.tick]
        case V3Mint():
            topics = [7, event.tick_lower, event.tick_upper]
            words = [7, event.amount, event.amount0, event.amount1]
        case V3Burn():
            topics = [7, event.tick_lower, event.tick_upper]
            words = [event.amount, event.amount0, event.amount1]
        case _:
            raise AssertionError("the machine makes no such event")
    return {
        "address": event.pool,
        "topics": [_TOPICS[type(event)], *(f"0x{word(topic)}" for topic in topics)],
        "data": "0x" + "".join(map(word, words)),
        "blockHash": block_hash,
        "logIndex": hex(index),
        "transactionIndex": hex(index),
        "removed": False,
    }


def answer(pool: Pool, call: Call) -> bytes:
    """What the contract says of a pool in this state."""
    argument = int.from_bytes(call.data[4:], signed=True)
    if isinstance(pool, UniswapV2Pool):
        return bytes.fromhex(word(pool.reserve0) + word(pool.reserve1) + word(0))
    assert isinstance(pool, UniswapV3Pool)
    match call.data[:4].hex():
        case "3850c7bd":
            return bytes.fromhex(word(pool.sqrt_price_x96) + word(pool.tick) + word(0) * 5)
        case "1a686502":
            return bytes.fromhex(word(pool.liquidity))
        case "5339c296":
            spacing = pool.info.tick_spacing
            bits = (tick // spacing for tick in pool.ticks if tick // spacing >> 8 == argument)
            return bytes.fromhex(word(sum(1 << (bit & 255) for bit in bits)))
        case _:
            return bytes.fromhex("".join(map(word, pool.ticks[argument])) + word(0) * 6)


def finished(reading: Reading[Pool], truth: Pool) -> Pool:
    try:
        calls = next(reading)
        while True:
            calls = reading.send([answer(truth, call) for call in calls])
    except StopIteration as done:
        pool: Pool = done.value
        return pool


class TellingNode(FakeNode):
    """
    A node whose next answers about logs are bent: put in another order, doubled, cut, or marked as taken back.
    """

    def __init__(self) -> None:
        super().__init__()
        self.bend: str | None = None
        self.random = random.Random(0)

    def _logs(self, wanted: dict[str, Any]) -> list[dict[str, Any]]:
        logs = list(super()._logs(wanted))
        match self.bend:
            case "shuffled and twice":
                logs += [dict(log) for log in logs if self.random.random() < 0.5]
                self.random.shuffle(logs)
            case "in part" if logs:
                # That the last of several like logs is missing no header can tell.
                told = bloom_of(logs[:-1]) != bloom_of(logs)
                del logs[self.random.randrange(len(logs) if told else len(logs) - 1)]
            case "removed" if logs:
                k = self.random.randrange(len(logs))
                logs[k] = {**logs[k], "removed": True}
            case "of another block" if logs:
                logs[-1] = {**logs[-1], "blockHash": "0x" + "ee" * 32}
        return logs


class MarketMachine(RuleBasedStateMachine):
    """
    The chain is kept as a node's blocks with the events in them; the truth is folded from its first block each time.
    """

    def __init__(self) -> None:
        super().__init__()
        self.names = count()
        self.node = TellingNode()
        self.happened: list[Sequence[Event]] = []
        self.loop = asyncio.new_event_loop()
        self.put_block([])
        self.follower = Follower(self.node, list(TOPICS))  # type: ignore[arg-type]
        head = self.loop.run_until_complete(self.follower.start())
        self.market = Market(INFOS.values(), capacity=CAPACITY)
        self.market.start(head, now=0.0)
        self.read_all()

    def teardown(self) -> None:
        self.loop.close()

    def put_block(self, happened: Sequence[Event]) -> None:
        number, parent = len(self.happened), self.node.chain[-1]["hash"] if self.node.chain else "0x" + "00" * 32
        name = f"0x{next(self.names) + 1:064x}"
        logs = [as_log(event, name, index) for index, event in enumerate(happened)]
        header = {"number": hex(number), "hash": name, "parentHash": parent, "timestamp": "0x0"}
        self.node.chain.append({**header, "logsBloom": hex(bloom_of(logs))})
        self.node.logs[name] = logs
        self.happened.append(happened)

    def truth(self) -> dict[Address, Pool]:
        """A rebuild from scratch: what a read of every pool at the head says."""
        pools = {address: initial(info) for address, info in INFOS.items()}
        for happened in self.happened:
            for event in happened:
                if event.pool in pools:
                    after = pools[event.pool].apply(event)
                    assert after is not None
                    pools[event.pool] = after
        return pools

    def follow(self) -> None:
        """What the keeper does with news."""
        for news in self.loop.run_until_complete(self.follower.news()):
            if isinstance(news, Unwound):
                self.market.unwind(news.head.hash)
            elif isinstance(news, NewBlock):
                events = [event for log in news.logs if (event := decode(log)) is not None]
                self.market.advance(news.block, events, now=0.0)

    @rule(happened=events(), bend=st.sampled_from([None, "shuffled and twice"]), seed=st.integers(0, 99))
    def a_block_comes(self, happened: list[Event], bend: str | None, seed: int) -> None:
        self.put_block(happened)
        self.node.bend, self.node.random = bend, random.Random(seed)
        self.follow()

    @rule(happened=events(), bend=st.sampled_from(["in part", "removed", "of another block"]), seed=st.integers(0, 99))
    def a_block_comes_and_the_node_errs_first(self, happened: list[Event], bend: str, seed: int) -> None:
        self.put_block(happened)
        self.node.bend, self.node.random = bend, random.Random(seed)
        head = self.market.head
        if happened:
            try:
                self.follow()
            except ChainError:
                assert self.market.head == head
            else:
                raise AssertionError("logs that are not the block's were believed")
        self.node.bend = None
        self.follow()

    @rule(blocks=st.lists(events(), min_size=1, max_size=9))
    def the_keeper_was_behind(self, blocks: list[list[Event]]) -> None:
        for happened in blocks:
            self.put_block(happened)
        self.node.bend = None
        self.follow()

    @precondition(lambda self: len(self.happened) > 1)
    @rule(depth=st.integers(1, DEPTH), branch=st.lists(events(), min_size=1, max_size=3))
    def blocks_are_replaced(self, depth: int, branch: list[list[Event]]) -> None:
        keep = max(len(self.happened) - depth, 1, self.market.oldest.number + 1)
        del self.happened[keep:]
        del self.node.chain[keep:]
        for happened in branch:
            self.put_block(happened)
        self.node.bend = None
        self.follow()

    @rule(addresses=st.sets(st.sampled_from(sorted(INFOS))))
    def pools_are_lost(self, addresses: set[Address]) -> None:
        self.market.invalidate_many(addresses)

    @rule(lost=st.sampled_from(sorted(INFOS)).flatmap(lambda a: st.tuples(st.just(a), fields(INFOS[a]))))
    def a_field_is_lost(self, lost: tuple[Address, Field]) -> None:
        self.market.invalidate_field(*lost)

    @rule(busy=st.lists(st.sampled_from(sorted(INFOS)), max_size=20), n=st.integers(1, 3))
    def busy_pools_take_the_place_of_quiet_ones(self, busy: list[Address], n: int) -> None:
        self.market.note_activity(busy)
        self.market.warm(n)

    @rule()
    def the_log_stream_was_lost(self) -> None:
        self.market.expire(now=46.0)

    @rule()
    def the_stale_are_read(self) -> None:
        self.read_all()

    @rule()
    def the_keeper_resyncs(self) -> None:
        head = self.loop.run_until_complete(self.follower.start())
        self.market.start(head, now=0.0)

    def read_all(self) -> None:
        """A field that was forgotten is read alone, by the keeper's own reading."""
        truth = self.truth()
        read = []
        for address in self.market.stale:
            mending = self.market.mending(address)
            read.append(truth[address] if mending is None else finished(mending, truth[address]))
        self.market.refresh(read, at=self.market.head.hash)

    @invariant()
    def a_pool_is_the_truth_or_refuses(self) -> None:
        unreadable = self.market.stale | self.market.cold
        for address, pool in self.truth().items():
            if address in unreadable:
                try:
                    self.market.pool(address)
                except StalePool:
                    continue
                raise AssertionError("a stale pool was given")
            assert self.market.pool(address) == pool

    @invariant()
    def no_more_is_kept_than_there_is_room_for(self) -> None:
        assert len(INFOS) - len(self.market.cold) <= CAPACITY


def test_market__any_mixture_of_blocks_reads_losses_and_reorganisations__equals_a_rebuild() -> None:
    run_state_machine_as_test(
        MarketMachine, settings=settings(max_examples=60, stateful_step_count=40, deadline=None, derandomize=True)
    )
