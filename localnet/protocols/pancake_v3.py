"""
PancakeSwap V3: the real factory and pools. No package ships its pool deployer, position manager or router.
"""

from eth_abi.abi import encode

from localnet import addresses, artifacts, universe
from localnet.protocols.uniswap_v3 import liquidity, positions, sqrt_price_x96, tick_at
from localnet.site import Site

#: ERC-5202: the init code follows these three bytes.
_BLUEPRINT_PREAMBLE = bytes.fromhex("fe7100")


def place(site: Site) -> None:
    """
    Put up the factory, the deployer's stand-in, and the pools.
    """
    pool_code = artifacts.load("PancakeV3Pool").creation
    site.chain.put(addresses.PANCAKE_POOL_BLUEPRINT, _BLUEPRINT_PREAMBLE + pool_code)
    deployer = site.place_own(
        addresses.PANCAKE_V3_DEPLOYER, "PancakeV3PoolDeployer", encode(["address"], [addresses.PANCAKE_POOL_BLUEPRINT])
    )
    factory = site.place(addresses.PANCAKE_V3_FACTORY, "PancakeV3Factory", encode(["address"], [deployer.address]))
    deployer.send("setFactoryAddress", factory.address)
    site.approve(addresses.V3_ROUTER)
    site.spenders["pancake_v3"] = [addresses.V3_ROUTER]

    router = site.own(addresses.V3_ROUTER, "V3Router")
    for spec in universe.PANCAKE_V3:
        token0, token1 = universe.sorted_by_address(*spec.tokens)
        factory.send("createPool", token0.address, token1.address, spec.fee_pips)
        address = factory.call("getPool", token0.address, token1.address, spec.fee_pips)
        price = sqrt_price_x96(token0, token1, spec.skew_bps)
        site.at(address, "PancakeV3Pool").send("initialize", price)
        with site.chain.together():
            for lower, upper, usd in positions(spec, tick_at(price)):
                amount = liquidity(price, lower, upper, token0.units(usd), token1.units(usd))
                router.send("mint", address, lower, upper, amount)
        site.add_pool("pancake_v3", "uniswap_v3", address, [token0, token1], spec.fee_pips, spec.depth)
