"""Pins what every driver on a byte link does when its device and its cable play tricks."""

import asyncio
import logging
import tracemalloc
from collections.abc import Awaitable, Callable
from pathlib import Path
from random import Random

import pytest

from device_sim.faults import Drop, Repeat
from gateway.ports import ERROR_KINDS_MAX
from tests.ports.driver_cases import CASES
from tests.rigs.driver_stage import DriverCase, Stage, driving
from tests.rigs.wires import WIRES
from tests.simulation.virtual_time import VirtualLoop

FLOOD_BYTES = 256 * 1024
GROWTH_BYTES = 128 * 1024

Act = Callable[[Stage], Awaitable[None]]


@pytest.fixture(params=CASES, ids=lambda case: case.name)
def case(request: pytest.FixtureRequest) -> DriverCase:
    found: DriverCase = request.param
    return found


def perform(case: DriverCase, wire_name: str, directory: Path, act: Act) -> None:
    """Play an act. On the wire in memory time is virtual: it passes when all wait."""

    async def play() -> None:
        async with WIRES[wire_name](directory) as wire, driving(case, wire) as stage:
            await act(stage)
            assert stage.collector.untrue == []

    factory = VirtualLoop if wire_name == "memory" else asyncio.new_event_loop
    with asyncio.Runner(loop_factory=factory) as runner:
        runner.run(play())


every_wire = pytest.mark.parametrize("wire_name", WIRES)


@every_wire
def test_everything_is_read_and_nothing_else(
    case: DriverCase, wire_name: str, tmp_path: Path
) -> None:
    async def act(stage: Stage) -> None:
        await stage.all_heard()
        await stage.all_heard()
        assert stage.states() == {"online"}
        assert (stage.collector.n_rubbish, stage.collector.n_missed) == (0, 0)
        assert [health.errors for health in stage.health()] == [{}] * len(stage.health())
        assert all(health.last_seen_us is not None for health in stage.health())
        assert all(health.n_reads > 0 and health.last_reading for health in stage.health())

    perform(case, wire_name, tmp_path, act)


@every_wire
def test_one_byte_at_a_time(case: DriverCase, wire_name: str, tmp_path: Path) -> None:
    async def act(stage: Stage) -> None:
        stage.one_byte = True
        await stage.all_heard()
        await stage.all_heard()
        assert (stage.collector.n_rubbish, stage.collector.n_missed) == (0, 0)

    perform(case, wire_name, tmp_path, act)


@every_wire
def test_a_fifth_lost_or_damaged(case: DriverCase, wire_name: str, tmp_path: Path) -> None:
    """Nothing untrue comes of a bad line, what is said again arrives; questions get lost too."""

    async def act(stage: Stage) -> None:
        stage.line.faults = case.faults
        stage.asked.faults = (Drop(0.2),)
        for _ in range(10):
            await stage.all_heard()

    perform(case, wire_name, tmp_path, act)


@pytest.mark.parametrize("seed", range(8))
def test_a_fifth_lost_or_damaged_in_many_ways(case: DriverCase, seed: int, tmp_path: Path) -> None:
    async def act(stage: Stage) -> None:
        stage.line.random, stage.asked.random = Random(seed), Random(-seed)
        stage.line.faults, stage.asked.faults = case.faults, (Drop(0.2),)
        for _ in range(20):
            await stage.all_heard()

    perform(case, "memory", tmp_path, act)


@every_wire
def test_every_frame_twice(case: DriverCase, wire_name: str, tmp_path: Path) -> None:
    async def act(stage: Stage) -> None:
        stage.line.faults = (Repeat(1.0),)
        for _ in range(5):
            await stage.all_heard()
        assert stage.collector.n_rubbish == 0

    perform(case, wire_name, tmp_path, act)


@every_wire
def test_a_flood_of_garbage_takes_no_memory(
    case: DriverCase, wire_name: str, tmp_path: Path
) -> None:
    async def flood(stage: Stage, n_bytes: int) -> None:
        random = Random("flood")
        for _ in range(n_bytes // 4096):
            await stage.wire.write(random.randbytes(4096))

    async def act(stage: Stage) -> None:
        await stage.all_heard()
        await flood(stage, FLOOD_BYTES // 16)
        tracemalloc.start()
        try:
            await flood(stage, FLOOD_BYTES)
            _, most = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert most < GROWTH_BYTES
        assert all(len(health.errors) <= ERROR_KINDS_MAX + 1 for health in stage.health())
        await stage.all_heard()

    perform(case, wire_name, tmp_path, act)


def test_a_silent_device_is_not_shown_as_well(case: DriverCase, tmp_path: Path) -> None:
    async def act(stage: Stage) -> None:
        await stage.all_heard()
        assert stage.states() == {"online"}
        stage.is_silent = True
        await asyncio.sleep(case.silent_after_s)
        assert "online" not in stage.states(), stage.health()
        stage.is_silent = False
        await stage.all_heard()
        assert stage.states() == {"online"}

    perform(case, "memory", tmp_path, act)


@every_wire
def test_a_lost_link_is_one_line_and_its_return_another(
    case: DriverCase, wire_name: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """On the terminal this is a cable pulled and put back: the name vanishes and returns."""

    def told() -> list[str]:
        actions = [getattr(record, "action", "") for record in caplog.records]
        return [action for action in actions if action.startswith("link_")]

    async def act(stage: Stage) -> None:
        await stage.all_heard()
        await stage.wire.cut()
        await stage.until(lambda: stage.states() == {"lost"})
        await asyncio.sleep(0.5)  # time for several attempts in vain, none of them another line
        assert told() == ["link_lost"]
        await stage.wire.mend()
        await stage.all_heard()
        assert told() == ["link_lost", "link_up"]
        assert stage.states() == {"online"}
        assert {health.n_reconnects for health in stage.health()} == {1}

    with caplog.at_level(logging.INFO, "gateway"):
        perform(case, wire_name, tmp_path, act)


@every_wire
def test_a_link_lost_in_the_middle_of_a_frame(
    case: DriverCase, wire_name: str, tmp_path: Path
) -> None:
    """What was half read is not glued to what comes after the return."""

    async def act(stage: Stage) -> None:
        await stage.all_heard()
        for _ in range(5 if wire_name == "memory" else 1):
            frames = stage.player.speak(0.0)
            if frames:
                await stage.wire.write(frames[0][: len(frames[0]) // 2])
            await stage.wire.cut()
            await stage.until(lambda: stage.states() == {"lost"})
            await stage.wire.mend()
            await stage.all_heard()

    perform(case, wire_name, tmp_path, act)
