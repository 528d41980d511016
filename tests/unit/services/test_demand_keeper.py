"""Pins the demand that a gateway keeps of its own: hours of sales and of empty shelves, the same
in whatever batches and after whatever restarts; and what it forecasts while the cloud is away."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from datetime import UTC, time
from functools import partial
from pathlib import Path

import pytest

from cloud_sync.contract import documents as doc
from cloud_sync.contract import events as ev
from cloud_sync.contract.campaigns import CAMPAIGN
from cloud_sync.contract.own_policies import OWN_POLICY
from gateway.core.facts import Facts
from gateway.errors import PlanError
from gateway.journal.demand_tables import history_of, history_rows
from gateway.journal.read_model import heard_statements
from gateway.journal.store import JournalStore
from gateway.ports import Draft, Entry
from gateway.services.alarms import Alarms
from gateway.services.demand_keeper import CONSUMER, DemandKeeper
from gateway.services.local_forecast import OLD_NETWORK, LocalForecast
from gateway.services.supervisor import Heartbeats
from gateway.settings import PlannerSettings
from optimizer.demand.job import answer_job
from tests.fakes.central_facts import ITEM, event, fold
from tests.fakes.clock import FakeClock
from tests.rigs.guard import GUARD_S
from tests.rigs.journal import opened

HOUR_US = 3_600_000_000
DAY_US = 24 * HOUR_US
START_US = 20_000 * DAY_US
AWAY_S = 259_200.0


class Bench:
    """A journal, the facts of its rows, and what keeps and forecasts demand on them."""

    def __init__(self, journal: JournalStore) -> None:
        self.journal = journal
        self.facts = Facts("J1")
        self.clock = FakeClock()
        self.jobs: list[Mapping[str, object]] = []
        self.is_broken = False
        self.n = 0
        self.alarms = Alarms(self.clock)
        self.forecast = LocalForecast(
            journal=journal,
            facts=lambda: self.facts,
            run_job=self._answer,
            settings=PlannerSettings(policy_age_max_s=AWAY_S, forecast_at=time(3, 0)),
            zone=UTC,
            clock=self.clock,
            new_id=self._id,
            is_trusted=lambda: True,
            heartbeats=Heartbeats(self.clock),
            alarms=self.alarms,
        )

    def _id(self) -> str:
        self.n += 1
        return f"00000000-0000-7000-8000-{self.n:012x}"

    async def _answer(self, job: Mapping[str, object]) -> dict[str, object]:
        self.jobs.append(job)
        if self.is_broken:
            raise PlanError("forecast: broken")
        return answer_job(job)

    async def happen(self, kind: str, at_us: int, *lines: ev.Line, **header: object) -> ev.Event:
        self.n += 1
        it = event(self.n, kind, *lines, warehouse="J1", occurred_at_us=at_us,
                   received_at_us=at_us, **header)  # fmt: skip
        await self.journal.append(
            [Entry((Draft(it.event_id, it.type, at_us, ev.encode_event(it)),))]
        )
        fold(self.facts, it)
        return it

    async def catch_up(self) -> None:
        """Fold the rows that others have written into the facts."""
        for row in await self.journal.read(after_seq=self.facts.seq, limit=1000):
            fold(self.facts, ev.parse_event(row.body))

    async def keep(self) -> None:
        """Let a keeper, as after a restart, take all there is."""
        keeper = DemandKeeper(
            journal=self.journal, facts=lambda: self.facts, zone=UTC,
            heartbeats=Heartbeats(self.clock),
        )  # fmt: skip
        task = asyncio.create_task(keeper.run())
        async with asyncio.timeout(GUARD_S):
            while await self.journal.cursor(CONSUMER) < self.journal.last_seq:
                assert not task.done(), task.exception()
                await asyncio.sleep(0)
        task.cancel()

    async def come(self, units: int, at_us: int) -> None:
        line = ev.Line(item=ITEM, from_location="@supplier", to_location="R-1", quantity=units)
        await self.happen(ev.GOODS_RECEIVED, at_us, line)

    async def sell(self, units: int, at_us: int) -> ev.Event:
        line = ev.Line(item=ITEM, from_location="R-1", to_location="@customer", quantity=units)
        return await self.happen(ev.ORDER_DELIVERED, at_us, line)

    async def count(self, units: int, at_us: int) -> None:
        said = {"item": ITEM, "location": "R-1", "quantity": units}
        await self.happen(ev.COUNT_OBSERVED, at_us, body={"assertions": [said]})

    async def put(self, kind: str, key: str, data: dict[str, object]) -> None:
        body = {"kind": kind, "key": key, "version": 1, "deleted": False, "data": data}
        await self.happen(ev.DOCUMENT_CHANGED, START_US, body=body)

    async def policy(self) -> None:
        await self.put(doc.POLICY, f"J1.{ITEM}", {
            "warehouse": "J1", "gtin": ITEM, "demand_units_per_day": 1.0,
            "demand_sd_units_per_day": 0.5, "reorder_point_units": 3, "lead_time_days": 1.0,
        })  # fmt: skip

    async def kept(self) -> dict[str, int]:
        """Units by hour."""
        rows = await history_rows(self.journal, from_day="1970", first="0", last="9")
        buckets = history_of(rows, UTC).buckets
        return {f"{hour.day} {hour.hour:02d}": it.units for (_, hour), it in buckets.items()}

    async def out_s(self) -> dict[str, float]:
        rows = await history_rows(self.journal, from_day="1970", first="0", last="9")
        outages = history_of(rows, UTC).outages_s
        return {f"{hour.day} {hour.hour:02d}": seconds for (_, hour), seconds in outages.items()}


async def some_days(bench: Bench, *, is_in_parts: bool) -> None:
    """Sales, one of them corrected, and a shelf that is empty for an hour and a half."""
    await bench.come(30, START_US)
    sold = await bench.sell(4, START_US + HOUR_US)
    if is_in_parts:
        await bench.keep()
    await bench.sell(6, START_US + HOUR_US + 1)
    back = ev.Line(item=ITEM, from_location="@customer", to_location="R-1", quantity=4)
    await bench.happen(
        ev.EVENT_CORRECTED, START_US + 3 * HOUR_US, back, corrects=sold.event_id,
        body={"corrects_type": ev.ORDER_DELIVERED},
    )  # fmt: skip
    if is_in_parts:
        await bench.keep()
    await bench.sell(24, START_US + 4 * HOUR_US)
    if is_in_parts:
        await bench.keep()
    await bench.come(10, START_US + 5 * HOUR_US + HOUR_US // 2)
    await bench.keep()


async def test_sales_and_empty_shelves_are_kept_by_hour(tmp_path: Path) -> None:
    async with opened(tmp_path) as journal:
        bench = Bench(journal)
        await some_days(bench, is_in_parts=False)
        assert await bench.kept() == {"2024-10-04 01": 6, "2024-10-04 04": 24}
        assert await bench.out_s() == {"2024-10-04 04": 3600.0, "2024-10-04 05": 1800.0}


async def test_in_parts_and_with_restarts_it_is_the_same(tmp_path: Path) -> None:
    async with opened(tmp_path) as journal:
        bench = Bench(journal)
        await some_days(bench, is_in_parts=True)
        await bench.keep()
        assert await bench.kept() == {"2024-10-04 01": 6, "2024-10-04 04": 24}
        assert await bench.out_s() == {"2024-10-04 04": 3600.0, "2024-10-04 05": 1800.0}


async def test_an_outage_that_nobody_watched_is_seen_by_its_rows(tmp_path: Path) -> None:
    """A count finds none, goods come, are sold out and come again: all before one looks, or with a
    look after every row."""
    found = []
    for name, is_watched in (("late", False), ("watched", True)):
        (tmp_path / name).mkdir()
        async with opened(tmp_path / name) as journal:
            bench = Bench(journal)
            await bench.policy()
            steps = [
                partial(bench.come, 5, START_US),
                partial(bench.count, 0, START_US + HOUR_US),
                partial(bench.come, 8, START_US + 2 * HOUR_US),
                partial(bench.sell, 8, START_US + 3 * HOUR_US),
                partial(bench.come, 4, START_US + 3 * HOUR_US + HOUR_US // 4),
            ]
            for step in steps:
                await step()
                if is_watched:
                    await bench.keep()
            await bench.keep()
            found.append(await bench.out_s())
    assert found[0] == {"2024-10-04 01": 3600.0, "2024-10-04 03": 900.0}
    assert found[1] == found[0]


async def test_a_clock_that_was_a_year_ahead_costs_no_history(tmp_path: Path) -> None:
    async with opened(tmp_path) as journal:
        bench = Bench(journal)
        await bench.come(50, START_US)
        await bench.sell(50, START_US + HOUR_US)
        await bench.keep()
        await bench.come(9, START_US + 366 * DAY_US)
        await bench.sell(1, START_US + 366 * DAY_US)
        await bench.keep()
        await bench.sell(2, START_US + DAY_US)
        await bench.keep()
        kept = await bench.kept()
        assert kept["2024-10-04 01"] == 50
        assert sum(kept.values()) == 53
        assert sum((await bench.out_s()).values()) <= 60 * 86_400


async def weeks(bench: Bench, per_day: Sequence[int]) -> int:
    """Days of sales after a policy; gives the next morning, at which the clock then stands."""
    await bench.policy()
    await bench.come(100_000, START_US)
    for day, units in enumerate(per_day):
        await bench.sell(units, START_US + day * DAY_US + 10 * HOUR_US)
    await bench.keep()
    now_us = START_US + len(per_day) * DAY_US + 7 * HOUR_US
    bench.clock.jump((now_us - bench.clock.wall_us()) / 1e6)
    return now_us


async def hear(bench: Bench, at_us: int) -> None:
    await bench.journal.advance("downlink", to_seq=0, effects=heard_statements(at_us))


async def test_with_the_cloud_away_for_long_reorder_points_follow_what_is_sold_here(
    tmp_path: Path,
) -> None:
    async with opened(tmp_path) as journal:
        bench = Bench(journal)
        now_us = await weeks(bench, [9, 11] * 14)
        await hear(bench, now_us - round((AWAY_S + 1) * 1e6))
        await bench.forecast.look()
        await bench.catch_up()
        policy = bench.facts.policies[ITEM]
        assert policy.demand_units_per_day == pytest.approx(10.0, rel=0.1)
        assert 10 < policy.reorder_point_units <= 30
        assert policy.lead_time_days == 1.0, "how it is supplied is the cloud's word"
        # Once a night.
        await bench.forecast.look()
        assert len(bench.jobs) == 1
        bench.clock.forward(86_400)
        await bench.forecast.look()
        assert len(bench.jobs) == 2


async def test_while_the_cloud_is_heard_of_its_word_counts(tmp_path: Path) -> None:
    async with opened(tmp_path) as journal:
        bench = Bench(journal)
        now_us = await weeks(bench, [9, 11] * 14)
        await hear(bench, now_us - round(AWAY_S * 1e6))
        await bench.forecast.look()
        assert bench.jobs == []
        await hear(bench, 0)
        await bench.forecast.look()
        await bench.catch_up()
        assert bench.facts.policies[ITEM].demand_units_per_day > 5
        await hear(bench, now_us)
        await bench.forecast.look()
        await bench.catch_up()
        assert bench.facts.policies[ITEM].demand_units_per_day == 1.0, "taken back"
        assert bench.facts.policy_book.pages == {}


async def test_the_cloud_s_newer_word_is_there_when_ours_is_taken_back(tmp_path: Path) -> None:
    async with opened(tmp_path) as journal:
        bench = Bench(journal)
        await weeks(bench, [9, 11] * 14)
        await bench.forecast.look()
        await bench.catch_up()
        told = bench.facts.policy_book.told[ITEM]
        newer = told.model_copy(update={"reorder_point_units": 77}).model_dump()
        await bench.put(doc.POLICY, f"J1.{ITEM}", newer)
        assert bench.facts.policies[ITEM].reorder_point_units != 77
        await hear(bench, bench.clock.wall_us())
        await bench.forecast.look()
        await bench.catch_up()
        assert bench.facts.policies[ITEM].reorder_point_units == 77


async def test_of_what_was_seen_for_days_only_people_s_word_stays(tmp_path: Path) -> None:
    async with opened(tmp_path) as journal:
        bench = Bench(journal)
        await weeks(bench, [50] * 8)
        await bench.forecast.look()
        await bench.catch_up()
        assert len(bench.jobs) == 1
        assert bench.facts.policies[ITEM].demand_units_per_day == 1.0


async def test_a_forecaster_that_fails_leaves_all_as_it_is_until_the_next_night(
    tmp_path: Path,
) -> None:
    async with opened(tmp_path) as journal:
        bench = Bench(journal)
        await weeks(bench, [9, 11] * 14)
        bench.is_broken = True
        for _ in range(3):
            await bench.forecast.look()
        assert len(bench.jobs) == 1
        assert bench.facts.policies[ITEM].demand_units_per_day == 1.0
        bench.is_broken = False
        bench.clock.forward(86_400)
        await bench.forecast.look()
        await bench.catch_up()
        assert bench.facts.policies[ITEM].demand_units_per_day > 5


async def test_a_campaign_that_came_down_before_the_line_was_cut_is_reckoned_with(
    tmp_path: Path,
) -> None:
    async with opened(tmp_path) as journal:
        bench = Bench(journal)
        now_us = await weeks(bench, [9, 11] * 14)
        await bench.forecast.look()
        await bench.catch_up()
        plain = bench.facts.policies[ITEM].reorder_point_units
        told = {"start_at_us": now_us, "end_at_us": now_us + 4 * DAY_US, "factor": 4.0}
        for name, place in (("far", "J2"), ("live", "J1")):
            campaign = {"id": name, "warehouse": place, **told}
            await bench.put(CAMPAIGN, name, campaign)
        bench.clock.forward(86_400)
        await bench.forecast.look()
        await bench.catch_up()
        raised = bench.facts.policies[ITEM].reorder_point_units
        assert 2.2 * plain < raised < 6 * plain, "once, not by another's too"


async def test_levels_by_worth_stay_so_while_the_cloud_is_away(tmp_path: Path) -> None:
    """By the same stakes: a dear waste keeps less than a dear customer."""
    found = []
    for name, wasted in (("careful", 90.0), ("generous", 0.01)):
        (tmp_path / name).mkdir()
        async with opened(tmp_path / name) as journal:
            bench = Bench(journal)
            await weeks(bench, [9, 11] * 14)
            item = {"gtin": ITEM, "names": {"en": "milk"}, "zone": "ambient",
                    "grams_per_unit": 1, "shelf_life_days": 3}  # fmt: skip
            await bench.put(doc.ITEM, ITEM, item)
            told = bench.facts.policy_book.told[ITEM].model_dump(exclude_none=True)
            levels = {"order_up_to_units": 9, "cycle_days": 2.0, "by": "margin",
                      "worth": {"wasted": wasted, "held": 0.001}}  # fmt: skip
            await bench.put(doc.POLICY, f"J1.{ITEM}", told | {"levels": levels})
            await bench.forecast.look()
            await bench.catch_up()
            found.append(bench.facts.policies[ITEM])
    careful, generous = (it.levels for it in found)
    assert careful is not None
    assert generous is not None
    assert (careful.by, generous.by) == ("margin", "margin")
    assert careful.order_up_to_units < generous.order_up_to_units
    assert found[0].reorder_point_units < found[1].reorder_point_units


async def test_own_numbers_of_before_the_levels_are_taken_as_they_are(tmp_path: Path) -> None:
    """A page that an older gateway journaled is read again after an update."""
    async with opened(tmp_path) as journal:
        bench = Bench(journal)
        await bench.policy()
        page = {
            "warehouse": "J1", "made_at_us": START_US, "items": [ITEM], "demand_per_day": [7.0],
            "demand_sd_per_day": [1.0], "reorder_point": [9],
        }  # fmt: skip
        await bench.put(OWN_POLICY, "J1.03", page)
        policy = bench.facts.policies[ITEM]
        assert (policy.reorder_point_units, policy.levels) == (9, None)


async def test_our_own_numbers_are_journaled_and_touch_what_is_kept(tmp_path: Path) -> None:
    async with opened(tmp_path) as journal:
        bench = Bench(journal)
        await weeks(bench, [9, 11] * 14)
        last = journal.last_seq
        await bench.forecast.look()
        (row,) = await journal.read(after_seq=last, limit=10)
        said = ev.parse_event(row.body)
        assert (said.type, said.body["kind"]) == (ev.DOCUMENT_CHANGED, OWN_POLICY)


async def test_a_network_that_nobody_vouches_for_raises_an_alarm(tmp_path: Path) -> None:
    async with opened(tmp_path) as journal:
        bench = Bench(journal)
        bench.facts.network = {"format": "forepost-network/1"}
        limit_us = round(PlannerSettings().network_age_max_s * 1e6)
        for age_us, is_old in ((limit_us, False), (limit_us + 1, True), (0, False)):
            await hear(bench, bench.clock.wall_us() - age_us)
            await bench.forecast.look()
            assert (OLD_NETWORK in bench.alarms) is is_old
