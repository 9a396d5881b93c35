"""
Proof that a generated chain is what it claims to be.

Facts of the real chain (facts.toml) are compared with what stands on the localnet: hashes of the pools' init code,
addresses of pools and aTokens, the code of Multicall3 and of a Uniswap V3 pool. The other code hashes are those that
the pinned packages gave when they were reviewed: they show that nothing changed since.
"""

import tomllib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from eth_utils.address import to_checksum_address
from eth_utils.crypto import keccak

from localnet import addresses, artifacts, instance, precompiles, universe
from localnet.abi import Function, function
from localnet.compiler import compiled
from localnet.errors import VerificationError
from localnet.instance import Localnet
from localnet.node import BASE_FEE_WEI, CHAIN_ID, GAS_LIMIT
from localnet.paths import PACKAGE

FACTS = PACKAGE / "facts.toml"

#: Stand-ins whose calls must look like those of the precompiles.
_INTERFACES = {name: f"{name.removesuffix('Interface')}Interface" for name in precompiles.VISIBLE}
_INTERFACES["NodeInterface"] = "NodeInterfaceInterface"
#: Since ArbOS 60: later than the newest package of the interfaces.
_YOUNGER = {("getCollectTips()", ("bool",))}
_NO_LIMIT = 0
#: Of the pool, which version 3.6 has.
_AAVE_REVISION = 10


@dataclass(frozen=True, slots=True)
class Check:
    """A fact, and what was found instead of it; None where it holds."""

    fact: str
    found: str | None = None


def verify(groups: tuple[str, ...] = ()) -> list[Check]:
    """
    Return every check of a newly started chain.
    """
    with instance.start(sequencer=False, groups=groups) as net:
        return examine(net)


def examine(net: Localnet) -> list[Check]:
    """
    Return every check of the chain of *net*, which must not have been traded on.
    """
    facts = tomllib.loads(FACTS.read_text())
    return [check for part in _PARTS for check in part(net, facts)]


def require(checks: list[Check]) -> None:
    """
    Raise VerificationError if one of *checks* failed.
    """
    failed = [f"{check.fact}: found {check.found}" for check in checks if check.found is not None]
    if failed:
        more = f" (and {len(failed) - 1} more)" if len(failed) > 1 else ""
        raise VerificationError(f"{failed[0]}{more}")


def code_hashes(net: Localnet) -> dict[str, str]:
    """
    Return the hash of the code of every contract in addresses.py that stands on the chain.
    """
    codes = {name: net.rpc("eth_getCode", address, "latest") for name, address in net.layout.contracts.items()}
    return {name: _hash(code) for name, code in codes.items() if code != "0x"}


def _chain(net: Localnet, _: Mapping[str, Any]) -> Iterator[Check]:
    yield _equal("chain id", int(net.rpc("eth_chainId"), 16), CHAIN_ID)
    block = net.rpc("eth_getBlockByNumber", "latest", False)
    yield _equal("base fee", int(block["baseFeePerGas"], 16), BASE_FEE_WEI)
    yield _equal("gas limit", int(block["gasLimit"], 16), GAS_LIMIT)
    yield _equal("sequencer", to_checksum_address(block["miner"]), addresses.SEQUENCER)


def _init_code(net: Localnet, facts: Mapping[str, Any]) -> Iterator[Check]:
    built = {
        name: keccak(artifacts.load(name).creation) for name in ("UniswapV3Pool", "UniswapV2Pair", "PancakeV3Pool")
    }
    built["SushiV2Pair"] = _ask(net, addresses.SUSHI_V2_FACTORY, function("pairCodeHash()", ["bytes32"]))
    for name, expected in facts["init_code"].items():
        yield _equal(f"init code of {name}", "0x" + built[name].hex(), expected)


def _pools(net: Localnet, facts: Mapping[str, Any]) -> Iterator[Check]:
    placed = {pool.name: pool.address for pool in net.layout.pools}
    for name, expected in facts["pools"].items():
        yield _equal(f"pool {name}", placed.get(name), expected)


def _aave(net: Localnet, _: Mapping[str, Any]) -> Iterator[Check]:
    data = addresses.AAVE_DATA_PROVIDER
    tokens = function("getReserveTokensAddresses(address)", ["address", "address", "address"])
    enabled = function("getFlashLoanEnabled(address)", ["bool"])
    lendable = function("getVirtualUnderlyingBalance(address)", ["uint128"])
    for symbol, (a_token, _feed) in addresses.AAVE_RESERVES.items():
        asset = universe.TOKENS[symbol].address
        yield _equal(f"aToken of {symbol}", to_checksum_address(_ask(net, data, tokens, asset)[0]), a_token)
        yield _equal(f"flash loans of {symbol}", _ask(net, data, enabled, asset), True)
        held = _ask(net, asset, function("balanceOf(address)", ["uint256"]), a_token)
        yield _equal(f"virtual balance of {symbol}", _ask(net, data, lendable, asset), held)
    pool = _ask(net, addresses.AAVE_PROVIDER, function("getPool()", ["address"]))
    yield _equal("Aave pool", to_checksum_address(pool), addresses.AAVE_POOL)
    revision = _ask(net, addresses.AAVE_POOL, function("POOL_REVISION()", ["uint256"]))
    yield _equal("Aave pool revision", revision, _AAVE_REVISION)
    premium = _ask(net, addresses.AAVE_POOL, function("FLASHLOAN_PREMIUM_TOTAL()", ["uint128"]))
    yield _equal("Aave flash loan premium in basis points", premium, 5)


def _balancer(net: Localnet, _: Mapping[str, Any]) -> Iterator[Check]:
    collector = _ask(net, addresses.BALANCER_VAULT, function("getProtocolFeesCollector()", ["address"]))
    yield _equal("Balancer fees collector", to_checksum_address(collector), addresses.BALANCER_FEES_COLLECTOR)
    fee = _ask(net, collector, function("getFlashLoanFeePercentage()", ["uint256"]))
    yield _equal("Balancer flash loan fee", fee, 0)


def _curve(net: Localnet, _: Mapping[str, Any]) -> Iterator[Check]:
    coin = function("coins(uint256)", ["address"])
    for k, expected in enumerate((addresses.ETHER, universe.TOKENS["wstETH"].address)):
        found = to_checksum_address(_ask(net, addresses.CURVE_WSTETH, coin, k))
        yield _equal(f"coin {k} of Curve's wstETH pool", found, expected)


def _balancer_v3(net: Localnet, _: Mapping[str, Any]) -> Iterator[Check]:
    pools, vault = net.layout.on("balancer_v3"), addresses.BALANCER_V3_VAULT
    if not pools:
        return
    for name, expected in (
        ("getVaultExtension()", addresses.BALANCER_V3_VAULT_EXTENSION),
        ("getVaultAdmin()", addresses.BALANCER_V3_VAULT_ADMIN),
        ("getProtocolFeeController()", addresses.BALANCER_V3_FEE_CONTROLLER),
    ):
        found = _ask(net, vault, function(name, ["address"]))
        yield _equal(f"{name} of Balancer V3", to_checksum_address(found), expected)
    for pool in pools:
        initialised = _ask(net, vault, function("isPoolInitialized(address)", ["bool"]), pool.address)
        yield _equal(f"{pool.name} is initialised", initialised, True)
    for symbol in sorted({symbol for pool in pools for symbol in pool.tokens}):
        token = universe.TOKENS[symbol].address
        held = _ask(net, token, function("balanceOf(address)", ["uint256"]), vault)
        lendable = _ask(net, vault, function("getReservesOf(address)", ["uint256"]), token)
        yield _equal(f"Balancer V3's reserve of {symbol}", lendable, held)


def _uniswap_v4(net: Localnet, _: Mapping[str, Any]) -> Iterator[Check]:
    liquidity = function("getLiquidity(bytes32)", ["uint128"])
    for pool in (*net.layout.pools, *net.layout.untraded):
        if pool.family == "uniswap_v4":
            pool_id = bytes.fromhex((pool.pool_id or "")[2:])
            found = _ask(net, addresses.UNISWAP_V4_STATE_VIEW, liquidity, pool_id)
            yield _equal(f"{pool.name} has liquidity", found > 0, True)


def _links(net: Localnet, _: Mapping[str, Any]) -> Iterator[Check]:
    factory, weth = function("factory()", ["address"]), function("WETH9()", ["address"])
    for user, its_factory in (
        (addresses.UNISWAP_V3_POSITION_MANAGER, addresses.UNISWAP_V3_FACTORY),
        (addresses.UNISWAP_V3_ROUTER, addresses.UNISWAP_V3_FACTORY),
        (addresses.UNISWAP_V3_ROUTER_02, addresses.UNISWAP_V3_FACTORY),
        (addresses.UNISWAP_V3_QUOTER_V2, addresses.UNISWAP_V3_FACTORY),
        (addresses.SUSHI_V3_POSITION_MANAGER, addresses.SUSHI_V3_FACTORY),
    ):
        yield _equal(f"factory of {user}", to_checksum_address(_ask(net, user, factory)), its_factory)
        yield _equal(f"WETH of {user}", to_checksum_address(_ask(net, user, weth)), addresses.WETH)


def _tokens(net: Localnet, _: Mapping[str, Any]) -> Iterator[Check]:
    for token in universe.TOKENS.values():
        yield _equal(
            f"symbol of {token.address}", _ask(net, token.address, function("symbol()", ["string"])), token.symbol
        )
        decimals = _ask(net, token.address, function("decimals()", ["uint8"]))
        yield _equal(f"decimals of {token.symbol}", decimals, token.decimals)


def _quoters(net: Localnet, _: Mapping[str, Any]) -> Iterator[Check]:
    """The localnet's own quoter must say what Uniswap's says."""
    official = Function(
        "quoteExactInputSingle",
        ("(address,address,uint256,uint24,uint160)",),
        ("uint256", "uint160", "uint32", "uint256"),
    )
    own = compiled("V3Quoter").abi.find("quote", 4)
    for pool in net.layout.on("uniswap_v3"):
        token0, token1 = (net.layout.tokens[symbol].address for symbol in pool.tokens)
        amount = universe.TOKENS[pool.tokens[0]].units(10_000)
        order = (token0, token1, amount, pool.fee_pips, _NO_LIMIT)
        expected, price, _crossed, _gas = _ask(net, addresses.UNISWAP_V3_QUOTER_V2, official, order)
        quote = _ask(net, addresses.V3_QUOTER, own, pool.address, True, amount, 4_295_128_740)
        yield _equal(f"quote of {pool.name}", (-quote[1], quote[2]), (expected, price))


def _precompiles(net: Localnet, _: Mapping[str, Any]) -> Iterator[Check]:
    for name, interface in _INTERFACES.items():
        real = {(f.signature, f.outputs) for f in artifacts.load(interface).abi.functions} | _YOUNGER
        for own in compiled(name).abi.functions:
            yield _equal(f"{name}.{own.signature} is Arbitrum's", (own.signature, own.outputs) in real, True)
    version = _ask(net, addresses.ARB_SYS, function("arbOSVersion()", ["uint256"]))
    yield _equal("ArbOS version", version, 116)


def _code(net: Localnet, facts: Mapping[str, Any]) -> Iterator[Check]:
    for address, expected in facts["real_code"].items():
        yield _equal(f"code at {address}", _hash(net.rpc("eth_getCode", address, "latest")), expected)
    found, recorded = code_hashes(net), facts["code"]
    for name in sorted(found.keys() | recorded.keys()):
        if name in found or not _optional(name):
            yield _equal(f"code of {name}", found.get(name), recorded.get(name))


def _optional(name: str) -> bool:
    return name.startswith(("uniswap_v4", "v4_", "balancer_v3", "morpho"))


_PARTS: tuple[Callable[[Localnet, Mapping[str, Any]], Iterator[Check]], ...] = (
    _chain, _init_code, _pools, _aave, _balancer, _balancer_v3, _curve, _uniswap_v4, _links, _tokens, _quoters,
    _precompiles, _code,
)  # fmt: skip


def _ask(net: Localnet, to: str, asked: Function, *arguments: Any) -> Any:
    answer = net.rpc("eth_call", {"to": to, "data": "0x" + asked.calldata(*arguments).hex()}, "latest")
    return asked.decode(bytes.fromhex(answer[2:]))


def _equal(fact: str, found: Any, expected: Any) -> Check:
    return Check(f"{fact} is {expected}", None if found == expected else str(found))


def _hash(code: str) -> str:
    return "0x" + keccak(hexstr=code).hex()
