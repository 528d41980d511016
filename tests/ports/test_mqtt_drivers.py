"""Pins what MQTT drivers do, on a real broker, when network and devices play tricks."""

import asyncio
import logging
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest

from device_sim.faults import Drop, Repeat
from gateway.ports import ERROR_KINDS_MAX
from tests.fakes.clock import FakeClock
from tests.ports.mqtt_cases import CASES
from tests.rigs.broker import Mosquitto, running_mosquitto
from tests.rigs.guard import GUARD_S
from tests.rigs.interrupting import Interrupter, open_files, threads
from tests.rigs.mqtt_stage import (
    MqttCase,
    MqttStage,
    link_lines,
    mqtt_driving,
    mqtt_staged,
    run_driver,
)

pytestmark = pytest.mark.slow

FLOOD_MESSAGES = 300
GROWTH_BYTES = 250 * 1024
LIVES_MAX = 400


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mosquitto]:
    with running_mosquitto(Path(tmp_path_factory.mktemp("broker"))) as it:
        yield it


@pytest.fixture(params=CASES, ids=lambda case: case.name)
def case(request: pytest.FixtureRequest) -> MqttCase:
    found: MqttCase = request.param
    return found


async def test_everything_is_read_and_nothing_else(case: MqttCase, broker: Mosquitto) -> None:
    async with mqtt_driving(case, broker.port) as stage:
        await stage.say(20)
        assert stage.n_rubbish == 0
        assert stage.health().state == "online"
        assert stage.health().errors == {}
        assert stage.health().last_seen_us is not None
        assert stage.n_claimed <= stage.n_published


async def test_one_byte_at_a_time(case: MqttCase, broker: Mosquitto) -> None:
    async with mqtt_driving(case, broker.port) as stage:
        stage.proxy.one_byte = True
        await stage.say(10)
        assert stage.n_rubbish == 0


async def test_a_fifth_lost_is_sent_again_and_arrives(case: MqttCase, broker: Mosquitto) -> None:
    async with mqtt_driving(case, broker.port) as stage:
        stage.line.faults = (Drop(0.2),)
        for _ in range(3):
            await stage.say(20)


async def test_every_message_twice(case: MqttCase, broker: Mosquitto) -> None:
    async with mqtt_driving(case, broker.port) as stage:
        stage.line.faults = (Repeat(1.0),)
        await stage.say(20)
        assert stage.n_rubbish == 0
        assert stage.n_claimed <= stage.n_published  # the line's copies are published ones


async def test_a_flood_of_garbage_is_refused_and_takes_no_memory(
    case: MqttCase, broker: Mosquitto
) -> None:
    random = Random("flood")

    async def all_told(stage: MqttStage) -> None:
        expected = stage.n_rubbish if case.is_refused_to else 0
        await stage.until(lambda: len(stage.refusals) == expected)

    async def flood(stage: MqttStage, n_messages: int) -> None:
        before = stage.n_rubbish
        for _ in range(n_messages):
            stage.client.publish(case.topic, random.randbytes(2048))
        await stage.until(lambda: stage.n_rubbish == before + n_messages)

    async with mqtt_driving(case, broker.port) as stage:
        await stage.say(1)
        await flood(stage, FLOOD_MESSAGES // 4)
        await all_told(stage)
        tracemalloc.start()
        try:
            for _ in range(4):
                await flood(stage, FLOOD_MESSAGES // 4)
                await all_told(stage)
                stage.refusals.clear()
                stage.n_rubbish = 0
            now, _ = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert now < GROWTH_BYTES
        assert len(stage.health().errors) <= ERROR_KINDS_MAX + 1
        await stage.say(5)


async def test_a_silent_device_is_not_shown_as_well(case: MqttCase, broker: Mosquitto) -> None:
    clock = FakeClock()
    async with mqtt_driving(case, broker.port, clock=clock) as stage:
        await stage.say(1)
        clock.forward(60)
        assert stage.health().state == "online"
        clock.forward(1)
        assert stage.health().state == "lost"
        await stage.say(1)
        assert stage.health().state == "online"


async def test_a_lost_broker_is_one_line_and_its_return_another(
    case: MqttCase, broker: Mosquitto, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, "gateway"):
        async with mqtt_driving(case, broker.port) as stage:
            await stage.say(5)
            for _ in range(2):
                caplog.clear()
                await stage.proxy.cut()
                n_before = stage.n_given_up
                await stage.until(lambda n=n_before: stage.n_given_up >= n + 4)  # three in vain
                assert link_lines(caplog.records) == ["link_lost"]
                await stage.proxy.mend()
                await stage.say(5)
                assert link_lines(caplog.records) == ["link_lost", "link_up"]


async def test_what_is_said_while_the_broker_is_away_is_heard_after(
    case: MqttCase, broker: Mosquitto
) -> None:
    async with mqtt_driving(case, broker.port) as stage:
        await stage.say(5)
        await stage.proxy.cut()
        saying = asyncio.ensure_future(stage.say(20))
        await stage.until(lambda: not stage.session.is_connected)
        assert not saying.done()
        await stage.proxy.mend()
        await saying


async def test_what_was_not_committed_is_brought_again_by_the_broker(
    case: MqttCase, broker: Mosquitto
) -> None:
    """The device has said it once and says no more; the gateway has died over it."""
    async with mqtt_driving(case, broker.port) as stage:
        await stage.say(2)
        stage.is_dead = True
        saying = asyncio.ensure_future(stage.say(5))
        await stage.until(lambda: stage.n_forgotten >= 5)
        stage.line.faults = (Drop(1.0),)
        await stage.proxy.cut()
        await stage.until(lambda: not stage.session.is_connected)
        stage.is_dead = False
        await stage.proxy.mend()
        await saying


async def live(stage: MqttStage) -> None:
    """All that happens to a driver in one life."""
    await stage.say(2)
    await stage.proxy.cut()
    await stage.until(lambda: not stage.session.is_connected)
    await stage.proxy.mend()
    await stage.say(2)


async def stop_at(case: MqttCase, broker_port: int, at: int) -> bool:
    """Live until await `at`, or to the end; True if it was lived to the end."""
    async with mqtt_staged(case, broker_port) as stage:
        await asyncio.sleep(0)
        tasks, files = asyncio.all_tasks(), open_files()
        interrupter = Interrupter(at)
        gateway = interrupter.start(run_driver(stage))
        living = asyncio.create_task(live(stage))
        await asyncio.wait({gateway, living}, return_when="FIRST_COMPLETED", timeout=GUARD_S)
        is_whole = living.done() and living.result() is None
        living.cancel()
        gateway.cancel()
        await asyncio.wait({gateway, living}, timeout=GUARD_S)
        assert gateway.cancelled(), f"await {at}: {gateway}"
        await stage.proxy.cut()
        await stage.until(lambda: not asyncio.all_tasks() - tasks)
        await nothing_is_open(at, files)
        return is_whole


async def nothing_is_open(at: int, files: dict[str, str]) -> None:
    """Return when no file is open that was not; a thread that was connecting may take a moment."""
    more = {"?": "?"}
    try:
        async with asyncio.timeout(GUARD_S):
            while more:
                await asyncio.sleep(0.005)
                more = {name: to for name, to in open_files().items() if name not in files}
    except TimeoutError as error:
        raise AssertionError(f"await {at}: {more}") from error


def test_a_driver_can_be_stopped_at_every_await(case: MqttCase, broker: Mosquitto) -> None:
    before = threads()
    for at in range(1, LIVES_MAX):
        with asyncio.Runner() as runner:
            if runner.run(stop_at(case, broker.port, at)):
                break
    else:
        raise AssertionError("no life was lived to its end")
    assert threads() == before
