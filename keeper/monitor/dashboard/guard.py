"""
Who may look, and who may act.

A page of any site can have a browser ask a server on its own machine, and a name that is made to lead to 127.0.0.1 lets
it read the answers: so only requests to an IP address, to localhost or to a name that the operator gave are answered.
What changes something needs the token of this run, which no other page knows.
"""

import hmac
import os
import secrets
from collections.abc import Iterable
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import urlsplit

from keeper.errors import ConfigError


class Guard:
    """
    Attributes:
        token: Of this run.
    """

    def __init__(self, names: Iterable[str] = ()) -> None:
        """
        Args:
            names: Under which the server may be asked for, beside localhost and IP addresses.
        """
        self.token = secrets.token_urlsafe(24)
        self._names = {"localhost", *(name.lower() for name in names)}

    def knows_host(self, host: str) -> bool:
        """
        Tell whether a request was meant for this server, by its ``Host``.
        """
        name = _name(f"//{host}")
        return name in self._names or _is_address(name)

    def is_own(self, origin: str | None, host: str) -> bool:
        """
        Tell whether a page of this very server sends the request, as far as its browser says.
        """
        return origin is None or urlsplit(origin).netloc.lower() == host.lower()

    def accepts(self, authorization: str | None) -> bool:
        """
        Tell whether the header has the token, in a time that does not depend on how much of it is right.
        """
        given = (authorization or "").removeprefix("Bearer ")
        return hmac.compare_digest(given.encode(errors="replace"), self.token.encode())

    def write_token(self, path: Path) -> None:
        """
        Leave the token where only this user can read it.

        Raises:
            ConfigError: The file cannot be written.
        """
        try:
            path.unlink(missing_ok=True)
            handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(handle, "w") as file:
                file.write(self.token + "\n")
        except OSError as error:
            raise ConfigError(f"{path} cannot be written: {error.strerror}") from None


def _name(url: str) -> str:
    try:
        return (urlsplit(url).hostname or "").lower()
    except ValueError:
        return ""


def _is_address(name: str) -> bool:
    try:
        ip_address(name)
    except ValueError:
        return False
    return True
