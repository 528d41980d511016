"""What a component of a GS1 element may hold: character sets, check digits, dates, codes.

Every rule takes the component's text and gives None if it is good, or a few words for people
saying what is wrong. Sources: GS1 General Specifications, 7.9 (check digits and characters),
7.11 (character sets 82, 39 and 64), 7.12 (dates), 3.2 to 3.9 (the elements themselves).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from cloud_sync.contract.keys import gtin_check_digit
from gateway.codecs.iso_codes import COUNTRIES, COUNTRIES_ALPHA2, CURRENCIES

Rule = Callable[[str], str | None]

SET_82: Final = (
    "!\"%&'()*+,-./0123456789:;<=>?ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz"
)
CHARACTERS: Final = {
    "n": re.compile(r"[0-9]*"),
    "x": re.compile(f"[{re.escape(SET_82)}]*"),
    "y": re.compile(r"[#\-/0-9A-Z]*"),
    "z": re.compile(r"[\-0-9A-Z_a-z]*(?:={0,2})"),
}
"""Digits, and the character sets 82, 39 and 64 of the General Specifications."""

CENTURY_BASE: Final = 1977
"""Two-digit years are taken for 1977 to 2076. The General Specifications (7.12) let the window
slide with the current year; for every date on goods handled before 2050 the two agree, and a
fixed window gives one symbol one meaning for ever."""

_DAYS: Final = (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
_PRIMES: Final = (
    2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83
)  # fmt: skip
_PAIR: Final = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"


def check_pair(text: str) -> str:
    """The two characters that complete `text` (7.9.5: prime weights from the right, mod 1021)."""
    total = 0
    for i, character in enumerate(reversed(text)):
        total += SET_82.index(character) * _PRIMES[i]
    total %= 1021
    return _PAIR[total >> 5] + _PAIR[total & 31]


def days_in_month(year: int, month: int) -> int:
    """28 to 31."""
    is_leap = year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
    return 29 if month == 2 and is_leap else _DAYS[month - 1]


def full_year(two_digits: int) -> int:
    """The year meant by the last two digits of one."""
    year = 1900 + two_digits
    return year if year >= CENTURY_BASE else year + 100


def _check_digit(text: str) -> str | None:
    return None if gtin_check_digit(text[:-1]) == text[-1] else "wrong check digit"


def _check_pair(text: str) -> str | None:
    if len(text) < 2:
        return "too short for its check characters"
    return None if check_pair(text[:-2]) == text[-2:] else "wrong check characters"


def _prefix(text: str) -> str | None:
    if len(text) < 4:
        return "too short for a company prefix"
    return None if text[:4].isdigit() else "does not begin with a company prefix"


def _date(year: int, month: int, day: int, *, is_day_needed: bool) -> str | None:
    if not 1 <= month <= 12:
        return f"month {month:02d} does not exist"
    if day == 0:
        return "day 00 is not allowed here" if is_day_needed else None
    if day > days_in_month(year, month):
        return f"day {day:02d} does not exist in month {month:02d}"
    return None


def _yymmdd(text: str) -> str | None:
    year = full_year(int(text[:2]))
    return _date(year, int(text[2:4]), int(text[4:6]), is_day_needed=True)


def _yymmd0(text: str) -> str | None:
    year = full_year(int(text[:2]))
    return _date(year, int(text[2:4]), int(text[4:6]), is_day_needed=False)


def _yyyymmdd(text: str) -> str | None:
    return _date(int(text[:4]), int(text[4:6]), int(text[6:8]), is_day_needed=True)


def _hour(text: str) -> str | None:
    return None if int(text[:2]) < 24 else f"hour {text[:2]} does not exist"


def _minute(text: str) -> str | None:
    return None if int(text) < 60 else f"minute {text} does not exist"


def _second(text: str) -> str | None:
    return None if int(text) < 60 else f"second {text} does not exist"


def _hour_minute(text: str) -> str | None:
    return _hour(text[:2]) or _minute(text[2:4])


def _piece_of_total(text: str) -> str | None:
    half = len(text) // 2
    piece, total = int(text[:half]), int(text[half:])
    if piece == 0 or total == 0:
        return "piece and total start at 1"
    return None if piece <= total else f"piece {piece} of only {total}"


def _percent(text: str) -> str | None:
    is_good = re.fullmatch(r"(?:[^%]|%[0-9A-Fa-f]{2})*", text)
    return None if is_good else "% is not followed by two hex digits"


def _iban(text: str) -> str | None:
    if len(text) <= 10:
        return "too short for an IBAN"
    if not re.fullmatch(r"[0-9A-Z]*", text):
        return "an IBAN has digits and capital letters only"
    if text[:2] not in COUNTRIES_ALPHA2:
        return f"{text[:2]} is not a country"
    number = "".join(str(int(c, 36)) for c in text[4:] + text[:4])
    return None if int(number) % 97 == 1 else "wrong IBAN check digits"


def _padding(text: str) -> str | None:
    is_good = not text.endswith("=") or len(text) % 3 == 0
    return None if is_good else "wrong padding"


def _position(text: str) -> str | None:
    match = re.fullmatch(r"([0-9])/([0-9])", text)
    if match is None:
        return "expected a position such as 1/3"
    position, end = int(match[1]), int(match[2])
    return None if 1 <= position <= end else f"position {position} of {end}"


def _one_of(allowed: frozenset[str], what: str) -> Rule:
    return lambda text: None if text in allowed else f"{text} is not {what}"


def _at_most(limit: int, what: str) -> Rule:
    return lambda text: None if int(text) <= limit else f"{text} is beyond {what}"


RULES: Final[dict[str, Rule]] = {
    "check": _check_digit,
    "pair": _check_pair,
    "prefix": _prefix,
    "prefix2": lambda text: _prefix(text[1:]),
    "yymmdd": _yymmdd,
    "yymmd0": _yymmd0,
    "yyyymmdd": _yyyymmdd,
    "hhmm": _hour_minute,
    "hh": _hour,
    "mm": _minute,
    "ss": _second,
    "pieces": _piece_of_total,
    "percent": _percent,
    "iban": _iban,
    "padding": _padding,
    "position": _position,
    "country": _one_of(COUNTRIES, "a country code"),
    "country999": _one_of(COUNTRIES | {"999"}, "a country code"),
    "alpha2": _one_of(COUNTRIES_ALPHA2, "a country code"),
    "currency": _one_of(CURRENCIES, "a currency code"),
    "yesno": _one_of(frozenset("01"), "0 or 1"),
    "winding": _one_of(frozenset("019"), "a winding direction (0, 1 or 9)"),
    "sex": _one_of(frozenset("0129"), "a code of ISO 5218"),
    "hyphen": _one_of(frozenset("-"), "a hyphen"),
    "media": lambda text: (
        None if 1 <= int(text) <= 10 or int(text) >= 80 else f"{text} is not a media type"
    ),
    "index": lambda text: (
        None if re.fullmatch(r"[0-9A-Za-z_\-]", text) else f"{text} is not an importer index"
    ),
    "zero": lambda text: None if not text.strip("0") else "must be zero",
    "nonzero": lambda text: None if text.strip("0") else "must not be zero",
    "nozeroprefix": lambda text: (
        "must not begin with zero" if len(text) > 1 and text[0] == "0" else None
    ),
    "nondigit": lambda text: "needs a character that is no digit" if text.isdigit() else None,
    "latitude": _at_most(1_800_000_000, "180 degrees"),
    "longitude": _at_most(3_600_000_000, "360 degrees"),
}

KEYS: Final[dict[Rule, str]] = {
    **{RULES[name]: "barcode_check_digit" for name in ("check", "pair")},
    **{
        RULES[name]: "barcode_date"
        for name in ("yymmdd", "yymmd0", "yyyymmdd", "hhmm", "hh", "mm", "ss")
    },
}
"""How those rules are told to workers of which they can do something; `barcode_value` the rest."""
