"""Sums by day (demand/day_sums.py), added up behind the gateways' rows and read by the reports.

Every journal is read by a cursor of its own, which moves in the transaction that adds what its
rows add, so that each counts once. Types that add nothing are left out by the database. A row of
`day_sums` is one sum of one day of one warehouse: some thousands a day, whatever was sold; so a
report of a quarter reads hundreds of thousands of rows at most, and never the events themselves.

Of several corrections of one event only the last holds (inventory/corrections.py): the one that
was counted before is taken out again when another comes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import date, timedelta, tzinfo
from typing import Final

from cloud_sync.contract import events as ev
from cloud_sync.demand.day_sums import BY_NOBODY, Sum, additions
from cloud_sync.demand.hours import hour_of
from cloud_sync.inbox.quick import read_kept
from cloud_sync.store.columns import blob, integer, text
from cloud_sync.store.demand import zone_of
from cloud_sync.store.ports import Transaction, Value, fetch_in
from cloud_sync.store.usable_lots import read_whereabouts

ROWS_AT_ONCE: Final = 80
"""Rows looked at in one transaction, some five milliseconds: so long nobody else is answered."""
_SKIPPED: Final = ", ".join(f"'{it}'" for it in sorted(BY_NOBODY))

_BEHIND: Final = (
    "select epochs.warehouse, epochs.gateway, epochs.epoch, coalesce(day_cursors.seq, 0) "
    "from epochs left join day_cursors on day_cursors.warehouse = epochs.warehouse "
    "and day_cursors.gateway = epochs.gateway and day_cursors.epoch = epochs.epoch "
    "where epochs.seq > coalesce(day_cursors.seq, 0) order by epochs.gateway, epochs.started_at_us"
)
_KEYS: Final = ("warehouse", "kind", "day", "subject", "detail", "unit")


async def add_day_sums(tx: Transaction) -> int:
    """Add up the next rows of one journal; gives how many were read, 0 when all are."""
    # Two processes on one database take turns: the second waits here and reads what is left.
    await tx.execute_many("update day_lock set id = id where id = ?", [(1,)])
    behind = await tx.fetch(f"{_BEHIND} limit 1")
    if not behind:
        return 0
    *journal, after = behind[0]
    rows = await tx.fetch(
        "select seq, case when status = 'accepted' and "  # noqa: S608 -- our own words
        f"type not in ({_SKIPPED}) then body end, position from received "
        "where warehouse = ? and gateway = ? and epoch = ? and seq > ? order by seq limit ?",
        (*journal, after, ROWS_AT_ONCE),
    )
    bodies = [blob(body) for _, body, _ in rows if body is not None]
    warehouse = text(journal[0])
    place = (await read_whereabouts(tx)).get(warehouse)
    zone = zone_of(None if place is None else place.time_zone)
    events = read_kept(bodies) if bodies else []
    found: Counter[tuple[str, Sum]] = Counter()
    for event, at_us, sign in await _counting(tx, warehouse, events):
        hour = hour_of(at_us, zone)
        for what, amount in additions(event, hour):
            found[hour.day, what] += sign * amount
    await tx.add("day_sums", _KEYS, "quantity", _rows(warehouse, found))
    await tx.execute_many(
        "insert into day_cursors(warehouse, gateway, epoch, seq) values (?, ?, ?, ?) "
        "on conflict (warehouse, gateway, epoch) do update set seq = excluded.seq",
        [(*journal, integer(rows[-1][0]))],
    )
    return len(rows)


def _rows(warehouse: str, found: Mapping[tuple[str, Sum], int]) -> list[tuple[Value, ...]]:
    return sorted(
        (warehouse, what.kind, day, what.subject, what.detail, what.unit, amount)
        for (day, what), amount in found.items()
        if amount
    )


async def _counting(
    tx: Transaction, warehouse: str, events: Sequence[ev.Event]
) -> list[tuple[ev.Event, int, int]]:
    """What counts, when and with which sign: corrections on the day of what they correct, and in
    place of those that corrected it before."""
    counting = [(it, it.occurred_at_us, 1) for it in events if it.corrects is None]
    corrections = [(it, it.corrects) for it in events if it.corrects is not None]
    if not corrections:
        return counting
    here = {it.event_id: it for it in events}
    kept = await _named(tx, warehouse, {key for _, key in corrections} - here.keys())
    known = {**kept, **here}
    before = await _counted_before(tx, warehouse, {key for _, key in corrections}, here.keys())
    for event, key in corrections:
        target = known.get(key)
        at_us = event.occurred_at_us if target is None else target.occurred_at_us
        counting.append((event, at_us, 1))
        if (former := before.get(key)) is not None:
            counting.append((former, at_us, -1))
        before[key] = event
    return counting


async def _counted_before(
    tx: Transaction, warehouse: str, targets: Collection[str], fresh: Collection[str]
) -> dict[str, ev.Event]:
    """The correction that counts already, by what it corrects, if there is one."""
    pairs = await fetch_in(
        tx,
        "select corrections.corrects, corrections.event_id from corrections "
        "join received on received.warehouse = corrections.warehouse "
        "and received.event_id = corrections.event_id and received.status = 'accepted' "
        "join day_cursors on day_cursors.warehouse = received.warehouse "
        "and day_cursors.gateway = received.gateway and day_cursors.epoch = received.epoch "
        "and day_cursors.seq >= received.seq "
        "where corrections.warehouse = ? and corrections.corrects in (?*) "
        "order by received.position",
        targets,
        before=(warehouse,),
    )
    last = {text(target): text(name) for target, name in pairs if name not in fresh}
    events = await _named(tx, warehouse, set(last.values()))
    return {target: events[name] for target, name in last.items() if name in events}


async def _named(tx: Transaction, warehouse: str, ids: Collection[str]) -> dict[str, ev.Event]:
    rows = await fetch_in(
        tx,
        "select body from received where status = 'accepted' and warehouse = ? "
        "and event_id in (?*)",
        ids,
        before=(warehouse,),
    )
    return {it.event_id: it for it in map(ev.parse_event, (blob(body) for (body,) in rows))}


async def read_warehouses(tx: Transaction) -> list[str]:
    """The warehouses of which there is anything, by id."""
    rows = await tx.fetch("select distinct warehouse from day_cursors order by warehouse")
    return [text(warehouse) for (warehouse,) in rows]


async def rows_to_add(tx: Transaction) -> int:
    """How many rows are not in the sums yet."""
    rows = await tx.fetch(
        "select coalesce(sum(epochs.seq - coalesce(day_cursors.seq, 0)), 0) from epochs "
        "left join day_cursors on day_cursors.warehouse = epochs.warehouse "
        "and day_cursors.gateway = epochs.gateway and day_cursors.epoch = epochs.epoch "
        "where epochs.seq > coalesce(day_cursors.seq, 0)"
    )
    return int(str(rows[0][0]))


async def read_sums(
    tx: Transaction,
    kinds: Iterable[str],
    *,
    warehouses: Sequence[str],
    days: tuple[str, str],
    by: Sequence[str],
) -> list[tuple[tuple[str, ...], int]]:
    """Sums of some kinds from a day to another, both included, told apart by some columns.

    Walks the key of the table, a range for each warehouse and kind.
    """
    columns = ", ".join(by)
    found: Counter[tuple[str, ...]] = Counter()
    for warehouse in warehouses:
        for kind in kinds:
            for row in await tx.fetch(
                f"select {columns}, cast(sum(quantity) as bigint) from day_sums "  # noqa: S608 -- our own words
                "where warehouse = ? and kind = ? and day between ? and ? "
                f"group by {columns}",
                (warehouse, kind, *days),
            ):
                found[tuple(text(it) for it in row[:-1])] += integer(row[-1])
    return sorted(found.items())


async def read_undone(
    tx: Transaction, kind: str, warehouse: str, days: tuple[str, str]
) -> dict[tuple[str, str], int]:
    """By subject and unit, each amount since the first day times the days of the period that were
    over before its own: what is to be taken off the days' ends to go back from now."""
    first, last = map(date.fromisoformat, days)
    n_days = (last - first).days + 1
    firsts = {(first + timedelta(n)).replace(day=1) for n in range(n_days)}
    # A day's place is its day of the month and that of its month: text both databases can cut.
    arms = "".join(
        f" when '{month:%Y-%m}' then {(month - first).days - 1}" for month in sorted(firsts)
    )
    place = f"cast(substr(day, 9, 2) as integer) + case substr(day, 1, 7){arms} end"
    found: Counter[tuple[str, str]] = Counter()
    for over, condition, values in (
        (place, "day between ? and ?", days),
        (str(n_days), "day > ?", days[1:]),
    ):
        rows = await tx.fetch(
            f"select subject, unit, cast(sum(quantity * ({over})) as bigint) from day_sums "  # noqa: S608 -- numbers and months of our own
            f"where warehouse = ? and kind = ? and {condition} group by subject, unit",
            (warehouse, kind, *values),
        )
        for subject, unit, n in rows:
            found[text(subject), text(unit)] += integer(n)
    return dict(found)


async def read_variances(
    tx: Transaction, warehouse: str, *, from_us: int, zone: tzinfo
) -> dict[tuple[str, str, str], int]:
    """What counts changed from a time on, by day, item and unit; their places are in its order."""
    rows = await tx.fetch(
        "select place, item, unit, variance from stock_counts "
        "where warehouse = ? and place >= ? and variance <> 0",
        (warehouse, f"{max(0, from_us):016d}"),
    )
    found: Counter[tuple[str, str, str]] = Counter()
    for place, item, unit, variance in rows:
        day = hour_of(int(text(place)[:16]), zone).day
        found[day, text(item), text(unit)] += integer(variance)
    return dict(found)


async def read_on_hand(tx: Transaction, warehouse: str) -> dict[tuple[str, str], int]:
    """What stands at a warehouse by item and unit, in whatever state."""
    rows = await tx.fetch(
        "select item, unit, cast(sum(quantity) as bigint) from stock where warehouse = ? "
        "group by item, unit",
        (warehouse,),
    )
    return {(text(item), text(unit)): integer(n) for item, unit, n in rows}
