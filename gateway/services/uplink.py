"""Brings the journal to the cloud, in order, once; and the cloud's documents into the journal.

Up: rows above the cursor go out in batches; the cursor moves to what the cloud says it holds.
An answer that never came is no answer: the same rows are sent again and the cloud skips what it
has. If the cloud stands behind our cursor (it was restored from an older state) the cursor goes
back and the rows are sent again. A batch that is too large, or that a slow line does not carry
within the deadline, is halved, down to a single row; batches grow again with every success, up
to what the settings say and the cloud takes (its answers tell; see EVENTS_UNTOLD).

A backlog goes out with several batches under way (flights.py): the cloud takes rows in their
order only, so their answers are read in that order, and after anything but a success the others
are called back and the line is tried with one. There is one lane, oldest first, as fast as the
cloud takes it: docs/decisions/0012. What the cloud refuses for good, and rows it wants that have
left the journal, raise an alarm.

Down: changes are journaled as `document.changed` events in the transaction that moves the
cursor of the feed, and then take the same path as everything else.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final, Protocol

from cloud_sync.contract import events as ev
from cloud_sync.contract.batches import EVENTS_UNTOLD, BatchAnswer, encode_batch
from cloud_sync.contract.documents import ChangePage
from cloud_sync.contract.version import EVENT_VERSION
from gateway.errors import BatchRefused, CloudUnavailable, JournalError
from gateway.journal.read_model import heard_statements, mark_statements
from gateway.links.backoff import full_jitter
from gateway.ports import Clock, Draft, Row
from gateway.services.alarms import Alarms
from gateway.services.flights import Flight, Flights
from gateway.services.following import IDLE_S, rest
from gateway.services.metering import Meter
from gateway.services.ports import ChainedJournal
from gateway.services.supervisor import Heartbeats
from gateway.settings import CloudSettings

logger = logging.getLogger(__name__)

UP: Final = "uplink"
DOWN: Final = "downlink"
CHANGES_PER_PAGE: Final = 500
BACKOFF_CAP_S: Final = 60.0
REFUSED_RETRY_S: Final = 30.0
IN_FLIGHT: Final = 4
"""Batches under way at most: one is packed, one travels, one is taken, one is answered."""
TOO_LARGE: Final = frozenset({"too_large", "http_413"})
"""What the cloud says of a batch with too much in it, and what a proxy before it says."""
ROWS_PER_READ: Final = 500
HEARD_NOTED_EVERY_US: Final = 600_000_000
ROWS_GROWTH: Final = 10
"""Rows, or else an eighth, that a batch may be larger than the one before it that got through."""
REFUSED: Final = "sync_refused"
"""The alarm while the cloud takes nothing of this gateway, and says why."""
SHUT_OUT: Final = "shut_out"
"""The alarm while the cloud holds another journal for this gateway's, which then plans nothing."""
NOT_OURS: Final = frozenset({"fenced", "forked", "in_use"})
"""How the cloud says so."""
UNSIGNED: Final = "sync_unsigned"
"""The alarm, and the code, while what comes down is not signed by the cloud that is known."""
ROWS_GONE: Final = "sync_rows_gone"
"""The alarm while the cloud waits for rows that have left the journal."""


class CloudPort(Protocol):
    """The cloud as seen from the edge. Raises CloudUnavailable or BatchRefused."""

    async def send_batch(self, body: bytes) -> BatchAnswer:
        """Hand over one encoded batch."""
        ...

    async def fetch_changes(self, cursor: int, limit: int, mark: str | None = None) -> ChangePage:
        """The documents that changed after `cursor`; `mark` came with that cursor."""
        ...


@dataclass(slots=True)
class SyncState:
    """How the sync stands, for people."""

    is_connected: bool = False
    acknowledged_seq: int = 0
    last_error: str = ""
    n_batches: int = 0
    n_quarantined: int = 0


class Uplink:
    """Both directions of one gateway's sync."""

    def __init__(
        self,
        *,
        journal: ChainedJournal,
        cloud: CloudPort,
        settings: CloudSettings,
        gateway: str,
        warehouse: str,
        instance: str,
        clock: Clock,
        random: Callable[[], float],
        new_id: Callable[[], str],
        heartbeats: Heartbeats,
        alarms: Alarms,
    ) -> None:
        self._journal = journal
        self._cloud = cloud
        self._settings = settings
        self._gateway = gateway
        self._warehouse = warehouse
        self._instance = instance
        self._clock = clock
        self._random = random
        self._new_id = new_id
        self._heartbeats = heartbeats
        self._alarms = alarms
        self._attempts = {UP: 0, DOWN: 0}
        self._rows_max = min(settings.batch_events, EVENTS_UNTOLD)
        # A line that is paid by the byte gets what is due and no more: one batch after the other.
        self._flights = Flights(1 if settings.bytes_per_hour else IN_FLIGHT)
        self._gone_seq: int | None = None
        self._kept_seq = 0
        self._heard_us = 0
        self._meter = Meter(settings.bytes_per_hour, clock)
        self.state = SyncState()

    # ------------------------------------------------------------ up

    async def run_up(self) -> None:
        """Send for ever."""
        sent = self._kept_seq = await self._journal.cursor(UP)
        self.state.acknowledged_seq = sent
        async with self._flights.running():
            while True:
                self._heartbeats.beat(UP)
                if self._flights.first is None:
                    await self._keep(sent)
                await self._launch(sent)
                # While others are under way; a kill before it costs a repeat, which is skipped.
                await self._keep(sent)
                flight = self._flights.first
                if flight is None:
                    continue
                outcome = await flight.outcome
                if isinstance(outcome, BatchAnswer):
                    sent = await self._landed(flight, outcome)
                else:
                    await self._flights.call_back()
                    sent = await self._after_failure(outcome, sent, flight)

    async def _keep(self, sent: int) -> None:
        """Make the cursor durable."""
        if sent != self._kept_seq:
            await self._journal.advance(UP, to_seq=sent)
            self._kept_seq = sent

    async def _launch(self, sent: int) -> None:
        """Send what is worth sending, as far as the window is open."""
        while self._flights.may_start:
            last = self._flights.last
            after = sent if last is None else last.last_seq
            rows = await self._next_rows(after, is_more=last is not None)
            if not rows:
                return
            link = await self._journal.link(after) if last is None else last.chain
            body = self._encode(rows, link)
            await self._rest(self._meter.pause_s(), UP)
            self._meter.spend(body)
            self.state.n_batches += 1
            send = partial(self._cloud.send_batch, body)
            self._flights.start(send, rows, is_ahead=last is not None)

    async def _next_rows(self, after: int, *, is_more: bool) -> Sequence[Row]:
        """A batch worth sending: full, or its oldest row has waited long enough.

        is_more: others are under way already; then only a full one is worth it.
        """
        if not is_more:
            try:
                async with asyncio.timeout(min(self._settings.poll_s, IDLE_S)):
                    await self._journal.wait_beyond(after)
            except TimeoutError:
                return ()
        if self._journal.last_seq - after < self._rows_max:
            if is_more:
                return ()
            await self._rest(self._settings.batch_wait_ms / 1000, UP)
        return await self._read(after)

    async def _read(self, after: int) -> Sequence[Row]:
        """The rows of one batch, a page at a time, so that scans do not wait for all of them."""
        rows: list[Row] = []
        n_bytes = 0
        while (n_left := self._rows_max - len(rows)) and n_bytes <= self._settings.batch_bytes:
            limit = min(n_left, ROWS_PER_READ)
            page = await self._journal.read(after_seq=after + len(rows), limit=limit)
            rows += page
            n_bytes += sum(len(row.body) + 1 for row in page)
            if len(page) < limit:
                break
        return _within(rows, self._settings.batch_bytes)

    def _encode(self, rows: Sequence[Row], chain_before: bytes) -> bytes:
        return encode_batch(
            gateway=self._gateway,
            epoch=self._journal.epoch,
            instance=self._instance,
            first_seq=rows[0].seq,
            chain_before=chain_before,
            chain_after=rows[-1].chain,
            bodies=[row.body for row in rows],
            gone_seq=self._gone_seq,
            runs=True,
        )

    async def _landed(self, flight: Flight, answer: BatchAnswer) -> int:
        """The first batch under way was taken: move the cursor behind it."""
        self._flights.landed()
        self._succeeded(UP)
        self._alarms.set(REFUSED, None)
        self._alarms.set(SHUT_OUT, None)
        self._alarms.set(ROWS_GONE, None)
        self._gone_seq = None
        self._grow(answer.events_max)
        self._report(answer)
        # A cloud cannot have what was never sent; believing it would skip rows for good.
        sent = min(answer.acknowledged_seq, flight.last_seq)
        if sent != flight.last_seq:
            await self._flights.call_back()
        self.state.acknowledged_seq = sent
        return sent

    def _grow(self, events_max: int | None) -> None:
        """After a success the next batch may be a little larger."""
        limit = min(self._settings.batch_events, events_max or EVENTS_UNTOLD)
        larger = self._rows_max + max(ROWS_GROWTH, self._rows_max // 8)
        self._rows_max = min(limit, larger)

    async def _after_failure(
        self, error: CloudUnavailable | BatchRefused, sent: int, flight: Flight
    ) -> int:
        if isinstance(error, BatchRefused) and error.code == "gap" and flight.is_ahead:
            # It overtook the one before it, or that one was refused: nothing is known by it.
            return sent
        self._failed(error, UP)
        if isinstance(error, CloudUnavailable):
            if error.retry_after_s is None and self._attempts[UP] > 1:
                self._rows_max = max(1, flight.n_rows // 2)
            await self._rest(self._pause_s(error, UP), UP)
            return sent
        if error.code in TOO_LARGE and flight.n_rows > 1:
            self._rows_max = flight.n_rows // 2
            return sent
        if error.code == "gap" and error.expected_seq is not None:
            back = error.expected_seq - 1
            if 0 <= back < self._journal.last_seq and back != sent:
                return await self._follow(sent, back)
        self._alarms.set(REFUSED, f"{error.code}: {error}")
        if error.code in NOT_OURS:
            self._alarms.set(SHUT_OUT, f"nothing is planned here: {error}")
        await self._rest(REFUSED_RETRY_S, UP)
        return sent

    async def _follow(self, sent: int, back: int) -> int:
        """Go where the cloud stands, if the rows from there on are still here."""
        try:
            await self._journal.link(back)
        except JournalError as error:
            # The batches that are tried from now on tell the cloud, which keeps it for people.
            self._gone_seq = back + 1
            self._alarms.set(
                ROWS_GONE,
                f"the cloud stands at row {back} and waits for the next, which has left the "
                f"journal ({error}); to go on under a new epoch see docs/journal.md, restore",
            )
            await self._rest(REFUSED_RETRY_S, UP)
            return sent
        logger.warning(
            "cloud stands elsewhere; following it",
            extra={"action": "cursor_moved", "from_seq": sent, "to_seq": back},
        )
        return back

    def _report(self, answer: BatchAnswer) -> None:
        for event in answer.events:
            if event.status == "quarantined":
                self.state.n_quarantined += event.n
                logger.warning(
                    "cloud set an event aside",
                    extra={
                        "action": "cloud_quarantined",
                        "seq": event.seq,
                        "rows": event.n,
                        "reason": event.reason,
                    },
                )

    # ------------------------------------------------------------ down

    async def run_down(self) -> None:
        """Fetch for ever."""
        cursor, mark = await self._journal.cursor(DOWN), await self._journal.feed_mark()
        while True:
            self._heartbeats.beat(DOWN)
            await self._rest(self._meter.pause_s(), DOWN)
            self._meter.spend()
            try:
                page = await self._cloud.fetch_changes(cursor, CHANGES_PER_PAGE, mark)
            except (CloudUnavailable, BatchRefused) as error:
                self._failed(error, DOWN)
                if isinstance(error, BatchRefused) and error.code == UNSIGNED:
                    self._alarms.set(UNSIGNED, f"nothing that comes down is believed: {error}")
                retry = error if isinstance(error, CloudUnavailable) else None
                await self._rest(self._pause_s(retry, DOWN), DOWN)
                continue
            self._succeeded(DOWN)
            self._alarms.set(UNSIGNED, None)
            await self._note_heard(cursor)
            if page.changes or (page.next_cursor, page.mark) != (cursor, mark):
                drafts = [self._change_draft(change.model_dump()) for change in page.changes]
                cursor, mark = page.next_cursor, page.mark
                await self._journal.advance(
                    DOWN, to_seq=cursor, effects=mark_statements(mark), drafts=drafts
                )
            if not page.more:
                await self._rest(self._settings.poll_s, DOWN)

    async def _note_heard(self, cursor: int) -> None:
        """Remember, now and then, that the cloud was heard of: its word is good for a while."""
        now_us = self._clock.wall_us()
        if not 0 <= now_us - self._heard_us < HEARD_NOTED_EVERY_US:
            self._heard_us = now_us
            await self._journal.advance(DOWN, to_seq=cursor, effects=heard_statements(now_us))

    def _change_draft(self, change: dict[str, object]) -> Draft:
        now_us = self._clock.wall_us()
        del change["cursor"]
        event = ev.Event(
            event_id=self._new_id(),
            type=ev.DOCUMENT_CHANGED,
            version=EVENT_VERSION,
            occurred_at_us=now_us,
            received_at_us=now_us,
            warehouse=self._warehouse,
            body=change,
        )
        return Draft(event.event_id, event.type, now_us, ev.encode_event(event))

    # ------------------------------------------------------------ both

    def _failed(self, error: CloudUnavailable | BatchRefused, direction: str) -> None:
        self._attempts[direction] += 1
        if self.state.is_connected or self.state.last_error != str(error):
            logger.warning("cloud lost", extra={"action": "cloud_lost", "reason": str(error)})
        self.state.is_connected = False
        self.state.last_error = str(error)

    def _succeeded(self, direction: str) -> None:
        self._attempts[direction] = 0
        if not self.state.is_connected:
            logger.info("cloud reached", extra={"action": "cloud_reached"})
        self.state.is_connected = True
        self.state.last_error = ""

    async def _rest(self, seconds: float, direction: str) -> None:
        await rest(seconds, consumer=direction, heartbeats=self._heartbeats)

    def _pause_s(self, error: CloudUnavailable | None, direction: str) -> float:
        if error is not None and error.retry_after_s is not None:
            return min(error.retry_after_s, 3600.0)
        attempt = self._attempts[direction]
        return full_jitter(attempt, base_s=0.5, cap_s=BACKOFF_CAP_S, random=self._random)


def _within(rows: Sequence[Row], bytes_max: int) -> Sequence[Row]:
    """The rows that fit, at least one."""
    total = 0
    for n, row in enumerate(rows):
        total += len(row.body) + 1
        if n and total > bytes_max:
            return rows[:n]
    return rows
