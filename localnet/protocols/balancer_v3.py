"""
Balancer V3, an optional group: its Vault takes the compiler a minute or two.
"""

from typing import Any

from eth_abi.abi import encode

from localnet import addresses, universe
from localnet.accounts import OWNER
from localnet.chain import Contract
from localnet.site import Site
from localnet.universe import WeightedSpec

# As the real Vault was deployed.
_PAUSE_WINDOW, _BUFFER = 48 * 30 * 86_400, 6 * 30 * 86_400
_MINIMUM_TRADE, _MINIMUM_WRAP = 10**6, 10**4
#: What the protocol takes of fees on swaps and on yield.
_SWAP_SHARE, _YIELD_SHARE = 5 * 10**17, 10**17

_WEI_PER_PIP = 10**12
_STANDARD_TOKEN = 0
_NOBODY = (addresses.ZERO,) * 3


def place(site: Site) -> None:
    """
    Put up the Vault in its three parts, the factory of weighted pools, a router of our own, and the pools.
    """
    vault = _place_vault(site)
    versions = [f'{{"name":"{name}","version":1}}' for name in ("WeightedPoolFactory", "WeightedPool")]
    factory = site.place(
        addresses.BALANCER_V3_WEIGHTED_FACTORY,
        "BalancerV3WeightedPoolFactory",
        encode(["address", "uint32", "string", "string"], [vault, _PAUSE_WINDOW, *versions]),
    )
    router = site.place_own(addresses.BALANCER_V3_ROUTER, "BalancerV3Router", encode(["address"], [vault]))
    site.approve(router.address)
    site.spenders["balancer_v3"] = [router.address]
    for number, spec in enumerate(universe.BALANCER_V3):
        _open(site, factory, router, spec, number)


def _place_vault(site: Site) -> str:
    # The parts name each other: each constructor asks those before it.
    vault = addresses.BALANCER_V3_VAULT
    windows = encode(
        ["address", "uint32", "uint32", "uint256", "uint256"],
        [vault, _PAUSE_WINDOW, _BUFFER, _MINIMUM_TRADE, _MINIMUM_WRAP],
    )
    admin = site.place(addresses.BALANCER_V3_VAULT_ADMIN, "BalancerV3VaultAdmin", windows)
    pair = encode(["address", "address"], [vault, admin.address])
    extension = site.place(addresses.BALANCER_V3_VAULT_EXTENSION, "BalancerV3VaultExtension", pair)
    shares = encode(["address", "uint256", "uint256"], [vault, _SWAP_SHARE, _YIELD_SHARE])
    fees = site.place(addresses.BALANCER_V3_FEE_CONTROLLER, "BalancerV3FeeController", shares)
    parts = [extension.address, addresses.BALANCER_AUTHORIZER, fees.address]
    return site.place(vault, "BalancerV3Vault", encode(["address"] * 3, parts)).address


def _open(site: Site, factory: Contract, router: Contract, spec: WeightedSpec, number: int) -> None:
    weights = dict(zip(spec.tokens, spec.weights, strict=True))
    tokens = universe.sorted_by_address(*spec.tokens)
    name = "-".join(f"{weights[token.symbol]}{token.symbol}" for token in tokens)
    creation: list[Any] = [
        name,
        name,
        [(token.address, _STANDARD_TOKEN, addresses.ZERO, False) for token in tokens],
        [weights[token.symbol] * 10**16 for token in tokens],
        _NOBODY,
        spec.fee_pips * _WEI_PER_PIP,
        addresses.ZERO,
        False,
        False,
        number.to_bytes(32, "big"),
    ]
    pool = factory.call("create", *creation)
    factory.send("create", *creation)
    amounts = [token.units(spec.depth * weights[token.symbol] // 100) for token in tokens]
    router.send("initialize", pool, [token.address for token in tokens], amounts, sender=OWNER)
    site.add_pool("balancer_v3", "balancer_v3_weighted", pool, tokens, spec.fee_pips, spec.depth)
