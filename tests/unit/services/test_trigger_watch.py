"""Pins what a clock that is not to be believed does to triggers: nothing expires by it, and when
it is believed again what has expired is asked for once."""

from __future__ import annotations

import json
from collections.abc import Sequence
from itertools import count

from cloud_sync.contract import documents as doc
from cloud_sync.contract import events as ev
from cloud_sync.inventory.folding import step
from gateway.core.facts import Facts
from gateway.core.projection import apply_effects, effects_of
from gateway.ports import Draft
from gateway.services.trigger_watch import Change, Found, TriggerWatch
from tests.fakes.clock import START_US, FakeClock
from tests.fakes.trigger_watch import watch

ITEM = "09506000134352"
numbers = count(1)


def event(event_type: str, /, *lines: ev.Line, **body: object) -> ev.Event:
    return ev.Event(
        event_id=f"00000000-0000-7000-8000-{next(numbers):012x}", type=event_type, version=1,
        occurred_at_us=START_US, received_at_us=START_US, warehouse="J1", lines=lines, body=body,
    )  # fmt: skip


def after(watching: TriggerWatch, facts: Facts, *events: ev.Event) -> Sequence[Draft]:
    """What is fired after a run."""
    rows = list(enumerate(events, facts.seq + 1))
    effects = effects_of(rows, "J1")
    placed = facts.book.place(rows)
    effects.stock = facts.book.take(placed, step(placed))
    apply_effects(facts, effects)
    facts.seq, found = rows[-1][0], Found()
    change = Change(effects, effects.touched_items(facts), {}, START_US)
    watching.look(facts, change, found)
    return found.drafts


def test_a_clock_five_years_ahead_lets_nothing_expire_until_it_is_believed() -> None:
    day, is_good = ["2026-11-18"], [True]
    watching = watch(FakeClock(), today=lambda: day[0], is_trusted=lambda: is_good[0])
    facts = Facts("J1")
    policy = doc.Policy(
        warehouse="J1", gtin=ITEM, demand_units_per_day=1.0, demand_sd_units_per_day=0.0,
        reorder_point_units=5, lead_time_days=0.5,
    )  # fmt: skip
    put = {"kind": "policy", "key": f"J1.{ITEM}", "version": 1, "data": policy.model_dump()}
    came = ev.Line(item=ITEM, lot="L", from_location="@supplier", to_location="R-1", quantity=50)
    assert not after(
        watching,
        facts,
        event(ev.LOT_CREATED, item=ITEM, lot="L", expiry="2030-01-01"),
        event(ev.GOODS_RECEIVED, came),
        event(ev.DOCUMENT_CHANGED, **put),
    )
    day[0], is_good[0] = "2031-11-18", False
    assert not after(watching, facts, event(ev.TAG_LEFT, read_point="d.1", epc="3034"))
    assert not after(watching, facts, event(ev.GOODS_RECEIVED, came))
    is_good[0] = True
    fired = after(watching, facts, event(ev.TAG_LEFT, read_point="d.1", epc="3034"))
    bodies = [json.loads(draft.body)["body"] for draft in fired]
    assert [(body["cause"], body["position_units"]) for body in bodies] == [("reorder_point", 0)]
    assert not after(watching, facts, event(ev.TAG_LEFT, read_point="d.1", epc="3034"))
