"""Pins a week without the cloud: plans go on day by day on local truth, what is proposed counts as
on order, and when the cloud has made deliveries and transfers of them nothing is ordered twice."""

from __future__ import annotations

import json
from collections import Counter

from cloud_sync.contract import documents as doc
from cloud_sync.contract import events as ev
from cloud_sync.contract.plans import PlanBody
from cloud_sync.inbox.orders import make_documents
from gateway.core.facts import Facts
from gateway.core.min_max import min_max_result
from gateway.core.outlook import look_at
from gateway.core.planning import Moment, Search, make_plans, take_snapshot
from gateway.core.triggers import triggers_of
from tests.fakes.central_facts import CASE, ITEM, central, change, event, fold

DAY_US = 86_400_000_000
START_US = 20_000 * DAY_US
PER_DAY = 25


def day_of(day: int) -> str:
    return f"2024-10-{4 + day:02d}"


class Warehouse:
    """J1 by itself: it sells, its triggers fire, and its plans are journaled; nothing comes."""

    def __init__(self) -> None:
        self.facts = Facts("J1")
        self.n = 0
        self.plans: list[PlanBody] = []
        self.keys: Counter[str] = Counter()
        self.happen(doc.NETWORK, "network", json.loads(CASE.read_text()))
        self.happen(
            doc.ITEM,
            ITEM,
            {
                "gtin": ITEM,
                "names": {"en": "rice"},
                "zone": "ambient",
                "grams_per_unit": 500,
                "case_pack_units": 6,
            },
        )
        self.happen(
            doc.POLICY,
            f"J1.{ITEM}",
            {
                "warehouse": "J1",
                "gtin": ITEM,
                "demand_units_per_day": float(PER_DAY),
                "demand_sd_units_per_day": 5.0,
                "reorder_point_units": 40,
                "lead_time_days": 1.0,
            },
        )
        self.move("@supplier", "R-1", 100)  # fmt: skip

    def happen(self, kind: str, key: str, data: dict[str, object]) -> None:
        self.n += 1
        fold(self.facts, change(self.n, kind, key, data))

    def move(self, source: str, target: str, units: int) -> None:
        self.n += 1
        line = ev.Line(item=ITEM, from_location=source, to_location=target, quantity=units)
        fold(self.facts, event(self.n, ev.GOODS_MOVED, line, warehouse="J1"))

    def pass_day(self, day: int) -> None:
        now_us = START_US + day * DAY_US
        self.move("R-1", "@customer", PER_DAY)
        look = look_at(self.facts, ITEM, day_of(day), now_us)
        assert look is not None
        bodies, states = triggers_of(
            look, self.facts.triggers, now_us=now_us, quiet_us=3_600_000_000, language="en"
        )
        self.facts.triggers.update(states)
        for body in bodies:
            self.keys[body.key] += 1
        if bodies:
            self.plan([body.model_dump(exclude_none=True) for body in bodies], day, now_us)

    def plan(self, bodies: list[dict[str, object]], day: int, now_us: int) -> None:
        fired = []
        for body in bodies:
            self.n += 1
            it = event(self.n, ev.REPLENISHMENT_TRIGGERED, warehouse="J1", body=body)
            fired.append(it)
            fold(self.facts, it)
        moment = Moment(day_of(day), now_us, 10**12)
        taken = take_snapshot(self.facts, fired, moment=moment, search=Search("hybrid", 1, 5.0))
        found = make_plans(
            min_max_result(taken.job, "no solver in this test"), taken, self.facts,
            triggers=fired, computed_at_us=now_us,
            plan_ids=iter([f"PL-{self.n:012d}"]), language="en",
        )  # fmt: skip
        for plan in found:
            self.n += 1
            body = json.loads(json.dumps(plan.model_dump(exclude_none=True)))
            fold(self.facts, event(self.n, ev.PLAN_PROPOSED, warehouse="J1", body=body))
            self.plans.append(plan)

    @property
    def ordered(self) -> int:
        return sum(line.quantity for plan in self.plans for line in plan.lines)


def test_a_dark_week_orders_what_is_sold_once_and_nothing_twice() -> None:
    here = Warehouse()
    positions = []
    for day in range(7):
        here.pass_day(day)
        positions.append(here.facts.position(ITEM, day_of(day)))
    # 100 at first, 175 were sold; the level is 75 and z deviations of a day's five.
    level = max(line.order_up_to_units for plan in here.plans for line in plan.lines)
    assert len(here.plans) >= 2, "planning goes on while nobody answers"
    assert set(here.keys.values()) == {1}
    assert max(positions) <= level + 5, "never more than the level, but for a case"
    assert here.ordered == positions[-1] - 100 + 7 * PER_DAY
    # The cloud is back and has made deliveries of the plans, in whatever order they come.
    before = here.facts.on_order(ITEM)
    for plan in reversed(here.plans):
        _, asn = make_documents(plan)
        here.happen(doc.ASN, asn.id, asn.model_dump(exclude_none=True))
    assert here.facts.on_order(ITEM) == before == here.ordered
    look = look_at(here.facts, ITEM, day_of(6), START_US + 6 * DAY_US)
    assert look is not None
    assert triggers_of(
        look, here.facts.triggers, now_us=START_US + 6 * DAY_US, quiet_us=0, language="en"
    )[0] == []  # fmt: skip


def test_what_came_of_a_dark_week_is_allocated_once_at_the_centre() -> None:
    here, centre = Warehouse(), central()
    for day in range(7):
        here.pass_day(day)
    before = centre.allocated(ITEM)
    for _ in range(2):  # told twice it is the same
        for n, plan in enumerate(here.plans):
            transfer, _ = make_documents(plan)
            assert transfer is not None
            content = transfer.model_dump(exclude_none=True)
            fold(centre, change(900 + n, doc.TRANSFER, transfer.id, content))
    assert centre.allocated(ITEM) - before == here.ordered
