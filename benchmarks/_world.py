"""
A localnet with many more pools than it is born with, created through the real factories.
"""

import http.client
import json
import math
import random
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Self

from eth_abi.abi import encode

from keeper.config import ChainFacts, TokenFacts, load_chain
from keeper.types import Address
from localnet import Localnet, addresses, artifacts
from localnet.abi import Function, function
from localnet.protocols.uniswap_v3 import liquidity, tick_at
from localnet.universe import TOKENS

FACTS = load_chain("arbitrum")

#: Who trades and provides liquidity: an account that anvil lets act without a key.
WHALE = Address("0x" + "b16b00b5".rjust(40, "7"))

_RICH = hex(10**30)
_GAS = hex(6_000_000)
_DEADLINE = 2**40
_MAX_TICK = 887_272
_BATCH = 100
_SETUP_PER_BLOCK = 400

#: Half widths in ticks of the positions that every pool has, and the share of its depth in each, in per cent.
_NESTED = ((600, 40), (6_000, 30), (60_000, 10))
_LADDER_SHARE = 20

_APPROVE = function("approve(address,uint256)")
_BRIDGE_INIT = function("bridgeInit(address,bytes)")
_BRIDGE_MINT = function("bridgeMint(address,uint256)")
_CREATE_POOL = function("createPool(address,address,uint24)", ["address"])
_GET_POOL = function("getPool(address,address,uint24)", ["address"])
_GET_PAIR = function("getPair(address,address)", ["address"])
_INITIALIZE = function("initialize(uint160)")
_MINT = function("mint(address,int24,int24,uint128)")
_BURN = function("burn(int24,int24,uint128)")
_OWN_SWAP = function("swap(address,bool,int256,uint160)")
_ADD = function("addLiquidity(address,address,uint256,uint256,uint256,uint256,address,uint256)")
_REMOVE = function("removeLiquidity(address,address,uint256,uint256,uint256,address,uint256)")
_V2_SWAP = function("swapExactTokensForTokens(uint256,uint256,address[],address,uint256)")
_V3_SWAP = Function(
    "exactInputSingle", ("(address,address,uint24,address,uint256,uint256,uint256,uint160)",), ("uint256",)
)
V2_ROUTERS = {"uniswap_v2": addresses.UNISWAP_V2_ROUTER, "sushi_v2": addresses.SUSHI_V2_ROUTER}
_LOWEST_PRICE, _HIGHEST_PRICE = 4_295_128_740, 1_461_446_703_485_210_103_287_273_052_203_988_822_378_723_970_341


@dataclass(frozen=True, slots=True)
class Scale:
    """How large the world is, and how long and lively its stream."""

    pools_v3: int
    pools_v2: int
    tokens: int
    blocks: int
    actions_per_block: float
    seed: int = 1


@dataclass(frozen=True, slots=True)
class WorldToken:
    address: Address
    decimals: int
    price_cents: int

    def units(self, usd: float) -> int:
        """How many of the smallest units are worth so many dollars."""
        return int(usd * 100 * 10**self.decimals / self.price_cents)


@dataclass(frozen=True, slots=True)
class WorldPool:
    """
    A pool of the world.

    Attributes:
        depth: Dollars on each side at its beginning.
        price: Of token0 in token1, as its first square root in Q64.96; of a pair 0.
        positions: What the whale has in it: lower tick, upper tick, liquidity.
    """

    dex: str
    family: str
    address: Address
    tokens: tuple[WorldToken, WorldToken]
    fee_pips: int
    tick_spacing: int
    depth: float
    price: int = 0
    positions: tuple[tuple[int, int, int], ...] = ()


class Batcher:
    """Sends many requests at once: one at a time would be most of the work."""

    def __init__(self, url: str) -> None:
        host, port = url.removeprefix("http://").split(":")
        self._connection = http.client.HTTPConnection(host, int(port), timeout=120)

    def __call__(self, requests: Sequence[tuple[str, list[Any]]]) -> list[Any]:
        results: list[Any] = []
        for start in range(0, len(requests), _BATCH):
            part = requests[start : start + _BATCH]
            body = [{"jsonrpc": "2.0", "id": i, "method": m, "params": p} for i, (m, p) in enumerate(part)]
            self._connection.request("POST", "/", json.dumps(body), {"Content-Type": "application/json"})
            answers = json.loads(self._connection.getresponse().read())
            for answer in sorted(answers, key=lambda answer: answer["id"]):
                if "error" in answer:
                    raise RuntimeError(f"{part[answer['id']][0]}: {answer['error'].get('message')}")
                results.append(answer["result"])
        return results

    def close(self) -> None:
        self._connection.close()


class World:
    """
    Attributes:
        facts: The chain's facts with the tokens that were added.
        pools: Every pool that was created.
        pending: What waits for the next block.
    """

    def __init__(self, net: Localnet, scale: Scale) -> None:
        self.net = net
        self.batch = Batcher(net.url)
        self._random = random.Random(scale.seed)
        self.pending: list[dict[str, str]] = []
        net.rpc("anvil_autoImpersonateAccount", True)
        net.rpc("anvil_setBalance", WHALE, _RICH)
        self._tokens = self._place_tokens(scale.tokens)
        self.facts = _extended(FACTS, self._tokens)
        self.pools = [*self._pairs(scale.pools_v2), *self._concentrated(scale.pools_v3)]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.batch.close()

    # ---------------------------------------------------------------- transactions

    def act(self, to: str, data: bytes, sender: str = WHALE) -> None:
        """Have a transaction in the next block."""
        self.pending.append(
            {"from": sender, "to": to, "data": "0x" + data.hex(), "gas": _GAS, "gasPrice": "0x3b9aca00"}
        )

    def mine(self) -> None:
        """Mine what waits."""
        self.batch([("eth_sendTransaction", [transaction]) for transaction in self.pending])
        self.forget()
        self.net.mine()

    def forget(self) -> None:
        """Let what waits be in no block."""
        self.pending = []

    def _build(self, actions: Iterable[tuple[str, bytes]], sender: str = WHALE) -> None:
        for to, data in actions:
            self.act(to, data, sender)
            if len(self.pending) == _SETUP_PER_BLOCK:
                self.mine()
        self.mine()

    def _ask(self, calls: Sequence[tuple[str, Function, tuple[Any, ...]]]) -> list[Any]:
        requests = [
            ("eth_call", [{"to": to, "data": "0x" + view.calldata(*arguments).hex()}, "latest"])
            for to, view, arguments in calls
        ]
        answers = self.batch(requests)
        return [view.decode(bytes.fromhex(answer[2:])) for (_, view, _), answer in zip(calls, answers, strict=True)]

    # ---------------------------------------------------------------- construction

    def _place_tokens(self, count: int) -> list[WorldToken]:
        known = [WorldToken(Address(t.address.lower()), t.decimals, t.price_cents) for t in TOKENS.values()]
        code = "0x" + artifacts.load("StandardArbERC20").runtime.hex()
        added = [
            WorldToken(
                Address(f"0x70c3{number:036x}"),
                self._random.choice((6, 8, 18, 18, 18)),
                int(10 ** self._random.uniform(0.5, 6)),
            )
            for number in range(1, count - len(known) + 1)
        ]
        gateway = addresses.ERC20_GATEWAY
        self.net.rpc("anvil_setBalance", gateway, _RICH)
        for token in added:
            self.net.rpc("anvil_setCode", token.address, code)
            details = [encode(["string"], ["World"]), encode(["string"], ["WRL"]), encode(["uint8"], [token.decimals])]
            packed = encode(["bytes", "bytes", "bytes"], details)
            self.act(token.address, _BRIDGE_INIT.calldata(token.address, packed), gateway)
            self.act(token.address, _BRIDGE_MINT.calldata(WHALE, token.units(10**12)), gateway)
        for token in known:
            self.net.rpc("anvil_dealERC20", WHALE, token.address, hex(token.units(10**12)))
        self.mine()
        spenders = (
            addresses.V3_ROUTER,
            addresses.UNISWAP_V3_ROUTER,
            addresses.UNISWAP_V2_ROUTER,
            addresses.SUSHI_V2_ROUTER,
        )
        self._build(
            (token.address, _APPROVE.calldata(spender, 2**256 - 1))
            for token in [*known, *added]
            for spender in spenders
        )
        return [*known, *added]

    def _pair_of_tokens(self) -> list[tuple[WorldToken, WorldToken]]:
        """Every pair in the order of its contract, in an order of its own."""
        ordered = sorted(self._tokens, key=lambda token: int(token.address, 16))
        pairs = [(a, b) for i, a in enumerate(ordered) for b in ordered[i + 1 :]]
        self._random.shuffle(pairs)
        return pairs

    def _pairs(self, count: int) -> list[WorldPool]:
        factories = {dex.name: dex.factory for dex in FACTS.dexes}
        slots = [(dex, pair) for pair in self._pair_of_tokens() for dex in V2_ROUTERS]
        free = self._free([(factories[dex], _GET_PAIR, (a.address, b.address)) for dex, (a, b) in slots])
        chosen = [slot for slot, is_free in zip(slots, free, strict=True) if is_free][:count]
        depths = [10 ** self._random.uniform(4.5, 7) for _ in chosen]
        self._build(
            (
                V2_ROUTERS[dex],
                _ADD.calldata(a.address, b.address, a.units(usd), b.units(usd), 0, 0, WHALE, _DEADLINE),
            )
            for (dex, (a, b)), usd in zip(chosen, depths, strict=True)
        )
        found = self._ask([(factories[dex], _GET_PAIR, (a.address, b.address)) for dex, (a, b) in chosen])
        self._build(
            (pair, _APPROVE.calldata(V2_ROUTERS[dex], 2**256 - 1)) for pair, (dex, _) in zip(found, chosen, strict=True)
        )
        return [
            WorldPool(dex, "uniswap_v2", Address(pair.lower()), tokens, 3_000, 0, usd)
            for pair, (dex, tokens), usd in zip(found, chosen, depths, strict=True)
        ]

    def _concentrated(self, count: int) -> list[WorldPool]:
        dexes = [dex for dex in FACTS.dexes if dex.family == "uniswap_v3"]
        slots = [(dex, fee, pair) for pair in self._pair_of_tokens() for dex in dexes for fee in sorted(dex.fee_tiers)]
        self._random.shuffle(slots)
        free = self._free([(dex.factory, _GET_POOL, (a.address, b.address, fee)) for dex, fee, (a, b) in slots])
        chosen = [slot for slot, is_free in zip(slots, free, strict=True) if is_free][:count]
        self._build((dex.factory, _CREATE_POOL.calldata(a.address, b.address, fee)) for dex, fee, (a, b) in chosen)
        found = self._ask([(dex.factory, _GET_POOL, (a.address, b.address, fee)) for dex, fee, (a, b) in chosen])
        pools = [
            self._planned(dex.name, Address(address.lower()), tokens, fee, dex.fee_tiers[fee], ladder=number % 4 == 0)
            for number, (address, (dex, fee, tokens)) in enumerate(zip(found, chosen, strict=True))
        ]
        self._build((pool.address, _INITIALIZE.calldata(pool.price)) for pool in pools)
        self._build(
            (addresses.V3_ROUTER, _MINT.calldata(pool.address, lower, upper, amount))
            for pool in pools
            for lower, upper, amount in pool.positions
        )
        return pools

    def _free(self, calls: Sequence[tuple[str, Function, tuple[Any, ...]]]) -> list[bool]:
        return [int(address, 16) == 0 for address in self._ask(calls)]

    def _planned(
        self, dex: str, address: Address, tokens: tuple[WorldToken, WorldToken], fee: int, spacing: int, ladder: bool
    ) -> WorldPool:
        token0, token1 = tokens
        skew = math.exp(self._random.gauss(0, 0.001))
        ratio = token0.price_cents * 10**token1.decimals / (token1.price_cents * 10**token0.decimals) * skew
        price = int(math.sqrt(ratio) * 2**96)
        depth = 10 ** self._random.uniform(4.5, 7)
        ranges = list(_ranges(tick_at(price), spacing, 60 if ladder else 6))
        positions = tuple(
            (lower, upper, amount)
            for lower, upper, share in ranges
            if (amount := liquidity(price, lower, upper, token0.units(depth * share), token1.units(depth * share)))
        )
        return WorldPool(dex, "uniswap_v3", address, tokens, fee, spacing, depth, price, positions)


def _ranges(tick: int, spacing: int, steps: int) -> Iterator[tuple[int, int, float]]:
    """Lower tick, upper tick and share of the depth of every position: nested ones, and a ladder of small ones."""
    middle, last = tick // spacing * spacing, _MAX_TICK // spacing * spacing
    for half_width, percent in _NESTED:
        half = max(half_width // spacing, 1) * spacing
        yield max(middle - half, -last), min(middle + half + spacing, last), percent / 100
    for step in range(steps):
        lower = middle + (step - steps // 2) * 2 * spacing
        if -last <= lower and lower + spacing <= last:
            yield lower, lower + spacing, _LADDER_SHARE / 100 / steps


def _extended(facts: ChainFacts, tokens: Sequence[WorldToken]) -> ChainFacts:
    named = {
        f"W{number}": TokenFacts(address=token.address, decimals=token.decimals)
        for number, token in enumerate(tokens)
        if token.address not in facts.token_by_address
    }
    return ChainFacts.model_validate(
        facts.model_dump()
        | {"tokens": {**facts.model_dump()["tokens"], **{k: v.model_dump() for k, v in named.items()}}}
    )


class Crowd:
    """
    People who trade on the world's pools and move liquidity, few pools being busy and most quiet. Their decisions
    depend on the seed alone.
    """

    def __init__(self, world: World, scale: Scale) -> None:
        self._world = world
        self._mean = scale.actions_per_block
        self._random = random.Random(scale.seed + 1)
        self._pools = list(world.pools)
        self._random.shuffle(self._pools)
        self._weights = [(rank + 3) ** -0.9 for rank in range(len(self._pools))]
        self._excess = dict.fromkeys((pool.address for pool in self._pools), 0.0)
        self._positions: dict[Address, list[tuple[int, int, int]]] = {}

    def block(self) -> None:
        """Have the transactions of one block."""
        for _ in range(self._count()):
            (pool,) = self._random.choices(self._pools, self._weights)
            kind = self._random.random()
            if kind < 0.9:
                self._swap(pool)
            elif pool.family == "uniswap_v2":
                self._move_pair(pool, add=kind < 0.96)
            else:
                self._move_position(pool)

    def _count(self) -> int:
        """Arrivals in one block (Knuth's method)."""
        limit, count, product = math.exp(-self._mean), 0, self._random.random()
        while product > limit:
            count += 1
            product *= self._random.random()
        return count

    def _swap(self, pool: WorldPool) -> None:
        share = min(self._random.lognormvariate(math.log(0.002), 1.2), 0.05)
        back = self._random.random() < 0.5 + 10 * self._excess[pool.address]
        self._excess[pool.address] += -share if back else share
        sold, bought = (pool.tokens[1], pool.tokens[0]) if back else pool.tokens
        amount = sold.units(share * pool.depth)
        if pool.family == "uniswap_v2":
            router = V2_ROUTERS[pool.dex]
            path = [sold.address, bought.address]
            self._world.act(router, _V2_SWAP.calldata(amount, 0, path, WHALE, _DEADLINE))
        elif pool.dex == "uniswap_v3":
            order = (sold.address, bought.address, pool.fee_pips, WHALE, _DEADLINE, amount, 0, 0)
            self._world.act(addresses.UNISWAP_V3_ROUTER, _V3_SWAP.calldata(order))
        else:
            limit = _HIGHEST_PRICE if back else _LOWEST_PRICE
            self._world.act(addresses.V3_ROUTER, _OWN_SWAP.calldata(pool.address, not back, amount, limit))

    def _move_pair(self, pool: WorldPool, add: bool) -> None:
        router = V2_ROUTERS[pool.dex]
        a, b = pool.tokens
        if add:
            usd = pool.depth * self._random.uniform(0.001, 0.01)
            call = _ADD.calldata(a.address, b.address, a.units(usd), b.units(usd), 0, 0, WHALE, _DEADLINE)
        else:
            shares = int(math.sqrt(a.units(pool.depth) * b.units(pool.depth)) * self._random.uniform(0.0005, 0.005))
            call = _REMOVE.calldata(a.address, b.address, shares, 0, 0, WHALE, _DEADLINE)
        self._world.act(router, call)

    def _move_position(self, pool: WorldPool) -> None:
        mine = self._positions.setdefault(pool.address, [])
        if mine and self._random.random() < 0.5:
            lower, upper, amount = mine.pop(self._random.randrange(len(mine)))
            self._world.act(pool.address, _BURN.calldata(lower, upper, amount))
            return
        tick, spacing = tick_at(pool.price), pool.tick_spacing
        lower = (tick // spacing + self._random.randint(-40, 38)) * spacing
        upper = lower + self._random.randint(1, 20) * spacing
        last = _MAX_TICK // spacing * spacing
        if -last <= lower and upper <= last:
            share = self._random.uniform(0.0005, 0.003)
            token0, token1 = pool.tokens
            amount = liquidity(
                pool.price, lower, upper, token0.units(share * pool.depth), token1.units(share * pool.depth)
            )
            if amount:
                mine.append((lower, upper, amount))
                self._world.act(addresses.V3_ROUTER, _MINT.calldata(pool.address, lower, upper, amount))
