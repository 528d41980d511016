"""Events of Zebra's readers: fixed ones (IoT Connector) and sleds (RFD40, RFD90), over MQTT.

Fixed readers (FX7500, FX9600, FXR90, ATR7000), one event or an array of them:
    {"type":"SIMPLE|INVENTORY|PORTAL|CONVEYOR|CUSTOM","timestamp":ISO8601,"data":{
        "idHex":HEX,"TID":HEX,"antenna":N,"peakRssi":DBM,"reads":N,"eventNum":N,…}}
    {"type":"heartbeat|error|warning|gpi|…","timestamp":…,"component":…,"data":{
        "radio_control":{"antennas":{"1":"connected",…},…},"system":{…},…}}
Sleds, the event as it is or within an object under its name:
    {"type":PROFILE,"timestamp":…,"data":{"tagData":[{"eventNum":N,"EPC":HEX,"EPCid":HEX,
        "TID":HEX,"peakRSSI":DBM,"seenCount":N,…}],"barcodeData":[{"decodedBarcode":TEXT,
        "symbology":…}]}}
    {"eventName":"heartbeat","eventNumber":N,"timestamp":…,"data":{
        "batteryAlert":{"status":…,"chargePercentage":N,…},…}}

Only `eventNum` is sure to be in a sled's record; one without EPC and TID says nothing of a tag.
`peakRssi` and `peakRSSI` both occur. A sled without its clock set writes HH:MM:SS.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from gateway.codecs.reader_json import (
    Barcode,
    EventRefused,
    Fields,
    ReaderEvent,
    ReaderPayload,
    parse_payload,
)
from gateway.core.readings import Tag

MAX_NUMBER: Final = 2**53
WITHOUT_EPC: Final = "read without EPC"
_TROUBLES: Final = {"error": "reader error", "errors": "reader error", "warning": "reader warning"}
_WRAPPERS: Final = ("dataEVT", "heartBeatEVT", "alerts", "alert_short", "mqttConnEVT")
_BATTERY_TROUBLES: Final = frozenset({"LOW", "CRITICAL"})


def parse_zebra_fx(raw: bytes) -> ReaderPayload:
    """The events of a fixed reader."""
    return parse_payload(raw, _fixed_event)


def parse_zebra_rfd(raw: bytes) -> ReaderPayload:
    """The events of a sled."""
    return parse_payload(raw, _sled_event)


# ---------------------------------------------------------------- fixed readers


def _fixed_event(fields: Fields) -> ReaderEvent:
    time, time_us = fields.text("timestamp"), fields.time_us("timestamp")
    if isinstance(fields.values.get("data"), list):
        reads = fields.inners("data")
    else:
        data = fields.inner("data")
        reads = [data] if data is not None else []
    tags = [data for data in reads if "idHex" in data or "TID" in data]
    if tags:
        if len(tags) != len(reads):
            raise EventRefused(f"{fields.path}data: a read without idHex among others")
        return ReaderEvent(
            tuple(_fixed_tag(data, time_us) for data in tags),
            time=time,
            numbers=_numbers(tags),
        )
    kind = fields.text("type")
    is_health = "radio_control" in fields or "system" in fields
    if (kind is None or kind.isupper()) and not is_health and "command" not in fields:
        raise EventRefused(f"{fields.path}data.idHex: missing")
    return ReaderEvent(time=time, troubles=tuple(_fixed_troubles(kind, fields)))


def _fixed_tag(data: Fields, time_us: int | None) -> Tag:
    epc = data.words("idHex") or data.words("TID")
    if epc is None:
        raise data.refusal("idHex", "hex digits")
    return _tag(data, epc, time_us, rssi_key="peakRssi", count_key="reads")


def _fixed_troubles(kind: str | None, fields: Fields) -> Iterator[str]:
    if kind in _TROUBLES:
        yield _TROUBLES[kind]
    is_wrapped = isinstance(fields.values.get("data"), dict)
    about = fields.inner("data") if is_wrapped else fields
    radio = None if about is None else about.inner("radio_control")
    antennas = None if radio is None else radio.values.get("antennas")
    if isinstance(antennas, Mapping):
        for port, state in sorted(antennas.items()):
            if state == "disconnected":
                yield f"antenna {port[:8]} disconnected"


# ---------------------------------------------------------------- sleds


def _sled_event(fields: Fields) -> ReaderEvent:
    for name in _WRAPPERS:
        wrapped = fields.inner(name)
        if wrapped is not None:
            return _sled_event(wrapped)
    data = fields.inner("data")
    if data is None or not ("tagData" in data or "barcodeData" in data):
        return _sled_state(fields)
    time_us = fields.time_us("timestamp")
    records = data.inners("tagData")
    tags = [_sled_tag(record, time_us) for record in records]
    return ReaderEvent(
        tuple(tag for tag in tags if tag is not None),
        tuple(_barcode(record) for record in data.inners("barcodeData")),
        time=fields.text("timestamp"),
        numbers=_numbers(records),
        troubles=(WITHOUT_EPC,) * sum(tag is None for tag in tags),
    )


def _sled_state(fields: Fields) -> ReaderEvent:
    """An event that is no read: a heartbeat, an alert, a connection that came or went."""
    is_known = any(
        key in fields for key in ("eventName", "eventNumber", "type", "alertType", "data", "id")
    )
    if not is_known:
        raise EventRefused(f"{fields.path}data: missing")
    data = fields.inner("data") if isinstance(fields.values.get("data"), dict) else None
    battery = None if data is None else data.inner("batteryAlert")
    if battery is None:
        return ReaderEvent(time=fields.text("timestamp"))
    status = battery.text("status")
    return ReaderEvent(
        time=fields.text("timestamp"),
        troubles=("battery low",) if status in _BATTERY_TROUBLES else (),
        battery_pct=battery.whole("chargePercentage", 0, 100),
    )


def _sled_tag(record: Fields, time_us: int | None) -> Tag | None:
    epc = record.words("EPC") or record.words("EPCid") or record.words("TID")
    if epc is None:
        return None
    rssi_key = "peakRSSI" if "peakRSSI" in record else "peakRssi"
    return _tag(record, epc, time_us, rssi_key=rssi_key, count_key="seenCount")


def _barcode(record: Fields) -> Barcode:
    data = record.text("decodedBarcode")
    if data is None:
        raise record.refusal("decodedBarcode", "the symbol's text")
    return Barcode(data, record.text("symbology"))


def _numbers(records: Sequence[Fields]) -> tuple[int, ...]:
    numbers = (record.whole("eventNum", 0, MAX_NUMBER) for record in records)
    return tuple(number for number in numbers if number is not None)


def _tag(data: Fields, epc: str, time_us: int | None, *, rssi_key: str, count_key: str) -> Tag:
    rssi_dbm = data.number(rssi_key, -200, 50)
    return Tag(
        epc=epc,
        antenna=data.whole("antenna", 0, 255) or 0,
        rssi_centi_dbm=None if rssi_dbm is None else round(rssi_dbm * 100),
        count=data.whole(count_key, 1, 1_000_000) or 1,
        last_us=time_us,
    )
