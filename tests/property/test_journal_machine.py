"""Pins the journal against a simple model: any calls, reopenings and failed commits."""

import asyncio
import contextlib
import json
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from gateway.errors import JournalError
from gateway.journal.store import JournalStore
from gateway.ports import ReceiptKey
from tests.fakes.clock import FakeClock
from tests.rigs.journal import CONSUMERS, SteeredDatabase, draft, entry, steered

pytestmark = pytest.mark.slow

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
    max_examples=40,
    stateful_step_count=25,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
