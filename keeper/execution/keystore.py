"""
Key files (version 3), which Ape's accounts are, too.
"""

import json
from pathlib import Path

from eth_account import Account
from eth_account.signers.local import LocalAccount

from keeper.errors import ConfigError
from keeper.redaction import conceal


def open_keystore(path: Path, passphrase: str) -> LocalAccount:
    """
    Return the account of a keystore file (version 3).

    Raises:
        ConfigError: The file is missing or is not a keystore, or the passphrase is wrong.
    """
    try:
        keystore = json.loads(path.read_text())
        key = Account.decrypt(keystore if isinstance(keystore, dict) else {}, passphrase)
    except OSError:
        raise ConfigError(f"key file {path.name} cannot be read") from None
    except ValueError as error:
        if "MAC mismatch" in str(error):
            raise ConfigError(f"wrong passphrase for key file {path.name}") from None
        raise ConfigError(f"{path.name} is not a keystore file") from None
    except (KeyError, TypeError, NotImplementedError):
        raise ConfigError(f"{path.name} is not a keystore file") from None
    account: LocalAccount = Account.from_key(key)
    for secret in (passphrase, account.key.hex().removeprefix("0x")):
        conceal(secret)
    return account
