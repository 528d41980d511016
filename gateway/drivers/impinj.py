"""Impinj R700 and R720 readers in the IoT device interface, publishing over MQTT or streaming.

With the link `mqtt` a reader publishes on the gateway's broker (gateway.drivers.json_readers).
With `http://…/api/v1/data/stream` the gateway asks the reader for its stream: one event a line,
empty lines to keep it alive.
"""

from __future__ import annotations

import asyncio
from typing import Annotated

from pydantic import Field

from gateway.codecs.reader_json_impinj import parse_impinj
from gateway.codecs.scanner_line import LineDecoder, LineFormat
from gateway.codecs.strict_json import MAX_BYTES
from gateway.drivers.json_readers import JsonReaders
from gateway.drivers.options import Options, parse_options
from gateway.drivers.reader_events import ReaderEvents
from gateway.drivers.serial_session import SerialSession
from gateway.errors import LinkLost
from gateway.ports import Arrival, ByteLink, Driver, Intake
from gateway.registry import DriverContext
from gateway.settings import DeviceSettings


class ImpinjStreamOptions(Options):
    """silent_s: after that long without a byte the stream counts as dead and is opened anew.

    Where it is set, a reader is there once its stream has said something: one that grants a
    stream and never uses it does not come and go with each attempt.
    """

    silent_s: Annotated[float, Field(gt=0, le=86_400)] | None = None


class ImpinjStream(SerialSession):
    """One reader that is asked for its stream of events."""

    is_for_reading = True

    def __init__(self, device: DeviceSettings, context: DriverContext) -> None:
        super().__init__(device, context)
        self._options = parse_options(ImpinjStreamOptions, device)
        self._events = ReaderEvents(parse_impinj, task=None)
        self.is_up_when_open = self._options.silent_s is None

    async def serve(self, link: ByteLink, intake: Intake) -> None:
        """Read events until the stream ends or falls silent."""
        decoder = LineDecoder(LineFormat(max_bytes=MAX_BYTES))
        is_up = self.is_up_when_open
        while True:
            try:
                async with asyncio.timeout(self._options.silent_s):
                    data = await link.read()
            except TimeoutError as error:
                raise LinkLost(self.device.link, "silent") from error
            if not is_up:
                self.link_is_up()
                is_up = True
            await asyncio.sleep(0)  # a reader that floods must leave the others their turn
            for line in decoder.feed(data):
                now_us = self.context.clock.wall_us()
                for reading in self._events.readings(line, self.own_health, now_us):
                    await intake.put(Arrival(reading, raw=line))
            for _ in range(decoder.n_too_long):
                self.own_health.count_error("line too long")
            decoder.n_too_long = 0


def make_driver(device: DeviceSettings, context: DriverContext) -> Driver:
    """A driver for one reader, or over MQTT for a family of them."""
    if device.link.startswith(("http://", "https://")):
        return ImpinjStream(device, context)
    return JsonReaders(device, context, parse=parse_impinj)
