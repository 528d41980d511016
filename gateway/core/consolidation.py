"""One plan for a central warehouse and all that it serves.

The network document says who is where, with which vehicles, shelves and costs; what is sold in a
day is said by the policies that the served warehouses have by now, where they are known, and by
the document where they are not. So the network's plan is of today's demand. What each warehouse
needs beside what is under way to it (core/served) is taken from the central warehouse's own
position, so the lines buy it for them. It is ordered by that warehouse's own gateway, never from
here: whoever is dark will ask for the goods itself when it is back, and two orders for one need
would be one too many.

A warehouse that is in the network and of which nothing is known counts as dark: it is planned at
the document's demand.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from cloud_sync.contract.plans import WarehouseNeed
from cloud_sync.contract.served import SupplyTerms
from gateway.core.facts import Facts
from gateway.core.served import Need, Silence, live_demand, needs_of, sold_by_all
from gateway.core.solver_job import Sku

APPROVAL: Final = "approval"
"""The network's own key that is none of the solver's: contract.plans.ApprovalLimits."""
SERVICE_Z: Final = 1.645
"""Where the network document says none: about 95 %."""


@dataclass(frozen=True, slots=True)
class Consolidated:
    """What a plan is made for. network: for the solver, with the demand of today.

    by_item, owed_kg: the needs of all warehouses, in units and by zone. sold: what all sell of an
    item in a day, and its deviation.
    """

    network: Mapping[str, object]
    needs: Sequence[Need] = ()
    by_item: Mapping[str, int] = field(default_factory=dict)
    owed_kg: Mapping[str, float] = field(default_factory=dict)
    grams: Mapping[str, int] = field(default_factory=dict)
    terms: Mapping[str, SupplyTerms] = field(default_factory=dict)
    sold: Mapping[str, tuple[float, float]] = field(default_factory=dict)

    def as_all_sell(self, sku: Sku) -> Sku:
        """The SKU with the demand of all that are served, and on its supplier's terms."""
        changes: dict[str, object] = {}
        mean, deviation = self.sold.get(sku.gtin, (0.0, 0.0))
        if mean > sku.forecast_units_per_day:
            # Not below its own policy: not all of those that it serves may be known.
            # Its own level is one for its own demand.
            changes = {
                "forecast_units_per_day": mean,
                "forecast_sd_units_per_day": deviation,
                "order_up_to_units": None,
                "levels_by": None,
            }
        terms = self.terms.get(sku.gtin)
        if terms is not None:
            least = max(sku.minimum_order_units, terms.minimum_order_units)
            changes |= {
                "lead_time_days": terms.lead_time_days,
                "minimum_order_units": least,
            }
            if terms.lead_time_days != sku.lead_time_days:
                changes |= {"order_up_to_units": None, "levels_by": None}
        return sku.model_copy(update=changes) if changes else sku

    def told(self, items: Container[str]) -> list[WarehouseNeed]:
        """The needs as a plan for these items tells them."""
        return [
            WarehouseNeed(
                warehouse=it.warehouse,
                is_dark=it.quiet.is_dark,
                heard_at_us=it.heard_at_us,
                n_items=len(it.by_item),
                units=sum(it.by_item.values()),
                kg=round(sum(n * self.grams[gtin] for gtin, n in it.by_item.items()) / 1000, 3),
                by_item={gtin: n for gtin, n in sorted(it.by_item.items()) if gtin in items},
            )
            for it in self.needs
        ]


def consolidate(
    facts: Facts, zones: Sequence[str], *, now_us: int, dark_after_us: int
) -> Consolidated:
    """What is planned for. Where this is no central warehouse: for itself, on the document."""
    document = {key: it for key, it in (facts.network or {}).items() if key != APPROVAL}
    if not is_central(facts):
        return Consolidated(document)
    found = needs_of(
        facts.served,
        facts.items,
        zones,
        now_us=now_us,
        dark_after_us=dark_after_us,
        service_z=service_z(facts),
    )
    unknown = set(_ids(document.get("warehouses"))) - facts.served.places.keys()
    silent = [Need(it, Silence(is_dark=True, days=None), None, {}) for it in sorted(unknown)]
    by_item: dict[str, int] = {}
    owed_kg: dict[str, float] = {}
    for need in found:
        for gtin, units in need.by_item.items():
            by_item[gtin] = by_item.get(gtin, 0) + units
            zone = facts.items[gtin].zone
            kg = units * facts.items[gtin].grams_per_unit / 1000
            owed_kg[zone] = owed_kg.get(zone, 0.0) + kg
    return Consolidated(
        network=_of_today(document, live_demand(facts.served, facts.items)),
        needs=sorted([*found, *silent], key=lambda it: it.warehouse),
        by_item=by_item,
        owed_kg=owed_kg,
        grams={gtin: facts.items[gtin].grams_per_unit for gtin in by_item},
        terms=facts.served.all_terms(),
        sold=sold_by_all(facts.served),
    )


def is_central(facts: Facts) -> bool:
    """Whether the network has this warehouse as a central one."""
    return facts.warehouse in _ids((facts.network or {}).get("central_warehouses"))


def service_z(facts: Facts) -> float:
    """The network's safety factor."""
    z = (facts.network or {}).get("service_z")
    return float(z) if isinstance(z, int | float) and z >= 0 else SERVICE_Z


def _ids(places: object) -> list[str]:
    named = places if isinstance(places, list) else []
    return [str(it["id"]) for it in named if isinstance(it, dict) and "id" in it]


def _of_today(
    document: Mapping[str, object], demand: Mapping[str, Mapping[str, tuple[float, float]]]
) -> dict[str, object]:
    """The document with demand as it is by now, where that is known."""
    places = document.get("warehouses")
    if not isinstance(places, list):
        return dict(document)
    told = [
        _with_demand(it, demand.get(str(it.get("id")), {})) if isinstance(it, dict) else it
        for it in places
    ]
    return {**document, "warehouses": told}


def _with_demand(
    place: Mapping[str, object], demand: Mapping[str, tuple[float, float]]
) -> dict[str, object]:
    products = place.get("products")
    if not isinstance(products, dict):
        return dict(place)
    named: Iterable[tuple[str, object]] = products.items()
    return {
        **place,
        "products": {
            zone: {
                **about,
                "demand_kg_per_day": round(demand[zone][0], 6),
                "demand_sd_kg": round(demand[zone][1], 6),
            }
            if zone in demand and isinstance(about, dict)
            else about
            for zone, about in named
        },
    }
