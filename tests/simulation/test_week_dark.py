"""Pins a cloud that is down for days of clock: work goes on, and all of it arrives after.

A quarter of a day in `make test`, a day in `make test-faults`, seven with FOREPOST_FAULTS=t2. Time
is virtual, a handheld scans every ten minutes, and the loops of the box look less often than in
life: or only that would be played.
"""

from __future__ import annotations

import asyncio
import logging
from types import ModuleType
from typing import Final

import pytest

from gateway import assembly
from gateway.services import (
    broker_watch,
    clock_watch,
    health_watch,
    housekeeping,
    intake,
    plan_desk,
    reinjection,
    resolving,
    sensor_watch,
)
from tests.rigs import tier
from tests.simulation import devices, history
from tests.simulation.checks import at_the_end
from tests.simulation.virtual_time import VirtualLoop
from tests.simulation.weather import Weather
from tests.simulation.world import World

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

DAY_S: Final = 86_400.0
DARK_S: Final = DAY_S / 4 * tier.count(1, 4, 28)
AFTER_S: Final = 3600.0
SCAN_S: Final = 600.0
CAUGHT_UP_S: Final = history.LIVENESS_S
TICKING: Final[tuple[ModuleType, ...]] = (
    broker_watch, clock_watch, health_watch, housekeeping, plan_desk, reinjection, resolving,
    sensor_watch,
)  # fmt: skip


@pytest.fixture(autouse=True)
def _seldom(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(intake, "IDLE_S", 15.0)
    for module in TICKING:
        monkeypatch.setattr(module, "TICK_S", 60.0)
    monkeypatch.setattr(assembly, "SAVE_S", 60.0)
    monkeypatch.setattr(devices, "TICK_S", 15.0)
    monkeypatch.setattr(history, "SAFETY_S", DARK_S + AFTER_S)
    monkeypatch.setattr(history, "draw_weather", lambda random: Weather())
    logging.getLogger("gateway").setLevel(logging.CRITICAL + 1)


async def backlog_of(world: World) -> int:
    parts = world.first.parts
    assert parts is not None
    return parts.journal.last_seq - await parts.journal.cursor("uplink")


async def _play(loop: VirtualLoop) -> None:
    world = history._make_world(loop, 5, 0)
    post = world.first
    await history._open_office(world)
    for handheld in post.handhelds:
        handheld.every_s = SCAN_S
    others = [asyncio.create_task(work, name=name) for name, work in history._at_work(world, post)]
    await asyncio.sleep(SCAN_S)
    world.cloud.is_up = False
    await asyncio.sleep(DARK_S)
    scanned, backlog = len(post.log.scanned), await backlog_of(world)
    assert scanned > DARK_S / SCAN_S, "hardly anybody worked"
    assert sum(handheld.n_held for handheld in post.handhelds) <= 2, "scans waited for the cloud"
    assert backlog >= scanned - sum(handheld.n_held for handheld in post.handhelds) - 20
    world.cloud.is_up = True
    await _catch_up(world)
    await asyncio.sleep(AFTER_S)
    await history._open_office(world, name="after the storm")
    await history._drain(world)
    assert post.n_lives == 1, "the box went down"
    fallen = [task.get_name() for task in others if task.done() and task.exception() is not None]
    assert [*world.problems, *fallen, *at_the_end(world.cloud.sqlite, world.posts)] == []


async def _catch_up(world: World) -> None:
    began_s = world.loop.time()
    while await backlog_of(world):
        await asyncio.sleep(1)
        assert world.loop.time() - began_s < CAUGHT_UP_S, f"{await backlog_of(world)} rows behind"


def test_a_cloud_that_was_down_for_days_gets_all_of_it() -> None:
    loop = VirtualLoop()
    try:
        loop.run_until_complete(_play(loop))
    finally:
        history._leave(loop)
