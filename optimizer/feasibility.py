"""Says which limit leaves a product without any plan, before anything is searched.

Joining warehouses on a trip only makes loads larger, so a plan exists exactly if every
warehouse can be served by a trip of its own from some central warehouse whose procurement
cycle is a multiple of the trip's cycle. With several central warehouses the procurement
cycles are chosen so that together they serve everyone.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from optimizer.errors import Infeasible
from optimizer.tables import ROUNDING, ProductTables

Flags = NDArray[np.bool_]
_Choice = tuple[tuple[int, ...], Flags]
"""Procurement days of some central warehouses, and the warehouses they can serve."""
BEYOND = 4
"""Procurement cycles up to this many times the limit are tried to tell what would do."""


def insist_on_feasible(tables: ProductTables) -> None:
    """Raises Infeasible, naming warehouse, limit and value, unless the product has a plan."""
    if tables.n_warehouses:
        serving_setting(tables)


def serving_setting(tables: ProductTables) -> tuple[int, ...]:
    """Procurement days of each central warehouse (0: closed) that can serve everyone."""
    alone = single_trips(tables)
    _insist_on_vehicles(tables, alone)
    limit = tables.n_procurement_cycles
    served = _served(alone, np.arange(1, limit + 1))
    for j in np.flatnonzero(~np.asarray(served.any(axis=(0, 1)))).tolist():
        shortest = int(np.flatnonzero(np.asarray(alone.any(axis=0))[j])[0]) + 1
        detail = (
            f"warehouse {tables.warehouse_ids[j]} admits no cycle below {shortest} days; "
            f"the limit is {limit}"
        )
        raise Infeasible(tables.product.id, "max_procurement_cycle_days", detail)
    setting, reached = _best_setting(served)
    if not reached.all():
        raise Infeasible(
            tables.product.id,
            "max_procurement_cycle_days",
            _no_common_multiple(tables, alone, setting, reached),
        )
    return setting


def single_trips(tables: ProductTables) -> Flags:
    """(central, warehouse, cycle): whether a trip to this one warehouse keeps every limit."""
    limit = tables.product.vehicle.capacity_kg * ROUNDING
    return tables.allowed[None] & (_single_loads(tables) <= limit)


def _single_loads(tables: ProductTables) -> NDArray[np.float64]:
    """(central, warehouse, cycle) kg loaded for this one warehouse."""
    there = tables.distance_km[: tables.n_centrals, tables.n_centrals :]
    return np.asarray(np.exp(tables.loss_per_km * there)[:, :, None] * tables.quantity_kg[None])


def _insist_on_vehicles(tables: ProductTables, alone: Flags) -> None:
    for j in np.flatnonzero(~np.asarray(alone.any(axis=(0, 2)))).tolist():
        loads = np.where(tables.allowed[j], _single_loads(tables)[:, j], np.inf)
        cycle = int(np.argmin(loads.min(axis=0))) + 1
        raise Infeasible(
            tables.product.id,
            "vehicle.capacity_kg",
            f"for warehouse {tables.warehouse_ids[j]} {loads.min():.1f} kg leave the nearest "
            f"central warehouse every {cycle} days, in-transit spoilage included; "
            f"the limit is {tables.product.vehicle.capacity_kg:g}",
        )


def _served(alone: Flags, procurement: NDArray[np.int64]) -> Flags:
    """(central, procurement cycle, warehouse): whether some cycle fits both."""
    cycles = np.arange(1, alone.shape[2] + 1)
    divides = (procurement[:, None] % cycles == 0).astype(np.int64)
    return np.asarray(np.einsum("kjc,pc->kpj", alone.astype(np.int64), divides) > 0)


def _best_setting(served: Flags) -> tuple[tuple[int, ...], Flags]:
    """Procurement days that reach everyone, or else the most warehouses; and whom they reach.

    Central warehouse by central warehouse, keeping what reaches a set of warehouses that no
    other choice so far contains; each such set needs to be reached in one way only.
    """
    nobody: Flags = np.zeros(served.shape[2], dtype=bool)
    found: list[_Choice] = [((), nobody)]
    for rows in served:
        choices = _widest([((days,), row) for days, row in enumerate([nobody, *rows])])
        found = _widest(
            [
                (setting + days, reached | row)
                for setting, reached in found
                for days, row in choices
            ]
        )
    return found[0]


def _widest(choices: list[_Choice]) -> list[_Choice]:
    """Those whose warehouses no other choice serves as well; most warehouses first."""
    kept: list[_Choice] = []
    for choice, row in sorted(choices, key=lambda c: (-int(c[1].sum()), -c[0].count(0))):
        if not any((row <= other).all() for _, other in kept):
            kept.append((choice, row))
    return kept


def _no_common_multiple(
    tables: ProductTables, alone: Flags, setting: tuple[int, ...], reached: Flags
) -> str:
    limit = tables.n_procurement_cycles
    used = ", ".join(
        f"{name} every {days} days"
        for name, days in zip(tables.central_ids, setting, strict=True)
        if days
    )
    left = ", ".join(tables.warehouse_ids[j] for j in np.flatnonzero(~reached))
    beyond = np.arange(limit + 1, BEYOND * limit + 1)
    enough = beyond[np.asarray(_served(alone, beyond).any(axis=0)).all(axis=1)]
    would = f"; {enough[0]} days would do" if len(enough) else ""
    return (
        f"no procurement cycles are multiples of admissible cycles of every warehouse: "
        f"{used} leaves out warehouse {left}{would}; the limit is {limit}"
    )
