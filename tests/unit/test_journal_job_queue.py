"""Pins when a group goes to the disk: at once after a quiet time, gathered under load."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from gateway.journal.job_queue import Job, JobQueue
from gateway.settings import JournalSettings
from tests.rigs.driving import LoopClock
from tests.rigs.journal import entry
from tests.simulation.virtual_time import VirtualLoop

SETTINGS = JournalSettings(group_wait_ms=10, group_max=4)
Scene = Callable[[JobQueue], Awaitable[list[float]]]


def played(scene: Scene, settings: JournalSettings = SETTINGS) -> list[float]:
    """What a scene says of times, in ms, in a time that passes only where somebody waits."""

    async def play() -> list[float]:
        return await scene(JobQueue(settings, LoopClock()))

    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return [round(1000 * seconds, 3) for seconds in runner.run(play())]


def now_s() -> float:
    return asyncio.get_running_loop().time()


def put(queue: JobQueue, n_entries: int) -> None:
    done = asyncio.get_running_loop().create_future()
    cursor = None if n_entries else ("projector", 1)
    entries = [entry(n) for n in range(n_entries)]
    queue.put(Job(done, now_s(), entries, cursor=cursor))


def put_later(queue: JobQueue, n_entries: int, ms: float) -> None:
    asyncio.get_running_loop().call_later(ms / 1000, put, queue, n_entries)


async def committed(queue: JobQueue, took_ms: float = 0.0) -> None:
    began_s = now_s()
    await asyncio.sleep(took_ms / 1000)
    queue.committed(began_s)


def test_what_comes_after_a_quiet_time_does_not_wait() -> None:
    async def scene(queue: JobQueue) -> list[float]:
        put(queue, 1)
        assert len(await queue.next_group()) == 1
        first_s = now_s()
        await committed(queue)
        await asyncio.sleep(0.010)
        put(queue, 1)
        assert len(await queue.next_group()) == 1
        return [first_s, now_s()]

    assert played(scene) == [0.0, 10.0]


def test_what_comes_soon_after_a_commit_waits_for_company() -> None:
    async def scene(queue: JobQueue) -> list[float]:
        await committed(queue)
        await asyncio.sleep(0.004)
        put(queue, 1)
        put_later(queue, 1, 3)
        assert len(await queue.next_group()) == 2
        return [now_s()]

    assert played(scene) == [10.0]


def test_what_came_during_a_commit_counts_the_time_it_has_waited() -> None:
    async def scene(queue: JobQueue) -> list[float]:
        put_later(queue, 1, 2)
        await committed(queue, took_ms=8)
        await queue.next_group()
        return [now_s()]

    assert played(scene) == [12.0]


def test_a_full_group_does_not_wait() -> None:
    async def scene(queue: JobQueue) -> list[float]:
        await committed(queue)
        put(queue, 2)
        put_later(queue, 2, 5)
        assert len(await queue.next_group()) == 2
        return [now_s()]

    assert played(scene) == [5.0]


@pytest.mark.parametrize("ridden_ms", [None, 25])
def test_a_cursor_waits_for_rows_to_ride_with_but_not_for_ever(ridden_ms: float | None) -> None:
    async def scene(queue: JobQueue) -> list[float]:
        put(queue, 0)
        if ridden_ms is not None:
            put_later(queue, 1, ridden_ms)
        assert len(await queue.next_group()) == (1 if ridden_ms is None else 2)
        return [now_s()]

    assert played(scene) == [60.0 if ridden_ms is None else 25.0]


def test_without_a_wait_nothing_waits() -> None:
    async def scene(queue: JobQueue) -> list[float]:
        await committed(queue, took_ms=3000)
        put(queue, 0)
        await queue.next_group()
        put(queue, 1)
        await queue.next_group()
        return [now_s()]

    assert played(scene, JournalSettings(group_wait_ms=0)) == [3000.0]


def test_closing_ends_every_wait_and_leaves_nothing_behind() -> None:
    async def scene(queue: JobQueue) -> list[float]:
        await committed(queue)
        put(queue, 0)
        put(queue, 1)
        asyncio.get_running_loop().call_later(0.002, queue.close)
        assert len(await queue.next_group()) == 2
        assert await queue.next_group() == []
        return [now_s()]

    assert played(scene) == [2.0]


def test_the_wait_follows_a_slow_disk_within_bounds_and_comes_back() -> None:
    async def scene(queue: JobQueue) -> list[float]:
        waits_s = [queue.wait_s]
        for took_ms, times in ((1, 3), (24, 30), (2000, 5), (1, 30)):
            for _ in range(times):
                await committed(queue, took_ms=took_ms)
            waits_s.append(queue.wait_s)
        return waits_s

    least, fast, slow, stuck, healed = played(scene)
    assert least == fast == healed == 10.0
    assert 23.0 < slow <= 24.0
    assert stuck == 40.0
