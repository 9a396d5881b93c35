"""
Addresses and URLs as people write them.
"""

import re
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, SecretStr

from keeper.types import Address

_ADDRESS = re.compile(r"0x[0-9a-fA-F]{40}")


def to_address(text: str) -> Address:
    """
    Return the address in the form that logs use.

    Raises:
        ValueError: It is not ``0x`` and 40 hex digits.
    """
    if not _ADDRESS.fullmatch(text):
        raise ValueError(f"{text!r} is not an address (0x and 40 hex digits)")
    return Address(text.lower())


AddressText = Annotated[str, AfterValidator(to_address)]


def is_url(url: str, *schemes: str) -> bool:
    """
    Return whether *url* names a server and one of the schemes.
    """
    try:
        parts = urlsplit(url)
        return parts.scheme in schemes and bool(parts.hostname) and parts.port != 0 and not re.search(r"\s", url)
    except ValueError:
        return False


def _to_http(secret: SecretStr) -> SecretStr:
    """What is no URL is told without showing it: it may be one whose beginning was forgotten, key and all."""
    if not is_url(secret.get_secret_value(), "http", "https"):
        raise ValueError("it is not the URL of a server: http:// or https://, a host, and no space")
    return secret


def _to_ws(secret: SecretStr) -> SecretStr:
    if not is_url(secret.get_secret_value(), "ws", "wss"):
        raise ValueError("it is not the URL of a WebSocket: ws:// or wss://, a host, and no space")
    return secret


def _to_postgres(secret: SecretStr) -> SecretStr:
    """An empty one would be libpq's own default: whatever database this machine has."""
    if not secret.get_secret_value().startswith(("postgresql://", "postgres://")):
        raise ValueError("it is not the URL of a PostgreSQL database, which begins with postgresql://")
    return secret


HttpUrl = Annotated[SecretStr, AfterValidator(_to_http)]
WsUrl = Annotated[SecretStr, AfterValidator(_to_ws)]
PostgresUrl = Annotated[SecretStr, AfterValidator(_to_postgres)]
