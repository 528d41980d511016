"""Pins simulated readers of other makers against bytes and samples that are not ours."""

from __future__ import annotations

import json
from random import Random

import pytest

from device_sim.json_reader import JsonReader
from device_sim.uhfreader18 import Bus, Reader

ASKED = bytes.fromhex("040001db4b")
INFORMATION = bytes.fromhex("040021d96a")
"""Inventory and reader information for reader 0, as the maker's manual prints them."""

EPC = "E2801191A5030065F26CCBFF"
MOMENT_US = 1_795_000_000_000_000


def test_a_bus_answers_the_manuals_command_with_the_manuals_frames() -> None:
    reader = Reader()
    bus = Bus({0: reader})
    assert [answer.hex() for answer in bus.take(ASKED)] == ["050001fbf23d"]
    reader.tags = {"3074257BF7194E4000001A85": 0}
    (answer,) = bus.take(ASKED)
    assert answer.hex() == "13000101010c3074257bf7194e4000001a859382"


def test_commands_arrive_in_any_pieces_and_after_noise() -> None:
    bus = Bus({0: Reader()})
    stream = b"\x00\x02" + ASKED + b"\x03" + INFORMATION
    answers = [a for byte in stream for a in bus.take(bytes((byte,)))]
    assert [answer[2] for answer in answers] == [0x01, 0x21]


def test_many_tags_come_in_frames_that_say_whether_more_follow() -> None:
    bus = Bus({0: Reader({f"{i:04X}": 0 for i in range(7)})})
    answers = bus.take(ASKED)
    assert [(answer[3], answer[4]) for answer in answers] == [(3, 3), (3, 3), (1, 1)]


@pytest.mark.parametrize(
    ("state", "expected"), [("dead", []), ("antenna_error", [bytes.fromhex("050001f8")])]
)
def test_a_reader_fails_on_order(state: str, expected: list[bytes]) -> None:
    bus = Bus({0: Reader({"3034": 0}, state=state), 1: Reader()})
    assert [answer[:4] for answer in bus.take(ASKED)] == expected


def test_an_impinj_writes_base64url_and_hundredths() -> None:
    reader = JsonReader("impinj", Random(1), {EPC: -73, "3034": -50})
    payload = reader.inventory(MOMENT_US)
    assert payload is not None
    first, second = (json.loads(line)["tagInventoryEvent"] for line in payload.splitlines())
    # The EPC of a public R700 sample, as the reader writes it.
    assert first["epc"] == "4oARkaUDAGXybMv_"
    assert -7600 <= first["peakRssiCdbm"] <= -7000
    assert second["epc"] == "MDQ="


def test_zebras_number_their_reads_without_gaps() -> None:
    fixed = JsonReader("zebra-fx", Random(1), {EPC: -40, "3034": -50})
    sled = JsonReader("zebra-rfd", Random(1), {EPC: -40, "3034": -50})
    numbers = []
    for _ in range(2):
        numbers += [e["data"]["eventNum"] for e in json.loads(fixed.inventory(MOMENT_US) or "")]
    assert numbers == [1, 2, 3, 4]
    records = json.loads(sled.inventory(MOMENT_US) or "")["data"]["tagData"]
    assert [(record["eventNum"], record["EPC"]) for record in records] == [(1, EPC), (2, "3034")]


def test_an_empty_field_is_silence() -> None:
    assert JsonReader("impinj", Random(1)).inventory(MOMENT_US) is None
