"""Folds the journal into the read model and fires triggers.

Effects, trigger states, trigger events and the cursor go into one transaction. If that fails the
facts in memory are ahead of the disk, so the loop falls and starts again from what was committed.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Final, Protocol

from cloud_sync.contract import events as ev
from cloud_sync.contract.version import EVENT_VERSION
from gateway.core.facts import Facts, TriggerState
from gateway.core.flows.floor import Floor
from gateway.core.projection import apply_effects, effects_of
from gateway.core.triggers import reorder_trigger
from gateway.journal.flow_table import flow_statements, load_flows
from gateway.journal.ledger_tables import has_every_row, must_refold
from gateway.journal.read_model import Reader, effect_statements, load_facts
from gateway.ports import Clock, Draft, Journal
from gateway.services.following import event_of, next_rows
from gateway.services.signal import Signal
from gateway.services.stock_keeper import fold_stock, refold_stock
from gateway.services.supervisor import Heartbeats

logger = logging.getLogger(__name__)

CONSUMER: Final = "projector"
BATCH_ROWS: Final = 1000


class QueryableJournal(Journal, Reader, Protocol):
    """A journal whose read model can be asked."""


class Projector:
    """The only writer of the Facts. today: the date in the warehouse's own time zone."""

    def __init__(
        self,
        *,
        journal: QueryableJournal,
        warehouse: str,
        clock: Clock,
        new_id: Callable[[], str],
        quiet_us: int,
        heartbeats: Heartbeats,
        today: Callable[[], str],
    ) -> None:
        self._journal = journal
        self._warehouse = warehouse
        self._clock = clock
        self._new_id = new_id
        self._quiet_us = quiet_us
        self._heartbeats = heartbeats
        self._today = today
        self._judged_on = ""
        self.facts = Facts(warehouse)
        self.floor = Floor(lambda: self.facts)
        self.changed = Signal()

    async def load(self) -> None:
        """Take the facts as they were last committed; to be done before anybody reads them."""
        self._judged_on = ""
        facts = await load_facts(self._journal, self._warehouse)
        facts.flows = await load_flows(self._journal)
        self.facts = facts
        await self._refold_stock()
        self.changed.notify()

    async def _refold_stock(self) -> None:
        """Fold the stock again where it was folded by rules that knew no counts, or by wish."""
        journal, done = self._journal, await self._journal.cursor(CONSUMER)
        if not done or not await must_refold(journal):
            return
        if not await has_every_row(journal):
            logger.warning("stock kept as it was", extra={"action": "refold_impossible"})
            return
        _, statements = await refold_stock(journal, done)
        await journal.advance(CONSUMER, to_seq=done, effects=statements)
        flows = self.facts.flows
        self.facts = await load_facts(journal, self._warehouse)
        self.facts.flows = flows
        logger.info("stock folded again", extra={"action": "refolded", "rows": done})

    async def open_floor(self) -> None:
        """Let scans be decided on all that is in the journal, folded or not; once, after `load`.

        What was committed and not folded before a crash must be known before the next scan.
        """
        done = await self._journal.cursor(CONSUMER)
        beyond, last = [], done
        while rows := await self._journal.read(after_seq=last, limit=BATCH_ROWS):
            last = rows[-1].seq
            beyond += [event_of(row) for row in rows]
        self.floor.start(await load_flows(self._journal), done, beyond)

    async def run(self) -> None:
        """Fold for ever."""
        await self.load()
        done = await self._journal.cursor(CONSUMER)
        while True:
            rows = await next_rows(
                self._journal,
                after_seq=done,
                limit=BATCH_ROWS,
                consumer=CONSUMER,
                heartbeats=self._heartbeats,
            )
            events = [(row.seq, event_of(row)) for row in rows]
            effects = effects_of(events, self._warehouse)
            effects.stock = await fold_stock(self._journal, self.facts.book, events)
            touched = effects.touched_items(self.facts)
            apply_effects(self.facts, effects)
            for row, (_, event) in zip(rows, events, strict=True):
                self.facts.flows.apply(event, row.body)
            self.floor.follow(events)
            drafts, states = self._fire(touched)
            done = rows[-1].seq
            await self._journal.advance(
                CONSUMER,
                to_seq=done,
                effects=[
                    *effect_statements(effects, states),
                    *flow_statements(self.facts.flows),
                ],
                drafts=drafts,
            )
            self.facts.triggers.update(states)
            self.changed.notify()

    def _fire(self, items: set[str]) -> tuple[list[Draft], dict[str, TriggerState]]:
        """Triggers for items whose position may have changed; on a new day that is all of them.

        Lots and papers end with a day. A box whose journal stands still overnight looks at the
        first row of the morning, of whatever kind.
        """
        today = self._today()
        if today != self._judged_on:
            self._judged_on, items = today, set(self.facts.policies)
        drafts: list[Draft] = []
        states: dict[str, TriggerState] = {}
        now_us = self._clock.wall_us()
        for item in sorted(items & self.facts.policies.keys()):
            before = self.facts.triggers.get(item, TriggerState())
            body, after = reorder_trigger(
                self.facts.policies[item],
                position_units=self.facts.position(item, today),
                state=before,
                now_us=now_us,
                quiet_us=self._quiet_us,
            )
            if after != before:
                states[item] = after
            if body is None:
                continue
            event = ev.Event(
                event_id=self._new_id(),
                type=ev.REPLENISHMENT_TRIGGERED,
                version=EVENT_VERSION,
                occurred_at_us=now_us,
                received_at_us=now_us,
                warehouse=self._warehouse,
                body=body.model_dump(),
            )
            drafts.append(Draft(event.event_id, event.type, now_us, ev.encode_event(event)))
            logger.info("trigger fired", extra={"action": "trigger_fired", "reason": body.reason})
        return drafts, states
