"""GS1 symbols: element strings, Digital Link URIs and plain EAN/UPC, into one Symbol.

biip does the parsing behind this module; what it is strict about, where it is lenient and what
we add stands here and nowhere else:
- a symbol whose AIM identifier says GS1 must be GS1; without one, 8, 12, 13 or 14 digits are a
  trade item number, and text that is neither is no GS1 symbol at all (an internal label);
- biip reports a wrong check digit inside an element as a note on it: here it refuses the symbol;
- AI 01 and 02 exclude each other, 02 needs 37 (GS1 General Specifications, 4.13 and 4.14);
- the GS separator may come as U+001D, `<GS>` or `\\x1d`.
"""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import urlsplit, urlunsplit

from biip import ParseError, parse
from biip.gs1_element_strings import GS1ElementString

from gateway.core.readings import Symbol

MAX_CHARS: Final = 4096
"""The longest symbol there is holds 7089 digits (QR 40-L); no label of goods comes near this."""

_GS1_AIM: Final = ("]C1", "]e0", "]d2", "]Q3", "]J1")
"""AIM identifiers whose content is always a GS1 message (ISO/IEC 15424)."""

_DATES: Final = {"11": "production_date", "15": "best_before", "17": "expiry"}
_TRADE_ITEM: Final = ("01", "02")


class SymbolRefused(ValueError):
    """A symbol that claims to be GS1 and is not; the message is for the worker."""


def parse_symbol(data: str) -> Symbol | None:
    """What a scanned symbol says; None if it is not GS1 at all. Raises SymbolRefused."""
    if len(data) > MAX_CHARS:
        raise SymbolRefused(f"{len(data)} characters, more than any label holds")
    text = data.replace("<GS>", "\x1d").replace("\\x1d", "\x1d")
    claims_gs1 = text.startswith(_GS1_AIM)
    bare = re.sub(r"^\][A-Za-z][0-9]", "", text)
    if bare.isascii() and bare.isdigit() and len(bare) in (8, 12, 13, 14) and not claims_gs1:
        return _trade_item_number(bare)
    is_link = bare.lower().startswith(("http://", "https://"))
    result = parse(_canonical_link(bare) if is_link else text)
    if is_link:
        if result.gs1_digital_link_uri is None:
            return None
        return _symbol(result.gs1_digital_link_uri.element_strings)
    if result.gs1_message is not None:
        return _symbol(result.gs1_message.element_strings)
    if claims_gs1:
        raise SymbolRefused(result.gs1_message_error or "not a GS1 message")
    return None


def _trade_item_number(digits: str) -> Symbol:
    result = parse(digits)
    if result.gtin is None:
        raise SymbolRefused(result.gtin_error or f"{digits} is not a trade item number")
    gtin = result.gtin.as_gtin_14()
    return Symbol(elements=(("01", gtin),), gtin=gtin)


def _canonical_link(uri: str) -> str:
    """Scheme and host in lower case, which biip expects and RFC 3986 (6.2.2.1) allows."""
    parts = urlsplit(uri)
    return urlunsplit(parts._replace(scheme=parts.scheme.lower(), netloc=parts.netloc.lower()))


def _symbol(elements: list[GS1ElementString]) -> Symbol:
    fields: dict[str, object] = {}
    for element in elements:
        _check(element)
        ai, value = element.ai.ai, element.value
        if ai in _TRADE_ITEM and element.gtin is not None:
            fields["gtin"] = element.gtin.as_gtin_14()
        elif ai == "10":
            fields["lot"] = value
        elif ai == "21":
            fields["serial"] = value
        elif ai == "00":
            fields["sscc"] = value
        elif ai in _DATES and element.date is not None:
            fields[_DATES[ai]] = element.date.isoformat()
        elif ai in ("30", "37"):
            fields["count"] = int(value)
        elif ai.startswith("310") and element.decimal is not None:
            fields["weight_g"] = int(element.decimal * 1000)
    pairs = tuple((element.ai.ai, element.value) for element in elements)
    _check_together({ai for ai, _ in pairs})
    return Symbol(elements=pairs, **fields)  # type: ignore[arg-type]  # built by name just above


def _check(element: GS1ElementString) -> None:
    wrong = element.gtin_error or element.sscc_error or element.gln_error
    if wrong:
        raise SymbolRefused(wrong.replace("Invalid GTIN check digit", "wrong check digit"))


def _check_together(ais: set[str]) -> None:
    if {"01", "02"} <= ais:
        raise SymbolRefused("an item (01) and contents (02) in one symbol exclude each other")
    if "02" in ais and "37" not in ais:
        raise SymbolRefused("contents (02) need their count (37)")


def symbol_or_reason(data: str) -> tuple[Symbol | None, str | None]:
    """`parse_symbol` as values: (symbol, None), (None, None) for no GS1, (None, reason)."""
    try:
        return parse_symbol(data), None
    except SymbolRefused as refusal:
        return None, str(refusal)
    except ParseError as error:
        return None, str(error)


def encode_gs1_128(elements: list[tuple[str, str]]) -> str:
    """A GS1-128 symbol as a scanner reports it: AIM identifier, elements, GS where needed.

    Elements with a length that the AI fixes go first or last as given; every other one is
    ended by GS unless it is the last (GS1 General Specifications, 7.8.5).
    """
    text = "]C1"
    for i, (ai, value) in enumerate(elements):
        text += ai + value
        if i + 1 < len(elements) and ai[:2] not in _FIXED_LENGTH:
            text += "\x1d"
    return text


_FIXED_LENGTH: Final = frozenset(
    {"00", "01", "02", "03", "04", "11", "12", "13", "14", "15", "16", "17", "18", "19", "20"}
    | {"31", "32", "33", "34", "35", "36", "41"}
)
"""AI prefixes of predefined length (GS1 General Specifications, figure 7.8.5-2)."""
