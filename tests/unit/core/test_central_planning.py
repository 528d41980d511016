"""Pins planning at a central warehouse: what it owes others is not on hand, what it buys for all
that it serves is a proposal for procurement, by the solver or by the stock levels."""

from __future__ import annotations

import json
from collections import Counter
from typing import cast

from cloud_sync.contract import events as ev
from gateway.core.facts import Facts
from gateway.core.min_max import min_max_result
from gateway.core.planning import Search, make_plans, sound, take_snapshot
from gateway.core.projection import effects_of
from gateway.core.solving import solve_job
from tests.fakes.central_facts import (
    ITEM,
    MOMENT,
    OTHER,
    TODAY,
    central,
    event,
    fold,
    move,
    transfer,
    trigger,
)


def snapshot(facts: Facts, solver: str = "hybrid") -> dict[str, object]:
    search = Search(solver, 1, 5.0)
    return take_snapshot(facts, [trigger()], moment=MOMENT, search=search).job.model_dump()


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
    by_source = sound(result, take_snapshot(facts, [trigger()], moment=MOMENT,
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
    job = take_snapshot(facts, [trigger()], moment=MOMENT, search=Search("hybrid", 1, 5.0)).job
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


def test_the_next_search_starts_from_the_plan_that_was_proposed_last() -> None:
    """As it stands in the journal, so over restarts; a rule's plan does not take its place."""
    facts = central()
    first = take_snapshot(facts, [trigger()], moment=MOMENT, search=Search("hybrid", 1, 5.0))
    assert first.job.warm_start is None
    result = solve_job(first.job.model_dump())
    for n, told in enumerate((result, min_max_result(first.job, "it crashed"))):
        (plan,) = make_plans(
            told, first, facts, triggers=[trigger()], computed_at_us=1, plan_ids=[f"PL-{n}"],
            language="en",
        )  # fmt: skip
        body = json.loads(plan.model_dump_json())
        fold(facts, event(30 + n, ev.PLAN_PROPOSED, body=body))
        assert snapshot(facts)["warm_start"] == result["network_plan"]
    assert solve_job(snapshot(facts))["fallback"] is None
