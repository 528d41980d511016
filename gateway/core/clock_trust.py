"""Whether wall time is to be believed for decisions about days.

A clock that is not set is not. Nor is one that has just jumped by more than an hour: which lots
are still good, and what time of day it is, would be guesses. A jump is believed when the clock has
kept to it for SETTLED_S, or at once where it comes back to where it was believed. What a clock
says when the program starts is believed: there is nothing to hold against it.
"""

from __future__ import annotations

from typing import Final

JUMP_US: Final = 3_600_000_000
SETTLED_S: Final = 60.0


class ClockTrust:
    """Told of wall and monotonic time whenever somebody asks."""

    def __init__(self) -> None:
        self._believed_us: int | None = None
        self._other_us: int | None = None
        self._since_s = 0.0

    def is_good(self, wall_us: int, monotonic_s: float, *, is_set: bool) -> bool:
        """Whether this wall time is believed."""
        if not is_set:
            return False
        offset_us = wall_us - round(monotonic_s * 1_000_000)
        if self._believed_us is None or abs(offset_us - self._believed_us) <= JUMP_US:
            # Followed, so that years of slow drift are no jump.
            self._believed_us, self._other_us = offset_us, None
            return True
        if self._other_us is None or abs(offset_us - self._other_us) > JUMP_US:
            self._other_us, self._since_s = offset_us, monotonic_s
        if monotonic_s - self._since_s < SETTLED_S:
            return False
        self._believed_us, self._other_us = self._other_us, None
        return True
