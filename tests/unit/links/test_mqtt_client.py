"""Pins the buffers around paho: packets come out whole, none is too large."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import paho.mqtt.client as mqtt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.links.mqtt_client import (
    PACKET_MAX,
    BufferedSocket,
    PacketBroken,
    make_client,
)
from gateway.settings import MqttSettings


class Wire:
    """A socket whose peer's bytes arrive in the given pieces, and that takes `room` at a time."""

    def __init__(self, pieces: Sequence[bytes] = (), room: int = 1 << 20) -> None:
        self.pieces = list(pieces)
        self.room = room
        self.sent = b""

    def recv(self, n_max: int) -> bytes:
        if not self.pieces:
            raise BlockingIOError
        piece, rest = self.pieces[0][:n_max], self.pieces[0][n_max:]
        self.pieces[:1] = [rest] if rest else []
        return piece

    def send(self, data: bytes | bytearray) -> int:
        if not self.room:
            raise BlockingIOError
        taken = bytes(data[: self.room])
        self.sent += taken
        return len(taken)

    def fileno(self) -> int:
        return -1

    def setblocking(self, flag: bool) -> None:
        pass

    def close(self) -> None:
        pass


def packet(first: int, body: bytes) -> bytes:
    length, rest = b"", len(body)
    while True:
        rest, byte = rest >> 7, rest & 0x7F
        length += bytes([byte | (0x80 if rest else 0)])
        if not rest:
            return bytes([first]) + length + body


def buffered(wire: Wire) -> BufferedSocket:
    return BufferedSocket(wire, lambda _: None)


@given(
    bodies=st.lists(st.binary(max_size=300), max_size=8),
    cuts=st.lists(st.integers(0, 2500), max_size=20),
)
def test_packets_are_the_same_however_the_stream_is_cut(
    bodies: list[bytes], cuts: list[int]
) -> None:
    stream = b"".join(packet(0x30 + n, body) for n, body in enumerate(bodies))
    ends = [0, *sorted(cut for cut in cuts if 0 < cut < len(stream)), len(stream)]
    pieces = [stream[a:b] for a, b in pairwise(ends) if b > a]
    sock = buffered(Wire(pieces))
    assert [sock.next_packet() for _ in bodies] == [(0x30 + n, b) for n, b in enumerate(bodies)]
    with pytest.raises(BlockingIOError):
        sock.next_packet()


def test_the_end_of_the_stream_is_an_error() -> None:
    sock = buffered(Wire([b"\x30", b""]))
    with pytest.raises(ConnectionResetError):
        sock.next_packet()


@pytest.mark.parametrize(
    "stream",
    [
        b"\x30\xff\xff\xff\xff\x01",
        b"\x30" + b"\xff\xff\xff\x7f",
        packet(0x30, b"x" * (PACKET_MAX + 1)),
    ],
    ids=["length-of-five-bytes", "a-quarter-gigabyte", "just-too-large"],
)
def test_what_is_too_large_ends_the_connection(stream: bytes) -> None:
    sock = buffered(Wire([stream]))
    with pytest.raises(PacketBroken):
        sock.next_packet()


def test_what_is_sent_leaves_together_and_in_order() -> None:
    told: list[BufferedSocket] = []
    wire = Wire(room=4)
    sock = BufferedSocket(wire, told.append)
    assert sock.send(b"one") + sock.send(b"two") == 6
    assert (told, wire.sent) == ([sock], b"")
    sock.flush()
    assert (wire.sent, sock.n_unsent) == (b"onetwo", 0)


def test_a_full_socket_keeps_the_rest_for_later() -> None:
    wire = Wire(room=0)
    sock = buffered(wire)
    sock.send(b"abc")
    sock.flush()
    assert sock.n_unsent == 3
    wire.room = 10
    sock.flush()
    assert wire.sent == b"abc"


PROPERTIES = {mqtt.MQTTv5: b"\x05\x02\x00\x00\x00\x09", mqtt.MQTTv311: b""}


@pytest.mark.parametrize("protocol", PROPERTIES)
@pytest.mark.parametrize(("first", "packet_id"), [(0x32, 7), (0x33, 7), (0x3A, 7), (0x30, 0)])
def test_a_publish_is_handed_on_as_what_it_says(protocol: int, first: int, packet_id: int) -> None:
    client = make_client(MqttSettings(host="x"), "me", protocol)
    got: list[tuple[str, bytes, int, bool]] = []
    client.on_publish_received = lambda *message: got.append(message)
    number = packet_id.to_bytes(2) if packet_id else b""
    topic = "a/é".encode()
    body = len(topic).to_bytes(2) + topic + number + PROPERTIES[protocol] + b"payload"
    client._sock = buffered(Wire([packet(first, body)]))  # type: ignore[assignment]
    assert client.read_packet()
    assert got == [("a/é", b"payload", packet_id, bool(first & 1))]
    assert not client.read_packet()


@pytest.mark.parametrize("body", [b"", b"\x00\x02\xff\xfe\x00\x01\x00", b"\x00\x01a\x00\x01"])
def test_a_publish_that_is_none_ends_the_connection(body: bytes) -> None:
    client = make_client(MqttSettings(host="x"), "me", mqtt.MQTTv5)
    client.on_publish_received = lambda *_: pytest.fail("nothing was published")
    lost: list[object] = []
    client.on_disconnect = lambda *arguments: lost.append(arguments)
    client._sock = buffered(Wire([packet(0x32, body)]))  # type: ignore[assignment]
    assert not client.read_packet()
    assert len(lost) == 1
    assert client.socket() is None


@pytest.mark.parametrize(
    ("body", "expected"), [(b"\x01\x02", (258, 0)), (b"\x01\x02\x97\x00", (258, 0x97))]
)
def test_an_acknowledgement_is_handed_on_as_what_it_says(
    body: bytes, expected: tuple[int, int]
) -> None:
    client = make_client(MqttSettings(host="x"), "me", mqtt.MQTTv5)
    got: list[tuple[int, int]] = []
    client.on_acknowledged = lambda *what: got.append(what)
    client._sock = buffered(Wire([packet(0x40, body)]))  # type: ignore[assignment]
    assert client.read_packet()
    assert got == [expected]


def test_an_acknowledgement_that_is_none_ends_the_connection() -> None:
    client = make_client(MqttSettings(host="x"), "me", mqtt.MQTTv5)
    client.on_acknowledged = lambda *_: pytest.fail("nothing was acknowledged")
    client._sock = buffered(Wire([packet(0x40, b"\x01")]))  # type: ignore[assignment]
    assert not client.read_packet()
    assert client.socket() is None


@pytest.mark.parametrize("protocol", PROPERTIES)
def test_our_acknowledgement_is_the_one_that_paho_writes(protocol: int) -> None:
    wires = []
    for acknowledge in ("ack", "acknowledge"):
        client, wire = make_client(MqttSettings(host="x"), "me", protocol), Wire()
        sock = buffered(wire)
        client._sock = sock  # type: ignore[assignment]
        getattr(client, acknowledge)(*([513, 1] if acknowledge == "ack" else [513]))
        client.loop_write()
        sock.flush()
        wires.append(wire.sent)
    assert wires[0] == wires[1] == b"\x40\x02\x02\x01"
