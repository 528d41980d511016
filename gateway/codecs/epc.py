"""EPC memory: hex in, identity out (GS1 EPC Tag Data Standard 2.0).

A scheme is its header byte, a table of partitions and the rule for the serial. Whatever does
not decode, because the header is unknown or a field overflows, becomes an opaque EPC: it is
kept as read and can be resolved later. No input raises out of `epc_identity`.

SGTIN-96 (TDS 14.5.1): header 30 | filter 3 bits | partition 3 | company prefix and indicator
with item reference, 44 bits together, split by the partition | serial 38 bits.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from cloud_sync.contract.keys import gtin_check_digit

SGTIN_96: Final = 0x30

_SGTIN_PARTITIONS: Final = (
    # company prefix bits, digits; item reference bits, digits (TDS table 14-2)
    (40, 12, 4, 1),
    (37, 11, 7, 2),
    (34, 10, 10, 3),
    (30, 9, 14, 4),
    (27, 8, 17, 5),
    (24, 7, 20, 6),
    (20, 6, 24, 7),
)


class EpcRefused(ValueError):
    """Bits that no scheme allows: a wrong length, partition or an overflowing field."""


def decode_epc(epc_hex: str) -> dict[str, str]:
    """Scheme, pure identity URI and keys of an EPC. Raises EpcRefused.

    Keys: `scheme`, `uri`, and for an SGTIN `gtin` (14 digits) and `serial`.
    """
    try:
        bits = int(epc_hex, 16)
    except ValueError as error:
        raise EpcRefused(f"{epc_hex[:40]!r} is not hexadecimal") from error
    if len(epc_hex) % 4 or not epc_hex.isalnum() or len(epc_hex) > 128:
        raise EpcRefused(f"{len(epc_hex)} hex digits are not a whole number of 16-bit words")
    if int(epc_hex[:2] or "0", 16) == SGTIN_96:
        return _decode_sgtin_96(bits, epc_hex)
    return {"scheme": "opaque", "uri": f"urn:epc:raw:{len(epc_hex) * 4}.x{epc_hex.upper()}"}


def _decode_sgtin_96(bits: int, epc_hex: str) -> dict[str, str]:
    if len(epc_hex) != 24:
        raise EpcRefused(f"SGTIN-96 has 24 hex digits, got {len(epc_hex)}")
    partition = bits >> 82 & 0b111
    if partition >= len(_SGTIN_PARTITIONS):
        raise EpcRefused(f"partition {partition} does not exist, 0 to 6 do")
    company_bits, company_digits, item_bits, item_digits = _SGTIN_PARTITIONS[partition]
    company = bits >> (38 + item_bits) & (1 << company_bits) - 1
    item = bits >> 38 & (1 << item_bits) - 1
    serial = bits & (1 << 38) - 1
    if company >= 10**company_digits:
        raise EpcRefused(f"company prefix {company} has more than {company_digits} digits")
    if item >= 10**item_digits:
        raise EpcRefused(f"item reference {item} has more than {item_digits} digits")
    company_text, item_text = f"{company:0{company_digits}}", f"{item:0{item_digits}}"
    body = item_text[0] + company_text + item_text[1:]
    return {
        "scheme": "sgtin-96",
        "uri": f"urn:epc:id:sgtin:{company_text}.{item_text}.{serial}",
        "gtin": body + gtin_check_digit(body),
        "serial": str(serial),
    }


@lru_cache(maxsize=50_000)
def _cached(epc_hex: str) -> tuple[tuple[str, str], ...]:
    try:
        return tuple(decode_epc(epc_hex).items())
    except EpcRefused as refusal:
        raw = f"urn:epc:raw:{len(epc_hex) * 4}.x{epc_hex.upper()}"
        return (("scheme", "opaque"), ("uri", raw), ("refusal", str(refusal)))


def epc_identity(epc_hex: str) -> dict[str, str]:
    """`decode_epc` for the read loop: never raises, and remembers what it has seen."""
    return dict(_cached(epc_hex))


def encode_sgtin_96(gtin: str, serial: int, *, company_digits: int, filter_value: int = 1) -> str:
    """The EPC memory of an SGTIN-96 as upper-case hex. Raises EpcRefused if it does not fit."""
    partition = 12 - company_digits
    if not 0 <= partition <= 6 or not 0 <= serial < 1 << 38:
        raise EpcRefused(
            f"company prefix of {company_digits} digits or serial {serial} out of range"
        )
    _, _, item_bits, _ = _SGTIN_PARTITIONS[partition]
    company = int(gtin[1 : 1 + company_digits])
    item = int(gtin[0] + gtin[1 + company_digits : 13])
    bits = SGTIN_96 << 88 | filter_value << 85 | partition << 82
    return f"{bits | company << (38 + item_bits) | item << 38 | serial:024X}"
