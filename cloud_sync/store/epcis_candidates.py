"""Events that a query's indexed conditions let through, a chunk after the other in its order.

In the order of positions (of recording) the rarest condition leads: its keys are walked in that
order, and only the events they name are looked at. In the order of a time the events of a rare
condition are sorted. All else is a walk along an index of events in the order, that of each
warehouse where few may be seen: so many events at a time, each asked for the keys it should have.
So no statement gathers more keys or looks at more events than it was told to, whatever the query.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from typing import Final

from cloud_sync.epcis.query import Query, Term
from cloud_sync.store.columns import integer
from cloud_sync.store.ports import Row, Transaction, Value

NARROWED_MAX: Final = 8
RARE: Final = 2000
WALKED_FOR_ONE: Final = 4
"""So many times as many events are asked as are wanted, where not all will fit."""
WALKS_MAX: Final = 100

_COLUMNS: Final = "position, event_time_us, record_time_us, context, body"
_TIMES: Final = {"eventTime": "event_time_us", "recordTime": "record_time_us"}

Spot = tuple[int, int]
"""An event's value in the query's order, and its position."""


@dataclass(frozen=True, slots=True)
class Chunk:
    """Some candidates, and where the next chunk begins. n_looked: how many were asked of."""

    rows: Sequence[Row]
    after: Spot | None
    is_end: bool
    n_looked: int


@dataclass(frozen=True, slots=True)
class Window:
    """Which events may be told at all. warehouses: see find_events; up_to: the last position.

    rare: a condition that so few events fulfil is looked up whole.
    """

    warehouses: Sequence[str] | None
    up_to: int
    rare: int = RARE

    @property
    def seen(self) -> list[str] | None:
        """The warehouses whose events may be told, and none at all; None: every one's."""
        return None if self.warehouses is None else ["", *self.warehouses]

    @property
    def is_narrow(self) -> bool:
        """True if there are so few warehouses that each may be walked through by itself."""
        return self.warehouses is not None and len(self.warehouses) < WALKS_MAX


def spot_of(row: Row, query: Query) -> Spot:
    """Where a row stands in the order of a query."""
    names = ("position", "event_time_us", "record_time_us")
    return integer(row[names.index(_column(query))]), integer(row[0])


async def read_chunk(
    tx: Transaction,
    query: Query,
    window: Window,
    *,
    after: Spot | None,
    limit: int,
    terms: Sequence[Term],
) -> Chunk:
    """The next candidates behind a place, about `limit` of them. terms: what the keys tell."""
    terms = terms[:NARROWED_MAX]
    if any(not term.values for term in terms):
        return Chunk([], after, is_end=True, n_looked=0)
    by_position = _column(query) == "position"
    counts = await _counts(tx, terms, window.rare) if len(terms) > 1 or not by_position else [0]
    ranked = [terms[i] for _, i in sorted(zip(counts, range(len(terms)), strict=False))]
    if by_position and ranked:
        return await _led_by(
            tx, query, window, after=after, limit=limit, lead=ranked[0], others=ranked[1:]
        )
    if ranked and min(counts) <= window.rare:
        return await _of_rare(
            tx, query, window, after=after, limit=limit, rare=ranked[0], others=ranked[1:]
        )
    return await _walk(tx, query, window, after=after, limit=limit, terms=ranked)


async def _of_rare(
    tx: Transaction,
    query: Query,
    window: Window,
    *,
    after: Spot | None,
    limit: int,
    rare: Term,
    others: Sequence[Term],
) -> Chunk:
    """The events of a condition that few fulfil, sorted."""
    marks, parameters = _marks(rare)
    where, values = _bounds(query, window)
    for term in others:
        clause, more = _has(term)
        where.append(clause)
        values += more
    order = _Order.of(query)
    if after is not None:
        where.append(order.behind)
        values += after
    rows = await tx.fetch(
        "with few as materialized "  # noqa: S608 -- names from our code
        f"(select distinct position as place from epcis_keys where {marks}) "
        f"select {_COLUMNS} from few join epcis_events as e on e.position = few.place "
        f"where {' and '.join(where)} order by {order.by} limit ?",
        [*parameters, *values, limit],
    )
    end = spot_of(rows[-1], query) if rows else after
    return Chunk(rows, end, is_end=len(rows) < limit, n_looked=window.rare)


async def _walk(
    tx: Transaction,
    query: Query,
    window: Window,
    *,
    after: Spot | None,
    limit: int,
    terms: Sequence[Term],
) -> Chunk:
    """The events that come next in the order; of those that do not fit the place alone."""
    order = _Order.of(query)
    where, values = _within(query, order.column)
    fits, asked = _bounds(query, window)
    for term in terms:
        clause, more = _has(term)
        fits.append(clause)
        asked += more
    # Where nothing is asked of them but their place in the order, all of them will fit.
    is_all = len(fits) == len(where) + int(window.is_narrow)
    n = limit if is_all else limit * WALKED_FOR_ONE
    if after is not None:
        where.append(order.behind)
        values += after
    columns = f"{_COLUMNS}, warehouse"
    seen = window.seen if window.is_narrow else None
    if seen is None:
        one = f"select {columns} from epcis_events as e"  # noqa: S608 -- names from our code
        walks = [f"{one} where {' and '.join(where)} order by {order.by} limit ?"]
        parameters = [*values, n]
    else:
        one = (
            f"select * from (select {columns} from epcis_events as e "  # noqa: S608 -- as above
            f"where {' and '.join([*where, 'warehouse = ?'])} order by {order.by} limit ?) as w"
        )
        walks = [one] * len(seen)
        parameters = [it for warehouse in seen for it in (*values, warehouse, n)]
    test = " and ".join(fits)
    rows = await tx.fetch(
        f"with e as materialized (select * from ({' union all '.join(walks)}) as w "  # noqa: S608 -- as above
        f"order by {order.by} limit ?), "
        f"asked as (select e.*, {test} as fits from e) "
        "select position, event_time_us, record_time_us, case when fits then context end, "
        f"case when fits then body end from asked order by {order.by}",
        [*parameters, n, *asked],
    )
    end = spot_of(rows[-1], query) if rows else after
    fitting = [row for row in rows if row[4] is not None]
    return Chunk(fitting, end, is_end=len(rows) < n, n_looked=len(rows))


@dataclass(frozen=True, slots=True)
class _Order:
    """A query's order in SQL. behind: a condition with two parameters, value and position."""

    column: str
    by: str
    behind: str

    @classmethod
    def of(cls, query: Query) -> _Order:
        column = _column(query)
        is_descending = query.is_descending and column != "position"
        way, sign = ("desc", "<") if is_descending else ("asc", ">")
        return cls(
            column, f"{column} {way}, position {way}", f"({column}, position) {sign} (?, ?)"
        )


def _within(query: Query, column: str) -> tuple[list[str], list[Value]]:
    """The bounds of the order itself, between which its index is walked."""
    if column == "position":
        return ["position > 0"], []
    where, parameters = [f"{column} is not null"], list[Value]()
    name = next(each for each, its in _TIMES.items() if its == column)
    for bound, sign in zip(query.bounds_us(name), (">=", "<"), strict=True):
        if bound is not None:
            where.append(f"{column} {sign} ?")
            parameters.append(bound)
    return where, parameters


_OF_KEY: Final = (
    "select * from (select position from epcis_keys where name = ? and value = ?"
    " and position > ? and position <= ?{within} order by position limit ?) as p"
)


async def _led_by(
    tx: Transaction,
    query: Query,
    window: Window,
    *,
    after: Spot | None,
    limit: int,
    lead: Term,
    others: Sequence[Term],
) -> Chunk:
    """The events of the next keys of one condition, in the order of positions."""
    start = 0 if after is None else after[1]
    seen = list[Value](window.seen or [])
    # The keys of others are stepped over here, and not one by one with their events.
    within = f" and warehouse in ({','.join('?' * len(seen))})" if seen else ""
    one = _OF_KEY.format(within=within)
    pairs = product(lead.names, map(str, lead.values))
    walks: list[list[Value]] = [[*pair, start, window.up_to, *seen, limit] for pair in pairs]
    found = await tx.fetch(
        " union ".join([one] * len(walks)), [it for walk in walks for it in walk]
    )
    positions = sorted(integer(row[0]) for row in found)[:limit]
    if not positions:
        return Chunk([], after, is_end=True, n_looked=0)
    where, parameters = _bounds(query, window)
    for term in others:
        clause, values = _has(term)
        where.append(clause)
        parameters += values
    marks = ",".join("?" * limit)
    padded = positions + positions[-1:] * (limit - len(positions))
    rows = await tx.fetch(
        f"select {_COLUMNS} from epcis_events as e where {' and '.join(where)} "  # noqa: S608 -- names from our code
        f"and position in ({marks}) order by position",
        [*parameters, *padded],
    )
    end = positions[-1], positions[-1]
    return Chunk(rows, end, is_end=len(positions) < limit, n_looked=len(positions))


async def _counts(tx: Transaction, terms: Sequence[Term], rare: int) -> list[int]:
    """How many keys each condition has, as far as it matters."""
    if not terms:
        return []
    parts, parameters = [], list[Value]()
    for term in terms:
        marks, values = _marks(term)
        parts.append(
            f"(select count(*) from (select 1 from epcis_keys where {marks} "  # noqa: S608 -- marks only
            f"limit {rare + 1}) as k)"
        )
        parameters += values
    (row,) = await tx.fetch(f"select {', '.join(parts)}", parameters)
    return [integer(n) for n in row]


def _column(query: Query) -> str:
    return _TIMES.get(query.order_by or "", "position")


def _bounds(query: Query, window: Window) -> tuple[list[str], list[Value]]:
    where, parameters = ["position <= ?"], list[Value]([window.up_to])
    for name, column in _TIMES.items():
        for bound, sign in zip(query.bounds_us(name), (">=", "<"), strict=True):
            if bound is not None:
                where.append(f"{column} {sign} ?")
                parameters.append(bound)
    if window.seen is not None:
        where.append(f"warehouse in ({','.join('?' * len(window.seen))})")
        parameters += window.seen
    return where, parameters


def _marks(term: Term) -> tuple[str, list[Value]]:
    names, values = ",".join("?" * len(term.names)), ",".join("?" * len(term.values))
    return f"name in ({names}) and value in ({values})", [*term.names, *map(str, term.values)]


def _has(term: Term) -> tuple[str, list[Value]]:
    """Asked of one event after the other: no planner makes a set of a subquery with a limit."""
    marks, values = _marks(term)
    clause = (
        f"(select 1 from epcis_keys as k where {marks} "  # noqa: S608 -- marks only
        "and k.position = e.position limit 1) is not null"
    )
    return clause, values
