"""What most scans and climate samples are, taken at a glance: a third of the time of a close look.

Here a message's keys are checked in one go, and None is given where anything is not as the
contract has it (the format stands in mqtt_payloads.py): whoever asked looks closely then, says
what is wrong, or takes what is merely rare. What is taken here is taken alike there; a property
test holds the two together.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, TypeGuard

from cloud_sync.contract import keys
from gateway.codecs.datawedge import LONG
from gateway.codecs.gs1 import symbol_or_flaw
from gateway.codecs.strict_json import ordinary_object
from gateway.core.clock_offset import parse_time
from gateway.core.readings import TASK_TYPES, ClimateSample, Reading, Scan, Stamp, TaskContext

MAX_TEXT: Final = 4096
SEQ_MAX: Final = 2**53
QUANTITY_MAX: Final = 10**9

_TASK_KEYS: Final = frozenset({"type", "id", "location", "quantity", "unit", "worker", "reason"})


def ordinary_reading(
    channel: str, raw: bytes, *, device: str, received_at_us: int
) -> tuple[Reading, tuple[str, ...]] | None:
    """The reading of an ordinary message and the keys nobody knew; None: look closely."""
    if channel not in ("climate", "scan") or (fields := ordinary_object(raw)) is None:
        return None
    stamp = _stamp(fields, device, received_at_us)
    if stamp is None:
        return None
    reading = _climate(fields, stamp) if channel == "climate" else _scan(fields, stamp)
    if reading is None:
        return None
    return reading, tuple(sorted(fields)) if fields else ()


def _stamp(fields: dict[str, object], device: str, received_at_us: int) -> Stamp | None:
    version, named = fields.pop("v", None), fields.pop("device", None)
    boot, seq, said = fields.pop("boot", None), fields.pop("seq", None), fields.pop("time", None)
    if type(version) is not int or version != 1:
        return None
    if named is not None and (named != device or not keys.is_id(device)):
        return None
    if type(boot) is not str or not keys.is_id(boot):
        return None
    if type(seq) is not int or not 0 <= seq <= SEQ_MAX:
        return None
    if said is None:
        return Stamp(device, boot, seq, None, received_at_us)
    if type(said) is not str or not 0 < len(said) <= 64 or parse_time(said) is None:
        return None
    return Stamp(device, boot, seq, said, received_at_us)


def _climate(fields: dict[str, object], stamp: Stamp) -> ClimateSample | None:
    zone, battery = fields.pop("zone", None), fields.pop("battery_pct", None)
    celsius, humidity = fields.pop("temperature_c", None), fields.pop("humidity_pct", None)
    if type(zone) is not str or not keys.is_id(zone):
        return None
    if not _is_number(celsius) or not -100 <= celsius <= 150:
        return None
    if not _is_number(humidity) or not 0 <= humidity <= 100:
        return None
    if battery is not None and (type(battery) is not int or not 0 <= battery <= 100):
        return None
    return ClimateSample(
        stamp, zone, round(float(celsius) * 100), round(float(humidity) * 100), battery
    )


def _scan(fields: dict[str, object], stamp: Stamp) -> Scan | None:
    data, task = fields.pop("data", None), fields.pop("task", None)
    symbology = fields.pop("symbology", None)
    fields.pop("source", None)
    if type(data) is not str or not 0 < len(data) <= MAX_TEXT:
        return None
    if symbology is not None and (type(symbology) is not str or not 0 < len(symbology) <= 64):
        return None
    if fields and ("barcodes" in fields or "label_type" in fields or _has_long(fields)):
        return None
    context = None
    if task is not None:
        context = _task(task) if type(task) is dict else None
        if context is None:
            return None
    symbol, symbol_error = symbol_or_flaw(data, symbology)
    return Scan(stamp, data, symbology, context, symbol, symbol_error)


def _task(task: dict[str, object]) -> TaskContext | None:
    if not task.keys() <= _TASK_KEYS:
        return None
    get = task.get
    kind, unit, quantity, reason = get("type"), get("unit", "EA"), get("quantity"), get("reason")
    key, location, worker = get("id"), get("location"), get("worker")
    if type(kind) is not str or kind not in TASK_TYPES or unit not in {"EA", "g"}:
        return None
    if quantity is not None and (type(quantity) is not int or abs(quantity) > QUANTITY_MAX):
        return None
    if reason is not None and (type(reason) is not str or not 0 < len(reason) <= 200):
        return None
    if not (_is_id_or_none(key) and _is_id_or_none(location) and _is_id_or_none(worker)):
        return None
    return TaskContext(kind, key, location, quantity, unit, worker, reason)


def _is_number(value: object) -> TypeGuard[float]:
    return type(value) is float or type(value) is int


def _is_id_or_none(name: object) -> TypeGuard[str | None]:
    return name is None or (type(name) is str and keys.is_id(name))


def _has_long(fields: Mapping[str, object]) -> bool:
    """Whether any of DataWedge's long keys is among them."""
    return any(key.startswith(LONG) for key in fields)
