"""Everything that does not depend on a plan, computed once per product.

Warehouses and central warehouses are numbered per product: only those that carry it, in file
order. Axes: (warehouse, cycle) and (central, procurement cycle), where column n is a cycle of
n + 1 days; places (rows of distances) are the central warehouses first, then the warehouses.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from optimizer.errors import Infeasible
from optimizer.integrals import Floats, integrate_stock
from optimizer.problem import CentralWarehouse, Demand, Problem, Product, Warehouse

ROUNDING = 1.0 + 1e-12
"""Limits are inclusive; sums in another order may differ by this much."""


@dataclass(frozen=True, slots=True)
class CentralTables:
    """Stage 2 per central warehouse, affine in the delivery rate r and the safety stock S.

    A cost per day is ``fixed + per_rate * r + per_safety * S``; shape (central, cycle) each,
    with one leading axis (holding, spoilage, transport, procurement) for the costs.
    """

    quantity_per_rate: Floats
    quantity_per_safety: Floats
    cost_per_rate: Floats
    cost_per_safety: Floats
    cost_fixed: Floats

    @property
    def rate_price(self) -> Floats:
        """Money per day for one kg per day delivered, over all terms."""
        return np.asarray(self.cost_per_rate.sum(axis=0))

    @property
    def safety_price(self) -> Floats:
        return np.asarray(self.cost_per_safety.sum(axis=0))

    @property
    def fixed(self) -> Floats:
        return np.asarray(self.cost_fixed.sum(axis=0))


@dataclass(frozen=True, slots=True)
class ProductTables:
    """One product's share of a problem as arrays, read-only."""

    product: Product
    warehouse_ids: tuple[str, ...]
    central_ids: tuple[str, ...]
    quantity_kg: Floats
    """Delivered per cycle; (warehouse, cycle)."""
    safety_kg: Floats
    holding: Floats
    """Money per day, preservation included; (warehouse, cycle)."""
    spoilage: Floats
    allowed: NDArray[np.bool_]
    """Storage, shelf life, minimum order and the vehicle admit this cycle."""
    unit_cost: Floats
    covariance: Floats
    """Of daily demand between warehouses, kg²."""
    safety_factor: Floats
    """S_ik = this * sqrt(variance of the warehouses served); per central."""
    central: CentralTables
    distance_km: Floats

    @property
    def n_warehouses(self) -> int:
        return len(self.warehouse_ids)

    @property
    def n_centrals(self) -> int:
        return len(self.central_ids)

    @property
    def n_cycles(self) -> int:
        return int(self.quantity_kg.shape[1])

    @property
    def n_procurement_cycles(self) -> int:
        return int(self.central.quantity_per_rate.shape[1])

    @property
    def is_load_dependent(self) -> bool:
        """Whether a trip's load or cost depends on the order of its stops beyond its length."""
        vehicle = self.product.vehicle
        return self.product.transit_spoilage_per_hour > 0 or vehicle.cost_per_kg_km > 0

    @property
    def loss_per_km(self) -> float:
        """Exponent of in-transit spoilage per km driven."""
        per_hour = self.product.transit_spoilage_per_hour
        speed = self.product.vehicle.speed_km_per_hour
        return per_hour / speed if per_hour and speed else 0.0

    @property
    def is_symmetric(self) -> bool:
        return bool(np.array_equal(self.distance_km, self.distance_km.T))


def make_tables(problem: Problem, product: Product) -> ProductTables:
    """Tables of one product. Raises Infeasible where a warehouse admits no cycle at all."""
    places = [w for w in problem.warehouses if product.id in w.products]
    centrals = [k for k in problem.central_warehouses if product.id in k.products]
    if places and not centrals:
        raise Infeasible(product.id, "supply", "no central warehouse is supplied with it")
    demands = [w.products[product.id] for w in places]
    safety = np.array([_safety_stock(problem, product, w) for w in places], dtype=np.float64)
    quantity, holding, spoilage = _stage1(problem, product, places, demands, safety)
    shown = _Limits(product, places, demands, quantity, safety)
    sd = np.array([d.demand_sd_kg for d in demands], dtype=np.float64)
    covariance = np.diag(sd**2)
    if product.demand_correlation is not None:
        rows = [n for n, w in enumerate(problem.warehouses) if product.id in w.products]
        correlation = np.array(product.demand_correlation, dtype=np.float64)
        covariance = correlation[np.ix_(rows, rows)] * np.outer(sd, sd)
    supplies = [k.products[product.id] for k in centrals]
    lead = np.array([s.supplier_lead_time_days for s in supplies], dtype=np.float64)
    tables = ProductTables(
        product=product,
        warehouse_ids=tuple(w.id for w in places),
        central_ids=tuple(k.id for k in centrals),
        quantity_kg=quantity,
        safety_kg=safety,
        holding=holding,
        spoilage=spoilage,
        allowed=shown.allowed(),
        unit_cost=np.array([d.unit_cost for d in demands], dtype=np.float64),
        covariance=covariance,
        safety_factor=problem.service_z * np.sqrt(lead),
        central=_stage2(problem, product, centrals),
        distance_km=_distances(problem, [*centrals, *places]),
    )
    _freeze(tables)
    return tables


def _freeze(tables: ProductTables) -> None:
    for owner in (tables, tables.central):
        for name in owner.__slots__:
            value = getattr(owner, name)
            if isinstance(value, np.ndarray):
                value.setflags(write=False)


def _safety_stock(problem: Problem, product: Product, place: Warehouse) -> float:
    """S_ij in kg: z sigma sqrt(lead time), or the empirical quantile less the mean."""
    demand = place.products[product.id]
    lead = place.lead_time_days
    if demand.lead_time_demand_quantiles and demand.service_level is not None:
        probability, kg = np.array(demand.lead_time_demand_quantiles).T
        mean = demand.demand_kg_per_day * product.season_factor * lead
        return max(0.0, float(np.interp(demand.service_level, probability, kg)) - mean)
    return problem.service_z * demand.demand_sd_kg * float(np.sqrt(lead))


def _stage1(
    problem: Problem,
    product: Product,
    places: Sequence[Warehouse],
    demands: Sequence[Demand],
    safety: Floats,
) -> tuple[Floats, Floats, Floats]:
    """Quantity per cycle, holding and spoilage cost per day, each (warehouse, cycle)."""
    n_days = problem.max_cycle_days
    rate = np.array(
        [
            d.decay.decay_per_day * np.exp(-w.preservation_coefficient * d.decay.preservation_cost)
            for w, d in zip(places, demands, strict=True)
        ],
        dtype=np.float64,
    )
    found = integrate_stock(
        initial_freshness=np.array([d.decay.initial_freshness for d in demands], dtype=float),
        decay_per_day=rate,
        spoilage_coefficient=np.array(
            [d.decay.spoilage_coefficient for d in demands], dtype=float
        ),
        n_days=n_days,
        fading=True,
    )
    demand = np.array([d.demand_kg_per_day for d in demands], dtype=float)[:, None]
    demand = demand * product.season_factor
    keep = np.array([d.holding_cost + d.decay.preservation_per_kg_day for d in demands])[:, None]
    value = np.array([d.unit_cost for d in demands], dtype=float)[:, None]
    days = np.arange(1, n_days + 1, dtype=np.float64)
    with np.errstate(over="ignore", invalid="ignore"):
        quantity = safety[:, None] * (found.growth - 1.0) + demand * found.drawn
        stock_days = safety[:, None] * found.growth * found.ageing + demand * found.drawn_days
        spoiled = quantity - demand * found.sold
        return quantity, keep * stock_days / days, value * spoiled / days


def _stage2(
    problem: Problem, product: Product, centrals: Sequence[CentralWarehouse]
) -> CentralTables:
    n_days, decay = problem.max_procurement_cycle_days, product.decay
    ones = np.ones(len(centrals))
    invest = np.array([k.preservation_coefficient for k in centrals], dtype=float)
    found = integrate_stock(
        initial_freshness=decay.initial_freshness * ones,
        decay_per_day=decay.decay_per_day * np.exp(-invest * decay.preservation_cost),
        spoilage_coefficient=decay.spoilage_coefficient * ones,
        n_days=n_days,
        fading=False,
    )
    supplies = [k.products[product.id] for k in centrals]
    keep = np.array([s.holding_cost for s in supplies])[:, None] + decay.preservation_per_kg_day
    days = np.arange(1, n_days + 1, dtype=np.float64)
    zero = np.zeros_like(found.drawn)
    with np.errstate(over="ignore", invalid="ignore"):
        grown = found.growth - 1.0
        per_rate = [
            keep * found.drawn_days / days,
            product.unit_cost * (found.drawn - days) / days,
            zero,
            product.purchase_price * found.drawn / days,
        ]
        per_safety = [
            keep * found.growth * found.ageing / days,
            product.unit_cost * grown / days,
            zero,
            product.purchase_price * grown / days,
        ]
    trip = np.array([s.trip_cost for s in supplies], dtype=float)[:, None] / days
    return CentralTables(
        quantity_per_rate=found.drawn,
        quantity_per_safety=grown,
        cost_per_rate=np.array(per_rate),
        cost_per_safety=np.array(per_safety),
        cost_fixed=np.array([zero, zero, trip, zero]),
    )


def _distances(problem: Problem, places: Sequence[CentralWarehouse | Warehouse]) -> Floats:
    """Between the given places: the case's matrix, or straight lines."""
    if problem.distance_km is not None:
        every = [k.id for k in problem.central_warehouses] + [j.id for j in problem.warehouses]
        rows = [every.index(place.id) for place in places]
        return np.array(problem.distance_km, dtype=np.float64)[np.ix_(rows, rows)]
    xy = np.array([place.xy_km for place in places], dtype=np.float64).reshape(-1, 2)
    return np.asarray(np.hypot(*(xy[:, None, :] - xy[None, :, :]).transpose(2, 0, 1)))


@dataclass(frozen=True, slots=True)
class _Limits:
    """Which cycles a warehouse admits, and which limit to name when it admits none."""

    product: Product
    places: Sequence[Warehouse]
    demands: Sequence[Demand]
    quantity: Floats
    safety: Floats

    def allowed(self) -> NDArray[np.bool_]:
        limits = self._named()
        allowed: NDArray[np.bool_] = np.logical_and.reduce([ok for _, ok, _ in limits])
        for j in np.flatnonzero(~allowed.any(axis=1)):
            self._explain(int(j), limits)
        return allowed

    def _named(self) -> list[tuple[str, NDArray[np.bool_], Floats]]:
        """(field, which cycles keep it, the limit per warehouse)."""
        days = np.arange(1, self.quantity.shape[1] + 1)
        shelf = self.product.shelf_life_days or np.inf
        n = len(self.demands)
        storage = np.array([d.storage_kg for d in self.demands], dtype=float)
        least = np.array([d.minimum_order_kg for d in self.demands], dtype=float)
        capacity = np.full(n, self.product.vehicle.capacity_kg)
        peak = np.nan_to_num(self.quantity, nan=np.inf) + self.safety[:, None]
        return [
            ("storage_kg", peak <= storage[:, None] * ROUNDING, storage),
            ("vehicle.capacity_kg", self.quantity <= capacity[:, None] * ROUNDING, capacity),
            ("shelf_life_days", np.tile(days <= shelf, (n, 1)), np.full(n, shelf)),
            ("minimum_order_kg", self.quantity * ROUNDING >= least[:, None], least),
        ]

    def _explain(self, j: int, limits: list[tuple[str, NDArray[np.bool_], Floats]]) -> None:
        """Raise Infeasible for a warehouse without any admissible cycle: what against what."""
        where, n_days = f"warehouse {self.places[j].id}", self.quantity.shape[1]
        first, last = float(self.quantity[j, 0]), float(self.quantity[j, -1])
        safety = float(self.safety[j])
        needs = {
            "storage_kg": f"holds {first + safety:.1f} kg, {safety:.1f} kg of them safety stock, "
            "after a delivery for 1 day",
            "vehicle.capacity_kg": f"takes {first:.1f} kg for 1 day",
            "shelf_life_days": "is delivered every 1 day at the most often",
            "minimum_order_kg": f"takes {last:.1f} kg for {n_days} days, the longest cycle",
        }
        for name, ok, limit in limits:
            if not ok[j].any():
                detail = f"{where} {needs[name]}; the limit is {limit[j]:g}"
                raise Infeasible(self.product.id, name, detail)
        binding = [(name, ok[j], limit[j]) for name, ok, limit in limits if not ok[j].all()]
        kept = "; ".join(
            f"{name} {limit:g} is kept by cycles of {_days(np.flatnonzero(ok) + 1)}"
            for name, ok, limit in binding
        )
        names = " with ".join(name for name, _, _ in binding)
        raise Infeasible(self.product.id, names, f"{where}: {kept}; by none together")


def _days(cycles: NDArray[np.int64]) -> str:
    """Whole days in words: one cycle, a run, or a list."""
    low, high = int(cycles[0]), int(cycles[-1])
    if low == high:
        return f"{low} days"
    if high - low + 1 == len(cycles):
        return f"{low} to {high} days"
    return f"{', '.join(map(str, cycles.tolist()))} days"
