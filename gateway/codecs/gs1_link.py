"""GS1 Digital Link URIs, uncompressed (GS1 Digital Link Standard: URI Syntax 1.4).

    http(s)://domain/stem…/KEY/value[/QUALIFIER/value …][?AI=value&…][#fragment]

The key is the rightmost identifier of the path that may be one; its qualifiers follow in the
standard's order. Elements that may not be qualifiers come as query parameters; parameters that
are no identifiers belong to somebody else and are passed over. A GTIN may have lost its leading
zeros. Scheme and host may be in any case (RFC 3986, 6.2.2.1). The short names of early drafts
(`/gtin/…`) are refused.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final
from urllib.parse import unquote

from gateway.codecs.gs1_elements import FORMATS, Element, ElementsRefused, check_element

_URI: Final = re.compile(
    r"(?i:https?)://(?:[A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?"
    r"/(?P<path>[^?#]*)(?:\?(?P<query>[^#]*))?(?:#.*)?"
)
_CHARACTERS: Final = re.compile(r"[A-Za-z0-9\-._~:/?#\[\]@!$&'()*+,;=%]*")
_SCHEME: Final = re.compile(r"(?i:https?)://")

_BATCHED: Final = (("22", "10", "21"), ("235",))
QUALIFIERS: Final[dict[str, tuple[tuple[str, ...], ...]]] = {
    "00": (),
    "01": _BATCHED,
    "253": (),
    "255": (),
    "401": (),
    "402": (),
    "414": (("254",), ("7040",)),
    "415": (("8020",),),
    "417": (("7040",),),
    "8003": (),
    "8004": (("7040",),),
    "8006": (("22", "10", "21"),),
    "8010": (("8011",),),
    "8013": (),
    "8017": (("8019",),),
    "8018": (("8019",),),
}
"""Primary keys, and the qualifiers each may have, in this order (section 4.3)."""

_PATH_ONLY: Final = frozenset(
    {"03", "21", "22", "235", "254", "7040", "8011", "8014", "8019", "8020"}
    | {"8040", "8041", "8042", "8043", "8200"}
)
"""Identifiers that are never query parameters."""


def is_link(text: str) -> bool:
    """True for text that begins as a web address."""
    return _SCHEME.match(text) is not None


def parse_link(uri: str) -> tuple[Element, ...] | None:
    """The elements of a Digital Link, path first; None for a web address with no GS1 in it.

    Raises ElementsRefused for an address that means to be one and is wrong.
    """
    match = _URI.fullmatch(uri)
    if match is None:
        return None
    segments = match["path"].split("/")
    if not any(segment in QUALIFIERS for segment in segments[:-1]):
        return None
    if not _CHARACTERS.fullmatch(uri):
        raise _refused("the web address has characters that none may have")
    path = _path_elements(segments)
    elements = (*path, *_query_elements(match["query"] or "", path))
    for ai, value in elements:
        check_element(ai, value)
    return elements


def _path_elements(segments: list[str]) -> tuple[Element, ...]:
    found: list[Element] = []
    for i in range(len(segments) - 2, -1, -2):
        ai, value = segments[i], _unquote(segments[i + 1])
        if ai not in FORMATS:
            break
        found.insert(0, (ai, _padded(ai, value)))
        if ai in QUALIFIERS:
            _check_qualifiers(found)
            return tuple(found)
    raise _refused("the web address has no key with its value at its end")


def _check_qualifiers(elements: list[Element]) -> None:
    key, *qualifiers = [ai for ai, _ in elements]
    if not qualifiers or any(_is_within(qualifiers, row) for row in QUALIFIERS[key]):
        return
    raise _refused(f"({'), ('.join(qualifiers)}) do not qualify ({key}) in this order")


def _is_within(qualifiers: list[str], row: tuple[str, ...]) -> bool:
    places = [row.index(ai) for ai in qualifiers if ai in row]
    return len(places) == len(qualifiers) and places == sorted(set(places))


def _query_elements(query: str, path: tuple[Element, ...]) -> Iterator[Element]:
    taken = {ai for ai, _ in path}
    key, *qualifiers = [ai for ai, _ in path]
    for parameter in query.split("&"):
        ai, equals, text = parameter.partition("=")
        if not equals or not (ai.isascii() and ai.isdigit()):
            continue
        if ai not in FORMATS or ai in _PATH_ONLY:
            raise _refused(f"{ai!r} is no identifier that a web address may carry")
        if ai in taken:
            raise _refused(f"({ai}) is there twice")
        rows = [row for row in QUALIFIERS[key] if ai in row]
        if any(all(other in row for other in qualifiers) for row in rows):
            raise _refused(f"({ai}) belongs into the path of the address")
        taken.add(ai)
        yield ai, _padded(ai, _unquote(text.replace("+", " ")))


def _unquote(text: str) -> str:
    if re.search(r"%(?![0-9A-Fa-f]{2})", text):
        raise _refused("% is not followed by two hex digits")
    return unquote(text, errors="replace")


def _padded(ai: str, value: str) -> str:
    """A GTIN at its full length: leading zeros may be left out of an address."""
    is_short = ai == "01" and len(value) in (8, 12, 13)
    return value.zfill(14) if is_short else value


def _refused(text: str) -> ElementsRefused:
    return ElementsRefused("barcode_address", text)
