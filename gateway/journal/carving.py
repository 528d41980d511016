"""Takes the journal's rows out of a damaged file page by page, where SQLite itself gives up.

Format read here (sqlite.org/fileformat2.html, sections 1.6, 2 and 4): a table's leaf page begins
with 0x0d and lists its cells; a cell is payload size, rowid and a record; what does not fit goes
on in a list of overflow pages. The write-ahead log repeats whole pages, newest last.

Nothing found here is believed: pages may be old, torn or overwritten. The rows of the journal
never change and are chained, so the chain says which finds are rows (gateway.journal.proof).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final

from cloud_sync.contract.chain import LINK_BYTES
from gateway.journal.proof import Found

LEAF: Final = 0x0D
FILE_HEADER: Final = 100
PAGE_BYTES: Final = 4096
"""SQLite's own size for a new file, taken where a damaged header says something impossible."""
WAL_HEADER: Final = 32
FRAME_HEADER: Final = 24
RECORD_BYTES_MAX: Final = 16 * 2**20
"""No event is that large; a damaged size must not make us collect the whole file."""
N_COLUMNS: Final = 7
_INT_BYTES: Final = {1: 1, 2: 2, 3: 3, 4: 4, 5: 6, 6: 8}


def carve(path: Path) -> Iterator[Found]:
    """Everything in the file and its log that looks like a row of the journal, in any order."""
    with path.open("rb") as file:
        size = _page_bytes(file.read(FILE_HEADER))
        newest = _Pages(file, size, {})
        wal = path.with_name(path.name + "-wal")
        if wal.is_file():
            with wal.open("rb") as log:
                pages = _Pages(file, size, _frames(log, size), log)
                yield from _rows(pages)
                return
        yield from _rows(newest)


def _page_bytes(header: bytes) -> int:
    if len(header) < FILE_HEADER:
        return PAGE_BYTES
    (said,) = struct.unpack_from(">H", header, 16)
    size = 65536 if said == 1 else int(said)
    return size if size >= 512 and size & (size - 1) == 0 else PAGE_BYTES


@dataclass(frozen=True, slots=True)
class _Pages:
    """The pages of a file, those in its log instead of the file's own."""

    file: BinaryIO
    size: int
    in_log: dict[int, int]
    log: BinaryIO | None = None

    def numbers(self) -> Iterator[int]:
        in_file = self.file.seek(0, 2) // self.size
        yield from range(1, in_file + 1)
        yield from sorted(number for number in self.in_log if number > in_file)

    def read(self, number: int) -> bytes:
        place = self.in_log.get(number)
        if place is not None and self.log is not None:
            self.log.seek(place)
            return self.log.read(self.size)
        self.file.seek((number - 1) * self.size)
        return self.file.read(self.size)


def _frames(log: BinaryIO, size: int) -> dict[int, int]:
    """Where the log has the newest committed image of each page.

    A frame counts if its salts are the log's. Its checksum is not asked: what matters of its
    content is chained.
    """
    header = log.read(WAL_HEADER)
    if len(header) < WAL_HEADER:
        return {}
    salts = header[16:24]
    committed: dict[int, int] = {}
    open_frames: dict[int, int] = {}
    at = WAL_HEADER
    while len(frame := log.read(FRAME_HEADER)) == FRAME_HEADER:
        number, pages_after = struct.unpack_from(">II", frame)
        if frame[8:16] != salts:
            break
        open_frames[number] = at + FRAME_HEADER
        if pages_after:
            committed.update(open_frames)
            open_frames.clear()
        at = log.seek(at + FRAME_HEADER + size)
    return committed


def _rows(pages: _Pages) -> Iterator[Found]:
    for number in pages.numbers():
        page = pages.read(number)
        start = FILE_HEADER if number == 1 else 0
        if len(page) < pages.size or page[start] != LEAF:
            continue
        (n_cells,) = struct.unpack_from(">H", page, start + 3)
        for i_cell in range(min(n_cells, (pages.size - start - 8) // 2)):
            (place,) = struct.unpack_from(">H", page, start + 8 + 2 * i_cell)
            try:
                found = _cell(pages, page, place)
            except (IndexError, struct.error, UnicodeDecodeError):
                continue
            if found is not None:
                yield found


def _cell(pages: _Pages, page: bytes, at: int) -> Found | None:
    n_bytes, at = _varint(page, at)
    seq, at = _varint(page, at)
    if n_bytes > RECORD_BYTES_MAX or not 0 < seq < 2**53:
        return None
    local = _local_bytes(n_bytes, pages.size)
    payload = page[at : at + local]
    if local < n_bytes:
        (following,) = struct.unpack_from(">I", page, at + local)
        payload += _overflow(pages, following, n_bytes - local)
    return _record(seq, payload) if len(payload) == n_bytes else None


def _local_bytes(n_bytes: int, usable: int) -> int:
    """How much of a payload lies in the leaf itself (section 1.6)."""
    if n_bytes <= usable - 35:
        return n_bytes
    least = (usable - 12) * 32 // 255 - 23
    local = least + (n_bytes - least) % (usable - 4)
    return local if local <= usable - 35 else least


def _overflow(pages: _Pages, number: int, n_bytes: int) -> bytes:
    parts: list[bytes] = []
    while n_bytes > 0 and number:
        page = pages.read(number)
        if len(page) < pages.size:
            break
        (number,) = struct.unpack_from(">I", page)
        part = page[4 : 4 + n_bytes]
        parts.append(part)
        n_bytes -= len(part)
    return b"".join(parts)


def _record(seq: int, payload: bytes) -> Found | None:
    """The record, if it has the shape of a journal row."""
    n_header, at = _varint(payload, 0)
    kinds: list[int] = []
    while at < n_header and len(kinds) <= N_COLUMNS:
        kind, at = _varint(payload, at)
        kinds.append(kind)
    if len(kinds) != N_COLUMNS or kinds[0] != 0 or at != n_header:
        return None
    values = [_value(kind, payload, at_value) for kind, at_value in _places(kinds, at)]
    _, event_id, type_, occurred_at_us, recorded_at_us, body, chain = values
    if not (
        isinstance(event_id, str)
        and isinstance(type_, str)
        and isinstance(occurred_at_us, int)
        and isinstance(recorded_at_us, int)
        and isinstance(body, bytes)
        and isinstance(chain, bytes)
        and len(chain) == LINK_BYTES
    ):
        return None
    return Found(seq, event_id, type_, occurred_at_us, recorded_at_us, body, chain)


def _places(kinds: list[int], at: int) -> Iterator[tuple[int, int]]:
    for kind in kinds:
        yield kind, at
        at += _n_bytes(kind)


def _n_bytes(kind: int) -> int:
    return (kind - 12) // 2 if kind >= 12 else _INT_BYTES.get(kind, 0)


def _value(kind: int, payload: bytes, at: int) -> object:
    raw = payload[at : at + _n_bytes(kind)]
    if len(raw) != _n_bytes(kind):
        raise IndexError(at)
    if kind >= 12:
        return raw.decode() if kind % 2 else raw
    if kind in _INT_BYTES:
        return int.from_bytes(raw, "big", signed=True)
    return {8: 0, 9: 1}.get(kind)


def _varint(raw: bytes, at: int) -> tuple[int, int]:
    """A big-endian number of one to nine bytes, and the position behind it."""
    value = 0
    for _ in range(8):
        byte = raw[at]
        at += 1
        value = value << 7 | byte & 0x7F
        if byte < 0x80:
            return value, at
    return value << 8 | raw[at], at + 1
