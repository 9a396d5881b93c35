"""
Stand-ins for Arbitrum's precompiles, on a localnet or on somebody's fork.

anvil has nothing at these addresses; a fork of Arbitrum holds the single byte 0xfe there. Prices are changed through
the stand-ins' storage, so that no transaction, block or key is needed for it.
"""

from collections.abc import Mapping
from contextlib import closing

from eth_abi.abi import encode

from localnet import addresses
from localnet.compiler import Compiled, compiled
from localnet.rpc import Rpc

#: Wei for a unit of L1 data. Invented; it makes the L1 part some 15 % of a swap's gas, as in the records of 2023.
PRICE_PER_UNIT_WEI = 200_000_000
MINIMUM_GAS_PRICE_WEI = 20_000_000
#: Since ArbOS 20.
BROTLI_LEVEL = 1

#: Where the real precompiles are.
VISIBLE = {
    "ArbSys": addresses.ARB_SYS,
    "ArbOwnerPublic": addresses.ARB_OWNER_PUBLIC,
    "ArbGasInfo": addresses.ARB_GAS_INFO,
    "NodeInterface": addresses.NODE_INTERFACE,
}
#: Where the stand-ins are when the real addresses must look as on a Nitro node.
HIDDEN = {name: addresses.hidden(address) for name, address in VISIBLE.items()}

#: What a Nitro node shows as the code of a precompile; NodeInterface has none.
NITRO_CODE = {name: "0x" if name == "NodeInterface" else "0xfe" for name in VISIBLE}


def apply(url: str) -> None:
    """
    Put the stand-ins on the anvil at *url*, at the real addresses.
    """
    with closing(Rpc(url)) as rpc:
        place(rpc, VISIBLE)


def place(rpc: Rpc, where: Mapping[str, str]) -> None:
    """
    Put the stand-ins at the addresses *where*, with the default prices.
    """
    for name, address in where.items():
        found = compiled(name)
        arguments = encode(["address"], [where["ArbGasInfo"]]) if name == "NodeInterface" else b""
        rpc("anvil_setCode", address, "0x" + (found.creation + arguments).hex())
        rpc("anvil_setCode", address, rpc("eth_call", {"to": address}, "latest"))
        rpc("anvil_setNonce", address, "0x1")
    set_l1_price(rpc, PRICE_PER_UNIT_WEI, where)
    set_minimum_gas_price(rpc, MINIMUM_GAS_PRICE_WEI, where)
    set_collect_tips(rpc, False, where)
    set_brotli_level(rpc, BROTLI_LEVEL, where)


def set_l1_price(rpc: Rpc, price_per_unit_wei: int, where: Mapping[str, str] = VISIBLE) -> None:
    """Set what ``getL1BaseFeeEstimate`` and the prices derived from it tell."""
    _store(rpc, where, "ArbGasInfo", "_price_per_unit", price_per_unit_wei)


def set_minimum_gas_price(rpc: Rpc, wei: int, where: Mapping[str, str] = VISIBLE) -> None:
    """Set what ``getMinimumGasPrice`` tells; the sequencer's own floor is not moved."""
    _store(rpc, where, "ArbGasInfo", "_minimum_gas_price", wei)


def set_collect_tips(rpc: Rpc, collect: bool, where: Mapping[str, str] = VISIBLE) -> None:
    """Set what ``getCollectTips`` tells."""
    _store(rpc, where, "ArbOwnerPublic", "_collect_tips", int(collect))


def set_brotli_level(rpc: Rpc, level: int, where: Mapping[str, str] = VISIBLE) -> None:
    """Set what ``getBrotliCompressionLevel`` tells."""
    _store(rpc, where, "ArbOwnerPublic", "_brotli_level", level)


def _store(rpc: Rpc, where: Mapping[str, str], name: str, variable: str, value: int) -> None:
    contract: Compiled = compiled(name)
    rpc("anvil_setStorageAt", where[name], hex(contract.slots[variable]), f"0x{value:064x}")
