"""What flows count: goods of one lot in one unit, where they stand, and sums of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from cloud_sync.contract.events import Line


class Goods(NamedTuple):
    """One item of one lot, in pieces or grams. lot: "" for goods without one."""

    item: str
    lot: str
    unit: str


class Stop(NamedTuple):
    """So much of some goods to be taken at one place."""

    location: str
    goods: Goods
    quantity: int


Sums = dict[Goods, int]


@dataclass(frozen=True, slots=True)
class Candidate:
    """Goods that may be taken: where, how many, how long they are good, where on the way.

    expiry: YYYY-MM-DD, None for what does not spoil. walk: the place's turn on the way.
    """

    location: str
    goods: Goods
    quantity: int
    expiry: str | None
    walk: int


def goods_of(line: Line) -> Goods:
    """The goods that a line moves."""
    return Goods(line.item, line.lot or "", line.unit)


def add(sums: Sums, goods: Goods, quantity: int) -> None:
    """Change one sum; a sum of zero is forgotten."""
    total = sums.get(goods, 0) + quantity
    if total:
        sums[goods] = total
    else:
        sums.pop(goods, None)


def amounts(sums: Mapping[Goods, int]) -> str:
    """How much it is in words: `3`, `500 g` or `3 + 500 g`; pieces and grams are never added."""
    by_unit: dict[str, int] = {}
    for goods, n in sums.items():
        by_unit[goods.unit] = by_unit.get(goods.unit, 0) + n
    return " + ".join(amount(n, unit) for unit, n in sorted(by_unit.items())) or "0"


def amount(n: int, unit: str) -> str:
    """So many pieces, or grams."""
    return f"{n} g" if unit == "g" else str(n)


def units_of_item(sums: Mapping[Goods, int], item: str, unit: str) -> int:
    """The pieces, or the grams, of all lots of an item."""
    return sum(n for goods, n in sums.items() if goods.item == item and goods.unit == unit)


def goods_rows(sums: Mapping[Goods, int]) -> list[dict[str, object]]:
    """Sums as event bodies and results say them, in order of goods."""
    return [{**row_of(goods), "quantity": n} for goods, n in sorted(sums.items())]


def row_of(goods: Goods) -> dict[str, object]:
    """Goods as event bodies say them: no lot instead of an empty one."""
    row: dict[str, object] = {"item": goods.item, "unit": goods.unit}
    if goods.lot:
        row["lot"] = goods.lot
    return row


def goods_in(row: Mapping[str, object]) -> Goods:
    """The goods in a row of an event's body."""
    return Goods(str(row["item"]), str(row.get("lot") or ""), str(row.get("unit") or "EA"))


def number(value: object) -> int:
    """A whole number out of a body. Raises AssertionError for anything else: we wrote it."""
    if not isinstance(value, int) or isinstance(value, bool):
        raise AssertionError(f"expected a whole number in an event's body, got {value!r}")
    return value


def stop_rows(stops: Iterable[Stop]) -> list[dict[str, object]]:
    """Stops as `pick.allocated` says them."""
    return [
        {"location": stop.location, **row_of(stop.goods), "quantity": stop.quantity}
        for stop in stops
    ]


def stops_in(rows: object) -> list[Stop]:
    """The stops in a body."""
    if not isinstance(rows, list | tuple):
        return []
    return [Stop(str(row["location"]), goods_in(row), number(row["quantity"])) for row in rows]
