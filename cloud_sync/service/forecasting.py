"""``forepost-cloud forecast``: demand from the ledger, forecast, and put into the policies.

The policies of a warehouse get the demand that was forecast, its deviation, and the reorder point
that follows from both and the lead time; they go down to the gateway by the feed, and its triggers
and plans go by them. The arithmetic is done by ``forepost-optimizer forecast`` in a process of its
own, because this one holds no numpy (docs/decisions/0016-forecasts-as-a-job.md).
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import math
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

from cloud_sync.contract import campaigns as announced
from cloud_sync.contract import documents as doc
from cloud_sync.demand.book import Series
from cloud_sync.demand.campaigns import Campaign
from cloud_sync.demand.question import Kept, make_question
from cloud_sync.store.demand import read_demand
from cloud_sync.store.documents import Draft, put_documents, read_documents
from cloud_sync.store.ports import Database, Transaction

FORECASTER: Final = ("-m", "optimizer", "forecast", "-")
ANSWER_S: Final = 300.0
"""For starting Python, and thousands of items of a year on a busy machine."""
DIGITS: Final = 3
"""Of demand in a policy; one that changes by less is not sent again."""


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


async def forecast_warehouse(
    database: Database, warehouse: str, terms: Terms, *, now_us: int
) -> tuple[int, int]:
    """Forecast a warehouse's items with a policy; gives how many, and how many policies changed.

    Raises ForecastFailed.
    """
    asked = await database.read(partial(_ask, warehouse=warehouse, terms=terms, now_us=now_us))
    if asked.job is None:
        return 0, 0
    rows = _believed(await run_forecaster(asked.job), terms)
    drafts = []
    for row in rows:
        gtin = str(row["item"])
        policy = _revised(asked.policies[gtin], row, grams=asked.grams.get(gtin, 1))
        drafts.append(Draft(doc.POLICY, f"{warehouse}.{gtin}", warehouse, policy))
    return len(rows), await database.transact(partial(put_documents, drafts=drafts))


async def warehouses_with_policies(tx: Transaction) -> list[str]:
    """Where there is something to forecast."""
    return sorted({str(it["warehouse"]) for it in await read_documents(tx, doc.POLICY)})


async def run_forecaster(job: Mapping[str, object]) -> dict[str, object]:
    """The answer of a process of its own. Raises ForecastFailed."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *FORECASTER,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(ANSWER_S):
            output, complaint = await process.communicate(json.dumps(job).encode())
    except TimeoutError as error:
        raise ForecastFailed(f"no forecast within {ANSWER_S:g} s") from error
    finally:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()
    if process.returncode != 0:
        lines = complaint.decode(errors="replace").strip().splitlines()
        raise ForecastFailed(lines[-1] if lines else f"exit code {process.returncode}")
    answer = json.loads(output)
    if not isinstance(answer, dict):
        raise ForecastFailed("the answer is not an object")
    return answer


@dataclass(frozen=True, slots=True)
class _Asked:
    """The job, what is kept under which policy, and grams per piece of what is kept by weight."""

    policies: Mapping[str, doc.Policy]
    grams: Mapping[str, int]
    job: Mapping[str, object] | None


async def _ask(tx: Transaction, *, warehouse: str, terms: Terms, now_us: int) -> _Asked:
    found = await read_documents(tx, doc.POLICY, warehouse=warehouse)
    policies = {it.gtin: it for it in map(doc.Policy.model_validate, found)}
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
        policies=policies,
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


def _revised(policy: doc.Policy, row: Mapping[str, object], *, grams: int) -> dict[str, object]:
    """A policy with the forecast's numbers in pieces. grams: of one; 1 where pieces are told."""
    return policy.model_copy(
        update={
            "demand_units_per_day": round(_number(row, "units_per_day") / grams, DIGITS),
            "demand_sd_units_per_day": round(_number(row, "sd_units_per_day") / grams, DIGITS),
            "reorder_point_units": math.ceil(_number(row, "reorder_point") / grams),
        }
    ).model_dump(exclude_none=True)


def _number(row: Mapping[str, object], key: str) -> float:
    value = row.get(key)
    if not isinstance(value, int | float):
        raise ForecastFailed(f"{key}: expected a number, got {value!r}")
    return value
