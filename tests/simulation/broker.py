"""A broker as brokers are: it acknowledges what it may forget, and repeats what it may not."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import Final

from paho.mqtt.client import topic_matches_sub

from gateway.ports import MqttMessage
from tests.simulation.disk import Box
from tests.simulation.weather import Weather

HOP_S: Final = 0.003
IN_FLIGHT_MAX: Final = 100

Handler = Callable[[MqttMessage], bool | None]
Deliver = Callable[[str, bytes], None]


@dataclass(slots=True)
class Mailbox:
    """What the broker keeps for a client with a persistent session, here or away."""

    filters: set[str] = field(default_factory=set)
    queue: deque[tuple[str, bytes]] = field(default_factory=deque)
    in_flight: dict[int, tuple[str, bytes]] = field(default_factory=dict)
    has_mail: asyncio.Event = field(default_factory=asyncio.Event)
    n_sent: int = 0

    def put_back(self) -> None:
        """The connection is gone: what was not acknowledged comes again, in order."""
        self.queue.extendleft(reversed(self.in_flight.values()))
        self.in_flight.clear()


class Broker:
    """Publishes to persistent mailboxes and to devices that are there."""

    def __init__(self, random: Random, weather: Callable[[], Weather]) -> None:
        self.random = random
        self.weather = weather
        self.is_up = True
        self.was_killed = asyncio.Event()
        self._mailboxes: dict[str, Mailbox] = {}
        self._devices: list[tuple[str, Deliver]] = []

    def listen(self, topic_filter: str, deliver: Deliver) -> None:
        """A device that is connected whenever the broker is up."""
        self._devices.append((topic_filter, deliver))

    def mailbox(self, client_id: str) -> Mailbox:
        """The persistent session of a client."""
        return self._mailboxes.setdefault(client_id, Mailbox())

    def publish(self, topic: str, payload: bytes) -> None:
        """Take a message from anybody; a broker that is down takes nothing."""
        if not self.is_up:
            return
        for mailbox in self._mailboxes.values():
            if any(topic_matches_sub(each, topic) for each in sorted(mailbox.filters)):
                mailbox.queue.append((topic, payload))
                mailbox.has_mail.set()
        for topic_filter, deliver in self._devices:
            if topic_matches_sub(topic_filter, topic):
                deliver(topic, payload)

    def kill(self) -> None:
        """Sessions and everything that was acknowledged to their senders are forgotten."""
        self.is_up = False
        self._mailboxes.clear()
        self.was_killed.set()
        self.was_killed = asyncio.Event()


class GatewaySession:
    """Implements assembly.BrokerSession for one life of a box."""

    def __init__(self, broker: Broker, client_id: str, box: Box) -> None:
        self._broker = broker
        self._client_id = client_id
        self._box = box
        self._routes: list[tuple[str, Handler]] = []
        self._has_room = asyncio.Event()
        self.is_connected = False
        self.n_forgotten = 0

    def subscribe(self, topic_filter: str, handler: Handler) -> None:
        self._routes.append((topic_filter, handler))
        if self.is_connected:
            self._broker.mailbox(self._client_id).filters.add(topic_filter)

    def resume(self) -> None:
        self._has_room.set()

    def publish(self, topic: str, payload: bytes, *, retain: bool = False) -> None:
        if self.is_connected and self._box.is_on:
            self._broker.publish(topic, payload)

    async def run(self) -> None:
        while True:
            await asyncio.sleep(0.1 + self._broker.random.random())
            if self._broker.is_up and self._box.is_on:
                try:
                    await self._serve()
                finally:
                    self.is_connected = False

    async def _serve(self) -> None:
        mailbox = self._broker.mailbox(self._client_id)
        mailbox.put_back()
        mailbox.filters.update(topic_filter for topic_filter, _ in self._routes)
        mailbox.has_mail.set()
        self.is_connected = True
        async with asyncio.TaskGroup() as group:
            pump = group.create_task(self._pump(mailbox), name="pump")
            kill = group.create_task(self._broker.was_killed.wait(), name="kill")
            await asyncio.wait((pump, kill), return_when=asyncio.FIRST_COMPLETED)
            pump.cancel()
            kill.cancel()

    async def _pump(self, mailbox: Mailbox) -> None:
        while True:
            await mailbox.has_mail.wait()
            if not mailbox.queue or len(mailbox.in_flight) >= IN_FLIGHT_MAX:
                mailbox.has_mail.clear()
                continue
            await asyncio.sleep(HOP_S)
            if self._broker.random.random() < self._broker.weather().broker_drops_session:
                return
            if not self._box.is_on or not mailbox.queue:
                continue
            await self._hand_over(mailbox, *mailbox.queue.popleft())

    async def _hand_over(self, mailbox: Mailbox, topic: str, payload: bytes) -> None:
        mailbox.n_sent += 1
        number = mailbox.n_sent
        mailbox.in_flight[number] = (topic, payload)

        def acknowledge() -> None:
            if self._box.is_on:
                mailbox.in_flight.pop(number, None)
                mailbox.has_mail.set()

        message = MqttMessage(topic, payload, False, acknowledge)
        while not self._offer(message):
            self._has_room.clear()
            await self._has_room.wait()

    def _offer(self, message: MqttMessage) -> bool:
        for topic_filter, handler in self._routes:
            if topic_matches_sub(topic_filter, message.topic):
                is_taken = handler(message)
                if is_taken is not None:
                    return is_taken
        message.acknowledge()
        return True
