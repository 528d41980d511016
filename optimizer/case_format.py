"""Reads the case format ``forepost-network/1``: a JSON object in, a checked Problem out.

Every number is finite and within its range, every key is known, every id is unique and every
reference resolves; what is not so is refused with a CaseError naming the path of the key.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping

from optimizer.case_reader import Reader
from optimizer.errors import CaseError
from optimizer.problem import (
    CentralWarehouse,
    Decay,
    Demand,
    Problem,
    Product,
    Supply,
    Vehicle,
    Warehouse,
)

FORMAT = "forepost-network/1"
MAX_DAYS = 366
Matrix = tuple[tuple[float, ...], ...]


def parse_case(case: Mapping[str, object] | str | bytes) -> Problem:
    """The problem a case describes, from its JSON text or the object it holds.

    Raises CaseError naming the key path, the value and what was expected.
    """
    if isinstance(case, str | bytes):
        try:
            case = json.loads(case)
        except ValueError as error:
            raise CaseError("(file)", str(error), "JSON text") from error
    return _problem(Reader("", case))


def _problem(top: Reader) -> Problem:
    if (found := top.text("format")) != FORMAT:
        raise CaseError("format", found, repr(FORMAT))
    name, z = top.text("name"), top.number("service_z", low=0)
    longest = top.whole("max_cycle_days", low=1, high=MAX_DAYS)
    longest_procurement = top.whole("max_procurement_cycle_days", low=1, high=MAX_DAYS)
    has_matrix = top.has("distance_km")
    level = top.optional("service_level", low=0, high=1)
    season = _season(top)
    product_rows = top.entries("products")
    central_rows, warehouse_rows = top.entries("central_warehouses"), top.entries("warehouses")
    n = len(warehouse_rows)
    ids = [row.text("id") for row in product_rows]
    shared = _case_correlations(top, ids, n)
    products, levels = [], {}
    for row in product_rows:
        own = row.optional("service_level", low=0, high=1)
        levels[row.text("id")] = level if own is None else own
        products.append(_product(row, n, season, shared.get(row.text("id"))))
    by_id = {product.id: product for product in products}
    _check_friends(by_id)
    centrals = [_central(row, by_id, has_matrix) for row in central_rows]
    warehouses = [_warehouse(row, by_id, levels, has_matrix) for row in warehouse_rows]
    places = [*(k.id for k in centrals), *(j.id for j in warehouses)]
    matrix = _square(top, "distance_km", len(places), low=0) if has_matrix else None
    top.finish()
    _unique("products", ids)
    _unique("central_warehouses and warehouses", places)
    return Problem(
        name=name,
        service_z=z,
        max_cycle_days=longest,
        max_procurement_cycle_days=longest_procurement,
        products=tuple(products),
        central_warehouses=tuple(centrals),
        warehouses=tuple(warehouses),
        distance_km=matrix,
    )


def _product(row: Reader, n_warehouses: int, season: float, shared: Matrix | None) -> Product:
    unit_cost = row.number("unit_cost", low=0)
    transit = row.optional("transit_spoilage_per_hour", low=0) or 0.0
    vehicle = _vehicle(row.entry("vehicle"), needs_speed=transit > 0)
    price = row.optional("purchase_price", low=0)
    own = None
    if row.has("demand_correlation"):
        own = _correlation(row, "demand_correlation", n_warehouses)
    product = Product(
        id=row.text("id"),
        zone=row.optional_text("zone") or row.text("id"),
        decay=_decay(row, None),
        holding_cost=row.number("holding_cost", low=0),
        unit_cost=unit_cost,
        purchase_price=unit_cost if price is None else price,
        sale_price=row.optional("sale_price", low=0),
        vehicle=vehicle,
        season_factor=season * _season(row),
        transit_spoilage_per_hour=transit,
        shelf_life_days=row.optional("shelf_life_days", above=0),
        minimum_order_kg=row.optional("minimum_order_kg", low=0) or 0.0,
        demand_correlation=own or shared,
    )
    row.finish()
    return product


def _vehicle(row: Reader, *, needs_speed: bool) -> Vehicle:
    speed = row.optional("speed_km_per_hour", above=0)
    if needs_speed and speed is None:
        raise CaseError(
            row.at("speed_km_per_hour"), None, "a speed, since transit_spoilage_per_hour is set"
        )
    vehicle = Vehicle(
        capacity_kg=row.number("capacity_kg", above=0),
        trip_cost=row.number("trip_cost", low=0),
        cost_per_km=row.number("cost_per_km", low=0),
        stop_cost=row.optional("stop_cost", low=0) or 0.0,
        cost_per_kg=row.optional("cost_per_kg", low=0) or 0.0,
        cost_per_kg_km=row.optional("cost_per_kg_km", low=0) or 0.0,
        speed_km_per_hour=speed,
        shared_with=row.texts("shared_with"),
    )
    row.finish()
    return vehicle


def _decay(row: Reader, base: Decay | None) -> Decay:
    """A product's decay, or a warehouse's own where it overrides the product's."""

    def value(key: str, *, high: float = math.inf, above: float | None = None) -> float:
        if base is not None and not row.has(key):
            return float(getattr(base, key))
        return row.number(key, low=0, high=high, above=above)

    return Decay(
        initial_freshness=value("initial_freshness", above=0, high=1),
        decay_per_day=value("decay_per_day", high=10),
        spoilage_coefficient=value("spoilage_coefficient", high=100),
        preservation_cost=value("preservation_cost"),
        preservation_cost_factor=value("preservation_cost_factor"),
    )


def _central(row: Reader, products: Mapping[str, Product], has_matrix: bool) -> CentralWarehouse:
    supplies = {}
    for product_id, entry in row.named_entries("products", products):
        supplies[product_id] = Supply(
            supplier_lead_time_days=entry.number("supplier_lead_time_days", low=0),
            holding_cost=entry.number("holding_cost", low=0),
            trip_cost=entry.number("trip_cost", low=0),
        )
        entry.finish()
    central = CentralWarehouse(
        id=row.text("id"),
        xy_km=row.point("xy_km", required=not has_matrix),
        preservation_coefficient=row.number("preservation_coefficient", low=0),
        products=supplies,
    )
    row.finish()
    return central


def _warehouse(
    row: Reader,
    products: Mapping[str, Product],
    levels: Mapping[str, float | None],
    has_matrix: bool,
) -> Warehouse:
    level = row.optional("service_level", low=0, high=1)
    demands = {}
    for product_id, entry in row.named_entries("products", products):
        fallback = levels[product_id] if level is None else level
        demands[product_id] = _demand(entry, products[product_id], fallback)
        entry.finish()
    warehouse = Warehouse(
        id=row.text("id"),
        xy_km=row.point("xy_km", required=not has_matrix),
        lead_time_days=row.number("lead_time_days", low=0),
        preservation_coefficient=row.number("preservation_coefficient", low=0),
        products=demands,
    )
    row.finish()
    return warehouse


def _demand(entry: Reader, product: Product, level: float | None) -> Demand:
    own_level = entry.optional("service_level", low=0, high=1)
    quantiles = entry.quantiles("lead_time_demand_quantiles")
    level = level if own_level is None else own_level
    if quantiles and level is None:
        raise CaseError(
            entry.at("service_level"), None, "a level, since lead_time_demand_quantiles is set"
        )
    holding = entry.optional("holding_cost", low=0)
    unit_cost = entry.optional("unit_cost", low=0)
    least = entry.optional("minimum_order_kg", low=0)
    return Demand(
        demand_kg_per_day=entry.number("demand_kg_per_day", low=0),
        demand_sd_kg=entry.number("demand_sd_kg", low=0),
        storage_kg=entry.number("storage_kg", low=0),
        decay=_decay(entry, product.decay),
        holding_cost=product.holding_cost if holding is None else holding,
        unit_cost=product.unit_cost if unit_cost is None else unit_cost,
        minimum_order_kg=product.minimum_order_kg if least is None else least,
        service_level=level,
        lead_time_demand_quantiles=quantiles,
    )


def _season(row: Reader) -> float:
    """Mean of seven daily or 168 hourly factors; 1 where none are given."""
    factors = row.numbers("season", low=0)
    if not factors:
        return 1.0
    if len(factors) not in {7, 24 * 7}:
        raise CaseError(row.at("season"), f"{len(factors)} factors", "7 or 168 factors")
    return math.fsum(factors) / len(factors)


def _case_correlations(top: Reader, ids: Iterable[str], n: int) -> dict[str, Matrix]:
    """Correlations given for the whole case: one matrix, or one per product."""
    if not top.has("demand_correlation"):
        return {}
    if not top.is_object("demand_correlation"):
        return dict.fromkeys(ids, _correlation(top, "demand_correlation", n))
    per_product = top.entry("demand_correlation")
    found = {key: _correlation(per_product, key, n) for key in ids if per_product.has(key)}
    per_product.finish()
    return found


def _correlation(row: Reader, key: str, n: int) -> Matrix:
    matrix = _square(row, key, n, low=-1, high=1)
    for a in range(n):
        if matrix[a][a] != 1:
            raise CaseError(f"{row.at(key)}[{a}][{a}]", matrix[a][a], "1 on the diagonal")
        for b in range(a):
            if not math.isclose(matrix[a][b], matrix[b][a], abs_tol=1e-12):
                raise CaseError(f"{row.at(key)}[{a}][{b}]", matrix[a][b], "a symmetric matrix")
    return matrix


def _square(row: Reader, key: str, n: int, *, low: float, high: float = math.inf) -> Matrix:
    matrix = row.matrix(key, low=low, high=high)
    if len(matrix) != n or any(len(line) != n for line in matrix):
        raise CaseError(row.at(key), f"{len(matrix)} rows", f"a square matrix of {n} rows")
    return matrix


def _check_friends(products: Mapping[str, Product]) -> None:
    for n, product in enumerate(products.values()):
        for other in product.vehicle.shared_with:
            if other not in products:
                path = f"products[{n}].vehicle.shared_with"
                raise CaseError(path, other, "the id of a product")


def _unique(what: str, ids: Iterable[str]) -> None:
    seen: set[str] = set()
    for name in ids:
        if name in seen:
            raise CaseError(what, name, "each id once")
        seen.add(name)
