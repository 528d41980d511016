"""A disk that holds a journal, and the box that may lose power around any transaction."""

from __future__ import annotations

import asyncio
import sqlite3
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path
from random import Random
from typing import Any, Final, cast

from gateway.journal.connection import Database
from gateway.journal.table_sums import register
from gateway.ports import Statements
from tests.simulation.weather import Weather

PATH: Final = Path("/simulated/journal.db")
QUICK_S: Final = 0.002


class Box:
    """One life of the gateway's machine, from power on to power off."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.is_on = True
        self.went_off = asyncio.Event()

    def cut_power(self) -> None:
        """From this moment nothing that still runs on this box reaches anything outside it."""
        self.is_on = False
        self.went_off.set()


class Disk:
    """What is committed stays. `forgets` commits are lost at a power cut: 0 is an honest disk."""

    def __init__(
        self, random: Random, weather: Callable[[], Weather], *, forgets: int = 0
    ) -> None:
        self._random = random
        self._weather = weather
        self._forgets = forgets
        self._past: deque[bytes] = deque(maxlen=forgets + 1)
        self.is_full = False
        self.sqlite = _memory()

    def mount(self, box: Box) -> Database:
        """The journal's database as seen by one life of the box."""
        before = self.sqlite
        self.sqlite = _memory(self._past[0] if self._forgets and self._past else None)
        if not self._past:
            before.backup(self.sqlite)  # another process has another connection
        self._past.clear()
        connection = _Connection(self, box)
        both = cast(Any, connection)
        return Database(PATH, both, both)

    def copy_from(self, other: Disk) -> None:
        """Become the copy of another disk that is in use, as a card reader makes it."""
        self.sqlite = _memory(other.sqlite.serialize())

    async def run(
        self,
        box: Box,
        run: Callable[[sqlite3.Connection, Statements], None],
        statements: Statements,
    ) -> None:
        """One transaction, with whatever the weather does to it."""
        weather, random = self._weather(), self._random
        await asyncio.sleep(QUICK_S + weather.disk_slow_s * random.random())
        _refuse_if_off(box)
        if random.random() < weather.crash_at_commit / 2:
            box.cut_power()
            _refuse_if_off(box)
        if self.is_full and any(sql.startswith("insert into journal") for sql, _ in statements):
            raise _error("database or disk is full", sqlite3.SQLITE_FULL)
        if random.random() < weather.disk_refuses:
            raise _error("disk I/O error", sqlite3.SQLITE_IOERR)
        run(self.sqlite, statements)
        if self._forgets:
            self._past.append(self.sqlite.serialize())
        if random.random() < weather.crash_at_commit / 2:
            box.cut_power()
        _refuse_if_off(box)
        if random.random() < weather.disk_unknown:
            raise _error("disk I/O error", sqlite3.SQLITE_IOERR)
        await asyncio.sleep(QUICK_S)
        _refuse_if_off(box)


class _Connection:
    """What gateway.journal.connection.Database asks of a connection, without a thread."""

    def __init__(self, disk: Disk, box: Box) -> None:
        self._disk = disk
        self._box = box

    async def call(
        self, run: Callable[[sqlite3.Connection, Statements], None], statements: Statements
    ) -> None:
        await self._disk.run(self._box, run, statements)

    async def execute_fetchall(
        self, sql: str, parameters: Sequence[object]
    ) -> Sequence[Sequence[object]]:
        await asyncio.sleep(QUICK_S)
        _refuse_if_off(self._box)
        return list(self._disk.sqlite.execute(sql, parameters))


def _memory(content: bytes | None = None) -> sqlite3.Connection:
    connection = sqlite3.connect(":memory:", isolation_level=None)
    if content is not None:
        connection.deserialize(content)
    register(connection)
    return connection


def _refuse_if_off(box: Box) -> None:
    if not box.is_on:
        raise _error("the box is off", sqlite3.SQLITE_IOERR)


def _error(message: str, code: int) -> sqlite3.OperationalError:
    error = sqlite3.OperationalError(message)
    error.sqlite_errorcode = code
    return error
