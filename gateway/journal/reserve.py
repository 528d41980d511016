"""A file that takes room on the disk so that there is room when the disk is full.

On a full disk SQLite can neither delete nor empty its log: a gateway that is full could not even
do what makes it emptier. Removing this file gives that room back. While it is away nothing new is
taken in; the consumers alone write, and old rows leave. It is laid down again once the disk has
room for it and more.
"""

from __future__ import annotations

import logging
import os
from pathlib import Path
from typing import Final

logger = logging.getLogger(__name__)

FILE: Final = "journal.reserve"
RESERVE_BYTES: Final = 8 * 2**20
"""What pruning and a few thousand cursor moves need at most: some checkpoints' worth of log."""


class Reserve:
    """The file, or its absence. Calls are quick: no content is written, only room is taken."""

    def __init__(self, path: Path, n_bytes: int = RESERVE_BYTES) -> None:
        self._path = path
        self._n_bytes = n_bytes
        self.is_there = path.exists()
        self.was_released = False

    def free_bytes(self) -> int:
        """What the disk has left for us."""
        disk = os.statvfs(self._path.parent)
        return disk.f_bavail * disk.f_frsize

    def shortage(self) -> str | None:
        """Lay the file down; why the disk has little room or none, None if it has enough."""
        is_laid, free = self.lay_down(), self.free_bytes()
        if not is_laid:
            return f"the disk is full ({free} bytes left); nothing new is taken in"
        return f"the disk has only {free} bytes left" if free < self._n_bytes else None

    def release(self) -> bool:
        """Give the room back; False if there was none to give."""
        if not self.is_there:
            return False
        self._path.unlink(missing_ok=True)
        self.is_there, self.was_released = False, True
        logger.error(
            "disk full, reserve released",
            extra={"action": "reserve_released", "bytes": self._n_bytes},
        )
        return True

    def lay_down(self) -> bool:
        """Take the room again, if the disk has it twice over; True if it is there now."""
        if self.is_there:
            return True
        try:
            if self.free_bytes() < 2 * self._n_bytes:
                return False
            descriptor = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                os.posix_fallocate(descriptor, 0, self._n_bytes)
            finally:
                os.close(descriptor)
        except OSError as error:
            self._path.unlink(missing_ok=True)
            logger.warning(
                "no reserve on the disk",
                extra={"action": "reserve_missing", "reason": error.strerror},
            )
            return False
        self.is_there, self.was_released = True, False
        logger.info("reserve laid down", extra={"action": "reserve_laid_down"})
        return True
