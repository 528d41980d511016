"""The bounded queue between drivers and journal.

Bound: `maxsize` arrivals. When it is full, `put` waits and `put_nowait` says no, so that the
link behind it slows down: a serial port fills its buffer, an MQTT session stops reading its
socket. Nothing is ever dropped here.
"""

from __future__ import annotations

import asyncio
from collections import deque

from gateway.ports import Arrival


class IntakeQueue:
    """Implements ports.Intake on one side and hands out groups on the other."""

    def __init__(self, maxsize: int) -> None:
        self._maxsize = maxsize
        self._arrivals: deque[Arrival] = deque()
        self._has_arrivals = asyncio.Event()
        self._has_room = asyncio.Event()
        self._has_room.set()
        self.n_received = 0
        self.n_pauses = 0

    def __len__(self) -> int:
        return len(self._arrivals)

    async def put(self, arrival: Arrival) -> None:
        """Hand over one arrival, waiting for room."""
        while not self.put_nowait(arrival):
            await self._has_room.wait()

    def put_nowait(self, arrival: Arrival) -> bool:
        """Hand over one arrival; False if there is no room."""
        if len(self._arrivals) >= self._maxsize:
            if self._has_room.is_set():
                self.n_pauses += 1
                self._has_room.clear()
            return False
        self._arrivals.append(arrival)
        self.n_received += 1
        self._has_arrivals.set()
        return True

    async def room(self) -> None:
        """Return once there is room again."""
        await self._has_room.wait()

    async def get_group(self, n_max: int, timeout_s: float) -> list[Arrival]:
        """Up to `n_max` arrivals in order; an empty list after `timeout_s` without any."""
        if not self._arrivals:
            self._has_arrivals.clear()
            try:
                async with asyncio.timeout(timeout_s):
                    await self._has_arrivals.wait()
            except TimeoutError:
                return []
        group = [self._arrivals.popleft() for _ in range(min(n_max, len(self._arrivals)))]
        # Half empty before the links are let go again, or they would stop at every message.
        if not self._has_room.is_set() and len(self._arrivals) <= self._maxsize // 2:
            self._has_room.set()
        return group
