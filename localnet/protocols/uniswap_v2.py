"""
Uniswap V2 and SushiSwap V2.
"""

from collections.abc import Iterable

from eth_abi.abi import encode

from localnet import addresses, artifacts, universe
from localnet.accounts import OWNER
from localnet.chain import Contract
from localnet.site import FAR_FUTURE, Site
from localnet.universe import TOKENS, V2Spec

#: Who deployed SushiSwap's factory on Arbitrum One, with its first transaction: the address follows from it.
SUSHI_DEPLOYER = "0xf87BC5535602077d340806d71f805EA9907a843D"

_FEE_PIPS = 3_000


def place(site: Site) -> None:
    """
    Put up both factories and routers, and their pairs.
    """
    factory = site.place(addresses.UNISWAP_V2_FACTORY, "UniswapV2Factory", encode(["address"], [OWNER]))
    router = _place_router(site, addresses.UNISWAP_V2_ROUTER, "UniswapV2Router02", factory)
    _open_pairs(site, "uniswap_v2", factory, router, universe.UNISWAP_V2)

    factory = _create_sushi_factory(site)
    router = _place_router(site, addresses.SUSHI_V2_ROUTER, "SushiV2Router02", factory)
    _open_pairs(site, "sushi_v2", factory, router, universe.SUSHI_V2)


def _create_sushi_factory(site: Site) -> Contract:
    artifact = artifacts.load("SushiV2Factory")
    creation = artifact.creation + encode(["address"], [OWNER])
    return site.at(site.chain.create(creation, sender=SUSHI_DEPLOYER), artifact.abi)


def _place_router(site: Site, address: str, artifact: str, factory: Contract) -> Contract:
    return site.place(address, artifact, encode(["address", "address"], [factory.address, addresses.WETH]))


def _open_pairs(site: Site, dex: str, factory: Contract, router: Contract, specs: Iterable[V2Spec]) -> None:
    site.approve(router.address)
    site.spenders[dex] = [router.address]
    for spec in specs:
        a, b = (TOKENS[symbol] for symbol in spec.tokens)
        amount_b = b.units(spec.depth) * (10_000 + spec.skew_bps) // 10_000
        router.send("addLiquidity", a.address, b.address, a.units(spec.depth), amount_b, 0, 0, OWNER, FAR_FUTURE)
        pair = factory.call("getPair", a.address, b.address)
        site.add_pool(dex, "uniswap_v2", pair, universe.sorted_by_address(*spec.tokens), _FEE_PIPS, spec.depth)
