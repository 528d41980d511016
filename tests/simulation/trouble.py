"""What happens by itself and not to a message, and the end of all of it."""

from __future__ import annotations

import asyncio

from gateway.app import STALL_S
from tests.simulation.broker import Broker
from tests.simulation.cloud import Cloud
from tests.simulation.disk import Disk
from tests.simulation.virtual_time import US
from tests.simulation.weather import calm
from tests.simulation.world import World


async def bring_trouble(world: World) -> None:
    """Everything that happens by itself and not to a message."""
    random = world.random("chaos")
    backup = world.cloud.snapshot()

    def happens(per_minute: float) -> bool:
        return random.random() < per_minute / 60

    while True:
        await asyncio.sleep(1)
        _look_for_stalls(world)
        weather = world.weather
        if happens(3):
            backup = world.cloud.snapshot()
        if happens(weather.crashes_per_minute) and world.box is not None:
            world.box.cut_power()
        if happens(weather.clock_jumps_per_minute):
            world.clock.skew_us = round(random.uniform(-3600, 3600) * US)
        if happens(weather.broker_kills_per_minute):
            world.broker.kill()
            world.loop.call_later(1 + 4 * random.random(), _up, world.broker)
        if happens(weather.cloud_down_per_minute):
            world.cloud.is_up = False
            world.loop.call_later(30 * random.random(), _up, world.cloud)
        if happens(weather.disk_full_per_minute):
            world.disk.is_full = True
            world.loop.call_later(15 * random.random(), _make_room, world.disk)
        if happens(weather.cloud_rewinds_per_minute):
            world.cloud.rewind(backup)


def _look_for_stalls(world: World) -> None:
    """The watchdog would kill a gateway whose loops do not come round, however idle they are."""
    if world.parts is not None and (stalled := world.parts.heartbeats.stalled(STALL_S)):
        problem = f"loops taken for stuck: {stalled}"
        if problem not in world.problems:
            world.problems.append(problem)


def _up(what: Broker | Cloud) -> None:
    what.is_up = True


def _make_room(disk: Disk) -> None:
    disk.is_full = False


def heal(world: World) -> None:
    world.weather = calm(world.weather)
    _up(world.broker)
    _up(world.cloud)
    _make_room(world.disk)
