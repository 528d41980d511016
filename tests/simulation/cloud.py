"""The cloud's own inbox on a database in memory, behind a network that loses either direction."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Awaitable, Callable, Iterable, Sequence
from functools import partial
from random import Random
from typing import Final, TypeVar

from cloud_sync.contract.batches import BatchAnswer
from cloud_sync.contract.documents import ChangePage
from cloud_sync.inbox.admission import Refusal
from cloud_sync.inbox.wire import BatchMalformed, Upload, parse_upload
from cloud_sync.store.batches import Taken, take_batch
from cloud_sync.store.credentials import enrol_gateway
from cloud_sync.store.documents import Draft, put_documents
from cloud_sync.store.feed import read_changes
from cloud_sync.store.ports import Parameters, Row, Transaction
from cloud_sync.store.schema_files import read_schema, statements_of
from cloud_sync.store.sqlite import SCHEMA, adding
from gateway.errors import BatchRefused, CloudUnavailable
from tests.simulation.disk import Box
from tests.simulation.virtual_time import VirtualClock
from tests.simulation.weather import Weather

T = TypeVar("T")

HOP_S: Final = 0.02


class _Transaction:
    """Implements store.ports.Transaction; never lets go of the loop."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    async def fetch(self, sql: str, parameters: Parameters = ()) -> Sequence[Row]:
        return list(self._connection.execute(sql, parameters))

    async def insert(self, table: str, columns: Sequence[str], rows: Sequence[Parameters]) -> None:
        marks = ", ".join("?" * len(columns))
        await self.execute_many(
            f"insert into {table}({', '.join(columns)}) values ({marks})", rows
        )

    async def add(
        self, table: str, keys: Sequence[str], amount: str, rows: Sequence[Parameters]
    ) -> None:
        await self.execute_many(adding(table, keys, amount), rows)

    async def execute_many(self, sql: str, rows: Iterable[Parameters]) -> None:
        self._connection.executemany(sql, rows)


class Cloud:
    """One cloud. `transact` is atomic; `snapshot` and `rewind` are its backup and restore."""

    def __init__(
        self, random: Random, weather: Callable[[], Weather], clock: VirtualClock
    ) -> None:
        self.random = random
        self.weather = weather
        self.clock = clock
        self.is_up = True
        self.sqlite = sqlite3.connect(":memory:", isolation_level=None)
        for script in read_schema(SCHEMA):
            for statement in statements_of(script):
                self.sqlite.execute(statement)
        # Among the cloud's own tables, and so forgotten with them by a restore.
        self.sqlite.execute("create table taken_from(at_us integer, instance text) strict")

    async def transact(self, script: Callable[[Transaction], Awaitable[T]]) -> T:
        """One transaction, whole or not at all."""
        self.sqlite.execute("begin")
        try:
            result = await script(_Transaction(self.sqlite))
        except BaseException:
            self.sqlite.execute("rollback")
            raise
        self.sqlite.execute("commit")
        return result

    async def enrol(self, gateway: str, warehouse: str) -> None:
        """Let a gateway in."""
        now_us = self.clock.wall_us()
        await self.transact(lambda tx: enrol_gateway(tx, gateway, warehouse, now_us))

    async def put(self, drafts: Sequence[Draft]) -> None:
        """What the office writes."""
        await self.transact(lambda tx: put_documents(tx, drafts))

    def snapshot(self) -> bytes:
        """A backup."""
        return self.sqlite.serialize()

    def rewind(self, backup: bytes) -> None:
        """A restore: whatever came after the backup is forgotten."""
        self.sqlite = sqlite3.connect(":memory:", isolation_level=None)
        self.sqlite.deserialize(backup)

    async def take(self, upload: Upload, warehouse: str) -> Taken | Refusal:
        """A batch that has arrived."""
        now_us = self.clock.wall_us()
        outcome = await self.transact(
            partial(
                take_batch,
                gateway=upload.batch.gateway,
                warehouse=warehouse,
                upload=upload,
                now_us=now_us,
            )
        )
        if isinstance(outcome, Taken):
            self.sqlite.execute(
                "insert into taken_from values (?, ?)", (now_us, upload.batch.instance)
            )
        return outcome


class Uplink:
    """Implements services.uplink.CloudPort for one life of a box."""

    def __init__(self, cloud: Cloud, warehouse: str, box: Box) -> None:
        self._cloud = cloud
        self._warehouse = warehouse
        self._box = box

    async def send_batch(self, body: bytes) -> BatchAnswer:
        try:
            upload = parse_upload(body)
        except BatchMalformed as error:
            raise BatchRefused(str(error), code=error.code) from error
        await self._there()
        cloud, weather = self._cloud, self._cloud.weather()
        if cloud.random.random() < weather.cloud_busy:
            raise CloudUnavailable("busy", retry_after_s=90 * cloud.random.random() ** 4)
        outcome = await cloud.take(upload, self._warehouse)
        if cloud.random.random() < weather.uplink_repeats:
            await self._repeat(upload)
        await self._back()
        if isinstance(outcome, Refusal):
            raise BatchRefused(
                outcome.message, code=outcome.code, expected_seq=outcome.expected_seq
            )
        return outcome.answer

    async def fetch_changes(self, cursor: int, limit: int, mark: str | None = None) -> ChangePage:
        await self._there()
        page = await self._cloud.transact(
            partial(read_changes, warehouse=self._warehouse, after=cursor, limit=limit, mark=mark)
        )
        await self._back()
        return page

    async def _repeat(self, upload: Upload) -> None:
        """A proxy that was not sure sends the batch once more, now or much later."""
        pause_s = 20 * self._cloud.random.random() ** 3

        async def again() -> None:
            await asyncio.sleep(pause_s)
            if self._cloud.is_up:
                await self._cloud.take(upload, self._warehouse)

        self._later = asyncio.get_running_loop().create_task(again(), name="repeat")

    async def _there(self) -> None:
        cloud, weather = self._cloud, self._cloud.weather()
        await asyncio.sleep(HOP_S + weather.uplink_slow_s * cloud.random.random())
        if not self._box.is_on or not cloud.is_up:
            raise CloudUnavailable("no connection")
        if cloud.random.random() < weather.uplink_loses_request:
            raise CloudUnavailable("request lost")

    async def _back(self) -> None:
        cloud, weather = self._cloud, self._cloud.weather()
        await asyncio.sleep(HOP_S + weather.uplink_slow_s * cloud.random.random())
        if not self._box.is_on or cloud.random.random() < weather.uplink_loses_answer:
            raise CloudUnavailable("answer lost")
