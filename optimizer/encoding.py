"""Giant tours: an individual as one sequence of warehouses, cut into trips by split decoding.

A permutation of the warehouses leaves open where trips begin and end, which central warehouse
supplies each and in which cycle; the best cut is a shortest path over the sequence, found for
a whole batch of permutations at once.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from optimizer.integrals import Floats
from optimizer.network import BLOCKED, Ints, Network
from optimizer.segments import StopsOf


def split(
    net: Network, settings: Ints, variances: Floats, tours: Ints, n_kept: int
) -> tuple[Ints, list[StopsOf]]:
    """The best of the tours, cut into trips at the least cost under their settings.

    tours: (individual, position) warehouses. Gives the individuals kept, by rising cost, and
    their trips, numbered in that order.
    """
    narrow = net.narrowed(settings)
    cost, centre = _stretch_costs(narrow, settings, variances, tours)
    total, cut = _shortest_path(cost)
    total = total + _idle_costs(net, settings, variances)
    kept = np.argsort(total, kind="stable")[:n_kept]
    trips: list[StopsOf] = []
    for b, individual in enumerate(kept.tolist()):
        tour, length = tours[individual].tolist(), cut[individual].tolist()
        end = len(tour)
        while end > 0:
            start = end - length[end]
            k = int(centre[length[end] - 1, individual, start])
            trips.append((b, k, tour[start:end]))
            end = start
    return kept, trips


def cut_anew(net: Network, setting: Ints, trips: Sequence[StopsOf]) -> list[StopsOf]:
    """One individual's stops in the order of its trips, cut where today's limits and costs say.

    Keeps of a plan what is worth most, who is near whom, where its trips are too heavy by now.
    """
    tour = np.array([[j for _, _, stops in trips for j in stops]])
    variances = np.full((1, net.n_centrals), net.total_variance / net.n_centrals)
    return split(net, setting[None], variances, tour, 1)[1]


def _idle_costs(net: Network, settings: Ints, variances: Floats) -> Floats:
    """What the central warehouses of each setting cost beside what they deliver."""
    t = net.tables
    column, every = np.maximum(settings, 1) - 1, np.arange(net.n_centrals)
    safety = t.central.safety_price[every, column] * t.safety_factor * np.sqrt(variances)
    idle = np.where(settings > 0, t.central.fixed[every, column] + safety, 0.0)
    return np.asarray(idle.sum(axis=1))


def _stretch_costs(
    net: Network, settings: Ints, variances: Floats, tours: Ints
) -> tuple[Floats, Ints]:
    """(length - 1, individual, start): cost of each stretch as a trip, and its best centre."""
    n_individuals, n = tours.shape
    nodes = net.node_features(settings, variances)
    n_nodes = n_individuals * n
    flat = np.full((n_individuals, 2 * n), n_nodes)
    flat[:, :n] = tours + (np.arange(n_individuals) * n)[:, None]
    place = np.append(np.tile(np.arange(n), n_individuals) + net.n_centrals, 0)
    distance, zero = net.distance_km, np.zeros((n_individuals, n))
    state = []
    for k in range(net.n_centrals):
        none = np.zeros((*net.features.shape[:2], n_individuals, n))
        state.append((zero, none, np.full((n_individuals, n), k)))
    costs: list[Floats] = []
    centres: list[Ints] = []
    for length in range(n):
        node = flat[:, length : length + n]
        beyond = node == n_nodes
        best, chosen = np.full((n_individuals, n), np.inf), np.zeros((n_individuals, n), int)
        for k in range(net.n_centrals):
            km, features, here = state[k]
            more = nodes.take(k * (n_nodes + 1) + node, axis=-1)
            km, features = net.join(km, features, distance[here, place[node]], zero, more)
            state[k] = km, features, place[node]
            cost = net.price(km + distance[place[node], k], features)
            better = (cost < best) & ~beyond
            best[better], chosen[better] = cost[better], k
        if costs and not (best < BLOCKED).any():
            break
        costs.append(best)
        centres.append(chosen)
    return np.array(costs), np.array(centres)


def _shortest_path(cost: Floats) -> tuple[Floats, Ints]:
    """Cost of each best cut, and (individual, end) the length of its last stretch there."""
    longest, n_individuals, n = cost.shape
    reach = np.full((n_individuals, n + longest + 1), np.inf)
    reach[:, 0] = 0.0
    last = np.zeros((n_individuals, n + longest + 1), dtype=np.int64)
    lengths = np.arange(1, longest + 1)
    for start in range(n):
        ahead = slice(start + 1, start + 1 + longest)
        offer = reach[:, start, None] + cost[:, :, start].T
        better = offer < reach[:, ahead]
        reach[:, ahead] = np.where(better, offer, reach[:, ahead])
        last[:, ahead] = np.where(better, lengths[None, :], last[:, ahead])
    return reach[:, n], last[:, : n + 1]


def giant_tour(trips: Sequence[StopsOf], rng: np.random.Generator) -> Ints:
    """One individual's trips strung together in random order."""
    order = rng.permutation(len(trips))
    return np.array([j for n in order for j in trips[n][2]], dtype=np.int64)
