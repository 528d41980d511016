"""Pins that rows gathered in one pass are what the plain rules say row by row: balances, entries,
the rows of an item and the ends of the batch, and that a gathering made before the journal's time
was known is the same as one made after, wherever it says that it holds."""

from __future__ import annotations

from collections import defaultdict

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cloud_sync.contract import events as ev
from cloud_sync.inventory.folding import LedgerRow
from cloud_sync.inventory.moving import DAY_US, Moving, gathered
from cloud_sync.inventory.places import Placed, place_next
from cloud_sync.inventory.stock import movements
from cloud_sync.store.item_rows import rows_by_item
from tests.property.test_ledger import START, histories
from tests.rigs.sums import summed

pytestmark = pytest.mark.slow

GATEWAY, EPOCH = "gw-1", "e1"
times = st.sampled_from([0, START - 3 * DAY_US, START, START + 10_000_000, START + DAY_US])


def placed(rows: list[LedgerRow], time_us: int) -> list[Placed]:
    found = []
    for row in rows:
        place, time_us = place_next(
            row.event, gateway=GATEWAY, epoch=EPOCH, seq=row.seq, time_us=time_us
        )
        found.append(Placed(place, row.event))
    return found


def entries(batch: list[Placed]) -> dict[tuple[object, ...], list[int]]:
    found: dict[tuple[object, ...], list[int]] = defaultdict(list)
    for place, event in batch:
        row = -place.seq if place.device else place.seq
        for key, quantity in movements(event):
            if key.warehouse == "J1":
                _, location, item, lot, status, unit = key
                day = place.at_us // DAY_US
                found[item, day, location, lot, status, unit] += (place.at_us, row, quantity)
    return dict(found)


def told(moving: Moving, time_us: int) -> tuple[object, ...]:
    ends = moving.first_place(), moving.last_place(), moving.time_after(time_us)
    return moving.balances(), moving.by_day("J1"), moving.items, ends


@settings(max_examples=150, deadline=None)
@given(histories(), times)
def test_one_pass_gives_what_the_rules_say_row_by_row(
    history: list[LedgerRow], time_us: int
) -> None:
    rows = [it for it in history if it.gateway == GATEWAY and it.event.type == ev.GOODS_MOVED]
    moving = gathered(((row.seq, row.event) for row in rows), GATEWAY, EPOCH, time_us=time_us)
    batch = placed(rows, time_us)

    assert moving.is_mere
    assert moving.balances() == summed(row.event for row in rows)
    assert moving.by_day("J1") == entries(batch)
    assert moving.items == rows_by_item(batch)
    if batch:
        assert moving.first_place() == min(place for place, _ in batch)
        assert moving.last_place() == max(place for place, _ in batch)


@settings(max_examples=50, deadline=None)
@given(histories())
def test_rows_that_count_or_correct_are_told_from_those_that_move(
    history: list[LedgerRow],
) -> None:
    moving = gathered(enumerate((row.event for row in history), 1), GATEWAY, EPOCH)

    is_more = any(
        row.event.corrects or row.event.body.get("assertions") or row.event.body.get("exhaustive")
        for row in history
        if row.event.type != ev.GOODS_MOVED
    )
    assert moving.is_mere is not is_more


@settings(max_examples=150, deadline=None)
@given(histories(), times)
def test_what_was_gathered_before_the_journals_time_was_known_is_the_same_where_it_holds(
    history: list[LedgerRow], time_us: int
) -> None:
    rows = [row for row in history if row.gateway == GATEWAY]
    numbered = [(row.seq, row.event) for row in rows]
    early = gathered(numbered, GATEWAY, EPOCH)
    late = gathered(numbered, GATEWAY, EPOCH, time_us=time_us)

    assert early.holds_after(0)
    if not rows:
        return
    if early.holds_after(time_us):
        assert told(early, time_us) == told(late, time_us)
    else:
        assert next(at for at, _ in placed(rows, 0) if not at.device).at_us < time_us
