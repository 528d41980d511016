"""Simulated devices without their wires, and what is true of each: the suite's known worlds.

A fact is (subject, value): (device or read point, what was read there). `subjects` are those that
must be heard sooner or later, `is_true` says whether a value was there to be read.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from dataclasses import dataclass, field
from random import Random
from typing import Protocol

from device_sim import m100, uhfreader18, xy_md02
from gateway.codecs import scanner_line
from gateway.codecs.m100 import encode_frame, tag_of
from gateway.codecs.uhfreader18 import FrameDecoder, tags_of
from gateway.core.readings import ClimateSample, Reading, Scan, TagRead

Fact = tuple[str, Hashable]
FLOOD_PIECE = 512


class Player(Protocol):
    """One device or bus. subjects: who must be heard."""

    subjects: frozenset[str]

    @property
    def n_told(self) -> int:
        """Readings it has put into its frames so far."""
        ...

    def greet(self, now_s: float) -> list[bytes]:
        """What it says to who has just connected."""
        ...

    def take(self, data: bytes, now_s: float) -> list[bytes]:
        """The frames that answer what the gateway wrote."""
        ...

    def speak(self, now_s: float) -> list[bytes]:
        """The frames it sends by itself, now."""
        ...

    def reboot(self) -> None:
        """Forget what it was told, as after a dip of its supply."""
        ...

    def flood(self, n_bytes: int) -> Iterator[bytes]:
        """The worst that somebody else could send in its place, in pieces."""
        ...

    def hum(self) -> Iterator[bytes]:
        """Bytes without end that say nothing."""
        ...

    def is_true(self, fact: Fact) -> bool:
        """Whether this could be read."""
        ...


class Plain:
    """What most devices have in common."""

    def greet(self, now_s: float) -> list[bytes]:
        return []

    def take(self, data: bytes, now_s: float) -> list[bytes]:
        return []

    def speak(self, now_s: float) -> list[bytes]:
        return []

    def reboot(self) -> None:
        """Most keep nothing that they were told."""

    def flood(self, n_bytes: int) -> Iterator[bytes]:
        random = Random("flood")
        for _ in range(0, n_bytes, FLOOD_PIECE):
            yield random.randbytes(FLOOD_PIECE)

    def hum(self) -> Iterator[bytes]:
        random = Random("hum")
        while True:
            yield random.randbytes(7)


def facts_of(reading: Reading) -> Iterator[tuple[Fact, int]]:
    """What a reading claims, and how often it says that it was so.

    Nothing for rubbish and for readings that did not happen.
    """
    if isinstance(reading, TagRead):
        for tag in reading.tags:
            yield (tag.epc, tag.rssi_centi_dbm), tag.count
    elif isinstance(reading, ClimateSample):
        values = reading.temperature_centi_c, reading.humidity_centi_pct
        yield (reading.stamp.device, values), 1
    elif isinstance(reading, Scan):
        yield (reading.data, reading.task), 1


EPCS = {
    # BB and 7E inside an EPC look like the frames' own ends.
    "BB7E00BB7EBB7E7EBB00107E": -48,
    "3034257BF7194E4000001A85": -61,
    "30340000000000000000BB22": -70,
    "E200": -55,
    "E2003412013402000B1A2C3D4E5F60718293A4B5": -66,
}


@dataclass
class M100Player(Plain):
    """A module with tags of several lengths before its antenna."""

    module: m100.Module = field(
        default_factory=lambda: m100.Module(Random("module"), tags=dict(EPCS))
    )
    subjects: frozenset[str] = frozenset(EPCS)
    n_told: int = 0

    def take(self, data: bytes, now_s: float) -> list[bytes]:
        return [encode_frame(frame) for frame in self.module.take(data)]

    def reboot(self) -> None:
        self.module.reboot()

    def speak(self, now_s: float) -> list[bytes]:
        frames = self.module.inventory()
        self.n_told += sum(tag_of(frame) is not None for frame in frames)
        return [encode_frame(frame) for frame in frames]

    def is_true(self, fact: Fact) -> bool:
        epc, rssi = fact
        if epc not in EPCS or not isinstance(rssi, int):
            return False
        return abs(rssi - EPCS[epc] * 100) <= m100.RSSI_JITTER_DB * 100


@dataclass
class UhfReader18Player(Plain):
    """Two readers on a bus; one has more tags than one frame can hold."""

    bus: uhfreader18.Bus = field(
        default_factory=lambda: uhfreader18.Bus(
            {
                1: uhfreader18.Reader(dict.fromkeys(list(EPCS)[:4], 100)),
                2: uhfreader18.Reader(dict.fromkeys(list(EPCS)[4:], 100)),
            }
        )
    )
    subjects: frozenset[str] = frozenset(EPCS)
    n_told: int = 0

    def take(self, data: bytes, now_s: float) -> list[bytes]:
        frames = self.bus.take(data)
        cut = [frame for each in frames for frame in FrameDecoder().feed(each)]
        self.n_told += sum(len(tags_of(frame)) for frame in cut)
        return frames

    def is_true(self, fact: Fact) -> bool:
        return fact[0] in EPCS and fact[1] is None


FRAMED = scanner_line.LineFormat(prefix=b"\x02", suffix=b"\x03\r\n")


@dataclass
class SerialScannerPlayer(Plain):
    """A fixed scanner over a belt that goes round. A line has no checksum, but a frame."""

    subjects: frozenset[str] = frozenset({"]C10109506000134352\x1d10L1", "4006381333931", "R-01"})
    n_told: int = 0

    def speak(self, now_s: float) -> list[bytes]:
        self.n_told += len(self.subjects)
        return [scanner_line.encode_line(symbol, FRAMED) for symbol in sorted(self.subjects)]

    def is_true(self, fact: Fact) -> bool:
        return fact[0] in self.subjects and fact[1] is None


@dataclass
class ScriptedClimate:
    """A sensor whose next value is known before it is asked."""

    n: int = 0

    def read(self, time_s: float) -> tuple[float, float]:
        self.n += 1
        return (self.n % 400) / 10 - 20, (self.n % 600) / 10 + 20


class XyMd02Player(Plain):
    """Two transmitters on a bus; every value they ever said is kept."""

    subjects = frozenset({"gate.1", "gate.2"})

    def __init__(self) -> None:
        self.said: set[Fact] = set()
        self._sensors: list[ScriptedClimate] = []
        self.bus = xy_md02.make_bus({1: "refrigerated", 2: "frozen"}, seed=1)
        for address, unit in self.bus.units.items():
            sensor = _Remembering(f"gate.{address}", self.said)
            unit.sensor = sensor  # type: ignore[assignment]  # the same method
            self._sensors.append(sensor)

    @property
    def n_told(self) -> int:
        return sum(sensor.n for sensor in self._sensors)

    def take(self, data: bytes, now_s: float) -> list[bytes]:
        return self.bus.take(data, now_s)

    def is_true(self, fact: Fact) -> bool:
        return fact in self.said


class _Remembering(ScriptedClimate):
    def __init__(self, name: str, said: set[Fact]) -> None:
        super().__init__()
        self._name = name
        self._said = said

    def read(self, time_s: float) -> tuple[float, float]:
        celsius, percent = super().read(time_s)
        self._said.add((self._name, (round(celsius * 10) * 10, round(percent * 10) * 10)))
        return celsius, percent
