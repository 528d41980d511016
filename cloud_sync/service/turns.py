"""One batch of a gateway at a time, in the order of its rows as far as they are here.

A gateway sends several batches without waiting for answers. They come over several connections,
so a later one may be read first; it then waits a moment for those before it, instead of being
answered with a gap and sent once more. Of one gateway only one transaction is open: it holds the
lock on the gateway's row, and more would only keep connections from other gateways.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Final

from cloud_sync.inbox.admission import Refusal
from cloud_sync.store.batches import Taken

OVERTAKEN_S: Final = 5.0
"""How long a batch that came too early waits for others of its gateway that are inside."""


class Turn:
    """The turn of one gateway's batches in this process."""

    def __init__(self) -> None:
        self._moved = asyncio.Condition()
        self._n_inside = 0
        self._n_stuck = 0  # of those inside, who found themselves ahead since something moved

    @contextlib.asynccontextmanager
    async def inside(self) -> AsyncIterator[None]:
        """Around all of a request, from before its body is read."""
        self._n_inside += 1
        try:
            yield
        finally:
            self._n_inside -= 1
            async with self._moved:
                self._tell()

    async def take(self, take: Callable[[], Awaitable[Taken | Refusal]]) -> Taken | Refusal:
        """What `take` gives; ahead of others that may still move, it is tried again after them."""
        deadline = asyncio.get_running_loop().time() + OVERTAKEN_S
        async with self._moved:
            outcome = await take()
            while self._is_ahead(outcome):
                self._n_stuck += 1
                try:
                    async with asyncio.timeout_at(deadline):
                        await self._moved.wait()
                except TimeoutError:
                    break
                outcome = await take()
            self._tell()
            return outcome

    def _tell(self) -> None:
        self._n_stuck = 0
        self._moved.notify_all()

    def _is_ahead(self, outcome: Taken | Refusal) -> bool:
        is_gap = isinstance(outcome, Refusal) and outcome.code == "gap"
        return is_gap and self._n_inside - self._n_stuck > 1
