"""Pins what counts, late scans, sweeps and corrections do to balances, by example."""

from __future__ import annotations

import pytest

from cloud_sync.contract import events as ev
from cloud_sync.contract import keys
from cloud_sync.inventory import corrections
from cloud_sync.inventory.folding import LedgerRow, placed_events, rebuild
from cloud_sync.inventory.history import balances_at, postings
from cloud_sync.inventory.ledger import Ledger
from cloud_sync.inventory.places import is_late
from cloud_sync.inventory.stock import CATCH_WEIGHT, StockKey
from tests.fakes.ledger_rows import (
    ADJUSTED,
    ITEM,
    OTHER,
    SECOND,
    SHELF,
    correct,
    counted,
    move,
    on_shelf,
    pick,
    receive,
    row,
)


def test_a_count_is_what_is_there_and_its_difference_is_adjusted() -> None:
    ledger = rebuild([receive(10, 20), counted(20, 17), pick(30, 2)])
    assert ledger.balances[SHELF] == 15
    assert ledger.balances[ADJUSTED] == 3
    assert [(each.counted, each.variance) for each in ledger.counts[SHELF]] == [(17, -3)]


def test_a_count_of_nothing_empties_the_shelf() -> None:
    assert on_shelf(receive(10, 20), counted(20, 0)) == 0


def test_a_late_scan_changes_the_variance_and_not_the_truth() -> None:
    before = rebuild([receive(10, 20), counted(20, 17)])
    after = rebuild([receive(10, 20), counted(20, 17), pick(15, 3, late_s=100)])
    assert (before.balances[SHELF], after.balances[SHELF]) == (17, 17)
    assert (before.counts[SHELF][0].variance, after.counts[SHELF][0].variance) == (-3, 0)


def test_a_scan_that_came_late_but_happened_after_the_count_moves_stock() -> None:
    assert on_shelf(receive(10, 20), counted(20, 17), pick(25, 3, late_s=100)) == 14


def test_a_late_count_stands_before_what_moved_meanwhile() -> None:
    assert on_shelf(receive(10, 20), pick(30, 5), counted(20, 18, late_s=100)) == 13


@pytest.mark.parametrize(("late_s", "left"), [(3 * 86_400, 18), (3 * 86_400 + 1, 20)])
def test_a_count_that_comes_days_later_asserts_nothing(late_s: int, left: int) -> None:
    ledger = rebuild([receive(10, 20), counted(20, 18, late_s=late_s)])
    assert ledger.balances[SHELF] == left


def test_within_one_journal_seq_is_the_order_even_if_the_clock_jumps_back() -> None:
    rows = [receive(1000, 20, seq=1), counted(1001, 17, seq=2), pick(5, 2, seq=3)]
    assert on_shelf(*rows) == 15


def test_a_clock_that_jumped_far_ahead_does_not_freeze_the_shelf() -> None:
    rows = [receive(10, 20, seq=1), counted(10**9, 17, seq=2), pick(30, 2, seq=3)]
    assert on_shelf(*rows) == 15
    assert on_shelf(*rows, counted(40, 3, seq=4)) == 3


@pytest.mark.parametrize(
    ("late_s", "device", "is_it"),
    [
        (2, ev.DeviceMark(id="p", seq=1, clock="trusted", error_us=0), False),
        (3, ev.DeviceMark(id="p", seq=1, clock="trusted", error_us=0), True),
        (3, ev.DeviceMark(id="p", seq=1, clock="skewed", error_us=SECOND), False),
        (300, ev.DeviceMark(id="p", seq=1, clock="unset", error_us=0), False),
        (300, ev.DeviceMark(id="p", seq=1), False),
        (300, ev.DeviceMark(id="p", clock="trusted"), False),
        (300, None, False),
    ],
)
def test_late_is_what_a_device_with_a_clock_held_back(
    late_s: int,
    device: ev.DeviceMark | None,
    *,
    is_it: bool,
) -> None:
    assert is_late(pick(10, 1, late_s=late_s, device=device).event) is is_it


def test_an_uncounted_shelf_is_untouched_by_a_count_beside_it() -> None:
    beside = StockKey("J1", "R-01", OTHER, "", "available", "EA")
    other = row(ev.GOODS_RECEIVED, 5, move(keys.SUPPLIER, "R-01", 4, item=OTHER))
    assert rebuild([other, receive(10, 20), counted(20, 17)]).balances[beside] == 4


def sweep(at_s: int, quantity: int, *, exhaustive: bool = True, **header: object) -> LedgerRow:
    assertion = {"item": ITEM, "location": "R-01", "quantity": quantity}
    body = {"assertions": [assertion], "exhaustive": exhaustive, "scope": {"location": "R-01"}}
    return row(ev.COUNT_OBSERVED, at_s, body=body, **header)  # type: ignore[arg-type]  # as the test says


@pytest.mark.parametrize(("exhaustive", "left"), [(True, 0), (False, 4)])
def test_only_a_sweep_that_says_so_asserts_zero_for_the_rest(
    *, exhaustive: bool, left: int
) -> None:
    beside = StockKey("J1", "R-01", OTHER, "L", "available", "EA")
    other = row(ev.GOODS_RECEIVED, 5, move(keys.SUPPLIER, "R-01", 4, item=OTHER, lot="L"))
    ledger = rebuild([other, receive(10, 20), sweep(20, 17, exhaustive=exhaustive)])
    assert ledger.balances.get(beside, 0) == left
    assert ledger.balances[SHELF] == 17


def test_a_scan_from_before_a_sweep_is_seen_by_it_however_late_it_comes() -> None:
    beside = StockKey("J1", "R-01", OTHER, "", "available", "EA")
    late = row(ev.GOODS_RECEIVED, 5, move(keys.SUPPLIER, "R-01", 4, item=OTHER), late_s=90)
    ledger = Ledger()
    for each in placed_events([sweep(20, 17), late]):
        ledger.apply(do=corrections.acting([each]))
    assert beside not in ledger.balances
    assert ledger.counts[beside][0].variance == -4


def test_a_late_sweep_sees_what_was_there_and_is_gone_now() -> None:
    beside = StockKey("J1", "R-01", OTHER, "", "available", "EA")
    came = row(ev.GOODS_RECEIVED, 5, move(keys.SUPPLIER, "R-01", 4, item=OTHER))
    left = row(ev.GOODS_PICKED, 30, move("R-01", "PACK", 4, item=OTHER))
    late = sweep(20, 17, late_s=60)
    placed = placed_events([came, left, late])
    known = corrections.acting(placed[:2])
    ledger = Ledger()
    ledger.apply(do=known)
    ledger.apply(
        do=corrections.acting(placed[2:]), later=[e for e in known if e.place > placed[2].place]
    )
    assert ledger.balances[beside] == -4
    assert ledger.balances == rebuild([came, left, late]).balances


def test_two_entries_of_one_key_are_parts_and_serials_outweigh_a_smaller_quantity() -> None:
    entry = {"item": ITEM, "location": "R-01", "quantity": 2}
    parts = row(ev.COUNT_OBSERVED, 20, body={"assertions": [entry, entry]})
    assert on_shelf(parts) == 4
    seen = row(ev.COUNT_OBSERVED, 20, body={"assertions": [{**entry, "serials": ["a", "b", "c"]}]})
    assert on_shelf(seen) == 3


@pytest.mark.parametrize(
    "broken",
    [
        {"item": ITEM, "location": "@waste", "quantity": 2},
        {"item": ITEM, "location": "R-01", "quantity": -2},
        {"item": ITEM, "location": "R-01", "quantity": True},
        {"item": ITEM, "location": "R-01", "quantity": "2"},
        {"item": ITEM, "quantity": 2},
        {"location": "R-01", "quantity": 2},
        "R-01",
    ],
)
def test_a_count_that_makes_no_sense_asserts_nothing(broken: object) -> None:
    body = {"assertions": [broken], "exhaustive": True, "scope": "all"}
    assert on_shelf(receive(10, 20), row(ev.COUNT_OBSERVED, 20, body=body)) == 20


def test_a_correction_acts_where_the_mistake_was_made() -> None:
    wrong = receive(10, 20)
    right = correct(30, wrong, move("R-01", keys.SUPPLIER, 20), move(keys.SUPPLIER, "R-01", 12))
    assert on_shelf(wrong, right) == 12
    assert on_shelf(wrong, counted(20, 17), right) == 17, "the count saw what was there"


def test_a_mistake_that_is_corrected_twice_is_taken_back_once() -> None:
    wrong = receive(10, 20)
    back = move("R-01", keys.SUPPLIER, 20)
    twice = [wrong, correct(30, wrong, back), correct(31, wrong, back)]
    assert on_shelf(*twice) == 0


def test_a_correction_can_be_corrected() -> None:
    wrong = receive(10, 20)
    undo = correct(30, wrong, move("R-01", keys.SUPPLIER, 20))
    redo = correct(40, undo, move(keys.SUPPLIER, "R-01", 20))
    assert on_shelf(wrong, undo, redo) == 20


def test_a_corrected_count_was_never_made() -> None:
    rows = [receive(10, 20), wrong := counted(20, 3), pick(25, 1)]
    assert on_shelf(*rows, correct(30, wrong)) == 19


def test_a_correction_may_say_what_was_counted() -> None:
    rows = [receive(10, 20), wrong := counted(20, 3), pick(25, 1)]
    assert on_shelf(*rows, correct(30, wrong, body=counted(20, 18).event.body)) == 17


def test_a_correction_of_what_is_not_known_yet_counts_by_itself() -> None:
    wrong = receive(10, 20)
    assert on_shelf(correct(30, wrong, move("R-01", keys.SUPPLIER, 20))) == -20


def test_corrections_in_a_ring_do_nothing() -> None:
    one, other = (f"00000000-0000-7000-8000-{letter * 12}" for letter in "ab")
    taken = move("R-01", "PACK", 1)
    first = row(ev.EVENT_CORRECTED, 10, taken, event_id=one, corrects=other)
    second = row(ev.EVENT_CORRECTED, 11, taken, event_id=other, corrects=one)
    assert on_shelf(first, second) == 0


def test_pieces_carry_their_weight_beside_them() -> None:
    ledger = rebuild([row(ev.GOODS_RECEIVED, 10, move(keys.SUPPLIER, "R-01", 3, weight_g=4512))])
    assert ledger.balances[SHELF] == 3
    assert ledger.balances[SHELF._replace(unit=CATCH_WEIGHT)] == 4512
    assert sum(ledger.balances.values()) == 0


def test_what_is_cut_goes_in_and_comes_out() -> None:
    rows = [
        row(ev.GOODS_TRANSFORMED, 10, move("R-01", keys.TRANSFORMED, 1),
            move(keys.TRANSFORMED, "R-01", 8, item=OTHER)),
    ]  # fmt: skip
    shelf = {key.item: n for key, n in rebuild(rows).balances.items() if key.location == "R-01"}
    assert shelf == {ITEM: -1, OTHER: 8}


def test_as_of_and_known_at_are_two_questions() -> None:
    rows = [receive(10, 20), pick(20, 3, late_s=100), pick(60, 1)]
    assert balances_at(rows, as_of_us=30 * SECOND)[SHELF] == 17
    assert balances_at(rows, known_at_us=30 * SECOND)[SHELF] == 20
    assert balances_at(rows, as_of_us=30 * SECOND, known_at_us=30 * SECOND)[SHELF] == 20
    assert balances_at(rows)[SHELF] == 16


def test_an_account_names_who_with_what_and_which_row() -> None:
    rows = [receive(10, 20, worker="w-7"), counted(20, 17), pick(30, 2)]
    account = postings(rows, SHELF)
    assert [(p.type, p.quantity, p.counted, p.balance) for p in account] == [
        (ev.GOODS_RECEIVED, 20, None, 20),
        (ev.COUNT_OBSERVED, -3, 17, 17),
        (ev.GOODS_PICKED, -2, None, 15),
    ]
    first = account[0]
    assert (first.worker, first.device, first.gateway, first.seq) == (
        "w-7", "pda-1", "gw-1", rows[0].seq
    )  # fmt: skip
