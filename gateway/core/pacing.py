"""How much one device may send: so much a second for ever, and more for a while.

A token bucket. One device that floods must not keep the others waiting; one that comes back from a
day without network has much to say, and is no flood.
"""

from __future__ import annotations

from typing import Final

FLOOD_S: Final = 30.0
"""So long after it was last held back a device still counts as flooding."""


class Pace:
    """What one device has left. per_s: messages a second; burst: beyond that, after a rest.

    Time is reckoned when little is left, so it may be twice the burst once.
    """

    __slots__ = ("_at_s", "_burst", "_held_back_s", "_left", "_per_s")

    def __init__(self, per_s: float, burst: float, now_s: float) -> None:
        self._per_s, self._burst = per_s, burst
        self._left, self._at_s = burst, now_s
        self._held_back_s: float | None = None

    def allows(self, now_s: float) -> bool:
        """Whether one more message may come now; if so it counts."""
        left = self._left
        if left < 1.0:
            # Only who is near its end pays for the arithmetic of time.
            left = min(self._burst, left + (now_s - self._at_s) * self._per_s)
            self._at_s = now_s
            if left < 1.0:
                self._left, self._held_back_s = left, now_s
                return False
        self._left = left - 1.0
        return True

    def is_flooding(self, now_s: float) -> bool:
        """Whether it was held back just now."""
        return self._held_back_s is not None and now_s - self._held_back_s < FLOOD_S
