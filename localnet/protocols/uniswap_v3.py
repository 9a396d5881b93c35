"""
Uniswap V3 and SushiSwap V3, which is the same bytecode behind another factory.
"""

import math
from collections.abc import Iterable, Iterator

from eth_abi.abi import encode

from localnet import addresses, universe
from localnet.accounts import OWNER
from localnet.chain import Contract
from localnet.site import FAR_FUTURE, Site
from localnet.universe import Token, V3Spec

TICK_SPACING = {100: 1, 500: 10, 3000: 60, 10000: 200}
#: Positions around the price: half their width in ticks, and their share of a pool's depth in percent.
RANGES = ((60, 20), (600, 45), (6_000, 25), (60_000, 10))
_LADDER_PERCENT = 20
_MAX_TICK = 887_272
_Q96 = 2**96


def place(site: Site) -> None:
    """
    Put up the factories, Uniswap's periphery, and the pools of both DEXes.
    """
    factory = site.place(addresses.UNISWAP_V3_FACTORY, "UniswapV3Factory")
    manager = _place_manager(site, addresses.UNISWAP_V3_POSITION_MANAGER, factory)
    _place_periphery(site, factory)
    _open_pools(site, "uniswap_v3", factory, manager, universe.UNISWAP_V3)

    factory = site.place(addresses.SUSHI_V3_FACTORY, "UniswapV3Factory")
    manager = _place_manager(site, addresses.SUSHI_V3_POSITION_MANAGER, factory)
    _open_pools(site, "sushi_v3", factory, manager, universe.SUSHI_V3)

    site.spenders["uniswap_v3"] = [addresses.UNISWAP_V3_ROUTER]
    site.place_own(addresses.V3_ROUTER, "V3Router")
    site.place_own(addresses.V3_QUOTER, "V3Quoter")
    site.spenders["sushi_v3"] = [addresses.V3_ROUTER]


def sqrt_price_x96(token0: Token, token1: Token, skew_bps: int = 0) -> int:
    """
    Return the square root of token1's units for one of token0, as Q64.96, *skew_bps* above the reference.
    """
    numerator = token0.price_cents * 10**token1.decimals * (10_000 + skew_bps)
    denominator = token1.price_cents * 10**token0.decimals * 10_000
    return math.isqrt((numerator << 192) // denominator)


def tick_at(sqrt_price: int) -> int:
    """Return the tick of a price, off by one at worst: positions are laid around it."""
    return math.floor(2 * math.log(sqrt_price / 2**96) / math.log(1.0001))


def positions(spec: V3Spec, tick: int) -> Iterator[tuple[int, int, int]]:
    """
    Yield the lower tick, upper tick and dollars of each side of every position that *spec* asks for around *tick*.
    """
    spacing = TICK_SPACING[spec.fee_pips]
    middle = tick // spacing * spacing
    nested = 100 - _LADDER_PERCENT if spec.ladder else 100
    for width, percent in RANGES:
        half = max(width // spacing, 1) * spacing
        yield (
            max(middle - half, _lowest(spacing)),
            min(middle + half + spacing, -_lowest(spacing)),
            spec.depth * percent * nested // 10_000,
        )
    for step in range(spec.ladder):
        lower = middle + (step - spec.ladder // 2) * spacing
        yield lower, lower + spacing, spec.depth * _LADDER_PERCENT // 100 // spec.ladder


def liquidity(price: int, lower: int, upper: int, amount0: int, amount1: int) -> int:
    """
    Return the liquidity between two ticks that *amount0* and *amount1* pay for at *price*, a position manager's task.
    """
    low, high = (int(1.0001 ** (tick / 2) * _Q96) for tick in (lower, upper))
    current = min(max(price, low), high)
    most = 2**128 - 1
    by_amount0 = amount0 * current * high // _Q96 // (high - current) if current < high else most
    by_amount1 = amount1 * _Q96 // (current - low) if current > low else most
    return min(by_amount0, by_amount1)


def _lowest(spacing: int) -> int:
    return -(_MAX_TICK // spacing) * spacing


def _place_manager(site: Site, address: str, factory: Contract) -> Contract:
    factory.send("enableFeeAmount", 100, 1)
    arguments = [factory.address, addresses.WETH, addresses.UNISWAP_V3_DESCRIPTOR]
    manager = site.place(address, "NonfungiblePositionManager", encode(["address"] * 3, arguments))
    site.approve(manager.address)
    return manager


def _place_periphery(site: Site, factory: Contract) -> None:
    both = encode(["address", "address"], [factory.address, addresses.WETH])
    site.place(addresses.UNISWAP_V3_ROUTER, "SwapRouter", both)
    site.place(addresses.UNISWAP_V3_QUOTER_V2, "QuoterV2", both)
    site.place(addresses.UNISWAP_V3_TICK_LENS, "TickLens")
    site.place(addresses.UNISWAP_V3_MULTICALL, "UniswapInterfaceMulticall")
    second = [addresses.UNISWAP_V2_FACTORY, factory.address, addresses.UNISWAP_V3_POSITION_MANAGER, addresses.WETH]
    site.place(addresses.UNISWAP_V3_ROUTER_02, "SwapRouter02", encode(["address"] * 4, second))


def _open_pools(site: Site, dex: str, factory: Contract, manager: Contract, specs: Iterable[V3Spec]) -> None:
    for spec in specs:
        token0, token1 = universe.sorted_by_address(*spec.tokens)
        factory.send("createPool", token0.address, token1.address, spec.fee_pips)
        address = factory.call("getPool", token0.address, token1.address, spec.fee_pips)
        price = sqrt_price_x96(token0, token1, spec.skew_bps)
        site.at(address, "UniswapV3Pool").send("initialize", price)
        with site.chain.together():
            for lower, upper, usd in positions(spec, tick_at(price)):
                key = (token0.address, token1.address, spec.fee_pips, lower, upper)
                manager.send("mint", (*key, token0.units(usd), token1.units(usd), 0, 0, OWNER, FAR_FUTURE))
        site.add_pool(dex, "uniswap_v3", address, [token0, token1], spec.fee_pips, spec.depth)
