"""Pins planning at a central warehouse: what it owes others is not on hand, what it buys for all
that it serves is a proposal for procurement, by the solver or by the stock levels."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import cast

from cloud_sync.contract import documents as doc
from cloud_sync.contract import events as ev
from cloud_sync.inventory.folding import step
from gateway.core.facts import Facts
from gateway.core.min_max import min_max_result
from gateway.core.planning import Search, sound, take_snapshot
from gateway.core.projection import apply_effects, effects_of
from gateway.core.solving import solve_job

ITEM, OTHER = "09506000134352", "00614141123452"
CASE = Path(__file__).resolve().parents[3] / "device_sim/cases/m_company.json"
TODAY = "2026-11-18"


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


def snapshot(facts: Facts, solver: str = "hybrid") -> dict[str, object]:
    search = Search(solver, 1, 5.0)
    return take_snapshot(facts, [trigger()], today=TODAY, search=search).job.model_dump()


def test_what_is_owed_to_others_is_allocated_until_it_has_left() -> None:
    facts = central()
    fold(facts, transfer(10, "J1", 300), transfer(11, "J2", 200))
    assert facts.position(ITEM, TODAY) == 400
    sent = event(
        12, ev.TRANSFER_DISPATCHED, move("R-1", "@transit.TR-J1", 120),
        documents=(ev.Document(type="transfer", id="TR-J1"),),
    )  # fmt: skip
    fold(facts, sent)
    assert (facts.units_on_hand(ITEM, TODAY), facts.allocated(ITEM)) == (780, 380)
    assert facts.position(ITEM, TODAY) == 400, "sending what was owed changes nothing"
    fold(facts, transfer(13, "J1", 300, "received"), transfer(14, "J2", 200, "received"))
    assert facts.allocated(ITEM) == 0


def test_a_transfer_touches_the_items_it_asks_for() -> None:
    facts = central()
    effects = effects_of([(20, transfer(20, "J1", 300))], "K1")
    assert ITEM in effects.touched_items(facts)


def test_the_solver_proposes_what_to_buy_for_all_that_is_served() -> None:
    facts = central()
    fold(facts, transfer(10, "J1", 600))
    job = snapshot(facts)
    result = solve_job(job)
    by_source = sound(result, take_snapshot(facts, [trigger()], today=TODAY,
                                            search=Search("hybrid", 1, 5.0)).job)  # fmt: skip
    assert list(by_source) == ["@supplier"]
    products = cast(
        list[dict[str, object]], cast(dict[str, object], result["network_plan"])["products"]
    )
    ambient = next(it for it in products if it["id"] == "ambient")
    (purchase,) = cast(list[dict[str, object]], ambient["central"])
    assert sum(line.quantity for line in by_source["@supplier"]) <= cast(
        float, purchase["quantity_kg"]
    )
    positions = {line.item: line.position_units for line in by_source["@supplier"]}
    assert positions == {ITEM: 300, OTHER: 0}


def test_the_stock_levels_ask_the_supplier_too() -> None:
    facts = central()
    fold(facts, transfer(10, "J1", 600))
    job = take_snapshot(facts, [trigger()], today=TODAY, search=Search("hybrid", 1, 5.0)).job
    result = min_max_result(job, "why")
    lines = cast(list[dict[str, object]], result["lines"])
    assert Counter(str(line["source"]) for line in lines) == {"@supplier": 2}


def test_the_same_job_gives_the_same_plan() -> None:
    job = snapshot(central())
    one, other = solve_job(job), solve_job(job)
    for result in (one, other):
        run = cast(dict[str, object], cast(dict[str, object], result["network_plan"])["solver"])
        for how_long in ("seconds", "time_to_best_seconds"):
            run.pop(how_long)
    assert one == other
