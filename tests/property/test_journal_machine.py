"""Pins the journal against a simple model: calls, failures, crashes, damage and restores."""

import asyncio
import contextlib
import json
import shutil
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from gateway.errors import JournalError
from gateway.journal.connection import FILE
from gateway.journal.inspection import back_up, open_read_only
from gateway.journal.store import JournalStore
from gateway.journal.switch import note_damage, restore_journal
from gateway.ports import ReceiptKey
from tests.fakes.clock import FakeClock
from tests.rigs import tier
from tests.rigs.journal import CONSUMERS, GATEWAY, SteeredDatabase, draft, entry, steered
from tests.unit.test_journal_start import edit

pytestmark = pytest.mark.slow

RESTORED = "019aa4b6-4500-7ac2-bee8-7db6dfd4e19a"
KEYS = st.integers(1, 12)
FAILURES = st.sampled_from(["none", "none", "none", "before", "after"])


class JournalMachine(RuleBasedStateMachine):
    """The model: a list of event numbers, the set of known messages, a dict of cursors."""

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.directory = tempfile.TemporaryDirectory()
        self.clock = FakeClock()
        self.events: list[int] = []
        self.messages: set[int] = set()
        self.cursors = dict.fromkeys(CONSUMERS, 0)
        self.base = 0
        self.n_drafts = 1000
        self.stack = contextlib.AsyncExitStack()

    @initialize()
    def open(self) -> None:
        async def enter() -> tuple[JournalStore, SteeredDatabase]:
            place = Path(self.directory.name)
            return await self.stack.enter_async_context(steered(place, clock=self.clock))

        self.store, self.database = self.runner.run(enter())

    @rule()
    def reopen(self) -> None:
        self.runner.run(self.stack.aclose())
        self.open()

    @rule()
    def crash(self) -> None:
        """Go on with the files as they lie there now: what a kill leaves."""
        old, self.directory = self.directory, tempfile.TemporaryDirectory()
        for name in (FILE, FILE + "-wal"):
            shutil.copy(Path(old.name) / name, self.directory.name)
        self.runner.run(self.stack.aclose())
        old.cleanup()
        self.open()

    @rule(share=st.floats(0, 1, exclude_max=True), how=st.sampled_from(["body", "chain"]))
    def damage(self, share: float, how: str) -> None:
        """One row is damaged; it alone is lost, or nothing if only its link was."""
        n_rows = len(self.events) - self.base
        if n_rows == 0:
            return
        seq = self.base + 1 + int(share * n_rows)
        self.runner.run(self.stack.aclose())
        path = Path(self.directory.name)
        edit(path, f"update journal set {how} = zeroblob(16) where seq = {seq}")
        note_damage(path, "by the test")
        epoch = self.store.epoch
        self.open()
        assert self.store.epoch != epoch
        is_last = seq == len(self.events)
        self.renumber(lost={seq} if how != "chain" or is_last else set())

    @rule()
    def back_up_and_restore(self) -> None:
        path = Path(self.directory.name)
        backup = path / "backup"
        with open_read_only(path / FILE) as connection:
            back_up(connection, backup)
        self.runner.run(self.stack.aclose())
        with pytest.raises(JournalError, match="never overwritten"):
            restore_journal(backup, path, gateway=GATEWAY, at_us=1, epoch=RESTORED)
        for part in path.glob(FILE + "*"):
            part.unlink()
        restore_journal(backup, path, gateway=GATEWAY, at_us=1, epoch=RESTORED)
        backup.unlink()
        self.open()
        assert self.store.epoch == RESTORED
        self.renumber(lost=set())

    def renumber(self, *, lost: set[int]) -> None:
        """The model under a new epoch: what is left, from 1."""
        left = [seq for seq in range(self.base + 1, len(self.events) + 1) if seq not in lost]
        self.events = [self.events[seq - 1] for seq in left]
        self.base = 0
        self.cursors = {c: sum(s <= at for s in left) for c, at in self.cursors.items()}

    @rule(groups=st.lists(st.lists(KEYS, max_size=4), min_size=1, max_size=4), failure=FAILURES)
    def append(self, groups: list[list[int]], failure: str) -> None:
        """Several calls at once; a failed one is made again, as the intake does."""

        async def write() -> None:
            if failure != "none":
                self.database.failures = [(failure, JournalError("by request"))]
            calls = [self.store.append([entry(n) for n in group]) for group in groups]
            for group, call in zip(groups, calls, strict=True):
                try:
                    await call
                except JournalError:
                    await self.store.append([entry(n) for n in group])
            self.database.failures = []

        self.runner.run(write())
        new = dict.fromkeys(n for group in groups for n in group if n not in self.messages)
        self.events += list(new)
        self.messages |= set(new)

    @rule(consumer=st.sampled_from(CONSUMERS), share=st.floats(0, 1), n_drafts=st.integers(0, 3))
    def advance(self, consumer: str, share: float, n_drafts: int) -> None:
        lowest = max(self.base, min(self.cursors.values()))
        to_seq = lowest + round(share * (len(self.events) - lowest))
        drafts = [draft(self.n_drafts + n) for n in range(n_drafts)]
        self.runner.run(self.store.advance(consumer, to_seq=to_seq, drafts=drafts))
        self.cursors[consumer] = to_seq
        self.events += range(self.n_drafts, self.n_drafts + n_drafts)
        self.n_drafts += n_drafts

    @rule()
    def failed_advance(self) -> None:
        async def advance() -> None:
            self.database.failures = [("before", JournalError("by request"))]
            with pytest.raises(JournalError):
                await self.store.advance("uplink", to_seq=0, drafts=[draft(9)])

        self.runner.run(advance())

    @rule()
    def prune(self) -> None:
        self.clock.forward(1)
        n_rows = self.runner.run(self.store.prune(older_than_us=self.clock.wall_us()))
        before = self.base
        self.base = max(self.base, min(self.cursors.values()) - 1)
        assert n_rows == self.base - before

    @invariant()
    def holds_what_the_model_holds(self) -> None:
        if not hasattr(self, "store"):
            return

        async def compare() -> None:
            rows = await self.store.read(after_seq=self.base, limit=10_000)
            held = [json.loads(row.body)["n"] for row in rows]
            assert sorted(held) == sorted(self.events[self.base :])
            self.events[self.base :] = held  # the order behind a failed commit is the journal's
            assert self.store.last_seq == len(self.events)
            assert {c: await self.store.cursor(c) for c in CONSUMERS} == self.cursors
            keys = [ReceiptKey("pda-1", "boot-1", n) for n in range(1, 13)]
            found = await self.store.find_receipts(keys)
            assert {key.seq for key in found} == self.messages

        self.runner.run(compare())

    def teardown(self) -> None:
        self.runner.run(self.stack.aclose())
        self.runner.close()
        self.directory.cleanup()


TestJournalMachine = JournalMachine.TestCase
TestJournalMachine.settings = settings(
    max_examples=tier.count(8, 40, 400),
    stateful_step_count=25,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
