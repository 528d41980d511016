"""Pins the cold chain in the journal: events, lots held, and a restart in mid-excursion."""

import asyncio
from pathlib import Path

from cloud_sync.contract import events as ev
from cloud_sync.contract.documents import Allowed, Climate
from cloud_sync.inventory.stock import StockKey
from gateway.core.facts import Facts
from gateway.journal.store import JournalStore
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
