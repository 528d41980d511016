"""What every device ends up as, whatever its make: three kinds of reading, none, and rubbish.

    TagRead         an RFID tag was seen
    Scan            a symbol was read by somebody (or something) with a scanner
    ClimateSample   a zone's temperature and humidity
    NoReading       a sensor was asked and gave no reading
    Malformed       bytes that are none of these; they go to quarantine with a reason

Invariants: every value is checked by the codec that made it; all times are microseconds UTC;
a reading never changes. Source: the device contract, section 1.
"""

from __future__ import annotations

from dataclasses import dataclass

from cloud_sync.contract.values import value


@value
class Stamp:
    """Which device said it, as its how-manieth word, and when.

    boot, seq: the device's own boot id and sequence number; None where it has none.
    device_time: the device's clock as it wrote it, unparsed; None where it has none.
    received_at_us: the gateway's wall clock at receipt, µs UTC.
    """

    device: str
    boot: str | None
    seq: int | None
    device_time: str | None
    received_at_us: int


@value
class Tag:
    """One tag in a read: `epc` is upper-case hex as it stands in the tag's EPC memory.

    rssi_centi_dbm: received signal strength in 1/100 dBm, negative; None if not reported.
    first_us, last_us: the reader's own clock, µs UTC; None if not reported.
    """

    epc: str
    antenna: int
    rssi_centi_dbm: int | None
    count: int
    first_us: int | None = None
    last_us: int | None = None


@value
class TagRead:
    """One or more tags seen by a reader in one report.

    task: a count whose whole place these are all the tags of; None for what passes by.
    """

    stamp: Stamp
    tags: tuple[Tag, ...]
    task: TaskContext | None = None


@value
class TaskContext:
    """What the worker was doing when the symbol was scanned (docs/flows.md).

    type: one of TASK_TYPES. quantity counts `unit`s (EA pieces, or g grams); None if unsaid.
    sscc: the logistic unit packed into. condition: good, damaged or suspect. supervisor: the
    badge of who answers for what is unusual. temperature_centi_c: of the goods at the door.
    action: what is done about an exception.
    """

    type: str
    id: str | None = None
    location: str | None = None
    quantity: int | None = None
    unit: str = "EA"
    worker: str | None = None
    reason: str | None = None
    sscc: str | None = None
    condition: str | None = None
    supervisor: str | None = None
    temperature_centi_c: int | None = None
    action: str | None = None


CONDITIONS = frozenset({"good", "damaged", "suspect"})

COMMANDS = frozenset({"start", "close", "approve", "undo", "exceptions", "resolve"})
"""What a worker does without scanning anything: the message may leave its data out."""

TASK_TYPES = COMMANDS | {
    "receive", "putaway", "move", "pick", "short", "pack", "unpack", "ship",
    "count", "waste", "return", "inspect", "hold", "release", "lookup",
}  # fmt: skip


@value
class Symbol:
    """What a GS1 symbol says: every element in order, and the ones the flows need by name.

    gtin: 14 digits. lot: AI 10. expiry: AI 17, best_before: AI 15, production_date: AI 11, as
    YYYY-MM-DD. serial: AI 21. sscc: AI 00. weight_g: AI 310n in grams. count: AI 30 or 37.
    """

    elements: tuple[tuple[str, str], ...]
    gtin: str | None = None
    lot: str | None = None
    expiry: str | None = None
    best_before: str | None = None
    production_date: str | None = None
    serial: str | None = None
    sscc: str | None = None
    weight_g: int | None = None
    count: int | None = None


@value
class Flaw:
    """What is wrong with a symbol. text: exactly, for those who look into the quarantine.

    key: of the message that says it to the worker; where and shown: its blanks, the element and
    what stands in it.
    """

    key: str
    text: str
    where: str = ""
    shown: str = ""


@value
class Scan:
    """One symbol as scanned. `data` is the raw symbol text, GS kept as U+001D.

    symbology: the scanner's name for it or an AIM identifier; None if unsaid. symbol: what it
    says if it is GS1, put in by the driver; None if it is not GS1 or broken. symbol_error: why
    it is broken; None if it is fine or plainly not GS1.
    """

    stamp: Stamp
    data: str
    symbology: str | None
    task: TaskContext | None
    symbol: Symbol | None = None
    symbol_error: Flaw | None = None


@value
class ClimateSample:
    """A zone's climate: 1/100 °C and 1/100 % relative humidity; None where not measured."""

    stamp: Stamp
    zone: str
    temperature_centi_c: int | None
    humidity_centi_pct: int | None
    battery_pct: int | None = None


@dataclass(frozen=True, slots=True)
class NoReading:
    """A sensor was asked for its zone's climate and said nothing that could be believed.

    kind: silent, error (it did answer: an exception, a wrong checksum) or out_of_range. It is
    not an event of its own: what follows from it is decided over time (core.sensor_faults).
    """

    stamp: Stamp
    zone: str
    kind: str
    reason: str


@dataclass(frozen=True, slots=True)
class Malformed:
    """Bytes that could not become a reading, and why, in words an operator understands.

    `stamp` names as much of the sender as could be read out of the rubbish, so that the
    device can be told which of its messages was refused. slip: the key of what a worker, by id, is
    told where it was a slip of a finger and not of the device's program; given: what was given.
    """

    stamp: Stamp
    raw: bytes
    kind: str
    reason: str
    slip: str | None = None
    given: str = ""
    worker: str | None = None


Reading = TagRead | Scan | ClimateSample | NoReading | Malformed
