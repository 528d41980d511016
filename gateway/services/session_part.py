"""One device's part of the broker session, so that what it subscribed to can end with it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Protocol

from gateway.ports import MqttMessage, MqttSession

Handler = Callable[[MqttMessage], bool | None]


class SharedSession(MqttSession, Protocol):
    """A session whose users come and go."""

    def unsubscribe(self, topic_filter: str, handler: Handler) -> None:
        """Route no more of it to `handler`."""
        ...

    @property
    def is_holding(self) -> bool:
        """Whether somebody had no room for a message, which waits with all behind it."""
        ...


class SessionPart:
    """Implements ports.MqttSession for one device. has_subscribed: it said what it wants."""

    def __init__(self, session: SharedSession) -> None:
        self._session = session
        self._routes: list[tuple[str, Handler]] = []
        self.has_subscribed = asyncio.Event()

    def subscribe(self, topic_filter: str, handler: Handler) -> None:
        """Route matching messages to `handler`, now and after every reconnect."""
        self._session.subscribe(topic_filter, handler)
        self._routes.append((topic_filter, handler))
        self.has_subscribed.set()

    def resume(self) -> None:
        """Tell the session that handlers have room again."""
        self._session.resume()

    def publish(self, topic: str, payload: bytes, *, retain: bool = False) -> None:
        """Queue a QoS 1 message."""
        self._session.publish(topic, payload, retain=retain)

    @property
    def is_connected(self) -> bool:
        """Whether the broker is there."""
        return self._session.is_connected

    @property
    def is_holding(self) -> bool:
        """Whether some message waits for room."""
        return self._session.is_holding

    def close(self) -> None:
        """Hear nothing more; what was heard is still answered."""
        for topic_filter, handler in self._routes:
            self._session.unsubscribe(topic_filter, handler)
        self._routes.clear()
