"""Folds the journal into the read model and fires triggers.

Effects, trigger states, trigger events and the cursor go into one transaction. If that fails the
facts in memory are ahead of the disk, so the loop falls and starts again from what was committed.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Final, Protocol

from cloud_sync.contract import events as ev
from cloud_sync.contract import keys
from gateway.core.facts import Facts
from gateway.core.flows.floor import Floor
from gateway.core.projection import Effects, apply_effects, effects_of, together
from gateway.journal.flow_table import flow_statements, load_flows
from gateway.journal.ledger_tables import has_every_row, must_refold
from gateway.journal.read_model import Reader, effect_statements, load_facts
from gateway.journal.serial_table import serial_statements
from gateway.ports import Journal, Row
from gateway.services.exception_keeper import ExceptionKeeper
from gateway.services.following import event_of, next_rows
from gateway.services.refolding import refold
from gateway.services.signal import Signal
from gateway.services.stock_keeper import fold_stock
from gateway.services.supervisor import Heartbeats
from gateway.services.trigger_watch import Change, Found, TriggerWatch

logger = logging.getLogger(__name__)

CONSUMER: Final = "projector"
BATCH_ROWS: Final = 1000
RECENT_ROWS: Final = 5000
"""So many rows before the cursor are looked through at the start for sales of just now."""
SALE: Final = keys.CUSTOMER.encode()
"""What is in the bytes of every sale."""


class QueryableJournal(Journal, Reader, Protocol):
    """A journal whose read model can be asked."""

    @property
    def base_seq(self) -> int:
        """The highest sequence number that has left; 0 before any has."""
        ...


class Projector:
    """The only writer of the Facts."""

    def __init__(
        self,
        *,
        journal: QueryableJournal,
        warehouse: str,
        watch: TriggerWatch,
        exceptions: ExceptionKeeper,
        heartbeats: Heartbeats,
    ) -> None:
        self._journal = journal
        self._warehouse = warehouse
        self._watch = watch
        self._exceptions = exceptions
        self._heartbeats = heartbeats
        self.facts = Facts(warehouse)
        self.floor = Floor(lambda: self.facts)
        self.changed = Signal()

    async def load(self) -> None:
        """Take the facts as they were last committed; to be done before anybody reads them."""
        facts = await load_facts(self._journal, self._warehouse)
        facts.seq = await self._journal.cursor(CONSUMER)
        facts.flows = await load_flows(self._journal)
        self.facts = facts
        await self._refold()
        self._watch.begin(self.facts, await self._recent(facts.seq))
        self.changed.notify()

    async def _recent(self, done: int) -> list[ev.Event]:
        """The last events up to the cursor in which goods may go to a customer."""
        events: list[ev.Event] = []
        last = max(self._journal.base_seq, done - RECENT_ROWS)
        while last < done:
            limit = min(BATCH_ROWS, done - last)
            rows = await self._journal.read(after_seq=last, limit=limit)
            if not rows:
                break
            last = rows[-1].seq
            # Looking into the bytes takes a twentieth of parsing them all.
            events += [event_of(row) for row in rows if row.seq <= done and SALE in row.body]
        return events

    async def _refold(self) -> None:
        """Fold stock and exceptions again where older rules have folded them, or by wish."""
        journal, done = self._journal, await self._journal.cursor(CONSUMER)
        if not done or not await must_refold(journal):
            return
        if not await has_every_row(journal):
            logger.warning("stock kept as it was", extra={"action": "refold_impossible"})
            return
        statements = await refold(
            journal, done, warehouse=self._warehouse, exceptions=self._exceptions
        )
        await journal.advance(CONSUMER, to_seq=done, effects=statements)
        flows = self.facts.flows
        self.facts = await load_facts(journal, self._warehouse)
        self.facts.flows, self.facts.seq = flows, done
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
            await self.take(rows)
            done = rows[-1].seq

    async def take(self, rows: Sequence[Row]) -> None:
        """Fold the journal's next rows and commit what they bring about."""
        events = [(row.seq, event_of(row)) for row in rows]
        bodies = {row.seq: row.body for row in rows}
        found = Found()
        parts = [await self._fold(run, bodies, found) for run in self._watch.runs(events)]
        effects = parts[0] if len(parts) == 1 else together(parts)
        self.floor.follow(events)
        traces = await self._exceptions.look([it for _, it in events], effects.exceptions)
        deeds = await self._exceptions.act(effects.exceptions, self.facts)
        await self._journal.advance(
            CONSUMER,
            to_seq=rows[-1].seq,
            effects=[
                *effect_statements(effects, found.states),
                *flow_statements(self.facts.flows),
                *traces,
                *serial_statements(it for _, it in events),
            ],
            drafts=[*found.drafts, *deeds],
        )
        self.changed.notify()

    async def _fold(
        self, run: Sequence[tuple[int, ev.Event]], bodies: Mapping[int, bytes], found: Found
    ) -> Effects:
        """Take a run of rows into the facts, and note what it brings about."""
        facts = self.facts
        effects = effects_of(run, self._warehouse)
        effects.stock = await fold_stock(self._journal, facts.book, run)
        touched = effects.touched_items(facts)
        before = self._watch.on_hand_before(facts, (event for _, event in run))
        apply_effects(facts, effects)
        for seq, event in run:
            facts.flows.apply(event, bodies[seq])
        self._watch.note(run)
        facts.seq, last = run[-1]
        change = Change(effects, touched, before, last.received_at_us)
        self._watch.look(facts, change, found)
        return effects
