"""LLRP as a reader writes it: bytes laid out here by hand, from the standard.

The gateway's codec is not used on purpose: a reader and a client that share their layouts would
agree on any mistake. Sections are those of EPCglobal Low Level Reader Protocol 1.1.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

IMPINJ: Final = 25882
HEAD_BYTES: Final = 10
MESSAGE_BYTES_MAX: Final = 1 << 20

SUCCESS: Final = 0
PARAMETER_ERROR: Final = 100
FIELD_ERROR: Final = 101
UNEXPECTED_PARAMETER: Final = 102
MISSING_PARAMETER: Final = 103
OVERFLOW_FIELD: Final = 106
UNSUPPORTED_MESSAGE: Final = 109
UNSUPPORTED_VERSION: Final = 110
UNSUPPORTED_PARAMETER: Final = 111


class RequestWrong(ValueError):
    """What a client asked for is not allowed; code is the status it is answered with (14.2)."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(text)
        self.code = code


class StreamWrong(ValueError):
    """The client does not speak LLRP."""


@dataclass(frozen=True, slots=True)
class Request:
    """One message of a client. body: what follows the head of ten bytes."""

    version: int
    kind: int
    identity: int
    body: bytes


def cut(buffer: bytearray) -> Iterator[Request]:
    """Take the complete messages off the front of a buffer (17.1). Raises StreamWrong."""
    while len(buffer) >= HEAD_BYTES:
        first, length, identity = struct.unpack_from("!HLL", buffer)
        if first & 0xE000 or not HEAD_BYTES <= length <= MESSAGE_BYTES_MAX:
            raise StreamWrong(f"{bytes(buffer[:HEAD_BYTES]).hex()} is no head of a message")
        if len(buffer) < length:
            return
        body = bytes(buffer[HEAD_BYTES:length])
        del buffer[:length]
        yield Request(first >> 10 & 7, first & 1023, identity, body)


def message(kind: int, identity: int, body: bytes = b"", *, version: int = 1) -> bytes:
    """A whole message (17.1)."""
    return struct.pack("!HLL", version << 10 | kind, HEAD_BYTES + len(body), identity) + body


def tlv(kind: int, *parts: bytes) -> bytes:
    """A parameter with its length (17.2.1.1)."""
    body = b"".join(parts)
    return struct.pack("!HH", kind, 4 + len(body)) + body


def status(code: int = SUCCESS, text: str = "") -> bytes:
    """LLRPStatus (17.2.8.1)."""
    words = text.encode()
    return tlv(287, struct.pack("!HH", code, len(words)), words)


def parameters(body: bytes) -> list[tuple[int, bytes]]:
    """The parameters in a row that a client wrote: type and inside. Raises RequestWrong."""
    found: list[tuple[int, bytes]] = []
    at = 0
    while at < len(body):
        if len(body) - at < 4 or body[at] & 0xFC:
            raise RequestWrong(PARAMETER_ERROR, f"no parameter at byte {at}")
        kind, length = struct.unpack_from("!HH", body, at)
        if not 4 <= length <= len(body) - at:
            raise RequestWrong(PARAMETER_ERROR, f"parameter {kind} of {length} bytes")
        found.append((kind, body[at + 4 : at + length]))
        at += length
    return found


def only(found: list[tuple[int, bytes]], *kinds: int) -> bytes:
    """The one parameter that has to be there. Raises RequestWrong."""
    bodies = [body for kind, body in found if kind in kinds]
    if not bodies:
        raise RequestWrong(MISSING_PARAMETER, f"parameter {kinds[0]} is missing")
    if len(bodies) > 1:
        raise RequestWrong(UNEXPECTED_PARAMETER, f"parameter {kinds[0]} is there twice")
    return bodies[0]


def fields(form: str, body: bytes) -> tuple[int, ...]:
    """The fields in front of a parameter's inside. Raises RequestWrong."""
    if len(body) < struct.calcsize("!" + form):
        raise RequestWrong(PARAMETER_ERROR, f"{len(body)} bytes are too few")
    return struct.unpack_from("!" + form, body)


# ---------------------------------------------------------------- what a client wants


@dataclass(frozen=True, slots=True)
class RoSpec:
    """A reader operation as it was added (17.2.4.1). raw: the parameter, state and all.

    antennas: (0,) is all. n_tags, period_us: when to report; 0 is never for that reason.
    content: which fields a tag's report has (17.2.7.2.1). power: index of the table, 0: as is.
    """

    identity: int
    raw: bytes
    antennas: tuple[int, ...]
    session: int
    power: int
    mode: int | None
    n_tags: int
    period_us: int
    content: int
    wants_impinj_rssi: bool

    def as_listed(self, state: int) -> bytes:
        """The parameter with the state it is in now."""
        return self.raw[:9] + bytes((state,)) + self.raw[10:]


def parse_rospec(body: bytes) -> RoSpec:
    """What an ADD_ROSPEC adds. Raises RequestWrong."""
    ((kind, inside), *others) = parameters(body) or [(0, b"")]
    if kind != 177 or others:
        raise RequestWrong(MISSING_PARAMETER, "one ROSpec is needed")
    identity, priority, state = fields("LBB", inside)
    if identity == 0 or priority > 7 or state != 0:
        raise RequestWrong(FIELD_ERROR, "the ROSpec's id, priority or state")
    parts = parameters(inside[6:])
    boundary = parameters(only(parts, 178))
    if fields("B", only(boundary, 179)) != (0,) or fields("BL", only(boundary, 182))[0] != 0:
        raise RequestWrong(UNSUPPORTED_PARAMETER, "triggers other than the client's word")
    ai = only(parts, 183)
    (n_antennas,) = fields("H", ai)
    antennas = fields(f"{n_antennas}H", ai[2:])
    ai_parts = parameters(ai[2 + 2 * n_antennas :])
    ai_stop, duration_ms = fields("BL", only(ai_parts, 184))
    gen2 = only(ai_parts, 186)
    if fields("HB", gen2)[1] != 1:
        raise RequestWrong(FIELD_ERROR, "an air protocol other than Gen2")
    session, power, mode = _parse_antenna(only(parameters(gen2[3:]), 222))
    report = only(parts, 237)
    trigger, n_tags = fields("BH", report)
    if trigger not in (1, 2):
        raise RequestWrong(FIELD_ERROR, f"report trigger {trigger}")
    contents = parameters(report[3:])
    (content,) = fields("H", only(contents, 238))
    vendor = [fields("LL", inside) for kind, inside in contents if kind == 1023]
    return RoSpec(
        identity=identity,
        raw=body,
        antennas=antennas,
        session=session,
        power=power,
        mode=mode,
        n_tags=n_tags,
        period_us=duration_ms * 1000 if trigger == 1 and ai_stop == 1 else 0,
        content=content,
        wants_impinj_rssi=(IMPINJ, 50) in vendor,
    )


def _parse_antenna(body: bytes) -> tuple[int, int, int | None]:
    """Session, power and mode of an AntennaConfiguration (17.2.6.6)."""
    parts = parameters(body[2:])
    power = 0
    if any(kind == 224 for kind, _ in parts):
        power = fields("HHH", only(parts, 224))[2]
    command = only(parts, 330)
    gen2 = parameters(command[1:])
    flags, population, _ = fields("BHL", only(gen2, 336))
    if flags & 0x3F or population == 0:
        raise RequestWrong(FIELD_ERROR, "the singulation's session or population")
    mode = fields("HH", only(gen2, 335))[0] if any(kind == 335 for kind, _ in gen2) else None
    return flags >> 6, power, mode


@dataclass(frozen=True, slots=True)
class Config:
    """What a SET_READER_CONFIG sets; None leaves a thing as it is."""

    resets: bool
    events: dict[int, bool]
    keepalive_us: int | None
    holds: bool | None


def parse_config(body: bytes) -> Config:
    """A SET_READER_CONFIG (16.1.13). Raises RequestWrong."""
    (flags,) = fields("B", body)
    events: dict[int, bool] = {}
    keepalive_us = holds = None
    for kind, inside in parameters(body[1:]):
        if kind == 244:
            for event, state in parameters(inside):
                if event != 245:
                    raise RequestWrong(UNEXPECTED_PARAMETER, f"parameter {event}")
                number, wanted = fields("HB", state)
                events[number] = bool(wanted & 0x80)
        elif kind == 220:
            trigger, period_ms = fields("BL", inside)
            keepalive_us = period_ms * 1000 if trigger == 1 else 0
        elif kind == 226:
            holds = bool(fields("B", inside)[0] & 0x80)
        else:
            raise RequestWrong(UNSUPPORTED_PARAMETER, f"parameter {kind}")
    return Config(bool(flags & 0x80), events, keepalive_us, holds)


# ---------------------------------------------------------------- what a reader says


@dataclass(frozen=True, slots=True)
class Sighting:
    """One tag, seen by one antenna, as often as `count` since it was last reported."""

    epc: bytes
    antenna: int
    rssi_centi_dbm: int
    count: int
    first_us: int
    last_us: int


def tag_report(seen: Sighting, rospec: RoSpec, *, has_utc: bool) -> bytes:
    """TagReportData with the fields that the operation asks for (17.2.7.3)."""
    is_96 = len(seen.epc) == 12
    epc = b"\x8d" + seen.epc if is_96 else tlv(241, struct.pack("!H", 8 * len(seen.epc)), seen.epc)
    first, last = (0x82, 0x84) if has_utc else (0x83, 0x85)
    choices = (
        (0x8000, struct.pack("!BL", 0x89, rospec.identity)),
        (0x1000, struct.pack("!BH", 0x81, seen.antenna)),
        (0x0400, struct.pack("!Bb", 0x86, round(seen.rssi_centi_dbm / 100))),
        (0x0200, struct.pack("!BQ", first, seen.first_us)),
        (0x0100, struct.pack("!BQ", last, seen.last_us)),
        (0x0080, struct.pack("!BH", 0x88, min(seen.count, 0xFFFF))),
    )
    body = [part for bit, part in choices if rospec.content & bit]
    if rospec.wants_impinj_rssi:
        body.append(tlv(1023, struct.pack("!LLh", IMPINJ, 57, seen.rssi_centi_dbm)))
    return tlv(240, epc, *body)


def notification(at_us: int, event: bytes, *, has_utc: bool, version: int) -> bytes:
    """READER_EVENT_NOTIFICATION (16.1.33), stamped with the clock or the uptime."""
    stamp = tlv(128 if has_utc else 129, struct.pack("!Q", at_us))
    return message(63, 0, tlv(246, stamp, event), version=version)


_MILLER_4: Final = (0x80, 2, 0, 2, 274_000, 1500, 6250, 25_000, 0)
"""Of a mode: divide ratio, M, modulation, mask, bit rate, PIE and Tari (17.3.1.1.3)."""


def capabilities(
    *,
    n_antennas: int,
    has_utc: bool,
    can_hold: bool,
    manufacturer: int,
    firmware: str,
    powers_centi_dbm: Sequence[int],
    modes: Sequence[int],
) -> bytes:
    """The inside of a GET_READER_CAPABILITIES_RESPONSE behind its status (17.2.3)."""
    words = firmware.encode()
    antennas = range(1, n_antennas + 1)
    device = tlv(
        137,
        struct.pack("!HHLLH", n_antennas, 0x4000 * has_utc, manufacturer, 700, len(words)),
        words,
        tlv(139, struct.pack("!Hh", 1, 0)),
        tlv(141, struct.pack("!HH", 0, 0)),
        *(tlv(140, struct.pack("!HHB", antenna, 1, 1)) for antenna in antennas),
    )
    protocol = tlv(142, struct.pack("!BBHLLLLL", 0x40 | 0x08 * can_hold, 1, 0, 8, 4, 4, 0, 0))
    table = enumerate(powers_centi_dbm, 1)
    band = tlv(
        144,
        *(tlv(145, struct.pack("!Hh", i, power)) for i, power in table),
        tlv(146, b"\x80", tlv(147, struct.pack("!BBHLL", 3, 0, 2, 902750, 903250))),
        tlv(328, *(tlv(329, struct.pack("!LBBBBLLLLL", mode, *_MILLER_4)) for mode in modes)),
    )
    return (
        device + protocol + tlv(143, struct.pack("!HH", 840, 1), band) + tlv(327, b"\x00\x00\x00")
    )
