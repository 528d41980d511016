"""A broker session in memory: hands published messages to handlers as the real one does."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from paho.mqtt.client import topic_matches_sub

from gateway.ports import MqttMessage

Handler = Callable[[MqttMessage], bool | None]


class MemoryMqttSession:
    """Implements ports.MqttSession. acknowledged: payloads whose PUBACK was sent."""

    def __init__(self) -> None:
        self.acknowledged: list[bytes] = []
        self.published: list[tuple[str, bytes]] = []
        self.n_untaken = 0
        self.filters: list[str] = []
        self._handlers: list[tuple[str, Handler]] = []
        self._held: deque[MqttMessage] = deque()

    def subscribe(self, topic_filter: str, handler: Handler) -> None:
        self.filters.append(topic_filter)
        self._handlers.append((topic_filter, handler))

    def unsubscribe(self, topic_filter: str, handler: Handler) -> None:
        self._handlers.remove((topic_filter, handler))

    @property
    def is_holding(self) -> bool:
        return bool(self._held)

    def resume(self) -> None:
        while self._held and self._offer(self._held[0]):
            self._held.popleft()

    def publish(self, topic: str, payload: bytes, *, retain: bool = False) -> None:
        self.published.append((topic, payload))

    @property
    def is_connected(self) -> bool:
        return True

    def receive(self, topic: str, payload: bytes, *, is_retained: bool = False) -> None:
        """A message from the broker."""

        def acknowledge() -> None:
            self.acknowledged.append(payload)

        message = MqttMessage(topic, payload, is_retained, acknowledge)
        if self._held or not self._offer(message):
            self._held.append(message)

    @property
    def n_held(self) -> int:
        """Messages for which nobody had room."""
        return len(self._held)

    def _offer(self, message: MqttMessage) -> bool:
        for topic_filter, handler in self._handlers:
            if topic_matches_sub(topic_filter, message.topic):
                is_taken = handler(message)
                if is_taken is not None:
                    return is_taken
        self.n_untaken += 1
        return True
