"""The rules a released plan must keep, each told as a sentence where it is broken.

For a warehouse whose days are UTC's.
"""

from __future__ import annotations

import json
import math
import sqlite3
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import cast

from tests.plan_checker.facts import Event, Json, Known, day_of, delivery_of
from tests.plan_checker.served import check_needs, sold_by_all, terms

Rows = Sequence[tuple[int, Event]]


def read_rows(journal: Path) -> list[tuple[int, Event]]:
    """The journal's rows."""
    with sqlite3.connect(f"file:{journal}?mode=ro", uri=True) as connection:
        found = connection.execute("select seq, body from journal order by seq").fetchall()
    return [(seq, json.loads(body)) for seq, body in found]


def check(rows: Rows) -> list[str]:
    """What is wrong with the plans among the rows."""
    plans = [(seq, event) for seq, event in rows if event["type"] == "plan.proposed"]
    problems = list(_answers(rows))
    for seq, event in plans:
        body = event["body"]
        known = Known(event["warehouse"])
        based_on = int(str(body["based_on_seq"]))
        for at, row in rows:
            if at <= based_on:
                known.take(row)
        if not 0 < based_on < seq:
            problems.append(f"{body['plan_id']}: based on row {based_on}, told in row {seq}")
        problems += [f"{body['plan_id']}: {it}" for it in _of_plan(body, known, rows)]
    return problems


def _answers(rows: Rows) -> Iterator[str]:
    """Each trigger has one answer, told after it; each key fires once."""
    fired = {row["event_id"]: seq for seq, row in rows if row["type"] == "replenishment.triggered"}
    keys = Counter(
        str(row["body"]["key"]) for _, row in rows if row["type"] == "replenishment.triggered"
    )
    yield from (f"trigger {key} fired {n} times" for key, n in keys.items() if n > 1)
    answered: Counter[str] = Counter()
    for seq, row in rows:
        if row["type"] in {"plan.proposed", "plan.decided"}:
            for id_ in cast("list[str]", row["body"].get("triggers", [])):
                answered[id_] += 1
                if fired.get(id_, seq) >= seq:
                    yield f"row {seq} answers {id_}, which had not fired"
    yield from (f"trigger {id_} has {n} answers" for id_, n in answered.items() if n > 1)


def _of_plan(plan: Json, known: Known, rows: Rows) -> Iterator[str]:
    lines = cast("list[Json]", plan["lines"])
    network = next(iter(known.documents.get("network", {}).values()), {})
    items = Counter(str(line["item"]) for line in lines)
    yield from (f"{item} is ordered {n} times" for item, n in items.items() if n > 1)
    if known.is_whole:
        yield from _lines(plan, known, rows)
    if _is_central(known, network):
        yield from check_needs(plan, known, network)
    else:
        yield from _room(plan, known, network)
    yield from _approval(plan, known, network)
    network_plan = cast("Json", plan["network_plan"])
    if bool(network_plan) == ("fallback" in plan):
        yield "neither a solver's plan nor said to be none"
    if network_plan:
        yield from check_network_plan(network_plan, network)
        yield from _source(plan, known, network_plan)


def _is_central(known: Known, network: Json) -> bool:
    return any(
        it["id"] == known.warehouse for it in cast("list[Json]", network["central_warehouses"])
    )


def _lines(plan: Json, known: Known, rows: Rows) -> Iterator[str]:
    day = day_of(int(str(plan["computed_at_us"])))
    named = set(cast("list[str]", plan["triggers"]))
    extra = {
        row["body"].get("item"): int(str(row["body"].get("extra_units") or 0))
        for _, row in rows
        if row["type"] == "replenishment.triggered" and row["event_id"] in named
    }
    suppliers, sold = terms(known), sold_by_all(known)
    gone = [delivery_of(it) for it in cast("list[str]", plan.get("supersedes", []))]
    for line in cast("list[Json]", plan["lines"]):
        name, units = str(line["item"]), int(str(line["quantity"]))
        item, policy = known.documents["item"].get(name), known.policy(name)
        if item is None or policy is None:
            yield f"{name} is not kept here"
            continue
        pack = int(str(item.get("case_pack_units", 1)))
        least = int(str(item.get("minimum_order_units", 0)))
        said = suppliers.get(name)
        if said is not None:
            least = max(least, said[2])
        if (None if said is None else said[0]) != plan.get("supplier"):
            yield f"{name} is bought of {plan.get('supplier')}, the terms name {said}"
        position = known.position(name, day, gone)
        if int(str(line["position_units"])) != position:
            yield f"{name}: position {line['position_units']}, the journal says {position}"
        if units <= 0 or units % pack or units < least:
            yield f"{name}: {units} are no whole packs of {pack}, {least} at least"
        wanted = max(int(str(line["order_up_to_units"])) - position, least)
        if units > math.ceil(max(wanted, least) / pack) * pack:
            yield f"{name}: {units} ordered, {wanted} are needed"
        # As good as sold, where the life of goods is asked.
        position -= extra.get(name, 0) + sum(
            cast("dict[str, int]", it["by_item"]).get(name, 0)
            for it in cast("list[Json]", plan.get("needs", []))
        )
        life, pace = item.get("shelf_life_days"), float(str(policy["demand_units_per_day"]))
        pace = max(pace, sold.get(name, 0.0))
        if life is not None:
            lead = float(str(policy["lead_time_days"])) if said is None else said[1]
            before = max(0.0, position - pace * lead)
            if units > pace * float(str(life)) - before + 1e-6:
                yield f"{name}: {units} will not sell in {life} days after {before:.0f}"


def _kg(plan: Json, known: Known) -> Counter[str]:
    """What the lines weigh, by zone."""
    found: Counter[str] = Counter()
    for line in cast("list[Json]", plan["lines"]):
        item = known.documents["item"].get(str(line["item"]))
        if item is not None:
            weight = int(str(line["quantity"])) * float(str(item["grams_per_unit"])) / 1000
            found[str(item["zone"])] += weight  # type: ignore[assignment]  # a sum of floats
    return found


def _room(plan: Json, known: Known, network: Json) -> Iterator[str]:
    products = {str(it["id"]): it for it in cast("list[Json]", network["products"])}
    places = {str(it["id"]): it for it in cast("list[Json]", network["warehouses"])}
    here = cast("dict[str, Json]", places[known.warehouse]["products"])
    day = day_of(int(str(plan["computed_at_us"])))
    for zone, kg in _kg(plan, known).items():
        vehicle = cast("Json", products[zone]["vehicle"])
        n = _vehicles(plan, known.warehouse, zone)
        if "fallback" in plan:
            n = _vehicles_of_a_day(known, zone, float(str(vehicle["capacity_kg"])), here[zone])
        if kg > n * float(str(vehicle["capacity_kg"])) + 1e-6:
            yield f"{kg:.1f} kg of {zone} are more than {n} vehicles take"
        held = sum(
            max(0, sum(known.usable(name, day).values()))
            * float(str(item["grams_per_unit"]))
            / 1000
            for name, item in known.documents["item"].items()
            if item["zone"] == zone
        )
        room = float(str(here[zone]["storage_kg"]))
        if known.is_whole and kg + held > room + 1e-6:
            yield f"{kg:.1f} kg of {zone} beside {held:.1f} are more than {room:.1f}"


def _vehicles(plan: Json, warehouse: str, zone: str) -> int:
    """How many vehicles come to a warehouse with a zone's goods, by the network's plan."""
    products = cast("list[Json]", cast("Json", plan["network_plan"]).get("products", []))
    trips = [
        trip for it in products if it["id"] == zone for trip in cast("list[Json]", it["trips"])
    ]
    return max(1, sum(warehouse in cast("list[str]", trip["stops"]) for trip in trips))


def _vehicles_of_a_day(known: Known, zone: str, capacity_kg: float, here: Json) -> int:
    """How many a day's demand fills, by the network's document or by the policies."""
    sold_kg = 0.0
    for name, item in known.documents["item"].items():
        policy = known.policy(name) if item["zone"] == zone else None
        if policy is not None:
            a_day = float(str(policy["demand_units_per_day"]))
            sold_kg += a_day * float(str(item["grams_per_unit"])) / 1000
    demand_kg = max(sold_kg, float(str(here.get("demand_kg_per_day", 0.0))))
    return max(1, math.ceil(demand_kg / capacity_kg - 1e-9)) if capacity_kg > 0 else 1


def _approval(plan: Json, known: Known, network: Json) -> Iterator[str]:
    """A plan goes on its own only within every limit that is named."""
    limits = cast("Json", network.get("approval") or {})
    prices = {
        str(it["id"]): float(str(it.get("purchase_price", it.get("unit_cost", 0))))
        for it in cast("list[Json]", network["products"])
    }
    kg = _kg(plan, known)
    lines = cast("list[Json]", plan["lines"])
    measures = {
        "kg_max": sum(kg.values()),
        "units_max": sum(int(str(line["quantity"])) for line in lines),
        "lines_max": len(lines),
        "value_max": sum(n * prices[zone] for zone, n in kg.items()),
    }
    over = [name for name, n in measures.items() if name in limits and n > limits[name]]  # type: ignore[operator]  # numbers
    if plan.get("fallback") and limits.get("fallback") is False:
        over.append("fallback")
    if over and plan.get("approval") != "needed":
        yield f"goes on its own beyond {over}"
    if not over and plan.get("approval") == "needed":
        yield f"waits for a person within all limits: {plan.get('approval_reason')}"


def check_network_plan(plan: Json, network: Json) -> Iterator[str]:
    """Loads, shelves, cycles, and every warehouse on one trip."""
    products = {str(it["id"]): it for it in cast("list[Json]", network["products"])}
    places = {str(it["id"]): it for it in cast("list[Json]", network["warehouses"])}
    for each in cast("list[Json]", plan["products"]):
        zone = str(each["id"])
        capacity = float(str(cast("Json", products[zone]["vehicle"])["capacity_kg"]))
        orders = {str(it["id"]): it for it in cast("list[Json]", each["warehouses"])}
        stops: Counter[str] = Counter()
        whole = Counter(
            name
            for trip in cast("list[Json]", each["trips"])
            for name in cast("list[str]", trip["stops"])
        )
        for trip in cast("list[Json]", each["trips"]):
            names = cast("list[str]", trip["stops"])
            stops.update(names)
            # What one vehicle does not take comes with several, in equal parts.
            load = sum(float(str(orders[name]["quantity_kg"])) / whole[name] for name in names)
            if load > capacity * (1 + 1e-9):
                yield f"{zone}: a trip to {names} carries {load:.1f} of {capacity:.1f} kg"
            if {orders[name]["cycle_days"] for name in names} != {trip["cycle_days"]}:
                yield f"{zone}: a trip to {names} has several cycles"
        several = {name for name, n in stops.items() if n > 1}
        if any(
            float(str(orders[name]["quantity_kg"])) <= capacity for name in several & orders.keys()
        ):
            yield f"{zone}: one of {sorted(several)} is on several trips without need"
        if stops.keys() != orders.keys():
            yield f"{zone}: not every warehouse is on one trip"
        for name, order in orders.items():
            room = float(
                str(cast("dict[str, Json]", places[name]["products"])[zone]["storage_kg"])
            )
            stored = float(str(order["quantity_kg"])) + float(str(order["safety_stock_kg"]))
            if stored > room * (1 + 1e-9):
                yield f"{zone}: {name} is to hold {stored:.1f} of {room:.1f} kg"
        for central in cast("list[Json]", each["central"]):
            cycles = {
                int(str(it["cycle_days"]))
                for it in orders.values()
                if it["central"] == central["id"]
            }
            if any(int(str(central["cycle_days"])) % cycle for cycle in cycles):
                days = central["cycle_days"]
                yield f"{zone}: {central['id']} buys every {days} days for {cycles}"


def _source(plan: Json, known: Known, network_plan: Json) -> Iterator[str]:
    zones = {str(known.documents["item"][str(it["item"])]["zone"])
             for it in cast("list[Json]", plan["lines"])
             if str(it["item"]) in known.documents["item"]}  # fmt: skip
    for each in cast("list[Json]", network_plan["products"]):
        buyers = [it["id"] for it in cast("list[Json]", each["central"])]
        if known.warehouse in buyers and each["id"] in zones and plan["source"] != "@supplier":
            yield f"{each['id']} is bought here, not got from {plan['source']}"
        for order in cast("list[Json]", each["warehouses"]):
            is_ours = order["id"] == known.warehouse and each["id"] in zones
            if is_ours and order["central"] != plan["source"]:
                yield f"{each['id']} comes from {order['central']}, not {plan['source']}"
