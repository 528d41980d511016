"""Questions: where is this, what is here, what is in it. Nothing is recorded."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from cloud_sync.inventory.stock import StockKey
from gateway.core.flows.floor import Floor
from gateway.core.flows.goods import Goods, goods_rows
from gateway.core.flows.verdict import Told

ROWS_MAX: Final = 100
"""Rows in one answer; a PDA's screen holds ten, and its radio carries others' scans too."""


def where_is(goods: Goods, floor: Floor, language: str, today: str, expiry: str | None) -> Told:
    """An item: how many pieces may be sold today (and grams, if any), and where they are.

    Whether the goods in the worker's hand may be sold is told too, if their lot is known; expiry:
    what their symbol says.
    """
    gtin = goods.item
    on_hand = floor.facts.on_hand(gtin, today)
    rows = [_row(key, n, floor) for key, n in floor.stock_of(gtin)]
    item = {
        "gtin": gtin,
        "name": floor.name(gtin, language),
        "on_hand": on_hand.get("EA", 0),
    }
    if "g" in on_hand:
        item["on_hand_g"] = on_hand["g"]
    extra: dict[str, object] = {"item": item}
    if rows:
        extra["places"] = rows[:ROWS_MAX]
    if floor.item(gtin) is None:
        return Told(key="not_on_file", extra=extra)
    problem = floor.why_unusable(goods, today, expiry)
    return Told(key="looked_up", flags=() if problem is None else (problem,), extra=extra)


def what_is_at(location: str, floor: Floor, language: str) -> Mapping[str, object]:
    """What is at a place, for the result; empty where the book has nothing there."""
    rows = [
        {"name": floor.name(key.item, language), **_row(key, n, floor)}
        for key, n in floor.stock_at(location)
    ]
    return {"contents": rows[:ROWS_MAX]} if rows else {}


def what_is_in(sscc: str, floor: Floor) -> Mapping[str, object]:
    """What is in a logistic unit and where it stands, for the result."""
    unit = floor.flows.units.get(sscc)
    if unit is None:
        return {}
    found: dict[str, object] = {
        "contents": goods_rows(unit.contents)[:ROWS_MAX],
        "location": unit.location,
    }
    if unit.order is not None:
        found["order"] = unit.order
    return found


def is_announced(sscc: str, floor: Floor) -> bool:
    """Whether a delivery says that this unit comes."""
    return any(it.sscc == sscc for asn in floor.facts.asns.values() for it in asn.shipped)


def _row(key: StockKey, n: int, floor: Floor) -> dict[str, object]:
    row: dict[str, object] = {
        "location": key.location,
        "item": key.item,
        "quantity": n,
        "unit": key.unit,
        "status": key.status,
    }
    if key.lot:
        row["lot"] = key.lot
        expiry = floor.facts.lots.get((key.item, key.lot))
        if expiry is not None:
            row["expiry"] = expiry
    return row
