"""Pins what a handheld is told of the gateway's queue: as it is in the tables, without what was
just said; of which lot the pieces of a sweep are; and nothing is read for any other message."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from cloud_sync.contract import events as ev
from cloud_sync.inventory.exceptions import Word, word_body
from gateway.core.flows.floor import Floor
from gateway.core.readings import Scan, Stamp, Tag, TagRead, TaskContext
from gateway.journal.serial_table import KEPT_US, read_lots
from gateway.journal.store import JournalStore
from gateway.ports import Draft, Entry
from gateway.services.lookups import Lookups
from gateway.services.projector import Projector
from gateway.services.supervisor import Heartbeats
from tests.fakes.clock import FakeClock
from tests.fakes.trigger_watch import watch
from tests.rigs.exceptions import keeper
from tests.rigs.journal import opened
from tests.week.symbols import sgtin96

ITEM = "09506000134352"


def event(n: int, event_type: str, *flags: str, **body: object) -> ev.Event:
    return ev.Event(
        event_id=f"00000000-0000-7000-8000-{n:012x}", type=event_type, version=1, flags=flags,
        occurred_at_us=1_000 + n, received_at_us=1_000 + n, warehouse="J1", body=body,
    )  # fmt: skip


def draft(it: ev.Event) -> Entry:
    return Entry((Draft(it.event_id, it.type, it.occurred_at_us, ev.encode_event(it)),))


async def folded(store: JournalStore, *events: ev.Event) -> Floor:
    """The floor of a gateway whose projector has taken in these events."""
    await store.append([draft(it) for it in events])
    projector = Projector(
        journal=store, warehouse="J1", watch=watch(FakeClock()),
        exceptions=keeper(store, FakeClock()), heartbeats=Heartbeats(FakeClock()),
    )  # fmt: skip
    await projector.load()
    await projector.take(await store.read(after_seq=0, limit=100))
    return projector.floor


def asking(name: str | None = None, *, kind: str = "exceptions") -> Scan:
    return Scan(Stamp("pda-1", "b", 1, None, 1), "", None, TaskContext(kind, name))


HELD = (
    event(1, ev.GOODS_PICKED, "lot_held", item=ITEM, lot="L1"),
    event(2, ev.GOODS_PICKED, "lot_held", item=ITEM, lot="L1"),
    event(3, ev.GOODS_PICKED, "unknown_item", item=ITEM),
)


async def test_all_is_listed_and_the_evidence_of_the_one_that_is_asked_for(
    tmp_path: Path,
) -> None:
    async with opened(tmp_path, clock=FakeClock()) as store:
        floor = await folded(store, *HELD)
        lookups = Lookups(store, floor)
        await lookups.look([asking()])
        heads = {it.kind: it for it in floor.open_exceptions}
        assert {kind: (it.n_events, it.evidence) for kind, it in heads.items()} == {
            "lot_held": (2, ()), "unknown_item": (1, ())
        }  # fmt: skip
        name = heads["lot_held"].name
        await lookups.look([asking(name, kind="resolve")])
        (it,) = [it for it in floor.open_exceptions if it.kind == "lot_held"]
        assert it.name == name, "asked for again, it is still called the same"
        assert [shown.event_id for shown in it.evidence] == [each.event_id for each in HELD[:2]]


async def test_what_was_just_said_is_not_listed_any_more(tmp_path: Path) -> None:
    async with opened(tmp_path, clock=FakeClock()) as store:
        floor = await folded(store, *HELD)
        evidence = tuple(it.event_id for it in HELD[:2])
        said = Word("", 0, "lot_held", (ITEM, "L1"), evidence, "release", "good", "w2")
        floor.note(event(4, ev.EXCEPTION_RESOLVED, **word_body(said)))
        await Lookups(store, floor).look([asking()])
        assert [it.kind for it in floor.open_exceptions] == ["unknown_item"]


async def test_a_word_that_is_folded_while_the_queue_is_read_is_not_forgotten(
    tmp_path: Path,
) -> None:
    async with opened(tmp_path, clock=FakeClock()) as store:
        floor = await folded(store, *HELD)
        evidence = tuple(it.event_id for it in HELD[:2])
        said = Word("", 0, "lot_held", (ITEM, "L1"), evidence, "release", "good", "w2")
        word = event(4, ev.EXCEPTION_RESOLVED, **word_body(said))
        floor.note(word)

        class Late:
            """What was read before the word was folded comes after it was."""

            async def query(
                self, sql: str, parameters: Sequence[object] = ()
            ) -> Sequence[Sequence[object]]:
                rows = await store.query(sql, parameters)
                floor.follow([(4, word)])
                return rows

        await Lookups(Late(), floor).look([asking()])
        assert not floor.words
        assert [it.kind for it in floor.open_exceptions] == ["unknown_item"]


async def test_nothing_is_read_for_other_messages(tmp_path: Path) -> None:
    class Closed:
        async def query(self, sql: str, parameters: Sequence[object] = ()) -> list[list[object]]:
            raise AssertionError(sql)

    async with opened(tmp_path, clock=FakeClock()) as store:
        floor = await folded(store, *HELD)
        await Lookups(Closed(), floor).look([asking(kind="undo")])
        assert floor.open_exceptions == ()


def labelled(n: int, serial: str, lot: str, event_type: str = ev.GOODS_RECEIVED) -> ev.Event:
    line = ev.Line(
        item=ITEM, lot=lot, serials=(serial,), quantity=1, from_location="@supplier",
        to_location="R-01",
    )  # fmt: skip
    return replace(event(n, event_type), lines=(line,))


def swept(*serials: int) -> TagRead:
    tags = tuple(Tag(sgtin96(ITEM, serial), 1, None, 1) for serial in serials)
    return TagRead(Stamp("sled-1", "b", 1, None, 1), tags, TaskContext("count", None, "R-01"))


async def test_a_piece_is_of_the_lot_of_its_newest_label(tmp_path: Path) -> None:
    packed = event(
        4, ev.UNIT_PACKED, parent="106141411234567897",
        children=[{"item": ITEM, "lot": "L3", "serials": ["3"], "quantity": 1, "unit": "EA"}],
    )  # fmt: skip
    rows = [labelled(1, "1", "L1"), labelled(2, "2", "L1"), labelled(3, "2", "L2"), packed]
    moved = labelled(5, "4", "L4", ev.GOODS_MOVED)
    async with opened(tmp_path, clock=FakeClock()) as store:
        floor = await folded(store, *rows, moved)
        await Lookups(store, floor).look([swept(1, 2, 3, 4, 5)])
        lots = [floor.lot_of(ITEM, str(serial)) for serial in range(1, 6)]
        assert lots == ["L1", "L2", "L3", None, None]


async def test_a_label_that_is_not_folded_yet_goes_before_what_is(tmp_path: Path) -> None:
    async with opened(tmp_path, clock=FakeClock()) as store:
        floor = await folded(store, labelled(1, "1", "L1"))
        floor.note(labelled(2, "1", "L2"))
        await Lookups(store, floor).look([swept(1)])
        assert floor.lot_of(ITEM, "1") == "L2"


async def test_a_label_of_years_ago_is_forgotten(tmp_path: Path) -> None:
    late = replace(labelled(2, "2", "L2"), occurred_at_us=KEPT_US + 2_000)
    async with opened(tmp_path, clock=FakeClock()) as store:
        await folded(store, labelled(1, "1", "L1"), late)
        known = await read_lots(store, [(ITEM, "1"), (ITEM, "2")])
        assert known == {(ITEM, "2"): "L2"}
