"""
WETH and the bridged tokens, out of Arbitrum's own token bridge.
"""

from eth_abi.abi import encode
from eth_utils.crypto import keccak

from localnet import addresses, artifacts
from localnet.site import Site
from localnet.universe import TOKENS, Token

#: More than pools and traders could ever use up, far below what a uint112 reserve holds.
SUPPLY_USD = 10**12
_ETHER_FOR_WETH = 10**26


def place(site: Site) -> None:
    """
    Put up all tokens; the owner receives a supply of each.
    """
    site.chain.rpc("anvil_setBalance", addresses.ERC20_GATEWAY, hex(10**20))
    for token in TOKENS.values():
        if token.symbol == "WETH":
            _place_weth(site, token)
        else:
            _place_bridged(site, token)


def _place_weth(site: Site, token: Token) -> None:
    site.place(addresses.WETH_LOGIC, "aeWETH")
    abi = artifacts.load("aeWETH").abi
    initialize = abi.find("initialize", 5).calldata(
        token.name, token.symbol, token.decimals, addresses.WETH_GATEWAY, addresses.WETH_ON_L1
    )
    arguments = encode(["address", "address", "bytes"], [addresses.WETH_LOGIC, addresses.WETH_PROXY_ADMIN, initialize])
    site.place(addresses.WETH, "TransparentUpgradeableProxy", arguments)
    site.chain.send(addresses.WETH, keccak(text="deposit()")[:4], value=_ETHER_FOR_WETH)
    site.tokens["WETH"] = site.at(addresses.WETH, abi)


def _place_bridged(site: Site, token: Token) -> None:
    artifact = artifacts.load("StandardArbERC20")
    contract = site.at(site.chain.put(token.address, artifact.runtime), artifact.abi)
    details = [
        encode(["string"], [token.name]),
        encode(["string"], [token.symbol]),
        encode(["uint8"], [token.decimals]),
    ]
    gateway = addresses.ERC20_GATEWAY
    contract.send("bridgeInit", token.on_l1, encode(["bytes", "bytes", "bytes"], details), sender=gateway)
    contract.send("bridgeMint", site.chain.sender, token.units(SUPPLY_USD), sender=gateway)
    site.tokens[token.symbol] = contract
