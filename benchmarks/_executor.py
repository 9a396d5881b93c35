"""
The executor on a localnet: among the real bytecode of pools and lenders, without Ape.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeAlias

import localnet
from keeper.config import load_chain
from keeper.plan import (
    BalancerV2Detail,
    BalancerV3Detail,
    CurveDetail,
    FlashPool,
    Funding,
    Guard,
    Hop,
    Plan,
    Program,
    Route,
    UniswapV4Detail,
    encode,
)
from keeper.plan.model import Detail
from keeper.types import ZERO_ADDRESS, Address
from localnet import Localnet, accounts, addresses, pins, swaps
from localnet.abi import Function, function
from localnet.errors import RpcError
from localnet.layout import Pool
from localnet.node import HARDFORK
from localnet.swaps import Swap
from localnet.universe import ETHER, token
from scripts._build import Artifact
from scripts._deployment import Roles, deploy

FACTS = load_chain("arbitrum")
PROFIT_TOKENS = tuple(FACTS.token(symbol) for symbol in FACTS.profit_tokens)
FOREVER = 2**40 - 1
TREASURY = accounts.public(9).address
OWNER = accounts.public(1).address
GUARDIAN = accounts.public(2).address
OPERATOR = accounts.public(3).address
STRANGER = accounts.public(4).address

#: What could ever have been allowed something, besides pools.
VENUES = {addresses.BALANCER_VAULT, addresses.BALANCER_V3_VAULT, addresses.AAVE_POOL, addresses.MORPHO}

_GAS_LIMIT = 5_000_000
_LOWEST_PRICE, _HIGHEST_PRICE = 4_295_128_740, 1_461_446_703_485_210_103_287_273_052_203_988_822_378_723_970_341
_NOBODY = (addresses.ZERO, False, addresses.ZERO, False)

BALANCE_OF = function("balanceOf(address)", ["uint256"])
_ALLOWANCE = function("allowance(address,address)", ["uint256"])
_AMOUNTS_OUT = function("getAmountsOut(uint256,address[])", ["uint256[]"])
_V3_QUOTE = function("quote(address,bool,int256,uint160)", ["int256", "int256", "uint160", "int24", "uint128"])
_V4_QUOTE = Function(
    "quoteExactInputSingle", ("((address,address,uint24,int24,address),bool,uint128,bytes)",), ("uint256", "uint256")
)
_CURVE_QUOTE = function("get_dy(int128,int128,uint256)", ["uint256"])
_CRYPTO_QUOTE = function("get_dy(uint256,uint256,uint256)", ["uint256"])
_BALANCER_V2_QUOTE = Function(
    "querySwap", ("(bytes32,uint8,address,address,uint256,bytes)", "(address,bool,address,bool)"), ("uint256",)
)
_BALANCER_V3_QUOTE = function("query(address,address,address,uint256)", ["uint256"])
_SLOT0 = function("slot0()", ["uint256"])
_RESERVES = function("getReserves()", ["uint256", "uint256"])
_V4_SLOT0 = function("getSlot0(bytes32)", ["uint160", "int24", "uint24", "uint24"])
_POOL_TOKEN = function("getPoolTokenInfo(bytes32,address)", ["uint256", "uint256", "uint256", "address"])
_LIVE = function("getCurrentLiveBalances(address)", ["uint256[]"])
_BALANCES = function("balances(uint256)", ["uint256"])
_ETHER_OF = function("getEthBalance(address)", ["uint256"])
_TOGETHER = Function("aggregate3", ("(address,bool,bytes)[]",), ("(bool,bytes)[]",))


#: A pool's name on the localnet, the symbol of what goes in, and of what comes out; ether is called WETH.
Step: TypeAlias = tuple[str, str, str]


def provided() -> tuple[str, ...]:
    """
    Return the optional protocols that the localnet can have here.
    """
    return tuple(group for group in pins.GROUPS if pins.provided(group))


@dataclass(frozen=True, slots=True)
class World:
    """
    Attributes:
        executor: Its address.
    """

    net: Localnet
    executor: str

    @contextmanager
    def undone(self) -> Iterator[None]:
        """
        Forget what happens inside.
        """
        snapshot = self.net.rpc("evm_snapshot")
        try:
            yield
        finally:
            self.net.rpc("evm_revert", snapshot)

    def hop(self, name: str, sold: str, bought: str) -> Hop:
        """
        Return a hop through the localnet's pool of that name; ether is called WETH.
        """
        return hop_through(self.net.layout.pool(name), sold, bought)

    def quote(self, name: str, sold: str, bought: str, amount: int) -> int:
        """
        Return what the pool's own code, or its DEX's quoter, says that a swap gives.
        """
        pool = self.net.layout.pool(name)
        i, j = _place(pool, sold), _place(pool, bought)
        tokens = FACTS.token(sold), FACTS.token(bought)
        match pool.dex:
            case "uniswap_v2" | "sushi_v2":
                router = addresses.UNISWAP_V2_ROUTER if pool.dex == "uniswap_v2" else addresses.SUSHI_V2_ROUTER
                return int(self.ask(router, _AMOUNTS_OUT, amount, tokens)[1])
            case "uniswap_v4":
                key = [addresses.ZERO if coin == ETHER.symbol else FACTS.token(coin) for coin in pool.tokens]
                order = ((*key, pool.fee_pips, pool.tick_spacing, addresses.ZERO), i == 0, amount, b"")
                return int(self.ask(addresses.UNISWAP_V4_QUOTER, _V4_QUOTE, order)[0])
            case "curve":
                asked = _CRYPTO_QUOTE if pool.family == "crypto_stand_in" else _CURVE_QUOTE
                return int(self.ask(pool.address, asked, i, j, amount))
            case "balancer_v2":
                single = (bytes.fromhex((pool.pool_id or "")[2:]), 0, *tokens, amount, b"")
                return int(self.ask(addresses.BALANCER_QUERIES, _BALANCER_V2_QUOTE, single, _NOBODY))
            case "balancer_v3":
                return int(self.ask(addresses.BALANCER_V3_ROUTER, _BALANCER_V3_QUOTE, pool.address, *tokens, amount))
        limit = _LOWEST_PRICE if i == 0 else _HIGHEST_PRICE
        amounts = self.ask(addresses.V3_QUOTER, _V3_QUOTE, pool.address, i == 0, amount, limit)[:2]
        return -int(amounts[j])

    def outcome(self, steps: Sequence[Step], amount: int) -> int:
        """
        Return what a route's pools say that comes out at its end.
        """
        for step in steps:
            amount = self.quote(*step, amount)
        return amount

    def cheapen(self, step: Step, share: float = 0.03) -> None:
        """
        Sell what the hop buys to its pool, until it is cheaper by this share at least.
        """
        name, sold, bought = step
        pool = self.net.layout.pool(name)
        i, j = _place(pool, sold), _place(pool, bought)
        little = token(sold).units(300)
        before = self.quote(*step, little)
        amount = token(bought).units(pool.depth) // 30
        while self.quote(*step, little) < before * (1 + share):
            self.trade(Swap(pool, j, i, amount))
            amount *= 2

    def enrich(self, steps: Sequence[Step], amount: int, share: float = 0.01) -> None:
        """
        Make the last hop cheaper until the route gains this share at least, before any loan's fee.
        """
        self.cheapen(steps[-1])
        while self.outcome(steps, amount) < amount * (1 + share):
            self.cheapen(steps[-1])

    def trade(self, order: Swap) -> None:
        """
        Swap as one of the DEX's traders.
        """
        trader = self.net.layout.traders[order.pool.dex][0]
        sold = order.pool.tokens[order.sold]
        if sold == ETHER.symbol:
            self.net.rpc("anvil_setBalance", trader, hex(10**20 + order.amount))
        else:
            self.net.deal(sold, trader, order.amount)
        to, data = swaps.call(order, self.net.layout, trader)
        receipt = self.send(trader, to, data, swaps.value(order))
        assert receipt["status"] == "0x1", order

    def state(self, step: Step) -> int:
        """
        Return what a guard of the hop binds.
        """
        name, sold, _ = step
        pool = self.net.layout.pool(name)
        pool_id = bytes.fromhex((pool.pool_id or "")[2:])
        match pool.dex:
            case "uniswap_v2" | "sushi_v2":
                return int(self.ask(pool.address, _RESERVES)[0])
            case "uniswap_v4":
                return int(self.ask(addresses.UNISWAP_V4_STATE_VIEW, _V4_SLOT0, pool_id)[0])
            case "curve":
                return int(self.ask(pool.address, _BALANCES, _place(pool, sold)))
            case "balancer_v2":
                return int(self.ask(addresses.BALANCER_VAULT, _POOL_TOKEN, pool_id, FACTS.token(sold))[0])
            case "balancer_v3":
                return int(self.ask(addresses.BALANCER_V3_VAULT, _LIVE, pool.address)[_place(pool, sold)])
        return int(self.ask(pool.address, _SLOT0))

    def execute(self, plan: Plan | Program, sender: str = OPERATOR) -> dict[str, Any]:
        """
        Send a plan that succeeds.
        """
        receipt = self.send(sender, self.executor, encode(plan))
        if receipt["status"] != "0x1":
            raise AssertionError(self.refusal(self.executor, encode(plan), sender) or "the route reverted")
        return receipt

    def refusal(self, to: str, data: bytes, sender: str, value: int = 0) -> str:
        """
        Return why a call reverts.
        """
        call = {"from": sender, "to": to, "data": "0x" + data.hex(), "gas": hex(_GAS_LIMIT), "value": hex(value)}
        try:
            self.net.rpc("eth_call", call, "latest")
        except RpcError as error:
            return str(error)
        raise AssertionError("the call succeeded")

    def send(self, sender: str, to: str | None, data: bytes, value: int = 0) -> dict[str, Any]:
        """
        Send a transaction and return its receipt.
        """
        transaction = {"from": sender, "data": "0x" + data.hex(), "gas": hex(_GAS_LIMIT), "value": hex(value)}
        name = self.net.rpc("eth_sendTransaction", transaction | ({"to": to} if to else {}))
        self.net.rpc("evm_mine")
        receipt: dict[str, Any] | None = self.net.rpc("eth_getTransactionReceipt", name)
        assert receipt is not None, "the transaction was not mined"
        return receipt

    def ask(self, to: str, view: Function, *arguments: Any) -> Any:
        """
        Call a view.
        """
        call = {"to": to, "data": "0x" + view.calldata(*arguments).hex()}
        return view.decode(bytes.fromhex(self.net.rpc("eth_call", call, "latest")[2:]))

    def balance(self, symbol: str, holder: str) -> int:
        """
        Return what somebody has of a token, or of ether.
        """
        if symbol == ETHER.symbol:
            return int(self.net.rpc("eth_getBalance", holder, "latest"), 16)
        return int(self.ask(FACTS.token(symbol), BALANCE_OF, holder))

    def holdings(self) -> dict[tuple[str, str], int]:
        """
        Return what the executor and the treasury have of everything.
        """
        asked = list(product((self.executor, TREASURY), (*FACTS.tokens, ETHER.symbol)))
        answers = self._ask_together(
            (addresses.MULTICALL3, _ETHER_OF.calldata(who))
            if symbol == ETHER.symbol
            else (FACTS.token(symbol), BALANCE_OF.calldata(who))
            for who, symbol in asked
        )
        return dict(zip(asked, answers, strict=True))

    def allowances(self) -> list[tuple[str, str]]:
        """
        Return of which tokens the executor allows which venue anything.
        """
        pools = {pool.address for pool in (*self.net.layout.pools, *self.net.layout.untraded)}
        asked = list(product(FACTS.tokens, sorted(pools | VENUES)))
        answers = self._ask_together(
            (FACTS.token(symbol), _ALLOWANCE.calldata(self.executor, venue)) for symbol, venue in asked
        )
        return [pair for pair, allowed in zip(asked, answers, strict=True) if allowed]

    def _ask_together(self, calls: Iterable[tuple[str, bytes]]) -> list[int]:
        answers = self.ask(addresses.MULTICALL3, _TOGETHER, [(to, False, data) for to, data in calls])
        return [int.from_bytes(answer) for _, answer in answers]


def start(artifact: Artifact | None = None, hardfork: str = HARDFORK) -> World:
    """
    Start a localnet with every optional protocol that is at hand, and deploy the executor there.

    Args:
        artifact: The compiled executor; None compiles it.
        hardfork: Whose rules the chain has.
    """
    net = localnet.start(sequencer=False, groups=provided(), hardfork=hardfork)
    net.rpc("evm_setAutomine", True)
    net.rpc("anvil_autoImpersonateAccount", True)
    roles = Roles(OWNER, GUARDIAN, TREASURY, PROFIT_TOKENS, (OPERATOR,))
    with TemporaryDirectory() as folder:
        path = Path(folder) / "deployment.json"
        record = deploy(net.url, accounts.public(0), roles.checksummed(), "local", path, artifact=artifact)
        executor = str(json.loads(record.read_text())["executor"])
    net.rpc("evm_setAutomine", False)
    return World(net, executor)


def hop_through(pool: Pool, sold: str, bought: str) -> Hop:
    """
    Return a hop through a pool of the localnet; ether is called WETH.
    """
    token_in, token_out = FACTS.token(sold), FACTS.token(bought)
    i, j = _place(pool, sold), _place(pool, bought)
    detail: Detail | None = None
    address, fee_pips = Address(pool.address.lower()), pool.fee_pips
    if pool.dex == "uniswap_v4":
        address = ZERO_ADDRESS
        detail = UniswapV4Detail(pool.tick_spacing or 0, native=ETHER.symbol in pool.tokens)
    elif pool.dex == "curve":
        ether = [pool.tokens[place] == ETHER.symbol for place in (i, j)]
        detail, fee_pips = CurveDetail(i, j, pool.family == "crypto_stand_in", *ether), 0
    elif pool.dex == "balancer_v2":
        detail, fee_pips = BalancerV2Detail(int(pool.pool_id or "", 16)), 0
    elif pool.dex == "balancer_v3":
        detail, fee_pips = BalancerV3Detail(i), 0
    return Hop(pool.dex, address, token_in, token_out, fee_pips, token_in < token_out, detail)


def plan(*routes: Route) -> Plan:
    """
    Return a plan that never expires.
    """
    return Plan(routes, FOREVER, PROFIT_TOKENS)


def route(
    world: World,
    steps: Sequence[Step],
    amount_in: int,
    funding: Funding = Funding.NONE,
    min_profit: int = 0,
    guards: Sequence[Guard | None] = (),
    **more: Any,
) -> Route:
    """
    Return a route through pools of the localnet.
    """
    first, second, *others = [*guards, None, None]
    hops = tuple(world.hop(*step) for step in steps)
    return Route(hops, funding, amount_in, min_profit, first, second, tuple(others[: max(0, len(guards) - 2)]), **more)


def flash_pool(world: World, name: str, other: str) -> FlashPool:
    """
    Return a pool of the localnet as a lender; *other* is its token that is not lent.
    """
    pool = world.net.layout.pool(name)
    return FlashPool(pool.dex, FACTS.token(other), pool.fee_pips)


def gained(before: Mapping[tuple[str, str], int], after: Mapping[tuple[str, str], int]) -> dict[tuple[str, str], int]:
    """
    Return what changed.
    """
    return {key: after[key] - before[key] for key in after if after[key] != before[key]}


def _place(pool: Pool, symbol: str) -> int:
    if symbol not in pool.tokens and symbol == "WETH":
        symbol = ETHER.symbol
    return pool.tokens.index(symbol)
