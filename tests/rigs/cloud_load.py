"""Callers of a cloud that dies under them: orders, EPCIS captures and batches, each sent until
it is answered, and the account of what must then be there."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import httpx

from cloud_sync.store.ports import Database
from tests.fakes.epcis_http import good
from tests.fakes.epcis_words import document
from tests.fakes.http_words import BATCHES, bearer
from tests.fakes.shop import order_body
from tests.fakes.uploads import Book
from tests.rigs.cloud import CloudProcess
from tests.rigs.guard import GUARD_S

STOCK = 1_000_000
AGAIN_S = 0.02
ROWS = 4
EVENTS = 3


class LoggedCloud(CloudProcess):
    """A cloud whose log is read while it runs: a full pipe would hold it up."""

    actions: list[str]

    def start(self) -> None:
        """Start, wait until it answers, and go on reading."""
        super().start()
        self.actions = getattr(self, "actions", [])
        threading.Thread(target=self._read, args=(self.process,), daemon=True).start()

    def _read(self, process: object) -> None:
        stream = getattr(process, "stderr", None)
        try:
            for line in stream or ():
                self.actions.append(str(json.loads(line).get("action")))
        except ValueError:
            return  # it was closed: the process has ended


@dataclass
class Load:
    """Three callers at once. faults: answers that nobody should get."""

    cloud: CloudProcess
    admin: str
    gateway: str
    orders: dict[str, bytes] = field(default_factory=dict)
    n_captured: int = 0
    book: Book = field(default_factory=Book)
    faults: list[str] = field(default_factory=list)
    n_answers: int = 0
    n_again: int = 0
    n_refused: int = 0
    is_over: bool = False

    async def run(self, trouble: Callable[[Load], Awaitable[None]]) -> None:
        """Call until the trouble is over, and each caller has its last answer."""
        self.book.receive(STOCK, to="R-01")
        async with httpx.AsyncClient(timeout=GUARD_S) as http:
            await self._send_rows(http)
            async with asyncio.TaskGroup() as group:
                for caller in (self._order, self._capture, self._batch):
                    group.create_task(self._again_and_again(caller, http))
                await trouble(self)
                self.is_over = True

    async def until_answers(self, n: int) -> None:
        """Wait for so many more answers."""
        wanted = self.n_answers + n
        async with asyncio.timeout(2 * GUARD_S):
            while self.n_answers < wanted:
                await asyncio.sleep(0.001)

    async def _again_and_again(
        self, call: Callable[[httpx.AsyncClient], Awaitable[None]], http: httpx.AsyncClient
    ) -> None:
        while not self.is_over:
            await call(http)

    async def _order(self, http: httpx.AsyncClient) -> None:
        name = f"O-{len(self.orders) + 1}"
        answer = await self.place(http, name)
        self.orders[name] = answer.content

    async def place(self, http: httpx.AsyncClient, name: str) -> httpx.Response:
        """Place an order under its key."""
        content = json.dumps(order_body(1, name)).encode()
        headers = {**bearer(self.admin), "Idempotency-Key": f"key-{name}"}
        return await self._post(http, "/v1/orders", content, headers, 201)

    async def _capture(self, http: httpx.AsyncClient) -> None:
        first = self.n_captured + 1
        content = json.dumps(document(*(good(first + n) for n in range(EVENTS)))).encode()
        headers = {**bearer(self.admin), "Content-Type": "application/json"}
        await self._post(http, "/epcis/v2/capture", content, headers, 202)
        self.n_captured += EVENTS

    async def _batch(self, http: httpx.AsyncClient) -> None:
        for _ in range(ROWS):
            self.book.receive(1, to="R-02")
        await self._send_rows(http)

    async def _send_rows(self, http: httpx.AsyncClient) -> None:
        first = max(1, len(self.book.bodies) - ROWS + 1)
        answer = await self._post(http, BATCHES, self.book.batch(first), bearer(self.gateway), 200)
        assert answer.json()["acknowledged_seq"] == len(self.book.bodies)

    async def _post(
        self,
        http: httpx.AsyncClient,
        path: str,
        content: bytes,
        headers: dict[str, str],
        good: int,
    ) -> httpx.Response:
        """Send the same until it is answered."""
        while True:
            try:
                answer = await http.post(self.cloud.url + path, content=content, headers=headers)
            except httpx.HTTPError:
                self.n_again += 1
                await asyncio.sleep(AGAIN_S)
                continue
            if answer.status_code == good:
                self.n_answers += 1
                return answer
            self.n_refused += 1
            if answer.status_code != 503 or "Retry-After" not in answer.headers:
                self.faults.append(f"{answer.status_code} {path} {answer.text[:300]}")
                raise AssertionError(self.faults[-1])
            await asyncio.sleep(AGAIN_S)

    # ------------------------------------------------------------ what must be there

    async def must_be_there_once(self, database: Database) -> None:
        """Every effect that was answered, once and whole; every key answers as it did."""
        async with httpx.AsyncClient(timeout=GUARD_S) as http:
            for name, told in self.orders.items():
                answer = await self.place(http, name)
                assert answer.headers["Idempotent-Replayed"] == "true", name
                assert answer.content == told, name
        n = len(self.orders)
        assert await _rows(database, "select count(*), count(distinct order_id) from orders") == [
            (n, n)
        ]
        assert await _rows(
            database,
            "select count(*), count(distinct order_id), sum(quantity) from reservations"
            " where order_id is not null and state in ('held', 'confirmed')",
        ) == [(n, n, n)]
        assert await _rows(database, "select count(*), count(distinct order_id) from parcels") == [
            (n, n)
        ]
        assert await _rows(
            database,
            "select count(*), count(distinct event_id) from epcis_events where warehouse = ''",
        ) == [(self.n_captured, self.n_captured)]
        n_rows = len(self.book.bodies)
        assert await _rows(
            database, "select count(*), max(seq) from received where status = 'accepted'"
        ) == [(n_rows, n_rows)]
        assert await _rows(
            database, "select location, quantity from stock where warehouse = 'W1' order by 1"
        ) == [("R-01", STOCK), ("R-02", n_rows - 1)]
        assert await _rows(database, "select sum(quantity) from stock") == [(0,)]


async def _rows(database: Database, sql: str) -> list[tuple[object, ...]]:
    return [tuple(row) for row in await database.read(lambda tx: tx.fetch(sql))]
