"""A place counted by its tags, all of them read in one sweep: what is not among them is not there.

A tag names its piece and no lot. Which lot a piece is of is known if it was seen with its lot when
it came or was packed; else it is

    the one lot of the item that the book has there            where there is one
    one of those that the book has there                       where the numbers fit
    nobody knows which                                         where they do not

Of the last nothing is asserted: a lot that is said to be gone is not sold, and one that is said to
be there is. The place goes on the list of counts, and the worker is told to count it lot by lot.
"""

from __future__ import annotations

from collections.abc import Mapping, Sized
from dataclasses import dataclass, field

from gateway.core.flows.counting import book_at, book_of, observed, zeros
from gateway.core.flows.floor import Floor
from gateway.core.flows.goods import Goods, row_of
from gateway.core.flows.kinds import LOTS_TO_COUNT
from gateway.core.flows.records import CountFlow
from gateway.core.flows.state import AD_HOC, count_key
from gateway.core.flows.verdict import Request, Told, Verdict

Serials = tuple[str, ...]


@dataclass(slots=True)
class _Found:
    """What a sweep comes to. counted: pieces by lot, and those of them that are known by name.

    loose: pieces of which nobody knows the lot. doubtful: items of which nothing is asserted.
    """

    counted: dict[Goods, tuple[int, Serials]] = field(default_factory=dict)
    loose: list[dict[str, object]] = field(default_factory=list)
    doubtful: list[dict[str, object]] = field(default_factory=list)


def sweep(request: Request, place: str, found: Mapping[str, Serials], floor: Floor) -> Verdict:
    """All tags at a place. found: serials by item."""
    asked = floor.facts.counts.get(request.task.id or "")
    key = count_key(request.task.id or AD_HOC + request.device, place)
    flow = floor.flows.counts.get(key, CountFlow())
    scope = asked.items if asked is not None else ()
    result = _Found()
    for item, names in sorted(found.items()):
        books = {
            goods: book_of(goods, place, flow, floor)
            for goods, _ in book_at(place, (item,), floor)
        }
        _sort_by_lot(item, names, books, result, floor)
    open_items = {str(row["item"]) for row in result.doubtful}
    rows = [
        {
            **row_of(goods), "location": place, "quantity": n, "serials": list(names),
            "book": book_of(goods, place, flow, floor),
        }
        for goods, (n, names) in sorted(result.counted.items())
    ]  # fmt: skip
    gone = zeros(place, scope, set(result.counted), flow, floor)
    rows += [row for row in gone if row["item"] not in open_items]
    loose = [{**row, "location": place} for row in result.loose]
    deed = observed(
        request, asked, place, flow.round, rows, is_exhaustive=not open_items, loose=loose
    )
    flags = (LOTS_TO_COUNT,) if open_items else ()
    if any(floor.item(item) is None for item in found):
        flags = (*flags, "unknown_item")
    n_tags = sum(map(len, found.values()))
    values: dict[str, object] = {"counted": n_tags, "place": place, "item": min(found, default="")}
    return Told(
        deeds=(deed,), key="swept", flags=flags,
        values={**values, **(result.doubtful[0] if result.doubtful else {})},
        extra={"counted": n_tags, "round": flow.round},
    )  # fmt: skip


def _sort_by_lot(
    item: str, names: Serials, books: Mapping[Goods, int], result: _Found, floor: Floor
) -> None:
    """Take the pieces of an item into the result, each to its lot. books: what should be there."""
    by_lot: dict[Goods, list[str]] = {}
    unknown: list[str] = []
    for name in names:
        lot = floor.lot_of(item, name)
        if lot is None:
            unknown.append(name)
        else:
            by_lot.setdefault(Goods(item, lot, "EA"), []).append(name)
    is_weighed = any(goods.unit != "EA" for goods in books)
    if unknown and len(books) <= 1 and not is_weighed:
        by_lot.setdefault(next(iter(books), Goods(item, "", "EA")), []).extend(unknown)
        unknown = []
    fits = not is_weighed and _fits(by_lot, len(names), books)
    if unknown:
        result.loose.append({"item": item, "serials": unknown})
    if not unknown and not is_weighed:
        for goods, several in by_lot.items():
            result.counted[goods] = len(several), tuple(sorted(several))
    elif fits:
        for goods, n in books.items():
            result.counted[goods] = n, tuple(sorted(by_lot.get(goods, ())))
    else:
        n_booked = sum(n for goods, n in books.items() if goods.unit == "EA")
        result.doubtful.append(
            {"item": item, "tags": len(names), "booked": n_booked, "lots": len(books)}
        )


def _fits(by_lot: Mapping[Goods, Sized], n: int, books: Mapping[Goods, int]) -> bool:
    """Whether the book may be right: so many in all, and of no lot more than it says."""
    return n == sum(books.values()) and all(
        books.get(goods, 0) >= len(several) for goods, several in by_lot.items()
    )
