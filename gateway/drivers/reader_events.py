"""From a reader's own events to readings, and to what is shown of the reader."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from gateway.codecs.gs1 import symbol_or_flaw
from gateway.codecs.reader_json import Barcode, ReaderEvent, ReaderPayload
from gateway.core.readings import Malformed, Reading, Scan, Stamp, TagRead
from gateway.drivers.scan_task import ScanTask
from gateway.ports import DeviceHealth

REPEATED_MAX: Final = 1000
"""A number this little below the last is a message brought again; further below, a restart."""


class ReaderEvents:
    """Takes payloads of one maker's readers; `task` is what their barcodes are scanned for."""

    def __init__(self, parse: Callable[[bytes], ReaderPayload], task: ScanTask | None) -> None:
        self._parse = parse
        self._task = None if task is None else task.context()
        self._numbers: dict[str, int] = {}

    def readings(self, raw: bytes, health: DeviceHealth, now_us: int) -> list[Reading]:
        """What a payload of the reader with this health says; the health is brought up to date."""
        payload = self._parse(raw)
        health.last_seen_us = now_us
        readings: list[Reading] = []
        for event in payload.events:
            self._note(event, health)
            stamp = Stamp(health.name, None, None, event.time, now_us)
            if event.tags:
                readings.append(TagRead(stamp, event.tags))
            readings += [self._scan(barcode, stamp) for barcode in event.barcodes]
        if payload.refusals:
            reasons = "; ".join(payload.refusals[:3])
            stamp = Stamp(health.name, None, None, None, now_us)
            readings.append(Malformed(stamp, raw, health.driver, reasons))
            health.count_error("refused event")
        return _merged(readings)

    def _scan(self, barcode: Barcode, stamp: Stamp) -> Scan:
        symbol, error = symbol_or_flaw(barcode.data, barcode.symbology)
        return Scan(stamp, barcode.data, barcode.symbology, self._task, symbol, error)

    def _note(self, event: ReaderEvent, health: DeviceHealth) -> None:
        for trouble in event.troubles:
            health.count_error(trouble)
        if event.battery_pct is not None:
            health.battery_pct = event.battery_pct
        health.firmware = event.firmware or health.firmware
        for number in event.numbers:
            last = self._numbers.get(health.name, number - 1)
            health.n_missing += max(0, number - last - 1)
            if not last - REPEATED_MAX < number <= last:
                self._numbers[health.name] = number
        if event.tags or event.barcodes:
            health.n_reads += len(event.tags) + len(event.barcodes)
            health.last_reading = (
                f"{len(event.tags)} tags" if event.tags else repr(event.barcodes[-1].data[:24])
            )


def _merged(readings: Sequence[Reading]) -> list[Reading]:
    """Tag reads of one payload and moment as one reading."""
    merged: list[Reading] = []
    for reading in readings:
        last = merged[-1] if merged else None
        if (
            isinstance(reading, TagRead)
            and isinstance(last, TagRead)
            and reading.stamp == last.stamp
        ):
            merged[-1] = TagRead(last.stamp, last.tags + reading.tags)
        else:
            merged.append(reading)
    return merged
