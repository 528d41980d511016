"""Journals alarms: one `gateway.health` event when one begins, one when it is over.

What was told is written in the transaction of the event that tells it. Where that fails the loop
falls and begins again from what was committed, so nothing is told twice or never.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from gateway.core.alarms import Alarm, AlarmMemory, AlarmNews
from gateway.ports import Clock, Draft
from gateway.services.alarms import Alarms
from gateway.services.following import rest
from gateway.services.gateway_health import health_draft
from gateway.services.health_watch import EndedJournal
from gateway.services.supervisor import Heartbeats

CONSUMER: Final = "alarm-keeper"
TICK_S: Final = 5.0
TEXT_MAX: Final = 500

_SELECT: Final = "select name, text, since_us, about from alarm_told"
_PUT: Final = "insert or replace into alarm_told(name, about, text, since_us) values (?, ?, ?, ?)"
_TAKE: Final = "delete from alarm_told where name = ? and about = ?"


class AlarmKeeper:
    """The only writer of alarms into the journal."""

    def __init__(
        self,
        *,
        journal: EndedJournal,
        alarms: Alarms,
        warehouse: str,
        clock: Clock,
        new_id: Callable[[], str],
        heartbeats: Heartbeats,
    ) -> None:
        self._journal = journal
        self._alarms = alarms
        self._warehouse = warehouse
        self._clock = clock
        self._new_id = new_id
        self._heartbeats = heartbeats

    async def run(self) -> None:
        """Keep them for ever; begins from what was told."""
        memory = await self.load()
        while True:
            await self.look(memory)
            await rest(TICK_S, consumer=CONSUMER, heartbeats=self._heartbeats)

    async def load(self) -> AlarmMemory:
        """What was told, as it was committed."""
        rows = await self._journal.query(_SELECT)
        return AlarmMemory(
            Alarm(str(name), str(text), since_us, str(about))
            for name, text, since_us, about in rows
            if isinstance(since_us, int)
        )

    async def look(self, memory: AlarmMemory) -> None:
        """Journal what is news now."""
        news = memory.look(self._alarms.opened(), self._clock.monotonic())
        if not news:
            return
        puts = [_row(it.alarm) for it in news if it.is_raised]
        takes = [tuple(it.alarm.key) for it in news if not it.is_raised]
        effects = [(sql, rows) for sql, rows in ((_PUT, puts), (_TAKE, takes)) if rows]
        await self._journal.advance(
            CONSUMER,
            to_seq=self._journal.last_seq,
            effects=effects,
            drafts=[self._draft(it) for it in news],
        )

    def _draft(self, news: AlarmNews) -> Draft:
        alarm = news.alarm
        body: dict[str, object] = {
            "what": "alarm_raised" if news.is_raised else "alarm_over",
            "alarm": alarm.name,
            "since_us": max(0, alarm.since_us),
        }
        if alarm.about:
            body["about"] = alarm.about
        if news.is_raised:
            body["text"] = alarm.text[:TEXT_MAX]
        return health_draft(
            body,
            event_id=self._new_id(),
            warehouse=self._warehouse,
            now_us=self._clock.wall_us(),
        )


def _row(alarm: Alarm) -> tuple[object, ...]:
    return alarm.name, alarm.about, alarm.text[:TEXT_MAX], alarm.since_us
