"""
StableSwap pools under Curve's ABI; Curve's own code may not be redistributed, so that it is in no package.
"""

from eth_abi.abi import encode

from localnet import universe
from localnet.site import Site
from localnet.universe import TOKENS

_FEE_UNITS_PER_PIP = 10**4
_HALF = 5 * 10**9


def place(site: Site) -> None:
    """
    Put up the pools, 2pool among them at its real address.
    """
    site.spenders["curve"] = list(universe.CURVE)
    for address, spec in universe.CURVE.items():
        tokens = [TOKENS[symbol] for symbol in spec.tokens]
        n = len(tokens)
        arguments = encode(
            ["string", "string", f"address[{n}]", f"uint256[{n}]", "uint256", "uint256", "uint256"],
            [
                "Curve.fi " + "/".join(spec.tokens),
                f"{n}CRV",
                [token.address for token in tokens],
                [10 ** (36 - token.decimals) for token in tokens],
                spec.amplification,
                spec.fee_pips * _FEE_UNITS_PER_PIP,
                _HALF,
            ],
        )
        pool = site.place_own(address, "StableSwap", arguments, N_COINS=n)
        site.approve(pool.address, *spec.tokens)
        pool.send("add_liquidity", [token.units(spec.depth) for token in tokens], 0)
        site.add_pool("curve", "curve_stableswap", pool.address, tokens, spec.fee_pips, spec.depth)
