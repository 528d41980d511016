"""Events that a query's indexed conditions let through, a chunk after the other in its order.

In the order of positions (of recording) the rarest condition leads: its keys are walked in that
order, and only the events they name are looked at; without one, the events of each warehouse that
may be seen, if those are few. In the order of a time its index is walked, or
the events of a rare condition are sorted; of a condition that many events fulfil each event is
asked, so that neither millions of keys nor of events are ever gathered for one page.
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
WALKS_MAX: Final = 100

_COLUMNS: Final = "position, event_time_us, record_time_us, context, body"
_TIMES: Final = {"eventTime": "event_time_us", "recordTime": "record_time_us"}

Spot = tuple[int, int]
"""An event's value in the query's order, and its position."""


@dataclass(frozen=True, slots=True)
class Chunk:
    """Some candidates, and where the next chunk begins. n_looked: how many were looked at."""

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
    def is_narrow(self) -> bool:
        """True if there are so few warehouses that each may be walked through by itself."""
        return self.warehouses is not None and len(self.warehouses) < WALKS_MAX


def spot_of(row: Row, query: Query) -> Spot:
    """Where a row stands in the order of a query."""
    names = ("position", "event_time_us", "record_time_us")
    return integer(row[names.index(_column(query))]), integer(row[0])


async def read_chunk(
    tx: Transaction, query: Query, window: Window, after: Spot | None, limit: int
) -> Chunk:
    """The next candidates behind a place, about `limit` of them."""
    terms = query.narrowed()[:NARROWED_MAX]
    if any(not term.values for term in terms):
        return Chunk([], after, is_end=True, n_looked=0)
    counts = (
        await _counts(tx, terms, window.rare)
        if len(terms) > 1 or _column(query) != "position"
        else [0]
    )
    ranked = sorted(zip(counts, range(len(terms)), strict=False))
    if _column(query) == "position" and (terms or window.is_narrow):
        lead = terms[ranked[0][1]] if terms else None
        others = [term for term in terms if term is not lead]
        return await _led_by(tx, query, window, after=after, limit=limit, lead=lead, others=others)
    where, parameters = _bounds(query, window)
    for n, i in ranked:
        clause, values = (_among if n <= window.rare else _has)(terms[i])
        where.append(clause)
        parameters += values
    column = _column(query)
    is_descending = query.is_descending and column != "position"
    if after is not None:
        where.append(f"({column}, position) {'<' if is_descending else '>'} (?, ?)")
        parameters += after
    way = "desc" if is_descending else "asc"
    rows = await tx.fetch(
        f"select {_COLUMNS} from epcis_events where {' and '.join(where)} "  # noqa: S608 -- names from our code
        f"order by {column} {way}, position {way} limit ?",
        [*parameters, limit],
    )
    end = spot_of(rows[-1], query) if rows else after
    return Chunk(rows, end, is_end=len(rows) < limit, n_looked=len(rows))


_OF_WAREHOUSE: Final = (
    "select * from (select position from epcis_events where warehouse = ?"
    " and position > ? and position <= ? order by position limit ?) as p"
)
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
    lead: Term | None,
    others: Sequence[Term],
) -> Chunk:
    """The events of the next keys of one condition, or of the warehouses that may be seen, in the
    order of positions."""
    start = 0 if after is None else after[1]
    seen = list[Value]([] if window.warehouses is None else ["", *window.warehouses])
    walks: list[list[Value]]
    if lead is None:
        one = _OF_WAREHOUSE
        walks = [[warehouse, start, window.up_to, limit] for warehouse in seen]
    else:
        # The keys of others are stepped over here, and not one by one with their events.
        within = f" and warehouse in ({','.join('?' * len(seen))})" if seen else ""
        one = _OF_KEY.format(within=within)
        pairs = product(lead.names, map(str, lead.values))
        walks = [[*pair, start, window.up_to, *seen, limit] for pair in pairs]
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
        f"select {_COLUMNS} from epcis_events where {' and '.join(where)} "  # noqa: S608 -- names from our code
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
    if window.warehouses is not None:
        where.append(f"warehouse in ({','.join('?' * (len(window.warehouses) + 1))})")
        parameters += ["", *window.warehouses]
    return where, parameters


def _marks(term: Term) -> tuple[str, list[Value]]:
    names, values = ",".join("?" * len(term.names)), ",".join("?" * len(term.values))
    return f"name in ({names}) and value in ({values})", [*term.names, *map(str, term.values)]


def _among(term: Term) -> tuple[str, list[Value]]:
    marks, values = _marks(term)
    return f"position in (select position from epcis_keys where {marks})", values  # noqa: S608 -- marks only


def _has(term: Term) -> tuple[str, list[Value]]:
    """Asked of one event after the other: no planner makes a set of a subquery with a limit."""
    marks, values = _marks(term)
    clause = (
        f"(select 1 from epcis_keys as k where {marks} "  # noqa: S608 -- marks only
        "and k.position = epcis_events.position limit 1) is not null"
    )
    return clause, values
