"""The planning problem as values: frozen, checked, in the units of the case file.

Days, kilograms, kilometres, one unit of money. Where a field of the case may be left out, its
value here is the effective one (a purchase price that was not given equals the unit cost), so
that nobody downstream repeats a default.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Vehicle:
    """What one product rides in. Unlimited in number."""

    capacity_kg: float
    trip_cost: float
    """Money per departure."""
    cost_per_km: float
    stop_cost: float = 0.0
    cost_per_kg: float = 0.0
    """Money per kg loaded."""
    cost_per_kg_km: float = 0.0
    """Money per kg and km carried; the load falls along the route."""
    speed_km_per_hour: float | None = None
    shared_with: tuple[str, ...] = ()
    """Ids of products that may ride along when centre, cycle and route agree."""


@dataclass(frozen=True, slots=True)
class Decay:
    """How goods age in one place: initial freshness, decay rate per day, spoilage coefficient."""

    initial_freshness: float
    decay_per_day: float
    spoilage_coefficient: float
    preservation_cost: float
    preservation_cost_factor: float

    @property
    def preservation_per_kg_day(self) -> float:
        """Money per kg and day spent on preservation (omega times xi)."""
        return self.preservation_cost_factor * self.preservation_cost


@dataclass(frozen=True, slots=True)
class Product:
    """One temperature class."""

    id: str
    zone: str
    decay: Decay
    holding_cost: float
    unit_cost: float
    purchase_price: float
    sale_price: float | None
    vehicle: Vehicle
    season_factor: float = 1.0
    """Mean of the seasonal factors of the planning window; scales mean demand."""
    transit_spoilage_per_hour: float = 0.0
    shelf_life_days: float | None = None
    minimum_order_kg: float = 0.0
    demand_correlation: tuple[tuple[float, ...], ...] | None = None
    """Over all warehouses of the case, in file order."""


@dataclass(frozen=True, slots=True)
class Supply:
    """How a central warehouse is supplied with one product."""

    supplier_lead_time_days: float
    holding_cost: float
    trip_cost: float
    """Money per procurement, whatever its size."""


@dataclass(frozen=True, slots=True)
class CentralWarehouse:
    id: str
    xy_km: tuple[float, float] | None
    preservation_coefficient: float
    products: Mapping[str, Supply]


@dataclass(frozen=True, slots=True)
class Demand:
    """One product at one pre-positioned warehouse; overrides of the product already applied."""

    demand_kg_per_day: float
    """Mean potential demand, before the seasonal factor."""
    demand_sd_kg: float
    storage_kg: float
    decay: Decay
    holding_cost: float
    unit_cost: float
    minimum_order_kg: float = 0.0
    service_level: float | None = None
    lead_time_demand_quantiles: tuple[tuple[float, float], ...] | None = None
    """(probability, kg) of demand over the lead time, by rising probability."""


@dataclass(frozen=True, slots=True)
class Warehouse:
    """A pre-positioned warehouse."""

    id: str
    xy_km: tuple[float, float] | None
    lead_time_days: float
    preservation_coefficient: float
    products: Mapping[str, Demand]


@dataclass(frozen=True, slots=True)
class Problem:
    """A whole case: made by ``parse_case`` or ``load_case``, which check every value."""

    name: str
    service_z: float
    max_cycle_days: int
    max_procurement_cycle_days: int
    products: tuple[Product, ...]
    central_warehouses: tuple[CentralWarehouse, ...]
    warehouses: tuple[Warehouse, ...]
    distance_km: tuple[tuple[float, ...], ...] | None = field(default=None, repr=False)
    """Rows and columns: central warehouses, then warehouses. None: straight lines."""

    def product(self, product_id: str) -> Product:
        for product in self.products:
            if product.id == product_id:
                return product
        raise KeyError(product_id)
