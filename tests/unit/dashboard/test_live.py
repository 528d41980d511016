# Pins the stream of what changed: one question for all pages, told to each within its scope, an
# end for who is signed out, and one when the service stops.

import asyncio
from collections.abc import AsyncIterator

from cloud_sync.contract import rights
from cloud_sync.dashboard.live import Live
from cloud_sync.service.context import Context
from cloud_sync.store.credentials import Credential
from cloud_sync.store.ports import Database, Script, StoreError, T
from cloud_sync.store.wall import hold_to, scope_of_reader
from tests.rigs.guard import GUARD_S
from tests.rigs.reader import Reader

ANA = Credential("ana", rights.SUPERVISOR, None, None)
BERLIN = Credential("berlin", rights.SUPERVISOR, None, frozenset({"W1"}))


class Asked:
    """A database that counts what it is asked, notes for whom, and fails when told to."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.scopes: list[str | None] = []
        self.is_broken = False

    async def transact(self, script: Script[T]) -> T:
        return await self._database.transact(script)

    async def read(self, script: Script[T]) -> T:
        self.scopes.append(scope_of_reader())
        if self.is_broken:
            raise StoreError("not now")
        return await self._database.read(script)

    async def read_once(self, script: Script[T]) -> T:
        return await self._database.read_once(script)


def always(credential: Credential, n: int = 1000) -> AsyncIterator[Credential]:
    async def who() -> AsyncIterator[Credential]:
        for _ in range(n):
            yield credential

    return who()


async def contact(database: Database, warehouse: str, at_us: int) -> None:
    await database.transact(
        lambda tx: tx.execute_many(
            "insert into gateways(gateway, warehouse, contact_at_us) values (?, ?, ?) "
            "on conflict (gateway) do update set contact_at_us = excluded.contact_at_us",
            [(f"gw-{warehouse}", warehouse, at_us)],
        )
    )


async def next_event(stream: AsyncIterator[bytes]) -> bytes:
    async with asyncio.timeout(GUARD_S):
        async for told in stream:
            if told.startswith(b"event:"):
                return told
    raise AssertionError("the stream ended")


async def test_a_reader_is_told_of_the_warehouses_in_scope(database: Database) -> None:
    live = Live(Context(database, lambda: 0), poll_s=0.01)
    ana, berlin = live.stream(lambda: always(ANA)), live.stream(lambda: always(BERLIN))
    assert await anext(ana) == await anext(berlin) == b"retry: 3000\n\n"
    heard_by_ana = asyncio.ensure_future(next_event(ana))
    heard_by_berlin = asyncio.ensure_future(next_event(berlin))
    async with asyncio.timeout(GUARD_S):
        while live.n_asked < 2:
            await asyncio.sleep(0)
    await contact(database, "W2", 5)
    assert await heard_by_ana == b'event: gateways\ndata: {"warehouses": ["W2"]}\n\n'
    assert not heard_by_berlin.done()
    await contact(database, "W1", 6)
    assert await heard_by_berlin == b'event: gateways\ndata: {"warehouses": ["W1"]}\n\n'
    await ana.aclose()
    await berlin.aclose()
    assert live.n_streams == 0


async def test_many_pages_are_one_question_which_nobodys_scope_narrows(
    database: Database,
) -> None:
    asked = Asked(database)
    live = Live(Context(asked, lambda: 0), poll_s=GUARD_S)
    hold_to(frozenset({"W1"}))
    try:
        streams = [live.stream(lambda: always(BERLIN)) for _ in range(20)]
        for it in streams:
            await anext(it)
        waiting = [asyncio.ensure_future(anext(it)) for it in streams]
        async with asyncio.timeout(GUARD_S):
            while not asked.scopes:
                await asyncio.sleep(0)
        live.close()
        await asyncio.wait(waiting)
    finally:
        hold_to(None)
    assert asked.scopes == [None]
    assert all(isinstance(it.exception(), StopAsyncIteration) for it in waiting)


async def test_a_store_that_fails_ends_no_stream(database: Database) -> None:
    asked = Asked(database)
    live = Live(Context(asked, lambda: 0), poll_s=0.01)
    stream = live.stream(lambda: always(ANA))
    await anext(stream)
    asked.is_broken = True
    heard = asyncio.ensure_future(next_event(stream))
    async with asyncio.timeout(GUARD_S):
        while len(asked.scopes) < 3:
            await asyncio.sleep(0)
    asked.is_broken = False
    async with asyncio.timeout(GUARD_S):
        while live.n_asked < 2:
            await asyncio.sleep(0)
    await contact(database, "W1", 7)
    assert b"W1" in await heard
    await stream.aclose()


async def test_who_is_signed_out_is_told_so(database: Database) -> None:
    live = Live(Context(database, lambda: 0), poll_s=0.01)
    stream = live.stream(lambda: always(ANA, n=1))
    assert await next_event(stream) == b"event: over\ndata: {}\n\n"


async def test_a_stranger_gets_no_stream(reader: Reader) -> None:
    assert (await reader.get("/ui/live")).status_code == 401
