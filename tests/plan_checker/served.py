"""The rules for a central warehouse's plan: what it says that others need, from what it was told.

Worked out anew from the pages of stock in the journal; it knows the documents' columns and nothing
of the product. That a warehouse is dark is checked by order: who was heard of before a dark one is
dark too.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import cast

from tests.plan_checker.facts import Json, Known

DAY_US = 86_400e6
REVIEW_DAYS = 2.0


def numbers(known: Known, place: str) -> dict[str, dict[str, float]]:
    """What was told of a warehouse, by item."""
    found: dict[str, dict[str, float]] = {}
    for page in known.documents.get("served_stock", {}).values():
        if page["of"] == place:
            # A column that is empty is one of those that an older cloud does not tell.
            names = [it for it in page if it not in {"warehouse", "of", "items"} and page[it]]
            for i, item in enumerate(cast("list[str]", page["items"])):
                row = {it: cast("list[float | None]", page[it])[i] for it in names if page[it]}
                found[item] = {it: float(n) for it, n in row.items() if n is not None}
    return found


def terms(known: Known) -> dict[str, tuple[str, float, int]]:
    """Supplier, days and least units by item."""
    found = {}
    for page in known.documents.get("terms", {}).values():
        columns = [cast("list[object]", page[it]) for it in
                   ("items", "supplier", "lead_time_days", "minimum_order_units")]  # fmt: skip
        for item, supplier, days, least in zip(*columns, strict=True):
            found[str(item)] = str(supplier), float(str(days)), int(str(least))
    return found


def sold_by_all(known: Known) -> dict[str, float]:
    """What all that are served sell of each item in a day."""
    sums: dict[str, float] = {}
    for page in known.documents.get("served_stock", {}).values():
        columns = (cast("list[object]", page[it]) for it in ("items", "demand_per_day"))
        for item, demand in zip(*columns, strict=True):
            sums[str(item)] = sums.get(str(item), 0.0) + float(str(demand))
    return sums


def check_needs(plan: Json, known: Known, network: Json) -> Iterator[str]:
    """Every warehouse once, marked by when it was heard of, and no need that is none."""
    told = cast("list[Json]", plan.get("needs", []))
    places = sorted(str(it["id"]) for it in cast("list[Json]", network["warehouses"]))
    if sorted(str(it["warehouse"]) for it in told) != places:
        yield "not every warehouse of the network is in the plan's needs once"
    contacts = {str(it["of"]): int(str(it["heard_at_us"]))
                for it in known.documents.get("served", {}).values()}  # fmt: skip
    for need in told:
        place = str(need["warehouse"])
        if need.get("heard_at_us") != contacts.get(place):
            yield f"{place} was heard of at {contacts.get(place)}, not {need.get('heard_at_us')}"
        if place not in contacts and not need["is_dark"]:
            yield f"{place} was never heard of and is not marked"
        yield from _of_place(need, plan, known, network)
    dark = [contacts.get(str(it["warehouse"]), 0) for it in told if it["is_dark"]]
    lit = [contacts.get(str(it["warehouse"]), 0) for it in told if not it["is_dark"]]
    if dark and lit and max(dark) >= min(lit):
        yield "a warehouse is marked dark that was heard of later than one that is not"


def _of_place(need: Json, plan: Json, known: Known, network: Json) -> Iterator[str]:
    place, heard = str(need["warehouse"]), need.get("heard_at_us")
    rows = numbers(known, place)
    days = 0.0
    if need["is_dark"] and heard is not None:
        days = max(0.0, (int(str(plan["computed_at_us"])) - int(str(heard))) / DAY_US)
    for item, units in cast("dict[str, int]", need["by_item"]).items():
        row, about = rows.get(item), known.documents["item"].get(item)
        if row is None or about is None:
            yield f"{place} is said to need {item}, of which nothing was told"
            continue
        if row["planned"] and not need["is_dark"]:
            if units != row["planned"]:
                yield f"{place}: {units} of {item}, its plan asks for {row['planned']:.0f}"
            continue
        left = row["on_hand"] - row["allocated"]
        if need["is_dark"]:
            left = max(0.0, left - row["demand_per_day"] * days)
        position = left + row["on_order"]
        # An estimate is rounded to whole units, whichever way.
        if position > row["reorder_point"] + 1:
            yield f"{place}: {item} is above its reorder point and said to be needed"
        span = row["lead_time_days"] + REVIEW_DAYS
        z = float(str(network.get("service_z", 1.645)))
        level = row["demand_per_day"] * span + z * row["demand_sd_per_day"] * math.sqrt(span)
        if "order_up_to" in row:
            more = row["demand_per_day"] * (REVIEW_DAYS - row["cycle_days"])
            level = max(row["order_up_to"] + more, row["reorder_point"] + 1)
        pack = int(str(about.get("case_pack_units", 1)))
        most = max(math.ceil(level) + 1 - position, int(str(about.get("minimum_order_units", 0))))
        if units % pack or units > math.ceil(most / pack) * pack:
            yield f"{place}: {units} of {item} are needed, {most:.0f} are missing to its level"
