"""Pins the projector: one trigger per cause, written with the cursor, facts as folded."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Sequence
from itertools import count
from pathlib import Path

import pytest

from cloud_sync.contract import events as ev
from cloud_sync.contract import keys
from gateway.journal.rows import CONSUMERS
from gateway.ports import Draft, Entry, Row
from gateway.services import projector as module
from gateway.services.following import event_of
from gateway.services.projector import CONSUMER, Projector
from gateway.services.supervisor import Heartbeats
from gateway.services.trigger_watch import TriggerWatch
from tests.fakes.clock import FakeClock
from tests.fakes.memory_journal import MemoryJournal
from tests.fakes.trigger_watch import watch
from tests.rigs.exceptions import keeper
from tests.rigs.guard import GUARD_S
from tests.rigs.journal import opened
from tests.rigs.projecting import projector_on

GTIN = "09506000134352"
POLICY = {
    "warehouse": "J1", "gtin": GTIN, "demand_units_per_day": 10.0,
    "demand_sd_units_per_day": 2.0, "reorder_point_units": 5, "lead_time_days": 0.25,
}  # fmt: skip


class ReadableJournal(MemoryJournal):
    """The fake journal with an empty read model."""

    async def query(
        self, sql: str, parameters: Sequence[object] = ()
    ) -> Sequence[Sequence[object]]:
        return ()


class Bench:
    def __init__(self) -> None:
        self.journal = ReadableJournal()
        self.clock = FakeClock()
        self.today = "2026-11-18"
        self._ids = (f"00000000-0000-7000-8000-{n:012x}" for n in count(1))
        self.projector = Projector(
            journal=self.journal,
            warehouse="J1",
            watch=watch(
                self.clock,
                new_id=self._ids.__next__,
                quiet_us=60_000_000,
                today=lambda: self.today,
            ),
            exceptions=keeper(self.journal, self.clock, new_id=self._ids.__next__),
            heartbeats=Heartbeats(self.clock),
        )

    async def happen(self, event_type: str, *lines: ev.Line, **body: object) -> None:
        event = ev.Event(
            event_id=next(self._ids), type=event_type, version=1, occurred_at_us=1,
            received_at_us=1, warehouse="J1", lines=lines, body=body,
        )  # fmt: skip
        draft = Draft(event.event_id, event.type, 1, ev.encode_event(event))
        await self.journal.append([Entry((draft,))])

    @contextlib.asynccontextmanager
    async def projecting(self) -> AsyncIterator[None]:
        """One run of the projector: the fake's read model would forget all at a second."""
        async with asyncio.TaskGroup() as group:
            task = group.create_task(self.projector.run())
            yield
            await self.caught_up()
            task.cancel()

    async def caught_up(self) -> None:
        """Return when the cursor has reached the end."""
        async with asyncio.timeout(GUARD_S):
            while await self.journal.cursor(CONSUMER) < self.journal.last_seq:
                await asyncio.sleep(0)

    def triggers(self) -> list[dict[str, object]]:
        rows = [row for row in self.journal.rows if row.type == ev.REPLENISHMENT_TRIGGERED]
        return [json.loads(row.body)["body"] for row in rows]


def move(source: str, target: str, quantity: int) -> ev.Line:
    return ev.Line(item=GTIN, from_location=source, to_location=target, quantity=quantity)


@pytest.fixture
async def bench() -> Bench:
    bench = Bench()
    await bench.happen(ev.GOODS_RECEIVED, move("@supplier", "R-01", 10))
    document = {"kind": "policy", "key": f"J1.{GTIN}", "version": 1, "data": POLICY}
    await bench.happen(ev.DOCUMENT_CHANGED, **document)
    return bench


async def test_enough_stock_fires_nothing(bench: Bench) -> None:
    async with bench.projecting():
        pass
    assert bench.triggers() == []
    assert bench.projector.facts.position(GTIN, bench.today) == 10


async def test_stock_that_falls_to_the_reorder_point_fires_once(bench: Bench) -> None:
    async with bench.projecting():
        for _ in range(8):
            await bench.happen(ev.GOODS_PICKED, move("R-01", "PACK", 1))
            await bench.caught_up()
    (trigger,) = bench.triggers()
    assert trigger["position_units"] == 5
    assert trigger["item"] == GTIN


async def test_a_policy_that_comes_late_fires_on_the_stock_there_is(bench: Bench) -> None:
    raised = {**POLICY, "reorder_point_units": 6}
    document = {"kind": "policy", "key": f"J1.{GTIN}", "version": 2, "data": raised}
    async with bench.projecting():
        await bench.happen(ev.GOODS_PICKED, move("R-01", "PACK", 4))
        await bench.caught_up()
        assert bench.triggers() == []
        await bench.happen(ev.DOCUMENT_CHANGED, **document)
    (trigger,) = bench.triggers()
    assert trigger["position_units"] == 6


async def put(bench: Bench, kind: str, key: str, data: dict[str, object] | None) -> None:
    document = {"kind": kind, "key": key, "version": 1, "deleted": data is None, "data": data}
    await bench.happen(ev.DOCUMENT_CHANGED, **document)


HOLD = {"id": "H", "kind": "hold", "item": GTIN, "reason": "torn"}
PAPER = {"id": "C", "type": "organic", "items": [GTIN], "valid_until": "2026-11-17"}


@pytest.mark.parametrize(
    "what", ["hold of the office", "recall", "hold of the warehouse", "paper"]
)
async def test_goods_that_may_not_be_sold_any_more_are_asked_for(bench: Bench, what: str) -> None:
    async with bench.projecting():
        await bench.caught_up()
        assert bench.triggers() == []
        if what == "hold of the office":
            await put(bench, "hold", "H", HOLD)
        elif what == "recall":
            await put(bench, "hold", "H", {**HOLD, "kind": "recall", "lot": None})
        elif what == "paper":
            await put(bench, "certificate", "C", PAPER)
        else:
            await bench.happen(ev.LOT_HELD, item=GTIN, reason="smells")
    (trigger,) = bench.triggers()
    assert trigger["position_units"] == 0


async def test_a_lot_that_ends_with_its_day_is_asked_for_in_the_morning(bench: Bench) -> None:
    async with bench.projecting():
        lot = ev.Line(
            item=GTIN, lot="L", from_location="@supplier", to_location="R-01", quantity=9
        )
        await bench.happen(ev.LOT_CREATED, item=GTIN, lot="L", expiry="2026-11-18")
        await bench.happen(ev.GOODS_RECEIVED, lot)
        await bench.happen(ev.GOODS_PICKED, move("R-01", "PACK", 6))
        await bench.caught_up()
        assert bench.projector.facts.position(GTIN, bench.today) == 13
        assert bench.triggers() == [], "its last day is still good"
        bench.today = "2026-11-19"
        await bench.happen(ev.TAG_LEFT, read_point="d.1", epc="3034")
    (trigger,) = bench.triggers()
    assert trigger["position_units"] == 4


async def test_a_hold_that_is_taken_back_makes_goods_usable_again(bench: Bench) -> None:
    async with bench.projecting():
        await put(bench, "hold", "H", HOLD)
        await bench.caught_up()
        assert bench.projector.facts.position(GTIN, bench.today) == 0
        await put(bench, "hold", "H", None)
        await bench.caught_up()
        assert bench.projector.facts.position(GTIN, bench.today) == 10
        assert bench.projector.facts.triggers["reorder_point", GTIN].is_armed, (
            "it may fire once more"
        )


async def test_a_burst_folded_at_once_fires_once(bench: Bench) -> None:
    for _ in range(10):
        await bench.happen(ev.GOODS_PICKED, move("R-01", "PACK", 1))
    async with bench.projecting():
        pass
    assert len(bench.triggers()) == 1


async def test_effects_and_cursor_are_handed_over_together(bench: Bench) -> None:
    async with bench.projecting():
        pass
    consumer, statements = bench.journal.effects[0]
    assert consumer == CONSUMER
    assert any("insert into stock" in sql for sql, _ in statements)


async def test_it_starts_with_the_last_sales_and_reads_no_other_event(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    await bench.happen(ev.GOODS_RECEIVED, move("@supplier", "DOCK", 9))
    await bench.happen("order.shipped", move("DOCK", keys.CUSTOMER, 2))
    await bench.happen(ev.GOODS_RECEIVED, move("@supplier", "DOCK", 9))
    await bench.journal.advance(CONSUMER, to_seq=bench.journal.last_seq)
    begun: list[list[str]] = []
    read: list[int] = []

    def count_reading(row: Row) -> ev.Event:
        read.append(row.seq)
        return event_of(row)

    monkeypatch.setattr(module, "event_of", count_reading)
    monkeypatch.setattr(
        TriggerWatch, "begin", lambda self, facts, recent: begun.append([it.type for it in recent])
    )
    await bench.projector.load()
    assert (begun, read) == ([["order.shipped"]], [4])


async def test_it_starts_where_rows_have_left(tmp_path: Path) -> None:
    clock = FakeClock()
    async with opened(tmp_path, clock=clock) as store:
        for n in range(1, 6):
            event = ev.Event(
                event_id=f"00000000-0000-7000-8000-{n:012x}", type=ev.GOODS_PICKED, version=1,
                occurred_at_us=clock.wall_us(), received_at_us=clock.wall_us(), warehouse="J1",
                lines=(move("R-01", "PACK", 1),),
            )  # fmt: skip
            draft = Draft(event.event_id, event.type, clock.wall_us(), ev.encode_event(event))
            await store.append([Entry((draft,))])
        for consumer in CONSUMERS:
            await store.advance(consumer, to_seq=5)
        assert await store.prune(older_than_us=2**60) == 4
    async with opened(tmp_path, clock=clock) as store:
        projector = projector_on(store, clock, watch(clock, quiet_us=1))
        await projector.load()
        assert projector.facts.seq == 5
