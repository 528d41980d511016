"""One history: a seed in, a warehouse for two minutes of bad weather, and what was wrong after.

First the safety phase, with every fault the seed drew; then everything is healed and the
liveness phase must bring all that is left to its end in bounded time.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections.abc import Coroutine
from dataclasses import dataclass
from random import Random
from typing import Final

from cloud_sync.contract.documents import Item, Policy
from cloud_sync.store.documents import EVERYBODY, Draft
from gateway.services.uplink import SHUT_OUT
from tests.simulation.broker import Broker
from tests.simulation.checks import at_the_end
from tests.simulation.cloud import Cloud
from tests.simulation.devices import GTINS, WAREHOUSE, DeviceLog, Handheld, Sensor, send_rubbish
from tests.simulation.disk import Disk
from tests.simulation.life import keep_running
from tests.simulation.trouble import bring_trouble, heal
from tests.simulation.virtual_time import VirtualClock, VirtualLoop
from tests.simulation.weather import Second, Weather, draw_second, draw_weather
from tests.simulation.world import GATEWAY, Post, World

SAFETY_S: Final = 90.0
LIVENESS_S: Final = 600.0
QUIET_S: Final = 120.0
"""A stretch without an event at the end, as at night."""
N_HANDHELDS: Final = 2
MACHINES: Final = ("1" * 32, "2" * 32)


@dataclass(slots=True)
class Outcome:
    """What one history came to. print_: a hash of all that happened, equal for equal seeds."""

    seed: int
    weather: Weather
    second: Second | None
    problems: list[str]
    n_scans: int
    n_events: int
    n_power_cuts: int
    drained_s: float
    print_: str


def play(seed: int, forgets: int = 0) -> Outcome:
    """Play the history of a seed. forgets: commits that the disk loses at a power cut."""
    log = logging.getLogger("gateway")
    level = log.level
    log.setLevel(logging.CRITICAL + 1)
    loop = VirtualLoop()
    try:
        return loop.run_until_complete(_play(loop, seed, forgets))
    finally:
        _leave(loop)
        log.setLevel(level)


def _leave(loop: VirtualLoop) -> None:
    tasks = asyncio.all_tasks(loop)
    for task in tasks:
        task.cancel()
    if tasks:
        loop.run_until_complete(asyncio.wait(tasks))
    loop.close()


async def _play(loop: VirtualLoop, seed: int, forgets: int) -> Outcome:
    world = _make_world(loop, seed, forgets)
    second = draw_second(world.random("second"))
    await _open_office(world)
    others = [
        asyncio.create_task(work, name=name)
        for name, work in (
            *_at_work(world, world.first),
            ("chaos", bring_trouble(world)),
            ("rubbish", _rubbish(world)),
            ("sensor", _sensor(world).run(SAFETY_S)),
        )
    ]
    if second is not None:
        others.append(asyncio.create_task(_come_second(world, second, others), name="second"))
    await asyncio.sleep(SAFETY_S)
    heal(world)
    await _open_office(world, name="after the storm")
    drained_s = await _drain(world)
    await asyncio.sleep(QUIET_S)
    if world.rows_leave:
        for post in world.posts:
            if post.box is not None:
                post.box.cut_power()  # rows leave at a start, and the cursors are saved by now
        await asyncio.sleep(QUIET_S)
    if world.rows_leave or second is not None:
        await _drain(world)
    for task in others:
        if task.done() and (error := task.exception()) is not None:
            world.problems.append(f"{task.get_name()} fell: {error!r}")
    if not world.problems:
        world.problems += at_the_end(world.cloud.sqlite, world.posts)
    return _outcome(world, second, drained_s)


def _make_world(loop: VirtualLoop, seed: int, forgets: int) -> World:
    def now() -> Weather:
        return world.weather

    weather = draw_weather(Random(f"{seed}/weather"))
    world = World(
        loop=loop,
        seed=seed,
        forgets=forgets,
        weather=weather,
        rows_leave=weather.prunes > 0,
        cloud=Cloud(Random(f"{seed}/cloud"), now, VirtualClock(loop)),
    )
    handhelds = [f"pda-{n + 1}" for n in range(N_HANDHELDS)]
    world.posts.append(_make_post(world, GATEWAY, MACHINES[0], handhelds))
    return world


def _make_post(world: World, name: str, instance: str, handhelds: list[str]) -> Post:
    def now() -> Weather:
        return world.weather

    prefix = "" if name == GATEWAY else f"{name}/"
    post = Post(
        name=name,
        instance=instance,
        clock=VirtualClock(world.loop),
        broker=Broker(world.random(f"{prefix}broker"), now),
        disk=Disk(world.random(f"{prefix}disk"), now, forgets=world.forgets),
        log=DeviceLog(),
    )
    post.handhelds += [
        Handheld(
            each,
            broker=post.broker,
            clock=VirtualClock(world.loop),
            random=world.random(each),
            weather=now,
            log=post.log,
        )
        for each in handhelds
    ]
    return post


def _at_work(world: World, post: Post) -> list[tuple[str, Coroutine[object, object, None]]]:
    return [
        (post.name, keep_running(world, post)),
        *((handheld.name, handheld.run(SAFETY_S)) for handheld in post.handhelds),
    ]


async def _come_second(world: World, second: Second, others: list[asyncio.Task[None]]) -> None:
    """A box under the same id is switched on, and goes on to the end."""
    random = world.random("second/when")
    await asyncio.sleep(random.uniform(5, 60))
    instance = MACHINES[second != "copied machine"]
    post = _make_post(world, f"{GATEWAY}-second", instance, [f"pda-{N_HANDHELDS + 1}"])
    if second != "other box":
        post.disk.copy_from(world.first.disk)
    world.posts.append(post)
    others += [asyncio.create_task(work, name=name) for name, work in _at_work(world, post)]


async def _open_office(world: World, *, name: str = "milk") -> None:
    """What the office has on file; after a restore it is typed in again."""
    if world.first.n_lives == 0:
        await world.cloud.enrol(GATEWAY, WAREHOUSE)
    drafts = [Draft("network", "network", EVERYBODY, {"format": "forepost-network/1"})]
    for gtin in GTINS:
        item = Item(gtin=gtin, names={"en": name}, zone="refrigerated", grams_per_unit=1000)
        policy = Policy(
            warehouse=WAREHOUSE,
            gtin=gtin,
            demand_units_per_day=10.0,
            demand_sd_units_per_day=1.0,
            reorder_point_units=5,
            lead_time_days=1.0,
        )
        drafts.append(Draft("item", gtin, EVERYBODY, item.model_dump(exclude_none=True)))
        drafts.append(Draft("policy", f"{WAREHOUSE}.{gtin}", WAREHOUSE, policy.model_dump()))
    await world.cloud.put(drafts)


async def _rubbish(world: World) -> None:
    first = world.first
    await send_rubbish(first.broker, world.random("rubbish"), lambda: world.weather, first.log)


def _sensor(world: World) -> Sensor:
    return Sensor(
        "sensor-1",
        broker=world.first.broker,
        clock=VirtualClock(world.loop),
        random=world.random("sensor"),
        log=world.first.log,
    )


# ------------------------------------------------------------------ the end


async def _drain(world: World) -> float:
    """Wait until nothing is left to do; gives how long that took, or reports what is left."""
    began = world.loop.time()
    n_calm = 0
    while n_calm < 3:
        await asyncio.sleep(5)
        left = [each for post in world.posts for each in await _left(post)]
        n_calm = n_calm + 1 if not left else 0
        if world.loop.time() - began > LIVENESS_S:
            world.problems.append(f"not drained in {LIVENESS_S:g} s: {', '.join(left)}")
            break
    return world.loop.time() - began


async def _left(post: Post) -> list[str]:
    """What is not done; a gateway that is shut out neither sends nor plans, and says so."""
    parts = post.parts
    if parts is None:
        return [f"{post.name} is down"]
    last = parts.journal.last_seq
    left = [f"{h.name} holds {h.n_held} scans" for h in post.handhelds if h.n_held]
    for consumer in (
        ("projector",)
        if SHUT_OUT in parts.alarms
        else (
            "projector",
            "planner",
            "uplink",
        )
    ):
        done = await parts.journal.cursor(consumer)
        if done < last:
            left.append(f"{consumer} of {post.name} at {done} of {last}")
    if any(item.names["en"] != "after the storm" for item in parts.projector.facts.items.values()):
        left.append(f"the new names are not here yet ({post.name})")
    return left


def _outcome(world: World, second: Second | None, drained_s: float) -> Outcome:
    digest = hashlib.sha256()
    rows = world.cloud.sqlite.execute("select * from received order by gateway, epoch, seq")
    n_events = 0
    for row in rows:
        n_events += 1
        digest.update(repr(row).encode())
    for post in world.posts:
        digest.update(repr(sorted(post.log.receipts.items())).encode())
    n_lives = sum(post.n_lives for post in world.posts)
    digest.update(repr((n_lives, world.loop.time(), world.problems)).encode())
    return Outcome(
        seed=world.seed,
        weather=draw_weather(world.random("weather")),
        second=second,
        problems=world.problems,
        n_scans=sum(len(post.log.scanned) for post in world.posts),
        n_events=n_events,
        n_power_cuts=n_lives - len(world.posts),
        drained_s=drained_s,
        print_=digest.hexdigest(),
    )
