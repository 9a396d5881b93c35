"""
Key files (version 3), which Ape's accounts are, too.
"""

import json
import os
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
    except OSError as error:
        raise ConfigError(f"key file {path.name} cannot be read: {error.strerror}") from None
    except ValueError as error:
        if "MAC mismatch" in str(error):
            raise ConfigError(f"wrong passphrase for key file {path.name}") from None
        raise ConfigError(f"{path.name} is not a keystore file") from None
    except (KeyError, TypeError, NotImplementedError, RecursionError):
        raise ConfigError(f"{path.name} is not a keystore file") from None
    account: LocalAccount = Account.from_key(key)
    for secret in (passphrase, account.key.hex().removeprefix("0x")):
        conceal(secret)
    return account


def stored_passphrase(variable: str) -> str | None:
    """
    Return the passphrase that whoever started the process left for it, None if nobody did.

    It is in the environment, from which it is taken at once, or in a file of the folder that systemd (LoadCredential)
    or a container's secrets name by CREDENTIALS_DIRECTORY: KEEPER_PASSPHRASE is ``passphrase`` there,
    KEEPER_FUNDER_PASSPHRASE is ``funder-passphrase``.

    Raises:
        ConfigError: The file is there and cannot be read.
    """
    if (given := os.environ.pop(variable, None)) is not None:
        return given
    if not (folder := os.environ.get("CREDENTIALS_DIRECTORY")):
        return None
    path = Path(folder) / variable.removeprefix("KEEPER_").lower().replace("_", "-")
    try:
        return path.read_text().removesuffix("\n")
    except FileNotFoundError:
        return None
    except (OSError, ValueError):
        raise ConfigError(f"the credential {path.name} cannot be read") from None
