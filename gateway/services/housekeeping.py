"""Keeps the journal in bounds and in order: prunes, scrubs, holds the reserve, raises alarms.

Policy when room runs out, in this order:
1. Rows that the cloud has leave after `retention_days`; under pressure (close to the size
   limit, or on a full disk) already after an hour. In both cases it has them for an hour: a
   backlog of weeks does not leave the moment it is sent.
2. Without a cloud rows stay as long as there is room; under pressure those leave that everybody
   here is done with and that are older than `retention_days`.
3. What is left then stays. New messages are refused, devices keep them, an alarm says so.
Nothing is dropped that was acknowledged and is not elsewhere.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Final, Protocol

from gateway.journal.salvage import LastSalvage, Salvage
from gateway.ports import Clock, Draft
from gateway.services.alarms import Alarms
from gateway.services.following import rest
from gateway.services.gateway_health import health_draft
from gateway.services.supervisor import Heartbeats
from gateway.settings import JournalSettings

logger = logging.getLogger(__name__)

CONSUMER: Final = "housekeeping"
TICK_S: Final = 5.0
PRUNE_S: Final = 600.0
SCRUB_ROWS: Final = 500
"""Checked per tick: a million rows in less than three hours, at a few milliseconds a second."""
US_PER_DAY: Final = 86_400 * 1_000_000
HOUR_US: Final = 3600 * 1_000_000
"""Longer than the data that a cloud may lose when it fails over to an older state."""


class KeptJournal(Protocol):
    """A journal that can be kept in order."""

    async def sent_long_ago(self, *, now_us: int, span_us: int) -> int:
        """The highest seq known to have been sent at least `span_us` ago."""
        ...

    async def prune(self, *, older_than_us: int, has_cloud: bool, below_seq: int | None) -> int:
        """Remove rows below a seq that all are done with and old enough; gives how many."""
        ...

    async def scrub(self, n_rows: int) -> None:
        """Check some more rows against the chain. Raises JournalCorrupt."""
        ...

    async def room(self) -> str | None:
        """Why there is little or no room, None if there is enough; lays down the reserve."""
        ...

    async def last_salvage(self) -> LastSalvage | None:
        """What the journal was made of, if it was made of a damaged one."""
        ...

    async def tell_salvage(self, draft: Draft) -> None:
        """Journal the event about the last salvage, once."""
        ...


class Housekeeping:
    """One gateway's housekeeping. has_cloud: whether the rows go anywhere."""

    def __init__(
        self,
        *,
        journal: KeptJournal,
        settings: JournalSettings,
        has_cloud: bool,
        warehouse: str,
        clock: Clock,
        new_id: Callable[[], str],
        alarms: Alarms,
        heartbeats: Heartbeats,
    ) -> None:
        self._journal = journal
        self._settings = settings
        self._has_cloud = has_cloud
        self._warehouse = warehouse
        self._clock = clock
        self._new_id = new_id
        self._alarms = alarms
        self._heartbeats = heartbeats

    async def run(self) -> None:
        """Keep house for ever."""
        pruned_s: float | None = None
        self._heartbeats.beat(CONSUMER)
        while True:
            await self._tell_salvage()
            await self._journal.scrub(SCRUB_ROWS)
            pressure = await self._journal.room()
            self._alarms.set("journal_room", pressure)
            now_s = self._clock.monotonic()
            if pressure is not None or pruned_s is None or now_s - pruned_s >= PRUNE_S:
                pruned_s = now_s
                await self._prune(is_pressed=pressure is not None)
            await rest(TICK_S, consumer=CONSUMER, heartbeats=self._heartbeats)

    async def _prune(self, *, is_pressed: bool) -> None:
        if not self._has_cloud and not is_pressed:
            return
        retention_us = round(self._settings.retention_days * US_PER_DAY)
        if is_pressed and self._has_cloud:
            retention_us = min(retention_us, HOUR_US)
        now_us, below_seq = self._clock.wall_us(), None
        if self._has_cloud:
            span_us = min(retention_us, HOUR_US)
            below_seq = await self._journal.sent_long_ago(now_us=now_us, span_us=span_us)
        n_rows = await self._journal.prune(
            older_than_us=now_us - retention_us, has_cloud=self._has_cloud, below_seq=below_seq
        )
        if n_rows:
            logger.info("journal pruned", extra={"action": "pruned", "rows": n_rows})

    async def _tell_salvage(self) -> None:
        """One event, and an alarm for as long as the old file lies there to be looked at."""
        last = await self._journal.last_salvage()
        if last is None:
            return
        found = last.found
        if not last.is_told:
            await self._journal.tell_salvage(self._salvage_draft(found))
        self._alarms.set(
            "journal_salvaged",
            f"{found.cause}; {found.n_missing} rows missing, {found.n_lost} of them lost; the old"
            f" file is kept in {found.kept}: remove that when it was looked at"
            if last.is_kept
            else None,
        )

    def _salvage_draft(self, found: Salvage) -> Draft:
        return health_draft(
            {
                "what": "journal_salvaged",
                "cause": found.cause[:500],
                "old_epoch": found.old_epoch,
                "rows": found.n_rows,
                "last_seq": found.last_seq,
                "acknowledged_seq": found.acknowledged_seq,
                "n_missing": found.n_missing,
                "missing": [list(span) for span in found.missing[:100]],
                "n_unproven": found.n_unproven,
                "n_lost": found.n_lost,
            },
            event_id=self._new_id(),
            warehouse=self._warehouse,
            now_us=self._clock.wall_us(),
            at_us=found.at_us,
        )
