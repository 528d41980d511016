"""What a central warehouse knows of those that it serves (cloud_sync/contract/served), and what
they need.

A warehouse that was not heard of for longer than a limit is dark. What it has by now is then
estimated, item by item:

    on hand = max(0, last on hand - allocated - demand x days since) + what was due

What is due counts, because its deliveries leave from here whether or not anybody hears of them.

A need is what the warehouse's last proposed plan asks for while that waits for somebody's word, or
else what the (s, S) rule would order (core/min_max); a dark one's plan of then says nothing about
now, so its need is always by the rule. What is approved is a transfer already, and allocated here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from math import sqrt
from typing import Final

from cloud_sync.contract import documents as doc
from cloud_sync.contract import served as told
from cloud_sync.contract.served import ServedItem, SupplyTerms
from gateway.core.min_max import REVIEW_DAYS, wanted_units
from gateway.core.solver_job import Sku

DAY_US: Final = 86_400_000_000
KINDS: Final = frozenset({told.SERVED, told.SERVED_STOCK, told.TERMS})


@dataclass(slots=True)
class Place:
    """One warehouse that is served. heard_at_us: None before it was told."""

    heard_at_us: int | None = None
    pages: dict[str, dict[str, ServedItem]] = field(default_factory=dict)

    def items(self) -> Iterable[tuple[str, ServedItem]]:
        """All that is known of its items."""
        for _, page in sorted(self.pages.items()):
            yield from page.items()

    def item(self, gtin: str) -> ServedItem | None:
        """What is known of one."""
        return next((page[gtin] for page in self.pages.values() if gtin in page), None)


@dataclass(slots=True)
class ServedBook:
    """All warehouses that are served, and who delivers what."""

    places: dict[str, Place] = field(default_factory=dict)
    terms_pages: dict[str, dict[str, SupplyTerms]] = field(default_factory=dict)

    def all_terms(self) -> dict[str, SupplyTerms]:
        """Who delivers each item, as far as that is known."""
        return {gtin: it for page in self.terms_pages.values() for gtin, it in page.items()}

    def apply(self, change: doc.Change) -> None:
        """Take a document of one of the KINDS."""
        data = None if change.deleted else change.data
        if change.kind == told.TERMS:
            self.terms_pages.pop(change.key, None)
            if data is not None:
                self.terms_pages[change.key] = dict(told.TermsPage.model_validate(data).rows())
        elif change.kind == told.SERVED_STOCK:
            for place in self.places.values():
                place.pages.pop(change.key, None)
            if data is not None:
                page = told.ServedStock.model_validate(data)
                self.places.setdefault(page.of, Place()).pages[change.key] = dict(page.rows())
        elif data is not None:
            contact = told.ServedContact.model_validate(data)
            self.places.setdefault(contact.of, Place()).heard_at_us = contact.heard_at_us


def items_told(change: doc.Change) -> set[str]:
    """The items that a page of stock tells of; the page itself is judged by who takes it."""
    if change.kind != told.SERVED_STOCK or change.data is None:
        return set()
    items = change.data.get("items")
    return set(map(str, items)) if isinstance(items, list) else set()


@dataclass(frozen=True, slots=True)
class Silence:
    """How long ago a warehouse was heard of, and whether that is too long.

    days: None for one that was never heard of.
    """

    is_dark: bool
    days: float | None


def silence(place: Place, *, now_us: int, dark_after_us: int) -> Silence:
    """Whether a warehouse is dark. A clock that is behind the cloud's makes nobody dark."""
    if place.heard_at_us is None:
        return Silence(is_dark=True, days=None)
    age_us = max(0, now_us - place.heard_at_us)
    return Silence(is_dark=age_us > dark_after_us, days=age_us / DAY_US)


def position_now(item: ServedItem, quiet: Silence) -> tuple[int, int]:
    """What is on hand, less what is allocated, and on order by now; estimated if it is dark."""
    left = item.on_hand - item.allocated
    if quiet.is_dark and quiet.days is not None:
        left = max(0, round(left - item.demand_per_day * quiet.days))
    return left, item.on_order


def need_of(item: ServedItem, known: doc.Item, quiet: Silence, *, service_z: float) -> int:
    """Units of an item that a warehouse needs and that are not under way to it."""
    if item.planned and not quiet.is_dark:
        return item.planned
    left, due = position_now(item, quiet)
    if left + due > item.reorder_point:
        return 0  # what the rule says too; most items are here, and it is asked for each of them
    return wanted_units(
        Sku(
            gtin=known.gtin,
            zone=known.zone,
            forecast_units_per_day=item.demand_per_day,
            forecast_sd_units_per_day=item.demand_sd_per_day,
            on_hand_units=left,
            on_order_units=due,
            usable_life_days=known.shelf_life_days,
            grams_per_unit=known.grams_per_unit,
            case_pack_units=known.case_pack_units,
            minimum_order_units=known.minimum_order_units,
            lead_time_days=item.lead_time_days,
            reorder_point_units=item.reorder_point,
            order_up_to_units=item.order_up_to,
            cycle_days=item.cycle_days or REVIEW_DAYS,
        ),
        service_z,
        REVIEW_DAYS,
    )


@dataclass(frozen=True, slots=True)
class Need:
    """What one warehouse needs. by_item: units, of what it needs at all."""

    warehouse: str
    quiet: Silence
    heard_at_us: int | None
    by_item: Mapping[str, int]


def live_demand(
    book: ServedBook, items: Mapping[str, doc.Item]
) -> dict[str, dict[str, tuple[float, float]]]:
    """Demand a day and its deviation in kg, by warehouse and zone, as policies say it by now."""
    found: dict[str, dict[str, tuple[float, float]]] = {}
    for name, place in book.places.items():
        zones: dict[str, tuple[float, float]] = {}
        for gtin, row in place.items():
            known = items.get(gtin)
            if known is None or row.demand_per_day <= 0:
                continue
            kg = known.grams_per_unit / 1000
            mean, variance = zones.get(known.zone, (0.0, 0.0))
            zones[known.zone] = (
                mean + row.demand_per_day * kg,
                variance + (row.demand_sd_per_day * kg) ** 2,
            )
        found[name] = {zone: (mean, sqrt(var)) for zone, (mean, var) in zones.items()}
    return found


def sold_by_all(book: ServedBook) -> dict[str, tuple[float, float]]:
    """What all warehouses together sell of each item in a day, and its deviation, in units."""
    sums: dict[str, tuple[float, float]] = {}
    for place in book.places.values():
        for gtin, row in place.items():
            mean, variance = sums.get(gtin, (0.0, 0.0))
            sums[gtin] = mean + row.demand_per_day, variance + row.demand_sd_per_day**2
    return {gtin: (mean, sqrt(variance)) for gtin, (mean, variance) in sums.items()}


def needs_of(
    book: ServedBook,
    items: Mapping[str, doc.Item],
    zones: Iterable[str],
    *,
    now_us: int,
    dark_after_us: int,
    service_z: float,
) -> list[Need]:
    """What each warehouse that is served needs of the zones' items, in the order of their ids."""
    wanted = set(zones)
    found = []
    for name, place in sorted(book.places.items()):
        quiet = silence(place, now_us=now_us, dark_after_us=dark_after_us)
        by_item = {
            gtin: units
            for gtin, row in place.items()
            if (known := items.get(gtin)) is not None
            and known.zone in wanted
            and (units := need_of(row, known, quiet, service_z=service_z)) > 0
        }
        found.append(Need(name, quiet, place.heard_at_us, by_item))
    return found
