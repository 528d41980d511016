"""LLRP messages and their bytes, both ways.

    message     3 reserved bits, version (3 bits), type (10), length (4 bytes), id (4), then fields
                and parameters; the length counts all of it
    parameter   TV: one byte, 1 and the type (7 bits), then fields of known length
                TLV: 6 reserved bits, type (10), length (2 bytes, counts all of it), then fields
                and other parameters

Invariants: `encode_message(decode_message(raw)) == raw` for every `raw` that is not refused, but
for reserved bits within fields, which are kept with the field. Decoding takes time in proportion
to the bytes and goes no deeper than DEPTH_MAX; nothing but LlrpRefused is raised, on any bytes.
A TLV parameter that the standard does not know is kept whole, as the standard asks for.

Source: EPCglobal Low Level Reader Protocol 1.1, section 17; the layouts are in llrp_layout.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Final

from gateway.codecs.llrp_layout import MESSAGES, PARAMETERS, Layout

HEADER_BYTES: Final = 10
MESSAGE_BYTES_MAX: Final = 1 << 20
"""More than any message of a reader has: its tables and reports stay far below."""
DEPTH_MAX: Final = 16
"""The deepest tree of the standard has eight levels."""
VERSIONS: Final = {1: "1.0.1", 2: "1.1"}


class LlrpRefused(ValueError):
    """Bytes that are no LLRP message; the text says where they are not."""


@dataclass(frozen=True, slots=True)
class Bits:
    """A string of bits, from the left; the last byte's rest is as it came."""

    n_bits: int
    raw: bytes


Value = int | bytes | str | tuple[int, ...] | Bits


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter; `values` are its fields in the order of its layout."""

    type: int
    values: tuple[Value, ...] = ()
    children: tuple[Parameter, ...] = ()

    @property
    def name(self) -> str:
        """The standard's name, or the number of one that it does not have."""
        layout = PARAMETERS.get(self.type)
        return f"parameter {self.type}" if layout is None else layout.name

    def number(self, i_value: int) -> int:
        """A field that the layout says is a number."""
        return _number(self.values[i_value])

    def text(self, i_value: int) -> str:
        """A field that the layout says is text."""
        return str(self.values[i_value])


@dataclass(frozen=True, slots=True)
class Message:
    """One message; see Parameter. version: 1 is LLRP 1.0.1, 2 is 1.1."""

    type: int
    id: int
    values: tuple[Value, ...] = ()
    children: tuple[Parameter, ...] = ()
    version: int = 1

    @property
    def name(self) -> str:
        """The standard's name."""
        return MESSAGES[self.type].name

    def number(self, i_value: int) -> int:
        """A field that the layout says is a number."""
        return _number(self.values[i_value])


def _number(value: Value) -> int:
    if not isinstance(value, int):
        raise AssertionError(f"the layout has no number there, but {value!r}")
    return value


def find(parent: Message | Parameter, *path: int) -> Parameter | None:
    """The first parameter along a path of types; None if there is none."""
    found: Message | Parameter = parent
    for kind in path:
        below = next((child for child in found.children if child.type == kind), None)
        if below is None:
            return None
        found = below
    return found if isinstance(found, Parameter) else None


# ---------------------------------------------------------------- bytes to messages


class FrameDecoder:
    """Cuts a stream into messages. Refuses a head that cannot be one: LLRP has no mark to find
    the next message by, so the only way on is a new connection. Messages in front of such a head
    are still given.
    """

    def __init__(self) -> None:
        self._buffer = bytearray()

    @property
    def n_kept(self) -> int:
        """Bytes of a message that is not complete yet."""
        return len(self._buffer)

    @property
    def rest(self) -> bytes:
        """These bytes; or those that were refused."""
        return bytes(self._buffer)

    def feed(self, data: bytes) -> list[bytes]:
        """The messages that `data` completes. Raises LlrpRefused."""
        self._buffer += data
        frames: list[bytes] = []
        at = 0
        while len(self._buffer) - at >= HEADER_BYTES:
            try:
                length = _head(self._buffer, at)[2]
            except LlrpRefused:
                if not frames:
                    raise
                break
            if len(self._buffer) - at < length:
                break
            frames.append(bytes(self._buffer[at : at + length]))
            at += length
        del self._buffer[:at]
        return frames


def _head(data: bytes | bytearray, at: int) -> tuple[int, int, int, int]:
    """Version, type, length and id. Raises LlrpRefused."""
    first, length, identity = struct.unpack_from(">HII", data, at)
    version = first >> 10
    if version not in VERSIONS:
        raise LlrpRefused(f"no LLRP message begins with {first:04x}")
    if not HEADER_BYTES <= length <= MESSAGE_BYTES_MAX:
        raise LlrpRefused(f"a message of {length} bytes: {HEADER_BYTES} to {MESSAGE_BYTES_MAX}")
    return version, first & 0x3FF, length, identity


def decode_message(raw: bytes) -> Message:
    """The one message that `raw` is. Raises LlrpRefused."""
    if len(raw) < HEADER_BYTES:
        raise LlrpRefused(f"a message has {HEADER_BYTES} bytes at least, got {len(raw)}")
    version, kind, length, identity = _head(raw, 0)
    if length != len(raw):
        raise LlrpRefused(f"the message says it has {length} bytes, got {len(raw)}")
    layout = MESSAGES.get(kind)
    if layout is None:
        raise LlrpRefused(f"there is no message of type {kind}")
    values, at = _read_fields(layout, raw, HEADER_BYTES, length)
    children = _read_children(layout, raw, at, length, 1)
    return Message(kind, identity, values, children, version)


def _read_children(
    layout: Layout, raw: bytes, at: int, end: int, depth: int
) -> tuple[Parameter, ...]:
    children: list[Parameter] = []
    while at < end:
        if depth > DEPTH_MAX:
            raise LlrpRefused(f"parameters within parameters, deeper than {DEPTH_MAX}")
        parameter, at = _read_parameter(raw, at, end, depth)
        children.append(parameter)
    if layout.needs:
        types = {child.type for child in children}
        for need in layout.needs:
            if types.isdisjoint((need,) if isinstance(need, int) else need):
                first = need if isinstance(need, int) else need[0]
                raise LlrpRefused(f"{layout.name} lacks {PARAMETERS[first].name}")
    return tuple(children)


def _read_parameter(raw: bytes, at: int, end: int, depth: int) -> tuple[Parameter, int]:
    if raw[at] & 0x80:
        kind = raw[at] & 0x7F
        layout = PARAMETERS.get(kind)
        if layout is None:
            raise LlrpRefused(f"there is no TV parameter of type {kind}, at byte {at}")
        values, at = _read_fields(layout, raw, at + 1, end)
        return Parameter(kind, values), at
    if end - at < 4:
        raise LlrpRefused(f"{end - at} bytes at byte {at}, too few for a parameter")
    kind, length = struct.unpack_from(">HH", raw, at)
    if not 128 <= kind <= 1023:
        raise LlrpRefused(f"no TLV parameter begins with {kind:04x}, at byte {at}")
    layout = PARAMETERS.get(kind)
    name = f"parameter {kind}" if layout is None else layout.name
    if not 4 <= length <= end - at:
        raise LlrpRefused(f"{name} says it has {length} bytes, of {end - at} at byte {at}")
    own_end = at + length
    if layout is None:
        return Parameter(kind, (raw[at + 4 : own_end],)), own_end
    values, at = _read_fields(layout, raw, at + 4, own_end)
    return Parameter(kind, values, _read_children(layout, raw, at, own_end, depth + 1)), own_end


@cache
def _fixed(fields: str) -> struct.Struct | None:
    """A layout of numbers alone, read in one go; None if it holds anything else."""
    return struct.Struct(">" + fields) if set(fields) <= set("BHIQbh") else None


def _read_fields(layout: Layout, raw: bytes, at: int, end: int) -> tuple[tuple[Value, ...], int]:
    if not layout.fields:
        return (), at
    fixed = _fixed(layout.fields)
    if fixed is not None:
        if end - at < fixed.size:
            raise LlrpRefused(f"{layout.name} ends within its fields, at byte {end}")
        return fixed.unpack_from(raw, at), at + fixed.size
    values: list[Value] = []
    for letter in layout.fields:
        value, at = _read_field(layout.name, letter, raw, at, end)
        values.append(value)
    return tuple(values), at


def _read_field(name: str, letter: str, raw: bytes, at: int, end: int) -> tuple[Value, int]:
    def take(n_bytes: int) -> bytes:
        if end - at < n_bytes:
            raise LlrpRefused(f"{name} ends within its fields, at byte {end}")
        return raw[at : at + n_bytes]

    if letter == "*":
        return raw[at:end], end
    if letter == "E":
        return take(12), at + 12
    number = _fixed(letter)
    if number is not None:
        return int(number.unpack(take(number.size))[0]), at + number.size
    count = int.from_bytes(take(2))
    at += 2
    size = {"u": (count + 7) // 8, "v": 2 * count, "w": 4 * count}.get(letter, count)
    body = take(size)
    at += size
    match letter:
        case "u":
            return Bits(count, body), at
        case "v" | "w":
            return struct.unpack(f">{count}{'H' if letter == 'v' else 'I'}", body), at
        case "y":
            return body, at
    try:
        return body.decode(), at
    except UnicodeDecodeError as error:
        raise LlrpRefused(f"{name} holds text that is not UTF-8") from error


# ---------------------------------------------------------------- messages to bytes


def encode_message(message: Message) -> bytes:
    """The bytes of a message. Raises ValueError if a value does not fit its field."""
    layout = MESSAGES[message.type]
    body = _write(layout.fields, message.values, message.children)
    head = struct.pack(
        ">HII", message.version << 10 | message.type, HEADER_BYTES + len(body), message.id
    )
    return head + body


def _encode_parameter(parameter: Parameter) -> bytes:
    layout = PARAMETERS.get(parameter.type)
    fields = "*" if layout is None else layout.fields
    body = _write(fields, parameter.values, parameter.children)
    if parameter.type < 128:
        return bytes((0x80 | parameter.type,)) + body
    if len(body) > 0xFFFF - 4:
        raise ValueError(f"{parameter.name}: {len(body)} bytes are too many for a parameter")
    return struct.pack(">HH", parameter.type, 4 + len(body)) + body


def _write(fields: str, values: Sequence[Value], children: Sequence[Parameter]) -> bytes:
    parts = [_write_field(*pair) for pair in zip(fields, values, strict=True)]
    return b"".join((*parts, *map(_encode_parameter, children)))


def _write_field(letter: str, value: Value) -> bytes:
    try:
        match value:
            case int():
                return struct.pack(f">{letter}", value)
            case Bits(n_bits, raw):
                return struct.pack(">H", n_bits) + raw
            case str():
                text = value.encode()
                return struct.pack(">H", len(text)) + text
            case bytes():
                return struct.pack(">H", len(value)) * (letter == "y") + value
            case _:
                size = "H" if letter == "v" else "I"
                return struct.pack(f">H{len(value)}{size}", len(value), *value)
    except struct.error as error:
        raise ValueError(f"{value!r} does not fit a field of kind {letter!r}") from error
