"""Pins when a vehicle leaves: full ones at once, others when waiting loses more than it saves."""

from __future__ import annotations

from optimizer.departures import leaves


def decided(load_kg: float, loss: float, *, growth: float = 50.0) -> bool:
    return leaves(
        load_kg=load_kg,
        capacity_kg=200.0,
        growth_kg_per_day=growth,
        loss_per_day=loss,
        trip_cost=100.0,
    )


def test_a_full_vehicle_leaves_and_an_empty_one_never_does() -> None:
    assert decided(200.0, 0.0)
    assert decided(230.0, 0.0)
    assert not decided(0.0, 1e9)


def test_a_vehicle_waits_while_a_day_saves_more_than_it_loses() -> None:
    # A day's growth of a quarter of the capacity saves a quarter of the trip.
    assert not decided(100.0, 24.9)
    assert decided(100.0, 25.0)
    # Only a tenth of the room is left to be filled.
    assert not decided(180.0, 9.9)
    assert decided(180.0, 10.0)


def test_where_nothing_is_added_nothing_is_saved() -> None:
    assert decided(20.0, 0.0, growth=0.0)
