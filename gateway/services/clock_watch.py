"""Records what the box's wall clock does: that it is not set yet, that it was set, that it jumped.

Durations are monotonic everywhere, and order is the journal's, so a jump mends and breaks nothing.
It must be known all the same, because stamps on both sides of it do not compare:

- A box without a battery-backed clock boots in 1970. What devices say until time arrives carries
  the flag `clock_unset`. When time arrives, an event `gateway.health` with `what: clock_set` says
  by how much (`shift_us`) the stamps of the rows from `first_seq` to `last_seq` that lie before
  the floor are too early. Nothing already written is changed.
- Any other difference between wall time and monotonic time becomes `what: clock_jumped`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from gateway.clock import is_set
from gateway.ports import Clock
from gateway.services.alarms import Alarms
from gateway.services.following import rest
from gateway.services.gateway_health import health_draft
from gateway.services.ports import CountingJournal
from gateway.services.supervisor import Heartbeats

CONSUMER: Final = "clock-watch"
TICK_S: Final = 1.0
JUMP_US: Final = 1_000_000
"""A clock that is slewed moves half a millisecond per second at most; a step is larger."""
ALARM: Final = "clock_unset"


class ClockWatch:
    """One gateway's watch over its own clock."""

    def __init__(
        self,
        *,
        journal: CountingJournal,
        warehouse: str,
        clock: Clock,
        new_id: Callable[[], str],
        alarms: Alarms,
        heartbeats: Heartbeats,
    ) -> None:
        self._journal = journal
        self._warehouse = warehouse
        self._clock = clock
        self._new_id = new_id
        self._alarms = alarms
        self._heartbeats = heartbeats
        self._first_seq = journal.last_seq + 1
        self._offset_us = self._offset()
        self._is_set = is_set(clock.wall_us())
        self.n_jumps = 0

    async def run(self) -> None:
        """Watch for ever."""
        self._heartbeats.beat(CONSUMER)
        while True:
            await self._look()
            await rest(TICK_S, consumer=CONSUMER, heartbeats=self._heartbeats)

    def _offset(self) -> int:
        """Wall time less monotonic time: what stays the same while nobody sets the clock."""
        return self._clock.wall_us() - round(self._clock.monotonic() * 1_000_000)

    async def _look(self) -> None:
        now_us, offset_us = self._clock.wall_us(), self._offset()
        self._alarms.set(
            ALARM,
            None if is_set(now_us) else "nobody has told it since it started",
        )
        shift_us = offset_us - self._offset_us
        if abs(shift_us) < JUMP_US:
            self._offset_us = offset_us  # a clock that is slewed drifts slowly; follow it
            return
        was_set, self._is_set = self._is_set, is_set(now_us)
        has_come = self._is_set and not was_set
        self.n_jumps += 1
        await self._tell("clock_set" if has_come else "clock_jumped", shift_us, now_us)
        self._offset_us = offset_us
        self._first_seq = self._journal.last_seq + 1

    async def _tell(self, what: str, shift_us: int, now_us: int) -> None:
        draft = health_draft(
            {
                "what": what,
                "shift_us": shift_us,
                "before_us": now_us - shift_us,
                "first_seq": self._first_seq,
                "last_seq": self._journal.last_seq,
            },
            event_id=self._new_id(),
            warehouse=self._warehouse,
            now_us=now_us,
        )
        # Not the cursor of a reader: it says up to where the stamps have been judged.
        await self._journal.advance(CONSUMER, to_seq=self._journal.last_seq, drafts=[draft])
