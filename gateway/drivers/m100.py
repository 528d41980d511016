"""Serial UHF modules of the M100/QM100/R200/YRM100 family.

The driver keeps the module in multiple inventory and takes the tags it notifies. A module that
says nothing for QUIET_S, not even that it saw no tag, is asked again: it may have rebooted. Only
whole frames are something said: a line may hum on behind a module that is dead.
"""

from __future__ import annotations

import asyncio
from typing import Annotated, Final

from pydantic import Field

from gateway.codecs.m100 import (
    COMMAND,
    ERROR,
    NO_TAG,
    SET_POWER,
    STOP,
    Frame,
    FrameDecoder,
    encode_frame,
    start_inventory,
    tag_of,
)
from gateway.core.readings import Malformed, Stamp, Tag, TagRead
from gateway.drivers.options import Options, parse_options
from gateway.drivers.serial_session import SerialSession
from gateway.ports import Arrival, ByteLink, Driver, Intake
from gateway.registry import DriverContext
from gateway.settings import DeviceSettings

QUIET_S: Final = 2.0
SILENT_S: Final = 10.0


class M100Options(Options):
    """power_dbm: transmit power; None leaves the module's own."""

    power_dbm: Annotated[float, Field(ge=0, le=33)] | None = None


class M100(SerialSession):
    """One module."""

    def __init__(self, device: DeviceSettings, context: DriverContext) -> None:
        super().__init__(device, context)
        self._options = parse_options(M100Options, device)

    async def serve(self, link: ByteLink, intake: Intake) -> None:
        """Start the inventory and read for ever."""
        decoder = FrameDecoder()
        await link.write(encode_frame(Frame(COMMAND, STOP)))
        if self._options.power_dbm is not None:
            centi_dbm = round(self._options.power_dbm * 100).to_bytes(2, "big")
            await link.write(encode_frame(Frame(COMMAND, SET_POWER, centi_dbm)))
        await link.write(start_inventory())
        clock = self.context.clock
        heard_s = asked_s = clock.monotonic()
        while True:
            try:
                async with asyncio.timeout(QUIET_S):
                    data = await link.read()
            except TimeoutError:
                data = b""
            now_s = clock.monotonic()
            if await self._take(decoder, data, intake):
                heard_s = now_s
            elif not data or now_s - max(heard_s, asked_s) > QUIET_S:
                if now_s - heard_s > SILENT_S:
                    self.own_health.state = "faulty"
                await link.write(start_inventory())
                asked_s = now_s

    async def _take(self, decoder: FrameDecoder, data: bytes, intake: Intake) -> bool:
        """Hand over what the bytes say; True if there was a frame among them."""
        n_broken, n_noise = decoder.n_broken, decoder.n_noise_bytes
        tags = []
        has_frame = False
        for frame in decoder.feed(data):
            has_frame = True
            self.own_health.state = "online"
            report = tag_of(frame)
            if report is not None:
                tags.append(Tag(report.epc, 1, report.rssi_dbm * 100, 1))
            elif frame.command == ERROR and frame.parameter[:1] != bytes((NO_TAG,)):
                self.own_health.count_error(f"module error {frame.parameter.hex()}")
        now_us = self.context.clock.wall_us()
        stamp = Stamp(self.device.name, None, None, None, now_us)
        if decoder.n_noise_bytes > n_noise:
            self.own_health.count_error("noise")
        if decoder.n_broken > n_broken:
            self.own_health.count_error("broken frame")
            reason = "a frame with a wrong checksum or end"
            await intake.put(Arrival(Malformed(stamp, data, "m100", reason)))
        if tags:
            self.own_health.last_seen_us = now_us
            self.own_health.n_reads += len(tags)
            self.own_health.last_reading = f"{len(tags)} tags"
            await intake.put(Arrival(TagRead(stamp, tuple(tags))))
        return has_frame


def make_driver(device: DeviceSettings, context: DriverContext) -> Driver:
    """A driver for one module on a serial port."""
    return M100(device, context)
