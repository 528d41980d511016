"""From many raw tag reads to arrivals and departures.

A tag counts as here once it was read `min_reads` times within `window_s` and strongly enough,
and as gone when it was not read for `gone_after_s`. One weak read from the next aisle is a stray
and makes nothing. Losing this state in a crash is harmless: arrivals are safe to repeat.
Bounded: at most `max_tags` are followed; above that the one unseen for longest goes first.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from gateway.core.readings import Tag


@dataclass(frozen=True, slots=True)
class SmoothingRule:
    """When a tag is here and when it is gone; rssi_floor_centi_dbm: weaker reads are strays."""

    window_s: float = 2.0
    min_reads: int = 2
    gone_after_s: float = 10.0
    rssi_floor_centi_dbm: int = -8000
    max_tags: int = 10_000


@dataclass(frozen=True, slots=True)
class Sighting:
    """A tag came to or left a read point. n_reads, rssi: over its stay so far."""

    kind: str  # "arrived" | "left"
    read_point: str
    epc: str
    n_reads: int
    rssi_centi_dbm: int | None


@dataclass(slots=True)
class _Stay:
    first_us: int
    last_us: int
    n_reads: int
    rssi_centi_dbm: int | None
    is_here: bool


class TagPresence:
    """Which tags are at which read points, by one rule."""

    def __init__(self, rule: SmoothingRule) -> None:
        self._rule = rule
        self._stays: dict[tuple[str, str], _Stay] = {}
        self.n_strays = 0

    def see(self, read_point: str, tag: Tag, at_us: int) -> Sighting | None:
        """Take in one read; gives the arrival, if this read is the one that makes it."""
        rule = self._rule
        if tag.rssi_centi_dbm is not None and tag.rssi_centi_dbm < rule.rssi_floor_centi_dbm:
            self.n_strays += 1
            return None
        key = (read_point, tag.epc)
        stay = self._stays.pop(key, None)
        expired = (
            stay is not None and not stay.is_here and at_us - stay.first_us > _us(rule.window_s)
        )
        if stay is None or expired:
            stay = _Stay(at_us, at_us, 0, tag.rssi_centi_dbm, is_here=False)
        stay.last_us = max(stay.last_us, at_us)
        stay.n_reads += tag.count
        if tag.rssi_centi_dbm is not None:
            stay.rssi_centi_dbm = max(
                stay.rssi_centi_dbm or tag.rssi_centi_dbm, tag.rssi_centi_dbm
            )
        self._stays[key] = stay
        if len(self._stays) > rule.max_tags:
            del self._stays[next(iter(self._stays))]
        if stay.is_here or stay.n_reads < rule.min_reads:
            return None
        stay.is_here = True
        return Sighting("arrived", read_point, tag.epc, stay.n_reads, stay.rssi_centi_dbm)

    def tick(self, now_us: int) -> Iterator[Sighting]:
        """The departures that time alone has made since the last call."""
        limit = now_us - _us(self._rule.gone_after_s)
        for key, stay in list(self._stays.items()):
            if stay.last_us > limit:
                continue
            del self._stays[key]
            if stay.is_here:
                yield Sighting("left", *key, stay.n_reads, stay.rssi_centi_dbm)
            else:
                self.n_strays += 1


def _us(seconds: float) -> int:
    return round(seconds * 1_000_000)
