"""Pins exactly-once of effect: the cloud commits, and its answer is cut at every byte.

The control makes a new event of each attempt, as a sender without identities does. Its stock
must be wrong.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from cloud_sync.client.errors import Unavailable
from cloud_sync.client.http import CloudClient, open_client
from tests.fakes.uploads import Book, make_line
from tests.rigs import tier
from tests.rigs.cloud import CloudProcess
from tests.rigs.cutting_proxy import Proxy, cutting_proxy

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3600)]

N_CUTS = tier.count(60, 400, 10_000)


@pytest.fixture
def cloud(tmp_path: Path) -> Iterator[CloudProcess]:
    it = CloudProcess(tmp_path)
    it.token("gateways", "enrol", "gw-W1", "--warehouse", "W1")
    it.start()
    yield it
    it.kill()


@asynccontextmanager
async def cut_off(cloud: CloudProcess, proxy: Proxy) -> AsyncIterator[CloudClient]:
    token = cloud.token("gateways", "enrol", "gw-W1", "--warehouse", "W1")
    async with open_client(proxy.url, token=token, deadline_s=10) as client:
        yield client


def stock_in(cloud: CloudProcess, reader: str) -> int:
    rows = cloud.get("/v1/stock?warehouse=W1", reader)["stock"]
    assert isinstance(rows, list)
    return sum(row["quantity"] for row in rows)


async def send(client: CloudClient, book: Book, seq: int) -> bool:
    """One row; true if an answer came."""
    try:
        answer = await client.send_batch(book.batch(seq, seq))
    except Unavailable:
        return False
    assert answer.acknowledged_seq == seq
    return True


async def test_an_answer_cut_at_any_byte_doubles_and_loses_nothing(cloud: CloudProcess) -> None:
    reader = cloud.token("tokens", "create", "ops", "--role", "reader")
    book = Book(gateway="gw-W1", warehouse="W1")
    n_lost_answers = 0
    async with cutting_proxy(cloud.port) as proxy, cut_off(cloud, proxy) as client:
        book.record(lines=(make_line("@supplier", "R-1", 1),))
        assert await send(client, book, 1)
        n_bytes = proxy.n_carried
        for i in range(N_CUTS):
            book.record(lines=(make_line("@supplier", "R-1", 1),))
            seq = len(book.bodies)
            proxy.bytes_left = i * n_bytes // N_CUTS if n_bytes > N_CUTS else i % n_bytes
            n_lost_answers += not await send(client, book, seq)
            proxy.bytes_left = None
            assert await send(client, book, seq)
    assert n_lost_answers > 0.9 * N_CUTS
    assert stock_in(cloud, reader) == len(book.bodies)
    tier.record("lost answers", faults=n_lost_answers, lost=0)


async def test_control_new_events_for_each_attempt_double_the_stock(cloud: CloudProcess) -> None:
    reader = cloud.token("tokens", "create", "ops", "--role", "reader")
    book = Book(gateway="gw-W1", warehouse="W1")
    n_scans = 20
    async with cutting_proxy(cloud.port) as proxy, cut_off(cloud, proxy) as client:
        for i in range(n_scans):
            proxy.bytes_left = 10 * i
            is_answered = False
            while not is_answered:
                book.record(lines=(make_line("@supplier", "R-1", 1),))
                is_answered = await send(client, book, len(book.bodies))
                proxy.bytes_left = None
    error = stock_in(cloud, reader) - n_scans
    assert error > 0
    tier.record("lost answers", faults=n_scans, lost=error, control="dedup off")
