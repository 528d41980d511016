"""Answers triggers with plans.

Reads the journal by its own cursor. The first trigger opens a gathering window; when it closes,
all triggers of the window share one run of the solver. The plan and the cursor are committed
together: a crash before that means the same triggers are planned again, a crash after it never.
Where nothing is left to order, because goods came meanwhile, the triggers are told superseded.
A failing solver leaves the triggers standing and is tried again, loudly.
While the box does not know the time nothing is planned: which lots are still usable, and when the
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
from gateway.clock import is_set
from gateway.core.facts import Facts
from gateway.core.planning import make_job, make_plans
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

RunJob = Callable[[Mapping[str, object]], Awaitable[dict[str, object]]]


class Planner:
    """One gateway's planner. `run_job` solves a job, in another process in the real thing.

    today: the date in the warehouse's own time zone.
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
    ) -> None:
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
            while self._is_shut_out() or not is_set(self._clock.wall_us()):
                await self._rest(LOOK_S)
            rows = await self._journal.read(after_seq=done, limit=BATCH_ROWS)
            triggers, done = _triggers(rows), rows[-1].seq
            plans = await self._plan_until_done(triggers, based_on_seq=done)
            drafts = [self._plan_draft(plan) for plan in plans]
            if not plans:
                drafts.append(self._superseded(triggers, based_on_seq=done))
            await self._journal.advance(CONSUMER, to_seq=done, drafts=drafts)

    async def _plan_until_done(
        self, triggers: Sequence[ev.Event], *, based_on_seq: int
    ) -> list[PlanBody]:
        while True:
            try:
                return await self._plan(triggers, based_on_seq=based_on_seq)
            except PlanError as error:
                logger.error("no plan", extra={"action": "plan_failed", "reason": str(error)})
                await self._rest(RETRY_S)

    async def _rest(self, seconds: float) -> None:
        await rest(seconds, consumer=CONSUMER, heartbeats=self._heartbeats)

    async def _plan(self, triggers: Sequence[ev.Event], *, based_on_seq: int) -> list[PlanBody]:
        facts = self._facts()
        low_items = [str(trigger.body["item"]) for trigger in triggers]
        job = make_job(
            facts,
            low_items,
            today=self._today(),
            solver=self._settings.solver,
            seed=self._settings.seed,
            time_limit_s=self._settings.time_limit_s,
        )
        started = self._clock.monotonic()
        result = await self._run_job(job)
        plans = make_plans(
            result,
            warehouse=facts.warehouse,
            triggers=[trigger.event_id for trigger in triggers],
            based_on_seq=based_on_seq,
            computed_at_us=self._clock.wall_us(),
            plan_ids=iter(self._plan_id, ""),
        )
        logger.info(
            "planned",
            extra={
                "action": "planned",
                "plans": [plan.plan_id for plan in plans],
                "seconds": round(self._clock.monotonic() - started, 3),
            },
        )
        return plans

    def _plan_id(self) -> str:
        # The random tail of a UUIDv7: short enough to read out, 48 bits long enough to be alone.
        return "PL-" + self._new_id()[-12:]

    def _plan_draft(self, plan: PlanBody) -> Draft:
        return self._draft(
            ev.PLAN_PROPOSED,
            plan.model_dump(exclude_none=True),
            at_us=plan.computed_at_us,
            cause=plan.triggers[0],
            documents=(ev.Document(type="plan", id=plan.plan_id),),
        )

    def _superseded(self, triggers: Sequence[ev.Event], *, based_on_seq: int) -> Draft:
        decision = DecisionBody(
            decision="superseded",
            triggers=[trigger.event_id for trigger in triggers],
            based_on_seq=based_on_seq,
            reason="by the time of planning what is on hand and on order was enough",
        )
        return self._draft(
            ev.PLAN_DECIDED,
            decision.model_dump(),
            at_us=self._clock.wall_us(),
            cause=triggers[0].event_id,
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
