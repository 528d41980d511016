"""Counts that the cloud asks for by plan, and how far the counts of a warehouse are.

One count a day and warehouse at most, of what is due and in no other open count. Whatever count is
done, each of its places closed with an outcome that stands, is closed as a document.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Final

from cloud_sync.contract import documents as doc
from cloud_sync.contract import events as ev
from cloud_sync.contract import keys
from cloud_sync.contract.counting import COUNTING_PLAN, CountingPlan
from cloud_sync.inventory.counting_plans import (
    DAY_US,
    DONE,
    DueItem,
    classes_by_demand,
    due_items,
    places_to_count,
)
from cloud_sync.inventory.places import Place, parse_place, place_text
from cloud_sync.store.columns import integer, text
from cloud_sync.store.documents import (
    Draft,
    Gone,
    change_documents,
    find_documents,
    put_documents,
    read_documents,
)
from cloud_sync.store.ports import Transaction, fetch_in
from cloud_sync.store.usable_lots import day_at, read_whereabouts

PREFIX: Final = "CYCLE"
"""What the ids of counts by plan begin with."""
_BESIDE: Final = frozenset({keys.RECEIVING, keys.PACKING})
"""Places where goods are for a while; those who pass are counted where they end."""
KEPT_DAYS: Final = 30
"""Counts by plan that are done are taken away after so many days."""

_CLOSED: Final = (
    "insert into count_closings(warehouse, document, location, at_us, event_id, outcome) "
    "values (?, ?, ?, ?, ?, ?) on conflict (warehouse, document, location) do update "
    "set at_us = excluded.at_us, event_id = excluded.event_id, outcome = excluded.outcome "
    "where (excluded.at_us, excluded.event_id) "
    "> (count_closings.at_us, count_closings.event_id)"
)


@dataclass(frozen=True, slots=True)
class OpenCount:
    """A count that is not done. left: its places and what their closing said, "" for none yet."""

    count: doc.Count
    left: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Counting:
    """How far the counts of a warehouse are. plan: None where there is none."""

    plan: CountingPlan | None
    open_counts: Sequence[OpenCount]
    done: Sequence[doc.Count]
    due: Sequence[DueItem]


async def note_closings(tx: Transaction, warehouse: str, events: Sequence[ev.Event]) -> None:
    """Keep how the places of counts were closed; of several closings the last one holds."""
    await tx.execute_many(
        _CLOSED,
        sorted(
            (warehouse, named.id, event.location, event.occurred_at_us, event.event_id,
             str(event.body.get("outcome")))
            for event in events
            if event.type == ev.COUNT_CLOSED and event.location is not None
            for named in event.documents
            if named.type == doc.COUNT
        ),
    )  # fmt: skip


async def warehouses_with_counts(tx: Transaction) -> list[str]:
    """The warehouses with a plan or an open count."""
    plans = await read_documents(tx, COUNTING_PLAN)
    counts = await read_documents(tx, doc.COUNT)
    named = {it.warehouse for it in map(CountingPlan.model_validate, plans)}
    named |= {it.warehouse for it in map(doc.Count.model_validate, counts) if it.status == "open"}
    return sorted(named)


async def read_counting(tx: Transaction, warehouse: str, *, now_us: int) -> Counting:
    """How far the counts of a warehouse are, and what is due by its plan."""
    counts = [
        it
        for it in map(
            doc.Count.model_validate, await read_documents(tx, doc.COUNT, warehouse=warehouse)
        )
        if it.status == "open"
    ]
    lying = await _lying(tx, warehouse)
    stock = {item: set(places) for item, places in lying.items()}
    zones = await _zones(tx, warehouse) if any(map(_needs_zones, counts)) else {}
    closed: dict[str, dict[str, str]] = {}
    for document, location, outcome in await tx.fetch(
        "select document, location, outcome from count_closings where warehouse = ?", (warehouse,)
    ):
        closed.setdefault(text(document), {})[text(location)] = text(outcome)
    open_counts, done = [], []
    for count in counts:
        said = closed.get(count.id, {})
        left = {
            place: said.get(place, "")
            for place in sorted(places_to_count(count, stock, zones))
            if said.get(place) not in DONE
        }
        if left or not (said or count.id.startswith(PREFIX)):
            open_counts.append(OpenCount(count, left))
        else:
            done.append(count)
    plan, due = await _plan(tx, warehouse), list[DueItem]()
    if plan is not None:
        due = due_items(
            plan,
            classes_by_demand(await _demand(tx, warehouse)),
            await _counted(tx, plan, lying, now_us),
            now_us,
        )
    return Counting(plan, open_counts, done, due)


async def go_on_counting(tx: Transaction, warehouse: str, *, now_us: int) -> int:
    """Close what is done, ask for what is due; gives how many documents changed."""
    counting = await read_counting(tx, warehouse, now_us=now_us)
    drafts = [
        Draft(doc.COUNT, it.id, warehouse, it.model_copy(update={"status": "closed"}).model_dump())
        for it in counting.done
    ]
    changed = await put_documents(tx, drafts)
    if counting.plan is None or not counting.due:
        return changed
    zones = await read_whereabouts(tx)
    place = zones.get(warehouse)
    time_zone = None if place is None else place.time_zone
    name = name_of(warehouse, day_at(now_us, time_zone))
    if await _was_there(tx, name):
        return changed
    asked = {item for it in counting.open_counts for item in it.count.items}
    items = [it.item for it in counting.due if it.item not in asked]
    if not items:
        return changed
    plan = counting.plan
    count = doc.Count(
        id=name,
        warehouse=warehouse,
        items=sorted(items[: plan.items_per_day]),
        due_at_us=now_us + plan.within_days * DAY_US,
        blind=plan.blind,
        recount_units=plan.recount_units,
        recount_per_mille=plan.recount_per_mille,
    )
    before = day_at(now_us - KEPT_DAYS * DAY_US, time_zone)
    gone = [
        Gone(doc.COUNT, it.id, warehouse)
        for it in map(
            doc.Count.model_validate, await read_documents(tx, doc.COUNT, warehouse=warehouse)
        )
        if it.status == "closed" and f"{PREFIX}." <= it.id < f"{PREFIX}.{before}"
    ]
    return changed + await change_documents(
        tx, [Draft(doc.COUNT, name, warehouse, count.model_dump())], gone
    )


def name_of(warehouse: str, day: str) -> str:
    """The id of a warehouse's count by plan of a day."""
    name = f"{PREFIX}.{day}.{warehouse}"
    if keys.is_id(name):
        return name
    return f"{PREFIX}.{day}.{blake2b(warehouse.encode(), digest_size=16).hexdigest()}"


def _needs_zones(count: doc.Count) -> bool:
    return bool(count.zones) or not (count.locations or count.items)


async def _plan(tx: Transaction, warehouse: str) -> CountingPlan | None:
    found = await find_documents(tx, COUNTING_PLAN, [warehouse])
    return CountingPlan.model_validate(found[0].content) if found else None


async def _demand(tx: Transaction, warehouse: str) -> dict[str, float]:
    policies = await read_documents(tx, doc.POLICY, warehouse=warehouse)
    return {it.gtin: it.demand_units_per_day for it in map(doc.Policy.model_validate, policies)}


async def _zones(tx: Transaction, warehouse: str) -> dict[str, str]:
    places = await read_documents(tx, doc.LOCATION, warehouse=warehouse)
    return {it.id: it.zone for it in map(doc.Location.model_validate, places)}


async def _lying(tx: Transaction, warehouse: str) -> dict[str, dict[str, bool]]:
    """By item where it lies, and whether any of it there is good: counts are of good goods."""
    found: dict[str, dict[str, bool]] = {}
    for item, location, is_good in await tx.fetch(
        "select item, location, max(case when status = 'available' then 1 else 0 end) "
        "from stock where warehouse = ? and quantity <> 0 group by item, location",
        (warehouse,),
    ):
        found.setdefault(text(item), {})[text(location)] = is_good == 1
    return found


async def _counted(
    tx: Transaction, plan: CountingPlan, lying: Mapping[str, Mapping[str, bool]], now_us: int
) -> dict[str, list[int | None]]:
    """By item, of each place where good ones lie, when they were last counted there.

    A place that never was is as old as its goods there, if others of the item were counted. Only
    as far back as any class goes: who was not counted since then is as good as never.
    """
    since_us = max(0, now_us - 2 * max(plan.every_days.values()) * DAY_US)
    since = place_text(Place(since_us, "", "", "", 0, 0))
    last = {
        (text(item), text(location)): parse_place(text(place)).at_us
        for item, location, place in await tx.fetch(
            "select item, location, max(place) from stock_counts "
            "where warehouse = ? and place >= ? group by item, location",
            (plan.warehouse, since),
        )
    }
    shelves = {
        item: sorted(it for it, is_good in places.items() if is_good and it not in _BESIDE)
        for item, places in lying.items()
    }
    moved = {
        item
        for item, places in shelves.items()
        if 0 < sum((item, it) in last for it in places) < len(places)
    }
    came = await _came(tx, plan.warehouse, moved)
    return {
        item: [last.get((item, it), came.get((item, it))) for it in places]
        for item, places in shelves.items()
        if places
    }


async def _came(
    tx: Transaction, warehouse: str, items: Collection[str]
) -> dict[tuple[str, str], int]:
    """When items first came to their places: who put them there has counted them."""
    return {
        (text(item), text(location)): integer(day) * DAY_US
        for item, location, day in await fetch_in(
            tx,
            "select item, location, min(day) from stock_postings "
            "where warehouse = ? and item in (?*) group by item, location",
            sorted(items),
            before=(warehouse,),
        )
    }


async def _was_there(tx: Transaction, count: str) -> bool:
    """Whether a count was ever written: one that the office took away is not made again."""
    return bool(
        await tx.fetch("select 1 from documents where kind = ? and key = ?", (doc.COUNT, count))
    )
