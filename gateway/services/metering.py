"""How much may go over a line that is paid by the byte."""

from __future__ import annotations

import gzip
from typing import Final

from gateway.ports import Clock

EXCHANGE_BYTES: Final = 1024
"""What a request and its answer cost besides what is in them: headers, TLS records, TCP."""
BURST_S: Final = 900.0
"""What was not used is saved up for so long at most, so that a quiet night makes no flood."""


class Meter:
    """A budget that fills with time. Without a rate everything may go at once."""

    def __init__(self, bytes_per_hour: int | None, clock: Clock) -> None:
        self._bytes_per_s = None if bytes_per_hour is None else bytes_per_hour / 3600
        self._clock = clock
        self._filled_s = clock.monotonic()
        self._balance = 0.0
        self.n_bytes = 0

    def pause_s(self) -> float:
        """How long to wait until something may go; it may then be larger than what is left."""
        if self._bytes_per_s is None:
            return 0.0
        now_s = self._clock.monotonic()
        saved = self._balance + (now_s - self._filled_s) * self._bytes_per_s
        self._balance = min(saved, BURST_S * self._bytes_per_s)
        self._filled_s = now_s
        return max(0.0, -self._balance / self._bytes_per_s)

    def spend(self, body: bytes = b"") -> None:
        """Something went: an exchange and, packed as it is sent, a body."""
        if self._bytes_per_s is None:
            return
        n_bytes = EXCHANGE_BYTES + (len(gzip.compress(body, 1)) if body else 0)
        self._balance -= n_bytes
        self.n_bytes += n_bytes
