"""Pins the allocation of orders: as much as there is, fewest parcels, then the shortest way."""

from __future__ import annotations

from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud_sync.fulfilment.allocation import EXACT_MAX, Allocation, allocate
from cloud_sync.fulfilment.places import Coordinates, distance_m
from cloud_sync.fulfilment.promise import Goods

MILK, RICE = Goods("00000000000017", "EA"), Goods("00000000000024", "g")
GOODS = [MILK, RICE, Goods("00000000000031", "EA")]

wanted = st.dictionaries(st.sampled_from(GOODS), st.integers(0, 9), min_size=1)
offers = st.dictionaries(st.sampled_from(GOODS), st.integers(-3, 9))


def places(n_max: int) -> st.SearchStrategy[dict[str, tuple[int, dict[Goods, int]]]]:
    ids = st.sampled_from([f"W{n:02}" for n in range(n_max)])
    return st.dictionaries(ids, st.tuples(st.integers(0, 5), offers), max_size=n_max)


def best_by_trying_all(
    order: dict[Goods, int], stock: dict[str, tuple[int, dict[Goods, int]]]
) -> tuple[int, int, int]:
    """Missing units, parcels and metres of the best set, looked for among all there are.

    The oracle knows nothing of targets: it fills as well as each set can and compares.
    """
    results = []
    for size in range(len(stock) + 1):
        for chosen in combinations(sorted(stock), size):
            missing = sum(
                max(0, quantity - sum(max(0, stock[it][1].get(goods, 0)) for it in chosen))
                for goods, quantity in order.items()
            )
            results.append((missing, size, sum(stock[it][0] for it in chosen)))
    return min(results)


def allocated(
    order: dict[Goods, int], stock: dict[str, tuple[int, dict[Goods, int]]]
) -> Allocation:
    return allocate(
        order,
        {it: offer for it, (_, offer) in stock.items()},
        {it: metres for it, (metres, _) in stock.items()},
    )


@given(wanted, places(7))
def test_no_set_of_warehouses_is_better(
    order: dict[Goods, int], stock: dict[str, tuple[int, dict[Goods, int]]]
) -> None:
    found = allocated(order, stock)
    told = (
        sum(found.short.values()),
        len(found.parcels),
        sum(parcel.distance_m for parcel in found.parcels),
    )
    assert told == best_by_trying_all(order, stock)
    assert found.is_exact


@given(wanted, places(2 * EXACT_MAX))
def test_what_is_given_and_what_is_short_is_what_was_wanted(
    order: dict[Goods, int], stock: dict[str, tuple[int, dict[Goods, int]]]
) -> None:
    found = allocated(order, stock)
    for goods, quantity in order.items():
        given_ = sum(parcel.lines.get(goods, 0) for parcel in found.parcels)
        assert given_ + found.short.get(goods, 0) == quantity
        there = sum(max(0, offer.get(goods, 0)) for _, offer in stock.values())
        assert given_ == min(quantity, there), "all that is there, whatever the number of sets"
    for parcel in found.parcels:
        assert parcel.lines, "a parcel has something in it"
        for goods, given_ in parcel.lines.items():
            assert 0 < given_ <= stock[parcel.warehouse][1][goods]
    names = [parcel.warehouse for parcel in found.parcels]
    assert len(set(names)) == len(names)


def test_above_the_exact_size_no_parcel_is_spare() -> None:
    stock = {f"W{n:02}": (n, {MILK: 1}) for n in range(EXACT_MAX + 1)}
    stock["W99"] = (1000, {MILK: 3, RICE: 1})
    found = allocated({MILK: 3, RICE: 1}, stock)
    assert [parcel.warehouse for parcel in found.parcels] == ["W99"]
    assert not found.is_exact


def test_one_far_warehouse_is_better_than_two_near_ones() -> None:
    stock = {"A": (1, {MILK: 2}), "B": (2, {MILK: 2}), "C": (900, {MILK: 4})}
    found = allocated({MILK: 4}, stock)
    assert [(it.warehouse, dict(it.lines)) for it in found.parcels] == [("C", {MILK: 4})]


@pytest.mark.parametrize(("metres", "chosen"), [((2, 1), "B"), ((1, 1), "A"), ((1, 2), "A")])
def test_of_two_that_can_the_nearest_and_then_the_smaller_id(
    metres: tuple[int, int], chosen: str
) -> None:
    stock = {it: (far, {MILK: 1}) for it, far in zip("BA", reversed(metres), strict=True)}
    assert [parcel.warehouse for parcel in allocated({MILK: 1}, stock).parcels] == [chosen]


def test_distances_on_the_earth() -> None:
    berlin = Coordinates(52.52, 13.405)
    paris = Coordinates(48.8566, 2.3522)
    assert abs(distance_m(berlin, paris) - 877_460) < 1_000
    assert distance_m(berlin, berlin) == 0
    pole, other_pole = Coordinates(90.0, 0.0), Coordinates(-90.0, 123.0)
    assert abs(distance_m(pole, other_pole) - 20_015_115) < 10
    date_line = distance_m(Coordinates(0.0, 179.999), Coordinates(0.0, -179.999))
    assert 200 < date_line < 250
