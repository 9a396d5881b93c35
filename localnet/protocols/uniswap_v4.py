"""
Uniswap V4, an optional group: its packages are 51 MB.
"""

from eth_abi.abi import encode
from eth_utils.crypto import keccak

from localnet import addresses, universe
from localnet.accounts import OWNER
from localnet.chain import Contract
from localnet.protocols.uniswap_v3 import TICK_SPACING, liquidity, positions, sqrt_price_x96, tick_at
from localnet.site import Site
from localnet.universe import ETHER, V3Spec

_KEY = ["address", "address", "uint24", "int24", "address"]
_MODIFY = "modifyLiquidity((address,address,uint24,int24,address),(int24,int24,int256,bytes32),bytes)"
_UNSUBSCRIBE_GAS = 300_000
_NO_SALT = b"\x00" * 32


def place(site: Site) -> None:
    """
    Put up the pool manager, its periphery, two test routers, and pools without hooks.
    """
    manager = site.place(addresses.UNISWAP_V4_POOL_MANAGER, "PoolManager", encode(["address"], [OWNER]))
    of_manager = encode(["address"], [manager.address])
    site.place(addresses.UNISWAP_V4_STATE_VIEW, "StateView", of_manager)
    site.place(addresses.UNISWAP_V4_QUOTER, "V4Quoter", of_manager)
    periphery = [
        manager.address,
        addresses.PERMIT2,
        _UNSUBSCRIBE_GAS,
        addresses.UNISWAP_V3_DESCRIPTOR,
        addresses.WETH,
    ]
    site.place(
        addresses.UNISWAP_V4_POSITION_MANAGER,
        "PositionManager",
        encode(["address", "address", "uint256", "address", "address"], periphery),
    )
    router = site.place(addresses.V4_LIQUIDITY, "PoolModifyLiquidityTest", of_manager)
    site.place(addresses.V4_SWAPPER, "PoolSwapTest", of_manager)
    site.approve(router.address)
    site.spenders["uniswap_v4"] = [addresses.V4_SWAPPER]
    for spec in universe.UNISWAP_V4:
        _open(site, manager, router, spec)
    for spec in universe.UNISWAP_V4_NATIVE:
        _open(site, manager, router, spec)


def _open(site: Site, manager: Contract, router: Contract, spec: V3Spec) -> None:
    # Ether's currency is zero, so that it comes first as it does in the specification.
    native = ETHER.symbol in spec.tokens
    token0, token1 = map(universe.token, spec.tokens) if native else universe.sorted_by_address(*spec.tokens)
    spacing = TICK_SPACING[spec.fee_pips]
    currency0 = addresses.ZERO if native else token0.address
    key = (currency0, token1.address, spec.fee_pips, spacing, addresses.ZERO)
    price = sqrt_price_x96(token0, token1, spec.skew_bps)
    manager.send("initialize", key, price)
    with site.chain.together():
        for lower, upper, usd in positions(spec, tick_at(price)):
            amount = liquidity(price, lower, upper, token0.units(usd), token1.units(usd))
            # The router gives back what it does not need.
            ether = 2 * token0.units(usd) if native else 0
            router.send(_MODIFY, key, (lower, upper, amount, _NO_SALT), b"", value=ether)
    pool_id = "0x" + keccak(encode(_KEY, key)).hex()
    site.add_pool(
        "uniswap_v4",
        "uniswap_v4",
        manager.address,
        [token0, token1],
        spec.fee_pips,
        spec.depth,
        pool_id=pool_id,
        tick_spacing=spacing,
        traded=not native,
    )
