"""Fills a disk to its last page, as somebody else's log might."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path


def fill(disk: Path) -> Path:
    """Take all the room there is; gives the file to remove again."""
    filler = disk / "filler"
    with filler.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while True:
            file.write(bytes(os.statvfs(disk).f_frsize))
    return filler
