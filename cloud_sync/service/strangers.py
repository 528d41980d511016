"""How often those may ask of whom nothing is known yet."""

from __future__ import annotations

from typing import Final

PER_S: Final = 10
BURST: Final = 100
_PER_US: Final = PER_S / 1_000_000


class Strangers:
    """A token bucket for all of them together: an address is easily changed.

    A code has 80 bits; this is not against guessing, but keeps the database for others.
    """

    def __init__(self) -> None:
        self._left = float(BURST)
        self._at_us = 0

    def allows(self, now_us: int) -> bool:
        """Whether one more may ask now."""
        # The wall clock may go back: then nothing is added, once.
        self._left = min(BURST, self._left + max(0, now_us - self._at_us) * _PER_US)
        self._at_us = now_us
        if self._left < 1:
            return False
        self._left -= 1
        return True
