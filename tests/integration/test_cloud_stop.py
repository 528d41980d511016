"""Pins how the real cloud stops while its database does not answer: soon, and nothing stays."""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import asyncpg
import httpx
import pytest

from tests.rigs.cloud import CloudProcess
from tests.rigs.guard import GUARD_S
from tests.rigs.postgres import Cluster, programs_or_skip, running_cluster

pytestmark = pytest.mark.slow

N_ASKED = 12
"""More than the cloud has connections."""
_WAITING = (
    "select count(*) from pg_stat_activity where state = 'active' and wait_event_type = 'Lock'"
    " and query like '%promise_rules%'"
)


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    # Not below pytest's own directory, which whoever the server runs as may not enter.
    with (
        tempfile.TemporaryDirectory(prefix="forepost-pg-") as name,
        running_cluster(Cluster(programs_or_skip(), Path(name))) as it,
    ):
        yield it


@contextlib.asynccontextmanager
async def locked(cluster: Cluster) -> AsyncIterator[asyncpg.Connection]:
    """Somebody has the rules of promising for himself; gives a connection to look with."""
    owner = await asyncpg.connect(cluster.url())
    looker = await asyncpg.connect(cluster.url())
    try:
        await owner.execute("begin; lock table promise_rules in access exclusive mode")
        yield looker
    finally:
        for each in (owner, looker):
            await each.close()


async def wait_for(looker: asyncpg.Connection, n_waiting: int) -> None:
    """Until so many queries, or more, wait for the rules; of 0 until none does."""
    async with asyncio.timeout(GUARD_S):
        while True:
            n = await looker.fetchval(_WAITING)
            if n >= n_waiting > 0 or n == n_waiting == 0:
                return
            await asyncio.sleep(0.05)


async def ask(http: httpx.AsyncClient, number: int, rules: object) -> int | str:
    """The status of a reading or a writing request, or why there is none."""
    try:
        if number % 2:
            return (await http.get("/v1/promise-rules")).status_code
        key = {"Idempotency-Key": f"k-{number}"}
        answer = await http.put("/v1/promise-rules", json=rules, headers=key)
    except httpx.TransportError as error:
        return type(error).__name__
    return answer.status_code


async def test_it_stops_behind_questions_that_have_no_end(
    cluster: Cluster, tmp_path: Path
) -> None:
    cloud = CloudProcess(tmp_path)
    cloud.database, cloud.alteration = cluster.url(), "impatient"
    token = cloud.token("tokens", "create", "ops", "--role", "admin")
    await asyncio.to_thread(cloud.start)
    process = cloud.process
    assert process is not None
    headers = {"Authorization": f"Bearer {token}"}
    rules = cloud.get("/v1/promise-rules", token)
    try:
        async with (
            locked(cluster) as looker,
            httpx.AsyncClient(base_url=cloud.url, headers=headers, timeout=GUARD_S) as http,
            asyncio.TaskGroup() as group,
        ):
            asked = [group.create_task(ask(http, n, rules)) for n in range(N_ASKED)]
            await wait_for(looker, 6)
            assert await asyncio.to_thread(cloud.terminate) == 0
            await wait_for(looker, 0)
        answers = {task.result() for task in asked}
    finally:
        if process.poll() is None:
            cloud.kill()
    assert answers <= {503, "RemoteProtocolError", "ReadError"}, answers
