"""The zones of a warehouse: what they keep, what they should keep, and for how long it went well.

The page draws its charts itself, from the same numbers as JSON: a point for each of at most 480
stretches of the time asked for, the mean of what one sensor said in it.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

from starlette.responses import JSONResponse, Response

from cloud_sync.contract import documents as doc
from cloud_sync.dashboard.page import Page, get
from cloud_sync.dashboard.visit import Visit
from cloud_sync.dashboard.warehouse import about
from cloud_sync.service.problems import Refused
from cloud_sync.store.documents import read_documents
from cloud_sync.store.glances import Sample, read_samples

HOUR_US: Final = 3_600_000_000
SPANS_H: Final = (6, 24, 72)
POINTS_MAX: Final = 480
STALE_US: Final = HOUR_US // 2


@dataclass(frozen=True, slots=True)
class ZoneNow:
    """One zone: its last reading of each measure, and its limits; all in hundredths."""

    zone: str
    at_us: int | None
    centi_c: int | None
    centi_pct: int | None
    low: int | None
    high: int | None
    now_us: int

    @property
    def standing(self) -> str:
        """good, bad (beyond a limit), or unknown (no reading for half an hour)."""
        if self.at_us is None or self.centi_c is None or self.now_us - self.at_us > STALE_US:
            return "unknown"
        is_low = self.low is not None and self.centi_c < self.low
        is_high = self.high is not None and self.centi_c > self.high
        return "bad" if is_low or is_high else "good"


async def climate(visit: Visit) -> Response:
    """The zones with their last readings; the charts follow by themselves."""
    glance, _, is_silent = await about(visit)
    span_h = _span(visit)
    samples, limits = await _read(visit, glance.warehouse, span_h)
    return await visit.render(
        "warehouse_climate.html", glance=glance, is_silent=is_silent, tab="climate",
        zones=zones_now(samples, limits, visit.now_us), span_h=span_h, spans_h=SPANS_H,
    )  # fmt: skip


async def climate_series(visit: Visit) -> Response:
    """The same as numbers: {"zones": {ZONE: {"low", "high", "at_s", "series"}}}."""
    span_h = _span(visit)
    samples, limits = await _read(visit, visit.warehouse(), span_h)
    made = await asyncio.to_thread(make_series, samples, limits, span_us=span_h * HOUR_US)
    return JSONResponse({"zones": made}, headers={"Cache-Control": "no-store"})


def _span(visit: Visit) -> int:
    hours = visit.asked("hours") or "24"
    if hours not in map(str, SPANS_H):
        raise Refused("malformed", f"hours: one of {SPANS_H}")
    return int(hours)


async def _read(
    visit: Visit, warehouse: str, span_h: int
) -> tuple[list[Sample], dict[str, doc.Climate]]:
    since_us = visit.now_us - span_h * HOUR_US
    samples = await visit.read(partial(read_samples, warehouse=warehouse, since_us=since_us))
    kept = await visit.read(partial(read_documents, kind=doc.CLIMATE, warehouse=warehouse))
    limits = [doc.Climate.model_validate(it) for it in kept]
    return samples, {it.zone: it for it in limits}


def zones_now(
    samples: Iterable[Sample], limits: dict[str, doc.Climate], now_us: int
) -> list[ZoneNow]:
    """The zones that have limits or readings, by name."""
    last: dict[str, Sample] = {}
    for it in samples:  # the oldest first
        before = last.get(it.zone)
        last[it.zone] = it._replace(
            centi_c=it.centi_c if it.centi_c is not None else before and before.centi_c,
            centi_pct=it.centi_pct if it.centi_pct is not None else before and before.centi_pct,
        )
    found = []
    for zone in sorted({*last, *limits}):
        sample, limit = last.get(zone), limits.get(zone)
        found.append(
            ZoneNow(
                zone,
                sample.at_us if sample else None,
                sample.centi_c if sample else None,
                sample.centi_pct if sample else None,
                limit.low_centi_c if limit else None,
                limit.high_centi_c if limit else None,
                now_us,
            )
        )
    return found


def make_series(
    samples: Sequence[Sample], limits: dict[str, doc.Climate], *, span_us: int
) -> dict[str, object]:
    """What the charts draw, by zone. at_s: the middle of each stretch with a reading in it."""
    step_us = max(1, span_us // POINTS_MAX)
    sums: dict[str, dict[str, dict[int, list[int]]]] = defaultdict(
        lambda: defaultdict(lambda: defaultdict(list))
    )
    for it in samples:
        step = it.at_us // step_us
        if it.centi_c is not None:
            sums[it.zone][f"°C {it.device}"][step].append(it.centi_c)
        if it.centi_pct is not None:
            sums[it.zone][f"% {it.device}"][step].append(it.centi_pct)
    made: dict[str, object] = {}
    for zone, by_name in sorted(sums.items()):
        steps = sorted({step for values in by_name.values() for step in values})
        limit = limits.get(zone)
        made[zone] = {
            "low": None if limit is None or limit.low_centi_c is None else limit.low_centi_c / 100,
            "high": (
                None if limit is None or limit.high_centi_c is None else limit.high_centi_c / 100
            ),
            "at_s": [(step * step_us + step_us // 2) // 1_000_000 for step in steps],
            "series": [
                {
                    "name": name,
                    "values": [
                        round(sum(values[step]) / len(values[step]) / 100, 2)
                        if step in values
                        else None
                        for step in steps
                    ],
                }
                for name, values in sorted(by_name.items(), key=lambda it: it[0][::-1])
            ],
        }
    return made


PAGES: Final[tuple[Page, ...]] = (
    get("/warehouses/{warehouse}/climate", climate),
    get("/warehouses/{warehouse}/climate.json", climate_series),
)
