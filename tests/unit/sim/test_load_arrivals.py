"""Pins how a load is compared with a journal: each message by its device, boot and number."""

import pytest

from device_sim.errors import SimulatorError
from device_sim.load_arrivals import NUMBER_BITS, Sent, compare, load_epc
from device_sim.load_command import is_complete

Row = dict[str, object]


def row(device: str, seq: int, event_type: str = "goods.received", boot: str = "b") -> Row:
    return {"event": {"type": event_type, "device": {"id": device, "boot": boot, "seq": seq}}}


ROWS = [row("a", 1, "lot.created"), row("a", 1), row("a", 2), row("b", 1), row("c", 7, boot="x")]
GOOD: Row = {"arrived": 3, "missing": 0, "twice": 0, "never_sent": 0}


def test_what_was_sent_and_arrived_is_complete() -> None:
    assert compare(ROWS, Sent("scan", "b", {"a": 2, "b": 1})) == GOOD
    assert is_complete({"not_sent": 0, "without_result": 0, "journal": GOOD})
    assert is_complete({"not_sent": 0, "without_result": None, "journal": None})


def test_what_is_missing_twice_or_invented_is_counted_and_not_complete() -> None:
    for rows, last_seqs, wrong in (
        (ROWS, {"a": 3, "b": 1}, "missing"),
        ([*ROWS, row("b", 1)], {"a": 2, "b": 1}, "twice"),
        (ROWS, {"a": 1, "b": 1}, "never_sent"),
    ):
        found = compare(rows, Sent("scan", "b", last_seqs))
        assert {key for key, n in found.items() if n and key != "arrived"} == {wrong}
        assert not is_complete({"not_sent": 0, "without_result": 0, "journal": found})


def test_what_was_not_sent_or_has_no_result_is_not_complete() -> None:
    assert not is_complete({"not_sent": 1, "without_result": 0, "journal": None})
    assert not is_complete({"not_sent": 0, "without_result": 1, "journal": None})


def tag_row(device: str, number: int, boot: str = "abc", event_type: str = "tag.arrived") -> Row:
    body = {"epc": load_epc(boot, number)}
    return {"event": {"type": event_type, "device": {"id": device}, "body": body}}


TAGS = [tag_row("a", 0), tag_row("b", 1), tag_row("a", 2), tag_row("c", 7)]
SENT = Sent("reads", "abc", {"a": 2, "b": 1})


def test_each_message_of_reads_is_known_by_its_tag() -> None:
    assert compare([*TAGS, tag_row("a", 0, event_type="tag.left")], SENT) == GOOD
    for rows, wrong in (
        (TAGS[1:], {"missing"}),
        ([*TAGS, TAGS[0]], {"twice"}),
        ([*TAGS, tag_row("a", 4)], {"never_sent"}),
        ([*TAGS[1:], tag_row("b", 0)], {"missing", "never_sent"}),
        ([*TAGS[1:], tag_row("a", 0, boot="abd")], {"missing", "never_sent"}),
    ):
        found = compare(rows, SENT)
        assert {key for key, n in found.items() if n and key != "arrived"} == wrong


def test_tags_of_a_load_have_an_end() -> None:
    assert len({load_epc("abc", n) for n in (0, 1, (1 << NUMBER_BITS) - 1)}) == 3
    with pytest.raises(SimulatorError, match="ends at"):
        load_epc("abc", 1 << NUMBER_BITS)
