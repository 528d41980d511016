"""Pins that plans which ended long ago leave the read model, and nothing that anybody still needs:
what is left is what folding the journal anew and clearing away gives."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

import pytest

from cloud_sync.contract import events as ev
from cloud_sync.contract.plans import asn_id
from gateway.core.facts import Facts
from gateway.core.old_plans import forget_plans, old_plans
from gateway.journal.store import JournalStore
from gateway.ports import Draft, Entry
from gateway.services import plan_desk
from gateway.services.plan_desk import PlanDesk
from gateway.services.projector import Projector
from gateway.services.supervisor import Heartbeats
from gateway.settings import GatewaySettings, PlannerSettings, Settings
from tests.fakes.clock import START_US, FakeClock
from tests.fakes.trigger_watch import watch
from tests.fakes.uploads import ITEM, event_id
from tests.rigs.exceptions import keeper
from tests.rigs.guard import GUARD_S
from tests.rigs.journal import opened

DAY_US = 86_400_000_000
KEEP_DAYS = 30
ENDS: dict[str, tuple[str, ...]] = {
    "PL-closed": ("closed",),
    "PL-rejected": ("rejected",),
    "PL-superseded": ("superseded",),
    "PL-waits": (),
    "PL-approved": ("approved",),
}
"""What was decided of each."""


def events() -> Sequence[ev.Event]:
    """All of these plans, made and decided on the first day; the first also came."""
    found = []
    for name, decisions in ENDS.items():
        body: dict[str, object] = {
            "plan_id": name, "warehouse": "J1", "source": "K1", "triggers": [],
            "based_on_seq": 0, "computed_at_us": START_US, "network_plan": {},
            "approval": "needed",
            "lines": [{"item": ITEM, "quantity": 6, "order_up_to_units": 6, "position_units": 0}],
        }  # fmt: skip
        found.append((ev.PLAN_PROPOSED, body, ()))
        if name == "PL-closed":
            found.append((ev.RECEIPT_CLOSED, {}, (ev.Document(type="asn", id=asn_id(name)),)))
        for decision in decisions:
            said: dict[str, object] = {
                "decision": decision, "triggers": [], "based_on_seq": 1, "reason": "x",
                "plan_id": name,
            }  # fmt: skip
            found.append((ev.PLAN_DECIDED, said, ()))
    return [
        ev.Event(
            event_id=event_id(number),
            type=kind,
            version=1,
            occurred_at_us=START_US,
            received_at_us=START_US,
            warehouse="J1",
            body=content,
            documents=documents,
        )
        for number, (kind, content, documents) in enumerate(found, 1)
    ]


class Bench:
    """A journal with these plans folded, and the desk."""

    def __init__(self, journal: JournalStore, state_dir: Path) -> None:
        self.journal = journal
        self.clock = FakeClock()
        self.projector = Projector(
            journal=journal, warehouse="J1", watch=watch(self.clock),
            exceptions=keeper(journal, self.clock), heartbeats=Heartbeats(self.clock),
        )  # fmt: skip
        self.settings = Settings(
            gateway=GatewaySettings(id="gw-J1", warehouse="J1", state_dir=state_dir),
            planner=PlannerSettings(keep_days=KEEP_DAYS),
        )
        self.is_trusted = True

    async def fold(self) -> None:
        for it in events():
            draft = Draft(it.event_id, it.type, it.occurred_at_us, ev.encode_event(it))
            await self.journal.append([Entry((draft,))])
        await self.projector.load()
        await self.projector.take(await self.journal.read(after_seq=0, limit=100))

    async def round(self) -> None:
        """Let a desk that has just been started come round."""
        desk = PlanDesk(
            journal=self.journal,
            facts=lambda: self.projector.facts,
            clock=self.clock,
            new_id=str,
            settings=self.settings,
            is_trusted=lambda: self.is_trusted,
            heartbeats=Heartbeats(self.clock),
        )
        task = asyncio.create_task(desk.run())
        async with asyncio.timeout(GUARD_S):
            while not desk.n_rounds:
                await asyncio.sleep(0)
        task.cancel()

    async def loaded(self) -> Facts:
        """The facts as a restarted gateway has them."""
        await self.projector.load()
        return self.projector.facts


LEFT = {"PL-waits", "PL-approved"}


async def test_what_ended_long_ago_leaves_and_the_rest_stays(tmp_path: Path) -> None:
    async with opened(tmp_path) as journal:
        bench = Bench(journal, tmp_path)
        await bench.fold()
        bench.clock.forward(KEEP_DAYS * DAY_US / 1e6)
        await bench.round()
        assert set(bench.projector.facts.plans) == set(ENDS), "on its last day"
        bench.is_trusted = False
        bench.clock.forward(1)
        await bench.round()
        assert set(bench.projector.facts.plans) == set(ENDS), "by a clock that is not believed"
        bench.is_trusted = True
        await bench.round()
        assert set(bench.projector.facts.plans) == LEFT
        rows = await journal.query("select distinct plan_id from plan_step")
        assert {name for (name,) in rows} == LEFT


async def test_what_was_called_off_is_not_expected_again(tmp_path: Path) -> None:
    async with opened(tmp_path) as journal:
        bench = Bench(journal, tmp_path)
        await bench.fold()
        due = bench.projector.facts.on_order(ITEM)
        bench.clock.forward(KEEP_DAYS * DAY_US / 1e6 + 1)
        await bench.round()
        assert bench.projector.facts.on_order(ITEM) == due
        assert (await bench.loaded()).on_order(ITEM) == due


async def test_what_is_left_is_what_folding_anew_and_clearing_away_gives(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
    async with opened(tmp_path / "one") as journal, opened(tmp_path / "two") as other:
        bench, again = Bench(journal, tmp_path / "one"), Bench(other, tmp_path / "two")
        await bench.fold()
        bench.clock.forward(KEEP_DAYS * DAY_US / 1e6 + 1)
        await bench.round()
        await again.fold()
        anew = again.projector.facts
        forget_plans(anew, old_plans(anew, before_us=START_US + 1))
        loaded = await bench.loaded()
        for facts in (loaded, bench.projector.facts):
            assert facts.plans == anew.plans
            assert facts.open_plans.keys() == anew.open_plans.keys()
            assert facts.dropped == anew.dropped
            assert {k: v for k, v in facts.ordered.items() if v} == anew.ordered


async def test_many_leave_a_few_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plan_desk, "PLANS_AT_ONCE", 1)
    async with opened(tmp_path) as journal:
        bench = Bench(journal, tmp_path)
        await bench.fold()
        bench.clock.forward(KEEP_DAYS * DAY_US / 1e6 + 1)
        for n_left in (4, 3, 2, 2):
            await bench.round()
            assert len(bench.projector.facts.plans) == n_left


async def test_a_step_of_one_that_has_left_is_not_kept(tmp_path: Path) -> None:
    async with opened(tmp_path) as journal:
        bench = Bench(journal, tmp_path)
        await bench.fold()
        bench.clock.forward(KEEP_DAYS * DAY_US / 1e6 + 1)
        await bench.round()
        late = ev.Event(
            event_id=event_id(99), type=ev.RECEIPT_CLOSED, version=1, occurred_at_us=START_US,
            received_at_us=START_US, warehouse="J1",
            documents=(ev.Document(type="asn", id=asn_id("PL-rejected")),),
        )  # fmt: skip
        draft = Draft(late.event_id, late.type, START_US, ev.encode_event(late))
        await journal.append([Entry((draft,))])
        last = await journal.read(after_seq=journal.last_seq - 1, limit=1)
        await bench.projector.take(last)
        assert set(bench.projector.facts.plans) == LEFT
        rows = await journal.query("select count(*) from plan_step where plan_id = 'PL-rejected'")
        assert [tuple(it) for it in rows] == [(0,)]
