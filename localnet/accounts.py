"""
Keys that anyone can compute. Never send anything real to these accounts.
"""

import functools

from eth_account import Account
from eth_account.signers.local import LocalAccount
from eth_utils.crypto import keccak

#: anvil's public test accounts come from this phrase, Hardhat's too; each has 10,000 ETH.
_MNEMONIC = "test test test test test test test test test test test junk"


def named(name: str) -> LocalAccount:
    """
    Return the localnet's own account *name*: "owner", "trader 0 on sushi_v2", or any other.
    """
    account: LocalAccount = Account.from_key(keccak(text=f"localnet: {name}"))
    return account


@functools.cache
def public(number: int) -> LocalAccount:
    """
    Return the public test account *number*, 0 to 9.
    """
    Account.enable_unaudited_hdwallet_features()
    account: LocalAccount = Account.from_mnemonic(_MNEMONIC, account_path=f"m/44'/60'/0'/0/{number}")
    return account


#: Owns the factories, the liquidity and the stand-ins.
OWNER: str = named("owner").address
