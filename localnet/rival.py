"""
Somebody else who looks for price differences: races for the keeper to win and to lose.

After each block he takes the two pools of one pair whose prices differ most for their fees, buys in one and sells in
the other, in one transaction that reverts unless it gains, and bids a part of what it should gain. His own key, real
transactions, real pools; only his inventory is a gift. What he does depends on the chain and on his seed.
"""

import logging
import math
import random
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import permutations
from typing import Any

from localnet import accounts, addresses
from localnet.abi import Function
from localnet.actor import Actor
from localnet.compiler import compiled
from localnet.errors import LocalnetError, RpcError
from localnet.layout import Layout, Pool
from localnet.node import CHAIN_ID

_LOG = logging.getLogger(__name__)

#: Where his contract stands, and which of anvil's accounts is his.
CONTRACT = "0x10Ca100000000000000000000000000000000010"
ACCOUNT = 7

#: What he may start from, the most preferred first, and how much of each he has, in dollars.
_TOKENS = ("WETH", "USDC", "USDT", "USDC.e", "DAI", "WBTC", "ARB")
_INVENTORY_USD = 100_000_000

#: Roughly what two swaps take; the limit is well above.
_GAS, _GAS_LIMIT = 230_000, 900_000
#: He sizes as if V3's ranges had no ends; the second size is for where they end soon.
_SIZES = (1.0, 0.3)
_POLL_SECONDS = 0.005

_HOP = "(address,bool)"
_RUN = Function("run", (_HOP, _HOP, "address", "address", "uint256", "uint256"), ("uint256",))
_AGGREGATE = Function("aggregate3", ("(address,bool,bytes)[]",), ("(bool,bytes)[]",))
_SLOT_0 = Function("slot0", (), ()).selector
_LIQUIDITY = Function("liquidity", (), ()).selector
_RESERVES = Function("getReserves", (), ()).selector


@dataclass(frozen=True, slots=True)
class RivalSettings:
    """
    How he competes.

    Attributes:
        seed: Decides his bids.
        least_share, most_share: The part of the gain that he bids is drawn between them, anew in each block.
        least_gain_usd: What he does not move for.
    """

    seed: int = 1
    least_share: float = 0.1
    most_share: float = 0.5
    least_gain_usd: float = 0.2


@dataclass(frozen=True, slots=True)
class Chance:
    """
    What he could do now.

    Attributes:
        calldata: For his contract.
        gain_wei: What it gains, in ETH at the first prices.
    """

    calldata: bytes
    pools: tuple[str, str]
    gain_wei: int


@dataclass(frozen=True, slots=True)
class Attempt:
    """
    A transaction of his.

    Attributes:
        pools: Where he buys, and where he sells.
        gain_wei: What it should gain, in ETH at the first prices.
    """

    hash: str
    pools: tuple[str, str]
    gain_wei: int
    tip_wei: int


@dataclass(frozen=True, slots=True)
class _Side:
    """A pool as a constant product, seen from one of its tokens: what it has of it and of the other, and the fee."""

    pool: Pool
    reserve_in: float
    reserve_out: float

    @property
    def kept(self) -> float:
        return 1 - self.pool.fee_pips / 1_000_000


@dataclass(frozen=True, slots=True)
class _Gap:
    """A difference that gains, in floats."""

    first: _Side
    second: _Side
    token: str
    other: str
    amount: float
    gain_usd: float


class Rival(Actor):
    """
    Competes, after every block.

    Attributes:
        attempts: What he sent, in order.
    """

    def __init__(self, url: str, layout: Layout, settings: RivalSettings, bids: bool) -> None:
        """
        Args:
            bids: Whether places in a block are for sale.
        """
        super().__init__(url, "rival")
        self.attempts: list[Attempt] = []
        self._layout = layout
        self._settings = settings
        self._bids = bids
        self._account = accounts.public(ACCOUNT)
        self._pools = [pool for pool in layout.pools if pool.family in ("uniswap_v2", "uniswap_v3")]
        calls = [(pool.address, False, data) for pool in self._pools for data in _questions(pool)]
        self._reading = "0x" + _AGGREGATE.calldata(calls).hex()

    def arm(self) -> None:
        """Put his contract on the chain, and his tokens into it."""
        creation = "0x" + compiled("Rival").creation.hex()
        self._rpc("anvil_setCode", CONTRACT, creation)
        self._rpc("anvil_setCode", CONTRACT, self._rpc("eth_call", {"to": CONTRACT}, "latest"))
        for symbol in _TOKENS:
            token = self._layout.tokens[symbol]
            amount = _INVENTORY_USD * 100 * 10**token.decimals // token.price_cents
            self._rpc("anvil_dealERC20", CONTRACT, token.address, hex(amount))

    def step(self) -> Attempt | None:
        """
        Look at the latest block and send at most one transaction; return it.
        """
        block = self._rpc("eth_getBlockByNumber", "latest", False)
        # Drawn for every block alike, whether or not there is something to bid for.
        draw = random.Random(f"{self._settings.seed} {int(block['number'], 16)}").random()
        share = self._settings.least_share + draw * (self._settings.most_share - self._settings.least_share)
        if (chance := self.look()) is None:
            return None
        tip_wei = int(chance.gain_wei * share) // _GAS if self._bids else 0
        sent = self._send(chance.calldata, tip_wei, int(block["baseFeePerGas"], 16))
        self.attempts.append(Attempt(sent, chance.pools, chance.gain_wei, tip_wei))
        return self.attempts[-1]

    def look(self) -> Chance | None:
        """
        Return the best that he sees in the latest state, if it is worth moving for.
        """
        least_usd = self._settings.least_gain_usd
        gap = max(self._gaps(), key=lambda gap: gap.gain_usd, default=None)
        if gap is None or gap.gain_usd < least_usd:
            return None
        amount, gain = max((self._simulated(gap, size) for size in _SIZES), key=lambda sized: sized[1])
        if self._usd(gap.token, gain) < least_usd:
            return None
        pools = gap.first.pool.address.lower(), gap.second.pool.address.lower()
        return Chance(self._call(gap, amount, gain * 9 // 10), pools, self._in_eth(gap.token, gain))

    # ---------------------------------------------------------------- what he sees

    def _gaps(self) -> Iterator[_Gap]:
        sides: Mapping[tuple[str, str], list[_Side]] = defaultdict(list)
        for pool, (reserve0, reserve1) in zip(self._pools, self._reserves(), strict=True):
            sides[pool.tokens[0], pool.tokens[1]].append(_Side(pool, reserve0, reserve1))
            sides[pool.tokens[1], pool.tokens[0]].append(_Side(pool, reserve1, reserve0))
        for (token, other), buying in sides.items():
            if token in _TOKENS and (other not in _TOKENS or _TOKENS.index(token) < _TOKENS.index(other)):
                for first, back in permutations(buying, 2):
                    second = _Side(back.pool, back.reserve_out, back.reserve_in)
                    if (sized := _sized(first, second)) is not None:
                        amount, gain = sized
                        yield _Gap(first, second, token, other, amount, self._usd(token, gain))

    def _reserves(self) -> Iterator[tuple[float, float]]:
        """What each pool has of its tokens, of V3 as if the present range had no ends."""
        answer = self._rpc("eth_call", {"to": addresses.MULTICALL3, "data": self._reading}, "latest")
        answers = iter(_AGGREGATE.decode(bytes.fromhex(answer[2:])))
        for pool in self._pools:
            words = [data for _ in _questions(pool) for data in [next(answers)[1]]]
            if pool.family == "uniswap_v2":
                yield float(int.from_bytes(words[0][:32])), float(int.from_bytes(words[0][32:64]))
            else:
                root, liquidity = int.from_bytes(words[0][:32]) / 2**96, float(int.from_bytes(words[1][:32]))
                yield liquidity / root, liquidity * root

    def _simulated(self, gap: _Gap, size: float) -> tuple[int, int]:
        """An amount, and what it gains as of the latest block; nothing if it reverts."""
        amount = int(gap.amount * size)
        request = {"from": self._account.address, "to": CONTRACT, "data": "0x" + self._call(gap, amount, 0).hex()}
        try:
            return amount, int(self._rpc("eth_call", request, "latest"), 16)
        except RpcError:
            return amount, 0

    def _usd(self, symbol: str, amount: float) -> float:
        token = self._layout.tokens[symbol]
        return amount / float(10**token.decimals) * token.price_cents / 100

    def _in_eth(self, symbol: str, amount: int) -> int:
        token, ether = self._layout.tokens[symbol], self._layout.tokens["WETH"]
        scale, ether_scale = int(10**token.decimals), int(10**ether.decimals)
        return amount * token.price_cents * ether_scale // (ether.price_cents * scale)

    # ---------------------------------------------------------------- what he does

    def _call(self, gap: _Gap, amount: int, least: int) -> bytes:
        hops = [(side.pool.address, side.pool.family == "uniswap_v2") for side in (gap.first, gap.second)]
        token, other = (self._layout.tokens[symbol].address for symbol in (gap.token, gap.other))
        return _RUN.calldata(*hops, token, other, amount, least)

    def _send(self, data: bytes, tip_wei: int, base_fee_wei: int) -> str:
        transaction: dict[str, Any] = {
            "chainId": CHAIN_ID,
            "nonce": int(self._rpc("eth_getTransactionCount", self._account.address, "latest"), 16),
            "to": CONTRACT,
            "data": data,
            "value": 0,
            "gas": _GAS_LIMIT,
            "maxFeePerGas": 2 * base_fee_wei + tip_wei,
            "maxPriorityFeePerGas": tip_wei,
        }
        raw = self._account.sign_transaction(transaction).raw_transaction
        sent: str = self._rpc("eth_sendRawTransaction", "0x" + raw.hex())
        return sent

    def _run(self) -> None:
        seen = ""
        while not self._stopping.wait(_POLL_SECONDS):
            try:
                if (number := self._rpc("eth_blockNumber")) != seen:
                    seen = number
                    self.step()
            except LocalnetError as error:
                if not self._stopping.is_set():
                    _LOG.warning("the rival's transaction was not accepted: %s", error)


def _questions(pool: Pool) -> Sequence[bytes]:
    return (_RESERVES,) if pool.family == "uniswap_v2" else (_SLOT_0, _LIQUIDITY)


def _sized(first: _Side, second: _Side) -> tuple[float, float] | None:
    """The amount that gains most between two constant products, and what it gains, if anything."""
    product = first.kept * second.kept * first.reserve_out * second.reserve_out
    both = first.reserve_in * second.reserve_in
    slope = first.kept * (second.reserve_in + second.kept * first.reserve_out)
    if product <= both or not slope:
        return None
    amount = (math.sqrt(product * both) - both) / slope
    return amount, product * amount / (both + slope * amount) - amount
