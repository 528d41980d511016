"""Disk states that a power cut could have left, made from the record of a run's writes.

After a cut at some moment, what a sync that had returned covers is on the disk; of the writes
since, each is there, is missing, is torn at a 512-byte sector, or holds garbage, in any
combination: a disk reorders. The record is made by write_log.c.
"""

from __future__ import annotations

import struct
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from tests.rigs.journal_crash import run_child

HEAD = struct.Struct("<4Q")
WRITE, SYNC, TRUNCATE, RECEIPT = 1, 2, 3, 4
NAMES = ("journal.db", "journal.db-wal")
SECTOR = 512


@dataclass(frozen=True)
class Operation:
    """One thing asked of the disk, or one receipt (its number in `data`)."""

    kind: int
    file: int
    offset: int
    data: bytes


@dataclass
class Disk:
    """What is safe on the disk, and what was written since, per file."""

    safe: list[bytearray] = field(default_factory=lambda: [bytearray(), bytearray()])
    pending: list[list[Operation]] = field(default_factory=lambda: [[], []])

    def take(self, operation: Operation) -> None:
        """Go one operation further."""
        if operation.kind == SYNC:
            for each in self.pending[operation.file]:
                apply(self.safe[operation.file], each)
            self.pending[operation.file] = []
        elif operation.kind in (WRITE, TRUNCATE):
            self.pending[operation.file].append(operation)

    def cut(self, random: Random) -> tuple[bytes, bytes]:
        """Both files as one power cut might leave them."""
        images = []
        for safe, pending in zip(self.safe, self.pending, strict=True):
            image = bytearray(safe)
            mood = random.choice(("none", "all", "some", "some"))
            for operation in shuffled(pending, random):
                if mood == "all" or (mood == "some" and random.random() < 0.5):
                    apply(image, torn(operation, random) if mood == "some" else operation)
            images.append(bytes(image))
        return images[0], images[1]


def apply(image: bytearray, operation: Operation) -> None:
    """The operation as it was meant."""
    if operation.kind == TRUNCATE:
        del image[operation.offset :]
        image.extend(bytes(operation.offset - len(image)))
        return
    image.extend(bytes(max(0, operation.offset - len(image))))
    image[operation.offset : operation.offset + len(operation.data)] = operation.data


def torn(operation: Operation, random: Random) -> Operation:
    """The operation, whole, cut at a sector, or with one sector of garbage."""
    how = random.randrange(4)
    if operation.kind != WRITE or how < 2:
        return operation
    n_sectors = -(-len(operation.data) // SECTOR)
    at = random.randrange(n_sectors) * SECTOR
    if how == 2:
        return Operation(WRITE, operation.file, operation.offset, operation.data[:at])
    garbage = random.randbytes(len(operation.data[at : at + SECTOR]))
    data = operation.data[:at] + garbage + operation.data[at + SECTOR :]
    return Operation(WRITE, operation.file, operation.offset, data)


def shuffled(operations: Sequence[Operation], random: Random) -> list[Operation]:
    """Half the time in their order, else in any."""
    if random.random() < 0.5:
        return list(operations)
    return random.sample(operations, len(operations))


def build(directory: Path, name: str = "write_log") -> Path:
    """A compiled rig of this directory. Raises CalledProcessError with the compiler's words."""
    library = directory / f"{name}.so"
    source = Path(__file__).with_name(f"{name}.c")
    subprocess.run(
        ["cc", "-shared", "-fPIC", "-O1", "-Wall", "-Wextra", "-Werror", "-Wno-pedantic",
         "-o", str(library), str(source), "-ldl"],
        check=True, capture_output=True, timeout=60,
    )  # fmt: skip
    return library


def recorded(directory: Path, *options: str, n_acknowledgements: int) -> list[Operation]:
    """The operations of one run of the real writer, from an empty directory."""
    record, library = directory / "record", build(directory)
    under = ("env", f"LD_PRELOAD={library}", f"FOREPOST_WRITE_LOG={record}")
    run_child(
        directory / "state",
        0,
        options=options,
        under=under,
        n_acknowledgements=n_acknowledgements,
    )
    return list(parse(record.read_bytes()))


def parse(record: bytes) -> Iterator[Operation]:
    """The record's operations; one that the kill cut off is left away."""
    at = 0
    while at + HEAD.size <= len(record):
        kind, file, offset, length = HEAD.unpack_from(record, at)
        at += HEAD.size
        if at + length > len(record):
            return
        yield Operation(kind, file, offset, record[at : at + length])
        at += length


def states(
    operations: Sequence[Operation], n: int, random: Random
) -> Iterator[tuple[tuple[bytes, bytes], int]]:
    """About `n` disk states with the highest number receipted before the cut."""
    disk, receipted = Disk(), 0
    for i, operation in enumerate(operations):
        disk.take(operation)
        if operation.kind == RECEIPT:
            receipted = int(operation.data.split()[-1])
        done, due = n * i // len(operations), n * (i + 1) // len(operations)
        for _ in range(due - done):
            yield disk.cut(random), receipted


def put(images: tuple[bytes, bytes], directory: Path) -> Path:
    """Write the files of a state; the shared-memory index is not on any disk."""
    for name, image in zip(NAMES, images, strict=True):
        (directory / name).write_bytes(image)
    with_index = directory / "journal.db-shm"
    with_index.unlink(missing_ok=True)
    return directory / NAMES[0]
