"""Events of Impinj readers (R700, R720) in the makers' IoT device interface, over MQTT or HTTP.

    {"timestamp":ISO8601,"hostname":…,"eventType":"tagInventory","tagInventoryEvent":{
        "epc":BASE64URL,"epcHex":HEX,"tid":BASE64URL,"tidHex":HEX,"pc":BASE64URL,
        "antennaPort":N,"peakRssiCdbm":N,"lastSeenTime":ISO8601,…}}

Which of the keys are sent is a setting of the reader's. Other events tell of its state:
`inventoryStatus`, `antennaConnected` and `antennaDisconnected`, `overflow`, `diagnostic` and so
on, each with a key of its own, its name and "Event". RSSI is in 1/100 dBm.

`epc` is base64url by the interface's definition. Programs that run on the reader put hex there;
24 and more hex digits of one case with a figure among them are taken for that, which an EPC of
18 bytes in base64 is not by any chance worth counting.
"""

from __future__ import annotations

import binascii
import re
from typing import Final

from gateway.codecs.reader_json import (
    EventRefused,
    Fields,
    ReaderEvent,
    ReaderPayload,
    parse_payload,
)
from gateway.core.readings import Tag

TROUBLES: Final = {
    "overflow": "overflow, reads were lost",
    "inventoryTerminated": "inventory terminated",
}
_BASE64: Final = re.compile(r"[A-Za-z0-9_+/-]+={0,2}")
_HEX: Final = re.compile(r"(?=.*[0-9])(?:[0-9A-F]{24,128}|[0-9a-f]{24,128})")


def parse_impinj(raw: bytes) -> ReaderPayload:
    """The events of an Impinj reader."""
    return parse_payload(raw, _event)


def _event(fields: Fields) -> ReaderEvent:
    time = fields.text("timestamp")
    kind = fields.text("eventType")
    read = fields.inner("tagInventoryEvent")
    if read is not None:
        return ReaderEvent((_tag(read, fields.time_us("timestamp")),), time=time)
    if kind == "tagInventory":
        raise fields.refusal("tagInventoryEvent", "an object")
    if kind is None:
        kinds = [key[: -len("Event")] for key in fields.values if key.endswith("Event")]
        if not kinds:
            raise EventRefused(f"{fields.path}eventType: missing")
        kind = kinds[0]
    return ReaderEvent(time=time, troubles=_troubles(kind, fields))


def _troubles(kind: str, fields: Fields) -> tuple[str, ...]:
    if kind == "antennaDisconnected":
        about = fields.inner("antennaDisconnectedEvent")
        port = None if about is None else about.whole("antennaPort", 0, 255)
        return (f"antenna {'?' if port is None else port} disconnected",)
    return (TROUBLES[kind],) if kind in TROUBLES else ()


def _tag(read: Fields, event_us: int | None) -> Tag:
    epc = _memory(read, "epc", "epcHex") or _memory(read, "tid", "tidHex")
    if epc is None:
        raise EventRefused(f"{read.path}epc: missing, and epcHex, tid and tidHex too")
    rssi_centi_dbm = read.whole("peakRssiCdbm", -20_000, 5000)
    seen_us = read.time_us("lastSeenTime")
    return Tag(
        epc=epc,
        antenna=read.whole("antennaPort", 0, 255) or 0,
        rssi_centi_dbm=rssi_centi_dbm,
        count=1,
        last_us=event_us if seen_us is None else seen_us,
    )


def _memory(read: Fields, base64_key: str, hex_key: str) -> str | None:
    """A tag's memory from either of its two keys. Raises EventRefused if they do not agree."""
    from_hex = read.words(hex_key)
    text = read.text(base64_key)
    if text is None:
        return from_hex
    from_base64 = text.upper() if _HEX.fullmatch(text) else _unpacked(read, base64_key, text)
    if len(from_base64) % 4 or len(from_base64) > 128:
        raise read.refusal(base64_key, "whole 16-bit words of a tag's memory")
    if from_hex is not None and from_base64 != from_hex:
        raise read.refusal(base64_key, f"what {hex_key} says, {from_hex}")
    return from_base64


def _unpacked(read: Fields, key: str, text: str) -> str:
    """Base64, url-safe or not, padded or not, as upper-case hex."""
    bare = text.rstrip("=").replace("-", "+").replace("_", "/")
    try:
        if not _BASE64.fullmatch(text):
            raise ValueError(text)
        memory = binascii.a2b_base64(bare + "=" * (-len(bare) % 4), strict_mode=True)
    except ValueError as error:
        raise read.refusal(key, "base64url") from error
    return memory.hex().upper()
