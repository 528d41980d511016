"""All that one history is made of."""

from __future__ import annotations

from dataclasses import dataclass, field
from random import Random
from typing import Final

from gateway.report import Parts
from tests.simulation.broker import Broker
from tests.simulation.cloud import Cloud
from tests.simulation.devices import DeviceLog, Handheld
from tests.simulation.disk import Box, Disk
from tests.simulation.virtual_time import VirtualClock, VirtualLoop
from tests.simulation.weather import Weather

GATEWAY: Final = "gw-1"


@dataclass(slots=True)
class Post:
    """A box that speaks as the one gateway, and what stands around it: broker, disk, handhelds.

    instance: what tells its machine. log: what its own devices know.
    """

    name: str
    instance: str
    clock: VirtualClock
    broker: Broker
    disk: Disk
    log: DeviceLog
    handhelds: list[Handheld] = field(default_factory=list)
    parts: Parts | None = None
    box: Box | None = None
    n_lives: int = 0


@dataclass(slots=True)
class World:
    """posts: the gateway as it should be, and whatever else says that it were the gateway."""

    loop: VirtualLoop
    seed: int
    forgets: int
    weather: Weather
    rows_leave: bool
    cloud: Cloud
    posts: list[Post] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    @property
    def first(self) -> Post:
        """The gateway as it should be."""
        return self.posts[0]

    def random(self, name: str) -> Random:
        """A stream of chance of one's own, so that nobody's draws move anybody else's."""
        return Random(f"{self.seed}/{name}")
