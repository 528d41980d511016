"""Pins that triggers do not depend on how the journal is read: any batches, any restarts, the same
keys; and that a storm of them is planned once."""

from __future__ import annotations

import asyncio
import json
import tempfile
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cloud_sync.contract import events as ev
from gateway.journal.store import JournalStore
from gateway.ports import Draft, Entry
from gateway.services.projector import CONSUMER, Projector
from tests.fakes.clock import START_US, FakeClock
from tests.fakes.trigger_watch import watch
from tests.rigs.journal import opened
from tests.rigs.projecting import projector_on

pytestmark = pytest.mark.slow

ITEMS = ("09506000134352", "00614141123452")
LOTS = {"L1": "2026-11-19", "L2": "2026-11-21", "L3": "2027-11-21"}
TODAY = "2026-11-18"
HOUR_US = 3_600_000_000

Step = tuple[str, int, str, int, int]
"""What happens, to which item and lot, how much, how many minutes after the last."""

steps = st.lists(
    st.tuples(
        st.sampled_from(
            ["receive", "pick", "pick", "pick", "waste", "hold", "release", "count", "asn",
             "order", "policy"]
        ),
        st.integers(0, 1),
        st.sampled_from(sorted(LOTS)),
        st.integers(1, 25),
        st.sampled_from([0, 0, 1, 20, 70, 150]),
    ),
    max_size=40,
)  # fmt: skip
cuts = st.lists(st.tuples(st.integers(1, 12), st.booleans()), max_size=12)


def policy(item: str, reorder_point: int) -> dict[str, object]:
    return {
        "warehouse": "J1", "gtin": item, "demand_units_per_day": 10.0,
        "demand_sd_units_per_day": 2.0, "reorder_point_units": reorder_point,
        "lead_time_days": 0.5,
    }  # fmt: skip


def document(kind: str, key: str, data: dict[str, object]) -> dict[str, object]:
    return {"kind": kind, "key": key, "version": 1, "deleted": False, "data": data}


def body_of(step: Step, number: int) -> tuple[str, dict[str, object], tuple[ev.Line, ...]]:
    """The type, body and lines of the event that a step is."""
    what, i_item, lot, quantity, _ = step
    item = ITEMS[i_item]
    ways = {"receive": ("@supplier", "R-1"), "pick": ("R-1", "PACK"), "waste": ("R-1", "@waste")}
    if what in ways:
        source, target = ways[what]
        line = ev.Line(
            item=item, lot=lot, from_location=source, to_location=target, quantity=quantity
        )
        kinds = {"receive": ev.GOODS_RECEIVED, "pick": ev.GOODS_PICKED, "waste": ev.STOCK_WASTED}
        return kinds[what], {}, (line,)
    if what == "hold":
        return ev.LOT_HELD, {"item": item, "lot": lot, "reason": "exposure"}, ()
    if what == "release":
        return ev.LOT_RELEASED, {"item": item, "lot": lot}, ()
    if what == "count":
        said = {"item": item, "lot": lot, "location": "R-1", "quantity": quantity}
        return ev.COUNT_OBSERVED, {"assertions": [said]}, ()
    if what == "policy":
        return ev.DOCUMENT_CHANGED, document("policy", f"J1.{item}", policy(item, quantity)), ()
    lines = [{"item": item, "quantity": quantity}]
    if what == "order":
        data: dict[str, object] = {"id": f"O-{number}", "warehouse": "J1", "lines": lines}
    else:
        data = {
            "id": f"ASN-{i_item}", "warehouse": "J1", "source": "@supplier",
            "status": "dispatched", "ordered": lines,
            "expected_at_us": START_US + quantity * HOUR_US,
        }  # fmt: skip
    return ev.DOCUMENT_CHANGED, document(what, str(data["id"]), data), ()


def history(wanted: Sequence[Step]) -> list[ev.Event]:
    """Lots and policies first, then what was drawn, minutes apart."""
    beginning = [(ev.DOCUMENT_CHANGED, document("policy", f"J1.{it}", policy(it, 12)), ())
                 for it in ITEMS]  # fmt: skip
    beginning += [
        (ev.LOT_CREATED, {"item": item, "lot": lot, "expiry": expiry}, ())
        for item in ITEMS
        for lot, expiry in LOTS.items()
    ]
    made = [body_of(step, n) for n, step in enumerate(wanted)]
    at_us, events = START_US, []
    pauses = [0] * len(beginning) + [step[4] for step in wanted]
    for number, ((kind, body, lines), minutes) in enumerate(
        zip([*beginning, *made], pauses, strict=True), 1
    ):
        at_us += minutes * 60_000_000
        events.append(
            ev.Event(
                event_id=f"00000000-0000-7000-8000-{number:012x}", type=kind, version=1,
                occurred_at_us=at_us, received_at_us=at_us, warehouse="J1", lines=lines,
                body=body,
            )
        )  # fmt: skip
    return events


async def keys_of(path: Path, events: list[ev.Event], sizes: list[tuple[int, bool]]) -> list[str]:
    """The keys fired when the journal is read in batches of these sizes, with these restarts."""
    clock, numbers = FakeClock(), iter(range(10_000, 20_000))
    entries = [
        Entry((Draft(event.event_id, event.type, event.occurred_at_us, ev.encode_event(event)),))
        for event in events
    ]

    def projector(store: JournalStore) -> Projector:
        made = watch(
            clock,
            new_id=lambda: f"00000000-0000-7000-8000-{next(numbers):012x}",
            quiet_us=HOUR_US,
            today=lambda: TODAY,
        )
        return projector_on(store, clock, made)

    async with opened(path, clock=clock) as store:
        await store.append(entries)
        folding = projector(store)
        await folding.load()
        plan = iter(sizes)
        while rows := await store.read(
            after_seq=await store.cursor(CONSUMER), limit=(size := next(plan, (1000, False)))[0]
        ):
            await folding.take(rows)
            if size[1]:
                folding = projector(store)
                await folding.load()
        rows = await store.read(after_seq=0, limit=10_000)
    bodies = [json.loads(it.body)["body"] for it in rows if it.type == ev.REPLENISHMENT_TRIGGERED]
    return sorted(str(body["key"]) for body in bodies)


@settings(max_examples=25, deadline=None)
@given(steps, cuts)
def test_triggers_are_the_same_however_the_journal_is_read(
    wanted: list[Step], sizes: list[tuple[int, bool]]
) -> None:
    events = history(wanted)
    with tempfile.TemporaryDirectory() as one, tempfile.TemporaryDirectory() as other:
        at_once = asyncio.run(keys_of(Path(one), events, []))
        in_pieces = asyncio.run(keys_of(Path(other), events, sizes))
        assert in_pieces == at_once
        assert len(set(at_once)) == len(at_once)


async def test_a_row_at_a_time_with_a_restart_after_each_fires_the_same(tmp_path: Path) -> None:
    wanted: list[Step] = [
        ("receive", 0, "L3", 25, 0), ("pick", 0, "L3", 14, 1), ("receive", 0, "L1", 25, 1),
        ("hold", 0, "L1", 1, 150), ("release", 0, "L1", 1, 1), ("order", 0, "L3", 20, 150),
    ]  # fmt: skip
    events = history(wanted)
    at_once = await keys_of(tmp_path / "a", events, [])
    singly = await keys_of(tmp_path / "b", events, [(1, True)] * 60)
    assert at_once == singly
    assert {key.partition(":")[0] for key in at_once} == {"excursion", "expiring", "reorder_point"}
