"""What happens by itself and not to a message, and the end of all of it."""

from __future__ import annotations

import asyncio
from random import Random

from gateway.app import STALL_S
from tests.simulation.broker import Broker
from tests.simulation.cloud import Cloud
from tests.simulation.disk import Disk
from tests.simulation.virtual_time import US
from tests.simulation.weather import calm
from tests.simulation.world import Post, World


async def bring_trouble(world: World) -> None:
    """Everything that happens by itself and not to a message."""
    random = world.random("chaos")
    randoms: dict[str, Random] = {}
    backup = world.cloud.snapshot()
    while True:
        await asyncio.sleep(1)
        for post in world.posts:
            _look_for_stalls(world, post)
            if post.name not in randoms:
                randoms[post.name] = world.random(f"{post.name}/chaos")
            _bring_to(world, post, randoms[post.name])
        weather = world.weather
        if _happens(random, 3):
            backup = world.cloud.snapshot()
        if _happens(random, weather.cloud_down_per_minute):
            world.cloud.is_up = False
            world.loop.call_later(30 * random.random(), _up, world.cloud)
        if _happens(random, weather.cloud_rewinds_per_minute):
            world.cloud.rewind(backup)


def _bring_to(world: World, post: Post, random: Random) -> None:
    weather = world.weather
    if _happens(random, weather.crashes_per_minute) and post.box is not None:
        post.box.cut_power()
    if _happens(random, weather.clock_jumps_per_minute):
        post.clock.skew_us = round(random.uniform(-3600, 3600) * US)
    if _happens(random, weather.broker_kills_per_minute):
        post.broker.kill()
        world.loop.call_later(1 + 4 * random.random(), _up, post.broker)
    if _happens(random, weather.disk_full_per_minute):
        post.disk.is_full = True
        world.loop.call_later(15 * random.random(), _make_room, post.disk)


def _happens(random: Random, per_minute: float) -> bool:
    return random.random() < per_minute / 60


def _look_for_stalls(world: World, post: Post) -> None:
    """The watchdog would kill a gateway whose loops do not come round, however idle they are."""
    if post.parts is not None and (stalled := post.parts.heartbeats.stalled(STALL_S)):
        problem = f"loops taken for stuck: {stalled}"
        if problem not in world.problems:
            world.problems.append(problem)


def _up(what: Broker | Cloud) -> None:
    what.is_up = True


def _make_room(disk: Disk) -> None:
    disk.is_full = False


def heal(world: World) -> None:
    """The weather turns, and everything is up."""
    world.weather = calm(world.weather)
    _up(world.cloud)
    for post in world.posts:
        _up(post.broker)
        _make_room(post.disk)
