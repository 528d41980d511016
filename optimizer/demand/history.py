"""What was asked for, as arrays: units by item and day, and how much of each day could be sold.

A day's covered share is the share of its demand that fell into hours with usable stock, by the
item's own hour profile: without stock from six to eight in the evening is worse than from three to
five at night. Everything downstream compares what was seen with covered share times what was
expected, so an hour without stock is missing, not zero.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]

HOURS = 24
PRIOR_UNITS = 25.0
"""Strength of the pool when an item's factor is estimated: items differ from their pool by some
20 %, and a Gamma prior with mean 1 and that spread weighs as much as 1/0.2² units of demand."""


@dataclass(frozen=True, slots=True)
class History:
    """Whole days of one warehouse. Axes: item, day, hour; arrays are made read-only.

    units: seen demand. covered: share of the day's demand that could be seen; 0 before an item
    was listed, above 1 on the day with 25 hours. profile: the day's demand by hour, sums to 1.
    lump: variance of what one sale adds over its mean; 1 where everybody takes one piece.
    """

    items: tuple[str, ...]
    first_day: date
    units: Floats
    covered: Floats
    profile: Floats
    lump: Floats

    def __post_init__(self) -> None:
        n, n_days = len(self.items), self.units.shape[-1]
        shapes = {
            "units": (n, n_days),
            "covered": (n, n_days),
            "profile": (n, HOURS),
            "lump": (n,),
        }
        for name, shape in shapes.items():
            column: Floats = getattr(self, name)
            if column.shape != shape:
                raise ValueError(f"{name}: expected shape {shape}, got {column.shape}")
            if not (np.isfinite(column).all() and (column >= 0).all()):
                raise ValueError(f"{name}: expected finite numbers from 0")
            column.setflags(write=False)

    @property
    def n_days(self) -> int:
        """How many days there are."""
        return int(self.units.shape[1])

    def until(self, n_days: int) -> History:
        """The first days only, for who asks what could be known then.

        profile and lump stay those of the whole: what they say of an item hardly ever changes.
        """
        return History(
            items=self.items,
            first_day=self.first_day,
            units=self.units[:, :n_days].copy(),
            covered=self.covered[:, :n_days].copy(),
            profile=self.profile.copy(),
            lump=self.lump.copy(),
        )


@dataclass(frozen=True, slots=True)
class Outages:
    """Hours without usable stock, as columns: item and day by index, hour, share of the hour."""

    i_item: Ints
    i_day: Ints
    hour: Ints
    share: Floats


def make_history(
    items: Sequence[str],
    first_day: date,
    *,
    units: Floats,
    hour_units: Floats,
    outages: Outages,
    i_listed: Ints,
    squares: Floats,
    hour_length: Floats | None = None,
) -> History:
    """A history from what the demand book counts.

    units: [item, day]; hour_units: [item, hour], sums over all days. i_listed: by item the first
    day it was kept. squares: by item, the sum of the squared quantities of its sales, 0 if not
    counted. hour_length: [day, hour] in hours, 0 and
    2 where the clocks were changed; None: all 1.
    """
    n_days = units.shape[1]
    length = np.ones((n_days, HOURS)) if hour_length is None else hour_length
    is_listed = np.arange(n_days)[None, :] >= i_listed[:, None]
    seen_hours = is_listed.astype(np.float64) @ length
    np.subtract.at(seen_hours, (outages.i_item, outages.hour), outages.share)
    profile = _profile(hour_units, np.maximum(seen_hours, 0.0))
    covered = profile @ length.T
    lost = outages.share * profile[outages.i_item, outages.hour]
    np.subtract.at(covered, (outages.i_item, outages.i_day), lost)
    covered = np.where(is_listed, np.maximum(covered, 0.0), 0.0)
    return History(
        items=tuple(items),
        first_day=first_day,
        units=np.maximum(units, 0.0),
        covered=np.where(covered < 1e-9, 0.0, covered),
        profile=profile,
        lump=_lump(units.sum(axis=1), squares),
    )


def _profile(hour_units: Floats, seen_hours: Floats) -> Floats:
    """The share of each hour in a day's demand, [item, hour]; small samples lean on the pool.

    Gamma-Poisson posterior mean of item over pool (Robbins 1956, empirical Bayes).
    """
    rate = np.maximum(hour_units, 0.0) / np.maximum(seen_hours, 1.0)
    pool = rate.sum(axis=0) + 1e-9
    pool /= pool.sum()
    expected = pool * seen_hours
    level = hour_units.sum(axis=1) / np.maximum(expected.sum(axis=1), 1e-9)
    factor = (hour_units + PRIOR_UNITS) / (level[:, None] * expected + PRIOR_UNITS)
    profile: Floats = pool * np.maximum(factor, 1e-6)
    profile /= profile.sum(axis=1, keepdims=True)
    return profile


def _lump(units: Floats, squares: Floats) -> Floats:
    """E[X²] / E[X] of the pieces X per sale; 1 where everybody takes one, or nobody counted."""
    mean: Floats = np.divide(squares, units, out=np.ones_like(units), where=units > 0)
    return np.maximum(mean, 1.0)
