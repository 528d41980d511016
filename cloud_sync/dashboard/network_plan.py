"""A network plan (`forepost-plan/1`) and its case (`forepost-network/1`) as pages read them.

Only what is shown is read, and everything may be missing: a page about an older or a newer plan
shows what there is. The solver checks a case; nothing here does.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from pydantic import BaseModel, ConfigDict, ValidationError

_SHOWN: Final = ConfigDict(extra="ignore", frozen=True, allow_inf_nan=False)

COST_TERMS: Final = (
    "holding",
    "spoilage",
    "transport",
    "central_holding",
    "central_spoilage",
    "central_transport",
    "procurement",
)
PROCUREMENT: Final = "procurement"
"""The purchase value: by far the most, and what no plan can do much about."""
CONTROLLABLE: Final = tuple(it for it in COST_TERMS if it != PROCUREMENT)


class Order(BaseModel):
    """What comes to a warehouse in each cycle. central: who sends it; none: a supplier."""

    model_config = _SHOWN

    id: str
    central: str = ""
    cycle_days: int = 0
    quantity_kg: float = 0.0
    safety_stock_kg: float = 0.0


class Trip(BaseModel):
    """A closed tour from a central warehouse, driven every so many days."""

    model_config = _SHOWN

    central: str
    cycle_days: int = 0
    stops: list[str]
    load_kg: float = 0.0
    length_km: float = 0.0


class Product(BaseModel):
    """One zone's part of a plan. costs: money a day by term."""

    model_config = _SHOWN

    id: str
    objective: float = 0.0
    costs: dict[str, float] = {}
    central: list[Order] = []
    warehouses: list[Order] = []
    trips: list[Trip] = []

    @property
    def controllable(self) -> float:
        """Money a day without the purchase value."""
        return sum(self.costs.get(it, 0.0) for it in CONTROLLABLE)


class NetworkPlan(BaseModel):
    """The plan of all zones."""

    model_config = _SHOWN

    objective: float = 0.0
    proven_optimal: bool = False
    products: list[Product] = []

    @property
    def controllable(self) -> float:
        """Money a day without the purchase value."""
        return sum(it.controllable for it in self.products)

    def cost(self, term: str) -> float:
        """Money a day of one term, over all zones."""
        return sum(it.costs.get(term, 0.0) for it in self.products)

    def product(self, zone: str) -> Product | None:
        """The part of a zone, if it is planned."""
        return next((it for it in self.products if it.id == zone), None)


def read_plan(plan: Mapping[str, object]) -> NetworkPlan | None:
    """The plan in an object; None where it is none, as where no solver made it."""
    if not plan:
        return None
    try:
        return NetworkPlan.model_validate(plan)
    except ValidationError:
        return None


class Vehicle(BaseModel):
    """What carries a zone's goods."""

    model_config = _SHOWN

    capacity_kg: float = 0.0
    trip_cost: float = 0.0
    cost_per_km: float = 0.0


class CaseProduct(BaseModel):
    """A zone's goods. preservation_cost: what is invested in keeping a kg of them fresh."""

    model_config = _SHOWN

    id: str
    preservation_cost: float = 0.0
    vehicle: Vehicle = Vehicle()


class CaseDemand(BaseModel):
    """What a warehouse sells of a zone."""

    model_config = _SHOWN

    demand_kg_per_day: float = 0.0


class CasePlace(BaseModel):
    """A warehouse of a case."""

    model_config = _SHOWN

    id: str
    xy_km: tuple[float, float] | None = None
    products: dict[str, CaseDemand] = {}


class Case(BaseModel):
    """A network document."""

    model_config = _SHOWN

    name: str = ""
    products: list[CaseProduct] = []
    central_warehouses: list[CasePlace] = []
    warehouses: list[CasePlace] = []


def read_case(network: Mapping[str, object]) -> Case | None:
    """The case in a network document; None where its parts are not what they should be."""
    try:
        return Case.model_validate(network)
    except ValidationError:
        return None
