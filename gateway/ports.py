"""The small interfaces between rooms. A fake and the real thing pass the same tests.

The one-way path they form:
    Link → Driver → Intake → Journal → its readers (projector, planner, uplink)
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple, Protocol

from cloud_sync.contract.events import Event
from cloud_sync.contract.values import value
from gateway.core.readings import Reading


class Clock(Protocol):
    """Time, as an argument. Durations come from `monotonic`, stamps from `wall_us`."""

    def wall_us(self) -> int:
        """Microseconds since 1970, UTC, as the box believes."""
        ...

    def monotonic(self) -> float:
        """Seconds since some fixed moment; never goes back."""
        ...


# ---------------------------------------------------------------- devices and intake


@value
class Receipt:
    """What the gateway tells a device about one of its messages, after the commit.

    status: accepted | duplicate | refused | flagged. `body` is the contract's `result`
    payload, `encoded` its canonical bytes where they are at hand.
    """

    status: str
    body: Mapping[str, object]
    encoded: bytes | None = field(default=None, compare=False, repr=False)


@value
class Arrival:
    """One message of a device, decoded, on its way to the journal.

    settle: called on the event loop once the message's fate is durable (committed,
    quarantined or known as a repeat); an MQTT driver sends `result` and PUBACK in it. It must
    not block and not raise. None for devices that expect no answer. raw: the message as it came,
    for quarantine.
    """

    reading: Reading
    settle: Callable[[Receipt], None] | None = None
    raw: bytes = b""


class Intake(Protocol):
    """The bounded way into the journal."""

    async def put(self, arrival: Arrival) -> None:
        """Hand over one arrival; waits while the queue is full, so that the link slows."""
        ...

    def put_nowait(self, arrival: Arrival) -> bool:
        """The same for callbacks; False when full: stop reading and await `room`, then retry."""
        ...

    async def room(self) -> None:
        """Return once the queue has room again."""
        ...


ERROR_KINDS_MAX: Final = 32
OTHER: Final = "other"


@dataclass(slots=True)
class DeviceHealth:
    """A device's state as shown by status and metrics; each driver keeps one up to date.

    state: starting | online | lost | faulty. errors: counts by kind, ERROR_KINDS_MAX of them at
    most. last_seen_us: wall clock. last_reading: a short text for people, such as "4.2 °C 83 %".
    zone: of a climate sensor that must not be silent; None for any other device. A driver that
    knows no clock_offset_us leaves it: what messages tell of it is added to the status, and so are
    the numbers that their own (boot, seq) leave out to n_missing.
    """

    name: str
    driver: str
    link: str
    state: str = "starting"
    last_seen_us: int | None = None
    last_reading: str = ""
    n_reads: int = 0
    n_reconnects: int = 0
    errors: dict[str, int] = field(default_factory=dict)
    clock_offset_us: int | None = None
    battery_pct: int | None = None
    firmware: str | None = None
    zone: str | None = None
    n_missing: int = 0

    def count_error(self, kind: str) -> None:
        """Count one; kinds beyond the bound are OTHER, so that noise cannot fill memory."""
        if kind not in self.errors and len(self.errors) >= ERROR_KINDS_MAX:
            kind = OTHER
        self.errors[kind] = self.errors.get(kind, 0) + 1


class Driver(Protocol):
    """One device, or one family of devices behind one link (all PDAs of a warehouse)."""

    def health(self) -> Sequence[DeviceHealth]:
        """Every device this driver knows, in a stable order."""
        ...

    async def run(self, intake: Intake) -> None:
        """Serve until cancelled. A lost link is retried inside, never raised."""
        ...


class ByteLink(Protocol):
    """An open stream of bytes: a serial port, a TCP connection or a test's memory."""

    async def read(self) -> bytes:
        """The next bytes, at least one. Raises LinkLost when the other side is gone."""
        ...

    async def write(self, data: bytes) -> None:
        """Send all of `data`. Raises LinkLost."""
        ...

    async def close(self) -> None:
        """Release the port; safe to call twice."""
        ...


@value
class MqttMessage:
    """One message from the broker; `acknowledge` sends the PUBACK (once, any time later)."""

    topic: str
    payload: bytes
    is_retained: bool
    acknowledge: Callable[[], None]


class MqttSession(Protocol):
    """The gateway's own session at its broker, shared by all MQTT drivers."""

    def subscribe(self, topic_filter: str, handler: Callable[[MqttMessage], bool | None]) -> None:
        """Route matching messages to `handler`, now and after every reconnect.

        The handler runs on the event loop and must not block. It returns True when it took the
        message and will acknowledge it, None when the message is not for it (the next handler
        is asked; one that nobody takes is acknowledged and forgotten), and False when it has no
        room: the session then stops reading its socket and offers the same message again after
        `resume`.
        """
        ...

    def resume(self) -> None:
        """Tell the session that handlers have room again."""
        ...

    def publish(self, topic: str, payload: bytes, *, retain: bool = False) -> None:
        """Queue a QoS 1 message; lost if the broker is away (receipts are asked for again)."""
        ...

    @property
    def is_connected(self) -> bool:
        """True between CONNACK and the loss of the connection."""
        ...


# ---------------------------------------------------------------- journal


@value
class Draft:
    """An event about to be appended: canonical bytes plus what the journal indexes.

    body: the canonical encoding (cloud_sync.contract.events.encode_event); these bytes are
    stored, chained, sent, and stored again in the cloud, never re-encoded. event: what was
    encoded, for those who would parse it a moment later; None if nobody has it.
    """

    event_id: str
    type: str
    occurred_at_us: int
    body: bytes
    event: Event | None = field(default=None, compare=False, repr=False)


class ReceiptKey(NamedTuple):
    """What makes a device's message that message: a repeat has the same three.

    A tuple, because several are looked up for every message and its hash is C's.
    """

    device: str
    boot: str
    seq: int


@dataclass(frozen=True, slots=True)
class Quarantined:
    """A message set aside with its bytes."""

    device: str
    received_at_us: int
    kind: str
    reason: str
    raw: bytes


@value
class Entry:
    """All that one message leaves behind; one entry is durable whole or not at all.

    receipt: the key and the result to answer repeats with, for devices that number their words.
    """

    drafts: tuple[Draft, ...] = ()
    receipt: tuple[ReceiptKey, bytes] | None = None
    quarantined: Quarantined | None = None


class Row(NamedTuple):
    """One event as it lies in the journal; `event` is its body, parsed, where that is at hand.

    A tuple, because one is made for every event, and that takes a third of the time.
    """

    seq: int
    event_id: str
    type: str
    occurred_at_us: int
    body: bytes
    chain: bytes
    event: Event | None = None


Statements = Sequence[tuple[str, Sequence[Sequence[object]]]]
"""SQL with the rows to run it for (executemany), in order; all in one transaction."""


class Journal(Protocol):
    """The point of durability: what `append` has returned for survives anything but the disk."""

    def append(self, entries: Sequence[Entry]) -> Awaitable[int]:
        """Queue entries, in order, for the next group commit; awaiting gives the last seq.

        The returned awaitable may be awaited later, so that a caller can prepare the next
        group meanwhile. It raises JournalFull or JournalError; then nothing of these entries
        was written. Calls are committed in the order in which they were made.
        """
        ...

    async def read(self, *, after_seq: int, limit: int) -> Sequence[Row]:
        """Up to `limit` rows above `after_seq`, ascending, each checked against the chain."""
        ...

    async def advance(
        self, consumer: str, *, to_seq: int, effects: Statements = (), drafts: Sequence[Draft] = ()
    ) -> None:
        """Move a consumer's cursor, apply its effects and append its events: one transaction."""
        ...

    async def wait_beyond(self, seq: int) -> int:
        """Return the last durable seq as soon as it is above `seq`."""
        ...

    async def cursor(self, consumer: str) -> int:
        """The seq up to which `consumer` is done; 0 if it never ran."""
        ...
