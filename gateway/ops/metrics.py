"""The status report as metrics, in Prometheus' text format 0.0.4.

Reads the report's JSON and nothing else, as the screen does. A number that is not known is left
out, never zero. Names carry their unit (seconds, bytes, celsius, ratio); what only grows ends in
`_total` and begins anew with the process, except what is counted in the journal.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, cast

from cloud_sync.contract.metrics import CONTENT_TYPE, Kind, Sample, encode_family

__all__ = ["CONTENT_TYPE", "METRICS", "Metric", "render_metrics"]

Report = Mapping[str, object]
_OUTCOMES: Final = ("accepted", "flagged", "refused", "duplicate")
_US: Final = 1e-6


@dataclass(frozen=True, slots=True)
class Metric:
    """One family. read: its samples in a report."""

    name: str
    kind: Kind
    about: str
    read: Callable[[Report], Iterator[Sample]] = field(repr=False)


def render_metrics(report: Report) -> str:
    """The report as metrics."""
    return "".join(encode_family(it.name, it.kind, it.about, it.read(report)) for it in METRICS)


# ---------------------------------------------------------------- what is read, and how


def _at(report: Report, *path: str) -> object:
    value: object = report
    for key in path:
        value = value.get(key) if isinstance(value, Mapping) else None
    return value


def _rows(report: Report, *path: str) -> Sequence[Report]:
    rows = _at(report, *path)
    return cast(Sequence[Report], rows) if isinstance(rows, Sequence) else ()


def _one(*path: str, scale: float | None = None) -> Callable[[Report], Iterator[Sample]]:
    def read(report: Report) -> Iterator[Sample]:
        yield (), _scaled(_at(report, *path), scale)

    return read


def _scaled(value: object, scale: float | None) -> object:
    if scale is None or isinstance(value, bool) or not isinstance(value, int | float):
        return value
    return value * scale


def _each(
    name: str, labels: Sequence[str], key: str, scale: float | None = None
) -> Callable[[Report], Iterator[Sample]]:
    """A sample for each row of a table of the report, by labels of its own columns."""

    def read(report: Report) -> Iterator[Sample]:
        for row in _rows(report, name):
            shown = tuple((label, str(row.get(label))) for label in labels)
            yield shown, _scaled(row.get(key), scale)

    return read


def _count(name: str) -> Callable[[Report], Iterator[Sample]]:
    def read(report: Report) -> Iterator[Sample]:
        rows = _at(report, name)
        if isinstance(rows, Sequence):
            yield (), len(rows)

    return read


def _info(report: Report) -> Iterator[Sample]:
    names = ("gateway", "warehouse", "epoch", "version")
    yield tuple((name, str(report[name])) for name in names if name in report), 1


def _lags(report: Report) -> Iterator[Sample]:
    cursors, last_seq = _at(report, "cursors"), _at(report, "journal", "last_seq")
    if isinstance(cursors, Mapping) and isinstance(last_seq, int):
        for consumer, seq in cursors.items():
            # A reader that never ran may stand before the rows that are gone.
            yield (("consumer", str(consumer)),), max(0, last_seq - seq)


def _outcomes(report: Report) -> Iterator[Sample]:
    for outcome in _OUTCOMES:
        yield (("outcome", outcome),), _at(report, "intake", outcome)


def _is_online(report: Report) -> Iterator[Sample]:
    for row in _rows(report, "devices"):
        labels = ("device", str(row.get("name"))), ("driver", str(row.get("driver")))
        yield labels, row.get("state") == "online"


def _of_device(key: str, scale: float | None = None) -> Callable[[Report], Iterator[Sample]]:
    def read(report: Report) -> Iterator[Sample]:
        for row in _rows(report, "devices"):
            yield (("device", str(row.get("name"))),), _scaled(row.get(key), scale)

    return read


def _device_errors(report: Report) -> Iterator[Sample]:
    for row in _rows(report, "devices"):
        errors = row.get("errors")
        for kind, n in errors.items() if isinstance(errors, Mapping) else ():
            yield (("device", str(row.get("name"))), ("kind", str(kind))), n


def _alarms(report: Report) -> Iterator[Sample]:
    for row in _rows(report, "alarms"):
        yield (("alarm", str(row.get("name"))), ("about", str(row.get("about") or ""))), 1


_CLIMATE: Final = ("zone", "device")

METRICS: Final = (  # tidy: table
    Metric("forepost_gateway_info", "gauge", "Who this is; always 1.", _info),
    Metric("forepost_gateway_running", "gauge", "Whether the gateway answers.",
           _one("is_running")),
    Metric("forepost_start_time_seconds", "gauge", "When the gateway started, Unix time.",
           _one("process", "started_us", scale=_US)),
    Metric("forepost_resident_memory_bytes", "gauge", "Memory the gateway holds.",
           _one("process", "resident_bytes")),
    Metric("forepost_open_files", "gauge", "Files and sockets the gateway holds.",
           _one("process", "n_files")),
    Metric("forepost_stalled_loops", "gauge", "Loops that stand still.", _count("stalled")),
    Metric("forepost_journal_rows_total", "counter", "Events recorded in this epoch.",
           _one("journal", "last_seq")),
    Metric("forepost_journal_pruned_rows_total", "counter", "Of these, rows that have left.",
           _one("journal", "base_seq")),
    Metric("forepost_journal_bytes", "gauge", "Bytes of the journal in use.",
           _one("journal", "bytes")),
    Metric("forepost_journal_limit_bytes", "gauge", "Size above which devices are pushed back.",
           _one("journal", "max_bytes")),
    Metric("forepost_quarantine_messages", "gauge", "Messages set aside and kept.",
           _one("journal", "n_quarantined")),
    Metric("forepost_consumer_lag_rows", "gauge", "Rows a reader of the journal is behind.",
           _lags),
    Metric("forepost_cloud_connected", "gauge", "Whether the cloud answered last time.",
           _one("sync", "is_connected")),
    Metric("forepost_cloud_lag_rows", "gauge", "Rows the cloud does not have.",
           _one("sync", "lag_events")),
    Metric("forepost_cloud_lag_seconds", "gauge", "Age of the oldest row it does not have.",
           _one("sync", "lag_s")),
    Metric("forepost_cloud_batches_total", "counter", "Batches the cloud took.",
           _one("sync", "n_batches")),
    Metric("forepost_cloud_set_aside_rows_total", "counter", "Rows the cloud set aside.",
           _one("sync", "n_quarantined")),
    Metric("forepost_received_messages_total", "counter", "Messages taken in.",
           _one("intake", "received")),
    Metric("forepost_settled_messages_total", "counter", "Messages by what became of them.",
           _outcomes),
    Metric("forepost_set_aside_messages_total", "counter", "Messages put into quarantine.",
           _one("intake", "quarantined")),
    Metric("forepost_thinned_samples_total", "counter", "Samples that gave way to newer ones.",
           _one("intake", "thinned")),
    Metric("forepost_stray_reads_total", "counter", "Tag reads left out as strays.",
           _one("intake", "strays")),
    Metric("forepost_queued_messages", "gauge", "Messages between devices and journal.",
           _one("intake", "queued")),
    Metric("forepost_device_online", "gauge", "Whether a device is online.", _is_online),
    Metric("forepost_device_last_seen_time_seconds", "gauge", "When it was last heard, Unix time.",
           _of_device("last_seen_us", _US)),
    Metric("forepost_device_reads_total", "counter", "Messages and reads of a device.",
           _of_device("n_reads")),
    Metric("forepost_device_reconnects_total", "counter", "How often it came back.",
           _of_device("n_reconnects")),
    Metric("forepost_device_missing_messages_total", "counter", "Numbers it left out.",
           _of_device("n_missing")),
    Metric("forepost_device_errors_total", "counter", "Errors of a device, by kind.",
           _device_errors),
    Metric("forepost_device_clock_offset_seconds", "gauge", "How far its clock is off.",
           _of_device("clock_offset_us", _US)),
    Metric("forepost_device_battery_ratio", "gauge", "Its battery, 0 to 1.",
           _of_device("battery_pct", 0.01)),
    Metric("forepost_zone_temperature_celsius", "gauge", "Newest temperature.",
           _each("climate", _CLIMATE, "temperature_centi_c", 0.01)),
    Metric("forepost_zone_humidity_ratio", "gauge", "Newest relative humidity, 0 to 1.",
           _each("climate", _CLIMATE, "humidity_centi_pct", 0.0001)),
    Metric("forepost_zone_measured_time_seconds", "gauge", "When that was, Unix time.",
           _each("climate", _CLIMATE, "at_us", _US)),
    Metric("forepost_excursions", "gauge", "Zones too warm or too cold for too long.",
           _count("excursions")),
    Metric("forepost_sensor_faults", "gauge", "Sensors that are not to be believed.",
           _count("sensor_faults")),
    Metric("forepost_exceptions", "gauge", "Things somebody must look into.",
           _one("exceptions")),
    Metric("forepost_alarm", "gauge", "An alarm that is raised; always 1.", _alarms),
    Metric("forepost_disk_size_bytes", "gauge", "Size of the journal's file system.",
           _one("disk", "size_bytes")),
    Metric("forepost_disk_free_bytes", "gauge", "What is free on it.",
           _one("disk", "free_bytes")),
    Metric("forepost_disk_written_bytes_total", "counter", "Written since the machine started.",
           _one("disk", "written_bytes")),
    Metric("forepost_disk_life_used_ratio", "gauge", "Used up of the disk's life at most, 0 to 1.",
           _one("disk", "life_used_pct", scale=0.01)),
    Metric("forepost_clock_set", "gauge", "Whether the box knows the time.",
           _one("clock", "is_set")),
    Metric("forepost_clock_trusted", "gauge", "Whether its clock is to be believed.",
           _one("clock", "is_trusted")),
)  # fmt: skip
"""Every family, in the order in which they are told."""
