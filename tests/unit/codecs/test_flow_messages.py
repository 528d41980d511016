"""Pins the keys of a PDA's message that the flows need: what may be left out, what is refused."""

import json

import pytest

from gateway.codecs.mqtt_payloads import parse_payload
from gateway.core.readings import Malformed, Reading, Scan, TagRead, TaskContext

SSCC = "106141411234567897"


def parsed(channel: str, **message: object) -> Reading | object:
    raw = json.dumps({"v": 1, "boot": "b", "seq": 1} | message).encode()
    return parse_payload(channel, raw, device="pda-1", received_at_us=5).reading


@pytest.mark.parametrize("kind", ["start", "close", "approve", "undo"])
def test_a_button_needs_no_data(kind: str) -> None:
    reading = parsed("scan", task={"type": kind, "id": "O-1"})
    assert isinstance(reading, Scan)
    assert (reading.data, reading.symbol, reading.task) == ("", None, TaskContext(kind, "O-1"))


@pytest.mark.parametrize("kind", ["pick", "short", "pack", "hold", "lookup"])
def test_a_scan_needs_data(kind: str) -> None:
    reading = parsed("scan", task={"type": kind})
    assert isinstance(reading, Malformed)
    assert "data: missing" in reading.reason


def test_what_the_flows_need_is_read() -> None:
    task = {
        "type": "pack", "id": "O-1", "sscc": SSCC, "condition": "suspect",
        "supervisor": "BADGE-2", "temperature_c": -18.55,
    }  # fmt: skip
    reading = parsed("scan", data="x", task=task)
    assert isinstance(reading, Scan)
    assert reading.task == TaskContext(
        "pack", "O-1", sscc=SSCC, condition="suspect", supervisor="BADGE-2",
        temperature_centi_c=-1855,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("sscc", SSCC[:-1] + "8"),
        ("sscc", SSCC[:-1]),
        ("sscc", 12),
        ("condition", "fine"),
        ("temperature_c", True),
        ("temperature_c", -101),
        ("supervisor", ""),
        ("supervisor", "x" * 65),
        ("type", "dance"),
    ],
)
def test_what_cannot_be_is_refused_by_name(key: str, value: object) -> None:
    reading = parsed("scan", data="x", task={"type": "pack", key: value})
    assert isinstance(reading, Malformed)
    assert f"task.{key}" in reading.reason


READS = [{"epc": "3034257BF7194E4000001A85"}]


def test_a_sweep_is_reads_with_the_task_of_a_count() -> None:
    reading = parsed("reads", reads=READS, task={"type": "count", "location": "R-01"})
    assert isinstance(reading, TagRead)
    assert reading.task == TaskContext("count", location="R-01")
    passing = parsed("reads", reads=READS)
    assert isinstance(passing, TagRead)
    assert passing.task is None


@pytest.mark.parametrize(
    "more", [{"task": {"type": "pick"}}, {"task": {"type": "count"}, "boot": None, "seq": None}]
)
def test_tags_are_counted_and_nothing_else_and_answered_by_number(more: dict[str, object]) -> None:
    assert isinstance(parsed("reads", reads=READS, **more), Malformed)
