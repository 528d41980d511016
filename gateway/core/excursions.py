"""The cold chain: when a zone was too warm or too cold for too long, and which lots were in it.

A state machine per zone and sensor, by the zone's rule (contract.documents.Climate):

    good        within the limits
    suspected   out of them since its first bad reading, not yet for `duration_s`
    open        an excursion, with that reading as its beginning; crossing the other limit
                adds a side to it and does not open a second one
    blind       suspected or open, and the sensor is not to be believed (core.sensor_faults)

An excursion ends only on good readings, `recover_readings` in a row, further inside than the
hysteresis; those of its own sensor, or while that is not believed those of another in the zone.
Silence ends nothing. A reading between limit and hysteresis ends nothing and opens nothing.

Exposure is counted per lot present, over all excursions and zones: time above and below the
limits, and heat (degrees above the limit times time). It counts from one reading of the zone to
the next, at the worst believed value before; where no sensor is believed, at the last one that
was while out of limits. What a lot had suffered before it came counts too (core.carried).

Pure: times, ids and what is present are arguments. Docs: docs/cold-chain.md.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import Final

from cloud_sync.contract.documents import Climate as Rule
from cloud_sync.contract.exposures import VERDICTS
from gateway.core.exposure import Exposure, LotKey, Sums, is_worse, verdict_of

STARTED: Final = "started"
CONTINUED: Final = "continued"
ENDED: Final = "ended"

HIGH: Final = "high"
LOW: Final = "low"

SENSORS_MAX: Final = 4096
"""Sensors followed; more are not, so that invented names cannot fill memory."""

_US: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class Watched:
    """One sensor in one zone.

    since_us: of the first bad reading, None if good. event_id: of the excursion's start, "" while
    it is only suspected. good_us: of the first good reading since the last bad one. min, max: of
    the readings since `since_us`. told_us: when the last event of the excursion was made.
    """

    zone: str
    device: str
    at_us: int
    centi_c: int
    since_us: int | None = None
    sides: tuple[str, ...] = ()
    event_id: str = ""
    n_good: int = 0
    good_us: int = 0
    min_centi_c: int = 0
    max_centi_c: int = 0
    told_us: int = 0

    @property
    def is_open(self) -> bool:
        """Whether this is an excursion."""
        return bool(self.event_id)


@dataclass(frozen=True, slots=True)
class Beyond:
    """A time out of limits: how long, and how far above and below them, 1/100 °C."""

    span_us: int
    above: int
    below: int


@dataclass(frozen=True, slots=True)
class Told:
    """An excursion started, goes on or ended. reason: of an end that no reading brought."""

    kind: str
    excursion: Watched
    at_us: int
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Verdict:
    """A lot is to be held; event_id names the excursion that did it, "" if none is open."""

    lot: LotKey
    exposure: Exposure
    zone: str
    event_id: str
    at_us: int


Present = Callable[[Rule], Iterable[LotKey]]
"""The lots that stand in a rule's zone now."""


@dataclass(slots=True)
class Changed:
    """What was touched since it was last saved."""

    sensors: set[tuple[str, str]] = field(default_factory=set)
    zones: set[str] = field(default_factory=set)
    lots: set[LotKey] = field(default_factory=set)


class Excursions:
    """All zones of a warehouse. is_believed: by sensor, as the sensor faults stand."""

    def __init__(
        self, new_id: Callable[[], str], is_believed: Callable[[str], bool], present: Present
    ) -> None:
        self._new_id = new_id
        self._is_believed = is_believed
        self._present = present
        self.sensors: dict[tuple[str, str], Watched] = {}
        self.zones: dict[str, int] = {}
        """Up to when the exposure in a zone is counted."""
        self.lots: dict[LotKey, Exposure] = {}
        self.changed = Changed()

    def open(self) -> list[Watched]:
        """Every excursion that is open, by zone and sensor."""
        return [it for _, it in sorted(self.sensors.items()) if it.is_open]

    def take(
        self, *, zone: str, device: str, at_us: int, centi_c: int, rule: Rule | None
    ) -> list[Told | Verdict]:
        """A reading; one of a sensor that is not believed changes nothing."""
        if rule is None or not self._is_believed(device):
            return []
        key = zone, device
        before = self.sensors.get(key)
        if before is None and len(self.sensors) >= SENSORS_MAX:
            return []
        said: list[Told | Verdict] = list(self._expose(zone, at_us, rule))
        watched = replace(before or Watched(zone, device, at_us, centi_c), at_us=at_us,
                          centi_c=centi_c)  # fmt: skip
        said += self._judge(watched, at_us, centi_c, rule)
        # Whom nobody believes is judged by those of the zone who are.
        for other in [it for it in self.sensors.values() if it.zone == zone]:
            if other.device == device or other.since_us is None:
                continue
            if not self._is_believed(other.device) and not _side(centi_c, rule):
                said += self._judge(other, at_us, centi_c, rule)
        return said

    def tick(self, now_us: int, rule_of: Callable[[str], Rule | None]) -> list[Told | Verdict]:
        """What time alone brings: a suspicion whose sensor fell silent, a rule that is gone."""
        said: list[Told | Verdict] = []
        for watched in list(self.sensors.values()):
            rule = rule_of(watched.zone)
            if rule is None:
                if watched.is_open:
                    said.append(Told(ENDED, watched, now_us, "the zone has no rule any more"))
                self._put(replace(watched, since_us=None, event_id="", sides=()))
            elif watched.since_us is not None and not self._is_believed(watched.device):
                if not watched.is_open and now_us - watched.since_us >= rule.duration_s * _US:
                    said += self._open(watched, now_us)
                said += self._expose(watched.zone, now_us, rule)
        return said

    # ------------------------------------------------------------ the machine

    def _judge(self, watched: Watched, at_us: int, centi_c: int, rule: Rule) -> list[Told]:
        side = _side(centi_c, rule)
        if side:
            return self._bad(watched, side, at_us, centi_c, rule)
        if watched.since_us is None:
            self._put(watched)
        elif not _is_good(centi_c, rule):
            self._put(replace(watched, n_good=0))
        elif not watched.is_open:
            self._put(replace(watched, since_us=None, sides=(), n_good=0))
        else:
            n_good = watched.n_good + 1
            good_us = at_us if n_good == 1 else watched.good_us
            if n_good >= rule.recover_readings:
                ended = replace(watched, n_good=n_good, good_us=good_us)
                self._put(replace(watched, since_us=None, sides=(), event_id="", n_good=0))
                return [Told(ENDED, ended, at_us)]
            self._put(replace(watched, n_good=n_good, good_us=good_us))
        return self._continue(self.sensors[watched.zone, watched.device], at_us, rule)

    def _bad(
        self, watched: Watched, side: str, at_us: int, centi_c: int, rule: Rule
    ) -> list[Told]:
        if watched.since_us is None:
            watched = replace(watched, since_us=at_us, sides=(), told_us=at_us,
                              min_centi_c=centi_c, max_centi_c=centi_c)  # fmt: skip
        is_new_side = side not in watched.sides
        watched = replace(
            watched,
            sides=(*watched.sides, side) if is_new_side else watched.sides,
            n_good=0,
            min_centi_c=min(watched.min_centi_c, centi_c),
            max_centi_c=max(watched.max_centi_c, centi_c),
        )
        since_us = at_us if watched.since_us is None else watched.since_us
        self._put(watched)
        if not watched.is_open:
            return self._open(watched, at_us) if at_us - since_us >= rule.duration_s * _US else []
        return self._continue(watched, at_us, rule, is_news=is_new_side)

    def _open(self, watched: Watched, at_us: int) -> list[Told]:
        watched = replace(watched, event_id=self._new_id(), told_us=at_us)
        self._put(watched)
        return [Told(STARTED, watched, at_us)]

    def _continue(
        self, watched: Watched, at_us: int, rule: Rule, *, is_news: bool = False
    ) -> list[Told]:
        is_due = at_us - watched.told_us >= rule.tell_every_s * _US
        if not watched.is_open or not (is_due or is_news):
            return []
        watched = replace(watched, told_us=at_us)
        self._put(watched)
        return [Told(CONTINUED, watched, at_us)]

    def _put(self, watched: Watched) -> None:
        key = watched.zone, watched.device
        if self.sensors.get(key) != watched:
            self.sensors[key] = watched
            self.changed.sensors.add(key)

    # ------------------------------------------------------------ exposure

    def pass_time(self, rule: Rule, at_us: int, also: Iterable[LotKey]) -> list[Verdict]:
        """Count what its zone has done to goods up to a moment: they come or go then.

        also: lots that were there and that the books may not know of any more.
        """
        if at_us <= self.zones.get(rule.zone, at_us):
            return []
        return self._expose(rule.zone, at_us, rule, also)

    def _expose(
        self, zone: str, at_us: int, rule: Rule, also: Iterable[LotKey] = ()
    ) -> list[Verdict]:
        """Count the time since the zone's last reading, at what was measured before."""
        since_us = self.zones.get(zone)
        self.zones[zone] = at_us
        self.changed.zones.add(zone)
        if since_us is None or at_us <= since_us:
            return []  # a clock that was put back has no time to count
        warmest, coldest = self._extremes(zone)
        above = 0 if warmest is None or rule.high_centi_c is None else warmest - rule.high_centi_c
        below = 0 if coldest is None or rule.low_centi_c is None else rule.low_centi_c - coldest
        if above <= 0 and below <= 0:
            return []
        beyond = Beyond(at_us - since_us, max(0, above), max(0, below))
        return [
            verdict
            for lot in sorted({*self._present(rule), *also})
            if (verdict := self._expose_lot(lot, zone, beyond, rule, at_us))
        ]

    def _expose_lot(
        self, lot: LotKey, zone: str, beyond: Beyond, rule: Rule, at_us: int
    ) -> Verdict | None:
        was = self.lots.get(lot, Exposure())
        more = Sums(
            above_us=beyond.span_us if beyond.above else 0,
            below_us=beyond.span_us if beyond.below else 0,
            heat=beyond.above * beyond.span_us,
        )
        now = replace(was, here=was.here.plus(more))
        return self._found(lot, now, zone, verdict_of(now, rule), at_us)

    def bring(
        self, lot: LotKey, brought: Sums, *, rules: Iterable[Rule], said: str, at_us: int
    ) -> Verdict | None:
        """What a lot had suffered elsewhere. rules: of where it lies and belongs. said: the
        verdict that came with it."""
        was = self.lots.get(lot, Exposure())
        now = replace(was, brought=was.brought.worst(brought))
        verdicts = [(said, ""), *((verdict_of(now, rule), rule.zone) for rule in rules)]
        verdict, zone = max(verdicts, key=lambda each: VERDICTS.index(each[0]))
        return self._found(lot, now, zone, verdict, at_us)

    def _found(
        self, lot: LotKey, now: Exposure, zone: str, verdict: str, at_us: int
    ) -> Verdict | None:
        """Keep what a lot has been through; a verdict, if it is graver than the last."""
        is_graver = is_worse(verdict, now.verdict)
        now = replace(now, verdict=verdict if is_graver else now.verdict)
        if self.lots.get(lot) != now:
            self.lots[lot] = now
            self.changed.lots.add(lot)
        if not is_graver:
            return None
        by = next((it.event_id for it in self.open() if it.zone == zone), "")
        return Verdict(lot, now, zone, by, at_us)

    def _extremes(self, zone: str) -> tuple[int | None, int | None]:
        here = [it for it in self.sensors.values() if it.zone == zone]
        known = [it for it in here if self._is_believed(it.device)]
        # With nobody to believe, what was bad when last seen is bad still.
        values = [it.centi_c for it in known or here if known or it.since_us is not None]
        return (max(values), min(values)) if values else (None, None)


def _side(centi_c: int, rule: Rule) -> str:
    if rule.high_centi_c is not None and centi_c > rule.high_centi_c:
        return HIGH
    return LOW if rule.low_centi_c is not None and centi_c < rule.low_centi_c else ""


def _is_good(centi_c: int, rule: Rule) -> bool:
    inside = rule.hysteresis_centi_c
    return (rule.high_centi_c is None or centi_c <= rule.high_centi_c - inside) and (
        rule.low_centi_c is None or centi_c >= rule.low_centi_c + inside
    )
