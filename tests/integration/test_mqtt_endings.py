"""Pins what the session makes of a broker that ends connections without saying why.

Mosquitto, killed and started again, and a small broker of 3.1.1 that says nothing, as those do.
"""

import asyncio
import contextlib
import logging
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import paho.mqtt.client as mqtt
import pytest

from gateway.clock import SystemClock
from gateway.links.mqtt import PahoSession
from gateway.links.mqtt_endings import STABLE_S, TAKEOVERS_SUSPECTED, SilentEndings
from gateway.settings import MqttSettings
from tests.rigs.broker import free_port, running_mosquitto
from tests.rigs.guard import GUARD_S

CONNACK_311 = bytes([0x20, 2, 0, 0])
LEVEL_AT = 8
"""Where CONNECT has its protocol level: behind two bytes of header and `00 04 MQTT`."""
START_S = 0.3
"""What a broker takes to be there again."""


class OldBroker:
    """Speaks 3.1.1 only, and hangs up on everybody soon after the CONNACK.

    restarts: it is away for a moment each time, as a program that ended is.
    """

    def __init__(self, *, restarts: bool) -> None:
        self.port = free_port()
        self.levels: list[int] = []
        self._restarts = restarts
        self._server: asyncio.Server | None = None
        self._away = asyncio.Event()

    async def run(self) -> None:
        """Serve until cancelled."""
        while True:
            self._away.clear()
            async with await asyncio.start_server(self._serve, "127.0.0.1", self.port) as server:
                self._server = server
                await self._away.wait()
            await asyncio.sleep(START_S)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            level = (await reader.readexactly(LEVEL_AT + 1))[LEVEL_AT]
            self.levels.append(level)
            if level == mqtt.MQTTv311:
                writer.write(CONNACK_311)
                await reader.read(4096)
                await reader.read(1)  # SUBSCRIBE: it has taken in the CONNACK
                if self._restarts and self._server is not None:
                    self._server.close()
                    self._away.set()
        writer.close()

    async def until_connected(self, n: int) -> None:
        async with asyncio.timeout(GUARD_S):
            while self.levels.count(mqtt.MQTTv311) < n:
                await asyncio.sleep(0.01)


@contextlib.asynccontextmanager
async def session_at(port: int) -> AsyncIterator[PahoSession]:
    """A session that never waits before it tries again."""
    settings = MqttSettings(host="127.0.0.1", port=port)
    session = PahoSession(settings, client_id="gw-J1", clock=SystemClock(), random=lambda: 0.02)
    session.subscribe("forepost/v1/J1/+/scan", lambda _: None)
    async with asyncio.TaskGroup() as group:
        task = group.create_task(session.run())
        try:
            yield session
        finally:
            task.cancel()


def clashes(caplog: pytest.LogCaptureFixture) -> list[str]:
    """The evidence of each line that says that somebody else has our id."""
    return [r.evidence for r in caplog.records if getattr(r, "action", "") == "id_clash"]  # type: ignore[attr-defined]


def protocols(caplog: pytest.LogCaptureFixture) -> list[int]:
    """What was spoken on each connection."""
    return [r.protocol for r in caplog.records if getattr(r, "action", "") == "link_up"]  # type: ignore[attr-defined]


@pytest.mark.slow
async def test_a_broker_that_is_killed_again_and_again_is_no_clash_and_goes_on_in_mqtt_5(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    with running_mosquitto(tmp_path) as broker:
        async with session_at(broker.port) as session:
            for n in range(TAKEOVERS_SUSPECTED + 1):
                async with asyncio.timeout(GUARD_S):
                    while len(protocols(caplog)) <= n or not session.is_connected:
                        await asyncio.sleep(0.01)
                await asyncio.to_thread(broker.stop, signal.SIGKILL)
                await asyncio.sleep(START_S)
                await asyncio.to_thread(broker.start)
    assert clashes(caplog) == []
    assert set(protocols(caplog)) == {int(mqtt.MQTTv5)}


async def test_a_silent_broker_that_hangs_up_and_is_there_has_another_client_of_our_id(
    caplog: pytest.LogCaptureFixture,
) -> None:
    broker = OldBroker(restarts=False)
    async with asyncio.TaskGroup() as group:
        task = group.create_task(broker.run())
        async with session_at(broker.port):
            await broker.until_connected(TAKEOVERS_SUSPECTED + 1)
        task.cancel()
    assert clashes(caplog)[0] == f"{TAKEOVERS_SUSPECTED} connections lost at once"
    assert broker.levels[0] == mqtt.MQTTv5, "tried first"
    assert set(broker.levels[1:]) == {mqtt.MQTTv311}, "and not again"


async def test_a_silent_broker_that_is_restarted_has_none(
    caplog: pytest.LogCaptureFixture,
) -> None:
    broker = OldBroker(restarts=True)
    async with asyncio.TaskGroup() as group:
        task = group.create_task(broker.run())
        async with session_at(broker.port):
            await broker.until_connected(TAKEOVERS_SUSPECTED + 2)
        task.cancel()
    assert clashes(caplog) == []


@pytest.mark.parametrize(
    ("lived_s", "is_there", "expected"),
    [(STABLE_S, True, True), (STABLE_S + 0.1, True, False), (1.0, False, False)],
    ids=["short", "long enough", "restarted"],
)
def test_only_short_lives_at_a_broker_that_is_there_count(
    lived_s: float, *, is_there: bool, expected: bool
) -> None:
    endings = SilentEndings()
    told = [endings.is_takeover(lived_s, is_there) for _ in range(TAKEOVERS_SUSPECTED)]
    assert told == [*[False] * (TAKEOVERS_SUSPECTED - 1), expected]
