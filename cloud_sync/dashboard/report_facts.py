"""What the reports are made of, read from the store: one consistent state for each report.

All of it is sums by day (store/day_sums.py), never events: those of one warehouse for a quarter or
of all for a month, which at five million events a year are less than half a million rows, walked
along the table's key and added up by the database. Mean stock reads the balances of now, the sums
from the period's first day to now, and the counts of that time, a warehouse at a time; prices and
terms are read of the items that were sold or wasted.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final

from cloud_sync.dashboard.reports import (
    Filled,
    Goods,
    Profit,
    Waste,
    Work,
    added,
    days_before,
    days_between,
    fill_rates,
    mean_stock,
    productivity,
    profitability,
    waste_by_reason,
)
from cloud_sync.demand import day_sums as kinds
from cloud_sync.store.day_sums import read_on_hand, read_sums, read_undone, read_variances
from cloud_sync.store.demand import zone_of
from cloud_sync.store.ports import Transaction
from cloud_sync.store.usable_lots import read_whereabouts
from cloud_sync.store.worth import read_item_worth

DAYS_MAX: Final = 92
"""Of one warehouse; of several at once:"""
DAYS_OF_SEVERAL_MAX: Final = 31
_COUNTED: Final = (kinds.PIECES, "g")


@dataclass(frozen=True, slots=True)
class Asked:
    """Of which warehouses, and from which day to which, both included."""

    warehouses: Sequence[str]
    first: str
    last: str

    @property
    def n_days(self) -> int:
        return len(days_between(self.first, self.last))


async def _goods(tx: Transaction, asked: Asked, *of: str) -> dict[Goods, int]:
    rows = await read_sums(
        tx, of, warehouses=asked.warehouses, days=(asked.first, asked.last),
        by=("subject", "unit"),
    )  # fmt: skip
    return {Goods(item, unit): n for (item, unit), n in rows}


async def read_mean_stock(tx: Transaction, warehouse: str, asked: Asked) -> dict[Goods, float]:
    """The mean stock of one warehouse; the database adds up all but the counts."""
    known = (await read_whereabouts(tx)).get(warehouse)
    zone = zone_of(None if known is None else known.time_zone)
    days = asked.first, asked.last
    undone = Counter[Goods]()
    for (item, unit), n in (await read_undone(tx, kinds.NET, warehouse, days)).items():
        undone[Goods(item, unit)] += n
    midnight = datetime.combine(date.fromisoformat(asked.first), datetime.min.time(), zone)
    from_us = int(midnight.timestamp()) * 1_000_000
    counted = await read_variances(tx, warehouse, from_us=from_us, zone=zone)
    for (day, item, unit), n in counted.items():
        undone[Goods(item, unit)] += n * days_before(day, *days)
    on_hand = {Goods(*it): n for it, n in (await read_on_hand(tx, warehouse)).items()}
    means = mean_stock(on_hand, undone, n_days=asked.n_days)
    return {it: mean for it, mean in means.items() if it.unit in _COUNTED}


async def read_outflow(tx: Transaction, asked: Asked) -> dict[Goods, int]:
    """What left for customers and for other warehouses."""
    return await _goods(tx, asked, kinds.SOLD, kinds.SENT)


async def read_profit(tx: Transaction, asked: Asked) -> list[Profit]:
    """What items earned, at today's prices and terms."""
    found: list[Profit] = []
    for warehouse in asked.warehouses:
        here = Asked((warehouse,), asked.first, asked.last)
        sold = await _goods(tx, here, kinds.SOLD)
        wasted = await _goods(tx, here, kinds.WASTED)
        items = {it.item for it in (*sold, *wasted)}
        found += profitability(
            sold, wasted, await read_item_worth(tx, warehouse, items, on=asked.last)
        )
    return added(found)


async def read_waste(tx: Transaction, asked: Asked) -> list[Waste]:
    """What went to waste by reason, at today's terms; all warehouses' together."""
    parts: dict[str, list[Waste]] = {}
    for warehouse in asked.warehouses:
        rows = await read_sums(
            tx, (kinds.WASTED,), warehouses=[warehouse], days=(asked.first, asked.last),
            by=("subject", "unit", "detail"),
        )  # fmt: skip
        wasted = [(Goods(item, unit), reason, n) for (item, unit, reason), n in rows]
        items = {it.item for it, _, _ in wasted}
        worth = await read_item_worth(tx, warehouse, items, on=asked.last)
        for each in waste_by_reason(wasted, worth):
            parts.setdefault(each.reason, []).append(each)
    found = [_together(reason, several) for reason, several in parts.items()]
    return sorted(found, key=lambda it: (-it.units, -it.grams, it.reason))


def _together(reason: str, several: Sequence[Waste]) -> Waste:
    cost: dict[str, float] = {}
    for each in several:
        for currency, value in each.cost.items():
            cost[currency] = cost.get(currency, 0.0) + value
    return Waste(
        reason, sum(it.units for it in several), sum(it.grams for it in several), cost,
        sum(it.n_unknown for it in several),
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class FillRates:
    """Of each day, and of the items that were short, the worst first."""

    by_day: Sequence[Filled]
    by_item: Sequence[Filled]
    whole: Filled


async def read_fill_rates(tx: Transaction, asked: Asked) -> FillRates:
    """What was asked for and what of it was there, in pieces."""
    sums: dict[str, dict[str, dict[str, int]]] = {"day": {}, "subject": {}}
    for kind in (kinds.SOLD, kinds.SHORT):
        for by, found in sums.items():
            rows = await read_sums(
                tx, (kind,), warehouses=asked.warehouses, days=(asked.first, asked.last),
                by=(by, "unit"),
            )  # fmt: skip
            found[kind] = {name: n for (name, unit), n in rows if unit == kinds.PIECES}
    days = days_between(asked.first, asked.last)
    by_day = fill_rates(sums["day"][kinds.SOLD], sums["day"][kinds.SHORT], days)
    of = sums["subject"]
    items = sorted(name for name, n in of[kinds.SHORT].items() if n > 0)
    by_item = sorted(
        fill_rates(of[kinds.SOLD], of[kinds.SHORT], items),
        key=lambda it: (-it.short, it.rate or 0.0, it.name),
    )
    whole = Filled("", sum(it.sold for it in by_day), sum(it.short for it in by_day))
    return FillRates(by_day, by_item, whole)


async def read_work(tx: Transaction, asked: Asked) -> list[Work]:
    """What workers did."""
    of: dict[str, list[tuple[tuple[str, ...], int]]] = {}
    columns = {
        kinds.DEEDS: ("subject", "detail"),
        kinds.MOVED: ("subject", "unit"),
        kinds.HOURS: ("subject", "day", "detail"),
    }
    for kind, by in columns.items():
        of[kind] = await read_sums(
            tx, (kind,), warehouses=asked.warehouses, days=(asked.first, asked.last), by=by
        )
    return productivity(
        {(worker, kind): n for (worker, kind), n in of[kinds.DEEDS]},
        {worker: n for (worker, unit), n in of[kinds.MOVED] if unit == kinds.PIECES},
        [(worker, day, hour) for (worker, day, hour), n in of[kinds.HOURS] if n > 0],
    )
