"""Pins the downlink: whoever followed the feed, in pages of any size, over restarts and restores,
has the documents of a gateway that starts afresh, and both have what the office has written."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cloud_sync.contract import documents as doc
from cloud_sync.store.documents import (
    EVERYBODY,
    KEYED_BY_WAREHOUSE,
    OF_THE_CLOUD,
    Draft,
    Gone,
    change_documents,
)
from cloud_sync.store.feed import read_changes, read_snapshot
from cloud_sync.store.ports import Database
from tests.rigs import tier
from tests.rigs.patterns import opened_cloud

pytestmark = pytest.mark.slow

# "A" with "B.C" and "A.B" with "C" are the same text once joined.
WAREHOUSES = ("A", "A.B", EVERYBODY, OF_THE_CLOUD)
PLACES = {("A", "B.C"): "A.B.C", ("A.B", "C"): "A.B.C"}


@dataclass
class Follower:
    """A gateway's copy of its documents. begins: with the snapshot, which is a first page."""

    warehouse: str
    begins: bool = False
    cursor: int = 0
    mark: str | None = None
    held: dict[tuple[str, str], object] = field(default_factory=dict)
    versions: dict[tuple[str, str], int] = field(default_factory=dict)

    async def read(self, database: Database, limit: int) -> None:
        """One page."""
        is_first, self.begins = self.begins, False
        script = partial(
            read_changes,
            warehouse=self.warehouse,
            after=self.cursor,
            limit=limit,
            mark=self.mark,
        )
        if is_first:
            script = partial(read_snapshot, warehouse=self.warehouse, limit=limit)
        page = await database.read(script)
        for change in page.changes:
            assert not (is_first and change.deleted)
            name = (change.kind, change.key)
            assert change.version > self.versions.get(name, 0), "a version that does not rise"
            self.versions[name] = change.version
            if change.deleted:
                self.held.pop(name, None)
            else:
                self.held[name] = change.data
        self.cursor, self.mark = page.next_cursor, page.mark

    async def read_all(self, database: Database, limit: int) -> None:
        """Pages until nothing is left."""
        before = -1
        while before != self.cursor:
            before = self.cursor
            await self.read(database, limit)


put = st.tuples(
    st.just("put"),
    st.sampled_from([doc.ASN, doc.HOLD]),
    st.sampled_from("xy"),
    st.sampled_from(WAREHOUSES),
    st.integers(0, 2),
)
put_place = st.tuples(
    st.just("place"),
    st.sampled_from([doc.LOCATION, doc.POLICY]),
    st.sampled_from(sorted(PLACES)),
    st.integers(0, 2),
)
take = st.tuples(st.just("take"), st.sampled_from([doc.ASN, doc.HOLD]), st.sampled_from("xy"))
take_place = st.tuples(
    st.just("away"), st.sampled_from([doc.LOCATION, doc.POLICY]), st.sampled_from(["A", "A.B"])
)
follow = st.tuples(st.just("follow"), st.integers(0, 2), st.integers(1, 3))
step = st.lists(put | put_place | take | take_place, min_size=1, max_size=4) | follow


class Office:
    """What the documents should be, told without a database."""

    def __init__(self) -> None:
        self.held: dict[tuple[str, str, str], Mapping[str, object]] = {}

    def apply(self, draft: Draft) -> None:
        if draft.kind not in KEYED_BY_WAREHOUSE:
            self.take(draft.kind, draft.key, None)
        self.held[draft.kind, draft.key, draft.warehouse] = draft.content

    def take(self, kind: str, key: str, warehouse: str | None) -> None:
        for name in list(self.held):
            if name[:2] == (kind, key) and warehouse in {None, name[2]}:
                del self.held[name]

    def seen_by(self, warehouse: str) -> dict[tuple[str, str], object]:
        return {
            (kind, key): dict(content)
            for (kind, key, place), content in self.held.items()
            if place in {EVERYBODY, warehouse}
        }


async def play(steps: list[object], path: Path) -> None:
    office = Office()
    followers = [Follower("A"), Follower("A.B"), Follower("A", begins=True)]
    async with opened_cloud(str(path)) as database:
        for each in steps:
            if isinstance(each, tuple):
                await followers[each[1]].read(database, each[2])
                continue
            assert isinstance(each, list)
            for edit in each:
                drafts, gone = changes_of(edit)
                for draft in drafts:
                    office.apply(draft)
                for it in gone:
                    office.take(it.kind, it.key, it.warehouse)
                await database.transact(partial(change_documents, drafts=drafts, gone=gone))
        for follower in followers:
            await follower.read_all(database, 2)
            fresh = Follower(follower.warehouse)
            await fresh.read_all(database, 1000)
            newest = Follower(follower.warehouse, begins=True)
            await newest.read_all(database, 1)
            seen = office.seen_by(follower.warehouse)
            assert follower.held == fresh.held == newest.held == seen


def changes_of(edit: tuple[object, ...]) -> tuple[list[Draft], list[Gone]]:
    match edit:
        case ("put", str(kind), str(key), str(warehouse), int(value)):
            return [Draft(kind, key, warehouse, {"value": value})], []
        case ("place", str(kind), (str(warehouse), str(name)), int(value)):
            key = PLACES[warehouse, name]
            return [Draft(kind, key, warehouse, {"value": value, "id": name})], []
        case ("take", str(kind), str(key)):
            return [], [Gone(kind, key)]
        case ("away", str(kind), str(warehouse)):
            return [], [Gone(kind, "A.B.C", warehouse)]
        case _:
            raise AssertionError(edit)


@settings(
    max_examples=tier.count(15, 60, 400),
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    derandomize=True,
)
@given(st.lists(step, max_size=14))
def test_who_followed_has_what_a_fresh_gateway_gets(steps: list[object]) -> None:
    with tempfile.TemporaryDirectory() as name:
        asyncio.run(play(steps, Path(name) / "cloud.db"))
