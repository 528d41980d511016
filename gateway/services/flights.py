"""Batches under way to the cloud, several at once, in the order of their rows.

Invariants
- Each begins at the row behind the one before it; the first begins behind the cursor.
- They are looked at in that order only: an answer moves the cursor, and the next one counts.
- The window opens by one with each success and closes to one with anything else, so that a line
  that carries only one batch within its deadline gets one at a time.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass

from cloud_sync.contract.batches import BatchAnswer
from gateway.errors import BatchRefused, CloudUnavailable
from gateway.ports import Row

Outcome = BatchAnswer | CloudUnavailable | BatchRefused


@dataclass(frozen=True, slots=True)
class Flight:
    """One batch under way. chain: the link after its last row; is_ahead: sent before the batch
    in front of it had its answer, so a cloud may have seen it first."""

    outcome: asyncio.Task[Outcome]
    n_rows: int
    last_seq: int
    chain: bytes
    is_ahead: bool


class Flights:
    """The window, and what is in it."""

    def __init__(self, window_max: int) -> None:
        self._window_max = window_max
        self._window = 1
        self._under_way: deque[Flight] = deque()
        self._group: asyncio.TaskGroup | None = None

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Batches may be started while the context is open; at its end they are called back."""
        try:
            async with asyncio.TaskGroup() as self._group:
                try:
                    yield
                finally:
                    await self.call_back()
        except ExceptionGroup as group:
            # The supervisor asks what it was: a damaged journal ends the gateway.
            raise group.exceptions[0] from None

    @property
    def may_start(self) -> bool:
        """True if the window has room for one more."""
        return len(self._under_way) < self._window

    @property
    def first(self) -> Flight | None:
        """The one whose answer counts next."""
        return self._under_way[0] if self._under_way else None

    @property
    def last(self) -> Flight | None:
        """The one behind which the next begins."""
        return self._under_way[-1] if self._under_way else None

    def start(
        self, send: Callable[[], Awaitable[BatchAnswer]], rows: Sequence[Row], *, is_ahead: bool
    ) -> None:
        """Put a batch of `rows` under way."""
        if self._group is None:
            raise AssertionError("nothing runs that could send")
        outcome = self._group.create_task(_outcome(send), name="uplink-batch")
        last = rows[-1]
        self._under_way.append(Flight(outcome, len(rows), last.seq, last.chain, is_ahead))

    def landed(self) -> None:
        """The first was taken; the line carries one more."""
        self._under_way.popleft()
        self._window = min(self._window_max, self._window + 1)

    async def call_back(self) -> None:
        """Give up on all of them, whatever became of them, and begin again with one."""
        self._window = 1
        given_up = {flight.outcome for flight in self._under_way}
        self._under_way.clear()
        for outcome in given_up:
            outcome.cancel()
        if given_up:
            await asyncio.wait(given_up)


async def _outcome(send: Callable[[], Awaitable[BatchAnswer]]) -> Outcome:
    """The answer or the error, as a value: an error would end the others too."""
    try:
        return await send()
    except (CloudUnavailable, BatchRefused) as error:
        return error
