"""Single things: where each serial was seen last, and what is in each logistic unit.

Quantities say how much there is, sightings where one of it is; where they disagree the sighting
is right about its instance: it was seen. A sighting is a line's serials at its target, a counted
serial at its place, or a tag at its read point; the last in the order of places holds. One serial
in two places faster than goods can travel is a copied tag: a finding, and both are kept.

A logistic unit's contents are what was packed less what was unpacked: sums, in any order. Who
moves a unit moves its contents: `contents_lines` writes them as lines into the event, so that
the stock in the books never depends on what is packed where.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import pairwise
from typing import Final, NamedTuple

from cloud_sync.contract import events as ev
from cloud_sync.inventory.findings import DUPLICATE_EPC, Finding
from cloud_sync.inventory.places import Place, Placed

TRAVEL_US: Final = 60_000_000
"""Nothing is carried from one place of a warehouse to another in less, door to door."""
TRAVEL_BETWEEN_US: Final = 600_000_000
"""Nor from one warehouse to another in less than this."""

Instance = tuple[str, str]
"""Item and serial."""


class Sighting(NamedTuple):
    """An instance seen at a place. is_tag: by a reader, at its read point and not in a bin."""

    place: Place
    event_id: str
    warehouse: str
    location: str
    is_tag: bool


class ContentKey(NamedTuple):
    """Goods of one kind inside a unit."""

    item: str
    lot: str
    unit: str


def sightings(placed: Placed) -> Iterator[tuple[Instance, Sighting]]:
    """Which instances an event saw, and where."""
    place, event = placed
    for line in event.lines:
        for serial in line.serials:
            seen = Sighting(place, event.event_id, event.warehouse, line.to_location, is_tag=False)
            yield (line.item, serial), seen
    if event.type == ev.TAG_ARRIVED:
        item, tagged = event.body.get("gtin"), event.body.get("serial")
        if isinstance(item, str) and isinstance(tagged, str):
            point = str(event.body.get("read_point"))
            yield (
                (item, tagged),
                Sighting(place, event.event_id, event.warehouse, point, is_tag=True),
            )
    if event.type == ev.COUNT_OBSERVED:
        for entry in _entries(event.body.get("assertions")):
            counted, location = entry.get("item"), entry.get("location")
            serials = entry.get("serials")
            if (
                isinstance(counted, str)
                and isinstance(location, str)
                and isinstance(serials, list)
            ):
                for each in serials:
                    yield (
                        (counted, str(each)),
                        Sighting(place, event.event_id, event.warehouse, location, is_tag=False),
                    )


def positions(events: Iterable[Placed]) -> Mapping[Instance, Sighting]:
    """Where every instance was seen last."""
    last: dict[Instance, Sighting] = {}
    for placed in events:
        for instance, seen in sightings(placed):
            if instance not in last or last[instance].place < seen.place:
                last[instance] = seen
    return last


def copied_tags(events: Iterable[Placed]) -> list[Finding]:
    """Serials that were in two places at almost one time."""
    seen: dict[Instance, list[Sighting]] = {}
    for placed in events:
        for instance, sighting in sightings(placed):
            seen.setdefault(instance, []).append(sighting)
    found = []
    for instance, several in sorted(seen.items()):
        several.sort()
        for one, other in pairwise(several):
            if is_impossible(one, other):
                ids = one.event_id, other.event_id
                where = f"{one.location} and {other.location}"
                found.append(Finding(DUPLICATE_EPC, instance, ids, where))
    return found


def is_impossible(one: Sighting, other: Sighting) -> bool:
    """True if nothing can have been at both. A reader's door may be anywhere near a bin."""
    apart_us = abs(other.place.at_us - one.place.at_us)
    if one.warehouse != other.warehouse:
        return apart_us < TRAVEL_BETWEEN_US
    if one.is_tag != other.is_tag or one.place.seq == other.place.seq:
        return False
    return one.is_tag and one.location != other.location and apart_us < TRAVEL_US


def packings(event: ev.Event) -> Iterator[tuple[str, ContentKey, int]]:
    """Unit, goods and quantity that an event puts in, or takes out with a minus."""
    sign = {ev.UNIT_PACKED: 1, ev.UNIT_UNPACKED: -1}.get(event.type)
    parent = event.body.get("parent")
    if sign is None or not isinstance(parent, str):
        return
    for child in _entries(event.body.get("children")):
        item, quantity = child.get("item"), child.get("quantity")
        if not isinstance(item, str) or not isinstance(quantity, int):
            continue
        lot, unit = child.get("lot"), child.get("unit")
        goods = ContentKey(
            item, lot if isinstance(lot, str) else "", unit if isinstance(unit, str) else "EA"
        )
        yield parent, goods, sign * quantity


def contents(events: Iterable[ev.Event]) -> Mapping[str, Mapping[ContentKey, int]]:
    """What is in every unit; a unit that is empty is left away."""
    units: dict[str, dict[ContentKey, int]] = {}
    for event in events:
        for unit, goods, quantity in packings(event):
            inside = units.setdefault(unit, {})
            inside[goods] = inside.get(goods, 0) + quantity
    held = {unit: {k: v for k, v in inside.items() if v} for unit, inside in units.items()}
    return {unit: inside for unit, inside in held.items() if inside}


def contents_lines(
    inside: Mapping[ContentKey, int], *, from_location: str, to_location: str
) -> tuple[ev.Line, ...]:
    """The lines of moving a unit: its contents, from place to place."""
    return tuple(
        ev.Line(
            item=goods.item,
            lot=goods.lot or None,
            from_location=from_location,
            to_location=to_location,
            quantity=quantity,
            unit="g" if goods.unit == "g" else "EA",
        )
        for goods, quantity in sorted(inside.items())
    )


def _entries(value: object) -> Iterator[Mapping[str, object]]:
    if isinstance(value, list | tuple):
        yield from (entry for entry in value if isinstance(entry, dict))
