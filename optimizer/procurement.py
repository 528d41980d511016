"""Which procurement cycles are worth searching.

For each central warehouse and procurement cycle a lower bound on the whole cost is cheap: a
trip's fare is at least shared by load (its load is at most the vehicle's, its way at least
there and back to its furthest stop). Cycles are drawn by how close their bound comes to the
best.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from optimizer.bounds import bound_by_setting, own_fare
from optimizer.feasibility import serving_setting
from optimizer.integrals import Floats
from optimizer.network import KG, Ints, Network


@dataclass(frozen=True, slots=True)
class Procurement:
    """Chances of each procurement cycle per central warehouse; each row sums to one."""

    chance: Floats
    order: Ints
    """Procurement cycles in days by rising bound; (central, rank)."""
    safe: tuple[int, ...]
    """Procurement cycles that are known to serve everyone; 0 for closed."""

    def settings(self, rng: np.random.Generator, n: int) -> Ints:
        """Start settings: the likeliest cycles first, then by chance; (individual, central)."""
        n_k, n_days = self.chance.shape
        found = np.zeros((n, n_k), dtype=np.int64)
        for k in range(n_k):
            likely = self.order[k, : max(1, n // 2)]
            found[: len(likely), k] = likely
            rest = n - len(likely)
            found[len(likely) :, k] = rng.choice(n_days, size=rest, p=self.chance[k]) + 1
        if n_k == 1:
            return found[rng.permutation(n)]
        mixed = _shuffled_columns(found, rng)
        mixed[0] = self.safe  # where cycles hardly agree, chance alone might find none
        return mixed

    def mutated(self, setting: tuple[int, ...], rng: np.random.Generator) -> tuple[int, ...]:
        """The setting with one central warehouse's cycle drawn anew, or opened or closed."""
        n_k, n_days = self.chance.shape
        fresh = list(setting)
        k = int(rng.integers(n_k))
        is_last = sum(days > 0 for days in setting) <= 1
        if fresh[k] > 0 and not is_last and rng.random() < 0.3:
            fresh[k] = 0
        else:
            fresh[k] = int(rng.choice(n_days, p=self.chance[k])) + 1
        return tuple(fresh)


def _shuffled_columns(found: Ints, rng: np.random.Generator) -> Ints:
    """Mix the cycles of several central warehouses; close some, never all."""
    shuffled = np.stack([rng.permutation(column) for column in found.T], axis=1)
    n, n_k = shuffled.shape
    closed = rng.random((n, n_k)) < 0.3
    closed[np.arange(n), rng.integers(n_k, size=n)] = False
    return np.where(closed, 0, shuffled)


def procurement_outlook(net: Network) -> Procurement:
    """Chances by lower bound."""
    bound = share_bound(net)
    if not net.n:
        chance = np.full(bound.shape, 1.0 / bound.shape[1])
        return Procurement(chance, np.argsort(bound, axis=1), (0,) * len(bound))
    controllable = bound - _base(net)[:, None]
    best = controllable.min(axis=1, keepdims=True)
    with np.errstate(invalid="ignore"):
        weight = np.exp(-20.0 * (controllable / np.maximum(best, 1e-9) - 1.0))
    weight = np.where(np.isfinite(bound), weight, 0.0)
    total = weight.sum(axis=1, keepdims=True)
    uniform = np.full(weight.shape, 1.0 / weight.shape[1])
    chance = np.where(total > 0, weight / np.where(total > 0, total, 1.0), uniform)
    order = np.argsort(bound, axis=1, kind="stable") + 1
    return Procurement(chance, order, serving_setting(net.tables))


def _base(net: Network) -> Floats:
    """Purchase value of the least that must be delivered: not controllable."""
    least = np.where(net.features[KG] <= net.capacity_kg, net.rate, np.inf).min(axis=0).sum()
    return np.full(net.n_centrals, net.tables.product.purchase_price * float(least))


def share_bound(net: Network) -> Floats:
    """(central, procurement cycle): lower bound on the cost where this one is open.

    Every warehouse is served by it, or for less by any other in its best cycle.
    """
    t, deviation = net.tables, float(np.sqrt(max(0.0, net.total_variance)))
    fare = own_fare(t)
    parts = [bound_by_setting(net, k, fare) for k in range(net.n_centrals)]
    least = [part.min(axis=0) for part in parts]
    for k in range(net.n_centrals):
        for other in range(net.n_centrals):
            if other != k:
                parts[k] = np.minimum(parts[k], least[other])
    safety = t.central.safety_price * t.safety_factor[:, None] * deviation
    bound = np.array([part.sum(axis=1) for part in parts]).reshape(safety.shape)
    return np.asarray(bound + t.central.fixed + safety)
