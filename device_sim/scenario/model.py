"""What a scenario is: which devices there are, how fast the workers work, what goes wrong when.

Times are seconds since the doors opened. docs/simulator.md lists every key.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Final, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    field_validator,
    model_validator,
)

from device_sim.catalog import ZONES
from device_sim.faults import FaultRates

Id = Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]{1,64}$")]
Seconds = Annotated[float, Field(gt=0, le=86_400)]
Share = Annotated[float, Field(gt=0, lt=1)]

_CLOSED = ConfigDict(extra="forbid", frozen=True)

MISSING_WAREHOUSES_MIN: Final = 2
"""One where something is not found, and one where it is."""


class Work(BaseModel):
    """How fast everybody works, in seconds between two scans, orders, oddities, boxes.

    web_order_s: between two orders of the web shop's, which are picked by their lists; none
    without it. missed_share: of the stops on those lists, where the picker finds nothing and says
    so. What is short there comes from the last warehouse, which finds everything.
    """

    model_config = _CLOSED

    scan_s: Seconds = 0.08
    order_s: Seconds = 0.3
    oddity_s: Seconds = 1.7
    box_s: Seconds = 5.0
    web_order_s: Seconds | None = None
    missed_share: Share | None = None


class _Device(BaseModel):
    model_config = _CLOSED

    name: Id
    warehouse: Id = "J1"


class _LineDevice(_Device):
    """A device on a line with faults of its own, always there. line: rates by name."""

    line: dict[str, float] = Field(default_factory=dict)

    @field_validator("line")
    @classmethod
    def _are_rates(cls, line: dict[str, float]) -> dict[str, float]:
        FaultRates.from_mapping(line)
        return line


class Pda(_LineDevice):
    """A handheld with its worker. clock_skew_s: what its clock is wrong by from the start."""

    kind: Literal["pda"]
    clock_skew_s: Annotated[float, Field(ge=-1e8, le=1e8)] = 0.0


class Sensor(_Device):
    """A temperature and humidity sensor over MQTT."""

    kind: Literal["climate"]
    zone: Literal["ambient", "refrigerated", "frozen"]
    period_s: Seconds = 1.0


class Bus(_LineDevice):
    """XY-MD02 transmitters on one Modbus bus. units: zone by bus address."""

    kind: Literal["xy-md02"]
    units: Annotated[dict[Annotated[int, Field(ge=1, le=247)], str], Field(min_length=1)]
    period_s: Seconds = 1.0

    @field_validator("units")
    @classmethod
    def _have_zones(cls, units: dict[int, str]) -> dict[int, str]:
        for address, zone in units.items():
            if zone not in ZONES:
                raise ValueError(f"{address}: {zone!r} is no zone, there are {', '.join(ZONES)}")
        return units


class SerialReader(_LineDevice):
    """An RFID reader at a dock, on a serial port."""

    kind: Literal["m100", "uhfreader18"]


class MqttReader(_Device):
    """An RFID reader at a dock that publishes its maker's JSON."""

    kind: Literal["impinj", "zebra-fx", "zebra-rfd"]


class LlrpReader(_Device):
    """An RFID reader at a dock, on TCP. port: where it listens on this machine."""

    kind: Literal["llrp"]
    port: Annotated[int, Field(ge=1024, le=65_535)] = 15_084


class Scanner(_LineDevice):
    """A fixed scanner over a belt, on a serial port; it inspects what passes, one a period."""

    kind: Literal["serial-scanner"]
    period_s: Seconds = 1.0


Reader = SerialReader | MqttReader | LlrpReader
Device = Annotated[
    Pda | Sensor | Bus | SerialReader | MqttReader | LlrpReader | Scanner,
    Field(discriminator="kind"),
]


class _Fault(BaseModel):
    """Something that goes wrong at `at_s`, and again every `every_s` if that is given."""

    model_config = _CLOSED

    at_s: Annotated[float, Field(ge=0, le=86_400)]
    for_s: Seconds
    every_s: Seconds | None = None

    @property
    def target(self) -> str:
        """What it happens to; two faults of one kind cannot happen to one target at a time."""
        return ""


class _DeviceFault(_Fault):
    device: Id
    unit: Annotated[int, Field(ge=1, le=247)] | None = None

    @property
    def target(self) -> str:
        return self.device if self.unit is None else f"{self.device}.{self.unit}"


class LineFault(_DeviceFault):
    """Worse rates on a device's line: drop, repeat, reorder, delay_s, corrupt, split, noise."""

    kind: Literal["line"]
    rates: Annotated[dict[str, float], Field(min_length=1)]

    @field_validator("rates")
    @classmethod
    def _are_rates(cls, rates: dict[str, float]) -> dict[str, float]:
        FaultRates.from_mapping(rates)
        return rates


class PlainDeviceFault(_DeviceFault):
    """Faults that need no more than a device: what they do is in scenario/orders.py."""

    kind: Literal["cable_pulled", "reader_reboot", "sensor_dead", "sensor_stuck", "id_clash"]


class SensorDrifting(_DeviceFault):
    """A sensor that errs more and more."""

    kind: Literal["sensor_drifting"]
    celsius_per_s: Annotated[float, Field(ge=-100, le=100)]


class StrayReads(_DeviceFault):
    """Tags of the next aisle, each read once and weakly."""

    kind: Literal["stray_reads"]
    rssi_dbm: Annotated[int, Field(ge=-120, le=0)] = -76


class MissedReads(_DeviceFault):
    """A share of its reads the reader misses."""

    kind: Literal["missed_reads"]
    share: Share


class ClockSkew(_DeviceFault):
    """A PDA's battery falls out and its clock is wrong, until it falls out again."""

    kind: Literal["clock_skew"]
    skew_s: Annotated[float, Field(ge=-1e8, le=1e8)]


class PdaOffline(_DeviceFault):
    """A PDA out of the radio's reach, its worker going on. stands_for_s: told as if so long."""

    kind: Literal["pda_offline"]
    stands_for_s: Seconds | None = None


class Burst(_Fault):
    """A live stream sends customers: everybody works `factor` times as fast."""

    kind: Literal["burst"]
    factor: Annotated[float, Field(gt=1, le=100)] = 20.0


class BrokerRestart(_Fault):
    """kill -9 of the broker, which is started again `for_s` later."""

    kind: Literal["broker_restart"]


class GatewayKill(_Fault):
    """kill -9 of a gateway, which is started again `for_s` later."""

    kind: Literal["gateway_kill"]
    warehouse: Id = "J1"

    @property
    def target(self) -> str:
        return self.warehouse


class UplinkDown(_Fault):
    """The line to the cloud is cut, as device_sim/stage/uplink.py says."""

    kind: Literal["uplink_down"]
    how: Literal["refused", "silent"] = "refused"


Fault = Annotated[
    LineFault | PlainDeviceFault | SensorDrifting | StrayReads | MissedReads | ClockSkew
    | PdaOffline | Burst | BrokerRestart | GatewayKill | UplinkDown,
    Field(discriminator="kind"),
]  # fmt: skip

FITS: Final[dict[str, tuple[str, ...]]] = {
    "line": ("pda", "xy-md02", "m100", "uhfreader18", "serial-scanner"),
    "cable_pulled": ("xy-md02", "m100", "uhfreader18", "serial-scanner"),
    "reader_reboot": ("m100", "llrp"),
    "stray_reads": ("m100", "llrp"),
    "missed_reads": ("m100", "llrp"),
    "sensor_dead": ("climate", "xy-md02"),
    "sensor_stuck": ("climate", "xy-md02"),
    "sensor_drifting": ("climate", "xy-md02"),
    "clock_skew": ("pda",),
    "pda_offline": ("pda",),
    "id_clash": ("pda",),
}
"""Which faults can happen to which kinds of device."""

BYTES_ONLY: Final = {"corrupt", "split", "noise"}
"""Faults of a serial line; MQTT runs over TCP, which lets none of them through."""


class Scenario(BaseModel):
    """The whole file."""

    model_config = _CLOSED

    title: Annotated[str, Field(min_length=1, max_length=200)]
    seed: Annotated[int, Field(ge=0)] = 1
    duration_s: Annotated[float, Field(ge=5, le=86_400)]
    work: Work = Work()
    devices: Annotated[tuple[Device, ...], Field(min_length=1)]
    faults: tuple[Fault, ...] = ()

    @property
    def warehouses(self) -> tuple[str, ...]:
        """The warehouses that have devices, in order of appearance."""
        return tuple(dict.fromkeys(device.warehouse for device in self.devices))

    def device(self, name: str) -> Device:
        """The device of a name. Raises KeyError."""
        return {device.name: device for device in self.devices}[name]

    @model_validator(mode="after")
    def _fits_together(self) -> Scenario:
        names = [device.name for device in self.devices]
        for i, device in enumerate(self.devices):
            if device.name in names[:i]:
                raise ValueError(f"devices.{i}.name: {device.name!r} is used more than once")
            if isinstance(device, Pda) and BYTES_ONLY & device.line.keys():
                raise ValueError(f"devices.{i}.line: {_not_on_mqtt(device.line)}")
        for warehouse in self.warehouses:
            if not any(isinstance(d, Pda) and d.warehouse == warehouse for d in self.devices):
                raise ValueError(f"devices: {warehouse} has no PDA to fill its shelves")
        if self.work.missed_share is not None and len(self.warehouses) < MISSING_WAREHOUSES_MIN:
            raise ValueError("work.missed_share: what is short comes from a second warehouse")
        for i, fault in enumerate(self.faults):
            problem = self._problem(fault)
            if problem is not None:
                raise ValueError(f"faults.{i}.{problem}")
        self._check_overlaps()
        return self

    def _problem(self, fault: Fault) -> str | None:
        """What is wrong with a fault in this scenario: key and complaint."""
        if fault.at_s + fault.for_s > self.duration_s:
            return (
                f"at_s: with for_s it ends after {fault.at_s + fault.for_s:g} s,"
                f" the scenario after {self.duration_s:g} s"
            )
        if fault.every_s is not None and fault.every_s <= fault.for_s:
            return f"every_s: must be more than for_s ({fault.for_s:g}), got {fault.every_s:g}"
        if isinstance(fault, GatewayKill) and fault.warehouse not in self.warehouses:
            return f"warehouse: {fault.warehouse!r} has no devices"
        if not isinstance(fault, _DeviceFault):
            return None
        try:
            device = self.device(fault.device)
        except KeyError:
            return f"device: {fault.device!r} is no device of this scenario"
        if device.kind not in FITS[fault.kind]:
            return f"device: {fault.kind} cannot happen to {fault.device!r}, a {device.kind}"
        if isinstance(device, Bus):
            on_unit = fault.kind.startswith("sensor_")
            if on_unit and fault.unit not in device.units:
                return f"unit: {fault.device!r} has the units {', '.join(map(str, device.units))}"
        elif fault.unit is not None:
            return f"unit: {fault.device!r} is no bus"
        if isinstance(fault, SensorDrifting) and not self._has_neighbour(device, fault.unit):
            return f"device: {fault.target!r} has no second sensor in its zone to part from"
        if isinstance(fault, LineFault) and isinstance(device, Pda):
            return f"rates: {_not_on_mqtt(fault.rates)}" if BYTES_ONLY & set(fault.rates) else None
        return None

    def _has_neighbour(self, device: Device, unit: int | None) -> bool:
        """Whether another sensor measures the same zone: without one nobody can tell a drift."""
        zones: list[str] = []
        for other in self.devices:
            if other.warehouse == device.warehouse and isinstance(other, Sensor):
                zones.append(other.zone)
            elif other.warehouse == device.warehouse and isinstance(other, Bus):
                zones += other.units.values()
        own = device.units.get(unit or 0) if isinstance(device, Bus) else None
        zone = device.zone if isinstance(device, Sensor) else own
        return zone is not None and zones.count(zone) > 1

    def _check_overlaps(self) -> None:
        seen: dict[tuple[str, str], tuple[float, int]] = {}
        for begin_s, i in sorted((s, i) for i, f in enumerate(self.faults) for s in self.times(f)):
            fault = self.faults[i]
            key = (fault.kind, fault.target)
            end_s, other = seen.get(key, (0.0, i))
            if begin_s < end_s:
                raise ValueError(f"faults.{i}.at_s: still faults.{other} at {begin_s:g} s")
            seen[key] = (begin_s + fault.for_s, i)

    def times(self, fault: Fault) -> Iterator[float]:
        """When a fault begins, each time: only if it also ends within the scenario."""
        begin_s = fault.at_s
        while begin_s + fault.for_s <= self.duration_s:
            yield begin_s
            if fault.every_s is None:
                return
            begin_s += fault.every_s


def _not_on_mqtt(rates: dict[str, float]) -> str:
    names = ", ".join(sorted(BYTES_ONLY & rates.keys()))
    return f"{names} cannot happen on MQTT, which runs over TCP"
