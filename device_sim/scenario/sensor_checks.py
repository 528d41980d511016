"""Whether the gateways saw what happened to their sensors, and nothing that did not happen.

Pure. How soon a fault must be told follows from the gateway's own `[sensors]` settings.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from device_sim.scenario.books import Trouble
from device_sim.scenario.checks import BROKER_AFTER_S
from device_sim.scenario.model import Bus, Device, Sensor
from device_sim.stage.check import Check, Row, event_of, verdict
from gateway.settings import SensorSettings

FAULT: Final = "sensor.fault"
RECOVERED: Final = "sensor.recovered"

KINDS: Final = {
    "sensor_dead": ("silent",),
    "sensor_stuck": ("stuck",),
    "sensor_drifting": ("drifting", "out_of_range"),
}
"""What a fault may be called: one that drifts far enough is impossible before it is apart."""

STUCK_SAMPLES: Final = 20
"""So many equal samples at least make a sensor stuck, whatever its settings."""
SLACK_S: Final = 8.0
"""Two ticks of the gateway's watch over its sensors, less than two of them lost to a busy box."""
EXCUSED: Final = ("line", "cable_pulled", "gateway_kill", "broker_restart")
"""What silences a sensor, or spoils what it says, without being a fault of its own."""


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a gateway looks on, in seconds: `[sensors]` in its configuration."""

    silent_s: float
    stuck_s: float
    stuck_samples: int
    drift_c: float
    drift_s: float


@dataclass(frozen=True, slots=True)
class Watched:
    """One sensor: its name in the journal, where it is, and how often it speaks."""

    name: str
    device: str
    warehouse: str
    zone: str
    period_s: float
    patience: Patience

    def must_be_told_s(self, trouble: Trouble, drift_c_per_s: float) -> float:
        """How long that trouble may last before a gateway that works has told of it."""
        patience = self.patience
        match trouble.kind:
            case "sensor_dead":
                return patience.silent_s + SLACK_S
            case "sensor_stuck":
                return max(patience.stuck_s, patience.stuck_samples * self.period_s) + SLACK_S
            case _:
                apart_s = patience.drift_c / max(abs(drift_c_per_s), 1e-9)
                return apart_s + patience.drift_s + SLACK_S


@dataclass(frozen=True, slots=True)
class Told:
    """A sensor fault as the journal tells it. at_s, ended_s: monotonic seconds."""

    event_id: str
    device: str
    kind: str
    at_s: float
    n_ended: int


def patience_of(settings: SensorSettings) -> Patience:
    """As the gateway's configuration says it."""
    return Patience(
        settings.silent_s,
        settings.stuck_s,
        STUCK_SAMPLES,
        settings.drift_c,
        settings.drift_s,
    )


def watched_sensors(devices: Iterable[Device], patience: Mapping[str, Patience]) -> list[Watched]:
    """Every sensor among the devices. patience: by warehouse."""
    found: list[Watched] = []
    for device in devices:
        where = device.warehouse
        zones: dict[str, str]
        match device:
            case Sensor():
                zones = {device.name: device.zone}
            case Bus():
                zones = {f"{device.name}.{unit}": zone for unit, zone in device.units.items()}
            case _:
                continue
        found += [
            Watched(name, device.name, where, zone, device.period_s, patience[where])
            for name, zone in zones.items()
        ]
    return found


def told_faults(events: Sequence[Row], *, zero_us: int) -> list[Told]:
    """The faults in a journal. zero_us: the wall time at monotonic zero."""
    ends: dict[str, int] = {}
    for event in map(event_of, events):
        if event.get("type") == RECOVERED:
            cause = str(event.get("cause"))
            ends[cause] = ends.get(cause, 0) + 1
    return [
        Told(
            str(event.get("event_id")),
            _text(event.get("device"), "id"),
            _text(event.get("body"), "kind"),
            (int(str(event.get("occurred_at_us"))) - zero_us) / 1_000_000,
            ends.get(str(event.get("event_id")), 0),
        )
        for event in map(event_of, events)
        if event.get("type") == FAULT
    ]


def check_sensor_faults(
    sensors: Sequence[Watched],
    told: Sequence[Told],
    troubles: Sequence[Trouble],
    drifts: Mapping[str, float],
) -> list[Check]:
    """Each fault of a sensor that lasted was told; each one told had its reason, and its end.

    drifts: °C per second by sensor, of those that are made to drift.
    """
    missed = []
    by_name = {sensor.name: sensor for sensor in sensors}
    for trouble in troubles:
        sensor = by_name.get(trouble.target)
        if sensor is None or trouble.kind not in KINDS or trouble.until_s is None:
            continue
        limit_s = sensor.must_be_told_s(trouble, drifts.get(sensor.name, 0.0))
        is_told = any(
            fault.device == sensor.name
            and fault.kind in _names_of(trouble, sensor, troubles)
            and trouble.since_s <= fault.at_s <= trouble.until_s + SLACK_S
            for fault in told
        )
        if trouble.until_s - trouble.since_s >= limit_s and not is_told:
            missed.append(f"{sensor.name}: {trouble.kind} was never told")
    false = [
        f"{fault.device}: {fault.kind} was told and nothing was wrong"
        for fault in told
        if fault.device in by_name and not _has_reason(fault, by_name, troubles)
    ]
    unended = [
        f"{fault.device}: {fault.kind} ended {fault.n_ended} times"
        for fault in told
        if fault.device in by_name and fault.n_ended != 1
    ]
    return [
        verdict("every sensor fault was told", missed),
        verdict("no sensor fault was told without reason", false),
        verdict("every sensor fault that was told ended", unended),
    ]


def _names_of(trouble: Trouble, sensor: Watched, troubles: Iterable[Trouble]) -> tuple[str, ...]:
    """What it may be called; what dies on a line that garbles its last answers looks broken."""
    is_garbled = any(
        each.kind == "line"
        and each.target == sensor.device
        and each.touches(trouble.since_s - SLACK_S, trouble.since_s + SLACK_S)
        for each in troubles
    )
    names = KINDS[trouble.kind]
    return (*names, "error") if trouble.kind == "sensor_dead" and is_garbled else names


def _has_reason(fault: Told, by_name: Mapping[str, Watched], troubles: Iterable[Trouble]) -> bool:
    sensor = by_name[fault.device]
    for trouble in troubles:
        after_s = BROKER_AFTER_S if trouble.kind == "broker_restart" else 0.0
        after_s += sensor.patience.silent_s
        if not trouble.touches(fault.at_s - SLACK_S, fault.at_s, after_s=after_s):
            continue
        if trouble.kind in EXCUSED:
            if trouble.target in ("", sensor.device, sensor.warehouse):
                return True
        elif trouble.kind in KINDS:
            is_own = trouble.target == sensor.name and fault.kind in KINDS[trouble.kind]
            if is_own or (fault.kind == "drifting" and _is_neighbour(sensor, trouble, by_name)):
                return True
    return False


def _is_neighbour(sensor: Watched, trouble: Trouble, by_name: Mapping[str, Watched]) -> bool:
    """Of two sensors of a zone that part nobody can say which is wrong."""
    other = by_name.get(trouble.target)
    is_near = other is not None and (other.warehouse, other.zone) == (
        sensor.warehouse,
        sensor.zone,
    )
    return is_near and trouble.kind in ("sensor_drifting", "sensor_stuck")


def _text(value: object, key: str) -> str:
    return str(value.get(key)) if isinstance(value, Mapping) else ""
