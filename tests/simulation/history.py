"""One history: a seed in, a warehouse for two minutes of bad weather, and what was wrong after.

First the safety phase, with every fault the seed drew; then everything is healed and the
liveness phase must bring all that is left to its end in bounded time.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Final

from cloud_sync.contract.documents import Item, Policy
from cloud_sync.contract.keys import make_uuid7
from cloud_sync.store.documents import EVERYBODY, Draft
from gateway.assembly import Outside, run_inside
from gateway.errors import GatewayError, PlanError
from gateway.journal.store import prepare, running_store
from gateway.journal.table_sums import refuse_wrong_tables
from gateway.ports import Driver
from gateway.registry import DriverContext, find_driver
from gateway.settings import Settings
from tests.simulation.broker import Broker, GatewaySession
from tests.simulation.checks import after_power_cut, at_the_end
from tests.simulation.cloud import Cloud, Uplink
from tests.simulation.devices import GTINS, WAREHOUSE, DeviceLog, Handheld, Sensor, send_rubbish
from tests.simulation.disk import Box, Disk
from tests.simulation.trouble import bring_trouble, heal
from tests.simulation.virtual_time import VirtualClock, VirtualLoop
from tests.simulation.weather import Weather, draw_weather
from tests.simulation.world import World

GATEWAY: Final = "gw-1"
SAFETY_S: Final = 90.0
LIVENESS_S: Final = 600.0
QUIET_S: Final = 120.0
"""A stretch without an event at the end, as at night."""
N_HANDHELDS: Final = 2
RETENTION_DAYS: Final = 10 / 86_400
"""Ten seconds, where the weather has rows leave."""


@dataclass(slots=True)
class Outcome:
    """What one history came to. print_: a hash of all that happened, equal for equal seeds."""

    seed: int
    weather: Weather
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
    loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
    loop.close()


async def _play(loop: VirtualLoop, seed: int, forgets: int) -> Outcome:
    world = _make_world(loop, seed, forgets)
    await _open_office(world)
    others = [
        asyncio.create_task(work, name=name)
        for name, work in (
            ("gateway", _keep_running(world)),
            ("chaos", bring_trouble(world)),
            *((handheld.name, handheld.run(SAFETY_S)) for handheld in world.handhelds),
            ("rubbish", _rubbish(world)),
            ("sensor", _sensor(world).run(SAFETY_S)),
        )
    ]
    await asyncio.sleep(SAFETY_S)
    heal(world)
    await _open_office(world, name="after the storm")
    drained_s = await _drain(world)
    await asyncio.sleep(QUIET_S)
    if world.rows_leave and world.box is not None:
        world.box.cut_power()  # rows leave at a start, and the cursors are all saved by now
        await asyncio.sleep(QUIET_S)
        await _drain(world)
    for task in others:
        if task.done() and (error := task.exception()) is not None:
            world.problems.append(f"{task.get_name()} fell: {error!r}")
    if not world.problems:
        world.problems += at_the_end(world.disk.sqlite, world.cloud.sqlite, world.log, world.parts)
    return _outcome(world, drained_s)


def _make_world(loop: VirtualLoop, seed: int, forgets: int) -> World:
    clock = VirtualClock(loop)
    log = DeviceLog()

    def now() -> Weather:
        return world.weather

    def chance(name: str) -> Random:
        return Random(f"{seed}/{name}")

    weather = draw_weather(chance("weather"))
    world = World(
        loop=loop,
        seed=seed,
        forgets=forgets,
        weather=weather,
        rows_leave=weather.prunes > 0,
        clock=clock,
        broker=Broker(chance("broker"), now),
        cloud=Cloud(chance("cloud"), now, VirtualClock(loop)),
        disk=Disk(chance("disk"), now, forgets=forgets),
        log=log,
    )
    for n in range(N_HANDHELDS):
        name = f"pda-{n + 1}"
        world.handhelds.append(
            Handheld(
                name,
                broker=world.broker,
                clock=VirtualClock(loop),
                random=chance(name),
                weather=now,
                log=log,
            )
        )
    return world


async def _open_office(world: World, *, name: str = "milk") -> None:
    """What the office has on file; after a restore it is typed in again."""
    if world.n_lives == 0:
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


# ------------------------------------------------------------------ the box


async def _keep_running(world: World) -> None:
    """systemd and the mains: what goes down comes up again."""
    while True:
        world.n_lives += 1
        box = world.box = Box(f"{GATEWAY}/{world.n_lives}")
        life = asyncio.create_task(_live(world, box), name=box.name)
        off = asyncio.create_task(box.went_off.wait(), name="off")
        await asyncio.wait((life, off), return_when=asyncio.FIRST_COMPLETED)
        off.cancel()
        if life.done():
            world.problems += _why_it_ended(life)
        box.cut_power()
        world.parts = None
        life.cancel()
        await asyncio.wait((life,))
        _ = life.cancelled() or life.exception()
        world.problems += after_power_cut(world.disk.sqlite, world.log)
        await asyncio.sleep(1 + world.random(box.name).random())


def _why_it_ended(life: asyncio.Task[None]) -> list[str]:
    """A gateway may give up for a reason it names, never by an accident."""
    error = None if life.cancelled() else life.exception()
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return [] if isinstance(error, GatewayError) else [f"the gateway ended: {error!r}"]


async def _live(world: World, box: Box) -> None:
    settings = _settings(RETENTION_DAYS if world.rows_leave else 7)
    random = world.random(f"{box.name}/gateway")

    def new_id() -> str:
        return make_uuid7(world.clock.wall_us() // 1000, random.randbytes(10))

    session = GatewaySession(world.broker, GATEWAY, box)
    context = DriverContext(
        warehouse=WAREHOUSE,
        clock=world.clock,
        mqtt=session,
        open_link=_no_link,
        random=random.random,
    )
    drivers: list[Driver] = [find_driver(each.driver)(each, context) for each in settings.devices]
    outside = Outside(
        clock=world.clock,
        random=random.random,
        new_id=new_id,
        session=session,
        drivers=drivers,
        run_job=_solver(world, world.random(f"{box.name}/solver")),
        cloud=Uplink(world.cloud, WAREHOUSE, box),
        instance="1" * 32,
    )
    database = world.disk.mount(box)
    await refuse_wrong_tables(database, database.path)
    epoch = await prepare(
        database, gateway=GATEWAY, clock=world.clock, random_bytes=random.randbytes
    )
    async with (
        running_store(
            database, gateway=GATEWAY, epoch=epoch, settings=settings.journal, clock=world.clock
        ) as journal,
        run_inside(settings, outside, journal) as world.parts,
    ):
        await asyncio.Event().wait()


def _settings(retention_days: float) -> Settings:
    devices = [
        {"name": "pda-*", "driver": "pda", "link": "mqtt"},
        {"name": "sensor-*", "driver": "mqtt-climate", "link": "mqtt", "zone": "refrigerated"},
    ]
    return Settings.model_validate(
        {
            "gateway": {"id": GATEWAY, "warehouse": WAREHOUSE, "state_dir": Path("/simulated")},
            "journal": {"retention_days": retention_days},
            "intake": {"queue_max": 50, "group_max": 20},
            "mqtt": {"host": "simulated"},
            "cloud": {
                "url": "http://simulated",
                "token_file": Path("/simulated/token"),
                "batch_events": 20,
            },
            "planner": {"gather_s": 1.0, "quiet_s": 20.0},
            "devices": devices,
        }
    )


async def _no_link(url: str) -> object:
    raise AssertionError(f"{url}: nothing here has a cable")


def _solver(
    world: World, random: Random
) -> Callable[[Mapping[str, object]], asyncio.Future[dict[str, object]]]:
    async def solve(job: Mapping[str, object]) -> dict[str, object]:
        await asyncio.sleep(3 * random.random())
        if random.random() < world.weather.solver_fails:
            raise PlanError("solver: killed")
        skus = job["skus"]
        lines = [
            {
                "item": sku["gtin"],
                "quantity": 10,
                "order_up_to_units": 20,
                "position_units": 10,
                "source": "K1",
            }
            for sku in skus
        ]
        return {"network_plan": {"objective": 1.0}, "lines": lines, "fallback": None}

    return solve


async def _rubbish(world: World) -> None:
    await send_rubbish(world.broker, world.random("rubbish"), lambda: world.weather, world.log)


def _sensor(world: World) -> Sensor:
    return Sensor(
        "sensor-1",
        broker=world.broker,
        clock=VirtualClock(world.loop),
        random=world.random("sensor"),
        log=world.log,
    )


# ------------------------------------------------------------------ the end


async def _drain(world: World) -> float:
    """Wait until nothing is left to do; gives how long that took, or reports what is left."""
    began = world.loop.time()
    n_calm = 0
    while n_calm < 3:
        await asyncio.sleep(5)
        left = await _left(world)
        n_calm = n_calm + 1 if not left else 0
        if world.loop.time() - began > LIVENESS_S:
            world.problems.append(f"not drained in {LIVENESS_S:g} s: {', '.join(left)}")
            break
    return world.loop.time() - began


async def _left(world: World) -> list[str]:
    parts = world.parts
    if parts is None:
        return ["the gateway is down"]
    last = parts.journal.last_seq
    left = [f"{h.name} holds {h.n_held} scans" for h in world.handhelds if h.n_held]
    for consumer in ("projector", "planner", "uplink"):
        done = await parts.journal.cursor(consumer)
        if done < last:
            left.append(f"{consumer} at {done} of {last}")
    if any(item.names["en"] != "after the storm" for item in parts.projector.facts.items.values()):
        left.append("the new names are not here yet")
    return left


def _outcome(world: World, drained_s: float) -> Outcome:
    digest = hashlib.sha256()
    rows = world.cloud.sqlite.execute("select * from received order by gateway, epoch, seq")
    n_events = 0
    for row in rows:
        n_events += 1
        digest.update(repr(row).encode())
    digest.update(repr(sorted(world.log.receipts.items())).encode())
    digest.update(repr((world.n_lives, world.loop.time(), world.problems)).encode())
    return Outcome(
        seed=world.seed,
        weather=draw_weather(world.random("weather")),
        problems=world.problems,
        n_scans=len(world.log.scanned),
        n_events=n_events,
        n_power_cuts=world.n_lives - 1,
        drained_s=drained_s,
        print_=digest.hexdigest(),
    )
