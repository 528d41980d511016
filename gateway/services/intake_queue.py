"""The bounded queue between drivers and journal.

Bound: `maxsize` arrivals. When it is full, `put` waits and `put_nowait` says no, so that the
link behind it slows down: a serial port fills its buffer, an MQTT session stops reading its
socket. Scans and tag reads are never dropped here.

Climate samples of sensors that are asked, and wait for no answer, may be thinned, and only when
the queue is full: a new sample then takes the place of the newest one of its sensor that still
waits; that is counted. A sample that somebody waits to see settled is kept like everything else:
its sender or the broker holds it until there is room.
"""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass

from gateway.core.readings import ClimateSample
from gateway.ports import Arrival


@dataclass(slots=True, eq=False)
class _Place:
    """One arrival's place in the queue."""

    arrival: Arrival


class IntakeQueue:
    """Implements ports.Intake on one side and hands out groups on the other."""

    def __init__(self, maxsize: int) -> None:
        self._maxsize = maxsize
        self._arrivals: deque[_Place] = deque()
        self._climate: dict[tuple[str, str], _Place] = {}
        self._has_arrivals = asyncio.Event()
        self._has_room = asyncio.Event()
        self._has_room.set()
        self.n_received = 0
        self.n_pauses = 0
        self.n_thinned = 0

    def __len__(self) -> int:
        return len(self._arrivals)

    async def put(self, arrival: Arrival) -> None:
        """Hand over one arrival, waiting for room."""
        while not self.put_nowait(arrival):
            await self._has_room.wait()

    def put_nowait(self, arrival: Arrival) -> bool:
        """Hand over one arrival; False if there is no room."""
        if len(self._arrivals) >= self._maxsize:
            if self._thin(arrival):
                return True
            if self._has_room.is_set():
                self.n_pauses += 1
                self._has_room.clear()
            return False
        place = _Place(arrival)
        self._arrivals.append(place)
        if isinstance(arrival.reading, ClimateSample) and arrival.settle is None:
            self._climate[_sensor(arrival.reading)] = place
        self.n_received += 1
        self._has_arrivals.set()
        return True

    def _thin(self, arrival: Arrival) -> bool:
        """Put a climate sample in the place of the one before, if that still waits."""
        if not isinstance(arrival.reading, ClimateSample) or arrival.settle is not None:
            return False
        place = self._climate.get(_sensor(arrival.reading))
        if place is None:
            return False
        place.arrival = arrival
        self.n_thinned += 1
        return True

    def _take(self) -> Arrival:
        place = self._arrivals.popleft()
        reading = place.arrival.reading
        if isinstance(reading, ClimateSample) and self._climate.get(_sensor(reading)) is place:
            del self._climate[_sensor(reading)]
        return place.arrival

    async def room(self) -> None:
        """Return once there is room again."""
        await self._has_room.wait()

    def wake(self) -> None:
        """End the present wait for a group, though nothing has come."""
        self._has_arrivals.set()

    async def get_group(self, n_max: int, timeout_s: float) -> list[Arrival]:
        """Up to `n_max` arrivals in order; an empty list after `timeout_s` or `wake`."""
        if not self._arrivals:
            self._has_arrivals.clear()
            try:
                async with asyncio.timeout(timeout_s):
                    await self._has_arrivals.wait()
            except TimeoutError:
                return []
        group = [self._take() for _ in range(min(n_max, len(self._arrivals)))]
        # Half empty before the links are let go again, or they would stop at every message.
        if not self._has_room.is_set() and len(self._arrivals) <= self._maxsize // 2:
            self._has_room.set()
        return group


def _sensor(sample: ClimateSample) -> tuple[str, str]:
    return sample.stamp.device, sample.zone
