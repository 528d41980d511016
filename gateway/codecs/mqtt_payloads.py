"""The payloads of our MQTT contract: scan, climate, reads, status up; result down.

    topic   forepost/v1/{warehouse}/{device}/{channel}
    scan    {"v":1,"boot":ID,"seq":N,"time":ISO8601,"data":TEXT,"symbology":TEXT,"task":{…}}
    climate {"v":1,"boot":ID,"seq":N,"time":…,"zone":ID,"temperature_c":X,"humidity_pct":Y,
             "battery_pct":Z}
    reads   {"v":1,"boot":ID,"seq":N,"time":…,"reads":[{"epc":HEX,"antenna":N,"rssi_dbm":X,
             "count":N,"first":ISO8601,"last":ISO8601}],"task":{…}}
    status  {"v":1,"status":"online|offline",…}, retained, "offline" as last will
    result  {"v":1,"boot":ID,"seq":N,"status":…,"event_id":…,"item":{…},"message_key":…,
             "message":…}

Zebra DataWedge's keys are taken for the same, in their long form (com.symbol.datawedge.…) too:
`data_string` for data, `label_type` for symbology. A device that reads several symbols at one
pull of its trigger sends a list for data, or DataWedge's list `barcodes`: the GS1 symbols of one
label are one message (General Specifications 2.6), any others need a seq each and are refused.

Unknown keys are ignored and named to the caller. Nothing raises: what does not fit becomes
Malformed, with as much of boot and seq as could be read, so that its sender can be told.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, cast

from cloud_sync.contract import keys
from cloud_sync.contract.events import canonical
from gateway.codecs.datawedge import short_keys, symbology_of
from gateway.codecs.gs1 import joined_symbols, symbol_or_flaw
from gateway.codecs.mqtt_fields import Reader, Refused, Slip, given
from gateway.codecs.mqtt_ordinary import SEQ_MAX, ordinary_reading
from gateway.codecs.strict_json import JsonRefused, parse_object
from gateway.core.readings import (
    COMMANDS,
    CONDITIONS,
    TASK_TYPES,
    ClimateSample,
    Malformed,
    Reading,
    Scan,
    Stamp,
    Tag,
    TagRead,
    TaskContext,
)

MAX_READS: Final = 1000
MAX_SYMBOLS: Final = 16
"""Symbols read at one pull of a trigger; a label has three at most."""
_DATA_KEYS: Final = frozenset({"data", "data_string", "barcodes"})
_EPC: Final = re.compile(r"^(?:[0-9A-Fa-f]{4}){1,32}$")


@dataclass(frozen=True, slots=True)
class Status:
    """A device says that it came or (by its last will) went. battery_pct, firmware if told."""

    device: str
    is_online: bool
    battery_pct: int | None = None
    firmware: str | None = None


@dataclass(slots=True)
class Parsed:
    """A payload's reading, and the keys nobody knew."""

    reading: Reading | Status
    unknown_keys: tuple[str, ...] = ()


def parse_payload(channel: str, raw: bytes, *, device: str, received_at_us: int) -> Parsed:
    """What a device published on a channel (`scan`, `climate`, `reads` or `status`)."""
    ordinary = ordinary_reading(channel, raw, device=device, received_at_us=received_at_us)
    if ordinary is not None:
        return Parsed(*ordinary)
    return parse_closely(channel, raw, device=device, received_at_us=received_at_us)


def parse_closely(channel: str, raw: bytes, *, device: str, received_at_us: int) -> Parsed:
    """The same for any payload, key by key, with a reason for what is refused."""
    stamp = Stamp(device, None, None, None, received_at_us)
    try:
        fields = parse_object(raw)
    except JsonRefused as refusal:
        return Parsed(Malformed(stamp, raw, "json", str(refusal)))
    if channel == "scan":
        fields = short_keys(fields)
    reader = Reader(fields)
    try:
        stamp = _readable_stamp(stamp, fields)
        version = reader.integer("v", 1, 1)
        if version is None:
            raise Refused("v: missing, expected 1")
        named = reader.id("device")
        if named is not None and named != device:
            raise Refused(f"device: says {named!r} on the topic of {device!r}")
        stamp = _stamp(reader, stamp, is_numbered=channel != "status")
        reading = _CHANNELS[channel](reader, stamp)
    except Slip as refusal:
        said = refusal.key, refusal.given, refusal.worker
        return Parsed(Malformed(stamp, raw, "contract", str(refusal), *said))
    except Refused as refusal:
        return Parsed(Malformed(stamp, raw, "contract", str(refusal)))
    return Parsed(reading, reader.unknown())


def encode_result(body: Mapping[str, object]) -> bytes:
    """The `result` payload."""
    return canonical(body)


def _readable_stamp(stamp: Stamp, fields: Mapping[str, object]) -> Stamp:
    """Boot and seq if both are well formed, before anything else is looked at."""
    boot, seq = fields.get("boot"), fields.get("seq")
    is_seq = isinstance(seq, int) and not isinstance(seq, bool) and seq >= 0
    if isinstance(boot, str) and keys.is_id(boot) and is_seq:
        return Stamp(stamp.device, boot, cast(int, seq), None, stamp.received_at_us)
    return stamp


def _stamp(reader: Reader, stamp: Stamp, *, is_numbered: bool) -> Stamp:
    boot, seq = reader.id("boot"), reader.integer("seq", 0, SEQ_MAX)
    if is_numbered and (boot is None) != (seq is None):
        missing = "seq" if seq is None else "boot"
        raise Refused(f"{missing}: missing; boot and seq go together")
    reader.time_us("time")
    time = reader.fields.get("time")
    said = time if isinstance(time, str) else None
    return Stamp(stamp.device, boot, seq, said, stamp.received_at_us)


def _scan(reader: Reader, stamp: Stamp) -> Scan:
    context = _context(reader)
    if context is not None and context.type in COMMANDS and not _DATA_KEYS & reader.fields.keys():
        return Scan(stamp, "", reader.text("symbology", 64), context)
    symbols = _symbols(reader)
    try:
        data, symbology = _one_label(symbols)
    except Refused as refusal:
        worker = None if context is None else context.worker
        raise Slip("labels_mixed", refusal, "", worker) from refusal
    symbol, symbol_error = symbol_or_flaw(data, symbology)
    return Scan(stamp, data, symbology, context, symbol, symbol_error)


def _symbols(reader: Reader) -> list[tuple[str, str | None]]:
    """The text and the symbology of each symbol that was read."""
    barcodes = reader.take("barcodes")
    if barcodes is None:
        return _texts(reader)
    if not isinstance(barcodes, list) or not 0 < len(barcodes) <= MAX_SYMBOLS:
        raise reader.refuse("barcodes", f"a list of 1 to {MAX_SYMBOLS}", barcodes)
    symbols = []
    for i, barcode in enumerate(barcodes):
        if not isinstance(barcode, dict):
            raise reader.refuse(f"barcodes.{i}", "an object", barcode)
        symbols += _texts(Reader(short_keys(barcode), f"barcodes.{i}."))
    return symbols


def _texts(reader: Reader) -> list[tuple[str, str | None]]:
    key = "data" if reader.fields.get("data") is not None else "data_string"
    texts = reader.take(key)
    if not isinstance(texts, list):
        text = reader.text(key)
        if text is None:
            raise Refused(f"{reader.path}data: missing")
        texts = [text]
    elif not 0 < len(texts) <= MAX_SYMBOLS:
        raise reader.refuse(key, f"a list of 1 to {MAX_SYMBOLS}", texts)
    symbology, label_type = reader.text("symbology", 64), reader.text("label_type", 64)
    reader.take("source")
    if symbology is None and label_type is not None:
        symbology = symbology_of(label_type)
    parts = Reader({str(i): text for i, text in enumerate(texts)}, f"{reader.path}{key}.")
    return [(parts.text(str(i)) or "", symbology) for i in range(len(texts))]


def _one_label(symbols: list[tuple[str, str | None]]) -> tuple[str, str | None]:
    """The symbols as one. Raises Refused for several that are not one GS1 message."""
    distinct = list(dict.fromkeys(symbols))
    if len(distinct) == 1:
        return distinct[0]
    data = joined_symbols([text for text, _ in distinct])
    if data is None:
        raise Refused(f"data: {len(distinct)} symbols that are not one label; a seq for each")
    return data, "GS1_128"


def _context(reader: Reader) -> TaskContext | None:
    task = reader.take("task")
    if task is not None and not isinstance(task, dict):
        raise reader.refuse("task", "an object", task)
    return None if task is None else _task(Reader(task, "task."))


def _task(reader: Reader) -> TaskContext:
    kind, worker = reader.text("type", 32), reader.id("worker")
    if kind is None:
        # A device that was switched off in the middle of a task, say.
        raise Slip("task_missing", "task.type: missing", "", worker)
    if kind not in TASK_TYPES:
        raise reader.refuse("type", f"one of {', '.join(sorted(TASK_TYPES))}", kind)
    unit = reader.text("unit", 8) or "EA"
    if unit not in ("EA", "g"):
        raise reader.refuse("unit", "EA or g", unit)
    condition = reader.text("condition", 16)
    if condition is not None and condition not in CONDITIONS:
        raise reader.refuse("condition", f"one of {', '.join(sorted(CONDITIONS))}", condition)
    celsius = given(reader, "temperature_c", worker, lambda it: reader.number(it, -100, 150))
    return TaskContext(
        type=kind,
        id=given(reader, "id", worker, reader.scanned),
        location=given(reader, "location", worker, reader.scanned),
        quantity=given(reader, "quantity", worker, reader.quantity),
        unit=unit,
        worker=worker,
        reason=reader.text("reason", 200),
        sscc=given(reader, "sscc", worker, reader.sscc),
        condition=condition,
        supervisor=reader.text("supervisor", 64),
        temperature_centi_c=None if celsius is None else round(celsius * 100),
        action=reader.id("action"),
    )


def _climate(reader: Reader, stamp: Stamp) -> ClimateSample:
    zone = reader.id("zone")
    if zone is None:
        raise Refused("zone: missing")
    celsius = reader.number("temperature_c", -100, 150)
    humidity = reader.number("humidity_pct", 0, 100)
    if celsius is None and humidity is None:
        raise Refused("temperature_c: missing, and humidity_pct too")
    return ClimateSample(
        stamp,
        zone,
        None if celsius is None else round(celsius * 100),
        None if humidity is None else round(humidity * 100),
        reader.integer("battery_pct", 0, 100),
    )


def _reads(reader: Reader, stamp: Stamp) -> TagRead:
    reads = reader.take("reads")
    if not isinstance(reads, list) or len(reads) > MAX_READS:
        raise reader.refuse("reads", f"a list of at most {MAX_READS}", reads)
    task = _context(reader)
    if task is not None and (task.type != "count" or stamp.seq is None):
        raise Refused("task: tags are counted, under a boot and seq, or they have no task")
    tags = tuple(_tag(read, f"reads.{i}.") for i, read in enumerate(reads))
    return TagRead(stamp, tags, task)


def _tag(read: object, path: str) -> Tag:
    if not isinstance(read, dict):
        raise Refused(f"{path[:-1]}: expected an object, got {read!r:.60}")
    reader = Reader(read, path)
    epc = reader.text("epc", 128)
    if epc is None or not _EPC.match(epc):
        raise reader.refuse("epc", "hex digits, whole 16-bit words", epc)
    rssi = reader.number("rssi_dbm", -200, 50)
    return Tag(
        epc=epc.upper(),
        antenna=reader.integer("antenna", 0, 255) or 0,
        rssi_centi_dbm=None if rssi is None else round(rssi * 100),
        count=reader.integer("count", 1, 10**6) or 1,
        first_us=reader.time_us("first"),
        last_us=reader.time_us("last"),
    )


def _status(reader: Reader, stamp: Stamp) -> Status:
    status = reader.text("status", 16)
    if status not in ("online", "offline"):
        raise reader.refuse("status", "online or offline", status)
    return Status(
        stamp.device,
        status == "online",
        reader.integer("battery_pct", 0, 100),
        reader.text("firmware", 64),
    )


_CHANNELS: Final[dict[str, Callable[[Reader, Stamp], Reading | Status]]] = {
    "scan": _scan,
    "climate": _climate,
    "reads": _reads,
    "status": _status,
}
