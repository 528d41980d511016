"""Pins what every driver on a byte link does when its device and its cable play tricks."""

import asyncio
import logging
import tracemalloc
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from random import Random

import pytest

from device_sim.faults import Frame, Noise, Repeat
from gateway.ports import ERROR_KINDS_MAX
from tests.ports.driver_cases import CASES, CASES_ON_WIRES
from tests.rigs.driver_stage import DriverCase, Stage, driving
from tests.rigs.wires import WIRES
from tests.simulation.virtual_time import VirtualLoop

pytestmark = pytest.mark.slow

Act = Callable[[Stage], Awaitable[None]]


@dataclass(frozen=True)
class Lie:
    """Noise that looks like the beginning of a frame, in front of every third one."""

    head: bytes

    def __call__(self, frame: Frame, random: Random) -> Iterator[Frame]:
        if random.random() < 1 / 3:
            yield Frame(frame.due_s, self.head)
        yield frame


def perform(case: DriverCase, wire_name: str, directory: Path, act: Act) -> None:
    """Play an act. On the wire in memory time is virtual: it passes when all wait.

    Whatever is played, nothing may be claimed that was not said, nor oftener than it was.
    """

    async def play() -> None:
        async with WIRES[wire_name](directory) as wire, driving(case, wire) as stage:
            await act(stage)
            assert stage.collector.untrue == []
            assert stage.collector.n_claimed <= stage.player.n_told * stage.n_copies

    factory = VirtualLoop if wire_name == "memory" else asyncio.new_event_loop
    with asyncio.Runner(loop_factory=factory) as runner:
        runner.run(play())


every_case = pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
serial_cases = [case for case in CASES if case.is_serial]
on_a_serial_line = pytest.mark.parametrize("case", serial_cases, ids=lambda case: case.name)
FLOODED = [(case, "memory") for case in CASES] + [(CASES[0], "pty")]
"""A terminal is the same for all drivers, and a socket's own buffers hold more than a flood."""
on_every_wire = pytest.mark.parametrize(("case", "wire_name"), CASES_ON_WIRES)


@on_every_wire
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


@on_every_wire
def test_one_byte_at_a_time(case: DriverCase, wire_name: str, tmp_path: Path) -> None:
    async def act(stage: Stage) -> None:
        stage.one_byte = True
        await stage.all_heard()
        await stage.all_heard()
        assert (stage.collector.n_rubbish, stage.collector.n_missed) == (0, 0)

    perform(case, wire_name, tmp_path, act)


@pytest.mark.parametrize("seed", range(4))
@every_case
def test_a_fifth_lost_or_damaged(case: DriverCase, seed: int, tmp_path: Path) -> None:
    """Nothing untrue comes of a bad line, what is said again arrives; questions get lost too."""

    async def act(stage: Stage) -> None:
        stage.line.random, stage.asked.random = Random(seed), Random(-seed)
        stage.line.faults, stage.asked.faults = case.faults, case.asked_faults
        for _ in range(20):
            await stage.all_heard()

    perform(case, "memory", tmp_path, act)


@on_a_serial_line
def test_a_fifth_lost_or_damaged_on_a_real_line(case: DriverCase, tmp_path: Path) -> None:
    async def act(stage: Stage) -> None:
        stage.line.faults, stage.asked.faults = case.faults, case.asked_faults
        for _ in range(3):
            await stage.all_heard()

    perform(case, "pty", tmp_path, act)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("case", [case for case in CASES if case.lie], ids=lambda case: case.name)
def test_noise_and_lies_between_frames_cost_none_of_them(
    case: DriverCase, seed: int, tmp_path: Path
) -> None:
    async def act(stage: Stage) -> None:
        stage.line.random = Random(seed)
        stage.line.faults = (Noise(0.5), Lie(case.lie))
        for _ in range(50):
            await stage.all_heard()
        stage.line.faults = ()
        await stage.until(lambda: stage.collector.n_claimed == stage.player.n_told)

    perform(case, "memory", tmp_path, act)


@on_every_wire
def test_every_frame_twice(case: DriverCase, wire_name: str, tmp_path: Path) -> None:
    async def act(stage: Stage) -> None:
        stage.line.faults = (Repeat(1.0),)
        stage.n_copies = 2
        for _ in range(5):
            await stage.all_heard()
        assert stage.collector.n_rubbish == 0

    perform(case, wire_name, tmp_path, act)


@pytest.mark.parametrize(
    ("case", "wire_name"), FLOODED, ids=lambda part: getattr(part, "name", part)
)
def test_a_flood_of_garbage_takes_no_memory(
    case: DriverCase, wire_name: str, tmp_path: Path
) -> None:
    async def flood(stage: Stage, n_bytes: int) -> None:
        for piece in stage.player.flood(n_bytes):
            await stage.wire.write(piece)

    n_bytes = case.growth_bytes * 3 // 2

    async def act(stage: Stage) -> None:
        await stage.all_heard()
        await flood(stage, n_bytes // 8)
        tracemalloc.start()
        try:
            await flood(stage, n_bytes)
            await stage.all_heard()  # so the flood in front of it was read
            _, most = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert most < case.growth_bytes
        assert all(len(health.errors) <= ERROR_KINDS_MAX + 1 for health in stage.health())

    perform(case, wire_name, tmp_path, act)


@every_case
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


@every_case
def test_a_well_device_stays_well(case: DriverCase, tmp_path: Path) -> None:
    """For longer than any of its time-outs, and than it waits to be answered."""

    async def act(stage: Stage) -> None:
        await stage.all_heard()
        await asyncio.sleep(3 * case.silent_after_s)
        assert stage.states() == {"online"}
        assert [health.errors for health in stage.health()] == [{}] * len(stage.health())
        assert {health.n_reconnects for health in stage.health()} == {0}
        await stage.all_heard()

    perform(case, "memory", tmp_path, act)


@every_case
def test_a_device_that_forgot_its_orders_is_given_them_again(
    case: DriverCase, tmp_path: Path
) -> None:
    """It was without power for a moment, and nobody else noticed."""

    async def act(stage: Stage) -> None:
        for _ in range(3):
            await stage.all_heard()
            stage.player.reboot()
        await stage.all_heard()
        assert stage.states() == {"online"}

    perform(case, "memory", tmp_path, act)


@pytest.mark.parametrize(
    "case", [case for case in CASES if case.name != "impinj"], ids=lambda case: case.name
)
def test_a_line_that_only_hums_is_not_shown_as_well(case: DriverCase, tmp_path: Path) -> None:
    """A device that is dead on a line that is not: bytes come, and none of them says anything.

    A stream over HTTP has its bytes from the reader or not at all.
    """

    async def act(stage: Stage) -> None:
        await stage.all_heard()
        stage.is_silent = True
        hum, now_s = stage.player.hum(), asyncio.get_running_loop().time
        end_s = now_s() + case.silent_after_s
        while now_s() < end_s:
            await stage.wire.write(next(hum))
            await asyncio.sleep(0.01)
        assert "online" not in stage.states(), stage.health()
        stage.is_silent = False
        await stage.all_heard()
        assert stage.states() == {"online"}

    perform(case, "memory", tmp_path, act)


@on_every_wire
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
        await stage.until(lambda: stage.states() == {"lost"} and stage.n_in_vain >= 3)
        assert told() == ["link_lost"]
        await stage.wire.mend()
        await stage.all_heard()
        assert told() == ["link_lost", "link_up"]
        assert stage.states() == {"online"}
        assert {health.n_reconnects for health in stage.health()} == {1}

    with caplog.at_level(logging.INFO, "gateway"):
        perform(case, wire_name, tmp_path, act)


@on_every_wire
def test_a_link_lost_in_the_middle_of_a_frame(
    case: DriverCase, wire_name: str, tmp_path: Path
) -> None:
    """What was half read is not glued to what comes after the return."""

    async def act(stage: Stage) -> None:
        await stage.all_heard()
        for _ in range(5 if wire_name == "memory" else 1):
            frames = stage.player.speak(asyncio.get_running_loop().time())
            if frames:
                await stage.wire.write(frames[0][: len(frames[0]) // 2])
            await stage.wire.cut()
            await stage.until(lambda: stage.states() == {"lost"})
            await stage.wire.mend()
            await stage.all_heard()
        assert stage.collector.n_rubbish == 0

    perform(case, wire_name, tmp_path, act)
