"""Pins the planner: triggers of one window share a plan, failures keep them, none is lost."""

import asyncio
import json
from collections.abc import Callable, Mapping
from itertools import count
from typing import cast

import pytest

from cloud_sync.contract import events as ev
from cloud_sync.contract.documents import Item, Policy
from cloud_sync.contract.plan_life import Step
from cloud_sync.contract.plans import DecisionBody
from gateway.clock import is_set
from gateway.core.facts import Facts, PlanRecord
from gateway.errors import PlanError
from gateway.ports import Draft, Entry
from gateway.services import planner as planner_module
from gateway.services.planner import CONSUMER, Planner
from gateway.services.supervisor import Heartbeats
from gateway.settings import PlannerSettings
from tests.fakes.clock import FakeClock
from tests.fakes.memory_journal import MemoryJournal
from tests.rigs.guard import GUARD_S

GTIN = "09506000134352"


class Bench:
    """A planner whose solver is a function of the test's."""

    def __init__(self) -> None:
        self.journal = MemoryJournal()
        self.jobs: list[Mapping[str, object]] = []
        self.faults: list[Exception | dict[str, object]] = []
        self.needs_goods = True
        self.is_shut_out = False
        self.heard_us: int | None = None
        self.facts = Facts("J1", network={"format": "forepost-network/1"})
        self.facts.items[GTIN] = Item(gtin=GTIN, names={"en": "M"}, zone="cold", grams_per_unit=9)
        self.facts.policies[GTIN] = Policy(
            warehouse="J1", gtin=GTIN, demand_units_per_day=1.0, demand_sd_units_per_day=0.0,
            reorder_point_units=5, lead_time_days=1.0,
        )  # fmt: skip
        self._ids = (f"00000000-0000-7000-8000-{n:012x}" for n in count(1))
        self.clock = FakeClock()
        self.planner = Planner(
            journal=self.journal,
            facts=lambda: self.facts,
            run_job=self._solve,
            settings=PlannerSettings(gather_s=0.0),
            clock=self.clock,
            new_id=self._ids.__next__,
            heartbeats=Heartbeats(self.clock),
            is_shut_out=lambda: self.is_shut_out,
            today=lambda: "2026-11-18",
            language="en",
            is_trusted=lambda: is_set(self.clock.wall_us()),
            heard_us=self._heard,
        )

    async def _heard(self) -> int | None:
        return self.heard_us

    async def _solve(self, job: Mapping[str, object]) -> dict[str, object]:
        await asyncio.sleep(0)
        self.jobs.append(job)
        if self.faults:
            fault = self.faults.pop(0)
            if isinstance(fault, Exception):
                raise fault
            return fault
        if not self.needs_goods:
            return {"network_plan": {"objective": 12.5}, "lines": [], "fallback": None}
        line = {"item": GTIN, "quantity": 24, "order_up_to_units": 30, "position_units": 6}
        return {
            "network_plan": {"objective": 12.5},
            "lines": [{**line, "source": "K1"}, {**line, "source": "K2"}],
            "fallback": None,
        }

    async def happen(self, event_type: str, **body: object) -> None:
        event = ev.Event(
            event_id=next(self._ids), type=event_type, version=1, occurred_at_us=1,
            received_at_us=1, warehouse="J1", body=body,
        )  # fmt: skip
        await self.journal.append(
            [Entry((Draft(event.event_id, event_type, 1, ev.encode_event(event)),))]
        )
        self.facts.seq = self.journal.last_seq

    async def until(self, is_done: Callable[[], bool]) -> None:
        async with asyncio.TaskGroup() as group:
            task = group.create_task(self.planner.run())
            async with asyncio.timeout(GUARD_S):
                while not is_done():
                    await asyncio.sleep(0)
            task.cancel()

    def events(self, event_type: str) -> list[ev.Event]:
        return [ev.parse_event(row.body) for row in self.journal.rows if row.type == event_type]

    def plans(self) -> list[dict[str, object]]:
        rows = [row for row in self.journal.rows if row.type == ev.PLAN_PROPOSED]
        return [json.loads(row.body)["body"] for row in rows]


@pytest.fixture
async def bench(monkeypatch: pytest.MonkeyPatch) -> Bench:
    monkeypatch.setattr(planner_module, "RETRY_S", 0.0)
    monkeypatch.setattr(planner_module, "LOOK_S", 0.0)
    return Bench()


async def test_triggers_of_one_window_share_one_run_of_the_solver(bench: Bench) -> None:
    for _ in range(3):
        await bench.happen(ev.REPLENISHMENT_TRIGGERED, item=GTIN)
    await bench.until(lambda: bool(bench.plans()))
    assert len(bench.jobs) == 1
    answered = [id_ for plan in bench.plans() for id_ in cast(list[str], plan["triggers"])]
    assert answered == [e.event_id for e in bench.events(ev.REPLENISHMENT_TRIGGERED)]


async def test_each_supplying_warehouse_gets_its_own_plan(bench: Bench) -> None:
    await bench.happen(ev.REPLENISHMENT_TRIGGERED, item=GTIN)
    await bench.until(lambda: bool(bench.plans()))
    plans = bench.plans()
    assert [plan["source"] for plan in plans] == ["K1", "K2"]
    assert len({plan["plan_id"] for plan in plans}) == 2


async def test_triggers_that_need_no_plan_any_more_are_told_so(bench: Bench) -> None:
    bench.needs_goods = False
    await bench.happen(ev.REPLENISHMENT_TRIGGERED, item=GTIN)
    await bench.happen(ev.REPLENISHMENT_TRIGGERED, item=GTIN)
    await bench.until(lambda: bench.journal.cursors.get(CONSUMER, 0) >= 2)
    fired = [e.event_id for e in bench.events(ev.REPLENISHMENT_TRIGGERED)]
    (decided,) = bench.events(ev.PLAN_DECIDED)
    decision = DecisionBody.model_validate(dict(decided.body))
    assert (decision.decision, decision.triggers, decision.based_on_seq) == (
        "superseded",
        fired,
        2,
    )
    assert decided.cause == fired[0]
    assert bench.plans() == []


async def test_other_events_make_no_plan_and_move_the_cursor(bench: Bench) -> None:
    await bench.happen(ev.GOODS_RECEIVED)
    await bench.until(lambda: bench.journal.cursors.get(CONSUMER) == 1)
    assert bench.jobs == []


NETWORK: dict[str, object] = {
    "format": "forepost-network/1",
    "products": [{"id": "cold", "vehicle": {"capacity_kg": 100.0}, "purchase_price": 2.0}],
    "central_warehouses": [
        {"id": "K9", "xy_km": [50, 0], "products": {"cold": {}}},
        {"id": "K1", "xy_km": [3, 0], "products": {"cold": {}}},
    ],
    "warehouses": [{"id": "J1", "xy_km": [0, 0], "products": {"cold": {"storage_kg": 100.0}}}],
}


@pytest.mark.parametrize(
    "fault",
    [
        "solver: out of memory",
        {"network_plan": {"objective": float("nan")}, "lines": []},
        {"network_plan": [], "lines": []},
        {"network_plan": {"objective": 1.0}, "lines": [{"item": GTIN, "quantity": -3}]},
        {"network_plan": {"objective": 1.0}, "lines": [
            {"item": "00614141123452", "quantity": 3, "order_up_to_units": 3,
             "position_units": 0, "source": "K1"}]},
    ],
)  # fmt: skip
async def test_a_solver_that_fails_or_lies_is_answered_by_the_stock_levels(
    bench: Bench, fault: str | dict[str, object]
) -> None:
    bench.facts.network = NETWORK
    bench.faults = [PlanError(fault) if isinstance(fault, str) else fault]
    await bench.happen(ev.REPLENISHMENT_TRIGGERED, item=GTIN)
    await bench.until(lambda: bool(bench.plans()))
    (plan,) = bench.plans()
    # S = demand of one day of lead time and two of review; nothing is there.
    assert plan["lines"] == [
        {"item": GTIN, "quantity": 3, "order_up_to_units": 3, "position_units": 0,
         "limited_by": "none"}
    ]  # fmt: skip
    assert plan["source"] == "K1", "the nearest"
    assert isinstance(fault, dict) or plan["fallback"] == fault
    assert str(plan["fallback"]).startswith("solver: ")
    assert len(bench.jobs) == 1


async def test_a_storm_is_planned_once_however_large(bench: Bench) -> None:
    n = 2500
    for _ in range(n):
        await bench.happen(ev.REPLENISHMENT_TRIGGERED, item=GTIN)
    await bench.until(lambda: bool(bench.plans()))
    await bench.until(lambda: bench.journal.cursors.get(CONSUMER) == bench.journal.last_seq)
    assert len(bench.jobs) == 1
    answered = [id_ for plan in bench.plans() for id_ in cast(list[str], plan["triggers"])]
    assert len(answered) == len(set(answered)) == n


async def test_a_plan_is_made_of_no_older_facts_than_what_called_for_it(bench: Bench) -> None:
    await bench.happen(ev.REPLENISHMENT_TRIGGERED, item=GTIN)
    bench.facts.seq = 0
    turns = count()
    await bench.until(lambda: next(turns) > 200)
    assert bench.jobs == []
    bench.facts.seq = 1
    await bench.until(lambda: bool(bench.plans()))
    assert all(plan["based_on_seq"] == 1 for plan in bench.plans())


async def test_a_stale_plan_gives_its_place_and_what_it_had_ordered(bench: Bench) -> None:
    bench.facts.plans["PL-1"] = PlanRecord("PL-1", "e", 1, {}, {GTIN: (20, 0)})
    bench.facts.take_step("PL-1", Step("propose", 1, "e"))
    bench.facts.ordered["ASN-1"] = {(GTIN, "EA"): 20}
    bench.facts.expecting[GTIN] = {"ASN-1"}
    await bench.happen(ev.REPLENISHMENT_TRIGGERED, item=GTIN, cause="stale_plan")
    await bench.until(lambda: bool(bench.plans()))
    (sku,) = cast(list[dict[str, object]], bench.jobs[0]["skus"])
    assert sku["on_order_units"] == 0
    assert [plan["supersedes"] for plan in bench.plans()] == [["PL-1"], ["PL-1"]]
    (decided,) = bench.events(ev.PLAN_DECIDED)
    said = DecisionBody.model_validate(dict(decided.body))
    assert (said.decision, said.plan_id, said.triggers) == ("superseded", "PL-1", [])
    assert said.reason == f"Plan {bench.plans()[0]['plan_id']} takes its place: facts have changed"


@pytest.mark.parametrize(
    ("limits", "why"),
    [
        ({"kg_max": 0.216}, None),
        ({"kg_max": 0.2}, "0.22 kg, 0.2 may go without a person's word"),
        ({"units_max": 23}, "24 units, 23 may go without a person's word"),
        ({"lines_max": 0}, "1 lines, 0 may go without a person's word"),
        ({"value_max": 0.4}, "Worth 0.43, 0.4 may go without a person's word"),
        ({"kg_maximum": 1}, "network: approval: ('kg_maximum',): Extra inputs are not permitted"),
    ],
)
async def test_a_plan_beyond_the_limits_waits_for_a_person(
    bench: Bench, limits: dict[str, float], why: str | None
) -> None:
    bench.facts.network = {**NETWORK, "approval": limits}
    await bench.happen(ev.REPLENISHMENT_TRIGGERED, item=GTIN)
    await bench.until(lambda: bool(bench.plans()))
    assert "approval" not in cast(dict[str, object], bench.jobs[0]["network"])
    plan = bench.plans()[0]
    assert (plan["approval"], plan.get("approval_reason")) == (
        ("automatic", None) if why is None else ("needed", why)
    )


async def test_nothing_is_planned_before_the_box_knows_the_time(bench: Bench) -> None:
    to_1970_s = -bench.clock.wall_us() / 1_000_000
    bench.clock.jump(to_1970_s)
    await bench.happen(ev.REPLENISHMENT_TRIGGERED, item=GTIN)
    n_turns = 0

    def has_waited() -> bool:
        nonlocal n_turns
        n_turns += 1
        return n_turns > 200

    await bench.until(has_waited)
    assert (bench.jobs, bench.journal.cursors.get(CONSUMER, 0)) == ([], 0)
    bench.clock.jump(-to_1970_s)
    await bench.until(lambda: bool(bench.plans()))
    assert len(bench.jobs) == 1


async def test_nothing_is_planned_while_the_cloud_takes_another_journal_for_ours(
    bench: Bench,
) -> None:
    bench.is_shut_out = True
    await bench.happen(ev.REPLENISHMENT_TRIGGERED, item=GTIN)
    turns = count()
    await bench.until(lambda: next(turns) > 200)
    assert (bench.jobs, bench.journal.cursors.get(CONSUMER, 0)) == ([], 0)
    bench.is_shut_out = False
    await bench.until(lambda: bool(bench.plans()))
    assert len(bench.jobs) == 1


async def test_without_a_network_the_triggers_wait_for_it(bench: Bench) -> None:
    network, bench.facts.network = bench.facts.network, None
    await bench.happen(ev.REPLENISHMENT_TRIGGERED, item=GTIN)
    turns = count()
    await bench.until(lambda: next(turns) > 200)
    assert bench.journal.cursors.get(CONSUMER) is None
    bench.facts.network = network
    await bench.until(lambda: bool(bench.plans()))


async def test_a_plan_is_not_made_twice_after_a_restart(bench: Bench) -> None:
    await bench.happen(ev.REPLENISHMENT_TRIGGERED, item=GTIN)
    await bench.until(lambda: bool(bench.plans()))
    made = len(bench.plans())
    await bench.until(lambda: bench.journal.cursors.get(CONSUMER) == bench.journal.last_seq)
    assert len(bench.plans()) == made
    assert len(bench.jobs) == 1


async def test_a_plan_says_that_its_network_is_old(bench: Bench) -> None:
    limit_s = PlannerSettings().network_age_max_s
    bench.heard_us = bench.clock.wall_us() - round((limit_s + 86_400) * 1e6)
    await bench.happen(ev.REPLENISHMENT_TRIGGERED, item=GTIN)
    await bench.until(lambda: bool(bench.plans()))
    told = cast(dict[str, object], bench.plans()[0]["explanation"])
    assert told["old_network"] == {"days": limit_s / 86_400 + 1}
