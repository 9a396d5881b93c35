"""
Balancer V2: the Vault, weighted pools and composable stable pools.
"""

from typing import Any

from eth_abi.abi import encode
from eth_utils.address import to_checksum_address
from eth_utils.crypto import keccak

from localnet import addresses, universe
from localnet.accounts import OWNER
from localnet.chain import Contract
from localnet.errors import LocalnetError
from localnet.site import UNLIMITED, Site
from localnet.universe import StableSpec, WeightedSpec

#: The rate of wstETH: what the universe says it is worth in ETH.
WSTETH_RATE = universe.TOKENS["wstETH"].price_cents * 10**18 // universe.TOKENS["WETH"].price_cents

_PAUSE_WINDOW, _BUFFER = 90 * 86_400, 30 * 86_400
_HALF = 5 * 10**17
_WEI_PER_PIP = 10**12
_POOL_CREATED = "0x" + keccak(text="PoolCreated(address)").hex()
#: The pool's own shares, which a composable pool holds itself; the first join must name them all.
_ALL_SHARES = 2**112 - 1
_INIT = 0


def place(site: Site) -> None:
    """
    Put up the Vault and its surroundings, both factories, and the pools.
    """
    vault = _place_vault(site)
    site.approve(vault.address)
    site.spenders["balancer_v2"] = [vault.address]
    rates = site.place_own(addresses.RATE_PROVIDER, "RateProvider", encode(["uint256"], [WSTETH_RATE]))

    factory = _place_factory(site, addresses.BALANCER_WEIGHTED_FACTORY, "WeightedPool")
    for weighted in universe.BALANCER_WEIGHTED:
        _open_weighted(site, vault, factory, weighted)

    factory = _place_factory(site, addresses.BALANCER_STABLE_FACTORY, "ComposableStablePool")
    for stable in universe.BALANCER_STABLE:
        _open_stable(site, vault, factory, stable, rates.address)


def _place_vault(site: Site) -> Contract:
    site.place(addresses.BALANCER_AUTHORIZER, "Authorizer", encode(["address"], [OWNER]))
    arguments = [addresses.BALANCER_AUTHORIZER, addresses.WETH, _PAUSE_WINDOW, _BUFFER]
    vault = site.place(
        addresses.BALANCER_VAULT, "Vault", encode(["address", "address", "uint256", "uint256"], arguments)
    )
    site.place(addresses.BALANCER_QUERIES, "BalancerQueries", encode(["address"], [vault.address]))
    percentages = encode(["address", "uint256", "uint256"], [vault.address, _HALF, _HALF])
    site.place(addresses.BALANCER_FEE_PERCENTAGES, "ProtocolFeePercentagesProvider", percentages)
    return vault


def _place_factory(site: Site, address: str, pool: str) -> Contract:
    versions = [f'{{"name":"{name}","version":3}}' for name in (f"{pool}Factory", pool)]
    arguments = [addresses.BALANCER_VAULT, addresses.BALANCER_FEE_PERCENTAGES, *versions]
    return site.place(address, f"{pool}Factory", encode(["address", "address", "string", "string"], arguments))


def _open_weighted(site: Site, vault: Contract, factory: Contract, spec: WeightedSpec) -> None:
    weights = dict(zip(spec.tokens, spec.weights, strict=True))
    tokens = universe.sorted_by_address(*spec.tokens)
    name = "-".join(f"{weights[token.symbol]}{token.symbol}" for token in tokens)
    pool = _created(
        site,
        factory.send(
            "create",
            name,
            name,
            [token.address for token in tokens],
            [weights[token.symbol] * 10**16 for token in tokens],
            [addresses.ZERO] * len(tokens),
            spec.fee_pips * _WEI_PER_PIP,
            OWNER,
        ),
    )
    amounts = {token.address: token.units(spec.depth * weights[token.symbol] // 100) for token in tokens}
    pool_id = _join(vault, pool, amounts)
    site.add_pool("balancer_v2", "balancer_weighted", pool.address, tokens, spec.fee_pips, spec.depth, pool_id=pool_id)


def _open_stable(site: Site, vault: Contract, factory: Contract, spec: StableSpec, rates: str) -> None:
    tokens = universe.sorted_by_address(*spec.tokens)
    name = "-".join(token.symbol for token in tokens) + "-Stable"
    pool = _created(
        site,
        factory.send(
            "create",
            name,
            name,
            [token.address for token in tokens],
            spec.amplification,
            [rates if token.symbol == "wstETH" else addresses.ZERO for token in tokens],
            [0] * len(tokens),
            [False] * len(tokens),
            spec.fee_pips * _WEI_PER_PIP,
            OWNER,
        ),
    )
    pool_id = _join(vault, pool, {token.address: token.units(spec.depth) for token in tokens})
    site.add_pool("balancer_v2", "balancer_stable", pool.address, tokens, spec.fee_pips, spec.depth, pool_id=pool_id)


def _created(site: Site, receipt: dict[str, Any]) -> Contract:
    for log in receipt["logs"]:
        if log["topics"][0] == _POOL_CREATED:
            return site.at(to_checksum_address(log["topics"][1][-40:]), "ComposableStablePool")
    raise LocalnetError("a Balancer factory announced no pool")


def _join(vault: Contract, pool: Contract, amounts: dict[str, int]) -> str:
    """
    Make the first deposit and return the pool's id.
    """
    pool_id: bytes = pool.call("getPoolId")
    registered, _, _ = vault.call("getPoolTokens", pool_id)
    assets = [to_checksum_address(asset) for asset in registered]
    deposits = [amounts.get(asset, _ALL_SHARES) for asset in assets]
    limits = [amounts.get(asset, UNLIMITED) for asset in assets]
    data = encode(["uint256", "uint256[]"], [_INIT, deposits])
    vault.send("joinPool", pool_id, OWNER, OWNER, (assets, limits, data, False))
    return "0x" + pool_id.hex()
