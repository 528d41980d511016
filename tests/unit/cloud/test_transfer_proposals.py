"""Pins transfer proposals: from surplus to shortage, and only what is still good on arrival."""

from __future__ import annotations

from datetime import date, timedelta

from hypothesis import given
from hypothesis import strategies as st

from cloud_sync.fulfilment.promise import Goods
from cloud_sync.fulfilment.transfers import (
    Holding,
    LotStock,
    Proposal,
    TransferRules,
    propose,
)

MILK = Goods("04012345678901", "EA")
TODAY = date(2026, 3, 1)
TOMORROW = TODAY + timedelta(days=1)
RULES = TransferRules(cover_days=2, days_left_min=2)
ARRIVALS = {(a, b): TOMORROW for a in "ABC" for b in "ABC" if a != b}
FAR = {
    ("A", "B"): 10,
    ("A", "C"): 20,
    ("B", "C"): 5,
    ("B", "A"): 10,
    ("C", "A"): 20,
    ("C", "B"): 5,
}


def lot(quantity: int, days: int | None, name: str = "L") -> LotStock:
    expiry = None if days is None else TODAY + timedelta(days=days)
    return LotStock(f"{name}{days}", expiry, quantity)


def holding(
    warehouse: str, lots: list[LotStock], *, demand: float | None = None, s: int | None = None
) -> Holding:
    available = sum(it.quantity for it in lots)
    return Holding(warehouse, MILK, available, lots, demand, s)


def told(proposals: list[Proposal]) -> list[tuple[str, str, dict[str, int], int | None]]:
    return [
        (it.source, it.destination, {lot.lot: lot.quantity for lot in it.lots}, it.days_left)
        for it in proposals
    ]


def proposals_for(*holdings: Holding) -> list[Proposal]:
    return propose(holdings, arrivals=ARRIVALS, distances_m=FAR, rules=RULES)


def test_the_nearest_surplus_fills_the_shortage_up_to_its_level() -> None:
    found = proposals_for(
        holding("A", [lot(50, None)]),
        holding("B", [lot(8, None)]),
        holding("C", [], demand=4, s=3),
    )
    assert told(found) == [("B", "C", {"LNone": 8}, None), ("A", "C", {"LNone": 3}, None)]


def test_a_warehouse_at_its_reorder_point_is_short_and_one_above_is_not() -> None:
    for there, expected in ((3, 1), (4, 0)):
        found = proposals_for(
            holding("A", [lot(50, None)]), holding("B", [lot(there, None)], demand=1, s=3)
        )
        assert len(found) == expected


def test_nobody_gives_what_it_needs_itself() -> None:
    found = proposals_for(
        holding("A", [lot(10, None)], demand=2, s=4), holding("B", [], demand=9, s=9)
    )
    assert told(found) == [("A", "B", {"LNone": 2}, None)]


def test_a_lot_travels_only_with_days_left_on_arrival() -> None:
    # Arriving tomorrow, a lot whose last day is tomorrow has one day left, the day after two.
    for days, expected in ((1, []), (2, [("A", "B", {"L2": 6}, 2)])):
        found = proposals_for(holding("A", [lot(6, days)]), holding("B", [], demand=5, s=0))
        assert told(found) == expected


def test_no_more_of_a_lot_travels_than_is_sold_before_its_last_day() -> None:
    found = proposals_for(
        holding("A", [lot(50, 3)]), holding("B", [lot(2, 3, "M")], demand=2, s=20)
    )
    assert told(found) == [("A", "B", {"L3": 4}, 3)], "three days of two, less the two there"


def test_the_oldest_lot_that_may_travel_goes_first() -> None:
    found = proposals_for(
        holding("A", [lot(9, 30), lot(3, 5), lot(7, 1)]), holding("B", [], demand=2, s=2)
    )
    assert told(found) == [("A", "B", {"L5": 3, "L30": 3}, 5)]


def test_who_runs_out_first_is_served_first() -> None:
    found = proposals_for(
        holding("A", [lot(12, None)]),
        holding("B", [lot(5, None)], demand=1, s=9),
        holding("C", [lot(5, None)], demand=5, s=9),
    )
    assert [it.destination for it in found] == ["C"]


lots = st.lists(st.builds(lot, st.integers(0, 40), st.none() | st.integers(-3, 20)), max_size=4)


@st.composite
def holdings(draw: st.DrawFn, warehouse: str) -> Holding:
    policy = draw(st.none() | st.tuples(st.floats(0, 20), st.integers(0, 30)))
    found = [
        LotStock(f"{warehouse}{n}", it.expiry, it.quantity) for n, it in enumerate(draw(lots))
    ]
    demand, s = policy if policy is not None else (None, None)
    return holding(warehouse, found, demand=demand, s=s)


@given(holdings("A"), holdings("B"), holdings("C"))
def test_whatever_is_proposed_can_be_sent_and_is_wanted(
    a: Holding, b: Holding, c: Holding
) -> None:
    by_id = {it.warehouse: it for it in (a, b, c)}
    found = proposals_for(a, b, c)
    for name, it in by_id.items():
        level = 0
        if it.reorder_point is not None and it.demand_per_day is not None:
            level = it.reorder_point + -int(-it.demand_per_day * RULES.cover_days // 1)
        given_away = sum(p.quantity for p in found if p.source == name)
        received = sum(p.quantity for p in found if p.destination == name)
        assert not (given_away and received)
        if given_away:
            assert it.available - given_away >= level
        if received:
            assert it.reorder_point is not None
            assert it.available <= it.reorder_point
            assert it.available + received <= level
        for each in it.lots:
            sent = [
                x.quantity for p in found if p.source == name for x in p.lots if x.lot == each.lot
            ]
            assert sum(sent) <= each.quantity
    for p in found:
        assert all(x.quantity > 0 for x in p.lots)
        assert p.days_left is None or p.days_left >= RULES.days_left_min
