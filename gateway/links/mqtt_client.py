"""paho-mqtt as the gateway uses it: with buffers and a parser of our own around the socket.

paho reads a packet with three or four `recv`, makes half a dozen objects around a PUBLISH or a
PUBACK, and writes each with a `send`: at thousands of messages a second that costs more than all
the gateway does with them. Here a packet costs a share of one `recv`, PUBLISH and PUBACK are
handed on as what they say and written as their bytes, and whatever was written in one turn of the
event loop leaves in one `send`. All other packets, the connection and its state stay paho's.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
from collections.abc import Callable
from typing import Final, Protocol

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from gateway.settings import MqttSettings

READ_BYTES: Final = 32 * 1024
PACKET_MAX: Final = 256 * 1024
"""No message of the contract is larger than 64 KiB; a larger packet ends the connection."""
SESSION_EXPIRY_S: Final = 7 * 86_400
CONNECT_TIMEOUT_S: Final = 10.0

_PUBLISH: Final = 0x30
_PUBACK: Final = 0x40
_QOS_BITS: Final = 0x06
_QOS_2: Final = 0x04

WOULD_BLOCK: Final = (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError)


class PacketBroken(OSError):
    """Bytes from the broker that are no MQTT packet, or one that is too large."""


class RawSocket(Protocol):
    """What paho opens: a TCP or a TLS socket."""

    def recv(self, n_max: int) -> bytes: ...
    def send(self, data: bytes | bytearray) -> int: ...
    def fileno(self) -> int: ...
    def setblocking(self, flag: bool) -> None: ...
    def close(self) -> None: ...


class BufferedSocket:
    """Stands where paho expects a socket. What was sent leaves with the owner's `flush`."""

    def __init__(self, raw: RawSocket, on_unsent: Callable[[BufferedSocket], None]) -> None:
        self._raw = raw
        self._on_unsent = on_unsent
        self._read = b""
        self._at = 0
        self._unsent = bytearray()

    def next_packet(self) -> tuple[int, bytes]:
        """The next packet: its first byte, and what follows the length.

        Raises BlockingIOError or its TLS kin while it is not here whole, OSError at the end.
        """
        while (packet := self._cut()) is None:
            data = self._raw.recv(READ_BYTES)
            if not data:
                raise ConnectionResetError("the broker closed the connection")
            self._read, self._at = self._read[self._at :] + data, 0
        return packet

    def _cut(self) -> tuple[int, bytes] | None:
        """A whole packet out of the buffer (MQTT 5.0, 2.1.4: remaining length)."""
        data, at = self._read, self._at
        length = 0
        for n in range(1, 5):
            if at + n >= len(data):
                return None
            byte = data[at + n]
            length |= (byte & 0x7F) << 7 * (n - 1)
            if byte < 0x80:
                break
        else:
            raise PacketBroken("a length of more than four bytes")
        if length > PACKET_MAX:
            raise PacketBroken(f"a packet of {length} bytes, at most {PACKET_MAX} are taken")
        start = at + n + 1
        if start + length > len(data):
            return None
        self._at = start + length
        return data[at], data[start : start + length]

    def recv(self, n_max: int) -> bytes:
        """For paho's own reading, which the gateway does not use."""
        return self._raw.recv(n_max)

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
        except WOULD_BLOCK:
            return

    def fileno(self) -> int:
        """The descriptor; -1 once closed."""
        return self._raw.fileno()

    def setblocking(self, flag: bool) -> None:
        """As a socket's."""
        self._raw.setblocking(flag)

    def close(self) -> None:
        """Send what can be sent at once, and release the descriptor."""
        with contextlib.suppress(OSError):
            self.flush()
        self._raw.close()


class BufferedClient(mqtt.Client):
    """paho's client on a BufferedSocket.

    on_unsent: told when there is something to flush. on_publish_received: topic, payload, packet
    id (0 for QoS 0) and whether it was retained. on_acknowledged: packet id and reason code of a
    PUBACK.
    """

    on_unsent: Callable[[BufferedSocket], None]
    on_publish_received: Callable[[str, bytes, int, bool], None]
    on_acknowledged: Callable[[int, int], None]

    def _create_socket(self) -> BufferedSocket:  # type: ignore[override]  # paho says SocketLike, which it is
        raw = super()._create_socket()
        if isinstance(raw, socket.socket):
            # What one turn says leaves in one piece; waiting for the broker's acknowledgement of
            # the piece before (RFC 896) would cost each result up to 40 ms.
            raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return BufferedSocket(raw, self.on_unsent)

    def read_packet(self) -> bool:
        """Handle one packet; False if none is here, or the connection has just ended."""
        sock = self._sock
        if not isinstance(sock, BufferedSocket):
            return False
        try:
            first, body = sock.next_packet()
            self._last_bytes_received = mqtt.time_func()
            kind = first & 0xF0
            if kind == _PUBLISH and first & _QOS_BITS != _QOS_2:
                self._take_publish(first, body)
                return True
            if kind == _PUBACK:
                self._take_acknowledgement(body)
                return True
        except WOULD_BLOCK:
            return False
        except OSError:
            self._loop_rc_handle(MQTTErrorCode.MQTT_ERR_CONN_LOST)
            return False
        return self._leave_to_paho(first, body)

    def send_packet(self, packet: bytes) -> None:
        """Write a whole packet; lost without a connection, as everything then is."""
        if isinstance(self._sock, BufferedSocket):
            self._sock.send(packet)

    def acknowledge(self, packet_id: int) -> None:
        """Write a PUBACK that says success, in the form that both versions have."""
        self.send_packet(b"\x40\x02" + packet_id.to_bytes(2))

    def new_packet_id(self) -> int:
        """A packet id for a message of our own, from the same row as paho's."""
        return self._mid_generate()

    def hang_up(self) -> None:
        """Say goodbye, with what waits to be sent, and let the socket go."""
        self.disconnect()
        self.loop_write()
        self._sock_close()

    def _take_publish(self, first: int, body: bytes) -> None:
        """MQTT 5.0, 3.3; no topic alias can come, because none was allowed in CONNECT."""
        try:
            at = 2 + int.from_bytes(body[:2])
            topic, packet_id = body[2:at].decode(), 0
            if first & 0x06:
                packet_id = int.from_bytes(body[at : at + 2])
                at += 2
            if self._protocol == mqtt.MQTTv5:
                at = _behind_properties(body, at)
        except (UnicodeDecodeError, IndexError) as error:
            raise PacketBroken("a PUBLISH that is none") from error
        self.on_publish_received(topic, body[at:], packet_id, bool(first & 1))

    def _take_acknowledgement(self, body: bytes) -> None:
        """MQTT 5.0, 3.4; the reason code may be left out."""
        if len(body) < 2:
            raise PacketBroken("a PUBACK that is none")
        self.on_acknowledged(int.from_bytes(body[:2]), body[2] if len(body) > 2 else 0)

    def _leave_to_paho(self, first: int, body: bytes) -> bool:
        self._in_packet = {
            "command": first,
            "have_remaining": 1,
            "remaining_count": [],
            "remaining_mult": 1,
            "remaining_length": len(body),
            "packet": bytearray(body),
            "to_process": 0,
            "pos": 0,
        }
        outcome = self._packet_handle()
        if outcome > 0:
            self._loop_rc_handle(outcome)
        return outcome == MQTTErrorCode.MQTT_ERR_SUCCESS


def _behind_properties(body: bytes, at: int) -> int:
    """The position after a property block, of which nothing is needed. Raises IndexError."""
    length = shift = 0
    while True:
        byte = body[at]
        at += 1
        length |= (byte & 0x7F) << shift
        if byte < 0x80:
            return at + length
        shift += 7


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
    set_credentials(client, settings)
    return client


def set_credentials(client: mqtt.Client, settings: MqttSettings) -> None:
    """Who the client is and how it is sure of the broker."""
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


def first_connect(client: mqtt.Client, settings: MqttSettings) -> None:
    """Connect to a persistent session; blocks. Raises OSError, ValueError."""
    if client.protocol != mqtt.MQTTv5:
        client.connect(settings.host, settings.port, settings.keep_alive_s)
        return
    properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]  # paho has no types here
    properties.SessionExpiryInterval = SESSION_EXPIRY_S
    properties.ReceiveMaximum = settings.receive_maximum
    # What is larger the broker then drops (MQTT 5.0, 3.1.2.11.4); delivered, it would end this
    # connection and, as nobody acknowledges it, each that follows.
    properties.MaximumPacketSize = PACKET_MAX
    client.connect(
        settings.host,
        settings.port,
        settings.keep_alive_s,
        clean_start=False,
        properties=properties,
    )
