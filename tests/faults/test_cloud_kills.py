"""Pins that the cloud loses and doubles nothing when it or its database dies under callers.

Orders, EPCIS captures and batches are sent at once, each again until it is answered, while the
service is killed, PostgreSQL is killed, or its disk is full. Afterwards every answer's effect is
there once and whole, every Idempotency-Key answers as it did, and nobody was told of a fault.
"""

from __future__ import annotations

import asyncio
import os
import random
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest

from cloud_sync.store.open import open_database
from tests.rigs import tier
from tests.rigs.cloud_load import Load, LoggedCloud
from tests.rigs.full_disk import fill
from tests.rigs.mounts import NEEDS_ROOT, small_disk
from tests.rigs.postgres import OWNER, Cluster, programs_or_skip, running_cluster

pytestmark = [pytest.mark.slow, pytest.mark.timeout(tier.count(300, 1200, 3600))]

N_KILLS = tier.count(2, 40, 400)
N_SERVER_KILLS = tier.count(2, 20, 100)


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    """A server of the test's own, which it may kill."""
    programs = programs_or_skip()
    # Not among pytest's directories, which its owner alone may enter.
    with (
        tempfile.TemporaryDirectory(prefix="forepost-pg-") as name,
        running_cluster(Cluster(programs, Path(name), is_durable=True)) as it,
    ):
        yield it


def open_load(cloud: LoggedCloud) -> Load:
    """Callers of a cloud that has just started."""
    admin = cloud.token("tokens", "create", "ops", "--role", "admin")
    gateway = cloud.token("gateways", "enrol", "gw-W1", "--warehouse", "W1")
    cloud.start()
    return Load(cloud, admin, gateway)


async def check(load: Load, database: str) -> None:
    async with open_database(database) as it:
        await load.must_be_there_once(it)
    assert load.orders
    assert load.n_captured
    assert isinstance(load.cloud, LoggedCloud)
    assert "request_failed" not in load.cloud.actions, "a fault was answered as one of ours"


async def kill_the_service(load: Load) -> None:
    chance = random.Random(5)
    for _ in range(N_KILLS):
        await load.until_answers(chance.randrange(3, 30))
        await asyncio.sleep(chance.uniform(0, 0.03))
        await asyncio.to_thread(load.cloud.kill)
        await asyncio.to_thread(load.cloud.start)
    await load.until_answers(3)


@pytest.mark.parametrize("store", [pytest.param("sqlite", marks=pytest.mark.full), "postgres"])
async def test_nothing_is_lost_or_doubled_when_the_service_is_killed(
    store: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    cloud = LoggedCloud(tmp_path)
    if store == "postgres":
        cloud.database = request.getfixturevalue("cluster").url()
    load = open_load(cloud)
    try:
        await load.run(kill_the_service)
        await check(load, cloud.database)
    finally:
        cloud.kill()
    assert load.n_again, "no kill hit while something was on its way"
    tier.record("cloud killed", faults=N_KILLS, lost=0, store=store)


async def test_nothing_is_lost_or_told_as_a_fault_when_postgresql_is_killed(
    cluster: Cluster, tmp_path: Path
) -> None:
    cloud = LoggedCloud(tmp_path)
    cloud.database = cluster.url()
    load = open_load(cloud)

    async def kill_the_server(load: Load) -> None:
        chance = random.Random(7)
        for n in range(N_SERVER_KILLS):
            await load.until_answers(chance.randrange(3, 30))
            if n % 2:
                await asyncio.to_thread(cluster.stop, "fast")
            else:
                await asyncio.to_thread(cluster.kill)
            await asyncio.sleep(chance.uniform(0, 0.5))
            await asyncio.to_thread(cluster.start)
        await load.until_answers(3)

    try:
        await load.run(kill_the_server)
        await check(load, cloud.database)
    finally:
        cloud.kill()
    tier.record("PostgreSQL killed", faults=N_SERVER_KILLS, lost=0, refused=load.n_refused)


@NEEDS_ROOT[0]
@NEEDS_ROOT[1]
@pytest.mark.full
async def test_a_full_disk_under_postgresql_is_told_and_costs_nothing(
    cluster: Cluster, tmp_path: Path
) -> None:
    cloud = LoggedCloud(tmp_path)
    with small_disk(cluster.directory / "small", "60m") as disk:
        await make_database_on(cluster, disk)
        cloud.database = cluster.url("small")
        load = open_load(cloud)

        async def fill_and_empty(load: Load) -> None:
            await load.until_answers(20)
            filler = await asyncio.to_thread(fill, disk)
            n_refused = load.n_refused
            async with asyncio.timeout(120):
                while load.n_refused < n_refused + 5:
                    await asyncio.sleep(0.01)
            filler.unlink()
            await load.until_answers(20)

        try:
            await load.run(fill_and_empty)
            await check(load, cloud.database)
        finally:
            cloud.kill()
            await drop_database(cluster)


async def make_database_on(cluster: Cluster, disk: Path) -> None:
    """A database whose files are on the disk; the server's log of changes is elsewhere."""
    place = disk / "space"
    place.mkdir()
    if os.geteuid() == 0:
        shutil.chown(place, OWNER, OWNER)
    connection = await asyncpg.connect(cluster.url())
    await connection.execute(f"create tablespace small location '{place}'")
    await connection.execute("create database small tablespace small")
    await connection.close()


async def drop_database(cluster: Cluster) -> None:
    """Let go of the disk, so that it can be taken away."""
    connection = await asyncpg.connect(cluster.url())
    await connection.execute("drop database small with (force)")
    await connection.execute("drop tablespace small")
    await connection.close()
