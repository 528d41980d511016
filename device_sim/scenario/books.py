"""What each simulated device says it did: what the gateways and the cloud are held against.

Pure: what a device reports comes in with the time it was heard (monotonic seconds).
"""

from __future__ import annotations

from dataclasses import dataclass, field

Report = dict[str, object]


@dataclass(frozen=True, slots=True)
class Trouble:
    """One fault as it happened. until_s: None while it lasts."""

    kind: str
    target: str
    since_s: float
    until_s: float | None = None

    def touches(self, since_s: float, until_s: float, *, after_s: float = 0.0) -> bool:
        """Whether any of that time lies within the fault or `after_s` behind it."""
        end_s = float("inf") if self.until_s is None else self.until_s + after_s
        return since_s <= end_s and until_s >= self.since_s


@dataclass(frozen=True, slots=True)
class Sample:
    """One measurement as the sensor said it."""

    at_s: float
    temperature_c: float
    humidity_pct: float | None = None


@dataclass(slots=True)
class SensorBook:
    """What an MQTT sensor sent, by its own numbers."""

    device: str
    warehouse: str
    zone: str
    boot: str = ""
    sent: dict[int, Sample] = field(default_factory=dict)

    def hear(self, report: Report, at_s: float) -> None:
        """Take in what the sensor reports."""
        if report.get("event") == "ready":
            self.boot = str(report["boot"])
        elif report.get("event") == "sent":
            self.sent[int(str(report["seq"]))] = Sample(
                at_s, float(str(report["temperature_c"])), float(str(report["humidity_pct"]))
            )


@dataclass(slots=True)
class BusBook:
    """What the units of a bus answered. units: zone by address."""

    device: str
    warehouse: str
    units: dict[int, str]
    said: dict[int, list[Sample]] = field(default_factory=dict)

    def hear(self, report: Report, at_s: float) -> None:
        """Take in what the bus reports."""
        if report.get("event") == "said":
            sample = Sample(at_s, float(str(report["temperature_c"])))
            self.said.setdefault(int(str(report["address"])), []).append(sample)

    @property
    def n_said(self) -> int:
        """Answers of all units."""
        return sum(map(len, self.said.values()))


@dataclass(slots=True)
class Visit:
    """A tag's stay before a reader. until_s: None while it stays."""

    epc: str
    since_s: float
    until_s: float | None = None


@dataclass(slots=True)
class ReaderBook:
    """Which tags stood before a reader, and which of the next aisle it caught."""

    device: str
    warehouse: str
    visits: list[Visit] = field(default_factory=list)
    strays: list[str] = field(default_factory=list)
    n_reads: int = 0
    is_on_mqtt: bool = False

    def hear(self, report: Report, _at_s: float) -> None:
        """Take in what the reader reports."""
        if report.get("event") == "tags":
            self.n_reads = int(str(report.get("n", report.get("reads", 0))))

    def come(self, epcs: list[str], at_s: float) -> None:
        """Tags come before the reader."""
        self.visits += [Visit(epc, at_s) for epc in epcs]

    def go(self, at_s: float) -> None:
        """All of them leave."""
        for visit in self.visits:
            if visit.until_s is None:
                visit.until_s = at_s


@dataclass(slots=True)
class ScannerBook:
    """What passed a fixed scanner: lots, each with the time it did."""

    device: str
    warehouse: str
    passed: dict[str, float] = field(default_factory=dict)
    n_scanned: int = 0

    def hear(self, report: Report, _at_s: float) -> None:
        """Take in what the scanner reports."""
        if report.get("event") == "scanned":
            self.n_scanned = int(str(report["n"]))
