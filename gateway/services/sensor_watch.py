"""Tells from the journal, and from what sensors did not say, which of them are to be believed.

A consumer like the others: it reads climate samples by a cursor of its own, and what it finds is
written in the transaction that moves the cursor, so that a crash at any moment opens no fault
twice and loses no ending. Readings that did not happen come in memory only: whoever asks a sensor
asks again. The cursor alone is saved now and then; samples read twice after a crash do no harm.
What the believed readings mean for the goods is decided beside it, by services/cold_chain.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from typing import Final, Protocol

from cloud_sync.contract import events as ev
from cloud_sync.contract.version import EVENT_VERSION
from gateway.core.facts import Facts
from gateway.core.readings import ClimateSample, NoReading, Stamp
from gateway.core.sensor_faults import Change, Fault, SensorFaults, SensorRule
from gateway.journal.read_model import Reader, fault_statements, load_climate, load_faults
from gateway.ports import Clock, Draft, Journal, Row
from gateway.services.cold_chain import GOODS, ColdChain
from gateway.services.following import event_of, gathered
from gateway.services.supervisor import Heartbeats
from gateway.settings import SensorSettings

logger = logging.getLogger(__name__)

CONSUMER: Final = "sensor-watch"
BATCH_ROWS: Final = 1000
TICK_S: Final = 5.0
SAVE_S: Final = 60.0
SAVE_ROWS: Final = 5000
MISSES_MAX: Final = 1000
"""Unread reports of failed questions; above that the oldest goes: newer ones say the same."""


class QueryableJournal(Journal, Reader, Protocol):
    """A journal whose read model can be asked."""


class SensorWatch:
    """The only writer of sensor faults.

    sensors: (device, zone) of all that ought to speak, heard or not. is_served: whether a name
    is configured at all; a fault of one that is not ends.
    """

    def __init__(
        self,
        *,
        journal: QueryableJournal,
        rule: SensorRule,
        warehouse: str,
        clock: Clock,
        new_id: Callable[[], str],
        sensors: Callable[[], Iterable[tuple[str, str]]],
        is_served: Callable[[str], bool],
        facts: Callable[[], Facts],
        heartbeats: Heartbeats,
    ) -> None:
        self._journal = journal
        self._rule = rule
        self._warehouse = warehouse
        self._clock = clock
        self._new_id = new_id
        self._sensors = sensors
        self._is_served = is_served
        self._heartbeats = heartbeats
        self._served: set[str] = set()
        self._missed: deque[NoReading] = deque(maxlen=MISSES_MAX)
        self._faults = SensorFaults(rule, new_id)
        self.cold_chain = ColdChain(
            facts=facts,
            warehouse=warehouse,
            new_id=new_id,
            is_believed=self._is_believed,
        )

    def note(self, missed: NoReading) -> None:
        """A sensor was asked in vain."""
        self._missed.append(missed)

    def open_faults(self) -> list[Fault]:
        """Every fault that is open now."""
        return self._faults.open_faults()

    async def run(self) -> None:
        """Watch for ever; begins from what was committed."""
        await self._load()
        done = saved = await self._journal.cursor(CONSUMER)
        saved_s = self._clock.monotonic()
        tick_s = saved_s + TICK_S
        while True:
            self._heartbeats.beat(CONSUMER)
            rows = await self._journal.read(after_seq=done, limit=BATCH_ROWS)
            changes = self._take(rows)
            done = rows[-1].seq if rows else done
            now_s = self._clock.monotonic()
            is_caught_up = len(rows) < BATCH_ROWS
            if is_caught_up and now_s >= tick_s:
                tick_s = now_s + TICK_S
                changes += self._tick()
            is_due = done - saved >= SAVE_ROWS or (done > saved and now_s - saved_s >= SAVE_S)
            if changes or is_due or self.cold_chain.has_news:
                await self._save(done, changes)
                saved, saved_s = done, now_s
            if is_caught_up:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(max(0.0, tick_s - now_s)):
                        await gathered(self._journal, after_seq=done)

    async def _load(self) -> None:
        """What was committed, in place of what was thought."""
        self._faults = SensorFaults(self._rule, self._new_id)
        now_s = self._clock.monotonic()
        self._faults.restore(await load_faults(self._journal), now_s)
        for heard in await load_climate(self._journal):
            if self._is_served(heard.device):
                self._faults.expect(heard.device, heard.zone, now_us=heard.at_us, now_s=now_s)
        await self.cold_chain.load(self._journal)

    def _take(self, rows: Sequence[Row]) -> list[Change]:
        now_s = self._clock.monotonic()
        changes = []
        for row in rows:
            if row.type in GOODS:
                self.cold_chain.take_goods(event_of(row))
            if row.type != ev.CLIMATE_SAMPLED:
                continue
            event = event_of(row)
            sample = _sample(event)
            if sample is not None and self._is_known(sample.stamp.device):
                changes += self._faults.take(sample, now_s=now_s)
                self.cold_chain.take(event, sample)
        while self._missed:
            changes += self._faults.miss(self._missed.popleft(), now_s=now_s)
        return changes

    def _is_believed(self, device: str) -> bool:
        """As the faults stand now; they are others after each start."""
        return self._faults.is_believed(device)

    def _is_known(self, device: str) -> bool:
        """Whether it is served, looked up once between two ticks."""
        if device not in self._served:
            if not self._is_served(device):
                return False
            self._served.add(device)
        return True

    def _tick(self) -> list[Change]:
        self._served.clear()
        now_us, now_s = self._clock.wall_us(), self._clock.monotonic()
        for device, zone in self._sensors():
            self._faults.expect(device, zone, now_us=now_us, now_s=now_s)
        changes = self._faults.retire(self._is_served, now_us=now_us)
        changes += self._faults.tick(now_us=now_us, now_s=now_s)
        self.cold_chain.tick(now_us)
        return changes

    async def _save(self, done: int, changes: Sequence[Change]) -> None:
        for change in changes:
            fault = change.fault
            is_over = change.ended_us is not None
            logger.log(
                logging.INFO if is_over else logging.WARNING,
                "sensor can be believed again" if is_over else "sensor is not to be believed",
                extra={
                    "action": "sensor_recovered" if is_over else "sensor_fault",
                    "device": fault.device,
                    "kind": fault.kind,
                    "reason": fault.reason,
                },
            )
        cold_statements, cold_drafts = self.cold_chain.settle()
        await self._journal.advance(
            CONSUMER,
            to_seq=done,
            effects=[*fault_statements(changes), *cold_statements],
            drafts=[*(self._draft(change) for change in changes), *cold_drafts],
        )

    def _draft(self, change: Change) -> Draft:
        fault = change.fault
        is_over = change.ended_us is not None
        body: dict[str, object] = {
            "kind": fault.kind,
            "since_us": fault.since_us,
            "reason": fault.reason,
        }
        if change.ended_us is not None:
            body["until_us"] = change.ended_us
        event = ev.Event(
            event_id=self._new_id() if is_over else fault.event_id,
            type=ev.SENSOR_RECOVERED if is_over else ev.SENSOR_FAULT,
            version=EVENT_VERSION,
            occurred_at_us=change.at_us,
            received_at_us=change.at_us,
            warehouse=self._warehouse,
            device=ev.DeviceMark(id=fault.device),
            zone=fault.zone,
            cause=fault.event_id if is_over else None,
            body=body,
        )
        return Draft(event.event_id, event.type, event.occurred_at_us, ev.encode_event(event))


def _sample(event: ev.Event) -> ClimateSample | None:
    """The sample in an event; None if it names no sensor or zone."""
    if event.device is None or event.zone is None:
        return None
    mark = event.device
    stamp = Stamp(mark.id, mark.boot, mark.seq, mark.time, event.received_at_us)
    return ClimateSample(
        stamp,
        event.zone,
        _mean(event.body.get("temperature_centi_c")),
        _mean(event.body.get("humidity_centi_pct")),
    )


def _mean(statistics: object) -> int | None:
    mean = statistics.get("mean") if isinstance(statistics, dict) else None
    return mean if isinstance(mean, int) else None


def sensor_rule(settings: SensorSettings) -> SensorRule:
    """When a sensor is not to be believed any more, in the units that sensors are kept in."""
    return SensorRule(
        silent_s=settings.silent_s,
        missed_max=settings.missed_max,
        temperature_centi_c=(round(settings.min_c * 100), round(settings.max_c * 100)),
        stuck_s=settings.stuck_s,
        drift_centi_c=round(settings.drift_c * 100),
        drift_s=settings.drift_s,
        n_recover=settings.recover_readings,
    )
