"""The climate of a warehouse as sensor elements: windows of samples, excursions, sick sensors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from cloud_sync.contract import events as ev
from cloud_sync.epcis.naming import NAMESPACE, PREFIX, Naming
from cloud_sync.epcis.times import format_time

_MEASURES: Final = (
    ("temperature_centi_c", "Temperature", "CEL"),
    ("humidity_centi_pct", "RelativeHumidity", "P1"),
)
_STATISTICS: Final = (("min", "minValue"), ("mean", "meanValue"), ("max", "maxValue"))
ALARM: Final = "ALARM_CONDITION"
ERROR: Final = "ERROR_CONDITION"


def sensor_elements(event: ev.Event, naming: Naming, alert: str | None) -> list[dict[str, object]]:
    """One element with what was measured; with only the alert where nothing was."""
    body = event.body
    metadata: dict[str, object] = {}
    start, end = _time(body, "since_us", "first_us"), _time(body, "until_us", "last_us")
    if start is not None and (end is None or start <= end):
        metadata["startTime"] = format_time(start)
    if end is not None:
        metadata["endTime"] = format_time(end)
    if not metadata:
        metadata["time"] = format_time(event.occurred_at_us)
    if event.device is not None:
        metadata["deviceID"] = naming.device(event.device.id)
    reports = [
        {"type": kind, **({"exception": alert} if alert else {}), **values, "uom": unit}
        for name, kind, unit in _MEASURES
        if (values := _values(body.get(name)))
    ]
    if not reports:
        report: dict[str, object] = {"type": "Temperature"}
        if alert:
            report["exception"] = alert
        reason = body.get("reason", body.get("kind"))
        if isinstance(reason, str) and reason:
            report["stringValue"] = reason
        reports = [report]
    n_samples = body.get("n")
    if isinstance(n_samples, int):
        metadata[f"{PREFIX}:samples"] = n_samples
    return [{"sensorMetadata": metadata, "sensorReport": reports}]


def _values(found: object) -> dict[str, object]:
    """Statistics of one measure, hundredths made whole: -1850 is -18.5."""
    if isinstance(found, int) and not isinstance(found, bool):
        return {"value": found / 100}
    if not isinstance(found, Mapping):
        return {}
    given = {
        standard: found[name] / 100
        for name, standard in _STATISTICS
        if isinstance(found.get(name), int | float) and not isinstance(found.get(name), bool)
    }
    if len(given) == 3 and len(set(given.values())) == 1:
        return {"value": given["meanValue"]}
    low, high = given.get("minValue"), given.get("maxValue")
    if low is not None and high is not None and low > high:
        given["minValue"], given["maxValue"] = high, low
    return dict(given)


def _time(body: Mapping[str, object], *names: str) -> int | None:
    for name in names:
        value = body.get(name)
        if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= 2**53:
            return value
    return None


CONTEXT_TERMS: Final = {PREFIX: NAMESPACE}
