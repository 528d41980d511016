"""Zone climates with known truth, and the MQTT sensor that measures one of them.

The temperature swings around the zone's set point as a refrigerated room does: a slow sine of
the compressor's cycle and measuring noise. `offset_c` shifts it, for an excursion on order.

Orders   {"do":"offset","celsius":X}    shift the zone's temperature
         {"do":"silence","on":BOOL}     die, or come back to life
         {"do":"stick","on":BOOL}       say the last value again and again
         {"do":"drift","celsius_per_s":X}   err more and more; 0 is a repaired sensor
Reports  {"event":"ready","boot":…}  {"event":"sent","seq":N,"temperature_c":X,"humidity_pct":Y}
"""

from __future__ import annotations

import asyncio
import json
import math
import time
from collections.abc import Mapping
from dataclasses import dataclass
from random import Random
from typing import Final

from device_sim.broker import DeviceClient, Endpoint, topic
from device_sim.catalog import ZONES
from device_sim.clock import iso_time, wall_us
from device_sim.pipe import read_orders, report

CYCLE_S: Final = 40.0
SWING_C: Final = 0.6
NOISE_C: Final = 0.05
SWING_PCT: Final = 2.0


@dataclass(slots=True)
class ZoneClimate:
    """The climate of one zone over time. Raises KeyError for a zone that does not exist."""

    zone: str
    random: Random
    offset_c: float = 0.0

    def at(self, time_s: float) -> tuple[float, float]:
        """Temperature in °C and relative humidity in % as measured at a time."""
        celsius, percent = ZONES[self.zone]
        wave = math.sin(2 * math.pi * time_s / CYCLE_S)
        measured = celsius + self.offset_c + SWING_C * wave + self.random.gauss(0, NOISE_C)
        return round(measured, 2), round(min(100.0, percent - SWING_PCT * wave), 1)


@dataclass(slots=True)
class Sensor:
    """What measures a zone, and how it fails."""

    climate: ZoneClimate
    is_stuck: bool = False
    drift_c_per_s: float = 0.0
    _drifts_since_s: float | None = None
    _last: tuple[float, float] | None = None

    def read(self, time_s: float) -> tuple[float, float]:
        """What it says at a time: temperature in °C and relative humidity in %."""
        if self.is_stuck and self._last is not None:
            return self._last
        celsius, percent = self.climate.at(time_s)
        if self.drift_c_per_s:
            if self._drifts_since_s is None:
                self._drifts_since_s = time_s
            error_c = self.drift_c_per_s * (time_s - self._drifts_since_s)
            celsius = round(celsius + error_c, 2)
        else:
            self._drifts_since_s = None
        self._last = celsius, percent
        return self._last

    def obey(self, order: Mapping[str, object]) -> bool:
        """Do what the order says; False if it is none of a sensor's."""
        match order["do"]:
            case "offset":
                self.climate.offset_c = float(str(order.get("celsius", 0.0)))
            case "stick":
                self.is_stuck = order.get("on") is True
            case "drift":
                self.drift_c_per_s = float(str(order.get("celsius_per_s", 0.0)))
            case _:
                return False
        return True


@dataclass(frozen=True, slots=True)
class ClimateOptions:
    """Which sensor this is and how often it speaks."""

    broker: Endpoint
    warehouse: str
    name: str
    boot: str
    zone: str
    period_s: float
    seed: int


async def run_climate_sensor(options: ClimateOptions) -> None:
    """Measure and send until standard input ends."""
    sensor = Sensor(ZoneClimate(options.zone, Random(f"{options.seed}/{options.name}")))
    client = DeviceClient(options.broker, warehouse=options.warehouse, device=options.name)
    silenced = False

    async def measure() -> None:
        seq = 0
        while True:
            await asyncio.sleep(options.period_s)
            celsius, percent = sensor.read(time.monotonic())
            if silenced or not client.is_connected:
                continue
            seq += 1
            sample = {
                "v": 1,
                "boot": options.boot,
                "seq": seq,
                "time": iso_time(wall_us()),
                "zone": options.zone,
                "temperature_c": celsius,
                "humidity_pct": percent,
                "battery_pct": max(5, 95 - seq // 500),
            }
            payload = json.dumps(sample).encode()
            channel = topic(options.warehouse, options.name, "climate")
            if client.publish(channel, payload):
                report("sent", seq=seq, temperature_c=celsius, humidity_pct=percent)

    await client.start()
    report("ready", boot=options.boot)
    try:
        async with asyncio.TaskGroup() as group:
            measuring = group.create_task(measure(), name="measuring")
            async for order in read_orders():
                if order["do"] == "silence":
                    silenced = order.get("on") is True
                elif not sensor.obey(order):
                    report("bad_order", reason=f"do: {order['do']!r} is not known")
            measuring.cancel()
    finally:
        await client.stop()
