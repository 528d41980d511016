"""The box: one life after the other of the product's own inside, with what it stands in."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from pathlib import Path
from random import Random
from typing import Final

from cloud_sync.contract.keys import make_uuid7
from gateway.assembly import Outside, run_inside
from gateway.errors import GatewayError, PlanError
from gateway.journal.store import prepare, running_store
from gateway.journal.table_sums import refuse_wrong_tables
from gateway.registry import DriverContext, find_driver
from gateway.services.fleet import Device
from gateway.settings import Settings
from tests.simulation.broker import GatewaySession
from tests.simulation.checks import after_power_cut
from tests.simulation.cloud import Uplink
from tests.simulation.devices import WAREHOUSE
from tests.simulation.disk import Box
from tests.simulation.world import GATEWAY, Post, World

RETENTION_DAYS: Final = 10 / 86_400
"""Ten seconds, where the weather has rows leave."""


async def keep_running(world: World, post: Post) -> None:
    """systemd and the mains: what goes down comes up again."""
    while True:
        post.n_lives += 1
        box = post.box = Box(f"{post.name}/{post.n_lives}")
        life = asyncio.create_task(_live(world, post, box), name=box.name)
        off = asyncio.create_task(box.went_off.wait(), name="off")
        await asyncio.wait((life, off), return_when=asyncio.FIRST_COMPLETED)
        off.cancel()
        if life.done():
            world.problems += _why_it_ended(life)
        box.cut_power()
        post.parts = None
        life.cancel()
        await asyncio.wait((life,))
        _ = life.cancelled() or life.exception()
        world.problems += after_power_cut(post.disk.sqlite, post.log)
        await asyncio.sleep(1 + world.random(box.name).random())


def _why_it_ended(life: asyncio.Task[None]) -> list[str]:
    """A gateway may give up for a reason it names, never by an accident."""
    error = None if life.cancelled() else life.exception()
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return [] if isinstance(error, GatewayError) else [f"the gateway ended: {error!r}"]


async def _live(world: World, post: Post, box: Box) -> None:
    settings = _settings(RETENTION_DAYS if world.rows_leave else 7)
    random = world.random(f"{box.name}/gateway")

    def new_id() -> str:
        return make_uuid7(post.clock.wall_us() // 1000, random.randbytes(10))

    session = GatewaySession(post.broker, GATEWAY, box)
    context = DriverContext(
        warehouse=WAREHOUSE,
        clock=post.clock,
        mqtt=session,
        open_link=_no_link,
        random=random.random,
    )
    devices = [Device(each, find_driver(each.driver)(each, context)) for each in settings.devices]
    outside = Outside(
        clock=post.clock,
        random=random.random,
        new_id=new_id,
        session=session,
        devices=devices,
        run_job=_solver(world, world.random(f"{box.name}/solver")),
        cloud=Uplink(world.cloud, WAREHOUSE, box),
        instance=post.instance,
    )
    database = post.disk.mount(box)
    await refuse_wrong_tables(database, database.path)
    epoch = await prepare(
        database, gateway=GATEWAY, clock=post.clock, random_bytes=random.randbytes
    )
    async with (
        running_store(
            database, gateway=GATEWAY, epoch=epoch, settings=settings.journal, clock=post.clock
        ) as journal,
        run_inside(settings, outside, journal) as post.parts,
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
            "mqtt": {"host": "simulated", "self_test_s": 0},
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
