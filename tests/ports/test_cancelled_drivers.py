"""Pins that a driver stopped at any of its awaits stops, and leaves no task, file or thread.

The life it is stopped in has everything: opening, reading, a link lost, waiting, opening again,
reading. Each life is as long as the one before and one await more, until one is lived to its end.
"""

import asyncio
from pathlib import Path

import pytest

from tests.ports.driver_cases import CASES_ON_WIRES
from tests.rigs.driver_stage import DriverCase, Stage, staged
from tests.rigs.guard import GUARD_S
from tests.rigs.interrupting import Interrupter, open_files, threads
from tests.rigs.wires import WIRES
from tests.simulation.virtual_time import VirtualLoop

pytestmark = pytest.mark.slow

LIVES_MAX = {"memory": 1000, "pty": 15, "tcp": 25, "http": 25}
"""In memory a life is the same each time and is lived to its end; on a real wire, where it is as
long as the machine is slow, its beginning, which is where files are opened."""


async def live(stage: Stage) -> None:
    """All that the device does to a driver in one life."""
    await stage.all_heard()
    await stage.wire.cut()
    await stage.until(lambda: stage.states() == {"lost"})
    await stage.wire.mend()
    await stage.all_heard()


async def stop_at(case: DriverCase, wire_name: str, directory: Path, at: int) -> bool:
    """Live until await `at` of the driver, or to the end; True if it was lived to the end."""
    async with WIRES[wire_name](directory) as wire, staged(case, wire) as stage:
        await asyncio.sleep(0)
        tasks, files = asyncio.all_tasks(), open_files()
        interrupter = Interrupter(at)
        driver = interrupter.start(stage.driver.run(stage.collector.queue))
        living = asyncio.create_task(live(stage))
        await asyncio.wait({driver, living}, return_when="FIRST_COMPLETED", timeout=GUARD_S)
        is_whole = living.done() and living.result() is None
        living.cancel()
        driver.cancel()
        await asyncio.wait({driver, living}, timeout=GUARD_S)
        assert driver.cancelled(), f"await {at}: {driver}"
        assert all(link.is_closed for link in stage.links), f"await {at}: a link is still open"
        await asyncio.get_running_loop().shutdown_default_executor()
        await wire.cut()
        await asyncio.sleep(0)
        left = asyncio.all_tasks() - tasks
        # What the cut wire itself had open may be gone; nothing may have come.
        return _nothing_is_left(at, left, files) and is_whole


def _nothing_is_left(at: int, left: set[asyncio.Task[object]], files: dict[str, str]) -> bool:
    assert not left, f"await {at}: {left}"
    more = {name: to for name, to in open_files().items() if name not in files}
    assert not more, f"await {at}: {more}"
    return True


@pytest.mark.parametrize(("case", "wire_name"), CASES_ON_WIRES)
def test_a_driver_can_be_stopped_at_every_await(
    case: DriverCase, wire_name: str, tmp_path: Path
) -> None:
    before = threads()
    factory = VirtualLoop if wire_name == "memory" else asyncio.new_event_loop
    for at in range(1, LIVES_MAX[wire_name]):
        directory = tmp_path / str(at)
        directory.mkdir()
        with asyncio.Runner(loop_factory=factory) as runner:
            if runner.run(stop_at(case, wire_name, directory, at)):
                break
    else:
        assert wire_name != "memory", "no life was lived to its end"
    assert threads() == before
