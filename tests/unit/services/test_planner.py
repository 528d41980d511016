"""Pins the planner: triggers of one window share a plan, failures keep them, none is lost."""

import asyncio
import json
from collections.abc import Callable, Mapping
from itertools import count

import pytest

from cloud_sync.contract import events as ev
from cloud_sync.contract.documents import Item, Policy
from cloud_sync.contract.plans import DecisionBody
from gateway.core.facts import Facts
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
        self.faults: list[Exception] = []
        self.needs_goods = True
        self.is_shut_out = False
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
        )

    async def _solve(self, job: Mapping[str, object]) -> dict[str, object]:
        await asyncio.sleep(0)
        self.jobs.append(job)
        if self.faults:
            raise self.faults.pop(0)
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
    assert all(len(plan["triggers"]) == 3 for plan in bench.plans())  # type: ignore[arg-type]


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


async def test_a_failing_solver_keeps_the_triggers_until_it_works(bench: Bench) -> None:
    bench.faults = [PlanError("solver: out of memory"), PlanError("solver: again")]
    await bench.happen(ev.REPLENISHMENT_TRIGGERED, item=GTIN)
    await bench.until(lambda: bool(bench.plans()))
    assert len(bench.jobs) == 3


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
