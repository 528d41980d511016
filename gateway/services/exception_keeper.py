"""The exceptions queue's part in the projector: what takes more than one row to see, and what is
done when somebody says so.

It has no loop and no cursor of its own: what it finds and does is committed with the rows that it
was found in. A word that was folded before is never seen again, so nothing is done twice.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Final, Protocol

from cloud_sync.contract import events as ev
from cloud_sync.inventory.exceptions import COUNT_KINDS, Ending, Key, Word, key_text
from cloud_sync.inventory.findings import Finding
from cloud_sync.inventory.traces import STOCK, WINDOW_US, Subject, Trace, shown_by, traces_of
from gateway.core.exceptions import ExceptionEffects
from gateway.core.facts import Facts
from gateway.core.resolving import Around, deeds_of
from gateway.journal.exception_table import (
    read_keys,
    read_moved,
    read_open,
    read_traces,
    trace_statements,
)
from gateway.journal.ledger_tables import Reader, find_rows
from gateway.journal.table_sums import Querying
from gateway.ports import Clock, Draft, Journal, Statements
from gateway.services.following import event_of

DAY_US: Final = 86_400 * 1_000_000
KEPT_US: Final = 2 * max(WINDOW_US.values())


class ReadableJournal(Journal, Reader, Protocol):
    """A journal whose tables can be asked."""


class ExceptionKeeper:
    """One gateway's."""

    def __init__(
        self,
        *,
        journal: ReadableJournal,
        gateway: str,
        warehouse: str,
        clock: Clock,
        new_id: Callable[[], str],
        tables: Querying | None = None,
    ) -> None:
        """tables: where traces are kept, if not in the journal's file."""
        self._journal = journal
        self._gateway = gateway
        self._warehouse = warehouse
        self._clock = clock
        self._new_id = new_id
        self._tables: Querying = tables or journal
        self._now_us = 0

    async def look(self, events: Sequence[ev.Event], effects: ExceptionEffects) -> Statements:
        """Add to the effects of rows what they show together with others, and what counts end.

        Gives what remembers their traces.
        """
        traces = [
            trace for event in events for trace in traces_of(event, self._gateway, is_shared=False)
        ]
        if traces:
            subjects = await self._telling(traces)
            widest_us = max((WINDOW_US.get(it.family, 0) for it in subjects), default=0)
            known = await read_traces(
                self._tables,
                subjects,
                self._warehouse,
                from_us=max(0, min(it.at_us for it in traces) - widest_us),
            )
            effects.raised += [
                (Finding(it.kind, it.key, (it.trace.event_id,), it.detail), it.at_us)
                for it in sorted(shown_by([*traces, *known]))
            ]
        effects.ends += await self._ends(traces, effects)
        return trace_statements(traces, forget_us=self._forget_us(events))

    async def _telling(self, traces: Sequence[Trace]) -> set[Subject]:
        """The subjects of which there may be something to show together with what is known.

        Goods that were only counted show nothing, and whoever counts piece by piece counts the
        same goods a thousand times: of these not even is read what is kept.
        """
        subjects = {it.subject for it in traces}
        counted = {it for it in subjects if it.family == STOCK}
        counted -= {it.subject for it in traces if it.says[:1] in (("late",), ("move",))}
        return subjects - counted | await read_moved(self._tables, counted)

    async def _ends(self, traces: Sequence[Trace], effects: ExceptionEffects) -> list[Ending]:
        """The last count of goods ends what is doubtful about those before it."""
        counted: set[Key] = {it.subject.key for it in traces if it.says[:1] == ("count",)}
        doubtful = {(it.kind, it.key) for it, _ in effects.raised if it.kind in COUNT_KINDS}
        if not counted and not doubtful:
            return []
        if counted:
            doubtful |= await read_keys(self._tables, COUNT_KINDS)
        subjects = {Subject(STOCK, tuple(key)) for _, key in doubtful}
        last: dict[Key, tuple[int, str]] = {}
        known = await read_traces(self._tables, subjects, self._warehouse, from_us=0)
        for it in [*traces, *known]:
            if it.says[:1] == ("count",):
                found = it.at_us, it.event_id
                last[it.subject.key] = max(found, last.get(it.subject.key, found))
        by_text = {key_text(key): at for key, at in last.items()}
        return [
            Ending(kind, key, *by_text[key_text(key)])
            for kind, key in sorted(doubtful)
            if key_text(key) in by_text
        ]

    def _forget_us(self, events: Sequence[ev.Event]) -> int:
        """Before when traces are of no use any more; by the rows' own time, in whole days, so that
        it does not matter in which portions rows come."""
        now_us = max((event.received_at_us for event in events), default=0)
        self._now_us = max(self._now_us, now_us)
        return max(0, self._now_us // DAY_US * DAY_US - KEPT_US)

    def beside(self, tables: Querying) -> ExceptionKeeper:
        """Another that looks at the rows anew, with tables of their own."""
        return ExceptionKeeper(
            journal=self._journal,
            gateway=self._gateway,
            warehouse=self._warehouse,
            clock=self._clock,
            new_id=self._new_id,
            tables=tables,
        )

    async def act(self, effects: ExceptionEffects, facts: Facts) -> list[Draft]:
        """The events that do what people said of evidence that is open here."""
        deeds: list[ev.Event] = []
        done: set[tuple[str, str, str]] = set()
        for said in effects.resolved:
            names = await self._open(said, effects, done)
            done |= {(said.kind, key_text(said.key), name) for name in names}
            if names:
                around = Around(
                    warehouse=self._warehouse,
                    now_us=self._clock.wall_us(),
                    balances=facts.book.ledger.balances,
                    corrected=frozenset(facts.book.corrections),
                    new_id=self._new_id,
                )
                deeds += deeds_of(said, await self._events(names), around)
        return [
            Draft(it.event_id, it.type, it.occurred_at_us, ev.encode_event(it)) for it in deeds
        ]

    async def _open(
        self, said: Word, effects: ExceptionEffects, done: set[tuple[str, str, str]]
    ) -> list[str]:
        """What of a word's evidence is open in this gateway's queue, and was not just done."""
        names = await read_open(self._journal, said.kind, said.key)
        key = key_text(said.key)
        names |= {
            it.evidence[0]
            for it, _ in effects.raised
            if (it.kind, key_text(it.key)) == (said.kind, key)
        }
        return sorted(
            name for name in names & set(said.evidence) if (said.kind, key, name) not in done
        )

    async def _events(self, names: Iterable[str]) -> list[ev.Event]:
        """Those of the events that are still in the journal, in its order."""
        found = []
        for seq in sorted((await find_rows(self._journal, list(names))).values()):
            (row,) = await self._journal.read(after_seq=seq - 1, limit=1)
            found.append(event_of(row))
        return found
