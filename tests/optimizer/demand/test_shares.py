"""Pins sharing of what is scarce: never more than there is, all of it, and by need."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from optimizer.demand.counts import negative_binomial
from optimizer.demand.echelon import CHANCES, places_levels
from optimizer.demand.history import Ints
from optimizer.demand.shares import shared_room, shared_stock


def drawn(seed: int) -> tuple[Ints, Ints, Ints, Ints, Ints]:
    """wanted, position, levels, there, grams; 4 places, 6 items."""
    rng = np.random.default_rng(seed)
    mean = rng.gamma(1.0, 4.0, 24)
    levels = places_levels(negative_binomial(mean, np.full(24, 0.1)))
    levels = levels.reshape(len(CHANCES), 4, 6)
    position = rng.integers(0, 12, (4, 6))
    wanted = np.maximum(levels[-1] + rng.integers(-2, 4, (4, 6)) - position, 0)
    return wanted, position, levels, rng.integers(0, 40, 6), rng.integers(50, 900, 6)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10_000))
def test_stock_is_given_out_as_far_as_it_goes(seed: int) -> None:
    wanted, position, levels, there, _ = drawn(seed)
    given_out = shared_stock(wanted, position, levels, there)
    assert (given_out >= 0).all()
    assert (given_out <= wanted).all()
    np.testing.assert_array_equal(given_out.sum(axis=0), np.minimum(wanted.sum(axis=0), there))


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10_000), st.integers(0, 60_000))
def test_room_is_used_to_the_last_piece_that_fits(seed: int, room: int) -> None:
    wanted, position, levels, _, grams = drawn(seed)
    loaded = shared_room(wanted, position, levels, grams, room)
    weight = int((loaded * grams).sum())
    assert (loaded >= 0).all()
    assert (loaded <= wanted).all()
    assert weight <= room
    if int((wanted * grams).sum()) <= room:
        np.testing.assert_array_equal(loaded, wanted)
    else:
        assert room - weight < int(grams.max())


def test_who_is_emptier_comes_first() -> None:
    levels = places_levels(negative_binomial(np.full(2, 10.0), np.full(2, 0.05)))
    levels = levels.reshape(len(CHANCES), 2, 1)
    position = np.array([[0], [12]])
    given_out = shared_stock(np.array([[16], [4]]), position, levels, np.array([10]))
    np.testing.assert_array_equal(given_out, [[10], [0]])
