"""Pins the desk: wishes become events once, and the time of day asks once, never by a clock that
is not to be believed."""

from __future__ import annotations

import asyncio
from datetime import UTC, time
from pathlib import Path

import pytest

from cloud_sync.contract import events as ev
from cloud_sync.contract.plan_life import Step
from cloud_sync.contract.plans import DecisionBody, TriggerBody
from gateway.clock import trust_in
from gateway.core.facts import Facts, PlanRecord
from gateway.core.wishes import Decide, PlanNow
from gateway.journal.store import JournalStore
from gateway.services.plan_desk import DIRECTORY, PlanDesk, last_due, leave_wish
from gateway.services.supervisor import Heartbeats
from gateway.settings import GatewaySettings, PlannerSettings, Settings
from tests.fakes.clock import START_US, FakeClock
from tests.rigs.guard import GUARD_S
from tests.rigs.journal import opened

NAME = "00000000-0000-4000-8000-000000000001"
HOUR_S, DAY_S = 3600.0, 86_400.0


class Bench:
    def __init__(self, journal: JournalStore, state_dir: Path, *daily_at: time) -> None:
        self.journal, self.state_dir = journal, state_dir
        self.clock = FakeClock()
        self.facts = Facts("J1")
        self.numbers = iter(range(1, 1000))
        self.settings = Settings(
            gateway=GatewaySettings(id="gw-J1", warehouse="J1", state_dir=state_dir),
            planner=PlannerSettings(daily_at=daily_at),
        )
        self.desk = self.another()

    def another(self) -> PlanDesk:
        """A desk as after a restart; the facts are what the tables say."""
        return PlanDesk(
            journal=self.journal,
            facts=lambda: self.facts,
            clock=self.clock,
            new_id=lambda: f"00000000-0000-7000-8000-{next(self.numbers):012x}",
            settings=self.settings,
            is_trusted=trust_in(self.clock),
            heartbeats=Heartbeats(self.clock),
        )

    async def round(self) -> None:
        """Let the desk come round once."""
        task = asyncio.create_task(self.desk.run())
        async with asyncio.timeout(GUARD_S):
            before = self.desk.n_rounds
            while self.desk.n_rounds == before:
                await asyncio.sleep(0)
        task.cancel()

    async def events(self) -> list[ev.Event]:
        return [ev.parse_event(it.body) for it in await self.journal.read(after_seq=0, limit=99)]

    async def triggers(self) -> list[TriggerBody]:
        return [TriggerBody.model_validate(dict(it.body)) for it in await self.events()]


@pytest.mark.parametrize("item", [None, "09506000134352"])
async def test_somebody_who_asks_gets_a_trigger(tmp_path: Path, item: str | None) -> None:
    async with opened(tmp_path) as journal:
        bench = Bench(journal, tmp_path)
        leave_wish(tmp_path, NAME, PlanNow(author="ana", item=item))
        await bench.round()
        (body,) = await bench.triggers()
        assert (body.cause, body.item) == ("manual", item)
        assert body.reason == ("ana asked for a plan" if item is None else
                               f"{item}: ana asked for a plan")  # fmt: skip
        assert list((tmp_path / DIRECTORY).iterdir()) == []


async def test_a_wish_that_was_written_down_before_a_crash_is_not_written_twice(
    tmp_path: Path,
) -> None:
    async with opened(tmp_path) as journal:
        bench = Bench(journal, tmp_path)
        for _ in range(2):  # the crash came before the file could leave
            leave_wish(tmp_path, NAME, PlanNow(author="ana"))
            await bench.round()
        assert len(await bench.events()) == 1


@pytest.mark.parametrize(("state", "is_taken"), [("propose", True), ("dispatch", False)])
async def test_a_word_on_a_plan_is_taken_while_nothing_has_left(
    tmp_path: Path, state: str, *, is_taken: bool
) -> None:
    async with opened(tmp_path) as journal:
        bench = Bench(journal, tmp_path)
        bench.facts.plans["PL-1"] = PlanRecord("PL-1", "e", 1, {}, {})
        bench.facts.take_step("PL-1", Step("propose", 1, "e"))
        if state == "dispatch":
            bench.facts.take_step("PL-1", Step("dispatch", 2, "d"))
        wish = Decide(author="ana", plan="PL-1", decision="rejected", reason="too much")
        leave_wish(tmp_path, NAME, wish)
        await bench.round()
        said = [DecisionBody.model_validate(dict(it.body)) for it in await bench.events()]
        assert [(it.decision, it.plan_id, it.author, it.reason) for it in said] == (
            [("rejected", "PL-1", "ana", "too much")] if is_taken else []
        )


async def test_rubbish_among_the_wishes_is_thrown_away(tmp_path: Path) -> None:
    async with opened(tmp_path) as journal:
        bench = Bench(journal, tmp_path)
        (tmp_path / DIRECTORY).mkdir()
        (tmp_path / DIRECTORY / "no-id").write_text('{"wish":"now","author":"a"}')
        (tmp_path / DIRECTORY / NAME).write_text("{")
        await bench.round()
        assert await bench.events() == []
        assert list((tmp_path / DIRECTORY).iterdir()) == []


async def test_the_time_of_day_asks_once_a_day_over_restarts(tmp_path: Path) -> None:
    at = time(hour=(START_US // 3_600_000_000 + 1) % 24)
    async with opened(tmp_path) as journal:
        bench = Bench(journal, tmp_path, at)
        await bench.round()
        assert await bench.events() == [], "what was before the first start is not made up for"
        for _ in range(3):
            bench.clock.forward(DAY_S / 2)
            for _ in range(2):
                bench.desk = bench.another()
                await bench.round()
        bodies = await bench.triggers()
        assert [it.cause for it in bodies] == ["schedule"] * 2
        assert len({it.key for it in bodies}) == 2
        assert bodies[0].reason == f"It is {at:%H:%M}: the daily plan"


async def test_a_clock_that_jumps_by_years_asks_for_nothing(tmp_path: Path) -> None:
    async with opened(tmp_path) as journal:
        bench = Bench(journal, tmp_path, time(hour=0), time(hour=12))
        await bench.round()
        for _ in range(10):
            for jump_s in (5 * 365 * DAY_S, -10 * 365 * DAY_S, 5 * 365 * DAY_S):
                bench.clock.jump(jump_s)
                await bench.round()
                bench.clock.forward(1)
        assert await bench.events() == []


def test_the_last_time_of_day_that_has_come() -> None:
    midnight = START_US // 86_400_000_000 * 86_400_000_000
    times = (time(6), time(18))
    for hours, expected_h, shown in ((5, -6, "18:00"), (6, 6, "06:00"), (19, 18, "18:00")):
        due_us, told = last_due(times, midnight + hours * 3_600_000_000, UTC)
        assert (due_us, told) == (midnight + expected_h * 3_600_000_000, shown)
