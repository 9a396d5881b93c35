"""
Aave V3 (3.6), with flash loans enabled on every reserve.
"""

import rlp
from eth_abi.abi import encode
from eth_utils.address import to_checksum_address
from eth_utils.crypto import keccak

from localnet import addresses
from localnet.accounts import OWNER
from localnet.addresses import AAVE_RESERVES
from localnet.chain import Contract
from localnet.errors import LocalnetError
from localnet.site import Site
from localnet.universe import TOKENS

#: Each links those before it.
_LIBRARIES = (
    "SupplyLogic",
    "BorrowLogic",
    "LiquidationLogic",
    "ConfiguratorLogic",
    "PoolLogic",
    "FlashLoanLogic",
)
_DEPTH_USD = 20_000_000
_FEED_DECIMALS = 8
_LTV_BPS, _THRESHOLD_BPS, _BONUS_BPS = 7_500, 8_000, 10_500
_FLASH_LOAN_BPS = 5
_OPTIMAL_USAGE_BPS, _BASE_RATE_BPS, _SLOPE_1_BPS, _SLOPE_2_BPS = 8_000, 0, 400, 7_500
_RATES = encode(["uint256"] * 4, [_OPTIMAL_USAGE_BPS, _BASE_RATE_BPS, _SLOPE_1_BPS, _SLOPE_2_BPS])
_ANY_PARAMETER = b"\x10"


def place(site: Site) -> None:
    """
    Put up the market and list its reserves; aTokens come out at their real addresses.
    """
    provider = _place_core(site)
    feeds = _place_feeds(site)
    _place_oracle(site, provider, feeds)
    data = site.place(addresses.AAVE_DATA_PROVIDER, "AaveProtocolDataProvider", _address(provider.address))
    provider.send("setPoolDataProvider", data.address)

    configurator = site.at(addresses.AAVE_CONFIGURATOR, "PoolConfigurator")
    pool = site.at(addresses.AAVE_POOL, "L2Pool")
    of_pool = [pool.address, addresses.ZERO]
    tokens = [
        site.create("AToken", encode(["address"] * 3, [*of_pool, addresses.AAVE_TREASURY])),
        site.create("VariableDebtToken", encode(["address"] * 2, of_pool)),
    ]
    for symbol in AAVE_RESERVES:
        _list(site, configurator, tokens, symbol)
        _supply(site, pool, symbol)
    configurator.send("updateFlashloanPremium", _FLASH_LOAN_BPS)


def _place_core(site: Site) -> Contract:
    libraries: dict[str, str] = {}
    for name in _LIBRARIES:
        libraries[name] = site.create(name, libraries=libraries)
    market = encode(["string", "address"], ["Aave Arbitrum Market", OWNER])
    provider = site.place(addresses.AAVE_PROVIDER, "PoolAddressesProvider", market)
    rates = site.create("InterestRateStrategy", _address(provider.address))
    of_pool = encode(["address"] * 2, [provider.address, rates])
    # The provider creates both proxies; in this order they get their real addresses.
    provider.send("setPoolImpl", site.create("L2Pool", of_pool, libraries))
    provider.send("setPoolConfiguratorImpl", site.create("PoolConfigurator", b"", libraries))
    provider.send("setACLAdmin", OWNER)
    acl = site.place(addresses.AAVE_ACL_MANAGER, "ACLManager", _address(provider.address))
    provider.send("setACLManager", acl.address)
    acl.send("addPoolAdmin", OWNER)
    acl.send("addAssetListingAdmin", OWNER)
    return provider


def _place_feeds(site: Site) -> dict[str, str]:
    """
    Put up the price feeds and return them by symbol; USDC and USDC.e share one.
    """
    feeds: dict[str, str] = {}
    for symbol, (_, feed) in AAVE_RESERVES.items():
        if feed not in feeds.values():
            answer = TOKENS[symbol].price_cents * 10 ** (_FEED_DECIMALS - 2)
            arguments = encode(["uint8", "string", "int256"], [_FEED_DECIMALS, f"{symbol} / USD", answer])
            site.place_own(feed, "Feed", arguments)
        feeds[symbol] = feed
    return feeds


def _place_oracle(site: Site, provider: Contract, feeds: dict[str, str]) -> None:
    assets = [TOKENS[symbol].address for symbol in feeds]
    in_usd = (addresses.ZERO, 10**_FEED_DECIMALS)
    arguments = encode(
        ["address", "address[]", "address[]", "address", "address", "uint256"],
        [provider.address, assets, list(feeds.values()), addresses.ZERO, *in_usd],
    )
    oracle = site.place(addresses.AAVE_ORACLE, "AaveOracle", arguments)
    provider.send("setPriceOracle", oracle.address)


def _list(site: Site, configurator: Contract, implementations: list[str], symbol: str) -> None:
    a_token, _ = AAVE_RESERVES[symbol]
    asset = TOKENS[symbol]
    site.chain.rpc("anvil_setNonce", configurator.address, hex(_nonce_that_creates(configurator.address, a_token)))
    names = [
        f"Aave Arbitrum {symbol}",
        f"aArb{symbol}",
        f"Aave Arbitrum Variable Debt {symbol}",
        f"variableDebtArb{symbol}",
    ]
    configurator.send("initReserves", [(*implementations, asset.address, *names, _ANY_PARAMETER, _RATES)])
    configurator.send("configureReserveAsCollateral", asset.address, _LTV_BPS, _THRESHOLD_BPS, _BONUS_BPS)
    configurator.send("setReserveBorrowing", asset.address, True)
    configurator.send("setReserveFlashLoaning", asset.address, True)


def _supply(site: Site, pool: Contract, symbol: str) -> None:
    asset = TOKENS[symbol]
    site.approve(pool.address, symbol)
    pool.send("supply(address,uint256,address,uint16)", asset.address, asset.units(_DEPTH_USD), OWNER, 0)


def _nonce_that_creates(creator: str, address: str) -> int:
    """
    Return the nonce at which *creator* creates *address*: the real market listed other reserves in between.
    """
    for nonce in range(1, 200):
        created = keccak(rlp.encode([bytes.fromhex(creator[2:]), nonce]))[12:]
        if to_checksum_address(created) == address:
            return nonce
    raise LocalnetError(f"no nonce of {creator} creates {address}")


def _address(value: str) -> bytes:
    return encode(["address"], [value])
