"""What a reader's messages say: tags, events, capabilities, status.

Numbers that name events and states are the standard's (LLRP 1.1, sections 10 to 14). Impinj's
readers report the peak RSSI in 1/100 dBm besides, in a parameter of their own (Octane LLRP,
ImpinjPeakRSSI); it then stands for the standard's, which is in whole dBm.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from gateway.codecs.llrp import Bits, LlrpRefused, Message, Parameter, find
from gateway.codecs.llrp_layout import LLRP_STATUS

RO_ACCESS_REPORT: Final = 61
KEEPALIVE: Final = 62
READER_EVENT_NOTIFICATION: Final = 63
ERROR_MESSAGE: Final = 100

IMPINJ: Final = 25882
"""Impinj's number at IANA, by which its readers and its parameters are known."""
IMPINJ_PEAK_RSSI: Final = 57

CONNECTION_TEXTS: Final = {
    1: "the reader has called somebody already",
    2: "another client is connected",
    3: "the reader gives no reason",
    4: "another client tried to connect",
}

STATUS_TEXTS: Final = {
    100: "a parameter is wrong",
    101: "a field is wrong",
    102: "a parameter is not expected there",
    103: "a parameter is missing",
    104: "a parameter is there twice",
    105: "too many parameters",
    106: "a field is out of range",
    107: "a parameter is not known",
    108: "a field is not known",
    109: "the message is not supported",
    110: "the version is not supported",
    111: "a parameter is not supported",
    112: "the message is not expected now",
    300: "the antenna is invalid",
    301: "the value is out of range",
    401: "the device failed",
}


@dataclass(frozen=True, slots=True)
class TagReport:
    """One tag of a report. epc: upper-case hex; None: the reader did not say.

    first_us, last_us: the reader's UTC clock. first_uptime_us, last_uptime_us: since its start,
    of readers that have no clock.
    """

    epc: str
    antenna: int | None
    rssi_centi_dbm: int | None
    count: int | None
    first_us: int | None
    last_us: int | None
    first_uptime_us: int | None
    last_uptime_us: int | None


def tag_reports(message: Message) -> list[TagReport]:
    """The tags in a report, in its order. Raises LlrpRefused if one has two identities."""
    return [_tag_report(child) for child in message.children if child.type == 240]


def _tag_report(tag: Parameter) -> TagReport:
    epcs: list[str] = []
    numbers: dict[int, int] = {}
    finer = None
    for child in tag.children:
        match child.type, child.values:
            case 13, (bytes(raw),):
                epcs.append(raw.hex().upper())
            case 241, (Bits(_, raw),):
                epcs.append(raw.hex().upper())
            case 1023, (int(vendor), int(subtype), bytes(raw)):
                if (vendor, subtype) == (IMPINJ, IMPINJ_PEAK_RSSI) and len(raw) >= 2:
                    finer = int.from_bytes(raw[:2], signed=True)
            case kind, (int(number),):
                numbers.setdefault(kind, number)
    if len(epcs) != 1:
        raise LlrpRefused(f"a tag with {len(epcs)} EPCs: {', '.join(epcs)[:80]}")
    rssi_dbm = numbers.get(6)
    return TagReport(
        epc=epcs[0],
        antenna=numbers.get(1),
        rssi_centi_dbm=finer if rssi_dbm is None or finer is not None else rssi_dbm * 100,
        count=numbers.get(8),
        first_us=numbers.get(2),
        last_us=numbers.get(4),
        first_uptime_us=numbers.get(3),
        last_uptime_us=numbers.get(5),
    )


# ---------------------------------------------------------------- events


@dataclass(frozen=True, slots=True)
class AntennaChanged:
    """An antenna was connected or lost."""

    antenna: int
    is_connected: bool


@dataclass(frozen=True, slots=True)
class ConnectionAttempted:
    """The first word on a connection (status 0: it stands), or another client's attempt."""

    status: int

    @property
    def text(self) -> str:
        """The reason, in words."""
        return CONNECTION_TEXTS.get(self.status, f"connection status {self.status}")


@dataclass(frozen=True, slots=True)
class RoSpecChanged:
    """A reader operation began (0), ended (1) or gave way to another (2)."""

    kind: int
    rospec_id: int


@dataclass(frozen=True, slots=True)
class BufferFilling:
    """The reader's report buffer is full to so many percent."""

    percent: int


@dataclass(frozen=True, slots=True)
class BufferOverflowed:
    """Reports were lost in the reader."""


@dataclass(frozen=True, slots=True)
class ReaderFailed:
    """Something went wrong in the reader, in its own words."""

    text: str


@dataclass(frozen=True, slots=True)
class ConnectionClosing:
    """The reader is about to close the connection."""


Event = (
    AntennaChanged
    | ConnectionAttempted
    | RoSpecChanged
    | BufferFilling
    | BufferOverflowed
    | ReaderFailed
    | ConnectionClosing
)


def events_of(message: Message) -> list[Event]:
    """What a READER_EVENT_NOTIFICATION tells; kinds that nobody here needs are left out."""
    told = find(message, 246)
    return [] if told is None else list(_events(told))


def _events(told: Parameter) -> Iterator[Event]:
    for child in told.children:
        match child.type:
            case 249:
                yield RoSpecChanged(child.number(0), child.number(1))
            case 250:
                yield BufferFilling(child.number(0))
            case 251:
                yield BufferOverflowed()
            case 252:
                yield ReaderFailed(child.text(0))
            case 255:
                yield AntennaChanged(child.number(1), is_connected=child.number(0) == 1)
            case 256:
                yield ConnectionAttempted(child.number(0))
            case 257:
                yield ConnectionClosing()


def reader_time(message: Message) -> tuple[int | None, int | None]:
    """UTC and uptime of a notification, in µs; a reader gives one of them."""
    utc, uptime = find(message, 246, 128), find(message, 246, 129)
    return _number_of(utc), _number_of(uptime)


def _number_of(parameter: Parameter | None) -> int | None:
    return None if parameter is None else parameter.number(0)


# ---------------------------------------------------------------- answers


@dataclass(frozen=True, slots=True)
class Status:
    """How a request went; code 0 is success."""

    code: int
    description: str

    def __str__(self) -> str:
        text = STATUS_TEXTS.get(self.code, "failed")
        return f"{text} ({self.code}{': ' if self.description else ''}{self.description[:200]})"


def status_of(message: Message) -> Status:
    """The status of an answer; success for one that carries none."""
    status = find(message, LLRP_STATUS)
    return Status(0, "") if status is None else Status(status.number(0), status.text(1))


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a reader can. powers_centi_dbm: its table, index to power.

    hop_table: the first one's number, in regions where readers hop; else 0.
    """

    n_antennas: int
    has_utc_clock: bool
    manufacturer: int
    model: int
    firmware: str
    can_hold: bool
    can_warn_of_buffer: bool
    powers_centi_dbm: Mapping[int, int]
    modes: frozenset[int]
    hop_table: int


def capabilities_of(message: Message) -> Capabilities:
    """What a GET_READER_CAPABILITIES_RESPONSE says. Raises LlrpRefused if parts are missing."""
    device, protocol = find(message, 137), find(message, 142)
    if device is None or protocol is None:
        raise LlrpRefused(f"{message.name} without the reader's capabilities")
    band = find(message, 143, 144)
    parts = () if band is None else band.children
    hop_table = find(band, 146, 147) if band is not None else None
    flags = protocol.number(0)
    return Capabilities(
        n_antennas=device.number(0),
        has_utc_clock=bool(device.number(1) & 0x4000),
        manufacturer=device.number(2),
        model=device.number(3),
        firmware=device.text(4),
        can_hold=bool(flags & 0x08),
        can_warn_of_buffer=bool(flags & 0x40),
        powers_centi_dbm={part.number(0): part.number(1) for part in parts if part.type == 145},
        modes=frozenset(
            mode.number(0)
            for part in parts
            if part.type == 328
            for mode in part.children
            if mode.type == 329
        ),
        hop_table=0 if hop_table is None else hop_table.number(0),
    )


def rospecs_of(message: Message) -> list[Parameter]:
    """The reader operations that a GET_ROSPECS_RESPONSE lists."""
    return [child for child in message.children if child.type == 177]


def lost_antennas(message: Message) -> frozenset[int]:
    """The antennas that a GET_READER_CONFIG_RESPONSE says are not connected."""
    return frozenset(
        child.number(1)
        for child in message.children
        if child.type == 221 and not child.number(0) & 0x80
    )
