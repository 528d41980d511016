"""Stock as docs/ledger.md defines it, told a second time: sort all rows, then do one by one.

Shares no code and no idea with the product, which never sorts and never begins anew: here every
question is answered by doing the whole day again.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence

from tests.auditor.records import Json, Row, StockKey, without_zeros

LATE_US = 2_000_000
STALE_US = 3 * 24 * 3600 * 1_000_000
Place = tuple[int, str, str, str, int, int]


def fold(rows: Sequence[Row]) -> Counter[StockKey]:
    """The balances that are not zero, after all rows."""
    stock: Counter[StockKey] = Counter()
    for place, row, asserts in sorted(_effective(rows), key=lambda it: (it[0], it[1].event_id)):
        for line in _dicts(row.event.get("lines")):
            for key, quantity in _halves(str(row.event["warehouse"]), line):
                stock[key] += quantity
        came_us = row.event["received_at_us"]
        is_fresh = isinstance(came_us, int) and came_us - place[0] <= STALE_US
        if asserts and is_fresh:
            _count(stock, row)
    return without_zeros(stock)


def _halves(warehouse: str, line: Json) -> Iterator[tuple[StockKey, int]]:
    goods = (str(line["item"]), str(line.get("lot") or ""))
    measures = [(str(line.get("unit", "EA")), line["quantity"])]
    if line.get("weight_g") is not None:
        measures.append(("g.catch", line["weight_g"]))
    for unit, quantity in measures:
        for side, sign in (("from", -1), ("to", 1)):
            place = str(line[f"{side}_location"])
            owner = "" if place.startswith("@") else warehouse
            status = str(line.get(f"{side}_status", "available"))
            yield (owner, place, *goods, status, unit), sign * int(str(quantity))


def _count(stock: Counter[StockKey], row: Row) -> None:
    body, warehouse = row.event.get("body"), str(row.event["warehouse"])
    if row.event["type"] not in ("count.observed", "event.corrected") or not isinstance(
        body, dict
    ):
        return
    seen: Counter[StockKey] = Counter()
    for entry in _dicts(body.get("assertions")):
        status, unit = str(entry.get("status", "available")), str(entry.get("unit", "EA"))
        serials = entry.get("serials")
        quantity = int(str(entry["quantity"]))
        if isinstance(serials, list):
            quantity = max(quantity, len(set(serials)))
        goods = (str(entry["item"]), str(entry.get("lot") or ""))
        seen[(warehouse, str(entry["location"]), *goods, status, unit)] += quantity
    scope = body.get("scope")
    if body.get("exhaustive") is True and isinstance(scope, dict):
        swept = (warehouse, scope["location"], scope.get("status", "available"))
        for key in list(stock):
            if (key[0], key[1], key[4]) != swept or key[5] != scope.get("unit", "EA"):
                continue
            if scope.get("item") in (None, "", key[2]) and key not in seen:
                _set(stock, key, 0)
    for key, quantity in seen.items():
        _set(stock, key, quantity)


def _set(stock: Counter[StockKey], key: StockKey, quantity: int) -> None:
    stock[("", "@adjustment", *key[2:])] += stock[key] - quantity
    stock[key] = quantity


def _effective(rows: Sequence[Row]) -> Iterator[tuple[Place, Row, bool]]:
    """Where each row acts, and whether its count is the last word; what lost does not act."""
    places = _places(rows)
    by_id = {row.event_id: row for row in rows}
    rivals: dict[object, list[Row]] = defaultdict(list)
    for row in by_id.values():
        if row.event["type"] == "event.corrected" and "corrects" in row.event:
            rivals[row.event["corrects"]].append(row)
    for several in rivals.values():
        several.sort(key=lambda row: places[row.event_id])
    for row in by_id.values():
        root = _root(row, by_id, rivals)
        if root is not None:
            yield places[root.event_id], row, row.event_id not in rivals


def _root(row: Row, by_id: Mapping[str, Row], rivals: Mapping[object, list[Row]]) -> Row | None:
    """What a row corrects in the end, itself if nothing; None if it lost, or runs in a ring."""
    seen = {row.event_id}
    while row.event["type"] == "event.corrected" and "corrects" in row.event:
        target = row.event["corrects"]
        if rivals[target][-1] is not row:
            return None
        if target not in by_id:
            return row
        row = by_id[str(target)]
        if row.event_id in seen:
            return None
        seen.add(row.event_id)
    return row


def _places(rows: Sequence[Row]) -> Mapping[str, Place]:
    places: dict[str, Place] = {}
    times: dict[tuple[str, str], int] = defaultdict(int)
    for row in sorted(rows, key=lambda row: (row.gateway, row.epoch, row.seq)):
        occurred, came = (
            int(str(row.event["occurred_at_us"])),
            int(str(row.event["received_at_us"])),
        )
        device = row.event.get("device")
        mark = device if isinstance(device, dict) else {}
        slack = LATE_US + int(str(mark.get("error_us", 0)))
        knows = mark.get("clock") in ("trusted", "skewed") and "seq" in mark
        journal = (row.gateway, row.epoch)
        if knows and came - occurred > slack:
            place = (occurred, *journal, str(mark["id"]), int(str(mark["seq"])), row.seq)
        else:
            times[journal] = max(times[journal], min(occurred, came))
            place = (times[journal], *journal, "", 0, row.seq)
        places.setdefault(row.event_id, place)
    return places


def _dicts(value: object) -> Iterator[Json]:
    if isinstance(value, list):
        yield from (each for each in value if isinstance(each, dict))
