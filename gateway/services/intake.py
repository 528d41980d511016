"""From arrivals to durable events: decode, drop repeats, commit, and only then tell the device.

Two loops. The first turns groups of arrivals into journal entries and queues them; the second
waits for each commit and settles the arrivals it covers. While one group is being synced to
disk the next is decoded, so the disk is never idle under load.

Repeats are known by (device, boot, seq), never by MQTT's DUP flag or packet id, which brokers
do not keep honestly. A number above the highest of its boot is new without asking; any other
is looked up among the receipts. A repeat is answered with the first result.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Final
from zoneinfo import ZoneInfo

from cloud_sync.contract import events as ev
from gateway.clock import is_set
from gateway.codecs.epc import epc_identity
from gateway.core.clock_offset import ClockOffsets
from gateway.core.decode import Decoder, Outcome, When
from gateway.core.flows.floor import Floor
from gateway.core.messages import in_words
from gateway.core.readings import (
    ClimateSample,
    Malformed,
    NoReading,
    Reading,
    Scan,
    Stamp,
    TagRead,
    TaskContext,
)
from gateway.core.sequences import Sequences
from gateway.core.smoothing import Sighting, TagPresence
from gateway.core.tags import UnknownTags, sighting_event
from gateway.errors import JournalError
from gateway.ports import Arrival, Clock, Draft, Entry, Quarantined, Receipt, ReceiptKey
from gateway.services.intake_queue import IntakeQueue
from gateway.services.lookups import instances_of
from gateway.services.ports import ReceiptJournal
from gateway.services.supervisor import Heartbeats

logger = logging.getLogger(__name__)

CLOCK_UNSET: Final = "clock_unset"
COMMITS_IN_FLIGHT: Final = 4
IDLE_S: Final = 1.0
RETRY_S: Final = 1.0
US_PER_QUARTER: Final = 900 * 1_000_000

_Settle = Callable[[Receipt], None]


@dataclass(slots=True)
class IntakeCounts:
    """received = accepted + flagged + refused + duplicate, once nothing is in flight."""

    received: int = 0
    accepted: int = 0
    flagged: int = 0
    refused: int = 0
    duplicate: int = 0
    quarantined: int = 0


@dataclass(slots=True)
class _Group:
    """Entries on their way to the disk, and whom to tell when they are there."""

    entries: list[Entry] = field(default_factory=list)
    commit: Awaitable[int] | None = None
    settle: list[tuple[ReceiptKey | None, _Settle | None, Receipt]] = field(default_factory=list)


class IntakeService:
    """The gateway's way in. Collaborators by argument; one instance per gateway."""

    def __init__(
        self,
        *,
        queue: IntakeQueue,
        journal: ReceiptJournal,
        floor: Floor,
        decoder: Decoder,
        presence: TagPresence,
        zones: Mapping[str, str],
        clock: Clock,
        timezone: ZoneInfo,
        heartbeats: Heartbeats,
        group_max: int,
        on_no_reading: Callable[[NoReading], None] = lambda _: None,
        look_up: Callable[[Sequence[Reading]], Awaitable[None]] | None = None,
    ) -> None:
        self._queue = queue
        self._journal = journal
        self._floor = floor
        self._decoder = decoder
        self.presence = presence
        self._zones = zones
        self._clock = clock
        self._timezone = timezone
        self._heartbeats = heartbeats
        self._group_max = group_max
        self._on_no_reading = on_no_reading
        self._look_up = look_up
        self._commits: asyncio.Queue[_Group | None] = asyncio.Queue(COMMITS_IN_FLIGHT)
        self._highest: dict[tuple[str, str], int] = {}
        self._in_flight: dict[ReceiptKey, list[_Settle]] = {}
        self._day = (-1, "")
        self._is_stopping = False
        self._unknown_tags = UnknownTags()
        self.offsets = ClockOffsets()
        self.sequences = Sequences()
        self.counts = IntakeCounts()

    async def run(self) -> None:
        """Serve until `stop`; then everything that was queued has been settled."""
        self._highest = dict(await self._journal.highest_device_seqs())
        async with asyncio.TaskGroup() as group:
            group.create_task(self._decode_loop(), name="intake-decode")
            group.create_task(self._settle_loop(), name="intake-settle")

    def stop(self) -> None:
        """Finish what is queued and end; call once the drivers have stopped."""
        self._is_stopping = True
        self._queue.wake()

    # ------------------------------------------------------------ decode

    async def _decode_loop(self) -> None:
        while True:
            self._heartbeats.beat("intake")
            timeout_s = 0.0 if self._is_stopping else IDLE_S
            arrivals = await self._queue.get_group(self._group_max, timeout_s)
            if not arrivals and self._is_stopping:
                break
            group = await self._make_group(arrivals)
            if group.entries:
                group.commit = self._journal.append(group.entries)
                await self._commits.put(group)
        await self._commits.put(None)

    async def _make_group(self, arrivals: Sequence[Arrival]) -> _Group:
        group = _Group()
        keys = [_receipt_key(arrival.reading.stamp) for arrival in arrivals]
        known = await self._known_receipts(keys)
        if self._look_up is not None:
            await self._look_up([arrival.reading for arrival in arrivals])
        self.counts.received += len(arrivals)
        for arrival, key in zip(arrivals, keys, strict=True):
            if key is not None:
                if (known or key in self._in_flight) and self._is_repeat(key, arrival, known):
                    continue
                self._in_flight[key] = []
                self._note_number(key)
                boot = (key.device, key.boot)
                if key.seq > self._highest.get(boot, -1):
                    self._highest[boot] = key.seq
            self._add(group, arrival, key)
        self._add_sightings(group, self.presence.tick(self._clock.wall_us()))
        return group

    def _note_number(self, key: ReceiptKey) -> None:
        gap = self.sequences.take(key.device, key.boot, key.seq)
        if gap is not None:
            logger.warning(
                "numbers missing",
                extra={
                    "action": "seq_gap",
                    "device": gap.device,
                    "boot": gap.boot,
                    "first": gap.first,
                    "last": gap.last,
                },
            )

    async def _known_receipts(
        self, keys: Iterable[ReceiptKey | None]
    ) -> Mapping[ReceiptKey, bytes]:
        asked = [
            key
            for key in keys
            if key is not None and key.seq <= self._highest.get((key.device, key.boot), -1)
        ]
        watched = [key for key in asked if key in self._in_flight]
        known: dict[ReceiptKey, bytes] = {}
        while asked:
            known.update(await self._journal.find_receipts(asked))
            # What was settled while we asked may be missing from the answer: it is there now.
            asked = [key for key in watched if key not in self._in_flight and key not in known]
        return known

    def _is_repeat(
        self, key: ReceiptKey, arrival: Arrival, known: Mapping[ReceiptKey, bytes]
    ) -> bool:
        waiting = self._in_flight.get(key)
        if waiting is not None:
            self.counts.duplicate += 1
            if arrival.settle is not None:
                waiting.append(arrival.settle)
            return True
        first = known.get(key)
        if first is None:
            return False
        self.counts.duplicate += 1
        if arrival.settle is not None:
            task = arrival.reading.task if isinstance(arrival.reading, Scan | TagRead) else None
            worker = None if task is None else task.worker
            language = self._floor.language(worker) or self._decoder.language
            arrival.settle(_repeat(in_words(json.loads(first), language)))
        return True

    def _add(self, group: _Group, arrival: Arrival, key: ReceiptKey | None) -> None:
        reading = arrival.reading
        outcome = self._decode(group, reading)
        quarantined = None
        if outcome.set_aside is not None:
            kind, reason = outcome.set_aside
            quarantined = Quarantined(
                reading.stamp.device, reading.stamp.received_at_us, kind, reason, _raw(arrival)
            )
            logger.warning(
                "message set aside",
                extra={"action": "set_aside", "device": reading.stamp.device, "reason": reason},
            )
        encoded = ev.canonical(outcome.result)
        group.entries.append(
            Entry(
                drafts=tuple([_draft(event) for event in outcome.events]),
                receipt=None if key is None else (key, encoded),
                quarantined=quarantined,
            )
        )
        receipt = Receipt(outcome.status, outcome.result, encoded)
        group.settle.append((key, arrival.settle, receipt))

    def _decode(self, group: _Group, reading: Reading) -> Outcome:
        if isinstance(reading, Malformed):
            return self._decoder.malformed(reading, self._floor)
        when = self._when(reading.stamp)
        if isinstance(reading, ClimateSample):
            return self._decoder.climate(reading, when)
        if isinstance(reading, Scan):
            return self._noted(self._decoder.scan(reading, self._floor, when))
        if isinstance(reading, TagRead) and reading.task is not None:
            return self._noted(self._sweep(reading, reading.task, when))
        if isinstance(reading, NoReading):
            self._on_no_reading(reading)
        else:
            self._see_tags(group, reading)
        return Outcome("accepted", {"v": 1, "status": "accepted"})

    def _noted(self, outcome: Outcome) -> Outcome:
        """The outcome, known to the next scan from now on; it will be committed."""
        for event in outcome.events:
            self._floor.note(event)
        return outcome

    def _sweep(self, read: TagRead, task: TaskContext, when: When) -> Outcome:
        """A place counted by its tags; those that name no trade item are nobody's stock."""
        found: dict[str, set[str]] = {}
        for item, serial in instances_of(read):
            found.setdefault(item, set()).add(serial)
        serials = {item: tuple(sorted(names)) for item, names in found.items()}
        return self._decoder.sweep(read, task, serials, self._floor, when)

    def _see_tags(self, group: _Group, read: TagRead) -> None:
        stamp = read.stamp
        for tag in read.tags:
            read_point = f"{stamp.device}.{tag.antenna}"
            self._add_sightings(group, self.presence.see(read_point, tag, stamp.received_at_us))

    def _add_sightings(self, group: _Group, sightings: Iterable[Sighting]) -> None:
        drafts = tuple(_draft(self._sighting_event(sighting)) for sighting in sightings)
        if drafts:
            group.entries.append(Entry(drafts=drafts))

    def _sighting_event(self, sighting: Sighting) -> ev.Event:
        device = sighting.read_point.rpartition(".")[0]
        identity = epc_identity(sighting.epc)
        return sighting_event(
            sighting,
            identity,
            event_id=self._decoder.new_id(),
            device=device,
            warehouse=self._decoder.warehouse,
            zone=self._zones.get(sighting.read_point, self._zones.get(device)),
            flags=self._unknown_tags.flags_of(sighting, identity, self._floor.facts.items),
        )

    def _when(self, stamp: Stamp) -> When:
        # Beside a clock that is not set, every device would seem to be decades fast.
        knows_time = is_set(stamp.received_at_us)
        corrected = self.offsets.correct(
            device=stamp.device,
            boot=stamp.boot,
            device_time=stamp.device_time if knows_time else None,
            received_at_us=stamp.received_at_us,
            seq=stamp.seq,
        )
        today = self._today(stamp.received_at_us // US_PER_QUARTER)
        return When(corrected.at_us, corrected.clock, corrected.error_us, today)

    def _today(self, quarter: int) -> str:
        """The warehouse's date in a quarter of an hour: no zone's day begins within one."""
        known, today = self._day
        if known != quarter:
            moment = datetime.fromtimestamp(quarter * US_PER_QUARTER // 1_000_000, UTC)
            today = moment.astimezone(self._timezone).date().isoformat()
            self._day = (quarter, today)
        return today

    # ------------------------------------------------------------ settle

    async def _settle_loop(self) -> None:
        while (group := await self._next_commit()) is not None:
            await self._commit(group)
            for key, settle, receipt in group.settle:
                self._count(receipt)
                waiting = self._in_flight.pop(key, []) if key is not None else []
                if settle is not None:
                    settle(receipt)
                for repeat in waiting:
                    repeat(_repeat(receipt.body))
            self.counts.quarantined += sum(e.quarantined is not None for e in group.entries)

    async def _next_commit(self) -> _Group | None:
        """The next group to settle; a quiet night is no stall."""
        while True:
            self._heartbeats.beat("intake-settle")
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(IDLE_S):
                    return await self._commits.get()

    def _count(self, receipt: Receipt) -> None:
        if receipt.status == "accepted":
            self.counts.accepted += 1
        elif receipt.status == "flagged":
            self.counts.flagged += 1
        else:
            self.counts.refused += 1

    async def _commit(self, group: _Group) -> None:
        """Return when the group is on disk. While the journal refuses, devices wait with us."""
        commit = group.commit
        is_first_refusal = True
        while True:
            self._heartbeats.beat("intake-settle")
            try:
                if commit is not None:
                    await commit
                return
            except JournalError as error:
                if is_first_refusal:
                    logger.error(
                        "journal refuses; devices wait",
                        extra={"action": "journal_refused", "reason": str(error)},
                    )
                is_first_refusal = False
                await asyncio.sleep(RETRY_S)
                commit = self._journal.append(group.entries)


def _receipt_key(stamp: Stamp) -> ReceiptKey | None:
    if stamp.boot is None or stamp.seq is None:
        return None
    return ReceiptKey(stamp.device, stamp.boot, stamp.seq)


def _repeat(first: Mapping[str, object]) -> Receipt:
    """The first result again; what was taken in then is a duplicate now."""
    if first["status"] == "refused":
        return Receipt("refused", first)
    return Receipt("duplicate", {**first, "status": "duplicate"})


def _draft(event: ev.Event) -> Draft:
    """The event's bytes; flagged where the box did not know the time when it came."""
    if not is_set(event.received_at_us):
        event = replace(event, flags=(*event.flags, CLOCK_UNSET))
    body = ev.encode_event(event)
    return Draft(event.event_id, event.type, event.occurred_at_us, body, event)


def _raw(arrival: Arrival) -> bytes:
    """The message's own bytes, or as much of them as the reading kept."""
    if arrival.raw or not isinstance(arrival.reading, Malformed):
        return arrival.raw
    return arrival.reading.raw
