"""Pins the cold chain in the journal: events, lots held, a restart in mid-excursion, and what goes
with lots from warehouse to warehouse."""

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from cloud_sync.contract import events as ev
from cloud_sync.contract.documents import Allowed, Climate, Item
from cloud_sync.inventory.stock import StockKey
from gateway.core.facts import Facts
from gateway.journal.store import JournalStore
from gateway.ports import Draft, Entry
from gateway.services.sensor_watch import CONSUMER
from tests.fakes.clock import START_US, FakeClock
from tests.rigs.guard import GUARD_S
from tests.rigs.journal import opened, until
from tests.unit.services.test_sensor_watch import Bench

ITEM, LOT = "09506000134352", "L1"
RULE = Climate(
    warehouse="J1", zone="cold", high_centi_c=500, duration_s=60, hysteresis_centi_c=50,
    recover_readings=2, hold=Allowed(above_s=120),
)  # fmt: skip


def facts() -> Facts:
    known = Facts("J1", climates={"cold": RULE})
    for location in ("cold", "@supplier", "elsewhere"):
        key = StockKey(
            "J1", location, ITEM, LOT if location == "cold" else "L2", "available", "EA"
        )
        known.stock[key] = 5
    return known


def bench_on(journal: JournalStore, clock: FakeClock, first_id: int = 1) -> Bench:
    bench = Bench(journal, clock, first_id)
    bench.facts = facts()
    bench.served = {"bus.1"}
    return bench


async def events(journal: JournalStore, *, besides: str = ev.CLIMATE_SAMPLED) -> list[ev.Event]:
    rows = await journal.read(after_seq=0, limit=1000)
    return [ev.parse_event(row.body) for row in rows if row.type != besides]


def is_seen(bench: Bench, at_us: int) -> bool:
    sensors = bench.watch.cold_chain._excursions.sensors
    return ("cold", "bus.1") in sensors and sensors["cold", "bus.1"].at_us == at_us


async def readings(bench: Bench, *values: int, n_told: int) -> list[ev.Event]:
    """A reading a minute, each taken before the next; gives the `n_told` events there are then."""
    async with bench.watching():
        for centi_c in values:
            now_us = bench.clock.wall_us()
            await bench.sample("bus.1", centi_c)
            await until(lambda at_us=now_us: is_seen(bench, at_us))
            bench.clock.forward(60)
        async with asyncio.timeout(GUARD_S):
            while len(told := await events(bench.journal)) < n_told:
                await asyncio.sleep(0)
    return told


async def test_an_excursion_and_the_lots_it_held_are_in_the_journal(tmp_path: Path) -> None:
    clock = FakeClock()
    async with opened(tmp_path, clock=clock) as journal:
        bench = bench_on(journal, clock)
        started, held, ended = await readings(bench, 400, 600, 700, 700, 400, 400, n_told=3)
    assert [it.type for it in (started, held, ended)] == [
        ev.EXCURSION_STARTED, ev.LOT_HELD, ev.EXCURSION_ENDED,
    ]  # fmt: skip
    assert started.body["since_us"] == START_US + 60_000_000
    assert started.body["lots"] == [
        {"item": ITEM, "lot": LOT, "above_s": 60, "below_s": 0, "degree_minutes": 1}
    ]
    assert started.device is not None
    assert (started.zone, started.device.id, started.body["n_lots"]) == ("cold", "bus.1", 1)
    assert (held.cause, held.body["item"], held.body["lot"]) == (started.event_id, ITEM, LOT)
    assert held.body["verdict"] == "hold"
    assert ended.cause == started.event_id
    assert ended.body["until_us"] == START_US + 240_000_000
    assert ended.body["temperature_centi_c"] == {"min": 600, "max": 700}


async def test_a_restart_in_mid_excursion_keeps_its_start_and_opens_no_second(
    tmp_path: Path,
) -> None:
    clock = FakeClock()
    async with opened(tmp_path, clock=clock) as journal:
        await readings(bench_on(journal, clock), 600, 700, n_told=1)
    async with opened(tmp_path, clock=clock) as journal:
        bench = bench_on(journal, clock, first_id=1000)
        started, held, ended = await readings(bench, 700, 400, 400, n_told=3)
        assert bench.watch.cold_chain.open_excursions() == []
    assert ended.type == ev.EXCURSION_ENDED
    assert ended.cause == started.event_id
    assert ended.body["since_us"] == started.body["since_us"] == START_US
    assert held.cause == started.event_id


async def test_a_suspicion_outlives_a_crash_with_its_beginning(tmp_path: Path) -> None:
    clock = FakeClock()
    async with opened(tmp_path, clock=clock) as journal:
        bench = bench_on(journal, clock)
        await readings(bench, 600, n_told=0)
        assert await journal.cursor(CONSUMER) == 0, "nothing is saved yet"
        again = bench_on(journal, clock, first_id=1000)
        (started,) = await readings(again, 600, n_told=1)
        (shown,) = again.watch.cold_chain.open_excursions()
    assert started.body["since_us"] == START_US
    assert shown["event_id"] == started.event_id
    assert shown["is_blind"] is False


async def test_a_held_lot_that_a_person_released_is_not_held_again(tmp_path: Path) -> None:
    clock = FakeClock()
    async with opened(tmp_path, clock=clock) as journal:
        await readings(bench_on(journal, clock), 600, 600, 600, 400, 400, n_told=3)
        again = bench_on(journal, clock, first_id=1000)
        types = [event.type for event in await readings(again, 600, 600, 600, 600, n_told=4)]
    assert types.count(ev.LOT_HELD) == 1
    assert types.count(ev.EXCURSION_STARTED) == 2


def came(number: int, *, place: str) -> ev.Event:
    """Some of a lot arrives by a delivery."""
    line = ev.Line(item=ITEM, lot="L9", from_location="@transit.T1", to_location=place, quantity=1)
    return ev.Event(
        event_id=f"00000000-0000-7000-9000-{number:012x}", type=ev.TRANSFER_RECEIVED, version=1,
        occurred_at_us=START_US, received_at_us=START_US, warehouse="J1", lines=(line,),
        documents=(ev.Document(type="asn", id="A1"),),
    )  # fmt: skip


def told(number: int, **sums: object) -> ev.Event:
    """The delivery's document, with what the lot had suffered before."""
    asn = {
        "id": "A1", "warehouse": "J1", "source": "J2", "status": "dispatched", "ordered": [],
        "exposures": [{"item": ITEM, "lot": "L9", **sums}], "left_us": START_US - 1,
    }  # fmt: skip
    return ev.Event(
        event_id=f"00000000-0000-7000-9000-{number:012x}", type=ev.DOCUMENT_CHANGED, version=1,
        occurred_at_us=START_US, received_at_us=START_US, warehouse="J1",
        body={"kind": "asn", "key": "A1", "version": number, "data": asn},
    )  # fmt: skip


async def happened(bench: Bench, *rows: ev.Event, n_told: int) -> list[ev.Event]:
    """Rows, and what the watch writes of them; gives what it wrote once there is so much."""
    async with bench.watching():
        for row in rows:
            await bench.journal.append(
                [Entry((Draft(row.event_id, row.type, START_US, ev.encode_event(row)),))]
            )
        async with asyncio.timeout(GUARD_S):
            while True:
                known = await events(bench.journal)
                wrote = [it for it in known if it.type in {ev.LOT_HELD, ev.EXPOSURE_CARRIED}]
                if len(wrote) >= n_told:
                    return wrote
                await asyncio.sleep(0)


@pytest.mark.parametrize("is_told_first", [False, True])
@pytest.mark.parametrize("is_blind", [False, True])
async def test_a_lot_that_suffered_elsewhere_is_held_where_it_comes(
    tmp_path: Path, *, is_told_first: bool, is_blind: bool
) -> None:
    """By its own warehouse's rule, with a restart between goods and document."""
    clock = FakeClock()
    goods = came(1, place="cold")
    if is_blind:
        goods = replace(goods, type=ev.GOODS_RECEIVED, documents=())
    parts = [goods, told(2, above_us=120_000_000)]
    first, second = reversed(parts) if is_told_first else parts
    async with opened(tmp_path, clock=clock) as journal:
        await happened(bench_on(journal, clock), first, n_told=0)
    async with opened(tmp_path, clock=clock) as journal:
        bench = bench_on(journal, clock, first_id=1000)
        bench.facts.stock[StockKey("J1", "cold", ITEM, "L9", "available", "EA")] = 1
        (held,) = await happened(bench, second, n_told=1)
    assert (held.body["lot"], held.body["verdict"], held.body["above_s"]) == ("L9", "hold", 120)
    assert held.cause == second.event_id


async def test_goods_at_a_dock_without_a_rule_are_judged_by_where_they_belong(
    tmp_path: Path,
) -> None:
    clock = FakeClock()
    async with opened(tmp_path, clock=clock) as journal:
        bench = bench_on(journal, clock)
        bench.facts.items[ITEM] = Item(
            gtin=ITEM, names={"en": "Fish"}, zone="cold", grams_per_unit=100
        )
        rows = told(1, above_us=120_000_000), came(2, place="DOCK")
        (held,) = await happened(bench, *rows, n_told=1)
    assert held.body["verdict"] == "hold"


async def test_what_nobody_released_at_the_sender_is_held_without_a_rule_too(
    tmp_path: Path,
) -> None:
    clock = FakeClock()
    async with opened(tmp_path, clock=clock) as journal:
        rows = told(1, above_us=1, verdict="waste"), came(2, place="DOCK"), came(3, place="DOCK")
        (held,) = await happened(bench_on(journal, clock), *rows, n_told=1)
    assert (held.body["verdict"], held.zone) == ("waste", None)


async def test_a_lot_leaves_with_what_it_suffered_once_a_restart_later(tmp_path: Path) -> None:
    """Also with what is heard of it only after it left."""
    clock = FakeClock()
    line = ev.Line(
        item=ITEM, lot="L9", from_location="cold", to_location="@transit.T2", quantity=1
    )
    left = ev.Event(
        event_id="00000000-0000-7000-9000-000000000002", type=ev.TRANSFER_DISPATCHED, version=1,
        occurred_at_us=START_US, received_at_us=START_US, warehouse="J1", lines=(line,),
        documents=(ev.Document(type="transfer", id="T2"),),
    )  # fmt: skip
    async with opened(tmp_path, clock=clock) as journal:
        first = told(3, above_us=7)
        (carried,) = await happened(
            bench_on(journal, clock), came(1, place="DOCK"), first, left, n_told=1
        )
        assert carried.cause == left.event_id
        assert carried.body["lots"] == [
            {"item": ITEM, "lot": "L9", "above_us": 7, "below_us": 0, "heat_centi_c_us": 0,
             "verdict": ""}
        ]  # fmt: skip
    async with opened(tmp_path, clock=clock) as journal:
        bench = bench_on(journal, clock, first_id=1000)
        later, again = told(4, above_us=9, heat_centi_c_us=3), told(5, above_us=8)
        known = await happened(bench, later, again, n_told=2)
    assert [it.cause for it in known] == [left.event_id, later.event_id]
    (lot,) = known[1].body["lots"]  # type: ignore[misc]
    assert (lot["above_us"], lot["heat_centi_c_us"]) == (9, 3)
    assert known[1].documents == left.documents
