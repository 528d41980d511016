"""Says which limit leaves a product without any plan, before anything is searched."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from optimizer.errors import Infeasible
from optimizer.tables import ROUNDING, ProductTables


def insist_on_feasible(tables: ProductTables) -> None:
    """Raises Infeasible unless every warehouse can be served by a trip of its own.

    Joining warehouses only makes loads larger, so this decides feasibility, but for products
    that several central warehouses supply, whose cycles are then left to the search.
    """
    alone = single_trips(tables)
    for j in np.flatnonzero(~np.asarray(alone.any(axis=(0, 2)))).tolist():
        where = tables.warehouse_ids[j]
        loss = "after in-transit spoilage " if tables.loss_per_km else ""
        detail = f"what {where} needs does not fit the vehicle {loss}in any admissible cycle"
        raise Infeasible(tables.product.id, "vehicle.capacity_kg", detail)
    days = np.arange(1, tables.n_procurement_cycles + 1)
    divides = days[:, None] % np.arange(1, tables.n_cycles + 1)[None, :] == 0
    served = (alone[:, None] & divides[None, :, None, :]).any(axis=3)  # (central, days, j)
    for j in np.flatnonzero(~served.any(axis=(0, 1))).tolist():
        shortest = int(np.flatnonzero(np.asarray(alone.any(axis=0))[j])[0]) + 1
        detail = (
            f"{tables.warehouse_ids[j]} admits no cycle below {shortest} days, "
            f"procurement none above {tables.n_procurement_cycles}"
        )
        raise Infeasible(tables.product.id, "max_procurement_cycle_days", detail)
    if tables.n_centrals == 1 and tables.n_warehouses and not served[0].all(axis=1).any():
        at = int(np.argmax(served[0].sum(axis=1)))
        left = [tables.warehouse_ids[j] for j in np.flatnonzero(~served[0, at])]
        detail = (
            f"no procurement cycle up to {tables.n_procurement_cycles} days is a multiple of "
            f"an admissible cycle of every warehouse; {at + 1} days leave out {', '.join(left)}"
        )
        raise Infeasible(tables.product.id, "max_procurement_cycle_days", detail)


def single_trips(tables: ProductTables) -> NDArray[np.bool_]:
    """(central, warehouse, cycle): whether a trip to this one warehouse keeps every limit."""
    n_k = tables.n_centrals
    there = tables.distance_km[:n_k, n_k:]
    growth = np.exp(tables.loss_per_km * there)[:, :, None]
    limit = tables.product.vehicle.capacity_kg * ROUNDING
    return tables.allowed[None] & (tables.quantity_kg[None] * growth <= limit)
