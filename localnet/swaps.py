"""
Swaps as people send them: calldata for each DEX's own router.
"""

from collections.abc import Callable
from dataclasses import dataclass

from localnet import addresses
from localnet.abi import Function, function
from localnet.layout import Layout, Pool
from localnet.universe import ETHER

#: Prices at the ends of V3's range: a swap that stops nowhere.
_LOWEST_PRICE, _HIGHEST_PRICE = 4_295_128_740, 1_461_446_703_485_210_103_287_273_052_203_988_822_378_723_970_341
_DEADLINE = 2**40
_NO_MINIMUM = 0
_GIVEN_IN = 0

_V2_SWAP = function("swapExactTokensForTokens(uint256,uint256,address[],address,uint256)")
_V3_SWAP = Function(
    "exactInputSingle", ("(address,address,uint24,address,uint256,uint256,uint256,uint160)",), ("uint256",)
)
_OWN_SWAP = function("swap(address,bool,int256,uint160)")
_CURVE_SWAP = function("exchange(int128,int128,uint256,uint256)")
_CRYPTO_SWAP = function("exchange(uint256,uint256,uint256,uint256)")
_BALANCER_SWAP = Function(
    "swap",
    ("(bytes32,uint8,address,address,uint256,bytes)", "(address,bool,address,bool)", "uint256", "uint256"),
    ("uint256",),
)
_BALANCER_V3_SWAP = function("swap(address,address,address,uint256)")
_V4_SWAP = Function(
    "swap",
    ("(address,address,uint24,int24,address)", "(bool,int256,uint160)", "(bool,bool)", "bytes"),
    ("int256",),
)


@dataclass(frozen=True, slots=True)
class Swap:
    """
    What somebody sells to a pool, at whatever price.

    Attributes:
        sold: Index of the token that goes in, among the pool's.
        bought: Index of the token that comes out.
    """

    pool: Pool
    sold: int
    bought: int
    amount: int


def call(swap: Swap, layout: Layout, sender: str) -> tuple[str, bytes]:
    """
    Return the contract to call and the calldata for *swap*; *sender* receives what is bought.
    """
    return _CALLS[swap.pool.dex](swap, layout, sender)


def value(swap: Swap) -> int:
    """
    Return how much ether must come with the call.
    """
    return swap.amount if swap.pool.tokens[swap.sold] == ETHER.symbol else 0


def _tokens(swap: Swap, layout: Layout) -> tuple[str, str]:
    symbols = swap.pool.tokens
    return layout.tokens[symbols[swap.sold]].address, layout.tokens[symbols[swap.bought]].address


def _limit(swap: Swap) -> int:
    return _LOWEST_PRICE if swap.sold == 0 else _HIGHEST_PRICE


def _uniswap_v2(swap: Swap, layout: Layout, sender: str) -> tuple[str, bytes]:
    router = addresses.UNISWAP_V2_ROUTER if swap.pool.dex == "uniswap_v2" else addresses.SUSHI_V2_ROUTER
    return router, _V2_SWAP.calldata(swap.amount, _NO_MINIMUM, _tokens(swap, layout), sender, _DEADLINE)


def _uniswap_v3(swap: Swap, layout: Layout, sender: str) -> tuple[str, bytes]:
    order = (*_tokens(swap, layout), swap.pool.fee_pips, sender, _DEADLINE, swap.amount, _NO_MINIMUM, 0)
    return addresses.UNISWAP_V3_ROUTER, _V3_SWAP.calldata(order)


def _other_v3(swap: Swap, layout: Layout, sender: str) -> tuple[str, bytes]:  # noqa: ARG001 - siblings look alike
    return addresses.V3_ROUTER, _OWN_SWAP.calldata(swap.pool.address, swap.sold == 0, swap.amount, _limit(swap))


def _uniswap_v4(swap: Swap, layout: Layout, sender: str) -> tuple[str, bytes]:  # noqa: ARG001 - siblings look alike
    token0, token1 = (
        addresses.ZERO if symbol == ETHER.symbol else layout.tokens[symbol].address for symbol in swap.pool.tokens
    )
    key = (token0, token1, swap.pool.fee_pips, swap.pool.tick_spacing, addresses.ZERO)
    order = (swap.sold == 0, -swap.amount, _limit(swap))
    return addresses.V4_SWAPPER, _V4_SWAP.calldata(key, order, (False, False), b"")


def _balancer_v2(swap: Swap, layout: Layout, sender: str) -> tuple[str, bytes]:
    pool_id = bytes.fromhex((swap.pool.pool_id or "")[2:])
    single = (pool_id, _GIVEN_IN, *_tokens(swap, layout), swap.amount, b"")
    return addresses.BALANCER_VAULT, _BALANCER_SWAP.calldata(
        single, (sender, False, sender, False), _NO_MINIMUM, _DEADLINE
    )


def _balancer_v3(swap: Swap, layout: Layout, sender: str) -> tuple[str, bytes]:  # noqa: ARG001 - siblings look alike
    data = _BALANCER_V3_SWAP.calldata(swap.pool.address, *_tokens(swap, layout), swap.amount)
    return addresses.BALANCER_V3_ROUTER, data


def _curve(swap: Swap, layout: Layout, sender: str) -> tuple[str, bytes]:  # noqa: ARG001 - siblings look alike
    exchange = _CRYPTO_SWAP if swap.pool.family == "crypto_stand_in" else _CURVE_SWAP
    return swap.pool.address, exchange.calldata(swap.sold, swap.bought, swap.amount, _NO_MINIMUM)


_CALLS: dict[str, Callable[[Swap, Layout, str], tuple[str, bytes]]] = {
    "uniswap_v2": _uniswap_v2,
    "sushi_v2": _uniswap_v2,
    "uniswap_v3": _uniswap_v3,
    "sushi_v3": _other_v3,
    "pancake_v3": _other_v3,
    "uniswap_v4": _uniswap_v4,
    "balancer_v2": _balancer_v2,
    "balancer_v3": _balancer_v3,
    "curve": _curve,
}
