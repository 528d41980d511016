"""Pins the way in: receipts only after the commit, repeats answered once, nothing dropped."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import UTC, datetime
from itertools import count
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud_sync.contract import events as ev
from cloud_sync.contract.documents import Item
from gateway.core.decode import Decoder
from gateway.core.facts import Facts
from gateway.core.flows.floor import Floor
from gateway.core.readings import (
    ClimateSample,
    Malformed,
    Reading,
    Scan,
    Stamp,
    Symbol,
    Tag,
    TagRead,
    TaskContext,
)
from gateway.core.smoothing import SmoothingRule, TagPresence
from gateway.journal.rows import unknown_result
from gateway.ports import Arrival, Receipt, ReceiptKey
from gateway.services import intake as intake_module
from gateway.services.intake import IntakeService
from gateway.services.intake_queue import IntakeQueue
from gateway.services.supervisor import Heartbeats
from tests.fakes.clock import FakeClock
from tests.fakes.memory_journal import MemoryJournal
from tests.rigs.guard import GUARD_S

GTIN = "09506000134352"


class Bench:
    """One intake on a fake journal, and the receipts it gave."""

    def __init__(self, journal: MemoryJournal, queue_max: int = 100) -> None:
        self.journal = journal
        self.clock = FakeClock()
        self.queue = IntakeQueue(queue_max)
        self.receipts: list[Receipt] = []
        facts = Facts("J1")
        facts.items[GTIN] = Item(gtin=GTIN, names={"en": "Milk"}, zone="cold", grams_per_unit=1)
        ids = (f"00000000-0000-7000-8000-{n:012x}" for n in count(1))
        self.service = IntakeService(
            queue=self.queue,
            journal=journal,
            floor=Floor(lambda: facts),
            decoder=Decoder("J1", "en", ids.__next__),
            presence=TagPresence(lambda _: SmoothingRule(min_reads=1)),
            zones={"dock": "ambient"},
            clock=self.clock,
            timezone=ZoneInfo("UTC"),
            heartbeats=Heartbeats(self.clock),
            group_max=10,
        )

    async def say(self, reading: Reading, raw: bytes = b"") -> None:
        await self.queue.put(Arrival(reading, self.receipts.append, raw))

    async def settled(self, n_receipts: int) -> list[Receipt]:
        async with asyncio.timeout(GUARD_S):
            while len(self.receipts) < n_receipts:
                await asyncio.sleep(0)
        return self.receipts


def stamp(seq: int | None, boot: str = "b", device: str = "pda") -> Stamp:
    return Stamp(device, boot if seq is not None else None, seq, None, 5)


def scan(seq: int | None, lot: str = "L1", boot: str = "b") -> Scan:
    symbol = Symbol((), GTIN, lot)
    return Scan(stamp(seq, boot), "raw", None, TaskContext("receive"), symbol)


@contextlib.asynccontextmanager
async def running(bench: Bench) -> AsyncIterator[Bench]:
    async with asyncio.TaskGroup() as group:
        group.create_task(bench.service.run())
        yield bench
        bench.service.stop()


@pytest.fixture
async def bench() -> Bench:
    return Bench(MemoryJournal())


async def test_a_message_too_old_to_be_known_is_refused_in_words() -> None:
    journal, key = MemoryJournal(), ReceiptKey("pda", "b", 9)
    journal.receipts[key] = unknown_result(key)
    async with running(Bench(journal)) as bench:
        await bench.say(scan(9))
        (receipt,) = await bench.settled(1)
    assert (receipt.status, receipt.body["message_key"]) == ("refused", "too_old")
    assert str(receipt.body["message"]).startswith("Too old")
    assert journal.rows == []


async def test_a_scan_is_in_the_journal_before_its_receipt_is_given(bench: Bench) -> None:
    bench.journal.hold()
    async with running(bench):
        await bench.say(scan(1))
        for _ in range(50):
            await asyncio.sleep(0)
        assert bench.receipts == []
        bench.journal.release()
        (receipt,) = await bench.settled(1)
    assert receipt.status == "accepted"
    assert [row.type for row in bench.journal.rows] == ["lot.created", "goods.received"]


async def test_a_repeat_is_answered_with_the_first_result_and_not_recorded(bench: Bench) -> None:
    async with running(bench):
        await bench.say(scan(1))
        first = (await bench.settled(1))[0]
        await bench.say(scan(1))
        second = (await bench.settled(2))[1]
    assert second.status == "duplicate"
    assert second.body == {**first.body, "status": "duplicate"}
    assert bench.journal.last_seq == 2


async def test_a_repeat_that_overtakes_the_commit_waits_for_it(bench: Bench) -> None:
    bench.journal.hold()
    async with running(bench):
        await bench.say(scan(1))
        await asyncio.sleep(0)
        await bench.say(scan(1))
        for _ in range(50):
            await asyncio.sleep(0)
        assert bench.receipts == []
        bench.journal.release()
        statuses = [receipt.status for receipt in await bench.settled(2)]
    assert statuses == ["accepted", "duplicate"]
    assert bench.journal.last_seq == 2


async def test_a_repeat_that_meets_the_settling_of_its_first_is_still_a_repeat(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    ask = bench.journal.find_receipts

    async def ask_slowly(keys: Sequence[ReceiptKey]) -> Mapping[ReceiptKey, bytes]:
        answer = await ask(keys)
        bench.journal.release()
        await bench.settled(1)
        return answer

    monkeypatch.setattr(bench.journal, "find_receipts", ask_slowly)
    bench.journal.hold()
    async with running(bench):
        await bench.say(scan(1))
        while not bench.service.counts.received:
            await asyncio.sleep(0)
        await bench.say(scan(1))
        first, second = await bench.settled(2)
    assert second.status == "duplicate"
    assert second.body["event_id"] == first.body["event_id"]
    assert bench.journal.last_seq == 2


async def test_repeats_are_known_after_a_restart(bench: Bench) -> None:
    async with running(bench):
        await bench.say(scan(1))
        await bench.settled(1)
    again = Bench(bench.journal)
    async with running(again):
        await again.say(scan(1))
        assert (await again.settled(1))[0].status == "duplicate"
    assert again.journal.last_seq == 2


async def test_a_refused_message_repeated_is_refused_again(bench: Bench) -> None:
    bad = Malformed(stamp(3), b"{", "json", "not JSON")
    async with running(bench):
        await bench.say(bad)
        await bench.say(bad)
        receipts = await bench.settled(2)
    assert [receipt.status for receipt in receipts] == ["refused", "refused"]
    assert len(bench.journal.quarantine) == 1


async def test_a_late_lower_number_that_never_came_is_new(bench: Bench) -> None:
    async with running(bench):
        await bench.say(scan(9))
        await bench.settled(1)
        await bench.say(scan(4))
        assert (await bench.settled(2))[1].status == "accepted"
    assert len(bench.journal.receipts) == 2


async def test_another_boot_counts_from_the_start(bench: Bench) -> None:
    async with running(bench):
        await bench.say(scan(1, boot="b1"))
        await bench.say(scan(1, boot="b2"))
        assert [r.status for r in await bench.settled(2)] == ["accepted", "accepted"]


async def test_devices_without_numbers_are_taken_each_time(bench: Bench) -> None:
    async with running(bench):
        await bench.say(scan(None))
        await bench.say(scan(None))
        await bench.settled(2)
    assert [row.type for row in bench.journal.rows].count("goods.received") == 2


async def test_a_lot_is_created_once_though_the_projector_lags(bench: Bench) -> None:
    async with running(bench):
        for seq in range(5):
            await bench.say(scan(seq))
        await bench.settled(5)
    assert [row.type for row in bench.journal.rows].count(ev.LOT_CREATED) == 1


async def test_rubbish_is_kept_with_its_bytes_and_the_stream_goes_on(bench: Bench) -> None:
    async with running(bench):
        await bench.say(Malformed(stamp(None), b"\x00\xff", "json", "not JSON"))
        await bench.say(scan(1))
        await bench.settled(2)
    (kept,) = bench.journal.quarantine
    assert (kept.raw, kept.kind, kept.reason) == (b"\x00\xff", "json", "not JSON")
    assert bench.journal.last_seq == 2


async def test_a_full_journal_makes_devices_wait_and_loses_nothing(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(intake_module, "RETRY_S", 0.0)
    bench.journal.n_refusals = 3
    async with running(bench):
        await bench.say(scan(1))
        (receipt,) = await bench.settled(1)
    assert receipt.status == "accepted"
    assert bench.journal.last_seq == 2


async def test_stopping_settles_what_was_queued(bench: Bench) -> None:
    for seq in range(30):
        await bench.say(scan(seq))
    async with running(bench):
        pass
    assert len(bench.receipts) == 30


async def test_an_idle_intake_is_stopped_at_once(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(intake_module, "IDLE_S", 100 * GUARD_S)
    async with asyncio.timeout(GUARD_S), running(bench):
        await bench.say(scan(1))
        await bench.settled(1)


async def test_everything_received_is_accounted_for(bench: Bench) -> None:
    async with running(bench):
        for reading in (scan(1), scan(1), Malformed(stamp(2), b"", "x", "y"), scan(3)):
            await bench.say(reading)
        await bench.settled(4)
    counts = bench.service.counts
    assert counts.received == 4
    assert counts.accepted + counts.flagged + counts.refused + counts.duplicate == counts.received
    assert (counts.duplicate, counts.refused, counts.quarantined) == (1, 1, 1)


async def test_a_tag_arrives_once_and_leaves_in_time(bench: Bench) -> None:
    tag = Tag("3034257BF7194E4000001A85", 1, -5000, 1)
    async with running(bench):
        for _ in range(3):
            await bench.say(
                TagRead(Stamp("dock", None, None, None, bench.clock.wall_us()), (tag,))
            )
        await bench.settled(3)
        bench.clock.forward(60)
        await bench.say(scan(1))
        await bench.settled(4)
    types = [row.type for row in bench.journal.rows]
    assert (types.count(ev.TAG_ARRIVED), types.count(ev.TAG_LEFT)) == (1, 1)
    arrived = ev.parse_event(bench.journal.rows[0].body)
    assert arrived.body["gtin"] == "80614141123458"
    assert arrived.zone == "ambient"


async def test_the_queue_says_no_when_full_and_has_room_again_at_half() -> None:
    queue = IntakeQueue(4)
    arrivals = [Arrival(scan(n)) for n in range(5)]
    assert [queue.put_nowait(arrival) for arrival in arrivals] == [True] * 4 + [False]
    room = asyncio.ensure_future(queue.room())
    await queue.get_group(1, 0)
    await asyncio.sleep(0)
    assert not room.done()
    await queue.get_group(1, 0)
    async with asyncio.timeout(GUARD_S):
        await room
    assert queue.n_pauses == 1


def sample(centi_c: int, device: str = "th-1") -> ClimateSample:
    return ClimateSample(stamp(None, device=device), "cold", centi_c, None)


async def test_in_a_full_queue_a_newer_sample_takes_the_place_of_the_older() -> None:
    queue = IntakeQueue(4)
    readings: list[Reading] = [sample(1), scan(1), sample(2), sample(9, "th-2")]
    for reading in readings:
        assert queue.put_nowait(Arrival(reading))
    assert queue.n_thinned == 0  # there is room: every sample is kept
    assert queue.put_nowait(Arrival(sample(3)))
    assert not queue.put_nowait(Arrival(scan(2)))
    assert not queue.put_nowait(Arrival(sample(7, "th-3")))  # none of its own to replace
    group = await queue.get_group(10, 0)
    assert [arrival.reading for arrival in group] == [
        sample(1),
        scan(1),
        sample(3),
        sample(9, "th-2"),
    ]
    assert (queue.n_thinned, queue.n_received) == (1, 4)
    for n in range(4):
        assert queue.put_nowait(Arrival(scan(n)))
    assert not queue.put_nowait(Arrival(sample(4)))  # the sample that waited was handed out


async def test_a_sample_that_its_sender_or_a_broker_keeps_waits_like_everything_else() -> None:
    settled: list[Receipt] = []
    queue = IntakeQueue(2)
    assert queue.put_nowait(Arrival(sample(1), settled.append))
    assert queue.put_nowait(Arrival(sample(2)))
    assert not queue.put_nowait(Arrival(sample(3), settled.append))
    assert queue.put_nowait(Arrival(sample(4)))
    group = await queue.get_group(10, 0)
    assert [arrival.reading for arrival in group] == [sample(1), sample(4)]
    assert (settled, queue.n_thinned) == ([], 1)


@given(st.lists(st.integers(0, 9), max_size=60), st.integers(1, 5))
def test_thinning_costs_older_samples_only(choices: list[int], room: int) -> None:
    """0-2: a sample of that sensor; 3-7: a scan; 8-9: a group is taken. Against a plain list."""
    queue, taken, put = IntakeQueue(room), [], []
    with asyncio.Runner() as runner:
        for n, choice in enumerate(choices):
            if choice >= 8:
                taken += runner.run(queue.get_group(2, 0))
                continue
            reading = sample(n, f"th-{choice}") if choice < 3 else scan(n)
            if queue.put_nowait(Arrival(reading)):
                put.append(reading)
        taken += runner.run(queue.get_group(room, 0))
    held = [arrival.reading for arrival in taken]
    assert len(held) + queue.n_thinned == len(put)
    assert [each for each in held if isinstance(each, Scan)] == [
        each for each in put if isinstance(each, Scan)
    ]
    for sensor in ("th-0", "th-1", "th-2"):
        kept = [each for each in held if each.stamp.device == sensor]
        said = [each for each in put if each.stamp.device == sensor]
        assert kept == [each for each in said if each in kept]
        assert kept[-1:] == said[-1:]  # the newest is never the one to go


async def test_what_comes_before_the_box_knows_the_time_is_flagged(bench: Bench) -> None:
    known_us = bench.clock.wall_us()
    symbol = Symbol((), GTIN, "L1")
    async with running(bench):
        for seq, at_us in ((1, 40_000_000), (2, known_us)):
            at = Stamp("pda", "b", seq, None, at_us)
            await bench.say(Scan(at, "raw", None, TaskContext("receive"), symbol))
        await bench.settled(2)
    flags = {
        event.received_at_us: "clock_unset" in event.flags
        for event in map(ev.parse_event, (row.body for row in bench.journal.rows))
    }
    assert flags == {40_000_000: True, known_us: False}


@pytest.mark.parametrize(("early_us", "ahead_s"), [(40_000_000, 0), (0, 86_400)])
async def test_a_box_without_the_time_and_one_wrong_stamp_teach_no_clock(
    bench: Bench, early_us: int, ahead_s: int
) -> None:
    known_us = bench.clock.wall_us()
    async with running(bench):
        for seq, at_us, odd_s in ((1, early_us or known_us, ahead_s), (2, known_us, 0)):
            told = datetime.fromtimestamp(known_us / 1_000_000 + odd_s, UTC).isoformat()
            at = Stamp("pda", "b", seq, told, at_us)
            await bench.say(Scan(at, "raw", None, TaskContext("receive"), Symbol((), GTIN, "L1")))
        await bench.settled(2)
    events = [ev.parse_event(row.body) for row in bench.journal.rows]
    assert {event.occurred_at_us for event in events} == {early_us or known_us, known_us}
