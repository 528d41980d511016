"""The box's own clock, behind the port that everything else takes as an argument."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from typing import Final

from cloud_sync.contract.keys import make_uuid7
from gateway.core.clock_trust import ClockTrust
from gateway.ports import Clock

UNSET_BEFORE_US: Final = 1_735_689_600_000_000
"""2025-01-01: no box ran this program before; a clock that says so was not set since it booted."""
RANDOM_PER_ID: Final = 10
IDS_AT_ONCE: Final = 256
"""A call of the system costs more than all the rest of making an id."""


def is_set(wall_us: int) -> bool:
    """Whether wall time can be true: a box without a battery-backed clock boots in 1970."""
    return wall_us >= UNSET_BEFORE_US


def trust_in(clock: Clock) -> Callable[[], bool]:
    """What tells, whenever asked, whether a clock is to be believed (core/clock_trust)."""
    trust = ClockTrust()

    def is_trusted() -> bool:
        now_us = clock.wall_us()
        return trust.is_good(now_us, clock.monotonic(), is_set=is_set(now_us))

    return is_trusted


class SystemClock:
    """Wall time and monotonic time of this machine."""

    def wall_us(self) -> int:
        """Microseconds since 1970, UTC."""
        return time.time_ns() // 1000

    def monotonic(self) -> float:
        """Seconds since boot or so."""
        return time.monotonic()


class EventIds:
    """UUIDv7s from a clock and the machine's randomness, which is fetched for many at once."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._random = b""
        self._at = 0

    def __call__(self) -> str:
        if self._at == len(self._random):
            self._random, self._at = os.urandom(RANDOM_PER_ID * IDS_AT_ONCE), 0
        self._at += RANDOM_PER_ID
        chance = self._random[self._at - RANDOM_PER_ID : self._at]
        return make_uuid7(self._clock.wall_us() // 1000, chance)
