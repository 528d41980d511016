"""``forepost-cloud forecast``: demand from the ledger, forecast, and put into the policies.

The policies of a warehouse get the demand that was forecast, its deviation, and the reorder point
that follows from both and the lead time; they go down to the gateway by the feed, and its triggers
and plans go by them. The arithmetic is done by ``forepost-optimizer forecast`` in a process of its
own, because this one holds no numpy (docs/decisions/0016-forecasts-as-a-job.md).
"""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

from cloud_sync.contract import campaigns as announced
from cloud_sync.contract import documents as doc
from cloud_sync.demand.book import Series
from cloud_sync.demand.campaigns import Campaign
from cloud_sync.demand.pace import profile_of
from cloud_sync.demand.question import Kept, make_question
from cloud_sync.jobs.runner import JobFailed, run_job
from cloud_sync.store.demand import read_demand
from cloud_sync.store.documents import Draft, put_documents, read_documents
from cloud_sync.store.feed import lock_feed
from cloud_sync.store.ports import Database, Transaction

FORECASTER: Final = ("-m", "optimizer", "forecast", "-")
ANSWER_S: Final = 300.0
"""For starting Python, and thousands of items of a year on a busy machine."""
DIGITS: Final = 3
"""Of demand in a policy."""
ALIKE: Final = 0.03
"""Demand that changed by less than this share is sent again only with a new reorder point."""
ALIKE_BY_HOUR: Final = 0.1
"""So it is with the hours, while less than this share of a day is sold at another."""


class ForecastFailed(Exception):
    """The forecaster gave no answer; the policies stay as they are."""


@dataclass(frozen=True, slots=True)
class Terms:
    """How forecasts are asked for. n_days: of history; cycle_days: from delivery to delivery.

    covered_days: how many days' demand must have been seen before an item's past is believed.
    """

    n_days: int
    cycle_days: float
    covered_days: float


Forecaster = Callable[[Mapping[str, object]], Awaitable[Mapping[str, object]]]
"""Answers a demand job. Raises ForecastFailed."""


async def forecast_warehouse(
    database: Database, warehouse: str, terms: Terms, *, now_us: int, forecaster: Forecaster
) -> tuple[int, int]:
    """Forecast a warehouse's items with a policy; gives how many, and how many policies changed.

    Raises ForecastFailed.
    """
    asked = await database.read(partial(_ask, warehouse=warehouse, terms=terms, now_us=now_us))
    if asked.job is None:
        return 0, 0
    rows = _believed(await forecaster(asked.job), terms)
    script = partial(_revise, warehouse=warehouse, rows=rows, grams=asked.grams)
    return len(rows), await database.transact(script)


async def warehouses_with_policies(tx: Transaction) -> list[str]:
    """Where there is something to forecast."""
    return sorted({str(it["warehouse"]) for it in await read_documents(tx, doc.POLICY)})


async def run_forecaster(
    job: Mapping[str, object], *, program: Sequence[str] = FORECASTER
) -> Mapping[str, object]:
    """The answer of a process of its own. Raises ForecastFailed."""
    try:
        return await run_job(program, job, limit_s=ANSWER_S)
    except JobFailed as error:
        raise ForecastFailed(str(error)) from error


async def _revise(
    tx: Transaction,
    *,
    warehouse: str,
    rows: Sequence[Mapping[str, object]],
    grams: Mapping[str, int],
) -> int:
    """Put the forecast into the policies as they are by now; gives how many changed."""
    await lock_feed(tx)
    policies = await _policies(tx, warehouse)
    drafts = []
    for row in rows:
        policy = policies.get(str(row["item"]))
        if policy is None:
            continue  # taken away while the forecaster was busy
        revised = _revised(policy, row, grams=grams.get(policy.gtin, 1))
        if not _is_alike(policy, revised):
            content = revised.model_dump(exclude_none=True)
            drafts.append(Draft(doc.POLICY, f"{warehouse}.{policy.gtin}", warehouse, content))
    return await put_documents(tx, drafts)


@dataclass(frozen=True, slots=True)
class _Asked:
    """The job, and grams per piece of what is kept by weight."""

    grams: Mapping[str, int]
    job: Mapping[str, object] | None


async def _policies(tx: Transaction, warehouse: str) -> dict[str, doc.Policy]:
    found = await read_documents(tx, doc.POLICY, warehouse=warehouse)
    return {it.gtin: it for it in map(doc.Policy.model_validate, found)}


async def _ask(tx: Transaction, *, warehouse: str, terms: Terms, now_us: int) -> _Asked:
    policies = await _policies(tx, warehouse)
    found = await read_documents(tx, doc.ITEM)
    items = {it.gtin: it for it in map(doc.Item.model_validate, found)}
    book = await read_demand(tx, warehouse, now_us=now_us)
    sold = {series for series, _ in book.buckets}
    by_weight = {
        series.item
        for series in sold
        if series.unit == "g" and Series(series.item, "EA") not in sold and series.item in items
    }
    kept = [
        Kept(
            item=gtin,
            unit="g" if gtin in by_weight else "EA",
            lead_days=policy.lead_time_days,
            cycle_days=terms.cycle_days,
            life_days=items[gtin].shelf_life_days if gtin in items else None,
        )
        for gtin, policy in sorted(policies.items())
    ]
    return _Asked(
        grams={gtin: items[gtin].grams_per_unit for gtin in by_weight},
        job=make_question(
            book,
            kept,
            warehouse=warehouse,
            n_days=terms.n_days,
            now_us=now_us,
            campaigns=await _campaigns(tx, warehouse),
        ),
    )


async def _campaigns(tx: Transaction, warehouse: str) -> list[Campaign]:
    """What was announced for a warehouse, whenever it is."""
    found = map(announced.Campaign.model_validate, await read_documents(tx, announced.CAMPAIGN))
    return [
        Campaign(
            id=it.id,
            start_us=it.start_at_us,
            end_us=it.end_at_us,
            factor=it.factor,
            items=frozenset(it.items),
        )
        for it in found
        if it.warehouse in (None, warehouse)
    ]


def _believed(answer: Mapping[str, object], terms: Terms) -> list[Mapping[str, object]]:
    """The rows of items of which enough was seen: neither new here nor always out of stock."""
    return [row for row in _rows(answer) if _number(row, "covered_days") >= terms.covered_days]


def _rows(message: Mapping[str, object]) -> Sequence[Mapping[str, object]]:
    rows = message.get("items")
    if not isinstance(rows, list):
        raise ForecastFailed("the answer has no items")
    return rows


def _revised(policy: doc.Policy, row: Mapping[str, object], *, grams: int) -> doc.Policy:
    """A policy with the forecast's numbers in pieces. grams: of one; 1 where pieces are told."""
    return policy.model_copy(
        update={
            "demand_units_per_day": round(_number(row, "units_per_day") / grams, DIGITS),
            "demand_sd_units_per_day": round(_number(row, "sd_units_per_day") / grams, DIGITS),
            "reorder_point_units": math.ceil(_number(row, "reorder_point") / grams),
            "hours": _hours(row),
        }
    )


def _is_alike(policy: doc.Policy, revised: doc.Policy) -> bool:
    """Whether a policy is as good as the new one: noise need not go down the feed each night."""
    return (
        policy.reorder_point_units == revised.reorder_point_units
        and _is_alike_by_hour(policy.hours, revised.hours)
        and math.isclose(policy.demand_units_per_day, revised.demand_units_per_day, rel_tol=ALIKE)
        and math.isclose(
            policy.demand_sd_units_per_day, revised.demand_sd_units_per_day, rel_tol=ALIKE
        )
    )


def _is_alike_by_hour(profile: Sequence[int] | None, revised: Sequence[int] | None) -> bool:
    if profile is None or revised is None:
        return profile is revised
    moved = sum(
        abs(it / sum(profile) - now / sum(revised))
        for it, now in zip(profile, revised, strict=True)
    )
    return moved / 2 < ALIKE_BY_HOUR


def _hours(row: Mapping[str, object]) -> list[int] | None:
    shares = row.get("hours")
    if not isinstance(shares, list) or not all(isinstance(it, int | float) for it in shares):
        raise ForecastFailed(f"hours: expected 24 numbers, got {shares!r}")
    return profile_of(shares)


def _number(row: Mapping[str, object], key: str) -> float:
    value = row.get(key)
    if not isinstance(value, int | float):
        raise ForecastFailed(f"{key}: expected a number, got {value!r}")
    return value
