"""What the gateway says to its broker: QoS 1 messages, from `put` until their PUBACK.

paho keeps a message with locks and a condition variable, makes half a dozen objects of a PUBACK,
and looks through all that is under way at each of them. Here a message costs its bytes.

Invariants
- Messages leave in the order they were put in, at most `window` of them without a PUBACK: what
  the broker said it takes at once (MQTT 5.0, 3.2.2.3.3), WINDOW_MAX at most.
- What has no PUBACK when the connection ends is sent again on the next one, before anything new:
  under its old packet id, as a repeat where the broker kept the session (MQTT 5.0, 4.4).
- QUEUED_MAX messages are kept, on their way or waiting; the next is refused.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from cloud_sync.contract.values import value

QUEUED_MAX: Final = 10_000
WINDOW_MAX: Final = 256
FAILED: Final = 0x80
"""Reason codes from here on say that the broker did not take a message (MQTT 5.0, 2.4)."""

_PUBLISH_QOS_1: Final = 0x32
_DUP: Final = 0x08
_RETAIN: Final = 0x01


@value
class Outgoing:
    """A message; all the broker gets to know of it but its packet id."""

    topic: str
    payload: bytes
    retain: bool


@dataclass(slots=True)
class _Connection:
    """Where packets go. new_id: a packet id that the connection uses for nothing else."""

    send: Callable[[bytes], None]
    new_id: Callable[[], int]
    is_v5: bool
    window: int


class Outbox:
    """Kept across connections. n_refused: for lack of room here, or by the broker."""

    def __init__(self) -> None:
        self._queued: deque[Outgoing] = deque()
        self._in_flight: dict[int, Outgoing] = {}
        self._connection: _Connection | None = None
        self.n_refused = 0

    def __len__(self) -> int:
        return len(self._queued) + len(self._in_flight)

    def put(self, message: Outgoing) -> None:
        """Send as soon as the broker takes it; refused and counted if there is no room."""
        if len(self) >= QUEUED_MAX:
            self.n_refused += 1
            return
        self._queued.append(message)
        self._fill_window()

    def connected(
        self,
        send: Callable[[bytes], None],
        new_id: Callable[[], int],
        *,
        is_v5: bool,
        has_session: bool,
        receive_maximum: int,
    ) -> None:
        """A new connection is there; send on it what has no PUBACK, then what waits."""
        window = min(receive_maximum, WINDOW_MAX)
        self._connection = _Connection(send, new_id, is_v5, window)
        for packet_id, message in self._in_flight.items():
            send(encode_publish(message, packet_id, is_v5=is_v5, is_repeat=has_session))
        self._fill_window()

    def disconnected(self) -> None:
        """The connection is gone; what is put in from now on waits for the next."""
        self._connection = None

    def acknowledged(self, packet_id: int, reason: int) -> None:
        """The broker's PUBACK; one that belongs to nothing changes nothing."""
        if self._in_flight.pop(packet_id, None) is not None and reason >= FAILED:
            self.n_refused += 1
        self._fill_window()

    def _fill_window(self) -> None:
        connection = self._connection
        while connection and self._queued and len(self._in_flight) < connection.window:
            packet_id = connection.new_id()
            if packet_id in self._in_flight:
                continue
            message = self._in_flight[packet_id] = self._queued.popleft()
            connection.send(
                encode_publish(message, packet_id, is_v5=connection.is_v5, is_repeat=False)
            )


def encode_publish(message: Outgoing, packet_id: int, *, is_v5: bool, is_repeat: bool) -> bytes:
    """The PUBLISH packet, QoS 1 (MQTT 5.0 and 3.1.1, 3.3), without properties."""
    first = _PUBLISH_QOS_1 | _RETAIN * message.retain | _DUP * is_repeat
    topic = message.topic.encode()
    body = b"%b%b%b%b%b" % (
        len(topic).to_bytes(2),
        topic,
        packet_id.to_bytes(2),
        b"\0" if is_v5 else b"",
        message.payload,
    )
    return bytes((first,)) + encode_length(len(body)) + body


def encode_length(length: int) -> bytes:
    """A variable byte integer (MQTT 5.0, 1.5.5)."""
    encoded = bytearray()
    while length > 0x7F:
        encoded.append(length & 0x7F | 0x80)
        length >>= 7
    encoded.append(length)
    return bytes(encoded)
