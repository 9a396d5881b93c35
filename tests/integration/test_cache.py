"""
The reference design's two promises, on real contracts, under its policy and under ours: a swap, mint or burn makes the
old reserve unreadable at once, and the next read equals the chain. And: a field that is forgotten is read alone.
"""

from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest
from eth_abi.abi import encode

import localnet
from keeper.chain.follower import Follower, NewBlock
from keeper.chain.reader import Reader
from keeper.chain.rpc import Rpc
from keeper.config import load_chain
from keeper.errors import PoolError, StalePool
from keeper.events import TOPICS, decode
from keeper.market import CachePolicy, Fee, Field, Market, Reserve, TickRange
from keeper.market.audit import same
from keeper.pools import FAMILIES
from keeper.pools.pool import Pool, PoolInfo
from keeper.pools.uniswap_v3 import UniswapV3Pool
from keeper.registry import TICK_RADIUS
from keeper.types import Address, Call, Hash, Reading
from localnet import Localnet, accounts, addresses, artifacts, compiler, swaps
from localnet.abi import Function, function
from localnet.protocols.uniswap_v3 import tick_at
from localnet.site import UNLIMITED

FACTS = load_chain("arbitrum")
OWNER = accounts.OWNER

#: One pool of each kind.
V2, V3, CURVE = "uniswap_v2 WETH/USDC 3000", "uniswap_v3 WETH/USDC 500", "curve DAI/USDC/USDT 400"
PANCAKE, WEIGHTED, STABLE = "pancake_v3 WETH/USDC 500", "balancer_v2 WETH/ARB 3000", "balancer_v2 USDC/DAI/USDT 100"

_ADD = function("addLiquidity(address,address,uint256,uint256,uint256,uint256,address,uint256)")
_REMOVE = function("removeLiquidity(address,address,uint256,uint256,uint256,address,uint256)")
_APPROVE = function("approve(address,uint256)")
_MINT = function("mint(address,int24,int24,uint128)")
_BURN = function("burn(int24,int24,uint128)")
_DEADLINE = 2**40


@pytest.fixture(scope="module")
def net() -> Iterator[Localnet]:
    with localnet.start(sequencer=False) as net:
        net.rpc("anvil_autoImpersonateAccount", True)
        yield net


class Watched:
    """A market of all pools of the localnet, which follows it."""

    def __init__(self, net: Localnet, rpc: Rpc, policy: CachePolicy) -> None:
        self.net = net
        self.policy = policy
        self.reader = Reader(rpc, Address(FACTS.multicall3))
        self.infos = {placed.name: info_of(net, placed) for placed in net.layout.pools}
        self.market = Market(self.infos.values(), policy=policy)
        self._follower = Follower(rpc, list(TOPICS))

    async def start(self) -> None:
        self.market.start(await self._follower.start(), now=0.0)
        await self.refresh()

    async def follow(self) -> None:
        for news in await self._follower.news():
            assert isinstance(news, NewBlock)
            events = [event for log in news.logs if (event := decode(log)) is not None]
            self.market.advance(news.block, events, now=0.0)

    async def refresh(self) -> list[Call]:
        """Read what is stale as the keeper does; return what was asked."""
        asked: list[Call] = []
        stale = sorted(self.market.stale)
        readings = [noted(self.market.mending(a) or self.reading(self.market.infos[a]), asked) for a in stale]
        read = await self.reader.read(readings, self.market.head.hash)
        assert not any(isinstance(pool, PoolError) for pool in read)
        self.market.refresh([pool for pool in read if not isinstance(pool, PoolError)])
        return asked

    async def on_chain(self, name: str) -> Pool:
        (pool,) = await self.reader.read([self.reading(self.infos[name])], self.market.head.hash)
        assert not isinstance(pool, PoolError)
        return pool

    def reading(self, info: PoolInfo) -> Reading[Pool]:
        return FAMILIES[info.family].read(info, TICK_RADIUS)

    def pool(self, name: str) -> Pool:
        return self.market.pool(self.infos[name].address)

    def send(self, to: str, data: bytes, sender: str = OWNER) -> None:
        request = {"from": sender, "to": to, "data": "0x" + data.hex(), "gas": hex(1 << 25), "gasPrice": hex(10**9)}
        name = self.net.rpc("eth_sendTransaction", request)
        self.net.mine()
        receipt = self.net.rpc("eth_getTransactionReceipt", name)
        assert receipt["status"] == "0x1"

    def swap(self, name: str) -> None:
        placed = self.net.layout.pool(name)
        token = self.net.layout.tokens[placed.tokens[0]]
        amount = 5_000 * 100 * 10**token.decimals // token.price_cents
        trader = self.net.layout.traders[placed.dex][0]
        to, data = swaps.call(swaps.Swap(placed, 0, 1, amount), self.net.layout, trader)
        self.send(to, data, trader)


def noted(reading: Reading[Pool], asked: list[Call]) -> Reading[Pool]:
    """The same reading, every call of which is written down."""
    try:
        calls = next(reading)
        while True:
            asked += calls
            calls = reading.send((yield calls))
    except StopIteration as done:
        pool: Pool = done.value
        return pool


def info_of(net: Localnet, placed: Any) -> PoolInfo:
    tokens = tuple(Address(net.layout.tokens[symbol].address.lower()) for symbol in placed.tokens)
    spacing = next(
        (dex.fee_tiers[placed.fee_pips] for dex in FACTS.dexes if dex.name == placed.dex and dex.fee_tiers), 0
    )
    fee_pips = placed.fee_pips if placed.family.startswith("uniswap") else 0
    address = Address(placed.address.lower())
    return PoolInfo(placed.family, placed.dex, address, tokens, fee_pips, spacing, Hash(placed.pool_id or ""))


@pytest.fixture(params=[CachePolicy.INVALIDATE, CachePolicy.APPLY])
async def watched(net: Localnet, request: pytest.FixtureRequest) -> AsyncIterator[Watched]:
    async with Rpc(net.url) as rpc:
        watched = Watched(net, rpc, request.param)
        await watched.start()
        yield watched


def pair_mint(watched: Watched) -> None:
    a, b = watched.infos[V2].tokens
    watched.send(addresses.UNISWAP_V2_ROUTER, _ADD.calldata(a, b, 10**18, 3_000 * 10**6, 0, 0, OWNER, _DEADLINE))


def pair_burn(watched: Watched) -> None:
    a, b = watched.infos[V2].tokens
    watched.send(watched.infos[V2].address, _APPROVE.calldata(addresses.UNISWAP_V2_ROUTER, UNLIMITED))
    watched.send(addresses.UNISWAP_V2_ROUTER, _REMOVE.calldata(a, b, 10**9, 0, 0, OWNER, _DEADLINE))


def position(watched: Watched, name: str) -> tuple[int, int]:
    pool, spacing = watched.pool(name), watched.infos[name].tick_spacing
    assert isinstance(pool, UniswapV3Pool)
    middle = tick_at(pool.sqrt_price_x96) // spacing * spacing
    return middle - 7 * spacing, middle + 9 * spacing


def minting(name: str) -> Callable[[Watched], None]:
    def mint(watched: Watched) -> None:
        lower, upper = position(watched, name)
        watched.send(addresses.V3_ROUTER, _MINT.calldata(watched.infos[name].address, lower, upper, 10**14))

    return mint


def burning(name: str) -> Callable[[Watched], None]:
    def burn(watched: Watched) -> None:
        lower, upper = position(watched, name)
        watched.send(watched.infos[name].address, _BURN.calldata(lower, upper, 10**14))

    return burn


def curve_mint(watched: Watched) -> None:
    add = compiler.compiled("StableSwap", N_COINS=3).abi.find("add_liquidity", 2)
    watched.send(watched.infos[CURVE].address, add.calldata([10**20, 10**8, 10**8], 0))


def curve_burn(watched: Watched) -> None:
    remove = compiler.compiled("StableSwap", N_COINS=3).abi.find("remove_liquidity", 2)
    watched.send(watched.infos[CURVE].address, remove.calldata(10**18, [0, 0, 0]))


def vault(name: str, watched: Watched, method: str, data: bytes) -> None:
    pool_id = bytes.fromhex(watched.infos[name].pool_id[2:])
    abi = artifacts.load("Vault").abi
    tokens = Function("getPoolTokens", ("bytes32",), ("address[]", "uint256[]", "uint256"))
    request = {"to": addresses.BALANCER_VAULT, "data": "0x" + tokens.calldata(pool_id).hex()}
    assets, *_ = tokens.decode(bytes.fromhex(watched.net.rpc("eth_call", request, "latest")[2:]))
    limits = [UNLIMITED if method == "joinPool" else 0] * len(assets)
    call = abi.find(method, 4).calldata(pool_id, OWNER, OWNER, (assets, limits, data, False))
    watched.send(addresses.BALANCER_VAULT, call)


def joining(name: str) -> Callable[[Watched], None]:
    def join(watched: Watched) -> None:
        amounts = [10**6] * len(watched.infos[name].tokens)
        vault(name, watched, "joinPool", encode(["uint256", "uint256[]", "uint256"], [1, amounts, 0]))

    return join


def exiting(name: str, kind: int) -> Callable[[Watched], None]:
    def leave(watched: Watched) -> None:
        vault(name, watched, "exitPool", encode(["uint256", "uint256"], [kind, 10**15]))

    return leave


def swapping(name: str) -> Callable[[Watched], None]:
    return lambda watched: watched.swap(name)


#: How each kind of pool is moved, and which pool that is.
MOVES = {
    "v2 swap": (V2, swapping(V2)),
    "v2 mint": (V2, pair_mint),
    "v2 burn": (V2, pair_burn),
    "v3 swap": (V3, swapping(V3)),
    "v3 mint": (V3, minting(V3)),
    "v3 burn": (V3, burning(V3)),
    "pancake swap": (PANCAKE, swapping(PANCAKE)),
    "pancake mint": (PANCAKE, minting(PANCAKE)),
    "pancake burn": (PANCAKE, burning(PANCAKE)),
    "curve swap": (CURVE, swapping(CURVE)),
    "curve mint": (CURVE, curve_mint),
    "curve burn": (CURVE, curve_burn),
    "balancer swap": (WEIGHTED, swapping(WEIGHTED)),
    "balancer mint": (WEIGHTED, joining(WEIGHTED)),
    "balancer burn": (WEIGHTED, exiting(WEIGHTED, 1)),
    "stable swap": (STABLE, swapping(STABLE)),
    "stable mint": (STABLE, joining(STABLE)),
    "stable burn": (STABLE, exiting(STABLE, 2)),
}


@pytest.mark.parametrize("move", MOVES)
async def test_cache__pool_moved_on_chain__old_state_is_unreadable_and_next_read_equals_the_chain(
    watched: Watched, move: str
) -> None:
    name, act = MOVES[move]
    if move.endswith("burn"):
        await prepare(watched, MOVES[move.replace("burn", "mint")][1])
    old = watched.pool(name)
    applied = watched.market.counts.applied

    act(watched)
    await watched.follow()

    try:
        assert watched.pool(name) != old
        told = True
    except StalePool:
        told = False
    await watched.refresh()
    assert same(watched.pool(name), await watched.on_chain(name))
    announced = watched.infos[name].family.startswith("uniswap") or name == WEIGHTED
    assert told == announced == (watched.market.counts.applied > applied) or watched.policy is CachePolicy.INVALIDATE
    assert not (told and watched.policy is CachePolicy.INVALIDATE)


async def prepare(watched: Watched, act: Callable[[Watched], None]) -> None:
    """Have there be something to burn."""
    act(watched)
    await watched.follow()
    await watched.refresh()


@pytest.fixture
async def applied(net: Localnet) -> AsyncIterator[Watched]:
    async with Rpc(net.url) as rpc:
        watched = Watched(net, rpc, CachePolicy.APPLY)
        await watched.start()
        yield watched


@pytest.mark.parametrize(
    ("name", "what", "calls"),
    [
        (V2, Reserve(0), 1),
        (V3, Reserve(1), 2),
        (CURVE, Reserve(2), 1),
        (CURVE, Fee(), 1),
        (WEIGHTED, Reserve(0), 1),
        (WEIGHTED, Fee(), 1),
        (STABLE, Fee(), 1),
    ],
)
async def test_field__forgotten__is_read_alone(applied: Watched, name: str, what: Field, calls: int) -> None:
    before = applied.pool(name)
    applied.market.invalidate_field(applied.infos[name].address, what)
    with pytest.raises(StalePool):
        applied.pool(name)

    asked = await applied.refresh()

    assert len(asked) == calls
    assert applied.pool(name) == before


async def test_field__tick_range_forgotten__only_its_ticks_are_read(applied: Watched) -> None:
    before = applied.pool(V3)
    assert isinstance(before, UniswapV3Pool)
    span = TickRange(before.tick - 200, before.tick + 200)
    within = [tick for tick in before.ticks if span.first <= tick <= span.last]
    applied.market.invalidate_field(applied.infos[V3].address, span)

    asked = await applied.refresh()

    assert 20 <= len(within) < len(asked) <= len(within) + 2 < len(before.ticks)
    assert applied.pool(V3) == before


async def test_field__forgotten_while_blocks_come__is_what_the_chain_says(applied: Watched) -> None:
    lower, upper = position(applied, V3)
    address = applied.infos[V3].address
    applied.market.invalidate_field(address, TickRange(lower - 100, upper + 100))
    applied.market.invalidate_field(address, Reserve(0))
    applied.send(addresses.V3_ROUTER, _MINT.calldata(address, lower, upper, 10**14))
    applied.swap(V3)
    await applied.follow()
    assert applied.market.stale == {address}

    await applied.refresh()

    assert same(applied.pool(V3), await applied.on_chain(V3))


async def test_field__that_is_not_state__makes_the_whole_pool_be_read(applied: Watched) -> None:
    applied.market.invalidate_field(applied.infos[V3].address, Fee())

    asked = await applied.refresh()

    assert len(asked) > len(applied.pool(V3).snapshot()["ticks"])
    assert same(applied.pool(V3), await applied.on_chain(V3))
