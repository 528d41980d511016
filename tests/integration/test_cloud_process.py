"""Pins the real cloud program: batches over HTTP, kills, cut answers, signals, commands."""

from __future__ import annotations

import asyncio
import contextlib
import random
import shutil
import signal
import stat
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import NoReturn

import pytest

from cloud_sync.client.errors import Refused, Unavailable
from cloud_sync.client.http import CloudClient, open_client
from tests.fakes.uploads import Book, make_line
from tests.rigs.cloud import CloudProcess, enrolled, run_cloud
from tests.rigs.guard import GUARD_S

pytestmark = pytest.mark.slow

N_ROWS = 400
COMMANDS = (
    ("gateways", "enrol", "gw-W1", "--warehouse", "W1"),
    ("tokens", "create", "ops", "--role", "reader"),
)


@pytest.fixture
def cloud(tmp_path: Path) -> Iterator[CloudProcess]:
    it = CloudProcess(tmp_path)
    shutil.copy(enrolled(*COMMANDS)[0], it.database)
    it.start()
    yield it
    assert it.process is not None
    if it.process.poll() is None:
        it.kill()


def full_book(gateway: str = "gw-W1", warehouse: str = "W1", n: int = N_ROWS) -> Book:
    book = Book(gateway=gateway, warehouse=warehouse)
    for i in range(1, n + 1):
        book.record(lines=(make_line("@supplier", f"R-{i % 7}", i),))
    return book


async def drain(client: CloudClient, book: Book, *, rows: int = 20) -> int:
    """Send as an uplink does: from what was acknowledged, again where no answer came."""
    cursor, n_lost = 0, 0
    while cursor < len(book.bodies):
        last = min(cursor + rows, len(book.bodies))
        try:
            answer = await client.send_batch(book.batch(cursor + 1, last))
        except Unavailable:
            n_lost += 1
            await asyncio.sleep(0.02)
            continue
        cursor = answer.acknowledged_seq
    return n_lost


def check_everything_is_there_once(cloud: CloudProcess, token: str, *books: Book) -> None:
    for book in books:
        page = cloud.get(f"/v1/events?gateway={book.gateway}&limit=10000", token)
        events = page["events"]
        assert isinstance(events, list)
        assert [event["seq"] for event in events] == list(range(1, len(book.bodies) + 1))
        rows = cloud.get(f"/v1/stock?warehouse={book.warehouse}", token)["stock"]
        assert isinstance(rows, list)
        total = sum(row["quantity"] for row in rows)
        assert total == len(book.bodies) * (len(book.bodies) + 1) // 2


async def test_a_journal_arrives_whole(cloud: CloudProcess) -> None:
    _, (token, reader) = enrolled(*COMMANDS)
    book = full_book()
    async with open_client(cloud.url, token=token, deadline_s=GUARD_S) as client:
        assert await drain(client, book, rows=100) == 0
        with pytest.raises(Refused) as gap:
            await client.send_batch(book.batch(1)[:-2] + b"]}x")
        assert gap.value.code == "malformed"
        page = await client.fetch_changes(0, 500)
    assert (page.changes, page.more) == ([], False)
    check_everything_is_there_once(cloud, reader, book)


async def test_nothing_is_lost_or_doubled_when_the_cloud_is_killed(cloud: CloudProcess) -> None:
    _, (token, reader) = enrolled(*COMMANDS)
    book = full_book()

    async def kill_now_and_then() -> None:
        chance = random.Random(7)
        for _ in range(4):
            await asyncio.sleep(chance.uniform(0.02, 0.12))
            await asyncio.to_thread(cloud.kill)
            await asyncio.to_thread(cloud.start)

    async with (
        open_client(cloud.url, token=token, deadline_s=GUARD_S) as client,
        asyncio.TaskGroup() as group,
    ):
        sending = group.create_task(drain(client, book, rows=5))
        group.create_task(kill_now_and_then())
    assert sending.result() > 0, "no kill hit while something was on its way"
    check_everything_is_there_once(cloud, reader, book)


@contextlib.asynccontextmanager
async def cutting_proxy(port: int, chance: random.Random) -> AsyncIterator[str]:
    """Carries bytes, and cuts every connection somewhere inside one of its answers."""
    n_open, all_closed = 0, asyncio.Event()

    async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal n_open
        n_open += 1
        up_reader, up_writer = await asyncio.open_connection("127.0.0.1", port)
        bytes_left = chance.randrange(0, 3000)
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(pump(reader, up_writer, 2**40))
                await pump(up_reader, writer, bytes_left)
        except* ConnectionError:
            pass
        finally:
            for it in (up_writer, writer):
                it.close()
                with contextlib.suppress(ConnectionError):
                    await it.wait_closed()
            n_open -= 1
            if n_open == 0:
                all_closed.set()

    server = await asyncio.start_server(carry, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        while n_open:
            all_closed.clear()
            await all_closed.wait()


async def pump(
    source: asyncio.StreamReader, sink: asyncio.StreamWriter, bytes_left: int
) -> NoReturn:
    """Carry so many bytes, or up to the end, and then end both directions."""
    while bytes_left > 0 and (data := await source.read(65536)):
        sink.write(data[:bytes_left])
        await sink.drain()
        bytes_left -= len(data)
    raise ConnectionAbortedError


async def test_nothing_is_doubled_when_answers_are_cut(cloud: CloudProcess) -> None:
    _, (token, reader) = enrolled(*COMMANDS)
    book = full_book()
    async with (
        cutting_proxy(cloud.port, random.Random(11)) as url,
        open_client(url, token=token, deadline_s=GUARD_S) as client,
    ):
        n_lost = await drain(client, book, rows=8)
    assert n_lost > 0, "no answer was cut"
    check_everything_is_there_once(cloud, reader, book)


async def test_many_gateways_and_both_connections_of_one_send_at_once(
    cloud: CloudProcess,
) -> None:
    _, (_, reader) = enrolled(*COMMANDS)
    books = [full_book(f"gw-{i}", f"W{i}", n=100) for i in range(4)]
    async with contextlib.AsyncExitStack() as stack, asyncio.TaskGroup() as group:
        for book in books:
            token = cloud.token("gateways", "enrol", book.gateway, "--warehouse", book.warehouse)
            for rows in (7, 13):
                client = await stack.enter_async_context(
                    open_client(cloud.url, token=token, deadline_s=GUARD_S)
                )
                group.create_task(drain(client, book, rows=rows))
    check_everything_is_there_once(cloud, reader, *books)


def test_sigterm_ends_it_cleanly(cloud: CloudProcess) -> None:
    assert cloud.terminate() == 0


def test_no_token_is_readable_in_the_file(cloud: CloudProcess) -> None:
    token = cloud.token("tokens", "create", "boss", "--role", "admin")
    cloud.get("/v1/stock", token)
    assert cloud.terminate() == 0
    path = Path(cloud.database)
    assert token.encode() not in path.read_bytes()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


# ------------------------------------------------------------------ commands


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        ([], 2, "usage"),
        (["serve"], 2, "--database"),
        (["gateways"], 2, "ACTION"),
        (["gateways", "enrol", "a/b", "--warehouse", "W1", "--database", "x"], 2, "'a/b'"),
        (["tokens", "create", "x", "--role", "king", "--database", "x"], 2, "king"),
        (["serve", "--database", "x", "--port", "99999"], 2, "not a port"),
        (["serve", "--database", "x", "--tls-cert", "x"], 2, "go together"),
        (["gateways", "revoke", "gw", "--database", "{tmp}/c.db"], 1, "no token"),
        (["migrate", "--database", "{tmp}/no/c.db"], 1, "No such file"),
        (["serve", "--database", "{tmp}/no/c.db", "--port", "0"], 1, "No such file"),
        (["serve", "--database", "{tmp}/c.db", "--host", "203.0.113.1"], 1, "203.0.113.1:8080"),
    ],
)
def test_wrong_use_is_one_line(tmp_path: Path, arguments: list[str], code: int, says: str) -> None:
    done = run_cloud(*[part.replace("{tmp}", str(tmp_path)) for part in arguments])
    assert done.returncode == code, done.stderr
    assert says in done.stderr
    assert "Traceback" not in done.stderr


def test_a_gateway_stays_with_its_warehouse(tmp_path: Path) -> None:
    database = ["--database", str(tmp_path / "c.db")]
    assert run_cloud("gateways", "enrol", "gw", "--warehouse", "W1", *database).returncode == 0
    done = run_cloud("gateways", "enrol", "gw", "--warehouse", "W2", *database)
    assert (done.returncode, done.stdout) == (1, "")
    assert "W1" in done.stderr


def test_help_loads_nothing_heavy() -> None:
    script = (
        "import sys\nfrom cloud_sync.__main__ import main\n"
        "try: main(['--help'])\nexcept SystemExit: pass\n"
        "print([m for m in ('fastapi', 'pydantic', 'sqlite3', 'asyncio') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=GUARD_S
    )
    assert done.stdout.splitlines()[-1] == "[]"


def test_interrupt_ends_it_like_sigterm(cloud: CloudProcess) -> None:
    assert cloud.process is not None
    cloud.process.send_signal(signal.SIGINT)
    assert cloud.process.wait(GUARD_S) == 0
    assert cloud.process.stderr is not None
    cloud.process.stderr.close()
