"""What a link does to the frames on it: drop, repeat, delay, reorder, corrupt, split, add noise.

A fault is a function from the frames in flight to the frames in flight; `Faults` puts several in
a row. Pure and seeded: time comes in, chance comes from `random`, so a run can be repeated.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields
from random import Random
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Frame:
    """Bytes that leave the sender at `due_s` (its monotonic clock)."""

    due_s: float
    payload: bytes


class Fault(Protocol):
    """One thing a link does wrong."""

    def __call__(self, frame: Frame, random: Random) -> Iterator[Frame]:
        """What becomes of a frame: nothing, itself, or several."""
        ...


@dataclass(frozen=True, slots=True)
class Drop:
    """Lose a frame with this probability."""

    share: float

    def __call__(self, frame: Frame, random: Random) -> Iterator[Frame]:
        if random.random() >= self.share:
            yield frame


@dataclass(frozen=True, slots=True)
class Repeat:
    """Send a frame twice with this probability."""

    share: float

    def __call__(self, frame: Frame, random: Random) -> Iterator[Frame]:
        yield frame
        if random.random() < self.share:
            yield frame


@dataclass(frozen=True, slots=True)
class Delay:
    """Hold every frame for a random time up to `max_s`; frames overtake each other."""

    max_s: float

    def __call__(self, frame: Frame, random: Random) -> Iterator[Frame]:
        yield Frame(frame.due_s + random.random() * self.max_s, frame.payload)


@dataclass(frozen=True, slots=True)
class Reorder:
    """Hold a frame back behind those of the next `by_s` seconds with this probability."""

    share: float
    by_s: float = 0.5

    def __call__(self, frame: Frame, random: Random) -> Iterator[Frame]:
        late = random.random() < self.share
        yield Frame(frame.due_s + self.by_s, frame.payload) if late else frame


@dataclass(frozen=True, slots=True)
class Corrupt:
    """Flip one bit of a frame with this probability."""

    share: float

    def __call__(self, frame: Frame, random: Random) -> Iterator[Frame]:
        if not frame.payload or random.random() >= self.share:
            yield frame
            return
        payload = bytearray(frame.payload)
        payload[random.randrange(len(payload))] ^= 1 << random.randrange(8)
        yield Frame(frame.due_s, bytes(payload))


@dataclass(frozen=True, slots=True)
class Split:
    """Cut a frame in two at a random place, the rest a moment later, with this probability."""

    share: float
    pause_s: float = 0.02

    def __call__(self, frame: Frame, random: Random) -> Iterator[Frame]:
        if len(frame.payload) < 2 or random.random() >= self.share:
            yield frame
            return
        cut = random.randrange(1, len(frame.payload))
        yield Frame(frame.due_s, frame.payload[:cut])
        yield Frame(frame.due_s + self.pause_s, frame.payload[cut:])


@dataclass(frozen=True, slots=True)
class Noise:
    """Put random bytes in front of a frame with this probability."""

    share: float
    max_bytes: int = 12

    def __call__(self, frame: Frame, random: Random) -> Iterator[Frame]:
        if random.random() < self.share:
            yield Frame(frame.due_s, random.randbytes(random.randint(1, self.max_bytes)))
        yield frame


@dataclass(frozen=True, slots=True)
class FaultRates:
    """How often each fault happens, as on the command line; 0 is never."""

    drop: float = 0.0
    repeat: float = 0.0
    delay_s: float = 0.0
    reorder: float = 0.0
    corrupt: float = 0.0
    split: float = 0.0
    noise: float = 0.0

    @classmethod
    def from_mapping(cls, rates: Mapping[str, object]) -> FaultRates:
        """Rates by name. Raises ValueError naming what is unknown or out of range."""
        known = {each.name for each in fields(cls)}
        for name, rate in rates.items():
            if name not in known:
                raise ValueError(f"{name}: no such fault, there are {', '.join(sorted(known))}")
            high = 60.0 if name == "delay_s" else 1.0
            if isinstance(rate, bool) or not isinstance(rate, int | float):
                raise ValueError(f"{name}: expected a number, got {rate!r}")
            if not 0 <= rate <= high:
                raise ValueError(f"{name}: expected 0 to {high:g}, got {rate!r}")
        return cls(**{name: float(rate) for name, rate in rates.items()})  # type: ignore[arg-type]  # checked just above

    def chain(self) -> tuple[Fault, ...]:
        """The faults that do happen, in the order of a real line."""
        every: tuple[tuple[float, Fault], ...] = (
            (self.drop, Drop(self.drop)),
            (self.repeat, Repeat(self.repeat)),
            (self.corrupt, Corrupt(self.corrupt)),
            (self.noise, Noise(self.noise)),
            (self.delay_s, Delay(self.delay_s)),
            (self.reorder, Reorder(self.reorder)),
            (self.split, Split(self.split)),
        )
        return tuple(fault for rate, fault in every if rate > 0)


@dataclass(slots=True)
class FaultyLine:
    """A line with faults: frames put in come out when they are due, or never, or twice.

    Bounded: above `max_frames` in flight the newest is dropped, as a full buffer does.
    """

    faults: tuple[Fault, ...]
    random: Random
    max_frames: int = 10_000
    n_dropped: int = 0
    _in_flight: list[Frame] = field(default_factory=list)

    def put(self, payload: bytes, now_s: float) -> None:
        """Send a frame now."""
        frames = [Frame(now_s, payload)]
        for fault in self.faults:
            frames = [out for frame in frames for out in fault(frame, self.random)]
        if not frames:
            self.n_dropped += 1
        room = self.max_frames - len(self._in_flight)
        self.n_dropped += max(0, len(frames) - room)
        self._in_flight += frames[: max(0, room)]

    def take(self, now_s: float) -> list[bytes]:
        """The frames that arrive by now, in the order they arrive."""
        due = [frame for frame in self._in_flight if frame.due_s <= now_s]
        self._in_flight = [frame for frame in self._in_flight if frame.due_s > now_s]
        return [frame.payload for frame in sorted(due, key=lambda frame: frame.due_s)]

    @property
    def is_empty(self) -> bool:
        """True if nothing is in flight."""
        return not self._in_flight


def line_order(line: FaultyLine, order: Mapping[str, object]) -> None:
    """Obey {"do":"line","rates":{…}}. Raises ValueError naming what is wrong with the rates."""
    rates = order.get("rates")
    if not isinstance(rates, Mapping):
        raise ValueError("rates: expected a table of rates")
    line.faults = FaultRates.from_mapping(rates).chain()
