# tidy: table
"""The EPC binary encodings, as tables (GS1 EPC Tag Data Standard 2.0, section 14).

    header 8 bits | filter | partition 3 | company prefix | reference | … | serial

A partition splits a fixed number of bits and digits between company prefix and reference.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

COMPANY: Final = ((40, 12), (37, 11), (34, 10), (30, 9), (27, 8), (24, 7), (20, 6))
"""Bits and digits of the company prefix for partitions 0 to 6 (all tables of section 14)."""


@dataclass(frozen=True, slots=True)
class Reference:
    """What follows the company prefix. bits, digits: for partitions 0 to 6.

    is_text: 7-bit characters instead of a number, at most `digits` of them. is_padded: a number
    is written with all its digits.
    """

    bits: tuple[int, ...]
    digits: tuple[int, ...]
    is_text: bool = False
    is_padded: bool = True


@dataclass(frozen=True, slots=True)
class Serial:
    """The last field. bits: 0 where there is none. is_text: 7-bit characters.

    n_max: how many characters, or for a number how many digits. is_prefixed: the number stands
    behind a 1, so that its leading zeros survive (numeric strings, section 14.4.6).
    """

    bits: int
    n_max: int
    is_text: bool = False
    is_prefixed: bool = False


@dataclass(frozen=True, slots=True)
class Scheme:
    """One encoding. urn: the name of its pure identity.

    piece_bits: of the piece and of the total count of an ITIP. reserved_bits: zeros at the end.
    """

    name: str
    urn: str
    reference: Reference
    serial: Serial
    piece_bits: int = 0
    reserved_bits: int = 0


_ITEM = Reference((4, 7, 10, 14, 17, 20, 24), (1, 2, 3, 4, 5, 6, 7))
_SHIPMENT = Reference((18, 21, 24, 28, 31, 34, 38), (5, 6, 7, 8, 9, 10, 11))
_PLACE = Reference((1, 4, 7, 11, 14, 17, 21), (0, 1, 2, 3, 4, 5, 6))
_ASSET_TYPE = Reference((4, 7, 10, 14, 17, 20, 24), (0, 1, 2, 3, 4, 5, 6))
_ASSET = Reference((42, 45, 48, 52, 55, 58, 62), (13, 14, 15, 16, 17, 18, 19), is_padded=False)
_ASSET_TEXT = Reference(
    (148, 151, 154, 158, 161, 164, 168), (18, 19, 20, 21, 22, 23, 24), is_text=True
)
_PART = Reference((11, 14, 17, 21, 24, 27, 31), (3, 4, 5, 6, 7, 8, 9), is_padded=False)
CPI_PART_CHARS: Final = (18, 19, 20, 21, 22, 23, 24)
"""Characters of a CPI-var's part reference for partitions 0 to 6."""
_NONE = Serial(0, 0)

SCHEMES: Final[dict[int, Scheme]] = {
    0x2C: Scheme("gdti-96", "gdti", _PLACE, Serial(41, 13)),
    0x2D: Scheme("gsrn-96", "gsrn", _SHIPMENT, _NONE, reserved_bits=24),
    0x2E: Scheme("gsrnp-96", "gsrnp", _SHIPMENT, _NONE, reserved_bits=24),
    0x30: Scheme("sgtin-96", "sgtin", _ITEM, Serial(38, 12)),
    0x31: Scheme("sscc-96", "sscc", _SHIPMENT, _NONE, reserved_bits=24),
    0x32: Scheme("sgln-96", "sgln", _PLACE, Serial(41, 13)),
    0x33: Scheme("grai-96", "grai", _ASSET_TYPE, Serial(38, 12)),
    0x34: Scheme("giai-96", "giai", _ASSET, _NONE),
    0x36: Scheme("sgtin-198", "sgtin", _ITEM, Serial(140, 20, is_text=True)),
    0x37: Scheme("grai-170", "grai", _ASSET_TYPE, Serial(112, 16, is_text=True)),
    0x38: Scheme("giai-202", "giai", _ASSET_TEXT, _NONE),
    0x39: Scheme("sgln-195", "sgln", _PLACE, Serial(140, 20, is_text=True)),
    0x3C: Scheme("cpi-96", "cpi", _PART, Serial(31, 10)),
    0x3E: Scheme("gdti-174", "gdti", _PLACE, Serial(119, 17, is_text=True)),
    0x3F: Scheme("sgcn-96", "sgcn", _PLACE, Serial(41, 12, is_prefixed=True)),
    0x40: Scheme("itip-110", "itip", _ITEM, Serial(38, 12), piece_bits=7),
    0x41: Scheme("itip-212", "itip", _ITEM, Serial(140, 20, is_text=True), piece_bits=7),
}
"""By header byte; the encodings without a partition are in epc.py."""
