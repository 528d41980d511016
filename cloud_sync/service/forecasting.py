"""``forepost-cloud forecast``: demand from the ledger, forecast, and put into the policies.

The policies of a warehouse get the demand that was forecast, its deviation, and the stock levels:
by worth where terms and prices say what is at stake (store/worth.py), else by service. They go
down to the gateway by the feed, and its triggers and plans go by them. The arithmetic is done by
``forepost-optimizer forecast`` in a process of its own, because this one holds no numpy
(docs/decisions/0016-forecasts-as-a-job.md).
"""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

from cloud_sync.contract import documents as doc
from cloud_sync.contract.campaigns import CAMPAIGN, Campaign
from cloud_sync.contract.levels import BY_SHARE, Levels
from cloud_sync.contract.master import Stocking
from cloud_sync.demand.keeping import (
    Answered,
    AnswerRefused,
    announced,
    grams_by_item,
    kept_items,
    read_answer,
)
from cloud_sync.demand.question import make_question
from cloud_sync.demand.worth import WHOLE
from cloud_sync.inventory.lots import local_day
from cloud_sync.jobs.runner import JobFailed, run_job
from cloud_sync.store.audit import Deed, audited
from cloud_sync.store.demand import read_demand
from cloud_sync.store.documents import Draft, find_documents, put_documents, read_documents
from cloud_sync.store.feed import lock_feed
from cloud_sync.store.ports import Database, Transaction
from cloud_sync.store.worth import read_stakes, read_stocking

FORECASTER: Final = ("-m", "optimizer", "forecast", "-")
ANSWER_S: Final = 300.0
"""For starting Python, and thousands of items of a year on a busy machine."""
ALIKE: Final = 0.03
"""Demand that changed by less than this share is sent again only with a new reorder point; so are
the level that is filled up to, and what lost sales are worth."""
A_UNIT: Final = 1.0
"""A level that moved by no more is none to speak of."""
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
    answer = await forecaster(asked.job)
    try:
        told = read_answer(answer, asked.grams, covered_days=terms.covered_days)
    except AnswerRefused as error:
        raise ForecastFailed(str(error)) from error
    script = partial(
        _revise, warehouse=warehouse, told=told, cycle_days=terms.cycle_days, by=asked.by
    )
    deed = Deed("forecast", "console", f"forepost-cloud forecast {warehouse}", now_us)
    return len(told), await database.transact(audited(script, deed))


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
    told: Sequence[Answered],
    cycle_days: float,
    by: str,
) -> int:
    """Put the forecast into the policies as they are by now; gives how many changed."""
    await lock_feed(tx)
    policies = await _policies(tx, warehouse)
    drafts = []
    for said in told:
        policy = policies.get(said.item)
        if policy is None:
            continue  # taken away while the forecaster was busy
        revised = _revised(policy, said, cycle_days=cycle_days, by=by)
        if not _is_alike(policy, revised):
            content = revised.model_dump(exclude_none=True)
            drafts.append(Draft(doc.POLICY, f"{warehouse}.{policy.gtin}", warehouse, content))
    return await put_documents(tx, drafts)


@dataclass(frozen=True, slots=True)
class _Asked:
    """The job, and grams per piece of what is kept by weight. by: what worth means here."""

    grams: Mapping[str, int]
    job: Mapping[str, object] | None
    by: str


async def _policies(tx: Transaction, warehouse: str) -> dict[str, doc.Policy]:
    found = await read_documents(tx, doc.POLICY, warehouse=warehouse)
    return {it.gtin: it for it in map(doc.Policy.model_validate, found)}


async def _ask(tx: Transaction, *, warehouse: str, terms: Terms, now_us: int) -> _Asked:
    policies = await _policies(tx, warehouse)
    found = await find_documents(tx, doc.ITEM, policies)
    items = {it.key: doc.Item.model_validate(it.content) for it in found}
    book = await read_demand(tx, warehouse, now_us=now_us)
    stocking = await read_stocking(tx, warehouse)
    today = local_day(now_us, book.zone)
    stakes = await read_stakes(tx, warehouse, items.values(), stocking, on=today)
    grams = grams_by_item(book, items)
    kept = kept_items(
        [it for _, it in sorted(policies.items())],
        items,
        grams,
        cycle_days=terms.cycle_days,
        stakes=stakes,
    )
    campaigns = map(Campaign.model_validate, await read_documents(tx, CAMPAIGN))
    return _Asked(
        grams=grams,
        job=make_question(
            book,
            list(kept),
            warehouse=warehouse,
            n_days=terms.n_days,
            now_us=now_us,
            campaigns=announced(campaigns, warehouse),
            served=_served(stocking),
        ),
        by=stocking.lost_sale,
    )


def _served(stocking: Stocking) -> dict[str, float]:
    """The shares that are planned, where they are."""
    if stocking.lost_sale != BY_SHARE:
        return {}
    return {name: share / WHOLE for name, share in stocking.served().items()}


def _revised(policy: doc.Policy, said: Answered, *, cycle_days: float, by: str) -> doc.Policy:
    """A policy with what was forecast."""
    return policy.model_copy(
        update={
            "demand_units_per_day": said.demand_per_day,
            "demand_sd_units_per_day": said.demand_sd_per_day,
            "reorder_point_units": said.reorder_point,
            "hours": said.hours,
            "levels": said.levels(cycle_days=cycle_days, by_worth=by),
        }
    )


def _is_alike(policy: doc.Policy, revised: doc.Policy) -> bool:
    """Whether a policy is as good as the new one: noise need not go down the feed each night."""
    return (
        policy.reorder_point_units == revised.reorder_point_units
        and _are_alike_levels(policy.levels, revised.levels)
        and _is_alike_by_hour(policy.hours, revised.hours)
        and math.isclose(policy.demand_units_per_day, revised.demand_units_per_day, rel_tol=ALIKE)
        and math.isclose(
            policy.demand_sd_units_per_day, revised.demand_sd_units_per_day, rel_tol=ALIKE
        )
    )


def _are_alike_levels(told: Levels | None, now: Levels | None) -> bool:
    if told is None or now is None:
        return told is now
    if (told.by, told.cycle_days) != (now.by, now.cycle_days):
        return False
    if not math.isclose(
        told.order_up_to_units, now.order_up_to_units, rel_tol=ALIKE, abs_tol=A_UNIT
    ):
        return False
    if told.worth is None or now.worth is None:
        return told.worth is now.worth
    return math.isclose(told.worth.wasted, now.worth.wasted, rel_tol=ALIKE) and math.isclose(
        told.worth.held, now.worth.held, rel_tol=ALIKE
    )


def _is_alike_by_hour(profile: Sequence[int] | None, revised: Sequence[int] | None) -> bool:
    if profile is None or revised is None:
        return profile is revised
    moved = sum(
        abs(it / sum(profile) - now / sum(revised))
        for it, now in zip(profile, revised, strict=True)
    )
    return moved / 2 < ALIKE_BY_HOUR
