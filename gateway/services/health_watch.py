"""Journals how devices are, when that changes: the `device.health` events.

What was told is written in the transaction of the event that tells it. Where that fails the loop
falls and begins again from what was committed, so nothing is told twice or never.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Final, Protocol

from cloud_sync.contract import events as ev
from cloud_sync.contract.version import EVENT_VERSION
from gateway.core.device_news import DEVICES_MAX, DeviceNews, News, Seen, Told
from gateway.journal.read_model import Reader
from gateway.ports import Clock, Draft, Journal, Statements
from gateway.services.following import rest
from gateway.services.supervisor import Heartbeats

logger = logging.getLogger(__name__)

CONSUMER: Final = "health-watch"
TICK_S: Final = 5.0
SHOWN: Final = (
    "driver", "link", "zone", "last_seen_us", "n_reads", "n_reconnects", "n_missing", "errors",
    "clock_offset_us", "battery_pct", "firmware", "faults",
)  # fmt: skip
"""What an event takes over of a device's row in the status report, as far as it is known."""

_SELECT: Final = "select device, state, is_battery_low, firmware from device_told"
_PUT: Final = (
    "insert or replace into device_told(device, state, is_battery_low, firmware, at_us)"
    " values (?, ?, ?, ?, ?)"
)
_FORGET: Final = (
    "delete from device_told where device in (select device from device_told"
    " order by at_us desc, device limit -1 offset ?)"
)

Row = Mapping[str, object]


class EndedJournal(Journal, Reader, Protocol):
    """A journal whose tables can be asked, and that says how far it is."""

    @property
    def last_seq(self) -> int:
        """The highest durable sequence number; 0 when empty."""
        ...


class HealthWatch:
    """The only writer of device.health. devices: every device's row of the status report."""

    def __init__(
        self,
        *,
        journal: EndedJournal,
        devices: Callable[[], Sequence[Row]],
        warehouse: str,
        clock: Clock,
        new_id: Callable[[], str],
        heartbeats: Heartbeats,
    ) -> None:
        self._journal = journal
        self._devices = devices
        self._warehouse = warehouse
        self._clock = clock
        self._new_id = new_id
        self._heartbeats = heartbeats

    async def run(self) -> None:
        """Watch for ever; begins from what was told."""
        devices = await self.load()
        while True:
            await self.look(devices)
            await rest(TICK_S, consumer=CONSUMER, heartbeats=self._heartbeats)

    async def load(self) -> DeviceNews:
        """What was told, as it was committed."""
        rows = await self._journal.query(_SELECT)
        return DeviceNews(
            {
                str(device): Told(str(state), bool(is_low), None if it is None else str(it))
                for device, state, is_low, it in rows
            }
        )

    async def look(self, devices: DeviceNews) -> None:
        """Journal what is news now."""
        now_us = self._clock.wall_us()
        rows = {str(row["name"]): row for row in self._devices()}
        news = devices.look(
            [_seen(row) for row in rows.values()], now_us=now_us, now_s=self._clock.monotonic()
        )
        if news:
            await self._journal.advance(
                CONSUMER,
                to_seq=self._journal.last_seq,
                effects=_statements(news, now_us),
                drafts=[self._draft(each, rows[each.device], now_us) for each in news],
            )

    def _draft(self, news: News, row: Row, now_us: int) -> Draft:
        body: dict[str, object] = {
            key: row[key] for key in SHOWN if row.get(key) not in (None, {}, [])
        }
        body["state"] = news.now.state
        body["is_battery_low"] = news.now.is_battery_low
        if news.before is not None:
            body["before"] = news.before.state
        event = ev.Event(
            event_id=self._new_id(),
            type=ev.DEVICE_HEALTH,
            version=EVENT_VERSION,
            occurred_at_us=max(0, news.since_us),
            received_at_us=max(0, now_us),
            warehouse=self._warehouse,
            device=ev.DeviceMark(id=news.device),
            body=body,
        )
        return Draft(event.event_id, event.type, event.occurred_at_us, ev.encode_event(event))


def _seen(row: Row) -> Seen:
    battery, firmware = row.get("battery_pct"), row.get("firmware")
    return Seen(
        str(row["name"]),
        str(row["state"]),
        battery if isinstance(battery, int) else None,
        None if firmware is None else str(firmware),
    )


def _statements(news: Sequence[News], now_us: int) -> Statements:
    rows = [
        (each.device, each.now.state, int(each.now.is_battery_low), each.now.firmware, now_us)
        for each in news
    ]
    return [(_PUT, rows), (_FORGET, [(DEVICES_MAX,)])]
