"""Answers triggers with plans.

Reads the journal by its own cursor. The first trigger opens a gathering window; when it closes,
all triggers of the window share one run of the solver. The plan and the cursor are committed
together: a crash before that means the same triggers are planned again, a crash after it never.
Where nothing is left to order, because goods came meanwhile, the triggers are told superseded. So
is an open plan that facts have made stale: the new one takes its place.
A solver that crashes, hangs, gives nonsense or finds nothing feasible is answered by the (s, S)
rule (core/min_max): the plan says so and why. Where even that is impossible, because no network
was received yet, the triggers stand and it is tried again, loudly.
While the clock is not to be believed nothing is planned: which lots are still usable, and when the
next trip leaves, would be guesses. The triggers wait. So they do while the cloud takes another
journal for this gateway's: that other one plans for the warehouse, and two orders for one need
would be one too many.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Final

from cloud_sync.contract import events as ev
from cloud_sync.contract.plans import DecisionBody, PlanBody
from cloud_sync.contract.version import EVENT_VERSION
from gateway.core.facts import Facts
from gateway.core.hearing import days_too_old
from gateway.core.messages import message
from gateway.core.min_max import min_max_result
from gateway.core.planning import Moment, Search, Snapshot, make_plans, take_snapshot
from gateway.errors import PlanError
from gateway.ports import Clock, Draft, Journal, Row
from gateway.services.following import next_rows, rest
from gateway.services.supervisor import Heartbeats
from gateway.settings import PlannerSettings

logger = logging.getLogger(__name__)

CONSUMER: Final = "planner"
BATCH_ROWS: Final = 1000
RETRY_S: Final = 10.0
LOOK_S: Final = 1.0
"""How often one looks whether planning is possible again."""
FACTS_S: Final = 0.01
"""How often one looks whether the facts have come as far as the triggers."""

RunJob = Callable[[Mapping[str, object]], Awaitable[dict[str, object]]]


class Planner:
    """One gateway's planner. `run_job` solves a job, in another process in the real thing.

    today: the date in the warehouse's own time zone. heard_us: when the cloud's feed was read
    last, None if it never was.
    """

    def __init__(
        self,
        *,
        journal: Journal,
        facts: Callable[[], Facts],
        run_job: RunJob,
        settings: PlannerSettings,
        clock: Clock,
        new_id: Callable[[], str],
        heartbeats: Heartbeats,
        is_shut_out: Callable[[], bool],
        today: Callable[[], str],
        language: str,
        is_trusted: Callable[[], bool],
        heard_us: Callable[[], Awaitable[int | None]],
    ) -> None:
        self._heard_us = heard_us
        self._language = language
        self._is_trusted = is_trusted
        self._journal = journal
        self._is_shut_out = is_shut_out
        self._today = today
        self._facts = facts
        self._run_job = run_job
        self._settings = settings
        self._clock = clock
        self._new_id = new_id
        self._heartbeats = heartbeats

    async def run(self) -> None:
        """Plan for ever."""
        done = await self._journal.cursor(CONSUMER)
        while True:
            rows = await next_rows(
                self._journal,
                after_seq=done,
                limit=BATCH_ROWS,
                consumer=CONSUMER,
                heartbeats=self._heartbeats,
            )
            if not _triggers(rows):
                done = rows[-1].seq
                await self._journal.advance(CONSUMER, to_seq=done)
                continue
            await self._rest(self._settings.gather_s)
            while self._is_shut_out() or not self._is_trusted():
                await self._rest(LOOK_S)
            triggers, done = await self._gathered(done)
            await self._journal.advance(CONSUMER, to_seq=done, drafts=await self._answer(triggers))

    async def _gathered(self, done: int) -> tuple[list[ev.Event], int]:
        """All triggers there are by now, however many, and the row up to which that is.

        The facts are waited for: a plan is made of no older ones than what called for it.
        """
        triggers: list[ev.Event] = []
        while rows := await self._journal.read(after_seq=done, limit=BATCH_ROWS):
            triggers += _triggers(rows)
            done = rows[-1].seq
            if len(rows) < BATCH_ROWS:
                break
        while self._facts().seq < done:
            await self._rest(FACTS_S)
        return triggers, done

    async def _answer(self, triggers: Sequence[ev.Event]) -> list[Draft]:
        """The events that answer triggers: plans, and what they make of earlier ones."""
        while True:
            try:
                plans, snapshot = await self._plan(triggers)
            except PlanError as error:
                logger.error("no plan", extra={"action": "plan_failed", "reason": str(error)})
                await self._rest(RETRY_S)
            else:
                break
        drafts = [self._plan_draft(plan, triggers[0].event_id) for plan in plans]
        said = self._language
        if not plans:
            reason = message("plan_not_needed", said)
            drafts.append(self._superseded(triggers, snapshot, reason))
        for plan_id in snapshot.replaces:
            reason = message("plan_not_needed", said)
            if plans:
                reason = message("plan_replaced", said, plan=plans[0].plan_id)
            drafts.append(self._superseded(triggers, snapshot, reason, plan_id=plan_id))
        return drafts

    async def _rest(self, seconds: float) -> None:
        await rest(seconds, consumer=CONSUMER, heartbeats=self._heartbeats)

    async def _plan(self, triggers: Sequence[ev.Event]) -> tuple[list[PlanBody], Snapshot]:
        facts = self._facts()
        search = Search(self._settings.solver, self._settings.seed, self._settings.time_limit_s)
        dark_after_us = round(self._settings.dark_after_s * 1_000_000)
        now_us, heard_us = self._clock.wall_us(), await self._heard_us()
        days = days_too_old(heard_us, now_us, good_for_s=self._settings.network_age_max_s)
        moment = Moment(self._today(), now_us, dark_after_us, days)
        snapshot = take_snapshot(facts, triggers, moment=moment, search=search)
        started = self._clock.monotonic()

        def plans_of(result: Mapping[str, object]) -> list[PlanBody]:
            return make_plans(
                result,
                snapshot,
                facts,
                triggers=triggers,
                computed_at_us=self._clock.wall_us(),
                plan_ids=iter(self._plan_id, ""),
                language=self._language,
            )

        try:
            plans = plans_of(await self._run_job(snapshot.job.model_dump()))
        except PlanError as error:
            # People must eat all the same: the rule by stock levels needs no solver.
            plans = plans_of(min_max_result(snapshot.job, str(error)))
            logger.warning("fallback plan", extra={"action": "fallback", "reason": str(error)})
        logger.info(
            "planned",
            extra={
                "action": "planned",
                "plans": [plan.plan_id for plan in plans],
                "seconds": round(self._clock.monotonic() - started, 3),
            },
        )
        return plans, snapshot

    def _plan_id(self) -> str:
        # The random tail of a UUIDv7: short enough to read out, 48 bits long enough to be alone.
        return "PL-" + self._new_id()[-12:]

    def _plan_draft(self, plan: PlanBody, cause: str) -> Draft:
        return self._draft(
            ev.PLAN_PROPOSED,
            plan.model_dump(exclude_none=True),
            at_us=plan.computed_at_us,
            cause=cause,
            documents=(ev.Document(type="plan", id=plan.plan_id),),
        )

    def _superseded(
        self,
        triggers: Sequence[ev.Event],
        snapshot: Snapshot,
        reason: str,
        *,
        plan_id: str | None = None,
    ) -> Draft:
        """Of triggers that need no plan any more; or of a plan that another takes the place of."""
        decision = DecisionBody(
            decision="superseded",
            triggers=[] if plan_id else [trigger.event_id for trigger in triggers],
            based_on_seq=snapshot.based_on_seq,
            reason=reason,
            plan_id=plan_id,
        )
        return self._draft(
            ev.PLAN_DECIDED,
            decision.model_dump(exclude_none=True),
            at_us=self._clock.wall_us(),
            cause=triggers[0].event_id,
            documents=(ev.Document(type="plan", id=plan_id),) if plan_id else (),
        )

    def _draft(
        self,
        event_type: str,
        body: Mapping[str, object],
        *,
        at_us: int,
        cause: str,
        documents: tuple[ev.Document, ...] = (),
    ) -> Draft:
        event = ev.Event(
            event_id=self._new_id(),
            type=event_type,
            version=EVENT_VERSION,
            occurred_at_us=at_us,
            received_at_us=at_us,
            warehouse=self._facts().warehouse,
            documents=documents,
            cause=cause,
            body=body,
        )
        return Draft(event.event_id, event.type, event.occurred_at_us, ev.encode_event(event))


def _triggers(rows: Sequence[Row]) -> list[ev.Event]:
    return [ev.parse_event(row.body) for row in rows if row.type == ev.REPLENISHMENT_TRIGGERED]
