"""What one warehouse needs, keeps, spoils and costs in one cycle, from a case as a plain dict.

Every function takes the raw JSON of a case (``forepost-network/1``). Optional fields count as
"off" when absent. Days, kilograms, kilometres, money.
"""

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from tests.optimizer.oracle.quadrature import integrate

Json = dict[str, Any]


def by_id(items: list[Json]) -> dict[str, Json]:
    return {item["id"]: item for item in items}


def served(case: Json, product_id: str) -> list[str]:
    """Warehouses that carry the product, in file order."""
    return [w["id"] for w in case["warehouses"] if product_id in w["products"]]


def of(case: Json, product_id: str, warehouse_id: str, key: str) -> float:
    """A product's parameter as it holds at a warehouse: the warehouse's own value wins."""
    here = by_id(case["warehouses"])[warehouse_id]["products"][product_id]
    product = by_id(case["products"])[product_id]
    value: float = here[key] if key in here else product[key]
    return value


def season_factor(case: Json, product_id: str) -> float:
    """Mean of the seasonal factors of the planning window; 1 where none are given."""
    product = by_id(case["products"])[product_id]
    factor = 1.0
    for owner in (case, product):
        if owner.get("season"):
            factor *= math.fsum(owner["season"]) / len(owner["season"])
    return factor


@dataclass(frozen=True)
class Decay:
    """Freshness and spoilage of one product in one place.

    rate: per day, after investment; theta0: freshness on arrival; kappa: spoilage per unit of
    lost freshness and day.
    """

    theta0: float
    rate: float
    kappa: float

    def freshness(self, t: float) -> float:
        return self.theta0 * math.exp(-self.rate * t)

    def exponent(self, t: float) -> float:
        """M(t): the integral of the spoilage rate from 0 to t."""
        age = t if self.rate == 0 else -math.expm1(-self.rate * t) / self.rate
        return self.kappa * (t - self.theta0 * age)

    def stock_days(self, t: float) -> float:
        """Integral of e^-M from 0 to t: kg-days of one kg that only spoils."""
        return integrate(lambda u: math.exp(-self.exponent(u)), 0.0, t)


@dataclass(frozen=True)
class Flow:
    """One cycle of one stock that starts at S + Q and ends at S."""

    quantity_kg: float
    safety_stock_kg: float
    sold_kg: float
    kg_days: float

    @property
    def spoiled_kg(self) -> float:
        return self.quantity_kg - self.sold_kg


def _flow(decay: Decay, safety_kg: float, cycle: float, kg_per_day: float, fades: bool) -> Flow:
    """Solve dI/dt = -D - m I backwards from I(T) = S; demand D fades with freshness or not."""

    def demand(t: float) -> float:
        return kg_per_day * (decay.freshness(t) if fades else 1.0)

    grown = math.expm1(decay.exponent(cycle))
    drawn = integrate(lambda u: demand(u) * math.exp(decay.exponent(u)), 0.0, cycle)
    # What leaves at u was on stock since 0, larger by e^M(u) at the start: swap the integrals.
    cycle_stock_days = integrate(
        lambda u: demand(u) * math.exp(decay.exponent(u)) * decay.stock_days(u), 0.0, cycle
    )
    safety_days = safety_kg * (grown + 1.0) * decay.stock_days(cycle)
    return Flow(
        quantity_kg=safety_kg * grown + drawn,
        safety_stock_kg=safety_kg,
        sold_kg=integrate(demand, 0.0, cycle),
        kg_days=safety_days + cycle_stock_days,
    )


def warehouse_decay(case: Json, product_id: str, warehouse_id: str) -> Decay:
    place = by_id(case["warehouses"])[warehouse_id]
    invest = of(case, product_id, warehouse_id, "preservation_cost")
    rate = of(case, product_id, warehouse_id, "decay_per_day") * math.exp(
        -place["preservation_coefficient"] * invest
    )
    return Decay(
        of(case, product_id, warehouse_id, "initial_freshness"),
        rate,
        of(case, product_id, warehouse_id, "spoilage_coefficient"),
    )


def demand_kg_per_day(case: Json, product_id: str, warehouse_id: str) -> float:
    here = by_id(case["warehouses"])[warehouse_id]["products"][product_id]
    return float(here["demand_kg_per_day"]) * season_factor(case, product_id)


def warehouse_safety_kg(case: Json, product_id: str, warehouse_id: str) -> float:
    """S_ij: z sigma sqrt(lead time), or the empirical quantile less the mean where given."""
    place = by_id(case["warehouses"])[warehouse_id]
    here = place["products"][product_id]
    lead = float(place["lead_time_days"])
    quantiles = here.get("lead_time_demand_quantiles")
    level = service_level(case, product_id, warehouse_id)
    if quantiles and level is None:
        raise ValueError(f"{warehouse_id}: lead_time_demand_quantiles without a service_level")
    if quantiles and level is not None:
        mean = demand_kg_per_day(case, product_id, warehouse_id) * lead
        return max(0.0, quantile(quantiles, level) - mean)
    return float(case["service_z"]) * float(here["demand_sd_kg"]) * math.sqrt(lead)


def service_level(case: Json, product_id: str, warehouse_id: str) -> float | None:
    place = by_id(case["warehouses"])[warehouse_id]
    product = by_id(case["products"])[product_id]
    for owner in (place["products"][product_id], place, product, case):
        if owner.get("service_level") is not None:
            return float(owner["service_level"])
    return None


def quantile(points: list[list[float]], level: float) -> float:
    """Straight line between the two given points around the level; the end values beyond."""
    ordered = sorted(points)
    if level <= ordered[0][0]:
        return ordered[0][1]
    for (p0, kg0), (p1, kg1) in pairwise(ordered):
        if level <= p1:
            return kg0 + (kg1 - kg0) * (level - p0) / (p1 - p0)
    return ordered[-1][1]


def warehouse_flow(case: Json, product_id: str, warehouse_id: str, cycle_days: int) -> Flow:
    return _flow(
        warehouse_decay(case, product_id, warehouse_id),
        warehouse_safety_kg(case, product_id, warehouse_id),
        cycle_days,
        demand_kg_per_day(case, product_id, warehouse_id),
        fades=True,
    )


def carry_cost_per_kg_day(case: Json, product_id: str, warehouse_id: str) -> float:
    """h + omega xi at a pre-positioned warehouse."""
    keys = ("holding_cost", "preservation_cost_factor", "preservation_cost")
    holding, factor, level = (of(case, product_id, warehouse_id, key) for key in keys)
    return holding + factor * level


def central_safety_kg(
    case: Json, product_id: str, central_id: str, warehouse_ids: list[str]
) -> float:
    """S_ik = z sqrt(sigma' C sigma) sqrt(lead time); C is the identity where none is given."""
    index = {w["id"]: n for n, w in enumerate(case["warehouses"])}
    places = by_id(case["warehouses"])
    sigma = {j: float(places[j]["products"][product_id]["demand_sd_kg"]) for j in warehouse_ids}
    matrix = correlation(case, product_id)
    variance = math.fsum(
        sigma[a] * sigma[b] * (matrix[index[a]][index[b]] if matrix else float(a == b))
        for a in warehouse_ids
        for b in warehouse_ids
    )
    supply = by_id(case["central_warehouses"])[central_id]["products"][product_id]
    lead = float(supply["supplier_lead_time_days"])
    return float(case["service_z"]) * math.sqrt(max(0.0, variance)) * math.sqrt(lead)


def correlation(case: Json, product_id: str) -> list[list[float]] | None:
    product = by_id(case["products"])[product_id]
    shared: Any = case.get("demand_correlation")
    if isinstance(shared, dict):
        shared = shared.get(product_id)
    matrix: list[list[float]] | None = product.get("demand_correlation", shared)
    return matrix


def central_flow(
    case: Json,
    product_id: str,
    central_id: str,
    warehouse_ids: list[str],
    *,
    rate_kg_per_day: float,
    cycle_days: int,
) -> Flow:
    product = by_id(case["products"])[product_id]
    place = by_id(case["central_warehouses"])[central_id]
    decay = Decay(
        product["initial_freshness"],
        product["decay_per_day"]
        * math.exp(-place["preservation_coefficient"] * product["preservation_cost"]),
        product["spoilage_coefficient"],
    )
    safety = central_safety_kg(case, product_id, central_id, warehouse_ids)
    return _flow(decay, safety, cycle_days, rate_kg_per_day, fades=False)


def distance_km(case: Json, a: str, b: str) -> float:
    """From a to b: the file's matrix (central warehouses first) or the straight line."""
    places = case["central_warehouses"] + case["warehouses"]
    index = {place["id"]: n for n, place in enumerate(places)}
    if case.get("distance_km"):
        return float(case["distance_km"][index[a]][index[b]])
    (xa, ya), (xb, yb) = places[index[a]]["xy_km"], places[index[b]]["xy_km"]
    return math.hypot(xa - xb, ya - yb)


@dataclass(frozen=True)
class Trip:
    """One closed tour, per departure: kilometres, what is loaded for each stop, and the fare."""

    length_km: float
    loaded_kg: tuple[float, ...]
    cost: float

    @property
    def load_kg(self) -> float:
        return math.fsum(self.loaded_kg)


def trip(
    case: Json, product_id: str, central_id: str, stops: list[str], delivered_kg: list[float]
) -> Trip:
    """Drive the stops in the given order; delivered_kg is what must arrive at each."""
    product = by_id(case["products"])[product_id]
    vehicle = product["vehicle"]
    route = [central_id, *stops, central_id]
    legs = [distance_km(case, a, b) for a, b in pairwise(route)]
    loaded = _loaded_kg(product, legs, delivered_kg)
    kg_km = math.fsum(leg * math.fsum(loaded[n:]) for n, leg in enumerate(legs))
    cost = (
        vehicle["trip_cost"]
        + vehicle["cost_per_km"] * math.fsum(legs)
        + vehicle.get("stop_cost", 0.0) * len(stops)
        + vehicle.get("cost_per_kg", 0.0) * math.fsum(loaded)
        + vehicle.get("cost_per_kg_km", 0.0) * kg_km
    )
    return Trip(math.fsum(legs), tuple(loaded), cost)


def _loaded_kg(product: Json, legs: list[float], delivered_kg: list[float]) -> list[float]:
    """What leaves the dock so that the wanted quantity arrives: Q e^(s tau) for each stop."""
    per_hour = product.get("transit_spoilage_per_hour") or 0.0
    if not per_hour:
        return list(delivered_kg)
    speed = product["vehicle"]["speed_km_per_hour"]
    driven, loaded = 0.0, []
    for leg, kg in zip(legs, delivered_kg, strict=False):
        driven += leg
        loaded.append(kg * math.exp(per_hour * driven / speed))
    return loaded
