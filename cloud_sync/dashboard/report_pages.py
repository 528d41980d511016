"""The pages of reports, each as charts, a table and CSV.

What each reads is said in report_facts.py: sums by day, so a quarter of all warehouses is a second
or two at five million events, and the database does nothing else than walk ranges of one key.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import partial
from typing import Final

from markupsafe import Markup
from starlette.responses import Response

from cloud_sync.contract import rights
from cloud_sync.dashboard import report_views as views
from cloud_sync.dashboard.page import Page, get
from cloud_sync.dashboard.plan_facts import read_item_names, read_places
from cloud_sync.dashboard.report_facts import (
    DAYS_MAX,
    DAYS_OF_SEVERAL_MAX,
    Asked,
    read_fill_rates,
    read_mean_stock,
    read_outflow,
    read_profit,
    read_waste,
    read_work,
)
from cloud_sync.dashboard.report_views import Sheet
from cloud_sync.dashboard.reports import Goods, turnover
from cloud_sync.dashboard.views import text_of
from cloud_sync.dashboard.visit import Visit
from cloud_sync.service.problems import Refused
from cloud_sync.service.sheets import write_table
from cloud_sync.store.day_sums import read_warehouses, rows_to_add

DAYS_SHOWN: Final = 28
_DAY: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Report:
    """One report. action: the right that it takes."""

    name: str
    action: str
    make: Callable[[Visit, Asked], Awaitable[Sheet]]


async def _turnover(visit: Visit, asked: Asked) -> Sheet:
    means: Counter[Goods] = Counter()
    for warehouse in asked.warehouses:
        # One after the other, so that other questions come in between.
        script = partial(read_mean_stock, warehouse=warehouse, asked=asked)
        means.update(await visit.read(script))
    out = await visit.read(partial(read_outflow, asked=asked))
    found = turnover(out, means, n_days=asked.n_days)
    names = await _names(visit, {it.goods.item for it in found})
    return await asyncio.to_thread(views.turnover, found, names, visit.t)


async def _profit(visit: Visit, asked: Asked) -> Sheet:
    found = await visit.read(partial(read_profit, asked=asked))
    names = await _names(visit, {it.goods.item for it in found})
    return await asyncio.to_thread(views.profit, found, names, visit.t)


async def _waste(visit: Visit, asked: Asked) -> Sheet:
    found = await visit.read(partial(read_waste, asked=asked))
    return views.waste(found, visit.t, is_priced=visit.may(rights.READ_COSTS))


async def _fill(visit: Visit, asked: Asked) -> Sheet:
    found = await visit.read(partial(read_fill_rates, asked=asked))
    return views.fill(found, await _names(visit, {it.name for it in found.by_item}), visit.t)


async def _work(visit: Visit, asked: Asked) -> Sheet:
    found = await visit.read(partial(read_work, asked=asked))
    return views.work(found, visit.t, partial(visit.taste.words.named, "event"))


REPORTS: Final[dict[str, Report]] = {
    it.name: it
    for it in (
        Report("turnover", rights.READ, _turnover),
        Report("fill", rights.READ, _fill),
        Report("waste", rights.READ, _waste),
        Report("profit", rights.READ_COSTS, _profit),
        # Who did how much is for those who plan the work, and not for each other.
        Report("work", rights.WRITE_ORDERS, _work),
    )
}


async def _names(visit: Visit, items: set[str]) -> Mapping[str, str]:
    found = await visit.read(partial(read_item_names, items=items))
    return {it: text_of(of, visit.taste.words.language) for it, of in found.items()}


async def reports(visit: Visit) -> Response:
    """The first report that the reader may see."""
    return await _show(visit, next(it for it in REPORTS.values() if visit.may(it.action)))


async def report(visit: Visit) -> Response:
    """The report of a name."""
    return await _show(visit, _asked_for(visit))


async def _show(visit: Visit, wanted: Report) -> Response:
    choices = await _choices(visit)
    asked, is_cut = _period(visit, list(choices))
    sheet = await wanted.make(visit, asked)
    return await visit.render(
        "reports.html",
        report=wanted.name,
        reports=[it.name for it in REPORTS.values() if visit.may(it.action)],
        sheet=sheet,
        charts=Markup().join(sheet.charts),
        asked=asked,
        is_cut=is_cut,
        days_max=most_days(visit.asked("warehouse")),
        warehouse=visit.asked("warehouse"),
        choices=choices,
        n_behind=await visit.read(rows_to_add),
    )


async def sheet(visit: Visit) -> Response:
    """The table of a report as CSV; what a spreadsheet would run is guarded."""
    wanted = _asked_for(visit)
    choices = await _choices(visit)
    asked, _ = _period(visit, list(choices))
    made = await wanted.make(visit, asked)
    name = f"{wanted.name}-{visit.asked('warehouse') or 'all'}-{asked.first}-{asked.last}.csv"
    table = [it.name for it in made.columns], [row.plain for row in made.rows]
    return Response(
        await asyncio.to_thread(write_table, *table),
        media_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


def _asked_for(visit: Visit) -> Report:
    wanted = REPORTS.get(visit.asked("report"))
    if wanted is None:
        raise Refused("not_found", "there is no such report")
    if not visit.may(wanted.action):
        raise Refused("forbidden", f"the role {visit.credential.role} may not {wanted.action}")
    return wanted


async def _choices(visit: Visit) -> dict[str, str]:
    """The warehouses that there are and that the reader may see, with their names."""
    known = await visit.read(read_warehouses)
    places = await visit.read(read_places)
    return {
        it: places[it].name if it in places else it
        for it in sorted({*known, *places})
        if visit.credential.reaches(it)
    }


def _period(visit: Visit, choices: Sequence[str]) -> tuple[Asked, bool]:
    """What is asked for, at most DAYS_MAX days, and whether more was."""
    warehouse = visit.asked("warehouse")
    if warehouse:
        visit.scope(warehouse)
    today = datetime.fromtimestamp(visit.now_us / 1_000_000, UTC).date() + _DAY
    last = min(_day(visit.asked("to")) or today - _DAY, today)
    first = _day(visit.asked("from")) or last - (DAYS_SHOWN - 1) * _DAY
    first = min(first, last)
    earliest = last - (most_days(warehouse) - 1) * _DAY
    asked = Asked(
        [warehouse] if warehouse else choices, max(first, earliest).isoformat(), last.isoformat()
    )
    return asked, first < earliest


def most_days(warehouse: str) -> int:
    """So many days are counted at once."""
    return DAYS_MAX if warehouse else DAYS_OF_SEVERAL_MAX


def _day(text: str) -> date | None:
    try:
        found = date.fromisoformat(text)
    except ValueError:
        return None
    return found if 2000 <= found.year <= 2200 else None


PAGES: Final[tuple[Page, ...]] = (
    get("/reports", reports),
    get("/reports/{report}", report),
    get("/reports/{report}/csv", sheet),
)
