"""The box's own clock, behind the port that everything else takes as an argument."""

from __future__ import annotations

import os
import time

from cloud_sync.contract.keys import make_uuid7
from gateway.ports import Clock


class SystemClock:
    """Wall time and monotonic time of this machine."""

    def wall_us(self) -> int:
        """Microseconds since 1970, UTC."""
        return time.time_ns() // 1000

    def monotonic(self) -> float:
        """Seconds since boot or so."""
        return time.monotonic()


class EventIds:
    """UUIDv7s from a clock and the machine's randomness."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def __call__(self) -> str:
        return make_uuid7(self._clock.wall_us() // 1000, os.urandom(10))
