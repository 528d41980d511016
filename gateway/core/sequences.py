"""Which of a device's own numbers have not come: gaps, per device and boot.

A device numbers its messages 1, 2, 3 … within a boot. A number above the highest leaves those
between missing until they come, for messages may overtake each other. What a device sent before it
was first heard in a boot cannot be known and is not missing. Bounded: MISSING_MAX numbers a boot,
of which the oldest stay counted without being known by number, and BOOTS_MAX boots.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

MISSING_MAX: Final = 1000
BOOTS_MAX: Final = 4096


@dataclass(frozen=True, slots=True)
class Gap:
    """Numbers from first to last, both missing."""

    device: str
    boot: str
    first: int
    last: int


@dataclass(slots=True)
class _Boot:
    highest: int
    missing: set[int] = field(default_factory=set)
    n_beyond: int = 0
    """Missing numbers that found no room in the set."""


class Sequences:
    """The numbers of every device."""

    def __init__(self) -> None:
        self._boots: dict[tuple[str, str], _Boot] = {}

    def restore(self, highest: Mapping[tuple[str, str], int]) -> None:
        """Go on from the highest number of each boot, as it was known before a restart."""
        for key, seq in highest.items():
            self._put(key, _Boot(seq))

    def take(self, device: str, boot: str, seq: int) -> Gap | None:
        """A number came; gives the gap that it opens."""
        key = (device, boot)
        known = self._boots.pop(key, None)
        if known is None:
            self._put(key, _Boot(seq))
            return None
        self._put(key, known)
        if seq <= known.highest:
            known.missing.discard(seq)
            return None
        first, last = known.highest + 1, seq - 1
        known.highest = seq
        if first > last:
            return None
        n_room = max(0, MISSING_MAX - len(known.missing))
        kept_from = max(first, last - n_room + 1)
        known.missing.update(range(kept_from, last + 1))
        known.n_beyond += kept_from - first
        return Gap(device, boot, first, last)

    def n_missing(self, device: str) -> int:
        """How many numbers of a device have not come, over all boots that are remembered."""
        return sum(
            len(boot.missing) + boot.n_beyond
            for (name, _), boot in self._boots.items()
            if name == device
        )

    def missing(self, device: str, boot: str) -> Iterable[int]:
        """The missing numbers of a boot, as far as they are known, ascending."""
        known = self._boots.get((device, boot))
        return () if known is None else sorted(known.missing)

    def _put(self, key: tuple[str, str], boot: _Boot) -> None:
        self._boots[key] = boot
        if len(self._boots) > BOOTS_MAX:
            del self._boots[next(iter(self._boots))]
