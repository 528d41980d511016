"""Pins the way to the broker: in order, within the window, again after a loss, never for ever."""

from __future__ import annotations

from itertools import count

import paho.mqtt.client as mqtt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.links.mqtt_client import BufferedSocket, make_client
from gateway.links.mqtt_outbox import (
    FAILED,
    QUEUED_MAX,
    WINDOW_MAX,
    Outbox,
    Outgoing,
    encode_length,
    encode_publish,
)
from gateway.settings import MqttSettings
from tests.unit.links.test_mqtt_client import Wire


class Broker:
    """Takes packets; knows of each the payload, the packet id and whether it came as a repeat."""

    def __init__(self) -> None:
        self.got: list[tuple[int, int, bool]] = []
        self._ids = count(1)

    def connect(self, outbox: Outbox, *, window: int = 65_535, has_session: bool = True) -> None:
        outbox.connected(
            self.take,
            lambda: next(self._ids),
            is_v5=True,
            has_session=has_session,
            receive_maximum=window,
        )

    def take(self, packet: bytes) -> None:
        text = packet[-6:]
        self.got.append((int(text), int.from_bytes(packet[5:7]), bool(packet[0] & 8)))

    @property
    def payloads(self) -> list[int]:
        return [payload for payload, _, _ in self.got]


def message(n: int) -> Outgoing:
    return Outgoing("t", b"%06d" % n, False)


def test_what_is_put_in_before_there_is_a_connection_leaves_with_it() -> None:
    outbox, broker = Outbox(), Broker()
    for n in range(3):
        outbox.put(message(n))
    broker.connect(outbox)
    outbox.put(message(3))
    assert broker.payloads == [0, 1, 2, 3]


def test_no_more_are_under_way_than_the_broker_takes() -> None:
    outbox, broker = Outbox(), Broker()
    broker.connect(outbox, window=2)
    for n in range(4):
        outbox.put(message(n))
    assert broker.payloads == [0, 1]
    outbox.acknowledged(broker.got[0][1], 0)
    assert broker.payloads == [0, 1, 2]


def test_our_own_bound_holds_where_the_broker_has_none() -> None:
    outbox, broker = Outbox(), Broker()
    broker.connect(outbox)
    for n in range(WINDOW_MAX + 1):
        outbox.put(message(n))
    assert len(broker.got) == WINDOW_MAX


@pytest.mark.parametrize("has_session", [True, False])
def test_what_was_not_acknowledged_comes_again_under_its_id_before_the_rest(
    has_session: bool,
) -> None:
    outbox, broker = Outbox(), Broker()
    broker.connect(outbox, window=2)
    for n in range(3):
        outbox.put(message(n))
    outbox.disconnected()
    outbox.put(message(3))
    first = list(broker.got)
    broker.connect(outbox, has_session=has_session)
    assert broker.got[2:4] == [(n, packet_id, has_session) for n, packet_id, _ in first]
    assert [(n, again) for n, _, again in broker.got[4:]] == [(2, False), (3, False)]


def test_a_full_outbox_refuses_the_newest() -> None:
    outbox, broker = Outbox(), Broker()
    for n in range(QUEUED_MAX + 2):
        outbox.put(message(n))
    assert (len(outbox), outbox.n_refused) == (QUEUED_MAX, 2)
    broker.connect(outbox, window=1)
    assert broker.payloads == [0]


@pytest.mark.parametrize(("reason", "n_refused"), [(0, 0), (0x10, 0), (FAILED, 1), (0x97, 1)])
def test_what_the_broker_refuses_is_counted_and_not_sent_again(
    reason: int, n_refused: int
) -> None:
    outbox, broker = Outbox(), Broker()
    broker.connect(outbox)
    outbox.put(message(1))
    outbox.acknowledged(1, reason)
    outbox.acknowledged(1, reason)
    assert (len(outbox), outbox.n_refused) == (0, n_refused)


def test_an_id_that_is_still_under_way_is_not_given_out_again() -> None:
    outbox = Outbox()
    sent: list[bytes] = []
    ids = iter([1, 1, 2])
    outbox.connected(sent.append, ids.__next__, is_v5=False, has_session=False, receive_maximum=9)
    outbox.put(message(1))
    outbox.put(message(2))
    assert [packet[5:7] for packet in sent] == [b"\0\1", b"\0\2"]


@given(
    steps=st.lists(st.sampled_from(["put", "ack", "cut", "connect"]), max_size=60),
    window=st.integers(1, 4),
)
def test_everything_arrives_once_acknowledged_and_first_in_order(
    steps: list[str], window: int
) -> None:
    outbox, broker, n_put, n_seen = Outbox(), Broker(), 0, 0
    for step in [*steps, "cut", "connect"]:
        if step == "put":
            outbox.put(message(n_put))
            n_put += 1
        elif step == "cut":
            outbox.disconnected()
        elif step == "connect":
            broker.connect(outbox, window=window)
        elif n_seen < len(broker.got):
            outbox.acknowledged(broker.got[n_seen][1], 0)
            n_seen += 1
    while n_seen < len(broker.got):
        outbox.acknowledged(broker.got[n_seen][1], 0)
        n_seen += 1
    assert len(outbox) == 0
    assert list(dict.fromkeys(broker.payloads)) == list(range(n_put))


@pytest.mark.parametrize("protocol", [mqtt.MQTTv5, mqtt.MQTTv311])
@given(
    topic=st.text(st.characters(exclude_characters="+#\0", exclude_categories=["Cs"]), min_size=1),
    payload=st.binary(max_size=20_000),
    retain=st.booleans(),
)
def test_the_packet_is_the_one_that_paho_writes(
    protocol: int, topic: str, payload: bytes, retain: bool
) -> None:
    wire = Wire()
    client = make_client(MqttSettings(host="x"), "me", protocol)
    sock = BufferedSocket(wire, lambda _: None)
    client._sock = sock  # type: ignore[assignment]
    info = client.publish(topic, payload, qos=1, retain=retain)
    client.loop_write()
    sock.flush()
    ours = Outgoing(topic, payload, retain)
    is_v5 = protocol == mqtt.MQTTv5
    assert encode_publish(ours, info.mid, is_v5=is_v5, is_repeat=False) == wire.sent


@pytest.mark.parametrize(
    ("length", "encoded"),
    [(0, "00"), (127, "7f"), (128, "8001"), (16_383, "ff7f"), (268_435_455, "ffffff7f")],
)
def test_lengths_are_those_of_the_standard(length: int, encoded: str) -> None:
    assert encode_length(length).hex() == encoded
