"""Fixed barcode scanners on a serial port or USB-CDC: a line is a scan.

Such a scanner numbers nothing, waits for nothing and knows no task. The box gives its scans a
boot id and a number of their own, and the configuration says what every scan is for. A label of
the house's own (location, worker, document) changes that for the scans that follow, until
another one does or `label_hold_s` is over: a forgotten label must not place tomorrow's goods.

What becomes of a scan cannot be shown to anybody at the scanner, so refusals are in its health.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, Literal

from pydantic import Field, model_validator

from cloud_sync.contract.keys import is_id
from gateway.codecs.gs1 import symbol_or_flaw
from gateway.codecs.scanner_line import (
    Label,
    Line,
    LineDecoder,
    LineFormat,
    LineRefused,
    label_of,
    parse_line,
)
from gateway.core.readings import Malformed, Scan, Stamp, TaskContext
from gateway.drivers.options import Options, parse_options
from gateway.drivers.scan_task import ScanTask
from gateway.drivers.serial_session import SerialSession
from gateway.ports import Arrival, ByteLink, Driver, Intake, Receipt
from gateway.registry import DriverContext
from gateway.settings import DeviceSettings

Hex = Annotated[str, Field(pattern=r"^([0-9A-Fa-f]{2}){0,8}$")]
Pattern = Annotated[str, Field(min_length=1, max_length=64)]
LabelKind = Literal["location", "worker", "document"]


class SerialScannerOptions(Options):
    """How the scanner is set up, and what its scans are for.

    prefix, suffix, group_separator: hex. idle_end_s: ends a line by silence too. silent_s: after
    that long without a line the scanner counts as faulty. no_read: what the scanner sends when it
    could read nothing. labels: kind → pattern such as `R-*`.
    """

    task: ScanTask | None = None
    labels: Mapping[LabelKind, Pattern] = Field(default_factory=dict)
    label_hold_s: Annotated[float, Field(gt=0, le=86_400)] = 300.0
    prefix: Hex = ""
    suffix: Hex = ""
    group_separator: Annotated[str, Field(pattern=r"^([0-7][0-9A-Fa-f]){1,4}$")] = "1D"
    max_bytes: Annotated[int, Field(ge=16, le=8192)] = 4096
    idle_end_s: Annotated[float, Field(gt=0, le=10)] | None = None
    repeat_s: Annotated[float, Field(ge=0, le=3600)] = 0.0
    silent_s: Annotated[float, Field(gt=0, le=86_400)] | None = None
    no_read: Annotated[str, Field(max_length=64)] | None = None

    @model_validator(mode="after")
    def _labels_are_for_something(self) -> SerialScannerOptions:
        if self.labels and self.task is None:
            raise ValueError("labels need a task that they can complete")
        return self

    def line_format(self) -> LineFormat:
        """The same as the codec takes it."""
        return LineFormat(
            bytes.fromhex(self.prefix),
            bytes.fromhex(self.suffix),
            bytes.fromhex(self.group_separator),
            self.max_bytes,
        )


class SerialScanner(SerialSession):
    """One scanner."""

    def __init__(self, device: DeviceSettings, context: DriverContext) -> None:
        super().__init__(device, context)
        self._options = parse_options(SerialScannerOptions, device)
        self._format = self._options.line_format()
        self._boot = f"box-{context.clock.wall_us():x}"
        self._seq = 0
        self._is_first_line = True
        self._heard_s = 0.0
        self._last: tuple[str, float] = ("", 0.0)
        self._labels: dict[str, tuple[str, float]] = {}

    async def serve(self, link: ByteLink, intake: Intake) -> None:
        """Turn lines into scans until the link is lost."""
        decoder = LineDecoder(self._format)
        self._is_first_line = True
        self._heard_s = self.context.clock.monotonic()
        while True:
            for raw in await self._lines(link, decoder):
                arrival = self._arrival(raw)
                if arrival is not None:
                    await intake.put(arrival)
            for _ in range(decoder.n_too_long):
                self.own_health.count_error("line too long")
            decoder.n_too_long = 0

    async def _lines(self, link: ByteLink, decoder: LineDecoder) -> list[bytes]:
        """The lines in what comes next, or what a silence makes of it."""
        options, clock = self._options, self.context.clock
        ends_line = decoder.n_kept > 0 and options.idle_end_s is not None
        limit_s = options.idle_end_s if ends_line else options.silent_s
        if limit_s is not None and not ends_line:
            # Noise that never becomes a line is silence too.
            limit_s = max(0.0, self._heard_s + limit_s - clock.monotonic())
        try:
            async with asyncio.timeout(limit_s):
                data = await link.read()
        except TimeoutError:
            if ends_line:
                return list(decoder.end())
            self.own_health.state = "faulty"
            self.own_health.count_error("silent")
            self._heard_s = clock.monotonic()
            return []
        await asyncio.sleep(0)  # a flooded port never blocks: let the other devices have a turn
        return list(decoder.feed(data))

    def _arrival(self, raw: bytes) -> Arrival | None:
        """What a line becomes; None if it is no scan: a repeat, a label, nothing read."""
        health, clock = self.own_health, self.context.clock
        now_us, now_s = clock.wall_us(), clock.monotonic()
        was_first, self._is_first_line = self._is_first_line, False
        try:
            line = parse_line(raw, self._format)
        except LineRefused as refusal:
            if was_first:  # it may have begun before the port was opened
                health.count_error("cut line")
                return None
            health.count_error("line")
            stamp = Stamp(self.device.name, None, None, None, now_us)
            return Arrival(Malformed(stamp, raw, "line", str(refusal)), raw=raw)
        health.state = "online"
        health.last_seen_us = now_us
        self._heard_s = now_s
        if line.data == self._options.no_read:
            health.count_error("no read")
            return None
        health.last_reading = repr(line.data[:40])
        if self._is_repeat(line, now_s):
            health.count_error("repeat left out")
            return None
        health.n_reads += 1
        label = label_of(line, self._options.labels.items())
        if label is not None:
            self._take_label(label, now_s)
            return None
        return Arrival(self._scan(line, now_us, now_s), self._settle, raw)

    def _is_repeat(self, line: Line, now_s: float) -> bool:
        """True for the symbol just read, again; while it stays in view it is one scan."""
        data, seen_s = self._last
        self._last = line.data, now_s
        return data == line.data and now_s - seen_s < self._options.repeat_s

    def _take_label(self, label: Label, now_s: float) -> None:
        if is_id(label.value):
            self._labels[label.kind] = label.value, now_s
        else:
            self.own_health.count_error(f"{label.kind} label is no id")

    def _scan(self, line: Line, now_us: int, now_s: float) -> Scan:
        self._seq += 1
        stamp = Stamp(self.device.name, self._boot, self._seq, None, now_us)
        symbol, error = symbol_or_flaw(line.data)
        return Scan(stamp, line.data, line.aim, self._task(now_s), symbol, error)

    def _task(self, now_s: float) -> TaskContext | None:
        if self._options.task is None:
            return None
        task = self._options.task.context()
        held = {
            kind: value
            for kind, (value, since_s) in self._labels.items()
            if now_s - since_s <= self._options.label_hold_s
        }
        return replace(
            task,
            id=held.get("document", task.id),
            location=held.get("location", task.location),
            worker=held.get("worker", task.worker),
        )

    def _settle(self, receipt: Receipt) -> None:
        if receipt.status == "refused":
            self.own_health.count_error(f"refused: {receipt.body.get('message_key', 'no reason')}")


def make_driver(device: DeviceSettings, context: DriverContext) -> Driver:
    """A driver for one scanner."""
    return SerialScanner(device, context)
