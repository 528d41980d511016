"""Pins how a load is compared with a journal: each message by its device, boot and number."""

from device_sim.load_arrivals import compare
from device_sim.load_command import is_complete

Row = dict[str, object]


def row(device: str, seq: int, event_type: str = "goods.received", boot: str = "b") -> Row:
    return {"event": {"type": event_type, "device": {"id": device, "boot": boot, "seq": seq}}}


ROWS = [row("a", 1, "lot.created"), row("a", 1), row("a", 2), row("b", 1), row("c", 7, boot="x")]
GOOD: Row = {"arrived": 3, "missing": 0, "twice": 0, "never_sent": 0}


def test_what_was_sent_and_arrived_is_complete() -> None:
    assert compare(ROWS, "b", {"a": 2, "b": 1}) == GOOD
    assert is_complete({"not_sent": 0, "without_result": 0, "journal": GOOD})
    assert is_complete({"not_sent": 0, "without_result": None, "journal": None})


def test_what_is_missing_twice_or_invented_is_counted_and_not_complete() -> None:
    for rows, last_seqs, wrong in (
        (ROWS, {"a": 3, "b": 1}, "missing"),
        ([*ROWS, row("b", 1)], {"a": 2, "b": 1}, "twice"),
        (ROWS, {"a": 1, "b": 1}, "never_sent"),
    ):
        found = compare(rows, "b", last_seqs)
        assert {key for key, n in found.items() if n and key != "arrived"} == {wrong}
        assert not is_complete({"not_sent": 0, "without_result": 0, "journal": found})


def test_what_was_not_sent_or_has_no_result_is_not_complete() -> None:
    assert not is_complete({"not_sent": 1, "without_result": 0, "journal": None})
    assert not is_complete({"not_sent": 0, "without_result": 1, "journal": None})
