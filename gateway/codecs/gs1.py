"""GS1 symbols: element strings, Digital Link URIs and plain EAN/UPC, into one Symbol.

What a scanner delivers, by AIM identifier (ISO/IEC 15424):
    ]C1 ]d2 ]Q3 ]e0 ]J1     a GS1 element string, and nothing else
    ]E0 ]E3 ]E4             EAN-13 or UPC-A (with add-on: ]E3), EAN-8; a 2D component may
                            follow behind `|]e0`
    any other, or none      a Digital Link, a trade item number of 8, 12, 13 or 14 digits, an
                            element string that names an item or a logistic unit — or no GS1 at
                            all, such as a location's label
The GS separator may come as U+001D, `<GS>` or `\\x1d`.
Element strings may lie in the envelope of ISO/IEC 15434, format 05; UPC-E, where the scanner
names it, is the UPC-A that it stands for (ISO/IEC 15420).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Final

from cloud_sync.contract.keys import gtin_check_digit
from gateway.codecs.gs1_elements import (
    FIXED_LENGTH,
    GS,
    Element,
    ElementsRefused,
    check_together,
    parse_elements,
)
from gateway.codecs.gs1_link import is_link, parse_link
from gateway.codecs.gs1_rules import days_in_month, full_year
from gateway.core.readings import Flaw, Symbol

SYMBOLS_REMEMBERED: Final = 2048

MAX_CHARS: Final = 4096
"""The longest symbol there is holds 7089 digits (QR 40-L); no label of goods comes near this."""

_AIM: Final = re.compile(r"\]([A-Za-z])([0-9A-Za-z])")
_GS1_AIM: Final = frozenset({"C1", "e0", "d2", "Q3", "J1"})
_EAN_LENGTHS: Final = {"E0": (13,), "E3": (15, 18), "E4": (8,)}
_TRADE_ITEM_LENGTHS: Final = (8, 12, 13, 14)
_GS1_SYMBOLOGY: Final = re.compile(r"GS1|EAN[-_ ]?128|DATABAR", re.IGNORECASE)
_COMPOSITE: Final = "|]e0"
_ENVELOPE: Final = re.compile(
    r"\[\)>(?:\x1e|<RS>|\\x1e)05\x1d(.*?)(?:(?:\x1e|<RS>|\\x1e)(?:\x04|<EOT>|\\x04)?)?", re.DOTALL
)
_UPC_E: Final = re.compile(r"UPC[-_ ]?E", re.IGNORECASE)
_LOOKS_LIKE_A_KEY: Final = re.compile(r"00[0-9]{18}|0[123][0-9]{14}")

_TEXTS: Final = {"00": "sscc", "01": "gtin", "02": "gtin", "10": "lot", "21": "serial"}
_DATES: Final = {"11": "production_date", "15": "best_before", "17": "expiry"}


class SymbolRefused(ValueError):
    """A symbol that claims to be GS1 and is not."""

    def __init__(self, flaw: Flaw) -> None:
        super().__init__(flaw.text)
        self.flaw = flaw


def parse_symbol(
    data: str, symbology: str | None = None, *, is_gs1: bool = False
) -> Symbol | None:
    """What a scanned symbol says; None if it is not GS1 at all. Raises SymbolRefused.

    symbology: the scanner's name for it, where the data has no AIM identifier. is_gs1: the
    caller knows that it is one.
    """
    if len(data) > MAX_CHARS:
        text = f"{len(data)} characters, more than any label holds"
        raise SymbolRefused(Flaw("barcode_length", text, shown=f"{data[:20]!r}…"))
    text = data.replace("<GS>", GS).replace("\\x1d", GS)
    aim, text = _split_aim(text)
    envelope = _ENVELOPE.fullmatch(text)
    if envelope is not None:
        text = envelope[1]
    claims_gs1 = (
        is_gs1
        or envelope is not None
        or aim in _GS1_AIM
        or text[:1] == GS
        or (aim is None and symbology is not None and bool(_GS1_SYMBOLOGY.search(symbology)))
    )
    try:
        if aim is None and symbology is not None and _UPC_E.match(symbology):
            return _symbol((("01", _gtin(_upc_a(text))),))
        if aim in _EAN_LENGTHS:
            return _ean(text, _EAN_LENGTHS[aim])
        if is_link(text):
            return _link(text, is_gs1=claims_gs1)
        if _is_trade_item_number(text) and aim not in _GS1_AIM:
            return _symbol((("01", _gtin(text)),))
        return _element_string(text, claims_gs1=claims_gs1)
    except ElementsRefused as refusal:
        raise SymbolRefused(refusal.flaw) from refusal


def _split_aim(text: str) -> tuple[str | None, str]:
    match = _AIM.match(text)
    if match is None:
        if text.startswith("]"):
            cut = "the symbology identifier is cut short"
            raise SymbolRefused(Flaw("barcode_short", cut, where="]", shown=repr(text[:20])))
        return None, text
    return match[1] + match[2], text[match.end() :]


def _is_trade_item_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) in _TRADE_ITEM_LENGTHS


def _ean(text: str, lengths: tuple[int, ...]) -> Symbol:
    digits, bar, component = text.partition(_COMPOSITE)
    if not (digits.isascii() and digits.isdigit()) or len(digits) not in lengths:
        wrong = f"an EAN/UPC symbol has {lengths[0]} digits, got {digits[:20]!r}"
        raise SymbolRefused(Flaw("barcode_length", wrong, shown=repr(digits[:20])))
    # An add-on (2 or 5 digits, ISO/IEC 15420) is the publisher's issue or price.
    elements = (("01", _gtin(digits[:13])),)
    return _symbol(elements + (parse_elements(component) if bar else ()))


def _gtin(digits: str) -> str:
    if gtin_check_digit(digits[:-1]) != digits[-1]:
        wrong = f"wrong check digit in {digits}"
        raise ElementsRefused("barcode_check_digit", wrong, where="(01)", shown=repr(digits))
    return digits.zfill(14)


def _upc_a(digits: str) -> str:
    """The UPC-A behind a UPC-E of six digits, or eight with number system and check digit."""
    if len(digits) == 12 and _is_trade_item_number(digits):
        return digits  # the scanner has done it already
    if not re.fullmatch(r"[01]?[0-9]{6}[0-9]?", digits, re.ASCII) or len(digits) not in (6, 8):
        wrong = f"a UPC-E symbol has 8 digits from 0 or 1 on, got {digits[:20]!r}"
        raise ElementsRefused("barcode_length", wrong, shown=repr(digits[:20]))
    system, body, check = digits[:-7], digits[-7:-1], digits[-1:]
    if len(digits) == 6:
        system, body, check = "0", digits, ""
    last = int(body[5])
    if last <= 2:
        long = f"{body[:2]}{last}0000{body[2:5]}"
    elif last == 3:
        long = f"{body[:3]}00000{body[3:5]}"
    elif last == 4:
        long = f"{body[:4]}00000{body[4]}"
    else:
        long = f"{body[:5]}0000{last}"
    return system + long + (check or gtin_check_digit(system + long))


def _link(text: str, *, is_gs1: bool) -> Symbol | None:
    elements = parse_link(text)
    if elements is None:
        if is_gs1:
            raise SymbolRefused(Flaw("barcode_address", "a web address without any GS1 key"))
        return None
    return _symbol(elements)


def _element_string(text: str, *, claims_gs1: bool) -> Symbol | None:
    try:
        symbol = _symbol(parse_elements(text))
    except ElementsRefused:
        if claims_gs1 or _LOOKS_LIKE_A_KEY.match(text):
            raise
        return None
    is_label_of_ours = not claims_gs1 and symbol.gtin is None and symbol.sscc is None
    return None if is_label_of_ours else symbol


def _symbol(elements: Sequence[Element]) -> Symbol:
    check_together(elements)
    texts: dict[str, str] = {}
    weight_g: int | None = None
    count: int | None = None
    for ai, value in elements:
        if ai in _TEXTS:
            texts[_TEXTS[ai]] = value
        elif ai in _DATES:
            texts[_DATES[ai]] = _iso_date(value)
        elif ai in ("30", "37"):
            count = int(value)
        elif ai[:3] == "310":
            # The AI's last digit counts the decimals of a weight in kg.
            weight_g = int(value) * 1000 // 10 ** int(ai[3])
    return Symbol(
        elements=tuple(elements),
        gtin=texts.get("gtin"),
        lot=texts.get("lot"),
        expiry=texts.get("expiry"),
        best_before=texts.get("best_before"),
        production_date=texts.get("production_date"),
        serial=texts.get("serial"),
        sscc=texts.get("sscc"),
        weight_g=weight_g,
        count=count,
    )


def _iso_date(yymmdd: str) -> str:
    """Day 00 means the last day of the month (General Specifications 3.4)."""
    year, month = full_year(int(yymmdd[:2])), int(yymmdd[2:4])
    day = int(yymmdd[4:]) or days_in_month(year, month)
    return f"{year}-{month:02d}-{day:02d}"


# A pallet is a hundred times the same symbol, and a warehouse scans few different ones a day.
@lru_cache(maxsize=SYMBOLS_REMEMBERED)
def symbol_or_flaw(data: str, symbology: str | None = None) -> tuple[Symbol | None, Flaw | None]:
    """`parse_symbol` as values: (symbol, None), (None, None) for no GS1, (None, flaw)."""
    try:
        return parse_symbol(data, symbology), None
    except SymbolRefused as refusal:
        return None, refusal.flaw


def joined_symbols(symbols: Sequence[str]) -> str | None:
    """Element strings of several symbols on one label as one; None if they are not one message."""
    texts = [re.sub(r"^\](C1|e0|d2|Q3|J1)", "", symbol) for symbol in symbols]
    data = "]C1" + GS.join(text.removeprefix(GS).removesuffix(GS) for text in texts)
    return None if symbol_or_flaw(data)[0] is None else data


def encode_gs1_128(elements: Sequence[Element]) -> str:
    """A GS1-128 symbol as a scanner reports it: AIM identifier, elements, GS where needed."""
    text = "]C1"
    for i, (ai, value) in enumerate(elements):
        text += ai + value
        if i + 1 < len(elements) and ai[:2] not in FIXED_LENGTH:
            text += GS
    return text
