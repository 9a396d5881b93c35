"""
Mock pools and lenders where the real ones would stand, for the executor derives or knows their addresses.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from eth_utils.crypto import keccak

from keeper.plan import (
    DEXES,
    BalancerV2Detail,
    BalancerV3Detail,
    CurveDetail,
    FlashPool,
    Funding,
    Hop,
    UniswapV4Detail,
    pool_address,
)
from keeper.types import ZERO_ADDRESS, Address
from tests.executor_chain import lower, number

WETH = "0x82aF49447D8a07e3bd95BD0d56f35241523fBab1"
AAVE = "0x794a61358D6845594F94dc1DB02A252b5b4814aD"
MORPHO = "0x6c247b1F6182318877311737BaC0844bAa518F5e"
VAULT = "0xBA12222222228d8Ba445958a75a0704d566BF2C8"
VAULT_V3 = "0xbA1333333333a1BA1108E8412f11850A5C319bA9"
MANAGER = "0x360E68faCcca8cA495c1B759Fd9EEe466db9FB32"
ETHER = "0xEeeeeEeeeEeEeeEeEeEeeEEEeeeeEeeeeeeeEEeE"

ONE = 10**18
#: What every pool and lender holds, and how much ether there is.
PLENTY = 10**6 * ONE

#: Fees of the pools between two tokens; any would do.
V3_FEE = 500
V2_FEE = 3_000
TICK_SPACING = 10
AAVE_PREMIUM_BPS = 5

_FORKS = {"pancake_v3": 1, "camelot_v3": 2}
_MOCKS = {
    Funding.BALANCER_V2: ("BalancerV2VaultMock", VAULT),
    Funding.AAVE_V3: ("AavePoolMock", AAVE),
    Funding.BALANCER_V3: ("BalancerV3VaultMock", VAULT_V3),
    Funding.UNISWAP_V4: ("UniswapV4ManagerMock", MANAGER),
    Funding.MORPHO: ("MorphoMock", MORPHO),
}


@dataclass
class Venues:
    """
    Attributes:
        chain: Where they stand.
        spenders: Who may have been allowed something.
    """

    chain: Any
    lenders: dict[Funding, Any] = field(default_factory=dict)
    spenders: list[str] = field(default_factory=list)

    def open(self, tokens: Sequence[Any]) -> None:
        """
        Place every lender, with plenty of the tokens.
        """
        for funding, (mock, address) in _MOCKS.items():
            self.lenders[funding] = self.chain.place(f"mocks/{mock}", address)
            self.spenders.append(address)
            self.chain.set_balance(address, 0)
        self.lenders[Funding.AAVE_V3].set_premium_bps(AAVE_PREMIUM_BPS)
        self.chain.set_balance(MANAGER, PLENTY)
        for token in tokens:
            self.fill(token)

    def fill(self, token: Any) -> None:
        """
        Give every lender plenty of a token.
        """
        for lender in self.lenders.values():
            token.mint(lender, PLENTY)
        self.lenders[Funding.BALANCER_V3].sync(token)

    def pool(self, dex: str, token_in: Any, token_out: Any, rate: tuple[int, int], **how: bool) -> Any:
        """
        Place a pool that gives about rate[0] of one token for rate[1] of the other, and fill it.

        Args:
            how: As of ``hop``.
        """
        if DEXES[dex].is_v3:
            return self.v3(dex, token_in, token_out, rate)
        if DEXES[dex].is_v2:
            return self.v2(dex, token_in, token_out, (PLENTY, PLENTY * rate[0] // rate[1]))
        single = hop(dex, token_in, token_out, **how)
        forward = number(token_in) < number(token_out)
        place = {"curve": self._curve, "uniswap_v4": self._v4}.get(dex, self._in_a_vault)
        first, second = (token_in, token_out) if forward else (token_out, token_in)
        return place(single, first, second, rate if forward else rate[::-1])

    def v3(self, dex: str, token_in: Any, token_out: Any, rate: tuple[int, int]) -> Any:
        """
        Place a V3 pool that trades at this rate.
        """
        pool = self.chain.place("mocks/UniswapV3PoolMock", pool_address(dex, lower(token_in), lower(token_out), V3_FEE))
        forward = number(token_in) < number(token_out)
        token0, token1 = (token_in, token_out) if forward else (token_out, token_in)
        numerator, denominator = rate if forward else rate[::-1]
        pool.initialize(token0, token1, numerator, denominator, _FORKS.get(dex, 0))
        for token in (token0, token1):
            token.mint(pool, PLENTY)
        return pool

    def v2(self, dex: str, token_in: Any, token_out: Any, reserves: tuple[int, int]) -> Any:
        """
        Place a V2 pair with these reserves.
        """
        mock = "CamelotPairMock" if dex == "camelot_v2" else "UniswapV2PairMock"
        pair = self.chain.place(f"mocks/{mock}", pool_address(dex, lower(token_in), lower(token_out), V2_FEE))
        forward = number(token_in) < number(token_out)
        pair.initialize(*((token_in, token_out) if forward else (token_out, token_in)))
        for token, reserve in zip((token_in, token_out), reserves, strict=True):
            token.mint(pair, reserve)
        pair.sync()
        return pair

    def _curve(self, single: Hop, first: Any, second: Any, rate: tuple[int, int]) -> Any:
        detail = single.detail
        assert isinstance(detail, CurveDetail)
        mock = "CurveCryptoPoolMock" if detail.unsigned else "CurveStablePoolMock"
        pool = self.chain.place(f"mocks/{mock}", single.pool)
        coins = [lower(token) for token in (first, second)]
        if detail.ether_in or detail.ether_out:
            coins = [ETHER if coin == WETH.lower() else coin for coin in coins]
            self.chain.set_balance(single.pool, PLENTY)
        pool.initialize(coins, *rate)
        for token in (first, second):
            token.mint(pool, PLENTY)
        if single.pool not in self.spenders:
            self.spenders.append(single.pool)
        return pool

    def _v4(self, single: Hop, first: Any, second: Any, rate: tuple[int, int]) -> Any:
        manager = self.lenders[Funding.UNISWAP_V4]
        lowest = key(single)[0]
        if lowest == ZERO_ADDRESS:
            lowest = WETH.lower()
        manager.initialize(key(single), *(rate if lowest == lower(first) else rate[::-1]))
        for token in (first, second):
            token.mint(manager, PLENTY)
        return manager

    def _in_a_vault(self, single: Hop, first: Any, second: Any, rate: tuple[int, int]) -> Any:
        v2 = isinstance(single.detail, BalancerV2Detail)
        vault = self.lenders[Funding.BALANCER_V2 if v2 else Funding.BALANCER_V3]
        vault.set_pool(single.detail.pool_id.to_bytes(32) if v2 else single.pool, first, second, *rate)
        for token in (first, second):
            token.mint(vault, PLENTY)
            if not v2:
                vault.sync(token)
        return vault


def hop(dex: str, token_in: Any, token_out: Any, native: bool = False, unsigned: bool = False) -> Hop:
    """
    Return the swap on the one pool that a DEX has of two tokens.

    Args:
        native: The pool has ether in place of WETH.
        unsigned: The pool is Curve's of unlike coins.
    """
    tokens = lower(token_in), lower(token_out)
    forward = tokens[0] < tokens[1]
    facts = DEXES[dex]
    if facts.is_v3 or facts.is_v2:
        fee = V3_FEE if facts.is_v3 else V2_FEE
        return Hop(dex, pool_address(dex, *tokens, fee), *tokens, fee, forward)
    name = "".join([dex, *sorted(tokens), str(native), str(unsigned)])
    pool = Address("0x" + keccak(text=name)[12:].hex())
    i, j = (0, 1) if forward else (1, 0)
    weth = WETH.lower()
    match dex:
        case "curve":
            ether_in, ether_out = native and tokens[0] == weth, native and tokens[1] == weth
            return Hop(dex, pool, *tokens, 0, forward, CurveDetail(i, j, unsigned, ether_in, ether_out))
        case "balancer_v2":
            return Hop(dex, pool, *tokens, 0, forward, BalancerV2Detail(int(pool, 16) << 96 | 2))
        case "balancer_v3":
            return Hop(dex, pool, *tokens, 0, forward, BalancerV3Detail(i))
    return Hop(dex, ZERO_ADDRESS, *tokens, V3_FEE, forward, UniswapV4Detail(TICK_SPACING, native))


def key(single: Hop) -> tuple[Any, ...]:
    """
    Return the PoolManager's key of a hop's pool.
    """
    assert isinstance(single.detail, UniswapV4Detail)
    tokens = single.token_in, single.token_out
    if single.detail.native:
        tokens = tuple(ZERO_ADDRESS if token == WETH.lower() else token for token in tokens)
    return (*sorted(tokens), single.fee_pips, single.detail.tick_spacing, ZERO_ADDRESS)


def fee_of(funding: Funding, amount: int) -> int:
    """
    Return what a lender wants besides what it lent.
    """
    return {
        Funding.AAVE_V3: -(-amount * AAVE_PREMIUM_BPS // 10_000),
        Funding.UNISWAP_V3: -(-amount * V3_FEE // 1_000_000),
    }.get(funding, 0)


def flash_pool(bank: Any) -> FlashPool:
    """
    Return the pool that lends any token that it has besides the bank's.
    """
    return FlashPool("uniswap_v3", lower(bank), V3_FEE)
