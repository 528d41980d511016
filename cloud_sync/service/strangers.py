"""How often those may ask of whom nothing is known yet."""

from __future__ import annotations

from typing import Final

from cloud_sync.service.callers import Bucket, Rate

PER_S: Final = 10
BURST: Final = 100


class Strangers(Bucket):
    """A token bucket for all of them together: an address is easily changed.

    A code has 80 bits; this is not against guessing, but keeps the database for others.
    """

    def __init__(self) -> None:
        super().__init__(Rate(PER_S, BURST))
