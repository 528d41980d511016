"""Pins the simulated RFID module and Modbus bus against bytes that are not from our own codecs."""

from random import Random

import pytest

from device_sim.m100 import Module
from device_sim.xy_md02 import Bus, make_bus
from gateway.codecs import m100

STOP = bytes.fromhex("BB00280000287E")
MULTIPLE = bytes.fromhex("BB00270003222710837E")
"""Commands as the module's manual prints them: stop, and inventory 10 000 times."""

READ_BOTH = bytes.fromhex("010400010002200B")
"""Unit 1, two input registers from 1 (Modbus RTU as the XY-MD02's manual prints it)."""


def test_the_module_starts_and_stops_by_the_manuals_commands() -> None:
    module = Module(Random(1), tags={"30340000000000000000000A": -55})
    assert module.inventory() == []
    (answer,) = module.take(MULTIPLE)
    assert (answer.type, answer.command) == (m100.RESPONSE, m100.MULTIPLE_INVENTORY)
    assert module.rounds_left == 10_000
    (frame,) = module.inventory()
    report = m100.tag_of(frame)
    assert report is not None
    assert report.epc == "30340000000000000000000A"
    module.take(STOP)
    assert module.inventory() == []


def test_an_empty_field_is_said_and_a_reboot_forgets() -> None:
    module = Module(Random(1))
    module.take(MULTIPLE)
    (frame,) = module.inventory()
    assert (frame.command, frame.parameter) == (m100.ERROR, bytes((m100.NO_TAG,)))
    module.reboot()
    assert module.inventory() == []


def epcs(module: Module) -> list[str]:
    reports = [m100.tag_of(frame) for frame in module.inventory()]
    return [report.epc for report in reports if report is not None]


def test_a_stray_tag_is_read_once_beside_the_others() -> None:
    module = Module(Random(1), tags={"30340000000000000000000A": -55})
    module.take(MULTIPLE)
    module.strays = {"30340000000000000000000B": -75}
    assert epcs(module) == ["30340000000000000000000A", "30340000000000000000000B"]
    assert epcs(module) == ["30340000000000000000000A"]


def test_missed_reads_are_some_of_them_and_a_round_of_none_says_so() -> None:
    module = Module(Random(1), tags={"30340000000000000000000A": -55}, miss_share=0.5)
    module.take(MULTIPLE)
    rounds = [module.inventory() for _ in range(200)]
    assert all(len(frames) == 1 for frames in rounds)
    n_seen = sum(m100.tag_of(frames[0]) is not None for frames in rounds)
    assert 60 < n_seen < 140


def test_commands_arrive_in_any_pieces_and_after_noise() -> None:
    module = Module(Random(1))
    answers = [a for byte in b"\x00\xff" + MULTIPLE + STOP for a in module.take(bytes((byte,)))]
    assert [answer.command for answer in answers] == [m100.MULTIPLE_INVENTORY, m100.STOP]


@pytest.fixture
def bus() -> Bus:
    return make_bus({1: "refrigerated", 2: "frozen"}, seed=1)


def test_a_unit_answers_with_its_zones_climate(bus: Bus) -> None:
    (answer,) = bus.take(READ_BOTH, 0.0)
    assert answer[:3] == bytes((1, 4, 4))
    assert int.from_bytes(answer[3:5], "big") == pytest.approx(40, abs=5)
    assert int.from_bytes(answer[5:7], "big") == pytest.approx(850, abs=20)


def test_frost_is_a_negative_number(bus: Bus) -> None:
    (answer,) = bus.take(bytes.fromhex("0204000100022038"), 0.0)
    assert int.from_bytes(answer[3:5], "big", signed=True) == pytest.approx(-190, abs=10)


def test_requests_in_pieces_and_after_noise_are_answered_once(bus: Bus) -> None:
    answers = [a for byte in b"\x07\x07" + READ_BOTH for a in bus.take(bytes((byte,)), 0.0)]
    assert len(answers) == 1


@pytest.mark.parametrize(("state", "expected"), [("dead", []), ("exception", [b"\x01\x84\x04"])])
def test_a_unit_fails_on_order(bus: Bus, state: str, expected: list[bytes]) -> None:
    bus.units[1].state = state
    assert [answer[:3] for answer in bus.take(READ_BOTH, 0.0)] == expected


def test_a_stuck_unit_says_the_same_and_a_drifting_one_errs_more_and_more(bus: Bus) -> None:
    def celsius(at_s: float) -> float:
        (answer,) = bus.take(READ_BOTH, at_s)
        return int.from_bytes(answer[3:5], "big", signed=True) / 10

    sensor = bus.units[1].sensor
    values = {celsius(at_s) for at_s in range(0, 40, 5)}
    assert len(values) > 3
    assert sensor.obey({"do": "stick", "on": True})
    assert len({celsius(at_s) for at_s in range(40, 80, 5)}) == 1
    assert sensor.obey({"do": "stick", "on": False})
    assert sensor.obey({"do": "drift", "celsius_per_s": 0.1})
    assert celsius(80) == pytest.approx(4, abs=1)
    assert celsius(180) == pytest.approx(14, abs=1)
    assert sensor.obey({"do": "drift", "celsius_per_s": 0})
    assert celsius(200) == pytest.approx(4, abs=1)


def test_what_a_unit_said_is_told_unless_it_was_spoilt(bus: Bus) -> None:
    said: list[tuple[int, float]] = []
    bus.on_said = lambda address, celsius: said.append((address, celsius))
    (answer,) = bus.take(READ_BOTH, 0.0)
    assert said == [(1, int.from_bytes(answer[3:5], "big") / 10)]
    bus.units[1].state = "bad_crc"
    bus.take(READ_BOTH, 1.0)
    assert len(said) == 1


def test_a_bad_checksum_is_bad(bus: Bus) -> None:
    (good,) = bus.take(READ_BOTH, 0.0)
    bus.units[1].state = "bad_crc"
    (bad,) = bus.take(READ_BOTH, 0.0)
    assert bad[-1] != good[-1]
    assert len(bad) == len(good)


def test_nobody_answers_for_a_unit_that_is_not_there(bus: Bus) -> None:
    request = bytes.fromhex("0904000100022143")
    assert bus.take(request, 0.0) == []
