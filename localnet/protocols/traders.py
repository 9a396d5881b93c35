"""
The noise traders' accounts: funded, and with the routers that they use approved.
"""

from collections.abc import Iterable

from localnet.accounts import named
from localnet.protocols.tokens import SUPPLY_USD
from localnet.site import UNLIMITED, Site
from localnet.universe import TOKENS

#: Two per DEX, so that a transaction that waits for its predecessor does not silence the DEX.
PER_DEX = 2

_WEI = 10**24
_SHARE_USD = SUPPLY_USD // 1_000


def name(dex: str, number: int) -> str:
    """Return the name of the trader *number* of *dex*, from which its key follows."""
    return f"trader {number} on {dex}"


def place(site: Site) -> dict[str, tuple[str, ...]]:
    """
    Fund the traders and return their addresses by DEX.
    """
    placed: dict[str, tuple[str, ...]] = {
        dex: tuple(named(name(dex, number)).address for number in range(PER_DEX)) for dex in site.spenders
    }
    with site.chain.together():
        for dex, traders in placed.items():
            for trader in traders:
                _equip(site, trader, site.spenders[dex])
    return placed


def _equip(site: Site, trader: str, spenders: Iterable[str]) -> None:
    site.chain.rpc("anvil_setBalance", trader, hex(_WEI))
    for token in TOKENS.values():
        contract = site.tokens[token.symbol]
        contract.send("transfer", trader, token.units(_SHARE_USD))
        for spender in spenders:
            contract.send("approve", spender, UNLIMITED, sender=trader)
