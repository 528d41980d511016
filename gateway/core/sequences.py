"""Which of a device's own numbers have not come: gaps, per device and boot.

A device numbers its messages 1, 2, 3 … within a boot. A number above the highest leaves those
between missing until they come, for messages may overtake each other. What a device sent before it
was first heard in a boot cannot be known and is not missing. Bounded: MISSING_MAX numbers a boot,
of which the oldest stay counted without being known by number, and BOOTS_MAX boots.

`numbers` and `restore` carry all of it over a restart; `take_changed` says what is worth saving.
"""

from __future__ import annotations

from collections import Counter
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


@dataclass(frozen=True, slots=True)
class BootNumbers:
    """What is known of a boot's numbers. missing: ranges (first, last), ascending."""

    device: str
    boot: str
    highest: int
    missing: tuple[tuple[int, int], ...] = ()
    n_beyond: int = 0


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
        self._changed: set[tuple[str, str]] = set()

    def restore(self, boots: Iterable[BootNumbers]) -> None:
        """Go on from what was known before a restart; the boot heard last comes last."""
        for known in boots:
            missing = {seq for first, last in known.missing for seq in range(first, last + 1)}
            boot = _Boot(known.highest, missing, known.n_beyond)
            self._put((known.device, known.boot), boot)

    def numbers(self, device: str, boot: str) -> BootNumbers | None:
        """All that is known of a boot; None if it is not remembered."""
        known = self._boots.get((device, boot))
        if known is None:
            return None
        return BootNumbers(device, boot, known.highest, _ranges(known.missing), known.n_beyond)

    def boots(self) -> Iterable[tuple[str, str, int]]:
        """Device, boot and highest number of every boot that is remembered."""
        return [(device, boot, known.highest) for (device, boot), known in self._boots.items()]

    def take_changed(self) -> set[tuple[str, str]]:
        """Boots that are new, or whose gaps opened or closed, since this was asked last."""
        changed, self._changed = self._changed, set()
        return changed

    def take(self, device: str, boot: str, seq: int) -> Gap | None:
        """A number came; gives the gap that it opens."""
        key = (device, boot)
        known = self._boots.pop(key, None)
        if known is None:
            self._put(key, _Boot(seq))
            self._changed.add(key)
            return None
        self._put(key, known)
        if seq <= known.highest:
            if seq in known.missing:
                known.missing.discard(seq)
                self._changed.add(key)
            return None
        first, last = known.highest + 1, seq - 1
        known.highest = seq
        if first > last:
            return None
        self._changed.add(key)
        n_room = max(0, MISSING_MAX - len(known.missing))
        kept_from = max(first, last - n_room + 1)
        known.missing.update(range(kept_from, last + 1))
        known.n_beyond += kept_from - first
        return Gap(device, boot, first, last)

    def n_missing(self) -> Mapping[str, int]:
        """How many numbers of each device have not come, over all boots that are remembered."""
        counts: Counter[str] = Counter()
        for (device, _), boot in self._boots.items():
            counts[device] += len(boot.missing) + boot.n_beyond
        return counts

    def missing(self, device: str, boot: str) -> Iterable[int]:
        """The missing numbers of a boot, as far as they are known, ascending."""
        known = self._boots.get((device, boot))
        return () if known is None else sorted(known.missing)

    def _put(self, key: tuple[str, str], boot: _Boot) -> None:
        self._boots[key] = boot
        if len(self._boots) > BOOTS_MAX:
            oldest = next(iter(self._boots))
            del self._boots[oldest]
            self._changed.discard(oldest)


def _ranges(numbers: Iterable[int]) -> tuple[tuple[int, int], ...]:
    """The same numbers as ranges, ascending."""
    ranges: list[tuple[int, int]] = []
    for seq in sorted(numbers):
        if ranges and seq == ranges[-1][1] + 1:
            ranges[-1] = ranges[-1][0], seq
        else:
            ranges.append((seq, seq))
    return tuple(ranges)
