"""Brings the journal to the cloud, in order, once; and the cloud's documents into the journal.

Up: rows above the cursor go out in batches; the cursor moves to what the cloud says it holds.
An answer that never came is no answer: the same rows are sent again and the cloud skips what it
has. If the cloud stands behind our cursor (it was restored from an older state) the cursor goes
back and the rows are sent again.

Down: changes are journaled as `document.changed` events in the transaction that moves the
cursor of the feed, and then take the same path as everything else.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from cloud_sync.contract import events as ev
from cloud_sync.contract.batches import BatchAnswer, encode_batch
from cloud_sync.contract.documents import ChangePage
from cloud_sync.contract.version import EVENT_VERSION
from gateway.errors import BatchRefused, CloudUnavailable
from gateway.journal.read_model import mark_statements
from gateway.links.backoff import full_jitter
from gateway.ports import Clock, Draft, Row
from gateway.services.following import IDLE_S, rest
from gateway.services.ports import ChainedJournal
from gateway.services.supervisor import Heartbeats
from gateway.settings import CloudSettings

logger = logging.getLogger(__name__)

UP: Final = "uplink"
DOWN: Final = "downlink"
CHANGES_PER_PAGE: Final = 500
BACKOFF_CAP_S: Final = 60.0
REFUSED_RETRY_S: Final = 30.0


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
        self._attempt = 0
        self.state = SyncState()

    # ------------------------------------------------------------ up

    async def run_up(self) -> None:
        """Send for ever."""
        sent = await self._journal.cursor(UP)
        self.state.acknowledged_seq = sent
        while True:
            self._heartbeats.beat(UP)
            rows = await self._next_rows(sent)
            if not rows:
                continue
            try:
                answer = await self._send(sent, rows)
            except (CloudUnavailable, BatchRefused) as error:
                sent = await self._after_failure(error, sent)
                continue
            self._succeeded()
            self._report(answer)
            # A cloud cannot have what was never sent; believing it would skip rows for good.
            sent = min(answer.acknowledged_seq, rows[-1].seq)
            await self._journal.advance(UP, to_seq=sent)
            self.state.acknowledged_seq = sent

    async def _next_rows(self, sent: int) -> Sequence[Row]:
        """A batch worth sending: full, or its oldest row has waited long enough."""
        try:
            async with asyncio.timeout(min(self._settings.poll_s, IDLE_S)):
                last = await self._journal.wait_beyond(sent)
        except TimeoutError:
            return ()
        if last - sent < self._settings.batch_events:
            await self._rest(self._settings.batch_wait_ms / 1000, UP)
        rows = await self._journal.read(after_seq=sent, limit=self._settings.batch_events)
        return _within(rows, self._settings.batch_bytes)

    async def _send(self, sent: int, rows: Sequence[Row]) -> BatchAnswer:
        body = encode_batch(
            gateway=self._gateway,
            epoch=self._journal.epoch,
            instance=self._instance,
            first_seq=rows[0].seq,
            chain_before=await self._journal.link(sent),
            chain_after=rows[-1].chain,
            bodies=[row.body for row in rows],
        )
        self.state.n_batches += 1
        return await self._cloud.send_batch(body)

    async def _after_failure(self, error: CloudUnavailable | BatchRefused, sent: int) -> int:
        self._failed(error)
        if isinstance(error, BatchRefused):
            if error.code == "gap" and error.expected_seq is not None:
                back = error.expected_seq - 1
                if 0 <= back < self._journal.last_seq and back != sent:
                    logger.warning(
                        "cloud stands elsewhere; following it",
                        extra={"action": "cursor_moved", "from_seq": sent, "to_seq": back},
                    )
                    await self._journal.advance(UP, to_seq=back)
                    return back
            await self._rest(REFUSED_RETRY_S, UP)
            return sent
        await self._rest(self._pause_s(error), UP)
        return sent

    def _report(self, answer: BatchAnswer) -> None:
        for event in answer.events:
            if event.status == "quarantined":
                self.state.n_quarantined += 1
                logger.warning(
                    "cloud set an event aside",
                    extra={
                        "action": "cloud_quarantined",
                        "seq": event.seq,
                        "reason": event.reason,
                    },
                )

    # ------------------------------------------------------------ down

    async def run_down(self) -> None:
        """Fetch for ever."""
        cursor, mark = await self._journal.cursor(DOWN), await self._journal.feed_mark()
        while True:
            self._heartbeats.beat(DOWN)
            try:
                page = await self._cloud.fetch_changes(cursor, CHANGES_PER_PAGE, mark)
            except (CloudUnavailable, BatchRefused) as error:
                self._failed(error)
                retry = error if isinstance(error, CloudUnavailable) else None
                await self._rest(self._pause_s(retry), DOWN)
                continue
            self._succeeded()
            if page.changes or (page.next_cursor, page.mark) != (cursor, mark):
                drafts = [self._change_draft(change.model_dump()) for change in page.changes]
                cursor, mark = page.next_cursor, page.mark
                await self._journal.advance(
                    DOWN, to_seq=cursor, effects=mark_statements(mark), drafts=drafts
                )
            if not page.more:
                await self._rest(self._settings.poll_s, DOWN)

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

    def _failed(self, error: CloudUnavailable | BatchRefused) -> None:
        self._attempt += 1
        if self.state.is_connected or self.state.last_error != str(error):
            logger.warning("cloud lost", extra={"action": "cloud_lost", "reason": str(error)})
        self.state.is_connected = False
        self.state.last_error = str(error)

    def _succeeded(self) -> None:
        self._attempt = 0
        if not self.state.is_connected:
            logger.info("cloud reached", extra={"action": "cloud_reached"})
        self.state.is_connected = True
        self.state.last_error = ""

    async def _rest(self, seconds: float, direction: str) -> None:
        await rest(seconds, consumer=direction, heartbeats=self._heartbeats)

    def _pause_s(self, error: CloudUnavailable | None) -> float:
        if error is not None and error.retry_after_s is not None:
            return min(error.retry_after_s, 3600.0)
        return full_jitter(self._attempt, base_s=0.5, cap_s=BACKOFF_CAP_S, random=self._random)


def _within(rows: Sequence[Row], bytes_max: int) -> Sequence[Row]:
    """The rows that fit, at least one."""
    total = 0
    for n, row in enumerate(rows):
        total += len(row.body) + 1
        if n and total > bytes_max:
            return rows[:n]
    return rows
