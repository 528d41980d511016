"""From many raw tag reads to arrivals and departures, per read point.

A tag counts as here once it was read `min_reads` times within `window_s` and strongly enough,
and as gone when it was not read for `gone_after_s`. Two kinds of read are strays and make nothing:
one below the floor, and one that is weaker by `stray_margin_centi_db` than the same tag's reads at
another antenna where it stands just now: that is the neighbour's antenna seeing past its shelf.

Arrivals and departures of a tag at a read point alternate, whatever is read, and their times do
not go back unless the clock does. Who is here outlives a crash: the arrivals without departure
are given back (`restore`), so that a tag that went meanwhile is told to have left. What is lost
is the window, which is harmless: the tag is read again. Bounded: at most `max_tags` are followed;
above that the one unseen for longest is taken for gone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from gateway.core.readings import Tag

ARRIVED: Final = "arrived"
LEFT: Final = "left"

CLOCK_PLAY_US: Final = 5_000_000
"""A time so little before the last one is the queue's delay; more is a clock that was set back."""

MAX_TAGS: Final = 20_000

RETURN_US: Final = 10_000_000
"""How long readers may take to read again after a restart, before absence counts."""


@dataclass(frozen=True, slots=True)
class SmoothingRule:
    """When a tag is here and when it is gone, at one read point.

    rssi_floor_centi_dbm: weaker reads are strays. stray_margin_centi_db: so much weaker than at
    another antenna; None to believe every antenna for itself.
    """

    window_s: float = 2.0
    min_reads: int = 2
    gone_after_s: float = 10.0
    rssi_floor_centi_dbm: int = -8000
    stray_margin_centi_db: int | None = 1000


@dataclass(frozen=True, slots=True)
class Sighting:
    """A tag came to or left a read point, as noticed at `at_us`.

    n_reads, rssi (the strongest) and first_us to last_us: over its stay so far.
    """

    kind: str
    read_point: str
    epc: str
    n_reads: int
    rssi_centi_dbm: int | None
    first_us: int
    last_us: int
    at_us: int


@dataclass(slots=True)
class _Stay:
    """One tag before one antenna.

    heard_us: from when absence counts; last_us, but for a stay from before a restart.
    recent_centi_dbm: a moving average, for the comparison between antennas.
    """

    first_us: int
    last_us: int
    heard_us: int
    n_reads: int = 0
    best_centi_dbm: int | None = None
    recent_centi_dbm: int | None = None
    is_here: bool = False

    def add(self, tag: Tag, at_us: int) -> None:
        self.last_us = self.heard_us = at_us
        self.n_reads += tag.count
        rssi = tag.rssi_centi_dbm
        if rssi is None:
            return
        self.best_centi_dbm = max(
            rssi, rssi if self.best_centi_dbm is None else self.best_centi_dbm
        )
        recent = self.recent_centi_dbm
        self.recent_centi_dbm = rssi if recent is None else recent + (rssi - recent) // 4


class TagPresence:
    """Which tags are at which read points. rule_of: the rule of a read point."""

    def __init__(
        self, rule_of: Callable[[str], SmoothingRule], *, max_tags: int = MAX_TAGS
    ) -> None:
        self._rule_of = rule_of
        self._max_tags = max_tags
        self._points: dict[str, dict[str, _Stay]] = {}
        """Stays by read point and EPC, each read point's in the order they were last seen in."""
        self._here: dict[str, set[str]] = {}
        """Where each tag is that is anywhere."""
        self._n_stays = 0
        self._now_us = 0
        self.n_strays = 0

    def restore(self, arrivals: Iterable[Sighting], now_us: int) -> None:
        """Take back who was here before a restart, before anything is read."""
        now_us = self._advance(now_us)
        for arrival in arrivals:
            stays = self._points.setdefault(arrival.read_point, {})
            self._n_stays += arrival.epc not in stays
            stays[arrival.epc] = _Stay(
                min(arrival.first_us, now_us),
                min(arrival.last_us, now_us),
                now_us + RETURN_US,
                arrival.n_reads,
                arrival.rssi_centi_dbm,
                is_here=True,
            )
            self._here.setdefault(arrival.epc, set()).add(arrival.read_point)

    def see(self, read_point: str, tag: Tag, at_us: int) -> list[Sighting]:
        """Take in one read; gives the arrival, if this read is the one that makes it."""
        now_us = self._advance(at_us)
        rule = self._rule_of(read_point)
        if self._is_stray(read_point, tag, rule, now_us):
            self.n_strays += 1
            return []
        stays = self._points.setdefault(read_point, {})
        stay = stays.pop(tag.epc, None)
        if stay is None:
            self._n_stays += 1
        elif not stay.is_here and now_us - stay.first_us > _us(rule.window_s):
            self.n_strays += 1
            stay = None
        if stay is None:
            stay = _Stay(now_us, now_us, now_us)
        stay.add(tag, now_us)
        stays[tag.epc] = stay
        sightings = list(self._make_room())
        if not stay.is_here and stay.n_reads >= rule.min_reads:
            stay.is_here = True
            self._here.setdefault(tag.epc, set()).add(read_point)
            sightings.append(_sighting(ARRIVED, read_point, tag.epc, stay, now_us))
        return sightings

    def tick(self, now_us: int) -> Iterator[Sighting]:
        """The departures that time alone has made since the last call."""
        now_us = self._advance(now_us)
        for read_point, stays in list(self._points.items()):
            limit = now_us - _us(self._rule_of(read_point).gone_after_s)
            while stays:
                epc, stay = next(iter(stays.items()))
                if stay.heard_us > limit:
                    break
                yield from self._forget(read_point, epc)
            if not stays:
                del self._points[read_point]

    def _advance(self, at_us: int) -> int:
        """The time now: never before the last one, unless the clock was set back by a lot."""
        if at_us < self._now_us - CLOCK_PLAY_US:
            for stays in self._points.values():
                for stay in stays.values():
                    stay.first_us = min(stay.first_us, at_us)
                    stay.last_us = min(stay.last_us, at_us)
                    stay.heard_us = min(stay.heard_us, at_us)
            self._now_us = at_us
        self._now_us = max(self._now_us, at_us)
        return self._now_us

    def _is_stray(self, read_point: str, tag: Tag, rule: SmoothingRule, now_us: int) -> bool:
        rssi, margin = tag.rssi_centi_dbm, rule.stray_margin_centi_db
        if rssi is None:
            return False
        if rssi < rule.rssi_floor_centi_dbm:
            return True
        if margin is None:
            return False
        for other in self._here.get(tag.epc, ()):
            stay = self._points[other][tag.epc]
            is_fresh = now_us - stay.last_us <= _us(self._rule_of(other).window_s)
            recent = stay.recent_centi_dbm
            if other != read_point and is_fresh and recent is not None and rssi <= recent - margin:
                return True
        return False

    def _make_room(self) -> Iterator[Sighting]:
        if self._n_stays > self._max_tags:
            _, read_point, epc = min(
                (next(iter(stays.values())).heard_us, read_point, next(iter(stays)))
                for read_point, stays in self._points.items()
                if stays
            )
            yield from self._forget(read_point, epc)

    def _forget(self, read_point: str, epc: str) -> Iterator[Sighting]:
        stay = self._points[read_point].pop(epc)
        self._n_stays -= 1
        if not stay.is_here:
            self.n_strays += 1
            return
        here = self._here[epc]
        here.discard(read_point)
        if not here:
            del self._here[epc]
        yield _sighting(LEFT, read_point, epc, stay, self._now_us)


def _sighting(kind: str, read_point: str, epc: str, stay: _Stay, at_us: int) -> Sighting:
    return Sighting(
        kind,
        read_point,
        epc,
        stay.n_reads,
        stay.best_centi_dbm,
        first_us=stay.first_us,
        last_us=stay.last_us,
        at_us=at_us,
    )


def _us(seconds: float) -> int:
    return round(seconds * 1_000_000)
