"""All that one history is made of."""

from __future__ import annotations

from dataclasses import dataclass, field
from random import Random

from gateway.report import Parts
from tests.simulation.broker import Broker
from tests.simulation.cloud import Cloud
from tests.simulation.devices import DeviceLog, Handheld
from tests.simulation.disk import Box, Disk
from tests.simulation.virtual_time import VirtualClock, VirtualLoop
from tests.simulation.weather import Weather


@dataclass(slots=True)
class World:
    loop: VirtualLoop
    seed: int
    forgets: int
    weather: Weather
    rows_leave: bool
    clock: VirtualClock
    broker: Broker
    cloud: Cloud
    disk: Disk
    log: DeviceLog
    handhelds: list[Handheld] = field(default_factory=list)
    parts: Parts | None = None
    box: Box | None = None
    problems: list[str] = field(default_factory=list)
    n_lives: int = 0

    def random(self, name: str) -> Random:
        """A stream of chance of one's own, so that nobody's draws move anybody else's."""
        return Random(f"{self.seed}/{name}")
