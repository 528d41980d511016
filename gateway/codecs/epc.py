"""EPC memory: hex in, identity out, and back (GS1 EPC Tag Data Standard 2.0, section 14).

    8 bits header | fields of its scheme (epc_schemes) | zeros up to a whole 16-bit word

A known header whose fields overflow, whose partition does not exist or whose unused bits are set
is refused. An unknown header (among them the "+" schemes of TDS 2) is an opaque EPC: it is kept
as read and can be resolved later. `epc_identity` makes opaque EPCs of both and never raises.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final
from urllib.parse import quote

from cloud_sync.contract.keys import gtin_check_digit
from gateway.codecs.epc_schemes import COMPANY, CPI_PART_CHARS, SCHEMES, Reference, Scheme, Serial
from gateway.codecs.gs1_rules import SET_82

WORD_BITS: Final = 16
MAX_HEX: Final = 256
"""1024 bits, more EPC memory than any tag on the market has."""
CACHED: Final = 4096
"""Identities remembered: a portal reads the same few thousand tags again and again."""

_HEX: Final = re.compile(r"[0-9A-Fa-f]+")
_SGTIN_96: Final = 0x30
_GID_96: Final = 0x35
_USDOD_96: Final = 0x2F
_ADI_VAR: Final = 0x3B
_CPI_VAR: Final = 0x3D


class EpcRefused(ValueError):
    """Bits that no scheme allows: a wrong length, partition or an overflowing field."""


@dataclass(frozen=True, slots=True)
class Epc:
    """What an EPC says. uri: the pure identity; tag_uri: with filter value and encoding.

    keys: `gtin`, `sscc`, `gln` with check digits, and `serial`, where the scheme has them.
    digital_link: the canonical GS1 Digital Link, None for schemes outside GS1's keys.
    """

    scheme: str
    uri: str
    tag_uri: str
    keys: dict[str, str] = field(default_factory=dict)
    digital_link: str | None = None


class _Bits:
    """The bits of an EPC, taken from the front."""

    def __init__(self, epc_hex: str) -> None:
        self._value, self._left = int(epc_hex, 16), len(epc_hex) * 4

    def take(self, n_bits: int) -> int:
        if n_bits > self._left:
            raise EpcRefused("the EPC ends within a field")
        self._left -= n_bits
        return self._value >> self._left & (1 << n_bits) - 1

    def text(self, n_bits: int, n_max: int) -> str:
        """7-bit characters, ended by zeros (14.4.2)."""
        codes = [self.take(7) for _ in range(n_bits // 7)]
        while codes and codes[-1] == 0:
            codes.pop()
        text = "".join(map(chr, codes))
        if not text or any(character not in SET_82 for character in text) or len(text) > n_max:
            raise EpcRefused(f"{text!r} is no text of 1 to {n_max} characters of set 82")
        return text

    def six_bit(self, n_max: int) -> str:
        """6-bit characters up to a zero (14.4.4)."""
        text = ""
        while (code := self.take(6)) != 0:
            text += _six_bit_character(code)
            if len(text) > n_max:
                raise EpcRefused(f"a variable field has more than {n_max} characters")
        return text

    def end(self) -> None:
        """The rest must be zeros that fill the last word."""
        rest = self._value & (1 << self._left) - 1
        if rest or self._left >= WORD_BITS:
            raise EpcRefused(f"{self._left} bits are left over behind the last field")


def decode_epc(epc_hex: str) -> Epc:
    """What an EPC says. Raises EpcRefused for what no scheme allows or is not hex at all."""
    if not _HEX.fullmatch(epc_hex):
        raise EpcRefused(f"{epc_hex[:40]!r} is not hexadecimal")
    if len(epc_hex) % 4 or len(epc_hex) > MAX_HEX:
        raise EpcRefused(f"{len(epc_hex)} hex digits are not a whole number of 16-bit words")
    bits = _Bits(epc_hex)
    header = bits.take(8)
    scheme = SCHEMES.get(header)
    if scheme is not None:
        return _decode(scheme, bits)
    if header == _GID_96:
        return _decode_gid(bits)
    if header == _USDOD_96:
        return _decode_usdod(bits)
    if header == _ADI_VAR:
        return _decode_adi(bits)
    if header == _CPI_VAR:
        return _decode_cpi_var(bits)
    return _opaque(epc_hex)


def _opaque(epc_hex: str) -> Epc:
    uri = f"urn:epc:raw:{len(epc_hex) * 4}.x{epc_hex.upper()}"
    return Epc("opaque", uri, uri)


def _decode(scheme: Scheme, bits: _Bits) -> Epc:
    filter_value = bits.take(3)
    partition, company = _company(bits)
    reference = _reference(scheme.reference, partition, bits)
    pieces = [_digits(bits.take(scheme.piece_bits), 2) for _ in "12" if scheme.piece_bits]
    serial = _serial(scheme.serial, bits)
    if bits.take(scheme.reserved_bits):
        raise EpcRefused("reserved bits are set")
    bits.end()
    serials = [] if serial is None else [serial]
    written = ".".join(_escaped(part) for part in (company, reference, *pieces, *serials))
    keys, link = _gs1_keys(scheme.urn, company, reference, pieces, serial)
    return _epc(scheme.name, scheme.urn, f"{filter_value}.", written, keys=keys, link=link)


def _epc(
    scheme: str,
    urn: str,
    filtered: str,
    written: str,
    *,
    keys: dict[str, str],
    link: str | None = None,
) -> Epc:
    return Epc(
        scheme,
        f"urn:epc:id:{urn}:{written}",
        f"urn:epc:tag:{scheme}:{filtered}{written}",
        keys,
        None if link is None else f"https://id.gs1.org/{link}",
    )


def _company(bits: _Bits) -> tuple[int, str]:
    partition = bits.take(3)
    if partition >= len(COMPANY):
        raise EpcRefused(f"partition {partition} does not exist, 0 to 6 do")
    n_bits, n_digits = COMPANY[partition]
    return partition, _digits(bits.take(n_bits), n_digits)


def _reference(reference: Reference, partition: int, bits: _Bits) -> str:
    n_bits, n_digits = reference.bits[partition], reference.digits[partition]
    if reference.is_text:
        return bits.text(n_bits, n_digits)
    number = _digits(bits.take(n_bits), n_digits)
    return number if reference.is_padded else str(int(number))


def _serial(serial: Serial, bits: _Bits) -> str | None:
    if serial.bits == 0:
        return None
    if serial.is_text:
        return bits.text(serial.bits, serial.n_max)
    number = str(bits.take(serial.bits))
    if serial.is_prefixed:
        if number[0] != "1" or not 1 < len(number) <= serial.n_max + 1:
            raise EpcRefused(f"serial {number} is no numeric string")
        return number[1:]
    return number


def _digits(number: int, n_digits: int) -> str:
    text = f"{number:0{n_digits}d}" if n_digits else ""
    if len(text) > n_digits or (not n_digits and number):
        raise EpcRefused(f"{number} has more than {n_digits} digits")
    return text


def _decode_gid(bits: _Bits) -> Epc:
    manager, item, serial = bits.take(28), bits.take(24), bits.take(36)
    bits.end()
    return _epc("gid-96", "gid", "", f"{manager}.{item}.{serial}", keys={"serial": str(serial)})


def _decode_usdod(bits: _Bits) -> Epc:
    filter_value = bits.take(4)
    cage = "".join(chr(bits.take(8)) for _ in range(6)).lstrip(" ")
    if not re.fullmatch(r"[0-9A-HJ-NP-Z]{5,6}", cage):
        raise EpcRefused(f"{cage!r} is no CAGE code or DoDAAC")
    serial = bits.take(36)
    bits.end()
    keys = {"serial": str(serial)}
    return _epc("usdod-96", "usdod", f"{filter_value}.", f"{cage}.{serial}", keys=keys)


def _decode_adi(bits: _Bits) -> Epc:
    filter_value = bits.take(6)
    cage = "".join(_six_bit_character(bits.take(6)) for _ in range(6)).lstrip(" ")
    if not re.fullmatch(r"[0-9A-HJ-NP-Z]{5,6}", cage):
        raise EpcRefused(f"{cage!r} is no CAGE code or DoDAAC")
    part, serial = bits.six_bit(32), bits.six_bit(30)
    if not serial:
        raise EpcRefused("there is no serial")
    bits.end()
    written = ".".join(_escaped(text) for text in (cage, part, serial))
    return _epc("adi-var", "adi", f"{filter_value}.", written, keys={"serial": serial})


def _decode_cpi_var(bits: _Bits) -> Epc:
    filter_value = bits.take(3)
    partition, company = _company(bits)
    part = bits.six_bit(CPI_PART_CHARS[partition])
    serial = bits.take(40)
    bits.end()
    if not part or serial >= 10**12:
        raise EpcRefused("there is no part reference, or the serial has more than 12 digits")
    written = f"{company}.{_escaped(part)}.{serial}"
    keys, link = _gs1_keys("cpi", company, part, [], str(serial))
    return _epc("cpi-var", "cpi", f"{filter_value}.", written, keys=keys, link=link)


def _six_bit_character(code: int) -> str:
    """Table G-1: the low six bits of an upper-case letter, a digit, `#`, `-`, `/` or space."""
    character = chr(code if code >= 32 else code + 64)
    if not re.fullmatch(r"[A-Z0-9#\-/ ]", character):
        raise EpcRefused(f"{character!r} is no character of a variable field")
    return character


def _gs1_keys(
    urn: str, company: str, reference: str, pieces: list[str], serial: str | None
) -> tuple[dict[str, str], str | None]:
    """The GS1 keys behind an identity, and its Digital Link's path (TDS section 7)."""
    keys = {} if serial is None or urn == "sgln" else {"serial": serial}
    link_serial = quote(serial or "", safe="")
    if urn in ("sgtin", "itip"):
        gtin = _checked(reference[0] + company + reference[1:])
        keys = {"gtin": gtin, **keys}
        piece = "".join(pieces)
        return keys, f"{'8006' if piece else '01'}/{gtin}{piece}/21/{link_serial}"
    if urn == "sscc":
        sscc = _checked(reference[0] + company + reference[1:])
        return {"sscc": sscc}, f"00/{sscc}"
    if urn == "sgln":
        gln = _checked(company + reference)
        extension = "" if serial == "0" else f"/254/{link_serial}"
        return {"gln": gln} | ({} if serial == "0" else {"extension": str(serial)}), (
            f"414/{gln}{extension}"
        )
    if urn in ("gsrn", "gsrnp"):
        return keys, f"{'8018' if urn == 'gsrn' else '8017'}/{_checked(company + reference)}"
    if urn == "giai":
        return keys, f"8004/{company}{quote(reference, safe='')}"
    if urn == "cpi":
        return keys, f"8010/{company}{quote(reference, safe='')}/8011/{link_serial}"
    ai = {"grai": "8003/0", "gdti": "253/", "sgcn": "255/"}[urn]
    return keys, f"{ai}{_checked(company + reference)}{link_serial}"


def _checked(body: str) -> str:
    return body + gtin_check_digit(body)


def _escaped(text: str) -> str:
    """A part of a pure identity URI (TDS table A-1: what must be escaped)."""
    return re.sub(r"[\"#%&/<>?]", lambda match: f"%{ord(match[0]):02X}", text)


@lru_cache(maxsize=CACHED)
def _cached(epc_hex: str) -> tuple[tuple[str, str], ...]:
    refusal = {}
    try:
        epc = decode_epc(epc_hex)
    except EpcRefused as error:
        epc, refusal = _opaque(epc_hex), {"refusal": str(error)}
    return tuple({"scheme": epc.scheme, "uri": epc.uri, **epc.keys, **refusal}.items())


def epc_identity(epc_hex: str) -> dict[str, str]:
    """`scheme`, `uri` and keys of an EPC, for the read loop: never raises, remembers."""
    return dict(_cached(epc_hex))


def encode_sgtin_96(gtin: str, serial: int, *, company_digits: int, filter_value: int = 1) -> str:
    """The EPC memory of an SGTIN-96 as upper-case hex. Raises EpcRefused if it does not fit."""
    partition = 12 - company_digits
    if not 0 <= partition <= 6 or not 0 <= serial < 1 << 38:
        raise EpcRefused(
            f"company prefix of {company_digits} digits or serial {serial} out of range"
        )
    item_bits = SCHEMES[_SGTIN_96].reference.bits[partition]
    company = int(gtin[1 : 1 + company_digits])
    item = int(gtin[0] + gtin[1 + company_digits : 13])
    bits = _SGTIN_96 << 88 | filter_value << 85 | partition << 82
    return f"{bits | company << (38 + item_bits) | item << 38 | serial:024X}"
