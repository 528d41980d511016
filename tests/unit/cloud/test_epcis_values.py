"""Pins the lists of what events say: each value once, in pages, no more than the caller may see,
and found again in a database that was filled before such lists were kept."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import pytest

from cloud_sync.store import postgres, sqlite
from cloud_sync.store.epcis_events import NewEvent, add_events
from cloud_sync.store.epcis_values import BRANCHES_MAX, known_among, read_values
from cloud_sync.store.ports import Database, Row, Transaction
from cloud_sync.store.schema_files import read_schema, statements_of
from tests.fakes.epcis_words import event
from tests.fakes.http_words import Wall, bearer, client_of

_EPCS = ("epc", "parentID", "inputEPC", "outputEPC")
NAMES = ["https://example.com/A", "https://example.com/a", "https://example.com/é", "urn:x:1"]


def said_by(warehouse: str, number: int, *epcs: str) -> NewEvent:
    told = event("ObjectEvent", epcList=list(epcs), eventID=f"urn:x:event:{warehouse}{number}")
    return NewEvent(told, None, warehouse)


async def add(database: Database, *events: NewEvent) -> None:
    await database.transact(partial(add_events, events=events, now_us=1))


async def pages(
    database: Database, names: Sequence[str], size: int, warehouses: Sequence[str] | None
) -> list[str]:
    """All values, read in pages of a size."""
    found: list[str] = []
    while True:
        page = await database.read(
            partial(
                read_values,
                names=names,
                after=found[-1] if found else "",
                limit=size,
                warehouses=warehouses,
            )
        )
        found += page
        if len(page) < size:
            return found


@pytest.mark.parametrize("size", [1, 2, 3, 4, 5])
async def test_each_value_is_told_once_in_the_order_of_code_points(
    database: Database, size: int
) -> None:
    await add(database, said_by("W1", 1, *NAMES[:3]), said_by("C1", 1, *NAMES[1:]))
    await add(database, said_by("W1", 2, NAMES[3], NAMES[0]), said_by("", 1, NAMES[2]))
    assert await pages(database, _EPCS, size, None) == NAMES
    assert await pages(database, _EPCS, size, ["C1", "W1"]) == NAMES


async def test_nobody_is_told_what_other_warehouses_say(database: Database) -> None:
    await add(database, said_by("W1", 1, NAMES[0]), said_by("C1", 1, NAMES[1]))
    await add(database, said_by("", 1, NAMES[2]))
    assert await pages(database, _EPCS, 1, ["W1"]) == [NAMES[0], NAMES[2]]
    assert await pages(database, _EPCS, 1, []) == [NAMES[2]]
    asked = partial(known_among, names=_EPCS, values=[*NAMES, *map(str, range(300))])
    assert await database.read(partial(asked, warehouses=["C1"])) == set(NAMES[1:3])
    assert await database.read(partial(asked, warehouses=None)) == set(NAMES[:3])


async def test_a_scope_may_be_wider_than_a_statement(database: Database) -> None:
    many = [f"W{n}" for n in range(BRANCHES_MAX)]
    await add(database, *(said_by(name, 1, f"urn:x:{name}", NAMES[0]) for name in many))
    told = sorted([f"urn:x:{name}" for name in many] + [NAMES[0]])
    assert await pages(database, _EPCS, 7, many) == told


async def test_a_word_of_the_standard_is_told_once_however_the_pages_are_cut(
    database: Database, tokens: dict[str, str]
) -> None:
    await add(database, said_by("W1", 1, NAMES[0]))
    async with client_of(database, Wall(1), headers=bearer(tokens["admin"])) as http:
        whole = (await http.get("/epcis/v2/bizSteps")).json()["member"]
        assert len(set(whole)) == len(whole) > 30, "the standard's own, whether said or not"
        own = event("ObjectEvent", eventID="urn:x:1", bizStep="https://example.com/own")
        await add(database, NewEvent(own, None, ""))
        link, members = "/epcis/v2/bizSteps?perPage=1", list[str]()
        while link:
            page = await http.get(link)
            members += page.json()["member"]
            link = page.headers.get("Link", "").partition(">")[0].lstrip("<")
        assert sorted(members) == sorted([*whole, "https://example.com/own"])


async def test_a_database_of_an_older_version_lists_what_it_held(
    database: Database, engine: str
) -> None:
    await add(database, said_by("W1", 1, *NAMES), said_by("C1", 1, NAMES[0]))
    schema = {"sqlite": sqlite.SCHEMA, "postgres": postgres.SCHEMA}[engine]
    (script,) = [it for it in read_schema(schema) if "create table epcis_values" in it]
    sql = "select * from epcis_values order by name, given, warehouse"

    async def again(tx: Transaction) -> Sequence[Row]:
        kept = await tx.fetch(sql)
        await tx.execute_many("drop table epcis_values", [()])
        for statement in statements_of(script):
            await tx.execute_many(statement, [()])
        return kept

    kept = await database.transact(again)
    assert len(kept) > len(NAMES)
    assert await database.read(lambda tx: tx.fetch(sql)) == kept
    assert await pages(database, _EPCS, 3, None) == NAMES
