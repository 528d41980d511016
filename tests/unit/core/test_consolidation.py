"""Pins the one plan of a central warehouse and all that it serves: what they need is bought, dark
ones are estimated and marked, and one that is back is held against its estimate."""

from __future__ import annotations

import json
from typing import cast

import pytest

from cloud_sync.contract import events as ev
from cloud_sync.contract import served as told
from cloud_sync.contract.plans import PlanBody
from gateway.core.facts import Facts
from gateway.core.min_max import min_max_result
from gateway.core.outlook import look_at
from gateway.core.planning import Moment, Search, Snapshot, make_plans, take_snapshot
from gateway.core.solving import solve_job
from gateway.services.plan_command import render
from tests.fakes.central_facts import ITEM, OTHER, TODAY, central, change, event, fold, trigger

DAY_US = 86_400_000_000
NOW_US = 100 * DAY_US
DARK_US = DAY_US // 6
SEARCH = Search("hybrid", 1, 5.0)


def stock(number: int, place: str, item: str = ITEM, **row: object) -> ev.Event:
    """The page with one item of a warehouse."""
    columns: dict[str, object] = {
        "on_hand": 100, "on_order": 0, "allocated": 0, "planned": 0, "reorder_point": 60,
        "demand_per_day": 40.0, "demand_sd_per_day": 0.0, "lead_time_days": 1.0,
    }  # fmt: skip
    page = told.page_of(item)
    data = {name: [value] for name, value in (columns | row).items()}
    content = {"warehouse": "K1", "of": place, "items": [item], **data}
    return change(number, told.SERVED_STOCK, f"K1.{place}.{page:02d}", content)


def heard(number: int, place: str, at_us: int = NOW_US) -> ev.Event:
    content = {"warehouse": "K1", "of": place, "heard_at_us": at_us}
    return change(number, told.SERVED, f"K1.{place}", content)


def terms(number: int, item: str, supplier: str, *, least: int = 0) -> ev.Event:
    content = {
        "warehouse": "K1", "items": [item], "supplier": [supplier], "lead_time_days": [3.0],
        "minimum_order_units": [least],
    }  # fmt: skip
    return change(number, told.TERMS, f"K1.{told.page_of(item):02d}", content)


def snapshot(facts: Facts, now_us: int = NOW_US) -> Snapshot:
    moment = Moment(TODAY, now_us, DARK_US)
    return take_snapshot(facts, [trigger()], moment=moment, search=SEARCH)


def plans(facts: Facts, *, is_solved: bool = True, now_us: int = NOW_US) -> list[PlanBody]:
    taken = snapshot(facts, now_us)
    job = taken.job
    result = solve_job(job.model_dump()) if is_solved else min_max_result(job, "no solver")
    return make_plans(
        result, taken, facts, triggers=[trigger()], computed_at_us=now_us,
        plan_ids=iter(["PL-000000000001", "PL-000000000002", "PL-000000000003"]), language="en",
    )  # fmt: skip


def propose(facts: Facts, plan: PlanBody, number: int = 500) -> None:
    body = json.loads(json.dumps(plan.model_dump(exclude_none=True)))
    fold(facts, event(number, ev.PLAN_PROPOSED, body=body, occurred_at_us=plan.computed_at_us))


def needs(plan: PlanBody) -> dict[str, tuple[bool, int]]:
    return {it.warehouse: (it.is_dark, it.units) for it in plan.needs}


def position_in_job(taken: Snapshot) -> int:
    (sku,) = (sku for sku in taken.job.skus if sku.gtin == ITEM)
    return sku.on_hand_units


def test_what_others_need_is_as_good_as_gone() -> None:
    facts = central()
    fold(facts, heard(20, "J1"), stock(21, "J1", on_hand=10))
    fold(facts, heard(22, "J2"), stock(23, "J2", on_hand=61))
    # s = 60: J1 orders up to the demand of lead time and review, 40 x 3 = 120; J2 is above.
    assert snapshot(facts).extra == {ITEM: 120}, "110 units, in whole packs of twelve"
    assert position_in_job(snapshot(facts)) == 900 - 120


@pytest.mark.parametrize(
    ("row", "units"),
    [
        ({"on_hand": 10, "on_order": 60}, 0),
        ({"on_hand": 70, "allocated": 20}, 72),
        ({"on_hand": 90, "planned": 33}, 33),
        ({"on_hand": -10}, 132),
    ],
)
def test_a_need_is_the_plan_that_waits_or_what_the_rule_would_order(
    row: dict[str, object], units: int
) -> None:
    facts = central()
    fold(facts, heard(20, "J1"), stock(21, "J1", **row))
    assert snapshot(facts).extra.get(ITEM, 0) == units


def test_a_dark_warehouse_is_estimated_and_marked() -> None:
    facts = central()
    fold(facts, heard(20, "J1", NOW_US - 2 * DAY_US), stock(21, "J1", on_order=12, planned=33))
    plan = plans(facts)[0]
    # 100 - 2 x 40 = 20, and 12 are due: 88 are missing to 120, in packs 96; the plan that waited
    # two days ago says nothing about today.
    assert needs(plan)["J1"] == (True, 96)
    assert {"warehouse": "J1", "days": 2.0, "units": 96} in cast(
        list[object], plan.explanation["dark"]
    )
    propose(facts, plan)
    shown = "\n".join(render(facts.plans[plan.plan_id]))
    assert "2.0 days before, DARK: estimated" in shown
    assert "never: planned by the network document" in shown


def test_an_estimate_is_never_below_nothing() -> None:
    facts = central()
    fold(facts, heard(20, "J1", NOW_US - 50 * DAY_US), stock(21, "J1"))
    assert needs(plans(facts)[0])["J1"] == (True, 120)


def test_a_warehouse_is_dark_only_beyond_the_limit_and_never_by_a_clock_that_is_behind() -> None:
    facts = central()
    fold(facts, stock(20, "J1", on_hand=90), heard(21, "J1", NOW_US - DARK_US))
    assert needs(plans(facts)[0])["J1"] == (False, 0)
    assert needs(plans(facts, now_us=NOW_US + 1)[0])["J1"][0]
    assert needs(plans(facts, now_us=NOW_US - 90 * DAY_US)[0])["J1"] == (False, 0)


def test_with_the_uplink_down_all_grow_dark_and_are_planned_still() -> None:
    facts = central()
    for n in range(1, 33):
        fold(facts, heard(20 + n, f"J{n}"), stock(60 + n, f"J{n}"))
    assert not any(dark for dark, _ in needs(plans(facts)[0]).values())
    later = plans(facts, now_us=NOW_US + 7 * DAY_US)[0]
    assert len(later.needs) == 32
    assert all(dark and units == 120 for dark, units in needs(later).values())
    assert later.network_plan, "a solver made it"
    assert {line.item for line in later.lines} >= {ITEM}


def test_the_network_is_planned_at_the_demand_of_today() -> None:
    facts = central()
    fold(facts, heard(20, "J1"), stock(21, "J1", demand_per_day=30.0, demand_sd_per_day=3.0))
    fold(facts, heard(22, "J2"), stock(23, "J2", demand_per_day=0.0))
    places = cast(list[dict[str, object]], snapshot(facts).job.network["warehouses"])
    products = {str(it["id"]): cast(dict[str, dict[str, object]], it["products"]) for it in places}
    ambient = products["J1"]["ambient"]
    assert (ambient["demand_kg_per_day"], ambient["demand_sd_kg"]) == (30.0, 3.0)
    document = cast(list[dict[str, object]], cast(dict[str, object], facts.network)["warehouses"])
    assert places[1] == document[1], "nobody sells it at J2: the document stands"
    assert products["J1"]["frozen"] == cast(dict[str, object], document[0]["products"])["frozen"]


@pytest.mark.parametrize("is_solved", [True, False])
def test_there_is_a_proposal_for_each_supplier(is_solved: bool) -> None:
    facts = central()
    fold(facts, terms(20, ITEM, "ACME", least=1000), terms(21, OTHER, "BELL"))
    fold(facts, heard(22, "J1"), stock(23, "J1", on_hand=0, demand_per_day=600.0))
    found = plans(facts, is_solved=is_solved)
    suppliers = {plan.supplier: {line.item for line in plan.lines} for plan in found}
    assert suppliers == {"ACME": {ITEM}, "BELL": {OTHER}}
    assert {plan.source for plan in found} == {"@supplier"}
    (line,) = next(plan.lines for plan in found if plan.supplier == "ACME")
    assert line.quantity >= 1000
    assert line.quantity % 12 == 0
    answered = [name for plan in found for name in plan.triggers]
    assert answered == [trigger().event_id], "one trigger has one answer"


def test_a_line_says_the_true_position_and_a_level_with_the_needs_on_top() -> None:
    facts = central()
    fold(facts, heard(20, "J1"), stock(21, "J1", on_hand=0, reorder_point=600,
                                       demand_per_day=300.0))  # fmt: skip
    plan = plans(facts, is_solved=False)[0] if position_in_job(snapshot(facts)) <= 500 else None
    assert plan is not None
    line = next(it for it in plan.lines if it.item == ITEM)
    assert line.position_units == facts.position(ITEM, TODAY) == 900
    assert line.order_up_to_units >= 900 + 900


def strain_after(facts: Facts, now_us: int = NOW_US) -> tuple[int, bool]:
    look = look_at(facts, ITEM, TODAY, now_us)
    assert look is not None
    assert look.strain is not None
    return look.strain.off_units, look.strain.is_far


def test_a_dark_warehouse_that_is_back_is_held_against_its_estimate() -> None:
    facts = central()
    fold(facts, heard(20, "J1", NOW_US - 50 * DAY_US), stock(21, "J1", demand_per_day=400.0))
    plan = plans(facts, is_solved=False)[0]
    propose(facts, plan)
    estimated = needs(plan)["J1"][1]
    assert estimated == 1200
    assert strain_after(facts) == (0, False)
    # It sold nothing at all in that time: nothing is needed of what was bought for it.
    fold(facts, stock(31, "J1", demand_per_day=400.0, on_hand=5000))
    assert strain_after(facts) == (0, False), "before it is heard of that is an older page"
    fold(facts, heard(32, "J1", NOW_US + 1))
    assert strain_after(facts) == (estimated, True)
    # As it was estimated: what was planned stands.
    fold(facts, stock(33, "J1", demand_per_day=400.0, on_hand=0))
    assert strain_after(facts) == (0, False)


def test_what_a_heard_warehouse_takes_as_it_said_makes_no_plan_stale() -> None:
    facts = central()
    fold(facts, heard(20, "J1"), stock(21, "J1", on_hand=0, demand_per_day=400.0))
    propose(facts, plans(facts)[0])
    before = strain_after(facts)
    data = {
        "id": "TR-1", "source": "K1", "destination": "J1", "status": "ordered",
        "ordered": [{"item": ITEM, "quantity": 1200}],
    }  # fmt: skip
    fold(facts, change(40, "transfer", "TR-1", data))
    assert before == strain_after(facts) == (0, False)


def test_a_page_touches_its_items_and_a_warehouse_that_is_gone_leaves() -> None:
    facts = central()
    fold(facts, heard(20, "J1"), stock(21, "J1", on_hand=0))
    assert snapshot(facts).extra == {ITEM: 120}
    name = f"K1.J1.{told.page_of(ITEM):02d}"
    gone = {"kind": told.SERVED_STOCK, "key": name, "version": 2, "deleted": True}
    fold(facts, event(22, ev.DOCUMENT_CHANGED, body=gone))
    assert snapshot(facts).extra == {}


def test_a_warehouse_that_is_no_central_one_plans_for_itself() -> None:
    facts = central()
    facts.warehouse = "J1"
    fold(facts, heard(20, "J2"), stock(21, "J2", on_hand=0))
    taken = snapshot(facts)
    assert (taken.extra, taken.whole.needs) == ({}, ())
