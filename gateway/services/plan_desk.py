"""What people ask of planning at the gateway itself, and what the time of day asks.

`forepost-gateway plan now|approve|reject` leaves a file in the directory `plan-wishes` of the
state directory; the running gateway makes an event of it, or the next one that starts. The file's
name is the event's id, so a wish that was written down just before a crash is not written down
twice. What cannot be done (no such plan, goods have left already) is logged, and told by the
command itself beforehand.

At the times of day in `planner.daily_at`, in the warehouse's own time zone, everything is planned
once. While the clock is not to be believed no time of day has come (core/clock_trust), and no plan
has become old: plans that ended `planner.keep_days` ago leave the read model.
"""

from __future__ import annotations

import logging
import uuid
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, time, timedelta, tzinfo
from pathlib import Path
from typing import Final, Protocol
from zoneinfo import ZoneInfo

from cloud_sync.contract import events as ev
from cloud_sync.contract.plan_life import Step, state_of
from cloud_sync.contract.plans import MANUAL, SCHEDULE, STEP_OF, DecisionBody
from cloud_sync.contract.version import EVENT_VERSION
from gateway.core.facts import Facts, TriggerState
from gateway.core.old_plans import called_off, forget_plans, old_plans
from gateway.core.triggers import happening
from gateway.core.wishes import Decide, PlanNow, parse_wish
from gateway.journal.durable import UNFINISHED, put_file
from gateway.journal.ledger_tables import find_rows
from gateway.journal.plan_tables import (
    cause_statements,
    forget_statements,
    old_milestone_statements,
)
from gateway.journal.table_sums import Querying
from gateway.ports import Clock, Draft, Journal, Statements
from gateway.services.following import rest
from gateway.services.supervisor import Heartbeats
from gateway.settings import Settings

logger = logging.getLogger(__name__)

DIRECTORY: Final = "plan-wishes"
CONSUMER: Final = "plan-desk"
TICK_S: Final = 1.0
CLEAR_S: Final = 3600.0
"""How often plans are looked through for old ones."""
PLANS_AT_ONCE: Final = 200
"""That leave in one transaction, so that no scan waits long behind it."""
US_PER_DAY: Final = 86_400 * 1_000_000
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_US: Final = timedelta(microseconds=1)


class DeskJournal(Journal, Querying, Protocol):
    """A journal that says how far it is and can be asked."""

    @property
    def last_seq(self) -> int:
        """The highest durable sequence number; 0 when empty."""
        ...


class PlanDesk:
    """One gateway's desk. is_trusted: whether the clock is to be believed."""

    def __init__(
        self,
        *,
        journal: DeskJournal,
        facts: Callable[[], Facts],
        clock: Clock,
        new_id: Callable[[], str],
        settings: Settings,
        is_trusted: Callable[[], bool],
        heartbeats: Heartbeats,
    ) -> None:
        self._journal = journal
        self._facts = facts
        self._clock = clock
        self._new_id = new_id
        self._directory = settings.gateway.state_dir / DIRECTORY
        self._daily_at = settings.planner.daily_at
        self._zone = ZoneInfo(settings.gateway.timezone)
        self._language = settings.gateway.language
        self._is_trusted = is_trusted
        self._heartbeats = heartbeats
        self._keep_us = settings.planner.keep_days * US_PER_DAY
        self._cleared_s: float | None = None
        self.n_rounds = 0

    async def run(self) -> None:
        """Serve for ever."""
        while True:
            for path in wishes_in(self._directory):
                self._heartbeats.beat(CONSUMER)
                await self._grant(path.name, _read(path))
                path.unlink(missing_ok=True)
            if self._daily_at and self._is_trusted():
                await self._keep_time()
            if self._is_trusted():
                await self._clear_away()
            self.n_rounds += 1
            await rest(TICK_S, consumer=CONSUMER, heartbeats=self._heartbeats)

    # ------------------------------------------------------------ wishes

    async def _grant(self, name: str, wish: PlanNow | Decide | None) -> None:
        """Make a wish an event, once."""
        if wish is None or await find_rows(self._journal, [name]):
            return
        if isinstance(wish, PlanNow):
            await self._plan_now(name, wish)
        else:
            await self._decide(name, wish)

    async def _plan_now(self, name: str, wish: PlanNow) -> None:
        facts, item = self._facts(), wish.item or ""
        now_us = max(0, self._clock.wall_us())
        body, state = happening(
            MANUAL,
            item=item,
            name=facts.name_of(item) if item else "",
            warehouse=facts.warehouse,
            state=facts.triggers.get((MANUAL, item), TriggerState()),
            now_us=now_us,
            quiet_us=0,
            language=self._language,
            values={"author": wish.author},
        )
        if body is not None:
            draft = self._draft(
                ev.REPLENISHMENT_TRIGGERED, body.model_dump(exclude_none=True), name
            )
            await self._write(draft, {(MANUAL, item): state})

    async def _decide(self, name: str, wish: Decide) -> None:
        plan = self._facts().plans.get(wish.plan)
        body = DecisionBody(
            decision=wish.decision,
            based_on_seq=self._facts().seq,
            reason=wish.reason,
            plan_id=wish.plan,
            author=wish.author,
        )
        draft = self._draft(
            ev.PLAN_DECIDED,
            body.model_dump(exclude_none=True),
            name,
            documents=(ev.Document(type="plan", id=wish.plan),),
        )
        step = Step(STEP_OF[wish.decision], draft.occurred_at_us, name)
        if plan is None or state_of([*plan.steps.values(), step]) != wish.decision:
            state = "not known" if plan is None else plan.state
            logger.warning("wish refused", extra={"action": "wish_refused", "reason": state})
            return
        await self._write(draft, {})

    # ------------------------------------------------------------ the time of day

    async def _keep_time(self) -> None:
        now_us = self._clock.wall_us()
        due_us, shown = last_due(self._daily_at, now_us, self._zone)
        facts = self._facts()
        state = facts.triggers.get((SCHEDULE, ""))
        fired_us = None if state is None else state.fired_at_us
        if state is None or fired_us is None or fired_us > now_us:
            # The first look, or the first after a clock that was ahead: from here on it counts.
            window = None if state is None else state.window
            await self._remember(TriggerState(is_armed=False, fired_at_us=now_us, window=window))
            return
        if fired_us >= due_us:
            return
        body, after = happening(
            SCHEDULE,
            item="",
            name="",
            warehouse=facts.warehouse,
            state=state,
            now_us=now_us,
            quiet_us=0,
            language=self._language,
            values={"time": shown},
        )
        if body is not None:
            draft = self._draft(
                ev.REPLENISHMENT_TRIGGERED, body.model_dump(exclude_none=True), self._new_id()
            )
            await self._write(draft, {(SCHEDULE, ""): after})

    async def _remember(self, state: TriggerState) -> None:
        await self._advance(cause_statements({(SCHEDULE, ""): state}), ())
        self._facts().triggers[SCHEDULE, ""] = state

    # ------------------------------------------------------------ old plans

    async def _clear_away(self) -> None:
        """Have plans that ended long ago leave, some of them in each transaction."""
        now_s = self._clock.monotonic()
        if self._cleared_s is not None and now_s - self._cleared_s < CLEAR_S:
            return
        before_us = self._clock.wall_us() - self._keep_us
        old = old_plans(self._facts(), before_us=before_us)[:PLANS_AT_ONCE]
        if len(old) < PLANS_AT_ONCE:
            self._cleared_s = now_s
            await self._advance(old_milestone_statements(self._facts().warehouse), ())
        if old:
            await self._advance(forget_statements(old, called_off(self._facts(), old)), ())
            forget_plans(self._facts(), old)
            logger.info("old plans left", extra={"action": "plans_left", "plans": len(old)})

    # ------------------------------------------------------------ writing

    async def _write(self, draft: Draft, states: dict[tuple[str, str], TriggerState]) -> None:
        await self._advance(cause_statements(states), (draft,))
        self._facts().triggers.update(states)
        logger.info("desk", extra={"action": "desk", "type": draft.type})

    async def _advance(self, effects: Statements, drafts: Sequence[Draft]) -> None:
        # Not the cursor of a reader: the desk reads no rows.
        await self._journal.advance(
            CONSUMER, to_seq=self._journal.last_seq, effects=effects, drafts=drafts
        )

    def _draft(
        self,
        kind: str,
        body: dict[str, object],
        event_id: str,
        documents: tuple[ev.Document, ...] = (),
    ) -> Draft:
        now_us = max(0, self._clock.wall_us())
        event = ev.Event(
            event_id=event_id,
            type=kind,
            version=EVENT_VERSION,
            occurred_at_us=now_us,
            received_at_us=now_us,
            warehouse=self._facts().warehouse,
            documents=documents,
            body=body,
        )
        return Draft(event_id, kind, now_us, ev.encode_event(event))


def last_due(daily_at: Sequence[time], now_us: int, zone: tzinfo) -> tuple[int, str]:
    """The last of the times of day that has come, as a moment and as the clock shows it.

    In the night the clocks go back the first of two equal times counts. In the one they go
    forward a time that is left out comes as much later as is left out. Moments are compared, not
    what the wall shows: Python compares two times of one zone by that.
    """
    today = (_EPOCH + now_us * _US).astimezone(zone).date()
    moments = [
        ((datetime.combine(today - timedelta(days=back), at, tzinfo=zone) - _EPOCH) // _US, at)
        for back in (0, 1, 2)  # 2: a day that a whole zone left out (Samoa, 2011)
        for at in daily_at
    ]
    due_us, at = max(it for it in moments if it[0] <= now_us)
    return due_us, f"{at:%H:%M}"


def wishes_in(directory: Path) -> list[Path]:
    """The wishes there are, the oldest first. A look at a small directory: no thread for it."""
    if not directory.is_dir():
        return []
    return sorted(path for path in directory.iterdir() if not path.name.endswith(UNFINISHED))


def _read(path: Path) -> PlanNow | Decide | None:
    """The wish in a file; None if it cannot be read as one, or its name is no event's id."""
    try:
        uuid.UUID(path.name)
        return parse_wish(path.read_bytes())
    except (ValueError, OSError) as error:  # pydantic's ValidationError is a ValueError
        logger.warning("wish refused", extra={"action": "wish_refused", "reason": str(error)})
        return None


def leave_wish(state_dir: Path, name: str, wish: PlanNow | Decide) -> None:
    """Leave a wish for the running gateway, or for its next start. Raises OSError."""
    put_file(state_dir / DIRECTORY / name, wish.model_dump_json(exclude_none=True).encode())
