"""Takes secrets out of what leaves the box.

Two ways, because neither is enough: secrets that are known are replaced wherever they stand, as
they are or as an address, JSON or base64 writes them; and what looks like a secret (a key in PEM,
a password in an address, the value of a key called `token`) is replaced though nobody knows it.
"""

from __future__ import annotations

import json
import re
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final
from urllib.parse import quote

REDACTED: Final = "[redacted]"
SHORTEST: Final = 6
"""Below that a known secret would redact half the words of a log."""

_SECRET_NAME: Final = re.compile(
    r"(?i)(pass(word|wd|phrase)?|secret|token|api[_-]?key|private[_-]?key|credential|\bpin\b)"
)
_PEM: Final = re.compile(
    r"-----BEGIN ([A-Z ]*PRIVATE KEY)-----.*?(-----END \1-----|\Z)", re.DOTALL
)
_USERINFO: Final = re.compile(r"\b([A-Za-z][A-Za-z0-9+.-]{0,20}://)[^/\s@]{1,256}@")
_BEARER: Final = re.compile(r"(?i)\b(bearer|basic)\s+[\w.~+/=-]{6,}")
_ASSIGNED: Final = re.compile(
    r"(?i)((?:pass(?:word|wd|phrase)?|secret|token|api[_-]?key)[\"']?\s*[=:]\s*)"
    r"(\"[^\"]*\"|'[^']*'|[^\s,;&}\]]+)"
)


def _in_quotes_of(value: str) -> str:
    """JSON stays JSON."""
    quotes = value[0] if value[0] in "\"'" else ""
    return f"{quotes}{REDACTED}{quotes}"


_Instead = str | Callable[[re.Match[str]], str]
_PATTERNS: Final[Sequence[tuple[re.Pattern[str], _Instead]]] = (
    (_PEM, REDACTED),
    (_USERINFO, rf"\1{REDACTED}@"),
    (_BEARER, rf"\1 {REDACTED}"),
    (_ASSIGNED, lambda found: found[1] + _in_quotes_of(found[2])),
)


class Redactor:
    """Knows the box's secrets: the contents of its secret files, lines and all."""

    def __init__(self, secrets: Iterable[bytes]) -> None:
        found: set[str] = set()
        for secret in secrets:
            for part in (secret, secret.strip(), *secret.split()):
                if len(part) >= SHORTEST and not part.startswith(b"-----"):
                    found.update(_spellings(part))
        # The longest first: one may be a part of another.
        parts = sorted((re.escape(it) for it in found), key=len, reverse=True)
        self._known = re.compile("|".join(parts)) if parts else None

    def text(self, text: str) -> str:
        """The same without secrets."""
        if self._known is not None:
            text = self._known.sub(REDACTED, text)
        for pattern, instead in _PATTERNS:
            text = pattern.sub(instead, text)
        return text

    def value(self, value: object, name: str = "") -> object:
        """A value of TOML or JSON, at the key `name`, without secrets."""
        if isinstance(value, Mapping):
            return {self.text(str(key)): self.value(it, str(key)) for key, it in value.items()}
        if isinstance(value, Sequence) and not isinstance(value, str | bytes):
            return [self.value(it, name) for it in value]
        if _is_secret_name(name):
            return REDACTED
        return self.text(value) if isinstance(value, str) else value


def _is_secret_name(name: str) -> bool:
    """`password`, but not `password_file`, which only says where it lies."""
    return bool(_SECRET_NAME.search(name)) and not name.endswith(("_file", "_path"))


def _spellings(secret: bytes) -> Iterable[str]:
    text = secret.decode("utf-8", "surrogateescape")
    yield text
    yield quote(secret, safe="")
    yield json.dumps(text)[1:-1]
    for encode in (b64encode, urlsafe_b64encode):
        yield encode(secret).decode().rstrip("=")
    yield secret.hex()
