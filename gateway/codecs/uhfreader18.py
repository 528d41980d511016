"""Frames of the UHFReader18 family of serial UHF readers (Chafon and others), both directions.

    command   Len | Adr | Cmd | data | CRC-16
    response  Len | Adr | Cmd | Status | data | CRC-16
    Len counts all bytes after itself; CRC-16/MCRF4XX over all before it, low byte first
    inventory, UHFReader18: Num | Num × (length | EPC)
    inventory, UHFReader288 and UHFReader86: Ant | Num | Num × (length | EPC | RSSI)
    notification (Cmd EE, real-time mode): Ant | length | EPC | RSSI
    Ant has one bit for each antenna

A frame has no head mark, so only its checksum tells it from noise. One that does not fit costs
its first byte; the hunt goes on at the next. A length that lies makes the decoder wait for bytes
that never come: `end` says that the line is silent, and what waits behind the lie is looked at
again. At most one longest frame is ever kept.

RSSI is a bare number whose unit the makers' manuals do not say; it is given as it comes.
"""

from __future__ import annotations

from binascii import crc_hqx
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

INVENTORY: Final = 0x01
READER_INFORMATION: Final = 0x21
SET_POWER: Final = 0x2F
NOTIFICATION: Final = 0xEE

ANY_ADDRESS: Final = 0xFF
"""Every reader answers to it with its own address."""

SUCCESS: Final = 0x00
DONE: Final = 0x01
SCAN_TIME_OVER: Final = 0x02
MORE_FOLLOWS: Final = 0x03
MEMORY_FULL: Final = 0x04
NO_TAG: Final = 0xFB
HEARTBEAT: Final = 0x28

INVENTORY_STATUSES: Final = frozenset({DONE, SCAN_TIME_OVER, MORE_FOLLOWS, MEMORY_FULL})
"""With these an inventory response may hold tags."""

STATUS_TEXTS: Final = {
    MEMORY_FULL: "memory full, not every tag was reported",
    0xF8: "antenna error",
    0xF9: "command execution error",
    0xFA: "poor communication with the tag",
    NO_TAG: "no tag",
    0xFC: "the tag returned an error",
    0xFD: "command length wrong",
    0xFE: "illegal command",
    0xFF: "parameter error",
}

MAX_FRAME_BYTES: Final = 256
_MIN_LENGTH: Final = 4
SHORTEST: Final = _MIN_LENGTH + 1
"""Bytes of the shortest frame, a command without data."""
_REVERSED: Final = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))


class ResponseRefused(ValueError):
    """A response with a right checksum whose data are not laid out as the manuals say."""


@dataclass(frozen=True, slots=True)
class Frame:
    """A frame without length and checksum; `body` is what follows address and command."""

    address: int
    command: int
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class TagReport:
    """One tag in a response. epc: upper-case hex. antenna: from 1. rssi: as it comes."""

    epc: str
    antenna: int = 1
    rssi: int | None = None


def checksum(data: bytes) -> bytes:
    """CRC-16/MCRF4XX (0x1021 reflected, preset to ones), low byte first.

    binascii has the same polynomial the other way round: over bytes with their bits reversed it
    gives this checksum with its bits reversed.
    """
    backwards = crc_hqx(data.translate(_REVERSED), 0xFFFF)
    return bytes((_REVERSED[backwards >> 8], _REVERSED[backwards & 0xFF]))


def encode_frame(frame: Frame) -> bytes:
    """The frame's bytes."""
    body = bytes((len(frame.body) + 4, frame.address, frame.command)) + frame.body
    return body + checksum(body)


def response(address: int, command: int, status: int, data: bytes = b"") -> bytes:
    """A reader's answer (for simulated readers)."""
    return encode_frame(Frame(address, command, bytes((status,)) + data))


def inventory_data(tags: Sequence[TagReport], *, has_antenna: bool) -> bytes:
    """The tags of one inventory response (for simulated readers).

    has_antenna: in the layout of UHFReader288, in which all tags share the first one's antenna.
    """
    items = b""
    for tag in tags:
        epc = bytes.fromhex(tag.epc)
        items += bytes((len(epc),)) + epc + (bytes((tag.rssi or 0,)) if has_antenna else b"")
    head = bytes((1 << (tags[0].antenna - 1 if tags else 0),)) if has_antenna else b""
    return head + bytes((len(tags),)) + items


class FrameDecoder:
    """Cuts frames out of a stream that may hold noise; feed it pieces as they come.

    noise: the bytes that belonged to no frame since it was last emptied by `take_noise`.
    """

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._noise = bytearray()

    @property
    def n_kept(self) -> int:
        """Bytes kept for the rest of their frame."""
        return len(self._buffer)

    def feed(self, data: bytes) -> list[Frame]:
        """The frames that `data` completes, in order."""
        self._buffer += data
        return list(self._cut(is_end=False))

    def end(self) -> list[Frame]:
        """The frames among what is kept, now that nothing more comes to complete the first."""
        return list(self._cut(is_end=True))

    def take_noise(self) -> bytes:
        """The bytes that belonged to no frame, the last MAX_FRAME_BYTES of them."""
        noise = bytes(self._noise)
        self._noise.clear()
        return noise

    def _cut(self, *, is_end: bool) -> Iterator[Frame]:
        buffer, start = self._buffer, 0
        while start < len(buffer):
            end = start + buffer[start] + 1
            if end - start <= _MIN_LENGTH:
                start += 1
                continue
            if end > len(buffer):
                if not is_end:
                    break
                start += 1
                continue
            body = bytes(buffer[start : end - 2])
            if checksum(body) != buffer[end - 2 : end]:
                start += 1
                continue
            self._skip(start)
            del buffer[: end - start]
            start = 0
            yield Frame(body[1], body[2], body[3:])
        self._skip(start)

    def _skip(self, n_bytes: int) -> None:
        self._noise += self._buffer[:n_bytes]
        del self._noise[:-MAX_FRAME_BYTES]
        del self._buffer[:n_bytes]


def status_of(frame: Frame) -> int | None:
    """The status of a response; None for a frame that is none."""
    return frame.body[0] if frame.body else None


def tags_of(frame: Frame) -> list[TagReport]:
    """The tags in a response or notification; none in any other frame. Raises ResponseRefused."""
    status, data = status_of(frame), frame.body[1:]
    if frame.command == NOTIFICATION and status == SUCCESS:
        tags = _items(data[:1] + b"\1" + data[1:], has_antenna=True)
    elif frame.command == INVENTORY and status in INVENTORY_STATUSES and data:
        tags = _items(data, has_antenna=False)
        if tags is None:
            tags = _items(data, has_antenna=True)
    else:
        return []
    if tags is None:
        raise ResponseRefused(f"{len(data)} bytes of tags are not laid out as the manuals say")
    return tags


def _items(data: bytes, *, has_antenna: bool) -> list[TagReport] | None:
    """The tags if `data` is exactly this layout; EPCs are whole words, so the two are told apart.

    (One layout read as the other has a length of 1 or 0 in front, or ends at the wrong place.)
    """
    start = 2 if has_antenna else 1
    if len(data) < start:
        return None
    antenna = data[0].bit_length() if has_antenna else 1
    n_tags, tags = data[start - 1], []
    for _ in range(n_tags):
        if start >= len(data):
            return None
        n_bytes = data[start]
        end = start + 1 + n_bytes
        if n_bytes == 0 or n_bytes % 2 or end + has_antenna > len(data):
            return None
        epc = data[start + 1 : end].hex().upper()
        tags.append(TagReport(epc, antenna, data[end] if has_antenna else None))
        start = end + has_antenna
    return tags if start == len(data) else None
