"""
Pools under Curve's two ABIs; Curve's own code may not be redistributed, so that it is in no package.
"""

from eth_abi.abi import encode

from localnet import addresses, universe
from localnet.chain import Contract
from localnet.protocols.balancer_v2 import WSTETH_RATE
from localnet.site import Site
from localnet.universe import ETHER, TOKENS, CryptoSpec, StableSpec

_FEE_UNITS_PER_PIP = 10**4
_HALF = 5 * 10**9
#: Pools that are in no factory's list, there as here.
_OLDER = (addresses.CURVE_2POOL, addresses.CURVE_WSTETH)


def place(site: Site) -> None:
    """
    Put up the pools: 2pool and the pool of ether and wstETH at their real addresses, the others in a factory's list.
    """
    factory = site.place_own(addresses.CURVE_FACTORY, "CurveFactory")
    of_crypto = site.place_own(addresses.CURVE_TRICRYPTO_FACTORY, "CurveFactory")
    site.spenders["curve"] = [*universe.CURVE, addresses.CURVE_WSTETH, addresses.CURVE_CRYPTO]
    for address, spec in universe.CURVE.items():
        pool = _place_stable(site, address, spec, [10 ** (36 - TOKENS[symbol].decimals) for symbol in spec.tokens])
        tokens = [TOKENS[symbol] for symbol in spec.tokens]
        site.add_pool("curve", "curve_stableswap", pool.address, tokens, spec.fee_pips, spec.depth)
        if address not in _OLDER:
            _list(factory, pool.address, [token.address for token in tokens], spec.amplification, spec.fee_pips)
    _place_wsteth(site, universe.CURVE_WSTETH)
    _place_crypto(site, universe.CURVE_CRYPTO, of_crypto)


def _place_stable(site: Site, address: str, spec: StableSpec, rates: list[int]) -> Contract:
    tokens = [universe.token(symbol) for symbol in spec.tokens]
    n = len(tokens)
    arguments = encode(
        ["string", "string", f"address[{n}]", f"uint256[{n}]", "uint256", "uint256", "uint256"],
        [
            "Curve.fi " + "/".join(spec.tokens),
            f"{n}CRV",
            [token.address for token in tokens],
            rates,
            spec.amplification,
            spec.fee_pips * _FEE_UNITS_PER_PIP,
            _HALF,
        ],
    )
    pool = site.place_own(address, "StableSwap", arguments, N_COINS=n)
    site.approve(pool.address, *(symbol for symbol in spec.tokens if symbol != ETHER.symbol))
    deposits = [token.units(spec.depth) for token in tokens]
    ether = sum(deposit for token, deposit in zip(tokens, deposits, strict=True) if token == ETHER)
    pool.send("add_liquidity", deposits, 0, value=ether)
    return pool


def _place_wsteth(site: Site, spec: StableSpec) -> None:
    pool = _place_stable(site, addresses.CURVE_WSTETH, spec, [10**18, WSTETH_RATE])
    tokens = [universe.token(symbol) for symbol in spec.tokens]
    site.add_pool("curve", "curve_stableswap", pool.address, tokens, spec.fee_pips, spec.depth, traded=False)


def _list(factory: Contract, pool: str, coins: list[str], amplification: int, fee_pips: int) -> None:
    padded = coins + [addresses.ZERO] * (4 - len(coins))
    factory.send("add", pool, padded, amplification, fee_pips * _FEE_UNITS_PER_PIP)


def _place_crypto(site: Site, spec: CryptoSpec, factory: Contract) -> None:
    tokens = [TOKENS[symbol] for symbol in spec.tokens]
    coins = [token.address for token in tokens]
    arguments = encode([f"address[{len(coins)}]", "uint256"], [coins, spec.fee_pips * _FEE_UNITS_PER_PIP])
    pool = site.place_own(addresses.CURVE_CRYPTO, "CryptoSwap", arguments)
    site.approve(pool.address, *spec.tokens)
    pool.send("add_liquidity", [token.units(spec.depth) for token in tokens], 0)
    _list(factory, pool.address, coins, 0, spec.fee_pips)
    site.add_pool("curve", "crypto_stand_in", pool.address, tokens, spec.fee_pips, spec.depth, traded=False)
