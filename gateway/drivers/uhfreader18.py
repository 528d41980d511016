"""Serial UHF readers of the UHFReader18 family, one or several on a bus.

Each reader is asked in turn to take an inventory, and answers with one or more frames of tags. A
reader that does not answer is a fault of that reader alone and holds the others up only for the
length of the time-out. Readers in real-time mode report by themselves (`poll = false`).

Where several share a bus, an antenna's number is ANTENNAS × the reader's address and its own:
reader 2 reads at the point `bus.201`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Annotated, Final

from pydantic import Field

from gateway.codecs.uhfreader18 import (
    ANY_ADDRESS,
    INVENTORY,
    INVENTORY_STATUSES,
    MORE_FOLLOWS,
    NO_TAG,
    SET_POWER,
    STATUS_TEXTS,
    SUCCESS,
    Frame,
    FrameDecoder,
    ResponseRefused,
    encode_frame,
    status_of,
    tags_of,
)
from gateway.core.readings import Malformed, Stamp, Tag, TagRead
from gateway.drivers.options import Options, parse_options
from gateway.drivers.serial_session import SerialSession
from gateway.ports import Arrival, ByteLink, DeviceHealth, Driver, Intake
from gateway.registry import DriverContext
from gateway.settings import DeviceSettings

GAP_S: Final = 0.1
"""A silence within an answer that no reader makes: what was announced does not come any more."""

ANTENNAS: Final = 100

Address = Annotated[int, Field(ge=0, le=ANY_ADDRESS)]


class UhfReader18Options(Options):
    """The bus: who is on it, and how it is asked.

    command_parameters: hex behind the inventory command, as the reader's manual has them; readers
    of the UHFReader288 kind want some. rssi_offset_db: what turns the reader's number into dBm;
    None if that is not known, and then no RSSI is reported.
    """

    addresses: Annotated[tuple[Address, ...], Field(min_length=1, max_length=32)] = (0,)
    poll: bool = True
    period_s: Annotated[float, Field(ge=0, le=3600)] = 0.2
    timeout_s: Annotated[float, Field(gt=0, le=60)] = 2.0
    power_dbm: Annotated[int, Field(ge=0, le=33)] | None = None
    command_parameters: Annotated[str, Field(pattern=r"^([0-9A-Fa-f]{2}){0,64}$")] = ""
    rssi_offset_db: Annotated[float, Field(ge=-300, le=300)] | None = None


class UhfReader18(SerialSession):
    """One bus."""

    def __init__(self, device: DeviceSettings, context: DriverContext) -> None:
        super().__init__(device, context)
        self._options = parse_options(UhfReader18Options, device)
        addresses = self._options.addresses
        self._readers = {
            address: DeviceHealth(
                device.name if len(addresses) == 1 else f"{device.name}.{address}",
                device.driver,
                device.link,
            )
            for address in addresses
        }

    def health(self) -> Sequence[DeviceHealth]:
        """Every reader on the bus; a lost bus shows in all of them."""
        for health in self._readers.values():
            if self.own_health.state == "lost":
                health.state = "lost"
            health.n_reconnects = self.own_health.n_reconnects
        return list(self._readers.values())

    async def serve(self, link: ByteLink, intake: Intake) -> None:
        """Ask every reader once a period, or listen."""
        decoder = FrameDecoder()
        clock, options = self.context.clock, self._options
        if options.power_dbm is not None:
            for address in options.addresses:
                power = Frame(address, SET_POWER, bytes((options.power_dbm,)))
                await self._ask(link, decoder, power, intake)
        parameters = bytes.fromhex(options.command_parameters)
        while True:
            began = clock.monotonic()
            for address in options.addresses:
                if options.poll:
                    request = Frame(address, INVENTORY, parameters)
                    await self._ask(link, decoder, request, intake)
                else:
                    await self._take(await _read(link, decoder, None), None, intake)
            await asyncio.sleep(
                max(0.0, began + options.period_s * options.poll - clock.monotonic())
            )

    async def _ask(
        self, link: ByteLink, decoder: FrameDecoder, request: Frame, intake: Intake
    ) -> None:
        """Send a request and take what is answered until the last frame of it or a time-out."""
        clock, timeout_s = self.context.clock, self._options.timeout_s
        await link.write(encode_frame(request))
        deadline = clock.monotonic() + timeout_s
        while (left_s := deadline - clock.monotonic()) > 0:
            frames = await _read(link, decoder, left_s)
            if any(_answers(frame, request) for frame in frames):
                deadline = clock.monotonic() + timeout_s
            if await self._take(frames, request, intake):
                if decoder.take_noise():
                    self._readers[request.address].count_error("noise")
                return
        health = self._readers[request.address]
        health.state = "faulty"
        health.count_error("silent")
        noise = decoder.take_noise()
        if noise:
            reason = "bytes that are no frame, where an answer was expected"
            await intake.put(Arrival(Malformed(self._stamp(), noise, "uhfreader18", reason)))

    async def _take(self, frames: Sequence[Frame], request: Frame | None, intake: Intake) -> bool:
        """Hand over what the frames say; True if one of them ends the answer to the request."""
        is_over = False
        for frame in frames:
            if frame == request:
                continue  # a two-wire bus gives back what was written
            health = self._readers.get(frame.address) or self._readers.get(ANY_ADDRESS)
            if health is None:
                self.own_health.count_error(f"unknown address {frame.address}")
                continue
            await self._report(frame, health, intake)
            if request is not None and _answers(frame, request):
                is_over = is_over or status_of(frame) != MORE_FOLLOWS
        return is_over

    async def _report(self, frame: Frame, health: DeviceHealth, intake: Intake) -> None:
        status = status_of(frame)
        text = STATUS_TEXTS.get(-1 if status is None else status)
        health.state = "online"
        health.last_seen_us = self.context.clock.wall_us()
        if text is not None and status != NO_TAG:
            health.count_error(text)
        elif frame.command == SET_POWER and status != SUCCESS:
            health.count_error("power refused")
        elif frame.command == INVENTORY and status not in {*INVENTORY_STATUSES, NO_TAG}:
            health.count_error(f"status {frame.body[:1].hex()}")
        stamp = self._stamp()
        try:
            reports = tags_of(frame)
        except ResponseRefused as refusal:
            health.count_error("layout")
            raw = encode_frame(frame)
            await intake.put(Arrival(Malformed(stamp, raw, "uhfreader18", str(refusal))))
            return
        if reports:
            base = ANTENNAS * frame.address if len(self._readers) > 1 else 0
            tags = tuple(Tag(r.epc, base + r.antenna, self._centi_dbm(r.rssi), 1) for r in reports)
            health.n_reads += len(tags)
            health.last_reading = f"{len(tags)} tags"
            await intake.put(Arrival(TagRead(stamp, tags)))

    def _centi_dbm(self, rssi: int | None) -> int | None:
        offset_db = self._options.rssi_offset_db
        return None if rssi is None or offset_db is None else round((rssi + offset_db) * 100)

    def _stamp(self) -> Stamp:
        return Stamp(self.device.name, None, None, None, self.context.clock.wall_us())


async def _read(link: ByteLink, decoder: FrameDecoder, limit_s: float | None) -> list[Frame]:
    """The frames in what comes next; after a silence, those behind a length that lied."""
    wait_s = GAP_S if decoder.n_kept else limit_s
    try:
        async with asyncio.timeout(wait_s):
            data = await link.read()
    except TimeoutError:
        return decoder.end()
    await asyncio.sleep(0)  # a flooded port never blocks: let the other devices have their turn
    return decoder.feed(data)


def _answers(frame: Frame, request: Frame) -> bool:
    return frame.command == request.command and request.address in {frame.address, ANY_ADDRESS}


def make_driver(device: DeviceSettings, context: DriverContext) -> Driver:
    """A driver for one reader or a bus of them."""
    return UhfReader18(device, context)
