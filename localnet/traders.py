"""
Noise traders: people who swap for their own reasons and so drive the pools' prices apart.

Their decisions depend on the seed alone, never on the chain, so that a run can be repeated trade for trade. Prices
still do not drift away over hours: whoever has sold much to a pool becomes more likely to buy it back.
"""

import logging
import math
import random
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from eth_account.signers.local import LocalAccount

from localnet import accounts, swaps
from localnet.actor import Actor
from localnet.errors import LocalnetError
from localnet.layout import Layout
from localnet.node import CHAIN_ID
from localnet.protocols import traders as placed
from localnet.swaps import Swap

_LOG = logging.getLogger(__name__)

_GAS = 600_000
_MAX_FEE_WEI = 10**9
#: A larger share of a pool is not sold at once.
_MAX_SHARE = 0.05


@dataclass(frozen=True, slots=True)
class TraderSettings:
    """
    How lively and how rough the market is.

    Attributes:
        seed: Decides every trade.
        trades_per_block: The mean; blocks vary as arrivals do (Poisson).
        median_usd: Half of the trades are smaller.
        sigma: Spread of the logarithm of the sizes: 0 makes all equal, at 1.5 one in a hundred is 33 times the median.
        reversion: How strongly trades that restore a pool's first price are preferred; at 1 a pool that has taken in
            a twentieth of its depth gets only those.
    """

    seed: int = 1
    trades_per_block: float = 2.0
    median_usd: float = 3_000
    sigma: float = 1.3
    reversion: float = 0.5


@dataclass(frozen=True, slots=True)
class Trade:
    """
    A decision: what is swapped, by which of the DEX's traders, and when in the block's interval (0 to 1).
    """

    swap: Swap
    trader: int
    moment: float


class Noise:
    """
    The decisions of all traders, block after block.
    """

    def __init__(self, layout: Layout, settings: TraderSettings) -> None:
        self._layout = layout
        self._settings = settings
        self._random = random.Random(settings.seed)
        self._weights = [math.sqrt(pool.depth) for pool in layout.pools]
        self._taken_in = {pool.address: [0.0] * len(pool.tokens) for pool in layout.pools}

    def block(self) -> list[Trade]:
        """
        Return the trades of the next block in their order of time.
        """
        trades = [self._trade() for _ in range(self._count())]
        return sorted(trades, key=lambda trade: trade.moment)

    def _count(self) -> int:
        """
        Return how many arrivals there are in one block (Knuth's method).
        """
        limit = math.exp(-self._settings.trades_per_block)
        count, product = 0, self._random.random()
        while product > limit:
            count += 1
            product *= self._random.random()
        return count

    def _trade(self) -> Trade:
        (pool,) = self._random.choices(self._layout.pools, self._weights)
        sold, bought = self._random.sample(range(len(pool.tokens)), 2)
        usd = self._random.lognormvariate(math.log(self._settings.median_usd), self._settings.sigma)
        usd = min(usd, _MAX_SHARE * pool.depth)
        taken_in = self._taken_in[pool.address]
        excess = (taken_in[sold] - taken_in[bought]) / pool.depth
        if self._random.random() < 0.5 + 5 * self._settings.reversion * excess:
            sold, bought = bought, sold
        taken_in[sold] += usd
        taken_in[bought] -= usd
        token = self._layout.tokens[pool.tokens[sold]]
        amount = int(usd * 100) * 10**token.decimals // token.price_cents
        return Trade(Swap(pool, sold, bought, amount), self._random.randrange(placed.PER_DEX), self._random.random())


@dataclass(slots=True)
class Counts:
    """What became of the trades."""

    sent: int = 0
    failed: int = 0


@dataclass(slots=True)
class _Wallet:
    """An account and the nonce of its next transaction; None until it has been read."""

    account: LocalAccount
    nonce: int | None = None


class Traders(Actor):
    """
    Carries the decisions out: signs with the traders' own keys and sends.

    Attributes:
        counts: How many trades were sent, and how many the node did not accept.
    """

    def __init__(self, url: str, layout: Layout, settings: TraderSettings, block_seconds: float) -> None:
        super().__init__(url, "traders")
        self.counts = Counts()
        self._layout = layout
        self._noise = Noise(layout, settings)
        self._block_seconds = block_seconds
        self._wallets: Mapping[tuple[str, int], _Wallet] = {
            (dex, number): _Wallet(accounts.named(placed.name(dex, number)))
            for dex, addresses in layout.traders.items()
            for number in range(len(addresses))
        }

    def step(self) -> list[Trade]:
        """
        Send the trades of one block at once, for whoever mines by hand; return them.
        """
        trades = self._noise.block()
        for trade in trades:
            self._send(trade)
        return trades

    def recount(self) -> None:
        """Ask the node for every nonce again: blocks left the chain, and transactions with them."""
        for wallet in self._wallets.values():
            wallet.nonce = None

    def _run(self) -> None:
        began = time.monotonic()
        while not self._stopping.is_set():
            for trade in self._noise.block():
                if self._stopping.wait(began + trade.moment * self._block_seconds - time.monotonic()):
                    return
                self._send(trade)
            # After a stall the market goes on, it does not catch up.
            began = max(began + self._block_seconds, time.monotonic() - self._block_seconds)
            self._stopping.wait(began - time.monotonic())

    def _send(self, trade: Trade) -> None:
        wallet = self._wallets[trade.swap.pool.dex, trade.trader]
        try:
            self._rpc("eth_sendRawTransaction", self._signed(trade, wallet))
        except LocalnetError as error:
            wallet.nonce = None
            self.counts.failed += 1
            _LOG.warning("trade on %s was not accepted: %s", trade.swap.pool.name, error)
        else:
            self.counts.sent += 1

    def _signed(self, trade: Trade, wallet: _Wallet) -> str:
        address = wallet.account.address
        if wallet.nonce is None:
            wallet.nonce = int(self._rpc("eth_getTransactionCount", address, "pending"), 16)
        to, data = swaps.call(trade.swap, self._layout, address)
        transaction: dict[str, Any] = {
            "chainId": CHAIN_ID,
            "nonce": wallet.nonce,
            "to": to,
            "data": data,
            "value": 0,
            "gas": _GAS,
            "maxFeePerGas": _MAX_FEE_WEI,
            "maxPriorityFeePerGas": 0,
        }
        wallet.nonce += 1
        return "0x" + wallet.account.sign_transaction(transaction).raw_transaction.hex()
