"""Fires triggers and closes plans for the projector, from what each run of rows has changed.

It has no loop and no cursor of its own: what it finds is committed with the rows that it was
found in. Where causes stand is in the facts and in the tables; a restart begins where the last
transaction ended, so nothing fires twice and nothing is lost.

Quiet periods and windows are of the rows' own time, so that a box that catches up in the morning
fires what it would have fired at night. What depends on the day (which lots are still good) is
judged by the warehouse's calendar, and while the clock is not to be believed by the last day on
which it was: a clock that is years ahead lets nothing expire.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final
from zoneinfo import ZoneInfo

from cloud_sync.contract import events as ev
from cloud_sync.contract.plans import DecisionBody, ReconciledLine, TriggerBody, asn_id
from cloud_sync.contract.version import EVENT_VERSION
from gateway.core.facts import Facts, TriggerState
from gateway.core.messages import message
from gateway.core.outlook import look_at
from gateway.core.projection import Effects
from gateway.core.rushes import Rushes
from gateway.core.trigger_runs import Rows, runs
from gateway.core.triggers import triggers_of
from gateway.ports import Clock, Draft
from gateway.settings import Settings

logger = logging.getLogger(__name__)

EXPOSURE: Final = "exposure"


@dataclass(slots=True)
class Found:
    """What a batch of rows has brought about: events to be written, and where causes stand."""

    drafts: list[Draft] = field(default_factory=list)
    states: dict[tuple[str, str], TriggerState] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Change:
    """What a run of rows has done. on_hand_before: of what an excursion took away with it.

    touched: items whose position may be another now. at_us: the run's time.
    """

    effects: Effects
    touched: set[str]
    on_hand_before: Mapping[str, int]
    at_us: int


class TriggerWatch:
    """today: the date in the warehouse's own time zone.

    is_trusted: whether the clock is to be believed (core/clock_trust).
    """

    def __init__(
        self,
        *,
        settings: Settings,
        clock: Clock,
        new_id: Callable[[], str],
        today: Callable[[], str],
        is_trusted: Callable[[], bool],
    ) -> None:
        self._warehouse = settings.gateway.warehouse
        self._language = settings.gateway.language
        self._zone = ZoneInfo(settings.gateway.timezone)
        self._quiet_us = round(settings.planner.quiet_s * 1_000_000)
        self._clock = clock
        self._new_id = new_id
        self._today = today
        self._is_trusted = is_trusted
        self._day = ""
        self._judged_on = ""
        self._rushes: Rushes | None = None

    def begin(self, facts: Facts, recent: Iterable[ev.Event]) -> None:
        """Begin with facts as they were committed; recent: the last events they hold.

        Every item is looked at again with the next run.
        """
        self._judged_on = ""
        self._rushes = Rushes(facts, zone=self._zone)
        self._rushes.note(recent)

    def runs(self, rows: Rows) -> Iterator[Rows]:
        """The rows cut into runs, after each of which is to be looked."""
        return runs(rows, self._quiet_us)

    def on_hand_before(self, facts: Facts, events: Iterable[ev.Event]) -> dict[str, int]:
        """What is on hand of items that an excursion takes away with these rows."""
        today = self._believed_day()
        return {
            item: facts.units_on_hand(item, today)
            for item in {
                str(event.body.get("item"))
                for event in events
                if event.type == ev.LOT_HELD and event.body.get("reason") == EXPOSURE
            }
        }

    def note(self, run: Rows) -> None:
        """Take a run's sales."""
        if self._rushes is not None:
            self._rushes.note(event for _, event in run)

    def look(self, facts: Facts, change: Change, found: Found) -> None:
        """Look at what a run has changed; the facts hold it already."""
        today, before = self._believed_day(), change.on_hand_before
        items = change.touched & facts.policies.keys()
        if today != self._judged_on:
            # Lots and papers end with a day: on a new one every item is looked at.
            self._judged_on, items = today, set(facts.policies)
        for item in sorted(items):
            left = facts.units_on_hand(item, today) if item in before else 0
            taken = max(0, before.get(item, 0) - left)
            rush = None if self._rushes is None else self._rushes.rush(item, change.at_us)
            look = look_at(
                facts,
                item,
                today,
                change.at_us,
                taken_units=taken,
                surge=rush,
                zone=self._zone,
            )
            if look is None:
                continue
            bodies, states = triggers_of(
                look,
                facts.triggers,
                now_us=change.at_us,
                quiet_us=self._quiet_us,
                language=self._language,
            )
            facts.triggers.update(states)
            found.states.update(states)
            found.drafts += map(self._trigger, bodies)
        for plan_id in dict.fromkeys(plan_id for plan_id, _ in change.effects.steps):
            found.drafts += self._closing(facts, change.effects, plan_id)

    def _believed_day(self) -> str:
        """Today; while the clock is not to be believed, the last day on which it was."""
        if not self._day or self._is_trusted():
            self._day = self._today()
        return self._day

    def _trigger(self, body: TriggerBody) -> Draft:
        logger.info("trigger fired", extra={"action": "trigger_fired", "reason": body.reason})
        return self._draft(ev.REPLENISHMENT_TRIGGERED, body.model_dump(exclude_none=True))

    def _closing(self, facts: Facts, effects: Effects, plan_id: str) -> list[Draft]:
        """The end of a plan whose delivery is complete now: what came of what was asked for."""
        plan = facts.plans[plan_id]
        is_new = any(of == plan_id and step.name == "receive" for of, step in effects.steps)
        is_first = sum(name == "receive" for name, _ in plan.steps) == 1
        if plan.state != "received" or not (is_new and is_first):
            return []
        lines = [
            ReconciledLine(
                item=item,
                ordered_units=units,
                received_units=facts.received_units(asn_id(plan_id), item),
            )
            for item, (units, _) in sorted(plan.lines.items())
        ]
        n_off = sum(line.ordered_units != line.received_units for line in lines)
        word = "plan_closed_off" if n_off else "plan_closed"
        body = DecisionBody(
            decision="closed",
            based_on_seq=facts.seq,
            reason=message(word, self._language, plan=plan_id, lines=len(lines), off=n_off),
            plan_id=plan_id,
            reconciled=lines,
        )
        document = (ev.Document(type="plan", id=plan_id),)
        return [
            self._draft(
                ev.PLAN_DECIDED,
                body.model_dump(exclude_none=True),
                cause=plan.event_id,
                documents=document,
            )
        ]

    def _draft(
        self,
        kind: str,
        body: dict[str, object],
        *,
        cause: str | None = None,
        documents: tuple[ev.Document, ...] = (),
    ) -> Draft:
        now_us = max(0, self._clock.wall_us())
        event = ev.Event(
            event_id=self._new_id(),
            type=kind,
            version=EVENT_VERSION,
            occurred_at_us=now_us,
            received_at_us=now_us,
            warehouse=self._warehouse,
            documents=documents,
            cause=cause,
            body=body,
        )
        return Draft(event.event_id, event.type, now_us, ev.encode_event(event))
