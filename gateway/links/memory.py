"""A byte link in memory: two ends, for tests and for whoever wires a device without a wire."""

from __future__ import annotations

import asyncio
from collections import deque

from gateway.errors import LinkLost


class MemoryLink:
    """One end. What is written here is read at `peer`, in the same pieces."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._pieces: deque[bytes] = deque()
        self._has_news = asyncio.Event()
        self._is_closed = False
        self.peer: MemoryLink | None = None

    async def read(self) -> bytes:
        """The next piece. Raises LinkLost once either end is closed and all was read."""
        while not self._pieces:
            if self._is_closed or self.peer is None or self.peer._is_closed:
                raise LinkLost(self._name, "closed")
            self._has_news.clear()
            await self._has_news.wait()
        return self._pieces.popleft()

    async def write(self, data: bytes) -> None:
        """Hand `data` to the peer. Raises LinkLost if either end is closed."""
        if self._is_closed or self.peer is None or self.peer._is_closed:
            raise LinkLost(self._name, "closed")
        self.peer._pieces.append(data)
        self.peer._has_news.set()

    async def close(self) -> None:
        """Close this end; the peer reads what is left and then finds the link lost."""
        self._is_closed = True
        self._has_news.set()
        if self.peer is not None:
            self.peer._has_news.set()


def memory_pair(name: str = "memory:") -> tuple[MemoryLink, MemoryLink]:
    """Two ends of one link."""
    left, right = MemoryLink(name), MemoryLink(name)
    left.peer, right.peer = right, left
    return left, right
