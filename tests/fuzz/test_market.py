"""
The market as a state machine: whatever blocks, reads, losses and reorganisations come, it equals a rebuild.
"""

from itertools import count

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from keeper.errors import StalePool
from keeper.events import Event, Sync, V3Burn, V3Mint, V3Swap
from keeper.market import Market
from keeper.math.tick_math import get_sqrt_ratio_at_tick
from keeper.pools.pool import Pool, PoolInfo
from keeper.pools.uniswap_v2 import UniswapV2Pool
from keeper.pools.uniswap_v3 import UniswapV3Pool
from keeper.types import Address, Block, Hash

TOKENS = (Address("0x" + "01" * 20), Address("0x" + "02" * 20))
PAIRS = [PoolInfo("uniswap_v2", "sushi_v2", Address(f"0x{n:040x}"), TOKENS, 3_000) for n in range(1, 4)]
CONCENTRATED = [PoolInfo("uniswap_v3", "uniswap_v3", Address(f"0x{n:040x}"), TOKENS, 500, 10) for n in range(10, 13)]
INFOS = {info.address: info for info in PAIRS + CONCENTRATED}
DEPTH = 64


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


class MarketMachine(RuleBasedStateMachine):
    """
    The chain is kept as a list of blocks with the events in them; the truth is folded from its first block each time.
    """

    def __init__(self) -> None:
        super().__init__()
        self.names = count()
        genesis = Block(0, Hash("genesis"), Hash(""), 0, 0)
        self.chain: list[tuple[Block, list[Event]]] = [(genesis, [])]
        self.market = Market(INFOS.values())
        self.market.start(genesis, now=0.0)
        self.read_all()

    def truth(self) -> dict[Address, Pool]:
        """A rebuild from scratch: what a read of every pool at the head says."""
        pools = {address: initial(info) for address, info in INFOS.items()}
        for _, happened in self.chain:
            for event in happened:
                if event.pool in pools:
                    after = pools[event.pool].apply(event)
                    assert after is not None
                    pools[event.pool] = after
        return pools

    def extend(self, happened: list[Event]) -> None:
        head, _ = self.chain[-1]
        block = Block(head.number + 1, Hash(f"block {next(self.names)}"), head.hash, 0, 0)
        self.chain.append((block, happened))
        self.market.advance(block, happened, now=0.0)

    @rule(happened=events())
    def a_block_comes(self, happened: list[Event]) -> None:
        self.extend(happened)

    @precondition(lambda self: len(self.chain) > 1)
    @rule(depth=st.integers(1, DEPTH), branch=st.lists(events(), min_size=1, max_size=3))
    def blocks_are_replaced(self, depth: int, branch: list[list[Event]]) -> None:
        del self.chain[max(len(self.chain) - depth, 1) :]
        self.market.unwind(self.chain[-1][0].hash)
        for happened in branch:
            self.extend(happened)

    @rule(addresses=st.sets(st.sampled_from(sorted(INFOS))))
    def pools_are_lost(self, addresses: set[Address]) -> None:
        self.market.invalidate_many(addresses)

    @rule()
    def the_log_stream_was_lost(self) -> None:
        self.market.expire(now=46.0)

    @rule()
    def the_stale_are_read(self) -> None:
        self.read_all()

    @rule()
    def the_keeper_resyncs(self) -> None:
        head, _ = self.chain[-1]
        before = [happened for _, happened in self.chain]
        self.market.start(head, now=0.0)
        # What was before the start cannot be unwound: for the machine the chain begins here.
        self.chain = [(head, [event for happened in before for event in happened])]

    def read_all(self) -> None:
        truth = self.truth()
        self.market.refresh([truth[address] for address in self.market.stale])

    @invariant()
    def a_pool_is_the_truth_or_refuses(self) -> None:
        for address, pool in self.truth().items():
            if address in self.market.stale:
                try:
                    self.market.pool(address)
                except StalePool:
                    continue
                raise AssertionError("a stale pool was given")
            assert self.market.pool(address) == pool


def test_market__any_mixture_of_blocks_reads_losses_and_reorganisations__equals_a_rebuild() -> None:
    run_state_machine_as_test(
        MarketMachine, settings=settings(max_examples=60, stateful_step_count=40, deadline=None, derandomize=True)
    )
