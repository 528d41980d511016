"""Pins when an item could be sold: by movements, counts, lots and the calendar."""

from __future__ import annotations

from zoneinfo import ZoneInfo

from cloud_sync.contract import events as ev
from cloud_sync.demand.hours import day_start_us
from cloud_sync.demand.shelf import turns
from cloud_sync.inventory.corrections import acting
from cloud_sync.inventory.folding import LedgerRow, placed_events
from tests.fakes.ledger_rows import ITEM, OTHER, SECOND, correct, counted, move, pick, receive, row

BERLIN = ZoneInfo("Europe/Berlin")
DAY_S = 86_400


def found(*rows: LedgerRow, until_s: int = 9 * DAY_S) -> list[tuple[float, str, bool]]:
    """Turns in seconds."""
    acts = acting(placed_events(rows))
    several = turns(acts, warehouse="J1", zone=BERLIN, until_us=until_s * SECOND)
    return [(it.at_us / SECOND, it.item, it.is_usable) for it in several]


def lot_told(event_type: str, at_s: int, **body: object) -> LedgerRow:
    return row(event_type, at_s, body={"item": ITEM, "lot": "L1"} | body)


def lot_in(at_s: int, quantity: int) -> LedgerRow:
    return row(ev.GOODS_RECEIVED, at_s, move("@supplier", "R-01", quantity, lot="L1"))


def test_goods_come_and_are_picked_to_the_last() -> None:
    assert found(receive(10, 3), pick(20, 2), pick(30, 1), receive(40, 1)) == [
        (10, ITEM, True),
        (30, ITEM, False),
        (40, ITEM, True),
    ]


def test_a_count_of_zero_ends_it_and_one_of_more_begins_it() -> None:
    assert found(receive(10, 3), counted(20, 0), counted(30, 2)) == [
        (10, ITEM, True),
        (20, ITEM, False),
        (30, ITEM, True),
    ]


def test_a_sweep_ends_what_it_did_not_see() -> None:
    came = receive(10, 3)
    body = {
        "assertions": [{"item": OTHER, "location": "R-01", "quantity": 1}],
        "exhaustive": True,
        "scope": {"location": "R-01"},
    }
    sweep = row(ev.COUNT_OBSERVED, 20, body=body)
    assert found(came, sweep)[1:] == [(20, OTHER, True), (20, ITEM, False)]


def test_a_pick_that_was_taken_back_ended_nothing_at_its_place() -> None:
    came, picked = receive(10, 1), pick(20, 1)
    back = correct(30, picked, move("PACK", "R-01", 1), body={"corrects_type": ev.GOODS_PICKED})
    # Both act at the pick's place; between them nothing lay there, for no time at all.
    assert found(came, picked, back) == [(10, ITEM, True), (20, ITEM, False), (20, ITEM, True)]


def test_a_hold_ends_it_and_its_release_begins_it_again() -> None:
    told = [lot_in(10, 5), lot_told(ev.LOT_HELD, 20), lot_told(ev.LOT_RELEASED, 30)]
    assert [it[::2] for it in found(*told)] == [(10, True), (20, False), (30, True)]


def test_a_lot_is_good_through_its_last_day_on_the_walls_of_the_warehouse() -> None:
    created = lot_told(ev.LOT_CREATED, 5, expiry="1970-01-03")
    end_s = day_start_us("1970-01-04", BERLIN) / SECOND
    assert found(created, lot_in(10, 5)) == [(10, ITEM, True), (end_s, ITEM, False)]
    assert found(created, lot_in(10, 5), until_s=int(end_s) - 1) == [(10, ITEM, True)]
    before = [created, lot_in(10, 5)]
    later = row(ev.GOODS_RECEIVED, 5 * DAY_S, move("@supplier", "R-01", 1, OTHER))
    assert found(*before, later) == [
        (10, ITEM, True),
        (end_s, ITEM, False),
        (5 * DAY_S, OTHER, True),
    ]


def test_a_fresh_lot_beside_an_old_one_keeps_it() -> None:
    created = lot_told(ev.LOT_CREATED, 5, expiry="1970-01-02")
    assert found(created, lot_in(10, 5), receive(11, 1)) == [(10, ITEM, True)]


def test_what_is_picked_damaged_or_elsewhere_is_not_on_the_shelf() -> None:
    damaged = move("@supplier", "R-01", 5, to_status="damaged")
    assert found(row(ev.GOODS_RECEIVED, 10, damaged)) == []
    assert found(row(ev.GOODS_RECEIVED, 10, move("@supplier", "PACK", 5))) == []
