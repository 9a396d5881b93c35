"""
What must never be shown: keys inside RPC URLs, passwords inside database URLs, private keys, passphrases.
"""

import re
from collections.abc import Mapping
from typing import Any

_URL = re.compile(r"\b[A-Za-z][\w+.-]{0,20}://[^\s'\"<>]*[^\s'\"<>:.,;)]")
_KEY = re.compile(
    r"(?i)\b(?P<name>(?:private|api)[_ -]?key|passphrase|password|secret|authorization)(?P<gap>\W{0,2}[:=]\s*\W?)"
    r"(?:Bearer |Basic )?[^\s,;'\"}]+"
)
#: Names whose values are secrets, whatever they look like.
_SECRET_NAME = re.compile(r"(?i)(?:private|api)[_ -]?key|passphrase|password|secret|authorization|mnemonic")

#: What is inside of values is looked at down to here; below that, as text.
_DEPTH = 8

_BLANK = "<redacted>"

#: What is shorter is no secret, whatever it is used for.
_SHORTEST = 8

#: Secrets of this process: a private key looks like any hash, so that its form does not tell.
_known: set[str] = set()

_HOST = re.compile(r"^(?P<scheme>\w+)://(?:[^@/]*@)?(?P<host>[^/:?#]+)(?P<port>:\d+)?")


def redact_url(url: str) -> str:
    """
    Return *url* without user, path and query: providers put their keys there.

    >>> redact_url("https://user:pw@arb.example.com:8547/v2/KEY?k=1")
    'https://arb.example.com:8547/...'
    """
    match = _HOST.match(url)
    if match is None:
        return "<url>"
    shown = f"{match['scheme']}://{match['host']}{match['port'] or ''}"
    rest = url[match.end() :].strip("/")
    return f"{shown}/..." if rest or "@" in url else shown


def conceal(secret: str) -> None:
    """
    Blank *secret* wherever it turns up from now on, in capitals or not; not one so short that it is part of words.
    """
    if len(secret) >= _SHORTEST:
        _known.add(secret.lower())


def redact(text: str) -> str:
    """
    Return *text* with every URL shortened to its host, and every named secret and every concealed one blanked.
    """
    text = _URL.sub(lambda match: redact_url(match[0]), text)
    text = _KEY.sub(lambda match: f"{match['name']}{match['gap']}{_BLANK}", text)
    lowered = text.lower()
    for secret in _known:
        if secret in lowered:
            text = re.sub(re.escape(secret), _BLANK, text, flags=re.IGNORECASE)
    return text


def redact_value(value: Any, depth: int = _DEPTH) -> Any:
    """
    Return *value* with all text in it redacted, however deep it lies: in mappings (their keys, too), sequences, sets,
    exceptions, and in what any other object shows of itself. Values whose names say that they are secret are blanked.
    """
    match value:
        case None | bool() | int() | float():
            return value
        case str():
            return redact(value)
        case Mapping() if depth:
            return {
                redact(str(key)): _BLANK if _is_secret(key) else redact_value(item, depth - 1)
                for key, item in value.items()
            }
        case list() | tuple() | set() | frozenset() if depth:
            return [redact_value(item, depth - 1) for item in value]
        case _:
            return redact(repr(value))


def _is_secret(name: object) -> bool:
    return isinstance(name, str) and _SECRET_NAME.search(name) is not None
