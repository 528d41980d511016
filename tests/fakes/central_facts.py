"""A central warehouse's facts, folded from events, on M Company's network."""

from __future__ import annotations

import json
from pathlib import Path

from cloud_sync.contract import documents as doc
from cloud_sync.contract import events as ev
from cloud_sync.inventory.folding import step
from gateway.core.facts import Facts
from gateway.core.planning import Moment
from gateway.core.projection import apply_effects, effects_of

ITEM, OTHER = "09506000134352", "00614141123452"
CASE = Path(__file__).resolve().parents[2] / "device_sim/cases/m_company.json"
TODAY = "2026-11-18"
MOMENT = Moment(TODAY, now_us=0, dark_after_us=10**12)


def fold(facts: Facts, *events: ev.Event) -> None:
    rows = list(enumerate(events, facts.seq + 1))
    effects = effects_of(rows, facts.warehouse)
    placed = facts.book.place(rows)
    effects.stock = facts.book.take(placed, step(placed))
    apply_effects(facts, effects)
    for _, event in rows:
        facts.flows.apply(event)
    facts.seq = rows[-1][0]


def event(number: int, kind: str, *lines: ev.Line, **header: object) -> ev.Event:
    fields: dict[str, object] = {
        "event_id": f"00000000-0000-7000-8000-{number:012x}", "type": kind, "version": 1,
        "occurred_at_us": number, "received_at_us": number, "warehouse": "K1", "lines": lines,
    }  # fmt: skip
    return ev.Event(**(fields | header))  # type: ignore[arg-type]  # as named above


def change(number: int, kind: str, key: str, data: dict[str, object]) -> ev.Event:
    body = {"kind": kind, "key": key, "version": 1, "deleted": False, "data": data}
    return event(number, ev.DOCUMENT_CHANGED, body=body)


def transfer(number: int, destination: str, units: int, status: str = "ordered") -> ev.Event:
    data = {
        "id": f"TR-{destination}", "source": "K1", "destination": destination,
        "status": status, "ordered": [{"item": ITEM, "quantity": units}],
    }  # fmt: skip
    return change(number, doc.TRANSFER, f"TR-{destination}", data)


def move(source: str, target: str, units: int) -> ev.Line:
    return ev.Line(item=ITEM, from_location=source, to_location=target, quantity=units)


def central() -> Facts:
    facts = Facts("K1")
    documents = [
        change(1, doc.NETWORK, "network", json.loads(CASE.read_text())),
        *(
            change(2 + n, doc.ITEM, item, {
                "gtin": item, "names": {"en": f"item {n}"}, "zone": "ambient",
                "grams_per_unit": 1000, "case_pack_units": 12})
            for n, item in enumerate((ITEM, OTHER))
        ),
        *(
            change(4 + n, doc.POLICY, f"K1.{item}", {
                "warehouse": "K1", "gtin": item, "demand_units_per_day": 400.0,
                "demand_sd_units_per_day": 40.0, "reorder_point_units": 500,
                "lead_time_days": 1.0})
            for n, item in enumerate((ITEM, OTHER))
        ),
    ]  # fmt: skip
    fold(facts, *documents, event(9, ev.GOODS_RECEIVED, move("@supplier", "R-1", 900)))
    return facts


def trigger() -> ev.Event:
    return event(99, ev.REPLENISHMENT_TRIGGERED, body={"cause": "reorder_point", "item": ITEM})
