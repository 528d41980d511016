"""How long a socket rests between reads, so that more messages come at a time.

A loop that is woken for each message costs twice as much, and each group of them a commit. At a
usual rate nobody waits longer for it than a person can notice; where messages come faster than
people scan, it is readings and sweeps, and larger groups are what keeps the box cool.
"""

from __future__ import annotations

from typing import Final

REST_S: Final = 0.015
LONG_REST_S: Final = 0.04
RATE_OF_LONG_RESTS: Final = 1500.0
"""Messages a second."""
PACKETS_OF_FLOOD: Final = 150
"""So many at once wait for us already."""


class Rests:
    """The rests of one connection. now_s: a monotonic clock's, when it begins.

    n_messages: how many have come since the last read, of all packets; acknowledgements of what
    we say are none, and a scan has one of those, too.
    """

    def __init__(self, now_s: float) -> None:
        self.n_messages = 0
        self._read_at_s = now_s
        self._is_rush = False

    def after(self, n_packets: int, now_s: float) -> float:
        """Seconds to rest after a read of so many packets; 0 for none and for a flood.

        The rate is that since the read before: a stall of ours, after which much is there at once,
        is no rush. Nor is one handful: two reads in a row are.
        """
        if not n_packets:
            return 0.0
        was_rush, since_s = self._is_rush, now_s - self._read_at_s
        self._is_rush = self.n_messages > RATE_OF_LONG_RESTS * since_s
        self._read_at_s, self.n_messages = now_s, 0
        if n_packets >= PACKETS_OF_FLOOD:
            return 0.0
        return LONG_REST_S if was_rush and self._is_rush else REST_S
