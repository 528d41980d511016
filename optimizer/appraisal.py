"""What individuals are really worth: best cycles per trip, best procurement cycles per centre.

The search prices trips under a setting; here the trips of an individual are given, and the
setting is chosen for them: every procurement cycle of every central warehouse, exactly,
safety stock included.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from optimizer.decisions import Decisions, Route
from optimizer.integrals import Floats
from optimizer.network import BLOCKED, Ints, Network
from optimizer.segments import StopsOf


@dataclass(frozen=True, slots=True)
class Appraisal:
    """Per individual: money per day, the best setting, demand variance per central warehouse."""

    objective: Floats
    settings: Ints
    variances: Floats
    asked: Floats
    """Money per day under the settings asked about; inf where they do not fit."""


def appraise(net: Network, asked: Ints, trips: Sequence[StopsOf]) -> Appraisal:
    """The best setting of each individual's trips, and what they cost under the asked one.

    asked: (individual, central) procurement days. Costs are inf where nothing fits.
    """
    n_individuals = len(asked)
    t, n_k = net.tables, net.n_centrals
    owner = np.array([trip[0] for trip in trips], dtype=np.int64)
    centre = np.array([trip[1] for trip in trips], dtype=np.int64)
    by_cycle, rate = trip_figures(net, trips)
    n_days = t.n_procurement_cycles
    price = t.central.rate_price[centre].T  # (procurement cycle, trip)
    upstream = np.full((n_days, len(trips)), np.inf)
    for c in range(len(net.days)):
        offer = by_cycle[c] + price * rate[c]
        offer[~net.divides[:, c]] = np.inf
        offer[:, by_cycle[c] >= BLOCKED] = np.inf
        np.minimum(upstream, offer, out=upstream)
    at = owner * n_k + centre
    flat = np.zeros((n_individuals * n_k, n_days))
    np.add.at(flat, at, upstream.T)
    summed = flat.T.reshape(n_days, n_individuals, n_k)
    variances = _variances(net, n_individuals, trips)
    used = np.bincount(at, minlength=n_individuals * n_k).reshape(n_individuals, n_k) > 0
    safety = np.sqrt(variances) * t.safety_factor
    summed = summed + t.central.fixed.T[:, None, :]
    summed = summed + t.central.safety_price.T[:, None, :] * safety
    best = np.argmin(summed, axis=0)
    cost = np.take_along_axis(summed, best[None], axis=0)[0]
    there = np.take_along_axis(summed, np.maximum(asked, 1)[None] - 1, axis=0)[0]
    there = np.where(asked > 0, there, np.inf)
    return Appraisal(
        objective=np.where(used, cost, 0.0).sum(axis=1),
        settings=np.where(used, best + 1, 0),
        variances=variances,
        asked=np.where(used, there, 0.0).sum(axis=1),
    )


def trip_figures(net: Network, trips: Sequence[StopsOf]) -> tuple[Floats, Floats]:
    """Per cycle and trip: money per day without upstream, and kg per day delivered."""
    n, n_k = net.n, net.n_centrals
    width = max((len(trip[2]) for trip in trips), default=0)
    stops = np.full((len(trips), width), n)
    for row, trip in enumerate(trips):
        stops[row, : len(trip[2])] = trip[2]
    centre = np.array([trip[1] for trip in trips], dtype=np.int64)
    shape = net.features.shape
    padded = np.concatenate([net.features, np.zeros((*shape[:2], 1))], axis=2)
    rates = np.concatenate([net.rate, np.zeros((shape[1], 1))], axis=1)
    km, features = np.zeros(len(trips)), np.zeros((*shape[:2], len(trips)))
    rate, here, zero = np.zeros((shape[1], len(trips))), centre, np.zeros(len(trips))
    for p in range(width):
        stop = stops[:, p]
        there = np.where(stop < n, stop + n_k, here)
        leg = np.where(stop < n, net.distance_km[here, there], 0.0)
        km, features = net.join(km, features, leg, zero, padded[:, :, stop])
        rate += rates[:, stop]
        here = there
    return net.price_by_cycle(km + net.distance_km[here, centre], features), rate


def _variances(net: Network, n_individuals: int, trips: Sequence[StopsOf]) -> Floats:
    """(individual, central): variance of the daily demand served together."""
    if net.n_centrals == 1:
        return np.full((n_individuals, 1), net.total_variance)
    member = np.zeros((n_individuals, net.n_centrals, net.n))
    for individual, k, stops in trips:
        member[individual, k, stops] = 1.0
    found = np.einsum("bki,ij,bkj->bk", member, net.tables.covariance, member)
    return np.asarray(np.maximum(found, 0.0))


def decode(net: Network, settings: Ints, trips: Sequence[StopsOf]) -> Decisions:
    """One individual's decisions: the best cycle of each trip under the setting."""
    by_cycle, rate = trip_figures(net, trips)
    routes = []
    for n, (_, k, stops) in enumerate(trips):
        column = int(settings[k]) - 1
        cost = by_cycle[:, n] + net.tables.central.rate_price[k, column] * rate[:, n]
        cost = np.where(net.divides[column], cost, np.inf)
        routes.append(Route(k, int(net.days[int(np.argmin(cost))]), tuple(stops)))
    used = sorted({route.central for route in routes})
    return Decisions(tuple(routes), {k: int(settings[k]) for k in used}).canonical()
