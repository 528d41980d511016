"""Lines of fixed barcode scanners on a serial port or USB-CDC, into symbols.

    [prefix] [AIM identifier] data [suffix]

A line ends at CR, LF or CRLF, or at a suffix of the scanner's own; an empty line is nothing. The
AIM identifier (ISO/IEC 15424, `]C1`, `]d2`, …) is optional and stays in front of the data, where
the symbol's parser looks for it. GS comes as U+001D, or as the byte the scanner puts for it.

Bounded: a line of more than `max_bytes` is dropped to its end, and the next one is read.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Final

GS: Final = "\x1d"
_ENDS: Final = re.compile(rb"[\r\n]+")
_AIM: Final = re.compile(r"\][A-Za-z][0-9A-Za-z]")
_CONTROL: Final = re.compile("[\x00-\x03\x05-\x1c\x1f\x7f-\x9f]")
"""No symbol of goods holds these; GS, and RS and EOT of ISO/IEC 15434, may be in one."""


class LineRefused(ValueError):
    """A line that is no symbol; the message says why."""


@dataclass(frozen=True, slots=True)
class LineFormat:
    """How a scanner is set up. suffix: b"" for any of CR, LF and CRLF."""

    prefix: bytes = b""
    suffix: bytes = b""
    group_separator: bytes = b"\x1d"
    max_bytes: int = 4096


@dataclass(frozen=True, slots=True)
class Line:
    """One symbol as text. aim: its AIM identifier, None if the scanner sends none."""

    data: str
    aim: str | None


@dataclass(frozen=True, slots=True)
class Label:
    """A label of the house's own: what kind of thing it names, and which."""

    kind: str
    value: str


class LineDecoder:
    """Cuts lines out of a stream; feed it pieces as they come. n_too_long: lines dropped."""

    def __init__(self, line_format: LineFormat) -> None:
        self._format = line_format
        self._buffer = bytearray()
        self._is_skipping = False
        self.n_too_long = 0

    @property
    def n_kept(self) -> int:
        """Bytes kept for the rest of their line."""
        return len(self._buffer)

    def feed(self, data: bytes) -> Iterator[bytes]:
        """The lines that `data` completes, in order, without their ends."""
        # What was kept has no end in it, but the first half of a suffix may be there.
        searched = max(0, len(self._buffer) - max(1, len(self._format.suffix)) + 1)
        self._buffer += data
        start = 0
        while (end := self._find(max(start, searched))) is not None:
            yield from self._line(bytes(self._buffer[start : end[0]]))
            start = end[1]
        del self._buffer[:start]
        if len(self._buffer) > self._format.max_bytes + len(self._format.suffix):
            self._is_skipping = True
            # Enough to know an end by, if its first byte was the last that came.
            del self._buffer[: -max(1, len(self._format.suffix))]

    def end(self) -> Iterator[bytes]:
        """The line that is kept, for scanners that end a line by falling silent."""
        line = bytes(self._buffer)
        self._buffer.clear()
        yield from self._line(line)

    def _find(self, start: int) -> tuple[int, int] | None:
        suffix = self._format.suffix
        if suffix:
            i = self._buffer.find(suffix, start)
            return None if i < 0 else (i, i + len(suffix))
        match = _ENDS.search(self._buffer, start)
        return None if match is None else match.span()

    def _line(self, line: bytes) -> Iterator[bytes]:
        was_skipping, self._is_skipping = self._is_skipping, False
        if was_skipping or len(line) > self._format.max_bytes:
            self.n_too_long += 1
        elif line:
            yield line


def parse_line(raw: bytes, line_format: LineFormat) -> Line:
    """The symbol on a line. Raises LineRefused."""
    if not raw.startswith(line_format.prefix):
        raise LineRefused(f"does not begin with the prefix {line_format.prefix.hex()}")
    try:
        text = raw[len(line_format.prefix) :].decode()
        separator = line_format.group_separator.decode()
    except UnicodeDecodeError as error:
        raise LineRefused(f"byte {error.start} is no text") from error
    if separator != GS:
        text = text.replace(separator, GS)
    control = _CONTROL.search(text)
    if control is not None:
        raise LineRefused(f"the control character {ord(control[0]):02x} at {control.start()}")
    aim = _AIM.match(text)
    if len(text) == (aim.end() if aim else 0):
        raise LineRefused("no data")
    return Line(text, aim[0] if aim else None)


def encode_line(data: str, line_format: LineFormat) -> bytes:
    """A line as a scanner sends it (for simulated scanners)."""
    text = data.replace(GS, line_format.group_separator.decode())
    return line_format.prefix + text.encode() + (line_format.suffix or b"\r\n")


def label_of(line: Line, patterns: Iterable[tuple[str, str]]) -> Label | None:
    """The label of ours that a line is; None if none of the patterns (kind, `R-*`) fits."""
    text = line.data[3:] if line.aim is not None else line.data
    for kind, pattern in patterns:
        if fnmatchcase(text, pattern):
            return Label(kind, text)
    return None
