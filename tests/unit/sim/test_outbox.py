"""Pins what a PDA keeps: until its receipt and no longer, sent again ever more slowly."""

from random import Random

from device_sim.outbox import FIRST_RETRY_S, RETRY_CAP_S, Outbox


def test_a_scan_is_due_at_once_and_then_after_a_pause() -> None:
    box = Outbox(Random(1))
    box.keep(box.next_seq(), b"a", 10.0)
    assert box.take_due(10.0) == [(1, b"a")]
    assert box.take_due(10.0 + FIRST_RETRY_S / 2 - 0.01) == []
    assert box.take_due(10.0 + FIRST_RETRY_S) == [(1, b"a")]


def test_a_receipt_lets_it_go_once() -> None:
    box = Outbox(Random(1))
    box.keep(box.next_seq(), b"a", 0.0)
    assert box.settle(1) is not None
    assert box.settle(1) is None
    assert box.take_due(1000.0) == []
    assert box.next_due_s() is None


def test_pauses_grow_to_the_cap() -> None:
    box = Outbox(Random(1))
    box.keep(box.next_seq(), b"a", 0.0)
    now_s, pauses = 0.0, []
    for _ in range(10):
        assert box.take_due(now_s)
        due_s = box.next_due_s()
        assert due_s is not None
        pauses.append(due_s - now_s)
        now_s = due_s
    assert pauses[0] <= FIRST_RETRY_S
    assert all(RETRY_CAP_S / 2 <= pause <= RETRY_CAP_S for pause in pauses[-5:])


def test_numbers_are_never_used_twice() -> None:
    box = Outbox(Random(1))
    for expected in range(1, 6):
        seq = box.next_seq()
        box.keep(seq, b"x", 0.0)
        box.settle(seq)
        assert seq == expected
