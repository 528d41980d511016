"""Trips of many individuals in flat arrays, with the figures of every stretch of every trip.

A node is one warehouse of one individual (individual * n + warehouse). For each node the
figures of four stretches are kept, so that any trip a move would make is the sum of two or
three rows:

    prefix rows   [0, N): centre … node        [N, 2N): centre, last … node (backwards)
    suffix rows   [0, N): node … centre        [N, 2N): node … first, centre (backwards)
    middle rows   [0, N): node alone  [N, 2N): node and its follower  [2N, 3N): these turned

Rows 2N + k of the prefixes and suffixes are the empty stretch at central warehouse k.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from optimizer.integrals import Floats
from optimizer.network import BLOCKED, KG, OWN, Ints, Network

StopsOf = tuple[int, int, Sequence[int]]
"""Individual, central warehouse, warehouses in driving order."""


class Segments:
    """All trips of a batch of individuals. Trips change by ``put``; ``refresh`` follows."""

    def __init__(
        self, net: Network, settings: Ints, variances: Floats, trips: Iterable[StopsOf]
    ) -> None:
        self.net = net = net.narrowed(settings)
        self.settings = settings
        n, k = net.n, net.n_centrals
        self.n_nodes = n_nodes = len(settings) * n
        self.node_features = net.node_features(settings, variances)
        self.place = np.append(np.tile(np.arange(n), len(settings)) + k, 0)
        self.stops = np.full((n_nodes, 4), n_nodes)
        self.length = np.zeros(n_nodes, dtype=np.int64)
        self.centre = np.zeros(n_nodes, dtype=np.int64)
        self.individual = np.zeros(n_nodes, dtype=np.int64)
        self.cost = np.zeros(n_nodes)
        self.trip_of = np.zeros(n_nodes + 1, dtype=np.int64)
        self.pred = np.full(n_nodes + 1, n_nodes)
        self.succ = np.full(n_nodes + 1, n_nodes)
        self.before = np.zeros(n_nodes + 1, dtype=np.int64)
        self.after = np.zeros(n_nodes + 1, dtype=np.int64)
        shape = net.features.shape[:2]
        self.prefix_km, self.suffix_km = np.zeros(2 * n_nodes + k), np.zeros(2 * n_nodes + k)
        self.prefix = np.zeros((*shape, 2 * n_nodes + k))
        self.suffix = np.zeros((*shape, 2 * n_nodes + k))
        ends = np.concatenate([self.place[:-1], self.place[:-1], np.arange(k)])
        self.prefix_end, self.suffix_start = ends, ends
        self.middle_km = np.zeros(3 * n_nodes)
        self.middle = np.zeros((*shape, k, 3 * n_nodes))
        alone = self.node_features.reshape(*shape, k, n_nodes + 1)
        self.middle[..., :n_nodes] = alone[..., :-1]
        self.middle = self.middle.reshape(*shape, -1)
        self.middle_first = np.tile(self.place[:-1], 3)
        self.middle_last = np.tile(self.place[:-1], 3)
        self._free = list(range(n_nodes - 1, -1, -1))
        rows = [
            self.add(individual, centre, [individual * n + j for j in stops])
            for individual, centre, stops in trips
        ]
        self.refresh(np.array(rows, dtype=np.int64))

    def add(self, individual: int, centre: int, nodes: Sequence[int]) -> int:
        """A new trip's row."""
        row = self._free.pop()
        self.individual[row], self.centre[row] = individual, centre
        self.put(row, nodes)
        return row

    def put(self, row: int, nodes: Sequence[int]) -> None:
        """Give a trip these stops; without any it is gone."""
        n = len(nodes)
        if n > self.stops.shape[1]:
            wider = np.full((self.n_nodes, 2 * n), self.n_nodes)
            wider[:, : self.stops.shape[1]] = self.stops
            self.stops = wider
        self.stops[row, :n] = nodes
        self.stops[row, n:] = self.n_nodes
        self.length[row] = n
        if n == 0:
            self.cost[row] = 0.0
            self._free.append(row)

    def nodes_of(self, row: int) -> list[int]:
        nodes: list[int] = self.stops[row, : self.length[row]].tolist()
        return nodes

    def trips(self) -> list[StopsOf]:
        """Every trip, by individual."""
        n = self.net.n
        rows = np.flatnonzero(self.length)
        return [
            (int(self.individual[r]), int(self.centre[r]), [x % n for x in self.nodes_of(r)])
            for r in rows[np.argsort(self.individual[rows], kind="stable")].tolist()
        ]

    def refresh(self, rows: Ints) -> None:
        """Recompute the figures of these trips."""
        rows = rows[self.length[rows] > 0]
        if not len(rows):
            return
        n_nodes, width = self.n_nodes, int(self.length[rows].max())
        nodes = self.stops[rows, :width]
        used = nodes < n_nodes
        ends = (np.arange(len(rows)), self.length[rows] - 1)
        flat, centre = nodes[used], self.centre[rows]
        empty = 2 * n_nodes + centre
        pred = np.concatenate([np.full((len(rows), 1), n_nodes), nodes[:, :-1]], axis=1)
        succ = np.concatenate([nodes[:, 1:], np.full((len(rows), 1), n_nodes)], axis=1)
        self.trip_of[flat] = np.broadcast_to(rows[:, None], nodes.shape)[used]
        self.pred[flat], self.succ[flat] = pred[used], succ[used]
        no_pred, no_succ = pred == n_nodes, succ == n_nodes
        self.before[flat] = np.where(no_pred, empty[:, None], pred)[used]
        self.after[flat] = np.where(no_succ, empty[:, None], succ)[used]
        places = self.place[nodes]
        came = np.where(no_pred, centre[:, None], self.place[pred])
        goes = np.where(no_succ, centre[:, None], self.place[succ])
        legs = _Legs(self.net.distance_km, places, came, goes, used)
        features = self.features_of(nodes, centre[:, None])
        if self.net.is_load_dependent:
            self._stretches_by_stop(flat, used, legs, features)
        else:
            self._stretches_by_sum(flat, used, legs, features)
        self._pairs(flat, self.succ[flat])
        last = nodes[ends]
        self.cost[rows] = self.cost_of_two(last, 2 * n_nodes + centre)

    def _stretches_by_sum(
        self, flat: Ints, used: np.ndarray, legs: _Legs, features: Floats
    ) -> None:
        """Without load-dependent terms a stretch is the plain sum of its stops."""
        n_nodes = self.n_nodes
        self.prefix_km[flat] = np.cumsum(legs.came_on, axis=1)[used]
        self.suffix_km[n_nodes + flat] = np.cumsum(legs.came_back, axis=1)[used]
        self.suffix_km[flat] = np.cumsum(legs.goes_on[:, ::-1], axis=1)[:, ::-1][used]
        self.prefix_km[n_nodes + flat] = np.cumsum(legs.goes_back[:, ::-1], axis=1)[:, ::-1][used]
        up_to = np.cumsum(features, axis=-1)[..., used]
        from_here = np.cumsum(features[..., ::-1], axis=-1)[..., ::-1][..., used]
        self.prefix[..., flat], self.suffix[..., n_nodes + flat] = up_to, up_to
        self.suffix[..., flat], self.prefix[..., n_nodes + flat] = from_here, from_here

    def _stretches_by_stop(
        self, flat: Ints, used: np.ndarray, legs: _Legs, features: Floats
    ) -> None:
        """With them, stop by stop: what is carried grows with the way already driven."""
        n_nodes, width = self.n_nodes, used.shape[1]
        km, rows = np.zeros((4, *used.shape)), np.zeros((4, *features.shape))
        zero, none = np.zeros(len(used)), np.zeros_like(features[..., 0])
        state, back = (zero, none), (zero, none)
        for p in range(width):
            state = self.net.join(*state, legs.came_on[:, p], zero, features[..., p])
            back = self.net.join(zero, features[..., p], legs.came_back[:, p], *back)
            km[0, :, p], rows[0, ..., p] = state
            km[1, :, p], rows[1, ..., p] = back
        state, back = (zero, none), (zero, none)
        for p in range(width - 1, -1, -1):
            state = self.net.join(zero, features[..., p], legs.goes_on[:, p], *state)
            back = self.net.join(*back, legs.goes_back[:, p], zero, features[..., p])
            km[2, :, p], rows[2, ..., p] = state
            km[3, :, p], rows[3, ..., p] = back
        for n, (tables_km, tables, at) in enumerate(
            [
                (self.prefix_km, self.prefix, flat),
                (self.suffix_km, self.suffix, n_nodes + flat),
                (self.suffix_km, self.suffix, flat),
                (self.prefix_km, self.prefix, n_nodes + flat),
            ]
        ):
            tables_km[at], tables[..., at] = km[n][used], rows[n][..., used]

    def _pairs(self, flat: Ints, succ: Ints) -> None:
        """Middle rows of a node with its follower, both ways round, for every centre."""
        has = succ < self.n_nodes
        u, v, n_nodes = flat[has], succ[has], self.n_nodes
        there = self.net.distance_km[self.place[u], self.place[v]]
        back = self.net.distance_km[self.place[v], self.place[u]]
        zero = np.zeros(len(u))
        for k in range(self.net.n_centrals):
            one, two = self.features_of(u, k), self.features_of(v, k)
            at = 3 * n_nodes * k + n_nodes + u
            _, self.middle[..., at] = self.net.join(zero, one, there, zero, two)
            _, self.middle[..., n_nodes + at] = self.net.join(zero, two, back, zero, one)
        self.middle_km[n_nodes + u], self.middle_km[2 * n_nodes + u] = there, back
        self.middle_last[n_nodes + u] = self.place[v]
        self.middle_first[2 * n_nodes + u] = self.place[v]

    def features_of(self, nodes: Ints, centre: Ints | int) -> Floats:
        """(feature, cycle, …) of nodes as a central warehouse would supply them."""
        return self.node_features.take(centre * (self.n_nodes + 1) + nodes, axis=-1)

    def cost_of_two(self, prefix: Ints, suffix: Ints) -> Floats:
        """Money per day of the trips made of these rows; 0 where both are empty."""
        link = self._distance(self.prefix_end.take(prefix), self.suffix_start.take(suffix))
        before, after = self.prefix_km.take(prefix), self.suffix_km.take(suffix)
        if self.net.is_load_dependent:
            one, two = self.prefix.take(prefix, axis=-1), self.suffix.take(suffix, axis=-1)
            cost = self.net.price(*self.net.join(before, one, link, after, two))
        else:
            rows = [(self.prefix, prefix), (self.suffix, suffix)]
            cost = self._price_of_sums(before + link + after, rows)
        gone = 2 * self.n_nodes
        cost[(prefix >= gone) & (suffix >= gone)] = 0.0
        return cost

    def cost_of_three(self, prefix: Ints, middle: Ints, suffix: Ints, centre: Ints) -> Floats:
        """Money per day of the trips made of these rows."""
        entry = self._distance(self.prefix_end.take(prefix), self.middle_first.take(middle))
        leave = self._distance(self.middle_last.take(middle), self.suffix_start.take(suffix))
        inner_km, inner = self.middle_km.take(middle), centre * (3 * self.n_nodes) + middle
        before, after = self.prefix_km.take(prefix), self.suffix_km.take(suffix)
        if self.net.is_load_dependent:
            one, two = self.prefix.take(prefix, axis=-1), self.middle.take(inner, axis=-1)
            km, features = self.net.join(before, one, entry, inner_km, two)
            last = self.suffix.take(suffix, axis=-1)
            return self.net.price(*self.net.join(km, features, leave, after, last))
        km = before + entry + inner_km + leave + after
        rows = [(self.prefix, prefix), (self.middle, inner), (self.suffix, suffix)]
        return self._price_of_sums(km, rows)

    def _distance(self, here: Ints, there: Ints) -> Floats:
        flat: Floats = self.net.distance_km.reshape(-1)
        return flat.take(here * len(self.net.distance_km) + there)

    def _price_of_sums(self, km: Floats, rows: Sequence[tuple[Floats, Ints]]) -> Floats:
        """``price`` of stretches that simply add up, cycle by cycle.

        One-dimensional takes: gathering whole rows of features takes five times as long.
        """
        vehicle, capacity = self.net.tables.product.vehicle, self.net.capacity_kg
        fare = vehicle.trip_cost + vehicle.cost_per_km * km
        best = np.full(len(km), np.inf)
        for c, per_day in enumerate(self.net.per_day.tolist()):
            cost = fare * per_day
            kg = np.zeros(len(km))
            for table, at in rows:
                kg += table[KG, c].take(at)
                cost += table[OWN, c].take(at)
            cost[kg > capacity] = BLOCKED
            np.minimum(best, cost, out=best)
        return best


class _Legs:
    """Kilometres of the legs at each stop of padded trips, driven either way; 0 at padding."""

    __slots__ = ("came_back", "came_on", "goes_back", "goes_on")

    def __init__(
        self, distance: Floats, places: Ints, came: Ints, goes: Ints, used: np.ndarray
    ) -> None:
        self.came_on = np.where(used, distance[came, places], 0.0)
        self.came_back = np.where(used, distance[places, came], 0.0)
        self.goes_on = np.where(used, distance[places, goes], 0.0)
        self.goes_back = np.where(used, distance[goes, places], 0.0)
