"""
What must never be shown: keys inside RPC URLs, passwords inside database URLs, private keys, passphrases.
"""

import re

_URL = re.compile(r"\b(?:https?|wss?|postgres(?:ql)?)://[^\s'\"<>]*[^\s'\"<>:.,;)]")
_KEY = re.compile(
    r"(?i)\b(?P<name>(?:private|api)[_ -]?key|passphrase|password|secret|authorization)(?P<gap>\W{0,2}[:=]\s*\W?)"
    r"(?:Bearer |Basic )?[^\s,;'\"}]+"
)
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


def redact(text: str) -> str:
    """
    Return *text* with every URL shortened to its host and every named secret blanked.
    """
    text = _URL.sub(lambda match: redact_url(match[0]), text)
    return _KEY.sub(lambda match: f"{match['name']}{match['gap']}<redacted>", text)
