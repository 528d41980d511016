"""paho-mqtt as the gateway uses it: with a buffer between it and the socket.

paho reads a packet with three or four `recv` and writes each PUBACK with a `send` of its own; at
thousands of messages a second the system calls cost more than everything the gateway does with
them. Here a packet costs a share of one `recv` of 32 KiB, and whatever was written in one turn of
the event loop leaves in one `send`.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable
from typing import Final, Protocol

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from gateway.settings import MqttSettings

QUEUED_MAX: Final = 10_000
"""Outgoing messages that may wait; the next is refused."""
SESSION_EXPIRY_S: Final = 7 * 86_400
CONNECT_TIMEOUT_S: Final = 10.0

READ_BYTES: Final = 32 * 1024
"""Some hundred messages: no more than are worth handling before others get their turn."""


class RawSocket(Protocol):
    """What paho opens: a TCP or a TLS socket."""

    def recv(self, n_max: int) -> bytes: ...
    def send(self, data: bytes | bytearray) -> int: ...
    def fileno(self) -> int: ...
    def setblocking(self, flag: bool) -> None: ...
    def close(self) -> None: ...


class BufferedSocket:
    """Stands where paho expects a socket; the owner flushes what was sent."""

    def __init__(self, raw: RawSocket, on_unsent: Callable[[BufferedSocket], None]) -> None:
        self._raw = raw
        self._on_unsent = on_unsent
        self._read = b""
        self._at = 0
        self._unsent = bytearray()

    def recv(self, n_max: int) -> bytes:
        """Up to `n_max` bytes; b"" at the end. Raises BlockingIOError, ssl's own, OSError."""
        if self._at == len(self._read):
            self._read, self._at = self._raw.recv(READ_BYTES), 0
        piece = self._read[self._at : self._at + n_max]
        self._at += len(piece)
        return piece

    def pending(self) -> int:
        """Bytes that are here already, though the descriptor may never be readable for them."""
        inside = self._raw.pending() if isinstance(self._raw, ssl.SSLSocket) else 0
        return len(self._read) - self._at + inside

    def send(self, data: bytes) -> int:
        """Take bytes for the next `flush`, which the owner is told to see to."""
        is_first = not self._unsent
        self._unsent += data
        if is_first:
            # paho writes without asking for it, too (what waited for the CONNACK).
            self._on_unsent(self)
        return len(data)

    @property
    def n_unsent(self) -> int:
        """Bytes that wait for a `flush`."""
        return len(self._unsent)

    def flush(self) -> None:
        """Send what the socket takes now. Raises OSError when the connection is gone."""
        try:
            while self._unsent:
                del self._unsent[: self._raw.send(self._unsent)]
        except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
            return

    def fileno(self) -> int:
        """The descriptor; -1 once closed."""
        return self._raw.fileno()

    def setblocking(self, flag: bool) -> None:
        """As a socket's."""
        self._raw.setblocking(flag)

    def close(self) -> None:
        """Release the descriptor; what was not flushed is lost, as with any broken connection."""
        self._raw.close()


class BufferedClient(mqtt.Client):
    """paho's client on a BufferedSocket. on_unsent: told when there is something to flush."""

    on_unsent: Callable[[BufferedSocket], None]

    def _create_socket(self) -> BufferedSocket:  # type: ignore[override]  # paho says SocketLike, which it is
        return BufferedSocket(super()._create_socket(), self.on_unsent)


def make_client(settings: MqttSettings, client_id: str, protocol: int) -> BufferedClient:
    """A client that acknowledges by hand and reconnects only when told to."""
    client = BufferedClient(
        CallbackAPIVersion.VERSION2,
        client_id=client_id,
        protocol=MQTTProtocolVersion(protocol),
        clean_session=None if protocol == mqtt.MQTTv5 else False,
        manual_ack=True,
        reconnect_on_failure=False,
    )
    client.connect_timeout = CONNECT_TIMEOUT_S
    client.max_queued_messages_set(QUEUED_MAX)
    client.max_inflight_messages_set(1000)
    if settings.username is not None:
        password = None
        if settings.password_file is not None:
            password = settings.password_file.read_text(encoding="utf-8").strip()
        client.username_pw_set(settings.username, password)
    if settings.ca_file is not None:
        client.tls_set(
            ca_certs=str(settings.ca_file),
            certfile=None if settings.cert_file is None else str(settings.cert_file),
            keyfile=None if settings.key_file is None else str(settings.key_file),
        )
    return client


def first_connect(client: mqtt.Client, settings: MqttSettings) -> None:
    """Connect to a persistent session; blocks. Raises OSError, ValueError."""
    if client.protocol != mqtt.MQTTv5:
        client.connect(settings.host, settings.port, settings.keep_alive_s)
        return
    properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]  # paho has no types here
    properties.SessionExpiryInterval = SESSION_EXPIRY_S
    properties.ReceiveMaximum = settings.receive_maximum
    client.connect(
        settings.host,
        settings.port,
        settings.keep_alive_s,
        clean_start=False,
        properties=properties,
    )
