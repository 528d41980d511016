"""Pins the simulated LLRP reader: what it refuses and how, what it holds and loses, and that
another implementation can read every word of it."""

from __future__ import annotations

import struct
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from device_sim import llrp_wire as wire
from device_sim.llrp_reader import ROUND_US, Reader, ReaderModel, TagFaults
from gateway.codecs import llrp_requests as requests
from gateway.codecs.llrp import Message, decode_message, encode_message
from gateway.codecs.llrp_reports import status_of, tag_reports
from tests.golden import cases

EPC = bytes.fromhex("3034257BF7194E4000001A85")
INVENTORY = requests.Inventory(
    rospec_id=1,
    antennas=(),
    session=1,
    tag_population=32,
    mode=None,
    power=None,
    n_tags=1,
    period_ms=None,
    has_impinj_rssi=False,
)
LTK = {str(case["message"]): case for case in cases("llrp/ltk_java_messages")}


class Led:
    """A reader that a test talks to; every word of it is read by another implementation too."""

    def __init__(self, **model: object) -> None:
        self.now_us = 1_000_000
        self.reader = Reader(ReaderModel(**model), Random(1), self.now_us)  # type: ignore[arg-type]
        self.reader.connect(self.now_us)

    def ask(self, message: Message | bytes) -> list[Message]:
        raw = message if isinstance(message, bytes) else encode_message(message)
        (request,) = wire.cut(bytearray(raw))
        return self._read(self.reader.take(request, self.now_us))

    def pass_s(self, seconds: float) -> list[Message]:
        """What it says within a time."""
        said: list[bytes] = []
        for _ in range(round(seconds * 1_000_000 / ROUND_US)):
            self.now_us += ROUND_US
            said += self.reader.tick(self.now_us)
        return self._read(said)

    def _read(self, said: list[bytes]) -> list[Message]:
        other = pytest.importorskip("llrpkit.protocol")
        for raw in said:
            assert other.decode_message(raw).to_bytes() == raw
        return [decode_message(raw) for raw in said]

    def code(self, message: Message | bytes) -> int:
        """The status of the answer; an event may follow it."""
        answer, *_ = self.ask(message)
        return status_of(answer).code

    def start(self, inventory: requests.Inventory = INVENTORY) -> None:
        for message in (
            requests.add_rospec(inventory),
            requests.enable_rospec(inventory.rospec_id),
            requests.start_rospec(inventory.rospec_id),
        ):
            assert self.code(message) == 0


def changed(**values: object) -> Message:
    fields = {name: getattr(INVENTORY, name) for name in INVENTORY.__slots__}
    return requests.add_rospec(requests.Inventory(**{**fields, **values}))


def test_operations_go_through_their_states_in_order_only() -> None:
    led = Led()
    for message in (
        requests.enable_rospec(1),
        requests.start_rospec(1),
        requests.delete_rospec(1),
    ):
        assert led.code(message) == wire.FIELD_ERROR
    assert led.code(requests.add_rospec(INVENTORY)) == 0
    assert led.code(requests.add_rospec(INVENTORY)) == wire.FIELD_ERROR
    assert led.code(requests.start_rospec(1)) == wire.FIELD_ERROR
    assert led.code(requests.enable_rospec(1)) == 0
    assert led.code(requests.enable_rospec(1)) == wire.FIELD_ERROR
    assert led.code(requests.start_rospec(1)) == 0
    assert led.code(requests.delete_rospec(0)) == 0, "0 is every operation"
    assert led.reader.operations() == []


@pytest.mark.parametrize(
    ("message", "code"),
    [
        (changed(antennas=(5,)), wire.OVERFLOW_FIELD),
        (changed(power=(22, 1)), wire.OVERFLOW_FIELD),
        (changed(mode=7), wire.OVERFLOW_FIELD),
        (changed(tag_population=0), wire.FIELD_ERROR),
        (changed(rospec_id=0), wire.FIELD_ERROR),
        (changed(has_impinj_rssi=True), wire.UNSUPPORTED_PARAMETER),
        (bytes.fromhex("04140000000a00000001"), wire.MISSING_PARAMETER),
        (bytes.fromhex("04140000000e0000000100b10003"), wire.PARAMETER_ERROR),
        (bytes.fromhex("04160000000b0000000100"), wire.PARAMETER_ERROR),
        (bytes.fromhex("04280000000a00000001"), wire.UNSUPPORTED_MESSAGE),
        (bytes.fromhex("08010000000b0000000100"), wire.UNSUPPORTED_VERSION),
        (bytes.fromhex("082e0000000a00000001"), wire.UNSUPPORTED_VERSION),
    ],
)
def test_what_is_wrong_is_refused_with_the_standards_code(
    message: Message | bytes, code: int
) -> None:
    assert Led().code(message) == code


def test_another_implementations_operation_is_refused_for_what_it_lacks_here() -> None:
    # The suite's ROSpec has two antenna configurations and triggers that this reader has not.
    raw = bytes.fromhex(str(LTK["ADD_ROSPEC"]["message_hex"]))
    (answer,) = Led().ask(raw)
    assert answer.name == "ADD_ROSPEC_RESPONSE"
    assert status_of(answer).code != 0


def test_only_what_the_operation_asks_for_is_in_a_report() -> None:
    led = Led(manufacturer=161)
    led.reader.tags = {1: {EPC: -5381}, 2: {EPC[:2]: -6149}}
    led.start()
    tags = [tag for message in led.pass_s(0.1) for tag in tag_reports(message)]
    assert [(tag.epc, tag.antenna, tag.rssi_centi_dbm, tag.count) for tag in tags] == [
        (EPC.hex().upper(), 1, -5400, 1),
        ("3034", 2, -6100, 1),
    ]


def test_held_reports_wait_until_they_are_asked_for_and_no_longer_than_there_is_room() -> None:
    led = Led()
    led.reader.held_max = 3
    led.ask(requests.set_reader_config(keepalive_ms=60_000, holds=True, warns_of_buffer=True))
    led.start()
    led.reader.disconnect()
    for i in range(5):
        led.reader.pass_by(EPC[:-1] + bytes((i,)), 1, -6000, led.now_us)
    assert led.pass_s(1) == []
    led.reader.connect(led.now_us)
    led.reader.pass_by(EPC, 1, -6000, led.now_us)
    assert led.pass_s(1) == [], "connected, and not asked yet"
    *reports, overflow = led.ask(requests.enable_events_and_reports())
    assert [tag.epc[-2:] for each in reports for tag in tag_reports(each)] == ["00", "01", "02"]
    assert overflow.name == "READER_EVENT_NOTIFICATION"
    assert (led.reader.n_reads, led.reader.n_lost) == (6, 3)


def test_without_holding_what_nobody_hears_is_lost_and_counted() -> None:
    led = Led()
    led.start()
    led.reader.disconnect()
    led.reader.pass_by(EPC, 1, -6000, led.now_us)
    assert (led.reader.n_reads, led.reader.n_lost) == (1, 1)


def test_a_restart_forgets_everything_but_the_tags() -> None:
    led = Led()
    led.reader.tags = {1: {EPC: -6000}}
    led.start()
    led.reader.restart(led.now_us)
    assert led.reader.operations() == []
    assert led.pass_s(1) == []
    led.reader.connect(led.now_us)
    led.start()
    assert len(led.pass_s(1)) == 10


def test_the_airs_faults_are_the_shares_that_were_ordered() -> None:
    led = Led()
    led.reader.tags = {1: {EPC: -6000}}
    led.reader.faults = TagFaults(missed=0.5, repeated=0.5, stray=0.25)
    led.start()
    n_reports = len(led.pass_s(100)) - led.reader.n_strays
    assert 200 < led.reader.n_strays < 300
    assert 650 < n_reports < 850, "half of 1000 missed, half of the rest twice"


@settings(max_examples=300, deadline=None)
@given(kind=st.integers(0, 1023), body=st.binary(max_size=60))
def test_no_request_breaks_the_reader(kind: int, body: bytes) -> None:
    led = Led()
    head = struct.pack("!HLL", 0x0400 | kind, 10 + len(body), 7)
    for answer in led.ask(head + body):
        assert answer.id in (0, 7)


@pytest.mark.parametrize("head", ["ffff00000000", "043e00000009", "043e7fffffff"])
def test_a_stream_that_is_no_llrp_is_told_apart(head: str) -> None:
    with pytest.raises(wire.StreamWrong):
        list(wire.cut(bytearray(bytes.fromhex(head) + bytes(4))))
