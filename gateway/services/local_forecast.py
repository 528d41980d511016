"""Forecasts this warehouse's own demand once a night, while the cloud has not been heard of for
long, so that reorder points follow what is sold here (docs/demand.md).

The cloud's policies are better while they are fresh: it forecasts with longer histories. What was
announced before the line was cut is known here as well, and so is what is at stake in a piece
(contract/levels): levels by worth stay levels by worth. Beyond an age the demand that was kept
here (services/demand_keeper) is asked of the forecaster, in the solver's own process, and its
answer is journaled as documents of this gateway's own (contract/own_policies); facts and triggers
then go by these, like by any document. As soon as the cloud is heard of again they are taken back,
in the same way.

Of an item of which less than COVERED_DAYS of demand were seen people's word stays. A forecaster
that fails leaves everything as it is until the next night.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from datetime import date, timedelta, tzinfo
from typing import Final, NamedTuple, Protocol

from cloud_sync.contract import documents as doc
from cloud_sync.contract import events as ev
from cloud_sync.contract.levels import BY_SERVICE
from cloud_sync.contract.own_policies import OWN_POLICY, OwnPolicy
from cloud_sync.contract.served import page_of
from cloud_sync.contract.version import EVENT_VERSION
from cloud_sync.demand.book import DemandBook
from cloud_sync.demand.keeping import (
    Answered,
    AnswerRefused,
    announced,
    grams_by_item,
    kept_items,
    read_answer,
    stakes_told,
)
from cloud_sync.demand.question import make_question
from cloud_sync.inventory.lots import local_day
from gateway.core.facts import Facts
from gateway.core.hearing import age_us, days_too_old
from gateway.core.min_max import REVIEW_DAYS
from gateway.errors import PlanError
from gateway.journal.demand_tables import history_of, history_rows
from gateway.journal.read_model import load_heard
from gateway.journal.table_sums import Querying
from gateway.ports import Clock, Draft, Journal
from gateway.services.alarms import Alarms
from gateway.services.following import rest
from gateway.services.plan_desk import last_due
from gateway.services.planner import RunJob
from gateway.services.supervisor import Heartbeats
from gateway.settings import PlannerSettings

logger = logging.getLogger(__name__)

CONSUMER: Final = "local-forecast"
LOOK_S: Final = 60.0
HISTORY_DAYS: Final = 84
"""Twelve weeks: what is asked of the forecaster at the edge; all of it crosses a pipe."""
COVERED_DAYS: Final = 14.0
ITEMS_AT_ONCE: Final = 10
OLD_NETWORK: Final = "network_old"
"""The alarm while the network document may be out of date."""


class ForecastJournal(Journal, Querying, Protocol):
    """A journal whose tables can be asked."""

    @property
    def last_seq(self) -> int:
        """The highest durable sequence number; 0 when empty."""
        ...


class LocalForecast:
    """One gateway's nightly forecast. is_trusted: whether the clock is to be believed."""

    def __init__(
        self,
        *,
        journal: ForecastJournal,
        facts: Callable[[], Facts],
        run_job: RunJob,
        settings: PlannerSettings,
        zone: tzinfo,
        clock: Clock,
        new_id: Callable[[], str],
        is_trusted: Callable[[], bool],
        heartbeats: Heartbeats,
        alarms: Alarms,
    ) -> None:
        self._alarms = alarms
        self._journal = journal
        self._facts = facts
        self._run_job = run_job
        self._settings = settings
        self._zone = zone
        self._clock = clock
        self._new_id = new_id
        self._is_trusted = is_trusted
        self._heartbeats = heartbeats
        self._tried_us: int | None = None

    async def run(self) -> None:
        """Look for ever."""
        while True:
            if self._is_trusted():
                await self.look()
            await rest(LOOK_S, consumer=CONSUMER, heartbeats=self._heartbeats)

    async def look(self) -> None:
        """Forecast if it is time to, or take back what the cloud says better."""
        now_us = self._clock.wall_us()
        heard_us = await load_heard(self._journal)
        self._alarm(heard_us, now_us)
        age = age_us(heard_us, now_us)
        if age is not None and age <= self._settings.policy_age_max_s * 1_000_000:
            if self._facts().policy_book.pages:
                await self._journal_pages({})
                logger.info("own forecasts taken back", extra={"action": "own_forecasts_ended"})
            return
        due_us, _ = last_due([self._settings.forecast_at], now_us, self._zone)
        done = (self._tried_us, self._facts().policy_book.made_at_us)
        if not self._facts().policies or any(it is not None and due_us <= it for it in done):
            return
        self._tried_us = now_us
        try:
            own = await self._forecast(now_us)
        except PlanError as error:
            logger.error("no forecast", extra={"action": "forecast_failed", "reason": str(error)})
            return
        if own:
            await self._journal_pages(own)
        logger.info("forecast here", extra={"action": "forecast", "items": len(own)})

    def _alarm(self, heard_us: int | None, now_us: int) -> None:
        """Say that plans are made with a network document for which nobody vouches any more."""
        days = days_too_old(heard_us, now_us, good_for_s=self._settings.network_age_max_s)
        if days is None or not self._facts().network:
            self._alarms.set(OLD_NETWORK, None)
            return
        text = f"the cloud was heard of {days:.1f} days ago: plans go by the network of then"
        self._alarms.set(OLD_NETWORK, text)

    async def _forecast(self, now_us: int) -> dict[str, OwnPolicy]:
        """Demand and stock levels by item. Raises PlanError."""
        today = date.fromisoformat(local_day(now_us, self._zone))
        first = (today - timedelta(days=HISTORY_DAYS)).isoformat()
        asked = await self._ask(first, now_us)
        if asked.job is None:
            return {}
        try:
            said = read_answer(
                await self._run_job(asked.job), asked.grams, covered_days=COVERED_DAYS
            )
        except AnswerRefused as error:
            raise PlanError(f"forecast: {error}") from error
        told = self._facts().policy_book.told
        return {it.item: _own(it, told[it.item]) for it in said if it.item in told}

    async def _ask(self, first_day: str, now_us: int) -> _Asked:
        """What to ask the forecaster, put together some items at a time: no scan waits for it."""
        facts = self._facts()
        job: dict[str, object] | None = None
        grams: dict[str, int] = {}
        rows: list[object] = []
        kept = sorted(facts.policy_book.told.values(), key=lambda it: it.gtin)
        for start in range(0, len(kept), ITEMS_AT_ONCE):
            some = kept[start : start + ITEMS_AT_ONCE]
            found = await history_rows(
                self._journal, from_day=first_day, first=some[0].gtin, last=some[-1].gtin
            )
            book = history_of(found, self._zone)
            part = _ask(book, some, facts, now_us)
            grams |= part.grams
            if part.job is not None and isinstance(items := part.job["items"], list):
                job = part.job
                rows += items
        return _Asked(None if job is None else {**job, "items": rows}, grams)

    async def _journal_pages(self, own: Mapping[str, OwnPolicy]) -> None:
        """Journal these as all that is our own from now on."""
        now_us, warehouse = max(0, self._clock.wall_us()), self._facts().warehouse
        pages: dict[str, list[str]] = {it: [] for it in self._facts().policy_book.pages}
        for gtin in sorted(own):
            pages.setdefault(f"{warehouse}.{page_of(gtin):02d}", []).append(gtin)
        drafts = []
        for key, items in sorted(pages.items()):
            body: dict[str, object] = {"kind": OWN_POLICY, "key": key, "version": 1}
            if items:
                columns = zip(*(own[it] for it in items), strict=True)
                table = dict(zip(OwnPolicy._fields, map(list, columns), strict=True))
                data = {"warehouse": warehouse, "made_at_us": now_us, "items": items, **table}
                body |= {"deleted": False, "data": data}
            else:
                body |= {"deleted": True}
            drafts.append(self._draft(body, now_us))
        # Not the cursor of a reader: no rows are read here.
        await self._journal.advance(CONSUMER, to_seq=self._journal.last_seq, drafts=drafts)

    def _draft(self, body: Mapping[str, object], now_us: int) -> Draft:
        event = ev.Event(
            event_id=self._new_id(),
            type=ev.DOCUMENT_CHANGED,
            version=EVENT_VERSION,
            occurred_at_us=now_us,
            received_at_us=now_us,
            warehouse=self._facts().warehouse,
            body=body,
        )
        return Draft(event.event_id, event.type, now_us, ev.encode_event(event))


class _Asked(NamedTuple):
    """The job, and grams per piece of what is kept by weight."""

    job: dict[str, object] | None
    grams: Mapping[str, int]


def _ask(book: DemandBook, policies: Sequence[doc.Policy], facts: Facts, now_us: int) -> _Asked:
    """The job for some of the items that are kept here."""
    grams = grams_by_item(book, facts.items)
    kept = kept_items(
        policies, facts.items, grams, cycle_days=REVIEW_DAYS, stakes=stakes_told(policies)
    )
    job = make_question(
        book,
        list(kept),
        warehouse=facts.warehouse,
        n_days=HISTORY_DAYS,
        now_us=now_us,
        campaigns=announced(facts.campaigns.values(), facts.warehouse),
    )
    return _Asked(job, grams)


def _own(said: Answered, told: doc.Policy) -> OwnPolicy:
    """told: the cloud's word, which says what worth means here."""
    by_worth = BY_SERVICE if told.levels is None else told.levels.by
    levels = said.levels(cycle_days=REVIEW_DAYS, by_worth=by_worth)
    return OwnPolicy(
        demand_per_day=said.demand_per_day,
        demand_sd_per_day=said.demand_sd_per_day,
        reorder_point=said.reorder_point,
        order_up_to=levels.order_up_to_units,
        cycle_days=levels.cycle_days,
        levels_by=levels.by,
    )
