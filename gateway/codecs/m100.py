"""Frames of the M100/QM100/R200/YRM100 family of serial UHF readers, both directions.

    BB | type | command | length (2, big endian) | parameter | checksum | 7E
    checksum: low byte of the sum from type to the end of the parameter
    type: 0 command, 1 response, 2 notification
    tag notification (type 2, command 22 or 27): rssi (1, signed dBm) | pc (2) | epc | crc (2);
    the PC word's top five bits count the EPC's 16-bit words

BB and 7E also occur inside an EPC, so frames are cut by their length, never at an end mark. A
frame that does not fit (length, checksum, end) costs its first byte only: the hunt for the next
BB goes on behind it. Memory is bounded: no more than one longest frame is ever kept.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

COMMAND: Final = 0
RESPONSE: Final = 1
NOTIFICATION: Final = 2

MODULE_INFO: Final = 0x03
SINGLE_INVENTORY: Final = 0x22
MULTIPLE_INVENTORY: Final = 0x27
STOP: Final = 0x28
SET_POWER: Final = 0xB6
ERROR: Final = 0xFF

NO_TAG: Final = 0x15
"""Error parameter of an inventory round that saw nothing: not a fault."""

_HEAD: Final = 0xBB
_END: Final = 0x7E
_OVERHEAD: Final = 7
MAX_PARAMETER_BYTES: Final = 512
"""No command of the family comes near; a larger length is noise."""


@dataclass(frozen=True, slots=True)
class Frame:
    """One frame: type, command and parameter."""

    type: int
    command: int
    parameter: bytes = b""


@dataclass(frozen=True, slots=True)
class TagReport:
    """One tag in a notification. epc: upper-case hex. rssi_dbm: signed."""

    epc: str
    rssi_dbm: int


def encode_frame(frame: Frame) -> bytes:
    """The frame's bytes."""
    length = len(frame.parameter).to_bytes(2, "big")
    body = bytes((frame.type, frame.command)) + length + frame.parameter
    return bytes((_HEAD,)) + body + bytes((sum(body) & 0xFF, _END))


def start_inventory(rounds: int = 0xFFFF) -> bytes:
    """The command that makes the reader report tags, `rounds` times over."""
    return encode_frame(Frame(COMMAND, MULTIPLE_INVENTORY, b"\x22" + rounds.to_bytes(2, "big")))


class FrameDecoder:
    """Cuts frames out of a stream that may hold noise; feed it pieces as they come.

    n_noise_bytes counts what belonged to no frame, n_broken the frames that looked like one and
    failed their checksum or end mark.
    """

    def __init__(self) -> None:
        self._buffer = bytearray()
        self.n_noise_bytes = 0
        self.n_broken = 0

    @property
    def n_kept(self) -> int:
        """Bytes kept for the rest of their frame."""
        return len(self._buffer)

    def feed(self, data: bytes) -> Iterator[Frame]:
        """The frames that `data` completes, in order."""
        self._buffer += data
        buffer = self._buffer
        start = 0
        while True:
            head = buffer.find(_HEAD, start)
            if head < 0:
                self.n_noise_bytes += len(buffer) - start
                start = len(buffer)
                break
            self.n_noise_bytes += head - start
            start = head
            if len(buffer) - start < 5:
                break
            size = int.from_bytes(buffer[start + 3 : start + 5], "big")
            if size > MAX_PARAMETER_BYTES or buffer[start + 1] > NOTIFICATION:
                self.n_noise_bytes += 1
                start += 1
                continue
            end = start + size + _OVERHEAD
            if len(buffer) < end:
                break
            body = buffer[start + 1 : end - 2]
            if buffer[end - 1] != _END or sum(body) & 0xFF != buffer[end - 2]:
                self.n_broken += 1
                self.n_noise_bytes += 1
                start += 1
                continue
            yield Frame(body[0], body[1], bytes(body[4:]))
            start = end
        del buffer[:start]


def tag_of(frame: Frame) -> TagReport | None:
    """The tag in a notification; None if the frame is no tag notification or is cut short."""
    if frame.type != NOTIFICATION or frame.command not in (SINGLE_INVENTORY, MULTIPLE_INVENTORY):
        return None
    parameter = frame.parameter
    if len(parameter) < 5:
        return None
    epc_bytes = (parameter[1] >> 3) * 2
    if len(parameter) != 3 + epc_bytes + 2:
        return None
    rssi = parameter[0] - 256 if parameter[0] > 127 else parameter[0]
    return TagReport(parameter[3 : 3 + epc_bytes].hex().upper(), rssi)


def tag_notification(epc_hex: str, rssi_dbm: int) -> Frame:
    """The notification a reader sends for a tag (for simulated readers)."""
    epc = bytes.fromhex(epc_hex)
    protocol_control = (len(epc) // 2 << 11).to_bytes(2, "big")
    parameter = bytes((rssi_dbm & 0xFF,)) + protocol_control + epc
    return Frame(NOTIFICATION, SINGLE_INVENTORY, parameter + _crc16(protocol_control + epc))


def _crc16(data: bytes) -> bytes:
    """CRC-16 of a Gen2 tag's PC and EPC (ISO/IEC 18000-63, annex F: 0x1021, preset, inverted)."""
    crc = 0xFFFF
    for byte in data:
        crc ^= byte << 8
        for _ in range(8):
            crc = (crc << 1 ^ 0x1021 if crc & 0x8000 else crc << 1) & 0xFFFF
    return (crc ^ 0xFFFF).to_bytes(2, "big")
