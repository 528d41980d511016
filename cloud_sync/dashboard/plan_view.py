"""What the page of a plan shows, made of its story: charts, the map, and tables; pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from markupsafe import Markup

from cloud_sync.contract.master import Warehouse
from cloud_sync.dashboard import charts, network_map
from cloud_sync.dashboard.languages import Words
from cloud_sync.dashboard.network_plan import (
    CONTROLLABLE,
    Case,
    NetworkPlan,
    Product,
    Trip,
)
from cloud_sync.dashboard.views import number

ALL: Final = ""
TOURS_LABELLED: Final = 14
"""So many trips of one zone carry their loads on the map; the table tells them all."""

Places = Mapping[str, Warehouse]


def cost_chart(plans: Sequence[tuple[str, NetworkPlan]], words: Words) -> Markup:
    """The cost a day of each zone, term by term, of plans under their names; without purchases."""
    zones = list(dict.fromkeys(it.id for _, plan in plans for it in plan.products))
    rows = [
        (f"{words.named('zone', zone)} · {name}" if len(plans) > 1 else words.named("zone", zone),
         plan.product(zone))
        for zone in zones
        for name, plan in plans
    ]  # fmt: skip
    chart = charts.Chart(
        name="costs",
        title=words.say("plan.costs.title"),
        description=words.say("plan.costs.about"),
        label_name=words.say("plans.zone"),
        numbers=words.say("plans.numbers"),
        labels=tuple(label for label, _ in rows),
        series=tuple(
            charts.Series(words.named("cost", term), tuple(_cost(it, term) for _, it in rows))
            for term in CONTROLLABLE
        ),
        shown=number,
    )
    return charts.stacked_bars(chart)


def _cost(product: Product | None, term: str) -> float | None:
    return None if product is None else product.costs.get(term, 0.0)


def spots_of(
    case: Case | None, plan: NetworkPlan | None, places: Places
) -> list[network_map.Spot]:
    """The warehouses of a network, or where that is not known of a plan."""
    central, others, xy = [], [], {}
    if case is not None:
        central = [it.id for it in case.central_warehouses]
        others = [it.id for it in case.warehouses]
        xy = {it.id: it.xy_km for it in (*case.central_warehouses, *case.warehouses)}
    elif plan is not None:
        trips = [trip for it in plan.products for trip in it.trips]
        central = sorted({trip.central for trip in trips})
        others = sorted({stop for trip in trips for stop in trip.stops})
    return [
        network_map.Spot(
            id=name,
            name=places[name].name if name in places else name,
            is_central=name in set(central),
            xy_km=xy.get(name),
            degrees=_degrees(places.get(name)),
        )
        for name in dict.fromkeys([*central, *others])
    ]


def _degrees(place: Warehouse | None) -> tuple[float, float] | None:
    if place is None or place.latitude is None or place.longitude is None:
        return None
    return place.latitude, place.longitude


def trip_map(
    spots: Sequence[network_map.Spot], plan: NetworkPlan, zone: str, words: Words
) -> Markup:
    """The trips of a zone, or of all, on the map of the network."""
    trips = trips_of(plan, zone)
    is_labelled = zone != ALL and len(trips) <= TOURS_LABELLED
    # Colours stay a zone's own, whichever zones are shown.
    tours = [
        network_map.Tour(
            zone=name,
            central=trip.central,
            stops=tuple(trip.stops),
            load_kg=trip.load_kg,
            words=trip_in_words(name, trip, words),
            label=f"{number(trip.load_kg)} kg" if is_labelled else "",
        )
        for name, trip in trips
    ]
    about = network_map.Words(
        "map", words.say("plan.map.title"), words.say("plan.map.about", n=len(tours))
    )
    return network_map.draw(spots, tours, about, zones=[it.id for it in plan.products])


def trips_of(plan: NetworkPlan, zone: str = ALL) -> list[tuple[str, Trip]]:
    """Trips with their zones, of one zone or all."""
    return [(it.id, trip) for it in plan.products if zone in (ALL, it.id) for trip in it.trips]


def trip_in_words(zone: str, trip: Trip, words: Words) -> str:
    """A trip as a sentence."""
    return words.say(
        "plan.trip",
        zone=words.named("zone", zone),
        way=" → ".join((trip.central, *trip.stops)),
        kg=number(trip.load_kg),
        days=trip.cycle_days,
        km=number(trip.length_km),
    )


@dataclass(frozen=True, slots=True)
class Cycle:
    """What a warehouse gets of a zone in the plan, and what it got in the one before."""

    zone: str
    warehouse: str
    central: str
    cycle_days: int
    quantity_kg: float
    safety_stock_kg: float
    was_days: int | None
    was_kg: float | None

    @property
    def is_another(self) -> bool:
        return self.was_days is not None and self.was_days != self.cycle_days


def cycles_of(plan: NetworkPlan, before: NetworkPlan | None) -> list[Cycle]:
    """The cycle table, in the order of the plan."""
    old = {
        (it.id, order.id): order
        for it in (before.products if before is not None else ())
        for order in it.warehouses
    }
    found = []
    for product in plan.products:
        for it in product.warehouses:
            was = old.get((product.id, it.id))
            found.append(
                Cycle(
                    product.id, it.id, it.central, it.cycle_days, it.quantity_kg,
                    it.safety_stock_kg, was.cycle_days if was else None,
                    was.quantity_kg if was else None,
                )
            )  # fmt: skip
    return found


STATE_KINDS: Final[dict[str, str]] = {
    "proposed": "warn",
    "approved": "good",
    "ordered": "good",
    "in_transit": "good",
    "received": "good",
    "closed": "unknown",
    "rejected": "bad",
    "superseded": "unknown",
    "cancelled": "bad",
}
"""How a state looks: kinds of parts.html."""


def sentences(reasons: Iterable[str], most: int = 12) -> tuple[list[str], int]:
    """Each sentence once, in their order; and how many more there are."""
    several = list(dict.fromkeys(it for it in reasons if it))
    return several[:most], max(0, len(several) - most)
