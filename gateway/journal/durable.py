"""Having what was written survive a power cut, outside of SQLite's own files."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import Final

UNFINISHED: Final = ".new"
"""What the name of a file ends in that `put_file` has not finished, and may never finish."""


SECRET: Final = 0o600
"""The permissions of what nobody but its owner reads."""


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


def put_file(path: Path, content: bytes, *, mode: int = 0o644) -> None:
    """Put a file where others look for it: they see the whole of it or none.

    It has its name only when its content is on the disk, and the name is there, too, before this
    returns. Its directory is made if there is none. Both belong to whom the directory above
    belongs: what root leaves for a service is the service's. Raises OSError; then nothing is left
    of it. mode: its permissions, less the umask.
    """
    directory = path.parent
    owner = directory.parent.stat()
    with contextlib.suppress(FileExistsError):
        directory.mkdir(mode=0o700)
        hand_over(directory, owner)
        sync_directory(directory.parent)
    unfinished = path.with_name(path.name + UNFINISHED)
    try:
        descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
        with os.fdopen(descriptor, "wb") as file:
            if mode == SECRET:
                os.fchmod(descriptor, mode)  # one that a kill left may be anybody's to read
            hand_over(file.fileno(), owner)
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        unfinished.rename(path)
    except OSError:
        unfinished.unlink(missing_ok=True)
        raise
    sync_directory(directory)


def hand_over(file: Path | int, owner: os.stat_result) -> None:
    """Make a file of root's theirs to whom the directory belongs: a service must write it."""
    if os.geteuid() == 0:
        os.chown(file, owner.st_uid, owner.st_gid)
