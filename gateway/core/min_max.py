"""A plan where no solver made one: the (s, S) rule per item, within life and room.

Pure arithmetic on whole units, without numpy, in the gateway's own process: it works where the
solver was killed, ran out of time or found nothing feasible. Takes a job and gives a result as the
solver would (gateway.core.planning); `fallback` says why.

Each item at or below its reorder point is ordered up to S: that of its policy, or else the demand
of lead time and review period and z standard deviations of it. The review period is the zone's
cycle in the last plan, or REVIEW_DAYS. What would not sell within its life is not ordered. The
lines of a zone share what the day's vehicles take and what the zone's shelves have left, case pack
by case pack, whoever would run out first; so nothing is released that could not be driven or put
away. The day's vehicles are as many as a day's demand fills (core/vehicles), as in the solver's
plans.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Final

from pydantic import BaseModel, ConfigDict, ValidationError

from cloud_sync.contract import keys
from cloud_sync.demand.reorder import StockLevels, order_units
from gateway.core.solver_job import Job, Sku
from gateway.core.vehicles import n_vehicles
from gateway.errors import PlanError

REVIEW_DAYS: Final = 2.0
UNLIMITED_G: Final = 2**62
"""The model knows no limit of what a supplier brings at once."""

_LENIENT: Final = ConfigDict(frozen=True, extra="ignore")


class _Vehicle(BaseModel):
    model_config = _LENIENT

    capacity_kg: float


class _Product(BaseModel):
    model_config = _LENIENT

    id: str
    vehicle: _Vehicle


class _Storage(BaseModel):
    model_config = _LENIENT

    storage_kg: float
    demand_kg_per_day: float = 0.0


class _Place(BaseModel):
    model_config = _LENIENT

    id: str
    xy_km: tuple[float, float] = (0.0, 0.0)
    products: dict[str, _Storage] = {}


class _Central(BaseModel):
    model_config = _LENIENT

    id: str
    xy_km: tuple[float, float] = (0.0, 0.0)
    products: dict[str, object] = {}


class _Network(BaseModel):
    """What is needed of a network here; the solver may have refused the rest of it."""

    model_config = _LENIENT

    service_z: float = 1.645
    products: list[_Product]
    central_warehouses: list[_Central]
    warehouses: list[_Place]


def min_max_result(job: Job, why: str) -> dict[str, object]:
    """The result by the rule. Raises PlanError where the network does not say whom to ask."""
    try:
        network = _Network.model_validate(job.network)
    except ValidationError as error:
        problem = error.errors(include_url=False)[0]
        raise PlanError(f"network: {problem['loc']}: {problem['msg']}") from error
    last = _last_orders(job)
    lines = [line for zone in job.zones for line in _zone_lines(job, network, zone, last)]
    return {"network_plan": {}, "lines": lines, "fallback": why, "binding": []}


def _last_orders(job: Job) -> dict[str, tuple[str, float]]:
    """Central warehouse and cycle of each zone in the last plan."""
    products = job.warm_start.get("products") if job.warm_start is not None else None
    found: dict[str, tuple[str, float]] = {}
    for product in products if isinstance(products, list) else []:
        for order in product.get("warehouses", ()):
            if order.get("id") == job.warehouse:
                found[str(product["id"])] = str(order["central"]), float(order["cycle_days"])
    return found


def _zone_lines(
    job: Job, network: _Network, zone: str, last: Mapping[str, tuple[str, float]]
) -> list[dict[str, object]]:
    source, review_days = last.get(zone, ("", REVIEW_DAYS))
    is_central = any(it.id == job.warehouse for it in network.central_warehouses)
    if is_central:
        source = keys.SUPPLIER
    source = source or _nearest(network, job.warehouse, zone)
    skus = [sku for sku in job.skus if sku.zone == zone]
    wanted = {sku.gtin: wanted_units(sku, network.service_z, review_days) for sku in skus}
    room_g = UNLIMITED_G if is_central else _room_g(network, job.warehouse, zone, skus)
    given = _share({sku.gtin: sku for sku in skus}, wanted, room_g)
    return [
        {
            "item": sku.gtin,
            "quantity": given[sku.gtin],
            "order_up_to_units": _level(sku, network.service_z, review_days),
            "position_units": sku.on_hand_units + sku.on_order_units,
            "source": source,
            "limited_by": "room" if given[sku.gtin] < wanted[sku.gtin] else "none",
        }
        for sku in skus
        if given.get(sku.gtin)
    ]


def _nearest(network: _Network, warehouse: str, zone: str) -> str:
    here = next((it.xy_km for it in network.warehouses if it.id == warehouse), (0.0, 0.0))
    sources = [it for it in network.central_warehouses if zone in it.products]
    if not sources:
        raise PlanError(f"network: no central warehouse has {zone!r}")
    return min(sources, key=lambda it: (math.dist(it.xy_km, here), it.id)).id


def _level(sku: Sku, z: float, review_days: float) -> int:
    said = sku.level_units(review_days)
    if said is not None:
        return said
    days = sku.lead_time_days + review_days
    level = sku.forecast_units_per_day * days
    return math.ceil(level + z * sku.forecast_sd_units_per_day * math.sqrt(days) - 1e-9)


def wanted_units(sku: Sku, z: float, review_days: float) -> int:
    """Units to order of one item by the rule: 0 above its reorder point."""
    position = sku.on_hand_units + sku.on_order_units
    level = _level(sku, z, review_days)
    sells = level
    if sku.usable_life_days is not None:
        left = max(0.0, position - sku.forecast_units_per_day * sku.lead_time_days)
        fresh = max(0.0, sku.forecast_units_per_day * sku.usable_life_days - left)
        sells = min(level, position + math.floor(fresh + 1e-9))
    levels = StockLevels(
        item=sku.gtin,
        safety_stock=0,
        reorder_point=sku.reorder_point_units,
        order_up_to=max(sells, 0),
        is_capped=sells < level,
    )
    return order_units(
        levels,
        position=position,
        case_pack=sku.case_pack_units,
        minimum=sku.minimum_order_units,
    )


def _room_g(network: _Network, warehouse: str, zone: str, skus: Sequence[Sku]) -> int:
    """What a day's delivery of a zone can take, in grams; a limit that is not told is none."""
    place = next((it for it in network.warehouses if it.id == warehouse), None)
    told_kg = place.products[zone].demand_kg_per_day if place and zone in place.products else 0.0
    sold_kg = sum(it.forecast_units_per_day * it.grams_per_unit for it in skus) / 1000
    rooms_kg = [
        capacity_kg * n_vehicles(max(told_kg, sold_kg), capacity_kg)
        for it in network.products
        if it.id == zone and (capacity_kg := it.vehicle.capacity_kg) >= 0
    ]
    if place is not None and zone in place.products:
        on_hand_g = sum(max(0, sku.on_hand_units) * sku.grams_per_unit for sku in skus)
        rooms_kg.append(place.products[zone].storage_kg - on_hand_g / 1000)
    return (
        math.floor(max(0.0, min(rooms_kg, default=math.inf)) * 1000) if rooms_kg else UNLIMITED_G
    )


def _share(skus: Mapping[str, Sku], wanted: Mapping[str, int], room_g: int) -> dict[str, int]:
    """What each gets: all of it if it fits, else pack by pack who would run out first."""
    if sum(n * skus[gtin].grams_per_unit for gtin, n in wanted.items()) <= room_g:
        return dict(wanted)
    portions: list[tuple[float, str, int]] = []
    for gtin, units in wanted.items():
        sku, given = skus[gtin], 0
        first = -(-sku.minimum_order_units // sku.case_pack_units) * sku.case_pack_units
        while given < units:
            step = max(first, sku.case_pack_units) if given == 0 else sku.case_pack_units
            have = sku.on_hand_units + sku.on_order_units + given
            demand = sku.forecast_units_per_day
            cover = have / demand if demand > 0 else math.inf
            portions.append((cover, gtin, min(step, units - given)))
            given += step
    given_units: dict[str, int] = dict.fromkeys(wanted, 0)
    full: set[str] = set()
    for _, gtin, units in sorted(portions):
        grams = units * skus[gtin].grams_per_unit
        if gtin in full or grams > room_g:
            full.add(gtin)
            continue
        given_units[gtin] += units
        room_g -= grams
    return given_units
