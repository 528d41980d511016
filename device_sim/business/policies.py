"""What a policy sees of an evening, and the three rules of thumb that planners go by.

All of them fill SKU lines by the product's own rules (optimizer/order_lines.py: packs, life,
room); they differ in when they send a vehicle, and in what they expect to sell. The rules of
thumb take the mean and deviation of the last four weeks, of days in part by their share.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final, Protocol

import numpy as np

from device_sim.business.chance import Flags, Floats, Ints
from device_sim.business.scenario import LIFE_MAX, Business, GoodsClass
from device_sim.business.world_days import Network, Orders, Trip
from optimizer.order_lines import SkuTable, allocate

MEMORY_DAYS: Final = 28
AHEAD_DAYS: Final = 90
KEEPS_DAYS: Final = 365.0
ANY_KG: Final = 1e9
"""More than any room or vehicle takes."""
COVERED_MIN: Final = 0.3
"""A day that was seen for less says little of what the network asked for."""
FACTOR_MIN: Final = 0.05


@dataclass(frozen=True, slots=True)
class Seen:
    """What is known in the evening of `day`: nothing of it lies in the future.

    sold, covered: [day, place, SKU] until today; stock: [life, place, SKU], usable; position: on
    hand and on order, [place, SKU]; ahead: known factors of the days to come, past: of those that
    were, [day, SKU]. failed: cold chains that failed until today, [day, place, class].
    """

    day: int
    business: Business
    class_of: Ints
    grams: Ints
    lot_life: Ints
    xy_km: Floats
    sold: Ints
    covered: Floats
    stock: Ints
    position: Ints
    ahead: Floats
    past: Floats
    failed: Flags

    def skus_of(self, goods_class: int) -> Ints:
        """The SKUs of a class, by index."""
        return np.flatnonzero(self.class_of == goods_class)


class Policy(Protocol):
    """Decides every evening. remarks: what went otherwise than planned, for people."""

    remarks: list[str]

    def decide(self, seen: Seen) -> Orders:
        """The evening's trips and purchases."""


def look(network: Network, day: int) -> Seen:
    """What can be seen of the network in the evening of a day."""
    world = network.world
    return Seen(
        day=day,
        business=world.business,
        class_of=world.class_of,
        grams=world.grams,
        lot_life=world.lot_life,
        xy_km=world.xy_km,
        sold=network.sold[: day + 1].copy(),
        covered=network.covered[: day + 1].copy(),
        stock=network.stock.copy(),
        position=network.stock.sum(axis=0) + network.on_order(),
        ahead=world.announced(day, AHEAD_DAYS),
        past=world.announced_past(day),
        failed=world.failed[: day + 1],
    )


@dataclass(frozen=True, slots=True)
class Expected:
    """Demand per day and its deviation per √day, units, [place, SKU]; place 0: the network."""

    mean: Floats
    sd: Floats


@dataclass(frozen=True, slots=True)
class Lacking:
    """What places may want of a class's SKUs, [place, SKU of the class].

    life: days that a unit can be sold on arrival, by SKU; room_kg: by place.
    levels: order-up-to levels; None where they follow from demand and deviation.
    """

    position: Ints
    mean: Floats
    sd: Floats
    life: Floats
    grams: Ints
    case_pack: int
    room_kg: Floats
    levels: Ints | None = None

    def lines(self, *, span: tuple[float, float], z: float) -> Ints:
        """Units to order, by the product's rules. span: lead and cycle, days.

        Places meet nowhere but in their rooms: all are looked at at once, and those whose room is
        too small once more by themselves.
        """
        every = np.arange(len(self.position))
        units = self._lines(every, ANY_KG, span, z)
        kg = (units * self.grams).sum(axis=1) / 1000.0
        for place in np.flatnonzero(kg > self.room_kg):
            units[place] = self._lines(every[[place]], float(self.room_kg[place]), span, z)[0]
        return units

    def _lines(self, places: Ints, room_kg: float, span: tuple[float, float], z: float) -> Ints:
        many, n = len(places), len(self.grams)
        table = SkuTable(
            gtins=_names(many * n),
            forecast_units_per_day=self.mean[places].ravel(),
            forecast_sd_units_per_day=self.sd[places].ravel(),
            position_units=self.position[places].ravel(),
            usable_life_days=np.tile(self.life, many),
            grams_per_unit=np.tile(self.grams, many),
            case_pack_units=np.full(many * n, self.case_pack, dtype=np.int64),
            minimum_order_units=np.zeros(many * n, dtype=np.int64),
            order_up_to_units=None if self.levels is None else self.levels[places].ravel(),
        )
        given = allocate(
            table,
            class_quantity_kg=room_kg,
            cycle_days=span[1],
            lead_time_days=span[0],
            service_z=z,
            capacity_kg=room_kg,
        )
        return given.units.reshape(many, n)


@lru_cache
def _names(n: int) -> tuple[str, ...]:
    return tuple(f"{k:06d}" for k in range(n))


def life_from_centre(seen: Seen) -> Floats:
    """Days that what the centre would send can be sold on arrival; of an empty shelf, its best."""
    centre = seen.stock[:, 0]
    days = np.arange(1, len(centre) + 1) @ centre / np.maximum(centre.sum(axis=0), 1)
    left = np.where(centre.sum(axis=0) > 0, days, seen.lot_life) - seen.business.lead_days + 1
    return np.where(seen.lot_life > LIFE_MAX, KEEPS_DAYS, np.maximum(left, 0.0))


def life_from_supplier(seen: Seen) -> Floats:
    """Days that what a supplier sends can be sold."""
    return np.where(seen.lot_life > LIFE_MAX, KEEPS_DAYS, seen.lot_life.astype(np.float64))


def rooms_kg(seen: Seen, goods_class: int) -> Floats:
    """What still fits into a class's room at each place, with what is on its way."""
    skus = seen.skus_of(goods_class)
    held = (seen.position[:, skus] * seen.grams[skus]).sum(axis=1) / 1000.0
    left: Floats = np.maximum(0.0, seen.business.classes[goods_class].storage_kg - held)
    return left


def rationed(seen: Seen, wanted: Mapping[int, Ints]) -> dict[int, Ints]:
    """What the centre can give of what places want: equal shares of what is scarce."""
    if not wanted:
        return {}
    total = np.sum(list(wanted.values()), axis=0)
    there = seen.stock[:, 0].sum(axis=0)
    share = np.where(total > there, there / np.maximum(total, 1), 1.0)
    return {
        place: np.floor(units * share + 1e-9).astype(np.int64) for place, units in wanted.items()
    }


def packed(seen: Seen, goods_class: int, wanted: Mapping[int, Ints]) -> list[Trip]:
    """Vehicles filled along a sweep around the centre; what does not fit starts the next one."""
    capacity = int(seen.business.classes[goods_class].vehicle_capacity_kg * 1000)
    around = sorted(wanted, key=lambda p: (float(np.arctan2(*seen.xy_km[p][::-1])), p))
    trips: list[Trip] = []
    stops: list[int] = []
    loads: list[Ints] = []
    left = capacity
    for place in around:
        units = wanted[place].copy()
        while units.any():
            fitting = _that_fit(units, seen.grams, left)
            if fitting.any():
                stops.append(place)
                loads.append(fitting)
                left -= int((fitting * seen.grams).sum())
                units -= fitting
            if units.any():
                if not stops:
                    break  # one unit is heavier than the vehicle carries
                trips.append(Trip(goods_class, tuple(stops), np.array(loads)))
                stops, loads, left = [], [], capacity
    if stops:
        trips.append(Trip(goods_class, tuple(stops), np.array(loads)))
    return trips


def _that_fit(units: Ints, grams: Ints, left: int) -> Ints:
    before = np.cumsum(units * grams) - units * grams
    fitting: Ints = np.clip((left - before) // grams, 0, units)
    return fitting


def moving_average(seen: Seen) -> Expected:
    """What a spreadsheet expects: mean and deviation of the last four weeks."""
    days = slice(max(0, seen.day + 1 - MEMORY_DAYS), None)
    factors = np.maximum(seen.past[days], FACTOR_MIN)
    covered = seen.covered[days]
    asked = (seen.sold[days, 1:] / np.maximum(covered[:, 1:], COVERED_MIN)).sum(axis=1) / factors
    sold = seen.sold[days] / factors[:, None]
    mean = sold.sum(axis=0) / np.maximum(covered.sum(axis=0), 1.0)
    sd = sold.std(axis=0)
    # Of the network the average is that of its days, each made up for what was not seen.
    mean[0], sd[0] = asked.mean(axis=0), asked.std(axis=0)
    return Expected(mean=mean, sd=sd)


def with_campaigns(seen: Seen, expected: Expected, days: float) -> Expected:
    """Raised by what is announced for the days to come."""
    factor = seen.ahead[: max(1, int(np.ceil(days)))].mean(axis=0)
    return Expected(mean=expected.mean * factor, sd=expected.sd * factor)


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule of thumb's numbers for one class.

    cycle_days: between two deliveries, what a delivery lasts, or how long a truck may wait to be
    full; procurement_days: between two purchases; z: safety factor.
    """

    cycle_days: int
    procurement_days: int
    z: float


Expect = Callable[[Seen], Expected]
"""What is expected in an evening, without campaigns."""

Choose = Callable[[Seen, Mapping[int, Ints], int, Rule, Expected], Mapping[int, Ints]]
"""(seen, what each place lacks, class, rule, what is expected) to what is sent this evening."""


@dataclass(slots=True)
class RuleOfThumb:
    """Deliveries by a rule per class; purchases by cycle, up to a level for the whole network."""

    rules: Sequence[Rule]
    choose: Choose
    expect: Expect
    remarks: list[str] = field(default_factory=list)

    def decide(self, seen: Seen) -> Orders:
        """The evening's trips and purchases."""
        trips: list[Trip] = []
        bought = np.zeros(len(seen.class_of), dtype=np.int64)
        expected = self.expect(seen)
        life = life_from_centre(seen)
        for i, rule in enumerate(self.rules):
            if self.choose is on_fixed_days and seen.day % rule.cycle_days:
                lacking = {}  # nobody would ask
            else:
                lacking = _lacking(seen, i, rule, expected, life)
            chosen = self.choose(seen, lacking, i, rule, expected)
            trips += packed(seen, i, rationed(seen, chosen))
            if seen.day % rule.procurement_days == 0:
                bought += purchase(seen, i, rule, expected)
        return Orders(trips, bought)


def _lacking(seen: Seen, i: int, rule: Rule, expected: Expected, life: Floats) -> dict[int, Ints]:
    """By place the units of each SKU, where there are any."""
    span = (float(seen.business.lead_days), float(rule.cycle_days))
    skus = seen.skus_of(i)
    raised = with_campaigns(seen, expected, sum(span))
    lacking = Lacking(
        position=seen.position[1:, skus],
        mean=raised.mean[1:, skus],
        sd=raised.sd[1:, skus],
        life=life[skus],
        grams=seen.grams[skus],
        case_pack=seen.business.classes[i].case_pack,
        room_kg=rooms_kg(seen, i)[1:],
    ).lines(span=span, z=rule.z)
    found = {}
    for place in np.flatnonzero(lacking.any(axis=1)).tolist():
        found[place + 1] = np.zeros(len(seen.class_of), dtype=np.int64)
        found[place + 1][skus] = lacking[place]
    return found


def purchase(seen: Seen, i: int, rule: Rule, expected: Expected) -> Ints:
    """Up to what the network sells until the next purchase has arrived and been delivered."""
    goods: GoodsClass = seen.business.classes[i]
    lead = float(goods.supplier_lead_days + seen.business.lead_days)
    span = (lead, float(rule.procurement_days + rule.cycle_days))
    raised = with_campaigns(seen, expected, sum(span))
    skus = seen.skus_of(i)
    bought = Lacking(
        position=seen.position[:, skus].sum(axis=0)[None],
        mean=raised.mean[:1, skus],
        sd=raised.sd[:1, skus],
        life=life_from_supplier(seen)[skus],
        grams=seen.grams[skus],
        case_pack=goods.case_pack,
        room_kg=np.array([ANY_KG]),
    ).lines(span=span, z=rule.z)
    units = np.zeros(len(seen.class_of), dtype=np.int64)
    units[skus] = bought[0]
    return units


def on_fixed_days(
    seen: Seen, lacking: Mapping[int, Ints], i: int, rule: Rule, expected: Expected
) -> Mapping[int, Ints]:
    """Everybody is filled up every so many days."""
    return lacking if seen.day % rule.cycle_days == 0 else {}


def at_reorder_point(
    seen: Seen, lacking: Mapping[int, Ints], i: int, rule: Rule, expected: Expected
) -> Mapping[int, Ints]:
    """(s, S), every SKU at every place for itself, looked at every evening."""
    lead = seen.business.lead_days + 1.0
    raised = with_campaigns(seen, expected, lead)
    s = raised.mean * lead + rule.z * raised.sd * np.sqrt(lead)
    sent = {}
    for place, units in lacking.items():
        due = np.where(seen.position[place] <= s[place], units, 0)
        if due.any():
            sent[place] = due
    return sent


def when_full(
    seen: Seen, lacking: Mapping[int, Ints], i: int, rule: Rule, expected: Expected
) -> Mapping[int, Ints]:
    """A truck leaves full; one that waits for too long leaves as it is."""
    if seen.day % rule.cycle_days == 0:
        return lacking
    capacity = seen.business.classes[i].vehicle_capacity_kg
    around = sorted(lacking, key=lambda p: (float(np.arctan2(*seen.xy_km[p][::-1])), p))
    kg = np.cumsum([float((lacking[p] * seen.grams).sum()) / 1000.0 for p in around])
    n_full = int(kg[-1] // capacity) if len(kg) else 0
    return {p: lacking[p] for p, upto in zip(around, kg, strict=True) if upto <= n_full * capacity}


RULES: Final[Mapping[str, Choose]] = {
    "fixed-cycle": on_fixed_days,
    "reorder-point": at_reorder_point,
    "full-truck": when_full,
}
