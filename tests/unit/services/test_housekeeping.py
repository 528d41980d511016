"""Pins the keeping of the journal: what leaves when, what is told, and damage ending the run."""

import asyncio
import contextlib
import shutil
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from itertools import count
from pathlib import Path

import pytest

from cloud_sync.contract import events as ev
from gateway.errors import JournalCorrupt, JournalError, JournalFull
from gateway.journal.reserve import RESERVE_BYTES, Reserve
from gateway.journal.rows import CONSUMERS
from gateway.journal.store import JournalStore
from gateway.ports import Entry
from gateway.services import housekeeping as housekeeping_module
from gateway.services.alarms import Alarms
from gateway.services.housekeeping import Housekeeping
from gateway.services.supervisor import Heartbeats, supervise
from gateway.settings import JournalSettings
from tests.fakes.clock import FakeClock
from tests.rigs.guard import GUARD_S
from tests.rigs.journal import AT_ONCE, entry, numbers, opened, steered
from tests.unit.test_journal_start import body_edited, edit

DAY_S = 86_400


class SmallReserve(Reserve):
    """A reserve on a disk whose free room the test says."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, 4096)
        self.free = 10 * RESERVE_BYTES

    def free_bytes(self) -> int:
        return self.free


class CountedRounds(Heartbeats):
    """Counts how often the loop came round: it beats at the beginning, and around each rest."""

    n_beats = 0

    def beat(self, name: str) -> None:
        super().beat(name)
        self.n_beats += 1

    @property
    def n_rounds(self) -> int:
        return self.n_beats // 2


class Bench:
    def __init__(self, store: JournalStore, clock: FakeClock, *, has_cloud: bool) -> None:
        self.store = store
        self.alarms = Alarms(clock)
        self.heartbeats = CountedRounds(clock)
        ids = (f"00000000-0000-7000-8000-{n:012x}" for n in count(1))
        self.housekeeping = Housekeeping(
            journal=store,
            settings=JournalSettings(retention_days=7),
            has_cloud=has_cloud,
            warehouse="J1",
            clock=clock,
            new_id=ids.__next__,
            alarms=self.alarms,
            heartbeats=self.heartbeats,
        )

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        async with asyncio.TaskGroup() as group:
            task = group.create_task(self.housekeeping.run())
            yield
            task.cancel()

    async def until(self, is_so: Callable[[], bool]) -> None:
        async with self.running(), asyncio.timeout(GUARD_S):
            while not is_so():
                await asyncio.sleep(0)

    async def rounds(self, n_rounds: int) -> None:
        """Keep house that many times over, and once more in part."""
        wanted = self.heartbeats.n_rounds + n_rounds
        await self.until(lambda: self.heartbeats.n_rounds > wanted)

    def names(self) -> list[object]:
        return [alarm["name"] for alarm in self.alarms.shown()]


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(housekeeping_module, "TICK_S", 0.0)


async def filled(store: JournalStore, n_rows: int = 10, *, sent: int | None = None) -> None:
    await store.append([entry(n) for n in range(1, n_rows + 1)])
    for consumer in CONSUMERS:
        if consumer != "uplink":
            await store.advance(consumer, to_seq=n_rows)
    if sent is not None:
        await store.advance("uplink", to_seq=sent)


@pytest.mark.parametrize(
    ("has_cloud", "is_pressed", "age_s", "first_left"),
    [
        (True, False, 6 * DAY_S, 1),
        (True, False, 8 * DAY_S, 8),
        (True, True, 1800, 1),
        (True, True, 2 * 3600, 8),  # the cloud has them: their retention gives way first
        (False, False, 8 * DAY_S, 1),  # nobody else has them
        (False, True, 6 * DAY_S, 1),
        (False, True, 8 * DAY_S, 10),
    ],
)
async def test_what_leaves_depends_on_who_has_it_and_on_room(
    tmp_path: Path, has_cloud: bool, is_pressed: bool, age_s: float, first_left: int
) -> None:
    clock, reserve = FakeClock(), SmallReserve(tmp_path / "reserve")
    reserve.free = 0 if is_pressed else reserve.free
    async with steered(tmp_path, clock=clock, reserve=reserve) as (store, _):
        await filled(store, sent=8 if has_cloud else None)
        bench = Bench(store, clock, has_cloud=has_cloud)
        await bench.rounds(2)
        clock.forward(age_s)
        await bench.rounds(2)
        assert await numbers(store) == list(range(first_left, 11))
        assert ("journal_room" in bench.names()) == is_pressed


@pytest.mark.parametrize("is_pressed", [True, False])
async def test_a_backlog_of_weeks_stays_for_an_hour_after_it_was_sent(
    tmp_path: Path, is_pressed: bool
) -> None:
    clock, reserve = FakeClock(), SmallReserve(tmp_path / "reserve")
    reserve.free = 0 if is_pressed else reserve.free
    async with steered(tmp_path, clock=clock, reserve=reserve) as (store, _):
        await filled(store, sent=0)
        bench = Bench(store, clock, has_cloud=True)
        await bench.rounds(2)
        clock.forward(30 * DAY_S)
        await store.advance("uplink", to_seq=8)
        await bench.rounds(2)
        clock.forward(3500)
        await bench.rounds(2)
        assert await numbers(store) == list(range(1, 11))  # the cloud may still be set back
        clock.forward(200)
        await bench.rounds(2)
        assert await numbers(store) == list(range(8, 11))


async def until_refused(store: JournalStore, groups: Iterable[Sequence[Entry]]) -> None:
    for group in groups:
        await store.append(group)


async def test_above_nine_tenths_of_the_limit_is_pressure(tmp_path: Path) -> None:
    settings = JournalSettings(group_wait_ms=0, max_bytes=2**20)
    async with opened(tmp_path, settings) as store:
        assert await store.room() is None
        groups = ([entry(n * 100 + i) for i in range(100)] for n in range(100))
        with pytest.raises(JournalFull):
            await until_refused(store, groups)
        assert "limit 1048576" in str(await store.room())


async def test_on_a_full_disk_consumers_go_on_and_devices_wait(tmp_path: Path) -> None:
    reserve = SmallReserve(tmp_path / "reserve")
    full = JournalFull("no room on the disk")
    async with steered(tmp_path, reserve=reserve) as (store, database):
        assert await store.room() is None
        assert (tmp_path / "reserve").stat().st_size == 4096
        reserve.free = 0
        database.failures = [("before", full)]
        with pytest.raises(JournalFull):
            await store.append([entry(1)])
        assert reserve.is_there  # a message alone does not cost the reserve
        assert "only 0 bytes left" in str(await store.room())
        database.failures = [("before", full)]
        await store.advance("projector", to_seq=0)
        assert not (tmp_path / "reserve").exists()
        assert "the disk is full" in str(await store.room())
        with pytest.raises(JournalFull):
            await store.append([entry(1)])
        await store.advance("planner", to_seq=0)
        reserve.free = 10 * RESERVE_BYTES
        assert await store.room() is None
        assert (tmp_path / "reserve").exists()
        assert await store.append([entry(1)]) == 1


async def test_a_disk_that_refuses_is_told_although_it_has_room(tmp_path: Path) -> None:
    reserve = SmallReserve(tmp_path / "reserve")
    async with steered(tmp_path, reserve=reserve) as (store, database):
        database.failures = [("before", JournalError("disk I/O error"))]
        with pytest.raises(JournalError):
            await store.append([entry(1)])
        assert await store.room() == "disk I/O error"
        await store.append([entry(1)])
        assert await store.room() is None


async def test_free_pages_are_used_before_the_disk_has_room_again(tmp_path: Path) -> None:
    reserve = SmallReserve(tmp_path / "reserve")
    async with steered(tmp_path, reserve=reserve) as (store, _):
        assert await store.room() is None
        await filled(store, 20_000, sent=20_000)
        reserve.free = 0
        reserve.release()
        with pytest.raises(JournalFull):
            await store.append([entry(20_001)])
        assert await store.prune(older_than_us=2**60) == 19_999
        assert await store.append([entry(20_001)]) == 20_001


async def test_a_salvage_is_told_once_and_shown_until_looked_at(tmp_path: Path) -> None:
    clock = FakeClock()
    async with opened(tmp_path) as store:
        await filled(store)
    body_edited(tmp_path)
    for _ in range(2):
        async with opened(tmp_path) as store:
            bench = Bench(store, clock, has_cloud=True)
            await bench.rounds(2)
            assert bench.names() == ["journal_salvaged"]
            assert store.last_seq == 10  # nine rows and what is told of the tenth
            (row,) = await store.read(after_seq=9, limit=5)
    told = ev.parse_event(row.body)
    assert (told.type, told.body["what"]) == ("gateway.health", "journal_salvaged")
    assert (told.body["missing"], told.body["n_lost"]) == ([[3, 3]], 1)
    for kept in tmp_path.glob("damaged-*"):
        shutil.rmtree(kept)
    async with opened(tmp_path) as store:
        bench = Bench(store, clock, has_cloud=True)
        await bench.rounds(2)
        assert bench.names() == []


@pytest.mark.parametrize(
    "damage",
    [
        "update journal set body = x'7b7d' where seq = 7",
        "delete from journal where seq = 900",
    ],
)
async def test_the_scrub_finds_damage_and_ends_the_run(tmp_path: Path, damage: str) -> None:
    clock = FakeClock()
    async with opened(tmp_path) as store:
        await filled(store, 3000)
    edit(tmp_path, damage)

    async def keep_house() -> None:
        async with opened(tmp_path) as store, asyncio.timeout(GUARD_S):
            run = Bench(store, clock, has_cloud=True).housekeeping.run
            await supervise("h", run, clock=clock, random=lambda: 0.0)

    with pytest.raises(ExceptionGroup) as caught:
        await keep_house()
    assert caught.group_contains(JournalCorrupt)
    async with opened(tmp_path) as store:
        assert await store.last_salvage() is not None
        for _ in range(10):
            await store.scrub(500)


async def test_rows_that_left_before_there_was_a_cloud(tmp_path: Path) -> None:
    clock = FakeClock()
    async with opened(tmp_path, clock=clock) as store:
        await filled(store, 10)
        clock.forward(1)
        assert await store.prune(older_than_us=clock.wall_us(), has_cloud=False) == 9
        epoch = store.epoch
    async with opened(tmp_path) as store:
        assert store.epoch == epoch
    async with opened(tmp_path, has_cloud=True) as store:
        assert store.epoch != epoch
        assert await numbers(store) == [10]
        assert (store.last_seq, await store.cursor("uplink")) == (1, 0)
        found = await store.last_salvage()
        assert found is not None
        assert found.found.n_missing == 0
    async with opened(tmp_path, has_cloud=True) as store:
        assert await numbers(store) == [10]


async def test_a_consumer_that_is_new_begins_where_rows_begin(tmp_path: Path) -> None:
    async with opened(tmp_path) as store:
        await filled(store, 10, sent=10)
        await store.prune(older_than_us=2**60)
    edit(tmp_path, "delete from cursor where consumer = 'sensor-watch'")
    edit(tmp_path, "delete from model_sum")  # as a version before the consumer left it
    async with opened(tmp_path, AT_ONCE) as store:
        assert await store.cursor("sensor-watch") == 9
        assert len(await store.read(after_seq=9, limit=5)) == 1
        with pytest.raises(JournalError):
            await store.link(3)
