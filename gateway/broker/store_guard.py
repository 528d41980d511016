"""`forepost-gateway broker-guard FILE`: before Mosquitto starts, looks whether it can.

A full disk or a power cut may leave a snapshot of the broker's store that is cut off, or holds
nothing but zeros, and some of these Mosquitto 2.0 refuses: it then never starts again by itself.
Such a file is put aside, as FILE.damaged (one is kept), and the broker begins with an empty
store. Devices send again what has no receipt; the gateway sees that its session is gone.

Put aside is
    what is no whole snapshot   the file's head, or a chunk that ends beyond the file's end
    what was tried in vain      the same file, unchanged, at TRIES starts: the broker writes it
                                anew within a minute, so it did not live that long

Format (Mosquitto 2.0.11, version 6): 15 bytes MAGIC, u32 checksum (0), u32 version; then chunks of
u32 kind, u32 length and so many bytes; all big-endian. Of other versions the head alone is judged.
"""

from __future__ import annotations

import argparse
import contextlib
import struct
import sys
from pathlib import Path
from typing import Final

MAGIC: Final = b"\x00\xb5\x00mosquitto db"
VERSION: Final = 6
TRIES: Final = 4
_HEAD: Final = struct.Struct(">15sII")
_CHUNK: Final = struct.Struct(">II")
_ERROR: Final = "<3>"
"""What systemd's journal takes for an error (sd-daemon(3))."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of `broker-guard`."""
    parser.add_argument("file", type=Path, metavar="FILE", help="the broker's mosquitto.db")


def run(namespace: argparse.Namespace) -> int:
    """Look, and put aside; 1 if the file cannot be read or moved."""
    file: Path = namespace.file
    try:
        fault = guard(file)
    except OSError as error:
        print(f"forepost-gateway: {file}: {error.strerror}", file=sys.stderr)
        return 1
    if fault is not None:
        kept = f"{file.name}.damaged"
        print(f"{_ERROR}{file}: {fault}; kept as {kept}, begun without", file=sys.stderr)
    return 0


def guard(file: Path) -> str | None:
    """Put the file aside if the broker cannot start on it; gives why. Raises OSError."""
    if not file.exists():
        return None
    fault = fault_of(file) or _tried_in_vain(file)
    if fault is not None:
        file.replace(f"{file}.damaged")
        Path(f"{file}.tried").unlink(missing_ok=True)
    return fault


def fault_of(file: Path) -> str | None:
    """Why this is no whole snapshot, None if it is one."""
    size = file.stat().st_size
    with file.open("rb") as store:
        head = store.read(_HEAD.size)
        if len(head) < _HEAD.size:
            return f"cut off within its head ({size} bytes)"
        magic, _, version = _HEAD.unpack(head)
        if magic != MAGIC:
            return "not a store of Mosquitto's"
        if version != VERSION:
            return None
        at = _HEAD.size
        while at < size:
            store.seek(at)
            chunk = store.read(_CHUNK.size)
            if len(chunk) < _CHUNK.size:
                return f"cut off at byte {at}"
            kind, length = _CHUNK.unpack(chunk)
            if kind == 0:
                return f"nothing that is known at byte {at}"
            at += _CHUNK.size + length
    return None if at == size else f"cut off: byte {at} is missing, it has {size}"


def _tried_in_vain(file: Path) -> str | None:
    """Count one more start on this very file; why it is enough, None if it is not."""
    found, tried = file.stat(), Path(f"{file}.tried")
    this = f"{found.st_size} {found.st_mtime_ns}"
    n = 1
    with contextlib.suppress(OSError, ValueError):
        before, _, times = tried.read_text().rpartition(" ")
        n = int(times) + 1 if before == this else 1
    if n >= TRIES:
        return f"{n - 1} starts on it came to nothing"
    with contextlib.suppress(OSError):  # a full disk must not keep the broker from starting
        tried.write_text(f"{this} {n}")
    return None
