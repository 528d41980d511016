"""What is an absolute URI (RFC 3986, sections 3 and 4.3), as the schema's format `uri` has it."""

from __future__ import annotations

import re
from typing import Final

URI_CHARACTERS_MAX: Final = 2048

_CHARACTER: Final = r"(?:[A-Za-z0-9\-._~!$&'()*+,;=:@]|%[0-9A-Fa-f]{2})"
_AUTHORITY: Final = (
    r"(?:(?:[A-Za-z0-9\-._~!$&'()*+,;=:]|%[0-9A-Fa-f]{2})*@)?"
    r"(?:\[[0-9A-Fa-f:.]+\]|(?:[A-Za-z0-9\-._~!$&'()*+,;=]|%[0-9A-Fa-f]{2})*)(?::[0-9]*)?"
)
_URI: Final = re.compile(
    rf"[A-Za-z][A-Za-z0-9+.\-]*:"
    rf"(?://{_AUTHORITY}(?:/{_CHARACTER}*)*|/?(?:{_CHARACTER}+(?:/{_CHARACTER}*)*)?)"
    rf"(?:\?(?:{_CHARACTER}|[/?])*)?(?:\#(?:{_CHARACTER}|[/?])*)?"
)
_HTTP_WITHOUT_HOST: Final = re.compile(r"https?:(?!//[^/?#])", re.IGNORECASE)


def is_uri(value: object) -> bool:
    """True for a text that is a URI with its scheme and something behind it."""
    return (
        isinstance(value, str)
        and len(value) <= URI_CHARACTERS_MAX
        and _URI.fullmatch(value) is not None
        and not value.endswith(":")
        and _HTTP_WITHOUT_HOST.match(value) is None
    )


def is_compact(name: str) -> bool:
    """True for `prefix:name`, or a whole URI, as the name of a field of somebody's own."""
    return is_uri(name)
