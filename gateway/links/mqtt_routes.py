"""Who takes which message of a broker session."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from paho.mqtt.client import topic_matches_sub

from gateway.ports import MqttMessage

Handler = Callable[[MqttMessage], bool | None]
TOPICS_REMEMBERED: Final = 4096


class Routes:
    """Handlers by topic filter, in the order in which they came."""

    def __init__(self) -> None:
        self._routes: list[tuple[str, Handler]] = []
        self._by_topic: dict[str, tuple[Handler, ...]] = {}

    def add(self, topic_filter: str, handler: Handler) -> None:
        """Ask `handler` from now on, after those that were there."""
        self._routes.append((topic_filter, handler))
        self._by_topic.clear()

    def remove(self, topic_filter: str, handler: Handler) -> bool:
        """Ask it no more; True if nobody is left behind the filter."""
        self._routes.remove((topic_filter, handler))
        self._by_topic.clear()
        return all(other != topic_filter for other, _ in self._routes)

    def filters(self) -> list[str]:
        """Each filter once."""
        return list(dict.fromkeys(topic_filter for topic_filter, _ in self._routes))

    def of(self, topic: str) -> tuple[Handler, ...]:
        """Whom to ask about a message on this topic."""
        handlers = self._by_topic.get(topic)
        if handlers is None:
            if len(self._by_topic) >= TOPICS_REMEMBERED:
                self._by_topic.clear()
            handlers = self._by_topic[topic] = tuple(
                handler
                for topic_filter, handler in self._routes
                if topic_matches_sub(topic_filter, topic)
            )
        return handlers
