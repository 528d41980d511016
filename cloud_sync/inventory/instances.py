"""Single things: where each serial was seen last, and what is in each logistic unit.

Quantities say how much there is, sightings where one of it is; where they disagree the sighting
is right about its instance: it was seen. A sighting is a line's serials at its target, a counted
serial at its place, or a tag at its read point; the last in the order of places holds. A serial
that was in two places faster than goods can travel is a copied tag (inventory/traces.py).

A logistic unit's contents are what was packed less what was unpacked: sums, in any order. Who
moves a unit moves its contents: `contents_lines` writes them as lines into the event, so that
the stock in the books never depends on what is packed where.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Final, NamedTuple

from cloud_sync.contract import events as ev
from cloud_sync.inventory.places import Place, Placed

Instance = tuple[str, str]
"""Item and serial."""


class Seen(NamedTuple):
    """Where an instance was. is_tag: by a reader, at its read point and not in a bin."""

    location: str
    is_tag: bool


class Sighting(NamedTuple):
    """An instance seen at a place."""

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


def sightings(event: ev.Event) -> Iterator[tuple[Instance, Seen]]:
    """Which instances an event saw, and where."""
    for line in event.lines:
        for serial in line.serials:
            yield (line.item, serial), Seen(line.to_location, is_tag=False)
    if event.type == ev.TAG_ARRIVED:
        item, tagged = event.body.get("gtin"), event.body.get("serial")
        if isinstance(item, str) and isinstance(tagged, str):
            yield (item, tagged), Seen(str(event.body.get("read_point")), is_tag=True)
    if event.type == ev.COUNT_OBSERVED:
        body = event.body
        for entry in (*_entries(body.get("assertions")), *_entries(body.get("loose"))):
            counted, location = entry.get("item"), entry.get("location")
            serials = entry.get("serials")
            if (
                isinstance(counted, str)
                and isinstance(location, str)
                and isinstance(serials, list)
            ):
                for each in serials:
                    yield (counted, str(each)), Seen(location, is_tag=False)


WITH_LABELS: Final = frozenset({ev.GOODS_RECEIVED, ev.TRANSFER_RECEIVED, ev.GOODS_RETURNED})
"""What is done with each piece's label in sight: lot and serial stand beside each other."""


def lots_of_serials(event: ev.Event) -> Iterator[tuple[Instance, str]]:
    """Of which lot each piece is that an event names with both, at the door or the bench."""
    if event.type in WITH_LABELS:
        for line in event.lines:
            for serial in line.serials if line.lot else ():
                yield (line.item, serial), line.lot or ""
    elif event.type == ev.UNIT_PACKED:
        for child in _entries(event.body.get("children")):
            item, lot, serials = child.get("item"), child.get("lot"), child.get("serials")
            if isinstance(item, str) and isinstance(lot, str) and isinstance(serials, list):
                for each in serials:
                    yield (item, str(each)), lot


def positions(events: Iterable[Placed]) -> Mapping[Instance, Sighting]:
    """Where every instance was seen last."""
    last: dict[Instance, Sighting] = {}
    for place, event in events:
        for instance, seen in sightings(event):
            if instance not in last or last[instance].place < place:
                last[instance] = Sighting(place, event.event_id, event.warehouse, *seen)
    return last


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
