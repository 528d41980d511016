"""The page of tracing: a symbol or its parts in, the life of a lot, a piece or a unit out."""

from __future__ import annotations

from functools import partial
from typing import Final

from starlette.responses import Response

from cloud_sync.dashboard.page import Page, get
from cloud_sync.dashboard.plan_facts import read_item_names, read_places
from cloud_sync.dashboard.tracing import lanes, make_subject, moments_of, read_symbol, worst
from cloud_sync.dashboard.views import text_of
from cloud_sync.dashboard.visit import Visit
from cloud_sync.service.epcis_events import catch_up
from cloud_sync.store.trace_rows import ROWS_MAX, Subject, Trace, read_trace

STEPS: Final = 5
"""So many steps of rows are told as EPCIS before a page; the rest is told behind."""


async def trace(visit: Visit) -> Response:
    """The form, and what is known of what it names."""
    asked = {name: visit.asked(name).strip()[:200] for name in ("symbol", "gtin", "lot", "serial")}
    subject = None
    if asked["symbol"]:
        subject = read_symbol(asked["symbol"])
    elif asked["gtin"]:
        subject = make_subject(gtin=asked["gtin"], lot=asked["lot"], serial=asked["serial"])
    found, is_whole = Trace(), True
    if subject is not None:
        is_whole = await catch_up(visit.context, steps=STEPS)
        found = await visit.read(partial(read_trace, subject=subject, warehouses=visit.scope()))
    return await _show(visit, asked, subject, found, is_whole=is_whole)


async def _show(
    visit: Visit,
    asked: dict[str, str],
    subject: Subject | None,
    found: Trace,
    *,
    is_whole: bool,
) -> Response:
    places = await visit.read(read_places)
    names = {it: place.name for it, place in places.items()}
    moments = moments_of(found, subject) if subject is not None else []
    item = subject.item if subject is not None else ""
    called = await visit.read(partial(read_item_names, items=[item])) if item else {}
    return await visit.render(
        "trace.html",
        asked=asked,
        is_wrong=subject is None and any(asked.values()),
        subject=subject,
        item_name=text_of(called.get(item, {}), visit.taste.words.language),
        moments=list(reversed(moments)),
        lanes=lanes(moments, names, visit.t("trace.lanes"), visit.t("trace.lanes.about")),
        trace=found,
        worst=worst(moments),
        names=names,
        zones={it: place.time_zone for it, place in places.items()},
        rows_max=ROWS_MAX,
        is_whole=is_whole,
    )


PAGES: Final[tuple[Page, ...]] = (get("/trace", trace),)
