"""Watches the broker that the devices speak through: is it there, does it keep, has it forgotten.

- Away for AWAY_S, it is an alarm, `broker`: devices wait.
- Soon after the start and every `mqtt.self_test_s` the gateway says something to itself through
  the broker, and a client of its own tries out whether messages wait for who is away
  (links/mqtt_trial). A broker that keeps nothing, or refuses a topic, acknowledges all the same:
  nobody would notice but by scans that take long. What fails is the alarm `broker_test`, and is
  tried again every AGAIN_S. A broker that would take the client for the gateway is not asked.
- A broker that comes back without the gateway's session has lost what it acknowledged meanwhile:
  it was killed, or its store was set aside. Handhelds send again what has no receipt; for all
  others, and for people, an event `gateway.health` with `what: broker_session_lost` says that
  messages of this time may be missing.
- A session that the broker has just made is in its memory only. Whoever can have it write its
  store is asked to, once for each new session (`save_broker`).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Final, Protocol

from gateway.errors import LinkLost
from gateway.links.mqtt_trial import SameSession
from gateway.ports import Clock, MqttMessage, MqttSession
from gateway.services.alarms import Alarms
from gateway.services.following import rest
from gateway.services.gateway_health import health_draft
from gateway.services.ports import CountingJournal
from gateway.services.supervisor import Heartbeats

logger = logging.getLogger(__name__)

CONSUMER: Final = "broker-watch"
TICK_S: Final = 1.0
AWAY_S: Final = 30.0
FIRST_S: Final = 15.0
AGAIN_S: Final = 60.0
ROUND_S: Final = 10.0

TryBroker = Callable[[], Awaitable[str | None]]
"""What the broker does not do, None if all is well. Raises OSError or LinkLost if it is away, and
SameSession."""


class WatchedSession(MqttSession, Protocol):
    """A session that knows when the broker forgot it."""

    @property
    def n_forgotten(self) -> int:
        """How often the broker was reached and knew no session of ours."""
        ...


class BrokerWatch:
    """One gateway's watch.

    topic: what the gateway may both say and hear. try_broker: None where a second client is not
    to be. has_heard: whether devices have spoken to this gateway before.
    """

    def __init__(
        self,
        *,
        session: WatchedSession,
        topic: str,
        try_broker: TryBroker | None,
        every_s: float,
        has_heard: Callable[[], bool],
        journal: CountingJournal,
        warehouse: str,
        clock: Clock,
        new_id: Callable[[], str],
        alarms: Alarms,
        heartbeats: Heartbeats,
        save_broker: Callable[[], None] = lambda: None,
    ) -> None:
        self._session = session
        self._topic = topic
        self._try_broker = try_broker
        self._every_s = every_s
        self._has_heard = has_heard
        self._journal = journal
        self._warehouse = warehouse
        self._clock = clock
        self._new_id = new_id
        self._alarms = alarms
        self._heartbeats = heartbeats
        self._save_broker = save_broker
        self._seen_s = clock.monotonic()
        self._due_s = clock.monotonic() + min(every_s, FIRST_S)
        self._n_told = 0
        self._n_said = 0
        self._came_back = asyncio.Event()
        if every_s:
            session.subscribe(topic, self._on_message)

    async def run(self) -> None:
        """Watch for ever."""
        while True:
            self._heartbeats.beat(CONSUMER)
            await self.look()
            await rest(TICK_S, consumer=CONSUMER, heartbeats=self._heartbeats)

    async def look(self) -> None:
        """What is so now, and a trial if it is time for one."""
        now_s = self._clock.monotonic()
        if not self._session.is_connected:
            if now_s - self._seen_s >= AWAY_S:
                self._alarms.set("broker", "the broker is not reached; devices wait for it")
            return
        self._seen_s = now_s
        self._alarms.set("broker", None)
        if self._session.n_forgotten > self._n_told:
            await self._tell_forgotten()
        if self._every_s and now_s >= self._due_s:
            await self._try_out()

    def _on_message(self, message: MqttMessage) -> bool:
        if message.payload == str(self._n_said).encode():
            self._came_back.set()
        message.acknowledge()
        return True

    async def _round_trip(self) -> str | None:
        """Say something to ourselves."""
        self._came_back.clear()
        self._n_said += 1
        self._session.publish(self._topic, str(self._n_said).encode())
        try:
            async with asyncio.timeout(ROUND_S):
                await self._came_back.wait()
        except TimeoutError:
            if not self._session.is_connected:
                raise LinkLost(self._topic, "the broker is away") from None
            return f"what is published to {self._topic} does not come back"
        return None

    async def _try_out(self) -> None:
        try:
            fault = await self._round_trip()
            if fault is None and self._try_broker is not None:
                fault = await self._try_broker()
        except SameSession:
            self._try_broker = fault = None
        except (OSError, LinkLost) as error:
            # Nothing is known: away is another alarm, and the next look tries again.
            logger.info("broker not tried", extra={"action": "untried", "reason": str(error)})
            return
        self._alarms.set("broker_test", None if fault is None else f"the broker fails: {fault}")
        wait_s = self._every_s if fault is None else min(AGAIN_S, self._every_s)
        self._due_s = self._clock.monotonic() + wait_s

    async def _tell_forgotten(self) -> None:
        n_forgotten = self._session.n_forgotten
        self._save_broker()
        if self._has_heard():
            logger.warning("broker forgot the session", extra={"action": "session_forgotten"})
            draft = health_draft(
                {"what": "broker_session_lost"},
                event_id=self._new_id(),
                warehouse=self._warehouse,
                now_us=self._clock.wall_us(),
            )
            # Not the cursor of a reader: no rows are read here.
            await self._journal.advance(CONSUMER, to_seq=self._journal.last_seq, drafts=[draft])
        self._n_told = n_forgotten
