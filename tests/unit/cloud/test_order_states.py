"""Pins what events make of an order, as sums: whatever their order, grouping and corrections."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud_sync.contract import events as ev
from cloud_sync.fulfilment.orders import (
    DELIVERED,
    SHORT,
    TAKEN,
    Given,
    Part,
    SumKey,
    missing_of,
    parts_of,
    risks_of,
    status_of,
    sums_of,
)
from cloud_sync.fulfilment.promise import Goods
from tests.fakes.uploads import ITEM, event_id, make_line

GOODS = Goods(ITEM, "EA")


def event(
    number: int,
    event_type: str,
    *moves: tuple[str, str, int],
    document: str = "O.1",
    body: Mapping[str, object] | None = None,
) -> ev.Event:
    return ev.Event(
        event_id=event_id(number),
        type=event_type,
        version=1,
        occurred_at_us=1,
        received_at_us=1,
        warehouse="W1",
        documents=(ev.Document(type="order", id=document), ev.Document(type="asn", id="A")),
        lines=tuple(make_line(*move) for move in moves),
        body=dict(body or {}),
    )


def totals(*events: ev.Event) -> dict[str, int]:
    found: dict[str, int] = {}
    for key, quantity in sums_of(events).items():
        assert (key.warehouse, key.document, key.item) == ("W1", "O.1", ITEM)
        found[key.kind] = found.get(key.kind, 0) + quantity
    return found


@pytest.mark.parametrize(
    ("event_type", "move", "expected"),
    [
        (ev.GOODS_PICKED, ("R-01", "PACK", 2), {TAKEN: 2}),
        (ev.GOODS_MOVED, ("PACK", "R-01", 2), {TAKEN: -2}),
        (ev.ORDER_DELIVERED, ("PACK", "@customer", 2), {DELIVERED: 2}),
        (ev.ORDER_DELIVERED, ("R-01", "@customer", 2), {TAKEN: 2, DELIVERED: 2}),
        (ev.EVENT_CORRECTED, ("@customer", "PACK", 2), {DELIVERED: -2}),
        (ev.EVENT_CORRECTED, ("@customer", "R-01", 2), {TAKEN: -2, DELIVERED: -2}),
        (ev.GOODS_RETURNED, ("@customer", "DOCK", 2), {}),
        (ev.GOODS_MOVED, ("DOCK", "R-01", 2), {}),
        (ev.STOCK_WASTED, ("R-01", "@waste", 2), {}),
    ],
)
def test_what_a_line_says_of_an_order(
    event_type: str, move: tuple[str, str, int], expected: dict[str, int]
) -> None:
    assert totals(event(1, event_type, move)) == expected


def test_a_corrected_return_is_no_delivery() -> None:
    body = {"corrects_type": ev.GOODS_RETURNED}
    assert totals(event(1, ev.EVENT_CORRECTED, ("DOCK", "@customer", 2), body=body)) == {}


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, {SHORT: 3}),
        ({"lot": "L1"}, {SHORT: 3}),
        ({"missing": 0}, {}),
        ({"missing": "3"}, {}),
        ({"missing": 10**13}, {}),
        ({"item": "123"}, {}),
        ({"unit": "kg"}, {}),
    ],
)
def test_what_a_picker_did_not_find(changes: dict[str, object], expected: dict[str, int]) -> None:
    body = {"item": ITEM, "unit": "EA", "missing": 3, **changes}
    assert totals(event(1, ev.PICK_SHORT, body=body)) == expected
    back = {"corrects_type": ev.PICK_SHORT, "of": body}
    turned = {kind: -quantity for kind, quantity in expected.items()}
    assert totals(event(2, ev.EVENT_CORRECTED, body=back)) == turned


PLACES = ["R-01", "R-02", "PACK", "@customer", "@waste"]
moves = st.tuples(st.sampled_from(PLACES), st.sampled_from(PLACES), st.integers(0, 5))


@given(st.lists(moves, max_size=8))
def test_sums_do_not_mind_order_grouping_and_what_was_taken_back(
    all_moves: list[tuple[str, str, int]],
) -> None:
    events = [event(n, ev.GOODS_MOVED, it) for n, it in enumerate(all_moves)]
    one_by_one: dict[SumKey, int] = {}
    for it in reversed(events):
        for key, quantity in sums_of([it]).items():
            one_by_one[key] = one_by_one.get(key, 0) + quantity
    whole = sums_of(events)
    assert {key: it for key, it in one_by_one.items() if it} == whole
    back = [
        event(100 + n, ev.EVENT_CORRECTED, (target, source, quantity))
        for n, (source, target, quantity) in enumerate(all_moves)
    ]
    assert sums_of([*events, *back]) == {}


# ------------------------------------------------------------------ parts and status


def part(
    wanted: int, taken: int = 0, delivered: int = 0, short: int = 0, *, is_open: bool = True
) -> Part:
    return Part(
        "O.1", "W1", is_open, {GOODS: wanted}, {GOODS: taken}, {GOODS: delivered}, {GOODS: short}
    )


@pytest.mark.parametrize(
    ("parts", "status", "missing"),
    [
        ([], "open", 5),
        ([part(3)], "open", 2),
        ([part(5)], "allocated", 0),
        ([part(3), part(2)], "allocated", 0),
        ([part(5, taken=1)], "picking", 0),
        ([part(5, taken=5)], "picked", 0),
        ([part(5, taken=3, short=2)], "open", 2),
        ([part(5, taken=3, short=2), part(2)], "picking", 0),
        ([part(5, taken=5, delivered=1)], "part_delivered", 0),
        ([part(5, taken=5, delivered=5)], "delivered", 0),
        ([part(5, taken=7, delivered=7)], "delivered", 0),
        ([part(5, is_open=False)], "open", 5),
        ([part(5, taken=2, is_open=False), part(3)], "picking", 0),
    ],
)
def test_where_an_order_stands(parts: list[Part], status: str, missing: int) -> None:
    wanted = {GOODS: 5}
    assert status_of(wanted, parts, is_cancelled=False) == status
    assert missing_of(wanted, parts) == ({GOODS: missing} if missing else {})
    is_over = status == "delivered"
    assert status_of(wanted, parts, is_cancelled=True) == ("delivered" if is_over else "cancelled")


def test_a_part_is_done_when_all_that_was_taken_is_delivered() -> None:
    assert not part(5, taken=5).is_done
    assert not part(5, taken=3, delivered=3).is_done
    assert part(5, taken=3, delivered=3, short=2).is_done
    assert part(5, short=5).is_done


@given(st.integers(0, 9), st.integers(-3, 12), st.integers(0, 12))
def test_what_is_to_come_is_never_negative_and_never_more_than_was_given(
    wanted: int, taken: int, short: int
) -> None:
    assert 0 <= part(wanted, taken=taken, short=short).to_come(GOODS) <= wanted


def test_what_was_told_of_the_order_itself_or_by_others_has_a_place() -> None:
    given_ = [
        Given("O.1", "W1", True, {GOODS: 3}),
        Given("O.2", "W2", True, {GOODS: 2}),
    ]

    def key(warehouse: str, document: str) -> SumKey:
        return SumKey(warehouse, TAKEN, document, ITEM, "", "EA")

    sums = {
        key("W1", "O.1"): 1,
        key("W1", "O"): 1,
        key("W2", "O.1"): 1,
        key("W3", "O"): 4,
    }
    parts = parts_of(given_, sums)
    assert [(it.parcel, it.warehouse, it.taken[GOODS], it.is_open) for it in parts] == [
        ("O.1", "W1", 2, True),
        ("O.2", "W2", 1, True),
        ("O", "W3", 4, False),
    ]


@pytest.mark.parametrize(
    ("status", "now_us", "expected"),
    [
        ("open", 89, ["short"]),
        ("open", 90, ["due", "short"]),
        ("picking", 100, ["due", "short"]),
        ("picking", 101, ["late", "short"]),
        ("delivered", 500, []),
        ("cancelled", 500, []),
    ],
)
def test_risks(status: str, now_us: int, expected: list[str]) -> None:
    found = risks_of(
        status=status,  # type: ignore[arg-type]  # a parameter of a test
        ship_by_us=100,
        now_us=now_us,
        soon_us=10,
        missing={GOODS: 1},
        dark=False,
    )
    assert found == expected
