"""Temperature and humidity transmitters of the XY-MD02/SHT20 family on one RS-485 bus.

Every unit is asked in turn. Silence, an exception, a wrong CRC or an impossible value is a
fault of that unit, counted and shown; it is never a reading, and it holds up the others only
for the length of its own time-out.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from typing import Annotated, Final, Literal

from pydantic import Field, model_validator

from gateway.codecs.xy_md02 import (
    MAX_REGISTERS,
    ModbusRefused,
    RegisterMap,
    climate_of,
    parse_response,
    request,
    response_length,
    span,
)
from gateway.core.readings import ClimateSample, NoReading, Stamp
from gateway.core.sensor_faults import ERROR, OUT_OF_RANGE, SILENT
from gateway.drivers.options import Options, parse_options
from gateway.drivers.serial_session import SerialSession
from gateway.ports import Arrival, ByteLink, DeviceHealth, Driver, Intake
from gateway.registry import DriverContext
from gateway.settings import DeviceSettings

DRAIN_S: Final = 0.005
"""Longer than the silence of 3.5 characters that ends an RTU frame at 9600 baud (4 ms)."""

Register = Annotated[int, Field(ge=0, le=65_535)]
Scale = Annotated[float, Field(gt=0, le=1)]


class Unit(Options):
    """One transmitter: its bus address and the zone it measures."""

    address: Annotated[int, Field(ge=1, le=247)]
    zone: Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]{1,64}$")]


class XyMd02Options(Options):
    """The bus: who is on it, how often it is asked, and where the values stand."""

    units: Annotated[tuple[Unit, ...], Field(min_length=1, max_length=32)]
    period_s: Annotated[float, Field(gt=0, le=3600)] = 10.0
    timeout_s: Annotated[float, Field(gt=0, le=10)] = 0.5
    temperature_register: Register | None = 1
    humidity_register: Register | None = 2
    scale: Scale = 0.1
    humidity_scale: Scale | None = None
    function: Literal[3, 4] = 4
    signed: bool = True
    range_c: tuple[float, float] = (-40.0, 125.0)

    @model_validator(mode="after")
    def _measures_something(self) -> XyMd02Options:
        if self.temperature_register is None and self.humidity_register is None:
            raise ValueError("temperature_register and humidity_register are both missing")
        if span(self.register_map())[1] > MAX_REGISTERS:
            raise ValueError(f"the registers are further apart than {MAX_REGISTERS}")
        addresses = [unit.address for unit in self.units]
        if len(set(addresses)) != len(addresses):
            raise ValueError("units: an address comes twice")
        return self

    def register_map(self) -> RegisterMap:
        """The same as the codec takes it."""
        return RegisterMap(
            temperature=self.temperature_register,
            humidity=self.humidity_register,
            scale=self.scale,
            humidity_scale=self.scale if self.humidity_scale is None else self.humidity_scale,
            function=self.function,
            is_signed=self.signed,
            range_c=self.range_c,
        )


class XyMd02(SerialSession):
    """One bus."""

    def __init__(self, device: DeviceSettings, context: DriverContext) -> None:
        super().__init__(device, context)
        self._options = parse_options(XyMd02Options, device)
        self._registers = self._options.register_map()
        self._units = {
            unit.address: DeviceHealth(
                f"{device.name}.{unit.address}", device.driver, device.link, zone=unit.zone
            )
            for unit in self._options.units
        }

    def health(self) -> Sequence[DeviceHealth]:
        """Every unit on the bus; a lost bus shows in all of them."""
        for health in self._units.values():
            if self.own_health.state == "lost":
                health.state = "lost"
            health.n_reconnects = self.own_health.n_reconnects
        return list(self._units.values())

    async def serve(self, link: ByteLink, intake: Intake) -> None:
        """Ask every unit once a period."""
        clock = self.context.clock
        while True:
            began = clock.monotonic()
            for unit in self._options.units:
                await self._ask(link, unit, intake)
            await asyncio.sleep(max(0.0, began + self._options.period_s - clock.monotonic()))

    async def _ask(self, link: ByteLink, unit: Unit, intake: Intake) -> None:
        health = self._units[unit.address]
        first, count = span(self._registers)
        function = self._registers.function
        await _drain(link)
        try:
            async with asyncio.timeout(self._options.timeout_s):
                await link.write(request(unit.address, first, count, function=function))
                frame = await _read_response(link)
            values = parse_response(unit.address, count, frame, function=function)
            climate = climate_of(self._registers, first, values)
        except TimeoutError:
            await self._missed(health, unit, SILENT, "no answer", intake)
            return
        except ModbusRefused as refusal:
            await self._missed(health, unit, refusal.kind, str(refusal), intake)
            return
        now_us = self.context.clock.wall_us()
        sample = ClimateSample(
            Stamp(health.name, None, None, None, now_us),
            unit.zone,
            climate.temperature_centi_c,
            climate.humidity_centi_pct,
        )
        health.state = "online"
        health.last_seen_us = now_us
        health.n_reads += 1
        health.last_reading = _shown(sample)
        await intake.put(Arrival(sample))

    async def _missed(
        self, health: DeviceHealth, unit: Unit, kind: str, reason: str, intake: Intake
    ) -> None:
        """Count and tell that a unit gave no reading."""
        health.state = "faulty"
        health.count_error(kind)
        stamp = Stamp(health.name, None, None, None, self.context.clock.wall_us())
        told = kind if kind in (SILENT, OUT_OF_RANGE) else ERROR
        await intake.put(Arrival(NoReading(stamp, unit.zone, told, reason)))


async def _drain(link: ByteLink) -> None:
    """Drop what is still on the line: an answer that came too late must not answer the next."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(DRAIN_S):
            while True:
                await link.read()


async def _read_response(link: ByteLink) -> bytes:
    """One answer, cut by the length it announces; what follows it is noise and left out."""
    frame = b""
    while True:
        frame += await link.read()
        length = response_length(frame)
        if length is not None and len(frame) >= length:
            return frame[:length]


def _shown(sample: ClimateSample) -> str:
    celsius, humidity = sample.temperature_centi_c, sample.humidity_centi_pct
    shown_c = "" if celsius is None else f"{celsius / 100:.1f} °C "
    return shown_c + ("" if humidity is None else f"{humidity / 100:.1f} %")


def make_driver(device: DeviceSettings, context: DriverContext) -> Driver:
    """A driver for one bus."""
    return XyMd02(device, context)
