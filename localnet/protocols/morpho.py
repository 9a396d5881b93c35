"""
Morpho Blue, an optional group: one contract that lends whatever all of its markets hold.
"""

from eth_abi.abi import encode

from localnet import addresses
from localnet.accounts import OWNER
from localnet.site import Site
from localnet.universe import TOKENS

_DEPTH_USD = 5_000_000
_LLTV = 86 * 10**16
#: No interest and no liquidations: the markets are there to be supplied to.
_NO_RATES = _NO_ORACLE = addresses.ZERO
_BY_ASSETS = 0


def place(site: Site) -> None:
    """
    Put up Morpho Blue, and supply to one market for each token.
    """
    morpho = site.place(addresses.MORPHO, "Morpho", encode(["address"], [OWNER]))
    morpho.send("enableIrm", _NO_RATES)
    morpho.send("enableLltv", _LLTV)
    site.approve(morpho.address)
    with site.chain.together():
        for token in TOKENS.values():
            collateral = TOKENS["USDC" if token.symbol == "WETH" else "WETH"]
            market = (token.address, collateral.address, _NO_ORACLE, _NO_RATES, _LLTV)
            morpho.send("createMarket", market)
            morpho.send("supply", market, token.units(_DEPTH_USD), _BY_ASSETS, OWNER, b"")
