"""Pins what is known of devices after a restart: offsets, gaps and tags, as the journal proves."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

import pytest

from cloud_sync.contract import events as ev
from gateway.core.clock_offset import MAX_BOOTS, ClockOffsets
from gateway.core.sequences import BootNumbers, Gap, Sequences
from gateway.core.smoothing import ARRIVED, LEFT, Sighting, SmoothingRule, TagPresence
from gateway.core.tags import sighting_event
from gateway.journal.device_boots import load_boots
from gateway.journal.store import JournalStore
from gateway.ports import Draft, Entry, ReceiptKey
from gateway.services.device_memory import SWEEP_S, DeviceMemory
from gateway.services.projector import Projector
from gateway.services.supervisor import Heartbeats
from tests.fakes.clock import START_US, FakeClock
from tests.fakes.trigger_watch import watch
from tests.rigs.exceptions import keeper
from tests.rigs.guard import GUARD_S
from tests.rigs.journal import opened, until

S = 1_000_000
DEVICE_TIME = "2026-11-21T06:00:00+00:00"


class Bench:
    """One life of a gateway: what the intake learns, and the memory of it, on a real journal."""

    def __init__(self, journal: JournalStore) -> None:
        self.journal = journal
        self.clock = FakeClock()
        self.offsets = ClockOffsets()
        self.sequences = Sequences()
        self.presence = TagPresence(lambda _: SmoothingRule())
        self.memory = DeviceMemory(
            journal=journal,
            offsets=self.offsets,
            sequences=self.sequences,
            presence=self.presence,
            clock=self.clock,
            heartbeats=Heartbeats(self.clock),
            save_s=0.0,
        )

    async def receive(self, *seqs: int, device: str = "pda", boot: str = "b") -> None:
        """Numbered messages as the intake takes them: noted, and committed."""
        for seq in seqs:
            self.sequences.take(device, boot, seq)
        keys = [ReceiptKey(device, boot, seq) for seq in seqs]
        await self.journal.append([Entry(receipt=(key, b'{"seq":%d}' % key.seq)) for key in keys])

    def hear(self, received_at_us: int, device: str = "pda", boot: str = "b") -> int:
        return self.offsets.correct(
            device=device, boot=boot, device_time=DEVICE_TIME, received_at_us=received_at_us
        ).at_us

    async def see(self, kind: str, epc: str, n_reads: int = 2) -> None:
        sighting = Sighting(
            kind, "dock.1", epc, n_reads, -5000, START_US - S, START_US, START_US + S
        )
        event = sighting_event(
            sighting, {}, event_id=f"00000000-0000-7000-8000-{self.journal.last_seq:012x}",
            device="dock", warehouse="J1", zone=None,
        )  # fmt: skip
        draft = Draft(event.event_id, event.type, event.occurred_at_us, ev.encode_event(event))
        await self.journal.append([Entry((draft,))])

    async def project(self) -> None:
        """Let the projector fold all that is there."""
        projector = Projector(
            journal=self.journal,
            warehouse="J1",
            watch=watch(self.clock),
            exceptions=keeper(self.journal, self.clock),
            heartbeats=Heartbeats(self.clock),
        )
        task = asyncio.create_task(projector.run())
        while await self.journal.cursor("projector") < self.journal.last_seq:
            await asyncio.sleep(0)
        task.cancel()

    def departures(self) -> list[Sighting]:
        return list(self.presence.tick(self.clock.wall_us() + 60 * S))


async def ranges(journal: JournalStore) -> Sequence[tuple[tuple[int, int], ...]]:
    return [boot.numbers.missing for boot in await load_boots(journal) if boot.numbers]


@pytest.fixture
def state(tmp_path: Path) -> Path:
    return tmp_path / "state"


async def test_an_orderly_end_saves_offsets_gaps_and_highest_numbers(state: Path) -> None:
    async with opened(state) as journal:
        before = Bench(journal)
        async with before.memory.kept():
            await before.receive(1, 2, 5, 9)
            offset_us = before.hear(START_US) - START_US
    async with opened(state) as journal:
        after = Bench(journal)
        await after.memory.restore()
        assert after.sequences.numbers("pda", "b") == BootNumbers("pda", "b", 9, ((3, 4), (6, 8)))
        assert after.sequences.n_missing()["pda"] == 5
        assert offset_us == 0
        assert after.offsets.offset_us("pda", "b") == before.offsets.offset_us("pda", "b")
        assert after.sequences.take("pda", "b", 11) == Gap("pda", "b", 10, 10)


async def test_a_kill_takes_nothing_of_gaps_that_the_receipts_can_tell(state: Path) -> None:
    async with opened(state) as journal:
        before = Bench(journal)
        await before.memory.restore()
        await before.receive(1, 5)
        await before.memory._save(is_sweep=False)
        assert await ranges(journal) == [((2, 4),)]
        # None of this is saved: a gap closes, another opens, and a new boot begins.
        await before.receive(3, 6, 9)
        await before.receive(7, boot="next")
    async with opened(state) as journal:
        after = Bench(journal)
        await after.memory.restore()
        for boot in ("b", "next"):
            assert after.sequences.numbers("pda", boot) == before.sequences.numbers("pda", boot)


async def test_numbers_that_never_reached_the_disk_are_not_counted_as_received(
    state: Path,
) -> None:
    async with opened(state) as journal:
        before = Bench(journal)
        await before.receive(1, 2)
        for seq in (4, 6):
            before.sequences.take("pda", "b", seq)
        await before.memory._save(is_sweep=True)
    async with opened(state) as journal:
        after = Bench(journal)
        await after.memory.restore()
        assert after.sequences.take("pda", "b", 3) is None, "2 was the last"
        assert after.sequences.n_missing()["pda"] == 0


async def highest(journal: JournalStore) -> list[int]:
    return [boot.numbers.highest for boot in await load_boots(journal) if boot.numbers]


async def test_numbers_without_a_gap_are_saved_now_and_then_only(state: Path) -> None:
    async with opened(state) as journal:
        bench = Bench(journal)
        await bench.receive(1)
        await bench.memory._save(is_sweep=False)
        await bench.receive(2, 3)
        await bench.memory._save(is_sweep=False)
        assert await highest(journal) == [1]
        await bench.memory._save(is_sweep=True)
        assert await highest(journal) == [3]


async def test_the_running_memory_saves_what_changes_and_sweeps_the_rest(state: Path) -> None:
    async with opened(state) as journal, asyncio.TaskGroup() as group, asyncio.timeout(GUARD_S):
        bench = Bench(journal)
        task = group.create_task(bench.memory.run())
        await bench.receive(1)
        while await highest(journal) != [1]:
            await asyncio.sleep(0)
        await bench.receive(2, 3)
        bench.clock.forward(SWEEP_S)
        while await highest(journal) != [3]:
            await asyncio.sleep(0)
        task.cancel()


async def test_a_failed_save_is_tried_again(state: Path) -> None:
    async with opened(state) as journal:
        bench = Bench(journal)
        await bench.receive(1, 3)
        bench.clock.wall_us = lambda: "no time"  # type: ignore[method-assign,assignment,return-value]  # the schema refuses it
        with pytest.raises(Exception, match="heard_at_us"):
            await bench.memory._save(is_sweep=False)
        del bench.clock.wall_us
        await bench.memory._save(is_sweep=False)
        assert await ranges(journal) == [((2, 2),)]


async def test_only_the_boots_heard_last_are_remembered(state: Path) -> None:
    async with opened(state) as journal:
        bench = Bench(journal)
        bench.hear(START_US, boot="old")
        await bench.memory._save(is_sweep=False)
        bench.clock.forward(1)
        for n in range(MAX_BOOTS):
            bench.hear(START_US, boot=f"b{n}")
        await bench.memory._save(is_sweep=False)
        boots = {boot.boot for boot in await load_boots(journal)}
        assert len(boots) == MAX_BOOTS
        assert "old" not in boots


@pytest.mark.parametrize("is_folded", [False, True], ids=["not folded yet", "folded"])
async def test_a_tag_that_goes_while_the_gateway_is_away_has_left(
    state: Path, *, is_folded: bool
) -> None:
    async with opened(state) as journal:
        bench = Bench(journal)
        await bench.see(ARRIVED, "AA")
        await bench.see(ARRIVED, "BB")
        await bench.see(LEFT, "BB")
        await bench.see(ARRIVED, "CC")
        if is_folded:
            await bench.project()
        await bench.see(LEFT, "CC")
        await bench.see(ARRIVED, "CC", n_reads=7)
    async with opened(state) as journal:
        after = Bench(journal)
        await after.memory.restore()
        gone = {(each.epc, each.n_reads, each.first_us) for each in after.departures()}
        assert gone == {("AA", 2, START_US - S), ("CC", 7, START_US - S)}


async def test_a_journal_of_before_keeps_the_highest_numbers(state: Path) -> None:
    async with opened(state) as journal:
        await Bench(journal).receive(1, 5)
        await until(lambda: True)
    async with opened(state) as journal:
        after = Bench(journal)
        await after.memory.restore()
        assert after.sequences.take("pda", "b", 7) == Gap("pda", "b", 6, 6)
