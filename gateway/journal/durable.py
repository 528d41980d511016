"""Having what was written survive a power cut, outside of SQLite's own files."""

from __future__ import annotations

import os
from pathlib import Path


def sync_path(path: Path, *, flags: int = 0) -> None:
    """Put a file's content, or the names in a directory, on the disk. Raises OSError."""
    descriptor = os.open(path, os.O_RDONLY | flags)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_directory(path: Path) -> None:
    """Put the names in a directory on the disk. Raises OSError, also if it is none."""
    sync_path(path, flags=os.O_DIRECTORY)
