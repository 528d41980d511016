"""Identities: what names what, and what a well-formed name looks like.

id          [A-Za-z0-9._-]{1,64}: gateways, warehouses, devices, workers, bins, documents
GTIN        14 digits in a str, check digit right (GS1 General Specifications, 7.9)
virtual     "@" + name (+ "." + id): places that are not on any shelf; "@" is not legal in
            an id, so the two can never be confused
event_id    UUIDv7 (RFC 9562, 5.7), so that ids sort by the time they were made
"""

from __future__ import annotations

import re
from typing import Final

ID_PATTERN: Final = r"^[A-Za-z0-9._-]{1,64}$"
LOCATION_PATTERN: Final = r"^@?[A-Za-z0-9._-]{1,64}$"
GTIN_PATTERN: Final = r"^[0-9]{14}$"
EVENT_TYPE_PATTERN: Final = r"^[a-z][a-z0-9_.]{0,63}$"
UUID_PATTERN: Final = r"^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$"

SUPPLIER: Final = "@supplier"
CUSTOMER: Final = "@customer"
WASTE: Final = "@waste"
ADJUSTMENT: Final = "@adjustment"
UNKNOWN: Final = "@unknown"
_TRANSIT_PREFIX: Final = "@transit."

TRANSFORMED: Final = "@transformed"
"""Where goods go in that are cut or repacked, and where what they became comes out."""

PACKING: Final = "PACK"
"""The bench where picked goods wait for their order to leave; physical, but not sellable."""

RECEIVING: Final = "DOCK"
"""Where goods stand that were received and not yet put away."""

_IS_ID: Final = re.compile(r"[A-Za-z0-9._-]{1,64}").fullmatch

_VARIANTS: Final = dict(zip("0123456789abcdef", "89ab" * 4, strict=True))
"""A hex digit with its two upper bits set to the variant (RFC 9562, 4.1)."""


def is_id(text: str) -> bool:
    """True if `text` may name a gateway, device, warehouse, bin, worker or document."""
    return _IS_ID(text) is not None


def transit(document: str) -> str:
    """The virtual location of goods on their way under a transfer."""
    return _TRANSIT_PREFIX + document


def is_transit(location: str) -> bool:
    """True for the place of goods that are on their way under a transfer."""
    return location.startswith(_TRANSIT_PREFIX)


def is_virtual(location: str) -> bool:
    """True for places that hold no sellable goods and belong to no warehouse."""
    return location.startswith("@")


def gtin_check_digit(body: str) -> str:
    """The digit that makes `body` (7, 11, 12 or 13 digits) a GTIN; modulo-10, weights 3 and 1."""
    weighted = sum(int(digit) * (3 if i % 2 == 0 else 1) for i, digit in enumerate(reversed(body)))
    return str(-weighted % 10)


def is_gtin(text: str) -> bool:
    """True for 14 digits with a right check digit."""
    return (
        len(text) == 14
        and text.isascii()
        and text.isdigit()
        and gtin_check_digit(text[:13]) == text[13]
    )


def is_sscc(text: str) -> bool:
    """True for 18 digits with a right check digit (GS1 General Specifications, 7.9)."""
    is_digits = len(text) == 18 and text.isascii() and text.isdigit()
    return is_digits and gtin_check_digit(text[:17]) == text[17]


def make_uuid7(unix_ms: int, random_80: bytes) -> str:
    """A UUIDv7 from a time in ms and ten random bytes (six bits of them give way to the marks)."""
    at, chance = f"{unix_ms & 0xFFFF_FFFF_FFFF:012x}", random_80.hex()
    variant = _VARIANTS[chance[4]]
    return f"{at[:8]}-{at[8:]}-7{chance[1:4]}-{variant}{chance[5:8]}-{chance[8:]}"
