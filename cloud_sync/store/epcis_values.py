"""What EPCIS events say of themselves, each value once: the lists of steps, places, EPCs.

Many events say the same, so a list is no matter of the events but of a table of its own, which
whoever adds events fills in the same transaction. A row is a value as it was written (`given`),
by a warehouse, with its common spelling.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import product
from typing import Final

from cloud_sync.store.columns import text
from cloud_sync.store.ports import Transaction, Value, fetch_in

LISTED: Final = frozenset(
    {
        *("eventType", "epc", "parentID", "inputEPC", "outputEPC"),
        *("bizStep", "bizLocation", "readPoint", "disposition"),
    }
)
"""The facts whose values are listed."""

BRANCHES_MAX: Final = 60
"""So many walks along the index are asked for in one statement."""

_ADD: Final = (
    "insert into epcis_values(name, given, warehouse, value) values (?, ?, ?, ?) "
    "on conflict (name, given, warehouse) do nothing"
)
_OF_ALL: Final = (
    "select * from (select distinct given from epcis_values where name = ? and given > ?"
    " order by given limit ?) as v"
)
_OF_ONE: Final = (
    "select * from (select given from epcis_values where name = ? and warehouse = ? and given > ?"
    " order by given limit ?) as v"
)


async def note_values(tx: Transaction, found: Iterable[tuple[str, str, str, str]]) -> None:
    """Keep what is new. found: name, value as it was written, warehouse, common spelling."""
    rows = {row[:3]: row for row in sorted(found) if row[0] in LISTED}
    await tx.execute_many(_ADD, list(rows.values()))


async def read_values(
    tx: Transaction,
    names: Sequence[str],
    *,
    after: str,
    limit: int,
    warehouses: Sequence[str] | None,
) -> list[str]:
    """Values that events have for any of the names, as they were written, in their order.

    One walk along an index for each name and warehouse, of so many steps as values are wanted.
    """
    one, walks = _OF_ALL, list[tuple[Value, ...]]((name,) for name in names)
    if warehouses is not None:
        one, walks = _OF_ONE, list(product(names, sorted({"", *warehouses})))
    found: set[str] = set()
    for start in range(0, len(walks), BRANCHES_MAX):
        several = walks[start : start + BRANCHES_MAX]
        rows = await tx.fetch(
            " union ".join([one] * len(several)),
            [it for walk in several for it in (*walk, after, limit)],
        )
        found.update(text(given) for (given,) in rows)
    # By code points, as both databases order this column.
    return sorted(found)[:limit]


async def known_among(
    tx: Transaction,
    names: Sequence[str],
    values: Sequence[str],
    *,
    warehouses: Sequence[str] | None,
) -> set[str]:
    """Which of some values, in their common spelling, some event has that the caller may see."""
    where = f"name in ({','.join('?' * len(names))})"
    parameters: list[Value] = [*names]
    if warehouses is not None:
        where += f" and warehouse in ({','.join('?' * (len(warehouses) + 1))})"
        parameters += ["", *warehouses]
    rows = await fetch_in(
        tx,
        f"select distinct value from epcis_values where {where} and value in (?*)",  # noqa: S608 -- marks only
        values,
        before=parameters,
    )
    return {text(value) for (value,) in rows}
