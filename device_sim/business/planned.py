"""Our planner: the class plan of the real solver, the SKU levels of the real demand room.

Once a week: forecasts per place from what was sold (stock-outs censored), levels by
`optimizer.demand.levels`, a class plan by the hybrid solver on that demand. Every evening: the
plan's trips that are due; and a trip out of turn where an outage is in sight before the next.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, timedelta
from statistics import NormalDist
from typing import Final

import numpy as np

from device_sim.business.chance import HOURS_OF, Floats, Ints
from device_sim.business.policies import (
    AHEAD_DAYS,
    COVERED_MIN,
    MEMORY_DAYS,
    Expected,
    Seen,
    life_from_centre,
    life_from_supplier,
    lines,
    packed,
    rationed,
    room_kg,
)
from device_sim.business.scenario import LIFE_MAX
from device_sim.business.world_days import Orders, Trip, tour_km
from device_sim.errors import ScenarioRefused
from optimizer import Infeasible, MaxGenerations, NoImprovement, Plan, parse_case, solve
from optimizer.demand.forecast import Forecast, fit
from optimizer.demand.history import History
from optimizer.demand.levels import ServiceClass, Supply, stock_levels

MONDAY: Final = date(2026, 3, 2)
HISTORY_DAYS: Final = 56
PLANNED_LOAD: Final = 0.9
"""Of a vehicle: weeks have busy days."""
SHORT_LIVED: Final = 0.1
OUTAGE_SHARE: Final = 0.2
"""Of a class's demand until its next delivery: more than that lacking calls for a trip."""


@dataclass(frozen=True, slots=True)
class Levels:
    """What one place is filled up to: safety stock over the span's mean, and the forecast."""

    forecast: Forecast
    safety: Floats


@dataclass(slots=True)
class Planned:
    """The policy. service: share of cycles without a stock-out that is promised for every SKU."""

    service: float
    seed: int = 1
    _plan: Plan | None = None
    _made_on: int = -1
    _levels: dict[int, Levels] = field(default_factory=dict)
    _visited: dict[tuple[int, int], int] = field(default_factory=dict)
    _bought: dict[int, int] = field(default_factory=dict)

    def decide(self, seen: Seen) -> Orders:
        """The evening's trips and purchases."""
        if self._plan is None or seen.day - self._made_on >= 7:
            self._think(seen)
        trips: list[Trip] = []
        bought = np.zeros(len(seen.class_of), dtype=np.int64)
        sooner = seen.position - _doomed(seen, self._levels)
        for i in range(len(seen.business.classes)):
            trips += self._trips(seen, i, sooner)
            bought += self._purchase(seen, i, sooner)
        return Orders(trips, bought)

    def _think(self, seen: Seen) -> None:
        """Forecast, plan, and set levels by the plan's cycles."""
        self._made_on = seen.day
        forecasts = {p: _forecast(seen, p) for p in range(1, len(seen.xy_km))}
        try:
            self._plan = _solve(seen, forecasts, self)
        except Infeasible as error:
            if self._plan is None:
                raise ScenarioRefused(f"{seen.business.name}: no class plan: {error}") from error
            # What was planned last is still driven.
        for place, forecast in forecasts.items():
            self._levels[place] = self._set(seen, place, forecast)
        self._levels[0] = self._set(seen, 0, _forecast(seen, 0))

    def _set(self, seen: Seen, place: int, forecast: Forecast) -> Levels:
        lead, cycle = self._spans(seen, place)
        life = seen.lot_life.astype(np.float64)
        n = len(life)
        supply = Supply(
            service=(ServiceClass(target=self.service, measure="cycle"),) * n,
            lead_days=lead,
            lead_sd_days=np.full(n, np.sqrt(seen.business.late * (1 - seen.business.late))),
            review_days=np.zeros(n),
            cycle_days=cycle,
            life_days=np.where(life > LIFE_MAX, np.inf, life),
            critical_ratio=np.full(n, min(0.99, max(0.5, self.service))),
        )
        flat = np.ones((n, AHEAD_DAYS + 40))
        levels = stock_levels(forecast, supply, start_hours=0.0, uplift=flat)
        mean = _mean_over(forecast, np.ones_like(seen.ahead), lead + cycle)
        return Levels(forecast, levels.order_up_to - mean)

    def _spans(self, seen: Seen, place: int) -> tuple[Floats, Floats]:
        """Lead and cycle of each SKU at a place; at the centre those of the whole network."""
        business = seen.business
        lead = np.empty(len(seen.class_of))
        cycle = np.empty_like(lead)
        for i, goods in enumerate(business.classes):
            mine = seen.class_of == i
            ride = float(business.lead_days)
            lead[mine] = ride + (goods.supplier_lead_days if place == 0 else 0)
            cycles = {p: days for days, stops in self._routes(i) for p in stops}
            usual = sum(cycles.values()) / len(cycles) if cycles else 1.0
            own = cycles.get(place, usual)
            cycle[mine] = own if place else self._procurement_days(i) + usual
        return lead, cycle

    def _routes(self, i: int) -> list[tuple[int, tuple[int, ...]]]:
        if self._plan is None:
            return []
        trips = self._plan.products[i].trips
        return [(t.cycle_days, tuple(int(stop[1:]) for stop in t.stops)) for t in trips]

    def _procurement_days(self, i: int) -> int:
        central = () if self._plan is None else self._plan.products[i].central
        return central[0].cycle_days if central else 1

    def _expected(self, seen: Seen, place: int, span: float) -> Expected:
        """As the lines want it: with z = 1 their level is the demand room's."""
        levels = self._levels[place]
        mean = _mean_over(levels.forecast, self._factors(seen), np.full(len(seen.class_of), span))
        up_to = np.maximum(mean + levels.safety, 0.0)
        expected = np.minimum(mean, up_to)
        return Expected(mean=expected / span, sd=(up_to - expected) / np.sqrt(span))

    def _factors(self, seen: Seen) -> Floats:
        """What is announced, from the day on which the forecast was made."""
        gone = seen.day - self._made_on
        return np.concatenate([np.full((gone, seen.ahead.shape[1]), np.nan), seen.ahead])

    def _trips(self, seen: Seen, i: int, position: Ints) -> list[Trip]:
        """What is due and what is urgent: as planned, or swept anew where that drives less."""
        wanted: dict[int, Ints] = {}
        tours: list[tuple[int, ...]] = []
        for cycle, stops in self._routes(i):
            since = [seen.day - self._visited.get((i, p), -99) for p in stops]
            is_due = max(since) >= cycle
            chosen = [
                place
                for place, days in zip(stops, since, strict=True)
                if is_due or self._is_running_out(seen, i, place, position, cycle - days)
            ]
            tours.append(tuple(chosen))
            wanted |= {p: self._lacking(seen, i, p, position, cycle) for p in chosen}
        self._visited.update({(i, place): seen.day for place in wanted})
        given = {p: units for p, units in rationed(seen, wanted).items() if units.any()}
        planned = [trip for tour in tours for trip in _driven(seen, i, tour, given)]
        swept = packed(seen, i, given)
        return min(planned, swept, key=lambda trips: _driving_cost(seen, i, trips))

    def _lacking(self, seen: Seen, i: int, place: int, position: Ints, cycle: int) -> Ints:
        lead = float(seen.business.lead_days)
        return lines(
            seen,
            i,
            position[place],
            self._expected(seen, place, lead + cycle),
            span=(lead, float(cycle)),
            z=1.0,
            life=life_from_centre(seen),
            room_kg=room_kg(seen, i, place),
        )

    def _is_running_out(
        self, seen: Seen, i: int, place: int, position: Ints, days_left: int
    ) -> bool:
        """Whether much of what will be asked for until the next delivery is not there."""
        skus = seen.skus_of(i)
        span = float(max(1, days_left) + seen.business.lead_days)
        forecast = self._levels[place].forecast
        mean = _mean_over(forecast, self._factors(seen), np.full(len(seen.class_of), span))[skus]
        short = np.maximum(mean - position[place, skus], 0.0).sum()
        could_come = np.minimum(seen.stock[:, 0, skus].sum(axis=0), mean).sum()
        wanted = OUTAGE_SHARE * mean.sum()
        return bool(mean.sum() > 0 and short > wanted and could_come > wanted)

    def _purchase(self, seen: Seen, i: int, position: Ints) -> Ints:
        every = self._procurement_days(i)
        if seen.day - self._bought.get(i, -99) < every:
            return np.zeros(len(seen.class_of), dtype=np.int64)
        self._bought[i] = seen.day
        lead, cycle = self._spans(seen, 0)
        mine = seen.skus_of(i)[0]
        span = (float(lead[mine]), float(cycle[mine]))
        return lines(
            seen,
            i,
            position.sum(axis=0),
            self._expected(seen, 0, sum(span)),
            span=span,
            z=1.0,
            life=life_from_supplier(seen),
            room_kg=1e9,
        )


def _driven(seen: Seen, i: int, tour: tuple[int, ...], given: dict[int, Ints]) -> list[Trip]:
    """A tour of the plan; more vehicles where a busy week asks for them."""
    stops = tuple(p for p in tour if p in given)
    if not stops:
        return []
    units = np.array([given[p] for p in stops])
    kg = float((units * seen.grams).sum()) / 1000.0
    if kg > seen.business.classes[i].vehicle_capacity_kg:
        return packed(seen, i, {p: given[p] for p in stops})
    return [Trip(i, stops, units)]


def _driving_cost(seen: Seen, i: int, trips: list[Trip]) -> float:
    goods = seen.business.classes[i]
    return sum(goods.trip_cost + goods.cost_per_km * tour_km(seen.xy_km, t.stops) for t in trips)


def _forecast(seen: Seen, place: int) -> Forecast:
    """Of one place; of place 0 what the whole network sells."""
    days = slice(max(0, seen.day + 1 - HISTORY_DAYS), seen.day + 1)
    if place:
        units, covered = seen.sold[days, place].T.astype(np.float64), seen.covered[days, place].T
    else:
        parts = seen.sold[days, 1:]
        units = (parts / np.maximum(seen.covered[days, 1:], COVERED_MIN)).sum(axis=1).T
        covered = np.ones_like(units)
    n = len(seen.class_of)
    squares = np.divide((units**2).sum(axis=1), units.sum(axis=1), where=units.sum(axis=1) > 0,
                        out=np.ones(n))  # fmt: skip
    history = History(
        items=tuple(f"{sku:06d}" for sku in range(n)),
        first_day=MONDAY + timedelta(days=days.start),
        units=np.ascontiguousarray(units),
        covered=np.ascontiguousarray(covered),
        profile=np.tile(HOURS_OF, (n, 1)),
        lump=np.clip(squares, 1.0, 4.0),
    )
    return fit(
        history,
        span_days=np.full(n, seen.business.lead_days + 3, dtype=np.int64),
        uplift=np.ascontiguousarray(seen.past[days].T),
    )


def _mean_over(forecast: Forecast, factors: Floats, days: Floats) -> Floats:
    """Expected units over the span after the days whose factors are nan (they are gone)."""
    gone = int(np.isnan(factors[:, 0]).sum())
    means = forecast.means(np.nan_to_num(factors, nan=1.0).T)[:, gone:]
    sums = np.concatenate([np.zeros((len(means), 1)), np.cumsum(means, axis=1)], axis=1)
    last = np.minimum(np.ceil(days).astype(np.int64), means.shape[1])
    found: Floats = sums[np.arange(len(means)), last]
    return found


def _doomed(seen: Seen, levels: dict[int, Levels]) -> Ints:
    """Units of each place that will be too old before their turn comes, by the mean demand."""
    doomed = np.zeros(seen.stock.shape[1:], dtype=np.int64)
    days = np.arange(1, LIFE_MAX + 1)[:, None]
    for place in range(len(seen.xy_km)):
        rate = levels[place].forecast.level
        over = np.cumsum(seen.stock[:LIFE_MAX, place], axis=0) - rate * days
        doomed[place] = np.floor(np.maximum(over.max(axis=0), 0.0))
    return doomed


def _solve(seen: Seen, forecasts: dict[int, Forecast], policy: Planned) -> Plan:
    """The class plan, by the hybrid solver; warm from the last one."""
    case = parse_case(_case(seen, forecasts, policy.service))
    stop = MaxGenerations(40) | NoImprovement(12)
    return solve(case, seed=policy.seed, stop=stop, warm_start=policy._plan)


def _case(seen: Seen, forecasts: dict[int, Forecast], service: float) -> dict[str, object]:
    business = seen.business
    places: list[dict[str, object]] = []
    for place, forecast in forecasts.items():
        week = forecast.means(seen.ahead[:7].T).mean(axis=1)
        kg = np.bincount(seen.class_of, weights=week * seen.grams / 1000.0)
        spread = seen.sold[-MEMORY_DAYS:, place] * (seen.grams / 1000.0)
        sd = [float(spread[:, seen.class_of == i].sum(axis=1).std()) for i in range(len(kg))]
        places.append({
            "id": f"W{place}",
            "xy_km": seen.xy_km[place].tolist(),
            "lead_time_days": business.lead_days,
            "preservation_coefficient": 0.0,
            "products": {
                goods.id: {
                    "demand_kg_per_day": float(kg[i]),
                    "demand_sd_kg": sd[i],
                    "storage_kg": goods.storage_kg,
                }
                for i, goods in enumerate(business.classes)
            },
        })  # fmt: skip
    return {
        "format": "forepost-network/1",
        "name": business.name,
        "service_z": max(0.0, NormalDist().inv_cdf(service)),
        "max_cycle_days": business.max_cycle_days,
        "max_procurement_cycle_days": business.max_procurement_days,
        "products": [_product(seen, i) for i in range(len(business.classes))],
        "central_warehouses": [{
            "id": "CENTRE",
            "xy_km": [0.0, 0.0],
            "preservation_coefficient": 0.0,
            "products": {
                goods.id: {
                    "supplier_lead_time_days": goods.supplier_lead_days,
                    "holding_cost": goods.holding,
                    "trip_cost": goods.supplier_trip_cost,
                }
                for goods in business.classes
            },
        }],
        "warehouses": places,
    }  # fmt: skip


def _product(seen: Seen, i: int) -> dict[str, object]:
    goods = seen.business.classes[i]
    # A tenth of the goods lives no longer than this. The class spoils by M(T) = κ a T² / 2, half
    # of it within that life, at a decay so slow that it takes next to no demand away.
    life = float(np.quantile(seen.lot_life[seen.class_of == i], SHORT_LIVED))
    keeps = life > LIFE_MAX
    return {
        "id": goods.id,
        "initial_freshness": 1.0,
        "decay_per_day": 0.0 if keeps else 0.05 / life,
        "spoilage_coefficient": 0.0 if keeps else 1.0 / (0.05 * life),
        "preservation_cost": 1.0,
        "preservation_cost_factor": goods.preservation,
        "holding_cost": goods.holding,
        "unit_cost": goods.value,
        "shelf_life_days": max(1.0, life),
        "vehicle": {
            "capacity_kg": goods.vehicle_capacity_kg * PLANNED_LOAD,
            "trip_cost": goods.trip_cost,
            "cost_per_km": goods.cost_per_km,
        },
    }
