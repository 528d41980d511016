"""A byte link in memory: two ends, for tests and for whoever wires a device without a wire.

Bounded like the others: who writes to an end that does not read waits, once PIECES_MAX pieces lie
there unread.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Final

from gateway.errors import LinkLost

PIECES_MAX: Final = 16


class MemoryLink:
    """One end. What is written here is read at `peer`, in the same pieces."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._pieces: deque[bytes] = deque()
        self._has_news = asyncio.Event()
        self._has_room = asyncio.Event()
        self._is_closed = False
        self.peer: MemoryLink | None = None

    async def read(self) -> bytes:
        """The next piece. Raises LinkLost once either end is closed and all was read."""
        while self._is_closed or not self._pieces:
            if self._is_cut:
                raise LinkLost(self._name, "closed")
            self._has_news.clear()
            await self._has_news.wait()
        self._has_room.set()
        return self._pieces.popleft()

    async def write(self, data: bytes) -> None:
        """Hand `data` to the peer, once it has room. Raises LinkLost if either end is closed."""
        peer = self.peer
        while not self._is_cut and peer is not None and len(peer._pieces) >= PIECES_MAX:
            peer._has_room.clear()
            await peer._has_room.wait()
        if self._is_cut or peer is None:
            raise LinkLost(self._name, "closed")
        peer._pieces.append(data)
        peer._has_news.set()

    async def close(self) -> None:
        """Close this end; the peer reads what is left and then finds the link lost."""
        self._is_closed = True
        for end in (self, self.peer):
            if end is not None:
                end._has_news.set()
                end._has_room.set()

    @property
    def _is_cut(self) -> bool:
        return self._is_closed or self.peer is None or self.peer._is_closed


def memory_pair(name: str = "memory:") -> tuple[MemoryLink, MemoryLink]:
    """Two ends of one link."""
    left, right = MemoryLink(name), MemoryLink(name)
    left.peer, right.peer = right, left
    return left, right
