"""An evening of one class: what places lack, who gets what is scarce, and which tours leave.

Shares have the same chance of a shortage everywhere (`optimizer.demand.shares`). A tour of the
class plan leaves when its vehicle is full, or when waiting for another day would lose more sales
than it saves (`optimizer.departures`). What does not fit into full vehicles waits, too.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from device_sim.business.chance import Floats, Ints
from device_sim.business.outlook import Outlook, until
from device_sim.business.policies import (
    ANY_KG,
    Lacking,
    Seen,
    life_from_centre,
    life_from_supplier,
    packed,
    rooms_kg,
)
from device_sim.business.world_days import Trip, tour_km
from optimizer.demand.counts import negative_binomial, omega_of
from optimizer.demand.shares import shared_room, shared_stock
from optimizer.departures import leaves


@dataclass(frozen=True, slots=True)
class Evening:
    """What is looked at. sums: by place, `outlook.sums_ahead`; position: [place, SKU], usable."""

    seen: Seen
    i: int
    week: Outlook
    sums: Sequence[Floats]
    position: Ints

    def trips(self) -> list[Trip]:
        """Tonight's trips: tours of the plan as far as they leave, or swept if that is shorter."""
        seen, skus = self.seen, self.week.skus
        mean = self._means()
        chances = np.array([self.week.raised(mean, each) for each in self.week.by_chance])
        share = self._shares(mean, chances)
        tours: list[tuple[int, ...]] = []
        given: dict[int, Ints] = {}
        for _, stops in self.week.tours:
            rows = list(stops)
            load = self._load(stops, share[rows], chances[:, rows])
            if not load.any():
                continue
            tours.append(stops)
            for row, place in enumerate(stops):
                if load[row].any():
                    given[place] = np.zeros(len(seen.class_of), dtype=np.int64)
                    given[place][skus] = load[row]
        planned = [trip for tour in tours for trip in self._driven(tour, given)]
        swept = packed(seen, self.i, given)
        return min(planned, swept, key=self._driving_cost)

    def purchase(self) -> Ints:
        """Up to the level of the network."""
        seen, week, skus = self.seen, self.week, self.week.skus
        mean = self._means()[:1]
        lead = float(seen.business.classes[self.i].supplier_lead_days - 1)
        bought = self._lacking(
            self.position[:, skus].sum(axis=0)[None],
            mean,
            week.raised(self._means(), week.levels)[:1],
            week.span_days[:1],
            life=life_from_supplier(seen),
            room_kg=np.array([ANY_KG]),
        ).lines(span=(lead, 0.0), z=1.0)
        units = np.zeros(len(seen.class_of), dtype=np.int64)
        units[skus] = bought[0]
        return units

    def _means(self) -> Floats:
        """Demand over the levels' spans, [place, SKU]."""
        spans = zip(self.sums, self.week.span_days, strict=True)
        return np.array([until(sums, float(days))[self.week.skus] for sums, days in spans])

    def _shares(self, mean: Floats, chances: Ints) -> Ints:
        """What each place would get if everybody were served tonight, [place, SKU]."""
        seen, skus = self.seen, self.week.skus
        ride = float(seen.business.lead_days - 1)
        share = np.zeros((len(seen.xy_km), len(skus)), dtype=np.int64)
        share[1:] = self._lacking(
            self.position[1:, skus],
            mean[1:],
            self.week.raised(mean, self.week.levels)[1:],
            self.week.span_days[1:],
            life=life_from_centre(seen),
            room_kg=rooms_kg(seen, self.i)[1:],
        ).lines(span=(ride, 0.0), z=1.0)
        there = seen.stock[:, 0, skus].sum(axis=0)
        held = self.position[1:, skus]
        share[1:] = shared_stock(share[1:], held, chances[:, 1:], there)
        return share

    def _load(self, stops: tuple[int, ...], load: Ints, chances: Ints) -> Ints:
        """What a tour takes along tonight: all, as much as fills whole vehicles, or nothing."""
        goods, skus = self.seen.business.classes[self.i], self.week.skus
        grams = self.seen.grams[skus]
        room = goods.vehicle_capacity_kg
        kg = float((load * grams).sum()) / 1000.0
        n_full = int(kg / room)
        growth_kg = sum(float(until(self.sums[p], 1.0)[skus] @ grams) for p in stops) / 1000.0
        full = np.zeros_like(load)
        if n_full:
            held = self.position[np.ix_(np.array(stops), skus)]
            full = shared_room(load, held, chances, grams, int(n_full * room * 1000))
        is_worth_another = leaves(
            load_kg=kg - n_full * room,
            capacity_kg=room,
            loss_per_day=self.week.price * self._lost_by_waiting(stops, load, full),
            growth_kg_per_day=growth_kg,
            trip_cost=goods.trip_cost + goods.cost_per_km * tour_km(self.seen.xy_km, stops),
        )
        return load if is_worth_another else full

    def _lost_by_waiting(self, stops: tuple[int, ...], load: Ints, sent: Ints) -> float:
        """Units not sold if `sent` leaves tonight and the rest of the load a day later."""
        skus, ride = self.week.skus, self.seen.business.lead_days
        less = self.position[np.ix_(np.array(stops), skus)] + sent
        more = less - sent + load
        forecasts = [self.week.forecasts[p] for p in stops]
        lost = 0.0
        # What is missed before anything can be there is missed either way.
        for days, sign in ((ride, 1.0), (ride - 1, -1.0)):
            mean = np.array([until(self.sums[p], float(days))[skus] for p in stops])
            omega = omega_of(
                mean,
                omega=np.array([it.omega[skus] for it in forecasts]),
                lump=np.array([it.lump[skus] for it in forecasts]),
                extra_variance=np.zeros_like(mean),
            )
            ample = mean + 6.0 * np.sqrt(mean + omega * mean**2)
            near = np.nonzero((more > less) & (mean > 0) & (less < ample))
            if days and len(near[0]):
                table = negative_binomial(mean[near], omega[near])
                missed = table.expected_short(np.maximum(less[near], 0.0))
                missed -= table.expected_short(np.maximum(more[near], 0.0))
                lost += sign * float(missed.sum())
        return lost

    def _lacking(
        self,
        position: Ints,
        mean: Floats,
        levels: Ints,
        span_days: Floats,
        *,
        life: Floats,
        room_kg: Floats,
    ) -> Lacking:
        """As the lines want it, with levels of our own. mean: over the spans."""
        skus = self.week.skus
        return Lacking(
            position=position,
            mean=np.minimum(mean, levels) / span_days[:, None],
            sd=np.zeros_like(mean),
            life=life[skus],
            grams=self.seen.grams[skus],
            case_pack=self.seen.business.classes[self.i].case_pack,
            room_kg=room_kg,
            levels=levels,
        )

    def _driven(self, tour: tuple[int, ...], given: dict[int, Ints]) -> list[Trip]:
        """A tour of the plan; more vehicles where one does not do."""
        stops = tuple(p for p in tour if p in given)
        units = np.array([given[p] for p in stops])
        kg = float((units * self.seen.grams).sum()) / 1000.0
        if kg > self.seen.business.classes[self.i].vehicle_capacity_kg:
            return packed(self.seen, self.i, {p: given[p] for p in stops})
        return [Trip(self.i, stops, units)]

    def _driving_cost(self, trips: list[Trip]) -> float:
        goods = self.seen.business.classes[self.i]
        xy = self.seen.xy_km
        return sum(goods.trip_cost + goods.cost_per_km * tour_km(xy, t.stops) for t in trips)
