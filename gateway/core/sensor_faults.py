"""When a climate sensor is not to be believed: a state machine per sensor and kind of fault.

    silent         no reading for `silent_s`, or `missed_max` questions in a row unanswered
    error          the same, but it did answer: exceptions, wrong checksums, wrong layouts
    out_of_range   a value that the sensor cannot physically measure
    stuck          temperature and humidity unchanged for `stuck_s` over many samples
    drifting       agrees with no other sensor of its zone for `drift_s`

A fault opens once and ends once; between the two nothing is said. It ends on good readings only,
`n_recover` of them in a row (a stuck one on its first change: that is the proof). Of two sensors
that part nobody can say which one is wrong: both are drifting. No reading is never "all well".

Silence is measured in monotonic seconds while this gateway listens: neither a jump of the wall
clock nor the gateway's own absence is the sensor's fault. What is lost in a restart is how far a
suspicion had grown; open faults are restored with their beginning. Bounded: SENSORS_MAX sensors.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final

from gateway.core.readings import ClimateSample, NoReading

SILENT: Final = "silent"
ERROR: Final = "error"
OUT_OF_RANGE: Final = "out_of_range"
STUCK: Final = "stuck"
DRIFTING: Final = "drifting"

SENSORS_MAX: Final = 4096
"""Sensors followed; a name above that is not, so that invented names cannot fill memory."""

_US: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class SensorRule:
    """What a sensor is allowed. Limits of range are inclusive; None for never.

    stuck_min_samples: so many equal samples at least, whatever the clock says. drift_centi_c opens
    a fault, three quarters of it count as agreement again.
    """

    silent_s: float = 900.0
    missed_max: int = 6
    temperature_centi_c: tuple[int, int] = (-4000, 8500)
    humidity_centi_pct: tuple[int, int] = (0, 10_000)
    stuck_s: float | None = 21_600.0
    stuck_min_samples: int = 20
    drift_centi_c: int | None = 300
    drift_s: float = 1800.0
    n_recover: int = 3


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault and when it began; event_id names the event that says so."""

    event_id: str
    device: str
    zone: str
    kind: str
    since_us: int
    reason: str


@dataclass(frozen=True, slots=True)
class Change:
    """A fault opened (`ended_us` None) or ended; at_us: when that was noticed."""

    fault: Fault
    at_us: int
    ended_us: int | None = None


@dataclass(slots=True)
class _Sensor:
    """One sensor. heard_s: monotonic; heard_us, same_since_us, apart_since_us: wall clock."""

    device: str
    zone: str
    heard_s: float
    heard_us: int
    value: tuple[int | None, int | None] | None = None
    same_since_us: int = 0
    n_same: int = 0
    n_missed: int = 0
    last_miss: str = ""
    has_answered_badly: bool = False
    apart_since_us: int | None = None
    faults: dict[str, Fault] = field(default_factory=dict)
    n_good: dict[str, int] = field(default_factory=dict)
    """Good readings in a row since the last bad one, for each open fault."""


def out_of_range(sample: ClimateSample, rule: SensorRule) -> str | None:
    """What is impossible about a sample, in words; None if nothing is."""
    for name, value, (low, high), unit in (
        ("temperature", sample.temperature_centi_c, rule.temperature_centi_c, "°C"),
        ("humidity", sample.humidity_centi_pct, rule.humidity_centi_pct, "%"),
    ):
        if value is not None and not low <= value <= high:
            limits = f"{low / 100:g} to {high / 100:g} {unit}"
            return f"{name} {value / 100:g} {unit}, possible are {limits}"
    return None


class SensorFaults:
    """All sensors of a warehouse by one rule. Times and ids are arguments."""

    def __init__(self, rule: SensorRule, new_id: Callable[[], str]) -> None:
        self._rule = rule
        self._new_id = new_id
        self._sensors: dict[str, _Sensor] = {}
        self._by_zone: dict[str, dict[str, _Sensor]] = {}

    def restore(self, faults: Iterable[Fault], now_s: float) -> None:
        """Take back faults that were open before a restart."""
        for fault in faults:
            self.expect(fault.device, fault.zone, now_us=fault.since_us, now_s=now_s)
            sensor = self._sensors.get(fault.device)
            if sensor is not None:
                sensor.faults[fault.kind] = fault

    def expect(self, device: str, zone: str, *, now_us: int, now_s: float) -> None:
        """A sensor that ought to speak; nothing if it is known. now_us: when it last did."""
        if device not in self._sensors and len(self._sensors) < SENSORS_MAX:
            sensor = self._sensors[device] = _Sensor(device, zone, now_s, now_us)
            self._by_zone.setdefault(zone, {})[device] = sensor

    def open_faults(self) -> list[Fault]:
        """Every fault that is open, by sensor and kind."""
        faults = [fault for sensor in self._sensors.values() for fault in sensor.faults.values()]
        return sorted(faults, key=lambda fault: (fault.device, fault.kind))

    def is_believed(self, device: str) -> bool:
        """Whether what a sensor says is to be acted on; of two that part nobody knows which."""
        sensor = self._sensors.get(device)
        return sensor is not None and not sensor.faults.keys() - {DRIFTING}

    def take(self, sample: ClimateSample, *, now_s: float) -> list[Change]:
        """A reading came."""
        device, at_us = sample.stamp.device, sample.stamp.received_at_us
        self.expect(device, sample.zone, now_us=at_us, now_s=now_s)
        sensor = self._sensors.get(device)
        if sensor is None:
            return []
        if sensor.zone != sample.zone:
            self._leave_zone(sensor)
            sensor.zone = sample.zone
            self._by_zone.setdefault(sensor.zone, {})[device] = sensor
        reason = out_of_range(sample, self._rule)
        sensor.heard_s, sensor.n_missed = now_s, 0
        if reason is not None:
            return self._impossible(sensor, at_us, reason)
        sensor.heard_us, sensor.has_answered_badly = at_us, False
        changes: list[Change] = []
        if sensor.faults:
            for kind in (SILENT, ERROR, OUT_OF_RANGE):
                changes += self._good(sensor, kind, at_us)
        changes += self._judge_change(sensor, sample, at_us)
        return changes + self._judge_drift(sensor, at_us, now_s)

    def miss(self, missed: NoReading, *, now_s: float) -> list[Change]:
        """A sensor was asked and gave no reading."""
        device, at_us = missed.stamp.device, missed.stamp.received_at_us
        self.expect(device, missed.zone, now_us=at_us, now_s=now_s)
        sensor = self._sensors.get(device)
        if sensor is None:
            return []
        if missed.kind == OUT_OF_RANGE:
            sensor.heard_s, sensor.n_missed = now_s, 0
            return self._impossible(sensor, at_us, missed.reason)
        sensor.n_good.clear()
        sensor.n_missed += 1
        sensor.last_miss = missed.reason
        sensor.has_answered_badly |= missed.kind != SILENT
        if sensor.n_missed < self._rule.missed_max:
            return []
        return self._no_reading(sensor, at_us, f"asked {sensor.n_missed} times in vain")

    def tick(self, *, now_us: int, now_s: float) -> list[Change]:
        """What the passing of time alone has brought."""
        changes = []
        for sensor in self._sensors.values():
            quiet_s = now_s - sensor.heard_s
            if quiet_s >= self._rule.silent_s:
                changes += self._no_reading(sensor, now_us, f"no reading for {quiet_s:.0f} s")
        return changes

    def retire(self, is_served: Callable[[str], bool], *, now_us: int) -> list[Change]:
        """Forget sensors that nobody has configured any more; their faults end with that."""
        gone = [sensor for device, sensor in self._sensors.items() if not is_served(device)]
        for sensor in gone:
            del self._sensors[sensor.device]
            self._leave_zone(sensor)
        return [
            Change(fault, now_us, now_us) for sensor in gone for fault in sensor.faults.values()
        ]

    def _leave_zone(self, sensor: _Sensor) -> None:
        others = self._by_zone[sensor.zone]
        del others[sensor.device]
        if not others:
            del self._by_zone[sensor.zone]

    # ------------------------------------------------------------ judgements

    def _impossible(self, sensor: _Sensor, at_us: int, reason: str) -> list[Change]:
        sensor.n_good.clear()
        return self._open(sensor, OUT_OF_RANGE, at_us, at_us, reason)

    def _no_reading(self, sensor: _Sensor, now_us: int, why: str) -> list[Change]:
        if SILENT in sensor.faults or ERROR in sensor.faults:
            return []
        kind = ERROR if sensor.has_answered_badly else SILENT
        reason = f"{why}; last: {sensor.last_miss}" if sensor.last_miss else why
        sensor.value, sensor.apart_since_us = None, None
        return self._open(sensor, kind, sensor.heard_us, now_us, reason)

    def _judge_change(self, sensor: _Sensor, sample: ClimateSample, at_us: int) -> list[Change]:
        value = (sample.temperature_centi_c, sample.humidity_centi_pct)
        rule = self._rule
        if value != sensor.value:
            was_known = sensor.value is not None
            sensor.value, sensor.same_since_us, sensor.n_same = value, at_us, 1
            return list(self._end(sensor, STUCK, at_us)) if was_known else []
        sensor.n_same += 1
        if rule.stuck_s is None or sensor.n_same < rule.stuck_min_samples:
            return []
        same_s = (at_us - sensor.same_since_us) / _US
        if same_s < rule.stuck_s:
            return []
        reason = f"unchanged for {same_s:.0f} s over {sensor.n_same} samples"
        return self._open(sensor, STUCK, sensor.same_since_us, at_us, reason)

    def _judge_drift(self, sensor: _Sensor, at_us: int, now_s: float) -> list[Change]:
        rule = self._rule
        near = 0 if rule.drift_centi_c is None else rule.drift_centi_c * 3 // 4
        apart = self._apart(sensor, now_s, near)
        if rule.drift_centi_c is None or apart is None:
            sensor.apart_since_us = None
            return []
        if apart[0] <= near:
            sensor.apart_since_us = None
            return list(self._good(sensor, DRIFTING, at_us))
        sensor.n_good[DRIFTING] = 0
        if apart[0] <= rule.drift_centi_c:
            return []
        if sensor.apart_since_us is None:
            sensor.apart_since_us = at_us
        if (at_us - sensor.apart_since_us) / _US < rule.drift_s:
            return []
        reason = f"{apart[0] / 100:.2f} °C from {apart[1]}, the nearest other in its zone"
        return self._open(sensor, DRIFTING, sensor.apart_since_us, at_us, reason)

    def _apart(self, sensor: _Sensor, now_s: float, near: int) -> tuple[int, str] | None:
        """How far the nearest other believable sensor of the zone is; None without another.

        The first one that is no further than `near` will do: most agree.
        """
        own = None if sensor.value is None else sensor.value[0]
        if own is None:
            return None
        nearest: tuple[int, str] | None = None
        for other in self._by_zone[sensor.zone].values():
            celsius = None if other.value is None else other.value[0]
            if (
                celsius is None
                or other is sensor
                or now_s - other.heard_s >= self._rule.silent_s
                or other.faults.keys() - {DRIFTING}
            ):
                continue
            found = (abs(own - celsius), other.device)
            if found[0] <= near:
                return found
            nearest = found if nearest is None else min(nearest, found)
        return nearest

    # ------------------------------------------------------------ opening and ending

    def _open(
        self, sensor: _Sensor, kind: str, since_us: int, at_us: int, reason: str
    ) -> list[Change]:
        sensor.n_good[kind] = 0
        if kind in sensor.faults:
            return []
        fault = Fault(
            self._new_id(), sensor.device, sensor.zone, kind, min(since_us, at_us), reason
        )
        sensor.faults[kind] = fault
        return [Change(fault, at_us)]

    def _good(self, sensor: _Sensor, kind: str, at_us: int) -> Iterator[Change]:
        """A reading that speaks against a fault."""
        if kind not in sensor.faults:
            return
        sensor.n_good[kind] = sensor.n_good.get(kind, 0) + 1
        if sensor.n_good[kind] >= self._rule.n_recover:
            yield from self._end(sensor, kind, at_us)

    def _end(self, sensor: _Sensor, kind: str, at_us: int) -> Iterator[Change]:
        fault = sensor.faults.pop(kind, None)
        if fault is not None:
            yield Change(fault, at_us, at_us)
