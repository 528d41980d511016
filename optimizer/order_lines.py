"""From a class plan to order lines: how many units of each SKU ride in one delivery.

The rules, in order:
1. Order-up-to level: what the SKU says, or else mean demand over cycle + lead time, plus
   z sigma sqrt(cycle + lead time).
   Inventory position = on hand + on order (units; backorders come in as negative on hand).
   Needed = what the position lacks to the level, rounded up to case packs and to the minimum.
2. Life: what is left when the delivery arrives (the position less the demand of the lead time),
   and the delivery itself, must sell within the delivered units' usable life at mean demand.
   The delivery is cut to the packs that do; if the minimum does not, nothing is ordered.
3. Room: the lines together weigh at most the class quantity of the plan and at most the
   capacity left in the vehicle and the zone. When not everything fits, packs are handed out one
   at a time, always to the SKU whose position (packs given included) would run out soonest at
   mean demand; equals by GTIN. A minimum order is one indivisible first portion. An SKU whose
   next portion does not fit gets no more, the next in line may still use the room.

Everything countable is a whole number: units, packs, grams.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Limit = Literal["none", "life", "room"]

_EPSILON_UNITS = 1e-9
"""A level this close to a whole number of units is that number; floats are not counted up."""

_MAX_UNITS = 10**12


@dataclass(frozen=True, slots=True)
class SkuState:
    """What is known of one SKU at one warehouse at the moment of planning.

    usable_life_days: how long a unit of the coming delivery can still be sold after it arrives.
    on_hand_units counts usable stock only, less backorders, so it may be negative.
    """

    gtin: str
    zone: str
    forecast_units_per_day: float
    forecast_sd_units_per_day: float
    on_hand_units: int
    on_order_units: int
    usable_life_days: float
    grams_per_unit: int
    case_pack_units: int
    minimum_order_units: int
    order_up_to_units: int | None = None


@dataclass(frozen=True, slots=True)
class OrderLine:
    """One SKU to order: units, always a multiple of the case pack.

    limited_by says what kept the line below its need: usable life, room, or nothing.
    """

    gtin: str
    units: int
    case_packs: int
    grams: int
    order_up_to_units: int
    position_units: int
    needed_units: int
    limited_by: Limit


@dataclass(frozen=True, slots=True)
class SkuTable:
    """The SKUs of one zone of one warehouse as columns, sorted by GTIN; read-only arrays.

    order_up_to_units: -1 where it follows from demand and deviation, as all do without it.
    """

    gtins: tuple[str, ...]
    forecast_units_per_day: Floats
    forecast_sd_units_per_day: Floats
    position_units: Ints
    usable_life_days: Floats
    grams_per_unit: Ints
    case_pack_units: Ints
    minimum_order_units: Ints
    order_up_to_units: Ints | None = None

    def __post_init__(self) -> None:
        n = len(self.gtins)
        if list(self.gtins) != sorted(set(self.gtins)):
            raise ValueError("gtins: expected each GTIN once, in rising order")
        lowest = {
            "position_units": -_MAX_UNITS,
            "grams_per_unit": 1,
            "case_pack_units": 1,
            "order_up_to_units": -1,
        }
        for name in self.__slots__[1:]:
            column: Floats | Ints | None = getattr(self, name)
            if column is None:
                continue
            if column.shape != (n,):
                raise ValueError(f"{name}: expected shape ({n},), got {column.shape}")
            wrong = ~(column >= lowest.get(name, 0))  # catches NaN, too
            if name != "usable_life_days":
                wrong |= ~(column <= _MAX_UNITS)
            if wrong.any():
                k = int(np.argmax(wrong))
                low = lowest.get(name, 0)
                raise ValueError(f"{name} of {self.gtins[k]}: {column[k]} is not from {low}")
            column.setflags(write=False)

    @classmethod
    def from_skus(cls, skus: Sequence[SkuState]) -> SkuTable:
        """Columns of the given SKUs. Raises ValueError naming field and GTIN."""
        zones = {sku.zone for sku in skus}
        if len(zones) > 1:
            raise ValueError(f"zone: expected the SKUs of one zone, got {sorted(zones)}")
        rows = sorted(skus, key=lambda sku: sku.gtin)
        return cls(
            gtins=tuple(sku.gtin for sku in rows),
            forecast_units_per_day=_floats([sku.forecast_units_per_day for sku in rows]),
            forecast_sd_units_per_day=_floats([sku.forecast_sd_units_per_day for sku in rows]),
            position_units=_ints([sku.on_hand_units + sku.on_order_units for sku in rows]),
            usable_life_days=_floats([sku.usable_life_days for sku in rows]),
            grams_per_unit=_ints([sku.grams_per_unit for sku in rows]),
            case_pack_units=_ints([sku.case_pack_units for sku in rows]),
            minimum_order_units=_ints([sku.minimum_order_units for sku in rows]),
            order_up_to_units=_ints(
                [-1 if (it := sku.order_up_to_units) is None else it for sku in rows]
            ),
        )


@dataclass(frozen=True, slots=True)
class Allocation:
    """What each SKU of a table gets, and the steps that led there; units, in table order."""

    units: Ints
    needed_units: Ints
    """To reach the order-up-to level, in whole packs, minimum included."""
    sellable_units: Ints
    """The same after the cut to what sells within its life."""
    order_up_to_units: Ints


def make_order_lines(
    skus: Sequence[SkuState],
    *,
    class_quantity_kg: float,
    cycle_days: float,
    lead_time_days: float,
    service_z: float,
    capacity_kg: float,
) -> tuple[OrderLine, ...]:
    """The lines of one delivery to one zone of one warehouse, the most urgent first.

    class_quantity_kg: what the plan delivers of the class; capacity_kg: what vehicle and zone
    can still take. Raises ValueError naming the input at fault.
    """
    table = SkuTable.from_skus(skus)
    given = allocate(
        table,
        class_quantity_kg=class_quantity_kg,
        cycle_days=cycle_days,
        lead_time_days=lead_time_days,
        service_z=service_z,
        capacity_kg=capacity_kg,
    )
    ordered = np.flatnonzero(given.units > 0)
    cover = _cover_days(table)[ordered]
    return tuple(_line(table, given, int(k)) for k in ordered[np.argsort(cover, kind="stable")])


def allocate(
    table: SkuTable,
    *,
    class_quantity_kg: float,
    cycle_days: float,
    lead_time_days: float,
    service_z: float,
    capacity_kg: float,
) -> Allocation:
    """The array form of ``make_order_lines``: one entry per SKU of the table."""
    for name, value in {
        "class_quantity_kg": class_quantity_kg,
        "cycle_days": cycle_days,
        "lead_time_days": lead_time_days,
        "service_z": service_z,
        "capacity_kg": capacity_kg,
    }.items():
        if not (math.isfinite(value) and value >= 0):
            raise ValueError(f"{name}: {value} is not a finite number from 0")
    span = cycle_days + lead_time_days
    noise = service_z * table.forecast_sd_units_per_day * math.sqrt(span)
    level = _up(table.forecast_units_per_day * span + noise)
    if table.order_up_to_units is not None:
        level = np.where(table.order_up_to_units >= 0, table.order_up_to_units, level)
    needed = _in_packs(table, np.maximum(level - table.position_units, 0))
    sellable = np.minimum(needed, _sold_in_life(table, lead_time_days))
    sellable[sellable < table.minimum_order_units] = 0
    room_grams = math.floor(min(class_quantity_kg, capacity_kg) * 1000 + 1e-6)
    return Allocation(
        units=_share_room(table, sellable, room_grams),
        needed_units=needed,
        sellable_units=sellable,
        order_up_to_units=level,
    )


def _in_packs(table: SkuTable, units: Ints) -> Ints:
    """Rounded up to whole packs, at least the minimum; nothing stays nothing."""
    wanted = np.where(units > 0, np.maximum(units, table.minimum_order_units), 0)
    packs: Ints = -(-wanted // table.case_pack_units) * table.case_pack_units
    return packs


def _sold_in_life(table: SkuTable, lead_time_days: float) -> Ints:
    """Whole packs that sell within their life, after everything that is there before them."""
    demand = table.forecast_units_per_day
    before = np.maximum(table.position_units - demand * lead_time_days, 0.0)
    sold = np.minimum(demand * table.usable_life_days, float(_MAX_UNITS))
    units = np.floor(np.maximum(sold - before, 0.0) + _EPSILON_UNITS).astype(np.int64)
    packs: Ints = units // table.case_pack_units * table.case_pack_units
    return packs


def _share_room(table: SkuTable, wanted: Ints, room_grams: int) -> Ints:
    """Rule 3 of this module. Portions of one SKU always come up in order of rising cover."""
    if int((wanted * table.grams_per_unit).sum()) <= room_grams:
        return wanted
    sku, units, cover = _portions(table, wanted)
    order = np.lexsort((sku, cover))
    sku, units = sku[order], units[order]
    grams = units * table.grams_per_unit[sku]
    n_whole = int(np.searchsorted(np.cumsum(grams), room_grams, side="right"))
    given = np.zeros_like(wanted)
    np.add.at(given, sku[:n_whole], units[:n_whole])
    left = room_grams - int(grams[:n_whole].sum())
    full: set[int] = set()
    for k, portion, weight in zip(
        sku[n_whole:].tolist(), units[n_whole:].tolist(), grams[n_whole:].tolist(), strict=True
    ):
        if k in full:
            continue
        if weight > left:
            full.add(k)
            continue
        given[k] += portion
        left -= weight
    return given


def _portions(table: SkuTable, wanted: Ints) -> tuple[Ints, Ints, Floats]:
    """(SKU, units, days of cover before it) of every portion: the minimum first, then packs."""
    pack = table.case_pack_units
    first = np.minimum(np.maximum(_in_packs(table, np.ones_like(wanted)), pack), wanted)
    n_more = (wanted - first) // pack
    count = np.where(wanted > 0, n_more + 1, 0)
    sku = np.repeat(np.arange(len(wanted)), count)
    rank = np.arange(len(sku)) - np.repeat(np.cumsum(count) - count, count)
    units = np.where(rank == 0, first[sku], pack[sku])
    before = np.where(rank == 0, 0, first[sku] + (rank - 1) * pack[sku])
    # Something is wanted only where something sells in its life: the forecast is above zero.
    with np.errstate(over="ignore"):
        cover = (table.position_units[sku] + before) / table.forecast_units_per_day[sku]
    return sku, units, cover


def _cover_days(table: SkuTable) -> Floats:
    """Days until the position runs out at mean demand; inf for what does not sell."""
    sells = table.forecast_units_per_day > 0
    demand = np.where(sells, table.forecast_units_per_day, 1.0)
    with np.errstate(over="ignore"):  # next to no demand: the stock lasts for ever
        return np.where(sells, table.position_units / demand, np.inf)


def _line(table: SkuTable, given: Allocation, k: int) -> OrderLine:
    units, pack = int(given.units[k]), int(table.case_pack_units[k])
    limited_by: Limit = "none"
    if given.sellable_units[k] < given.needed_units[k]:
        limited_by = "life"
    if units < given.sellable_units[k]:
        limited_by = "room"
    return OrderLine(
        gtin=table.gtins[k],
        units=units,
        case_packs=units // pack,
        grams=units * int(table.grams_per_unit[k]),
        order_up_to_units=int(given.order_up_to_units[k]),
        position_units=int(table.position_units[k]),
        needed_units=int(given.needed_units[k]),
        limited_by=limited_by,
    )


def _up(units: Floats) -> Ints:
    return np.ceil(np.minimum(units, float(_MAX_UNITS)) - _EPSILON_UNITS).astype(np.int64)


def _floats(values: Sequence[float]) -> Floats:
    return np.array(values, dtype=np.float64)


def _ints(values: Sequence[int]) -> Ints:
    return np.array(values, dtype=np.int64)
