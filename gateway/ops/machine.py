"""What the machine says of itself: the disk's room and wear, and what this process takes of it.

Everything is read from the kernel's own files; what is not there is None and never zero. Flash
wears out: an eMMC tells how far (JESD84-B51: `life_time` in steps of a tenth, `pre_eol_info`);
other disks tell it to a person with `smartctl`, which a sandboxed service may not run. What all
of them tell is how much was written since the machine started.
"""

from __future__ import annotations

import contextlib
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

SYS: Final = Path("/sys")
PROC: Final = Path("/proc")
SECTOR_BYTES: Final = 512
"""The unit of /sys/block/*/stat, whatever the disk's own sectors are."""
_SECTORS_WRITTEN: Final = 6
_PRE_EOL: Final = {1: "normal", 2: "warning", 3: "urgent"}


@dataclass(frozen=True, slots=True)
class Disk:
    """The disk that a directory lies on.

    size_bytes, free_bytes: of its file system, free for us. written_bytes: since the machine
    started. life_used_pct: what is used up of its life at most; spare: normal, warning or urgent.
    """

    size_bytes: int
    free_bytes: int
    is_read_only: bool
    written_bytes: int | None = None
    life_used_pct: int | None = None
    spare: str | None = None


@dataclass(frozen=True, slots=True)
class Footprint:
    """What this process takes."""

    resident_bytes: int | None
    n_files: int | None


def read_disk(directory: Path, sys: Path = SYS) -> Disk:
    """The disk behind a directory. Raises OSError if the directory is not there."""
    found = os.statvfs(directory)
    device = directory.stat().st_dev
    block = sys / "dev/block" / f"{os.major(device)}:{os.minor(device)}"
    life_used_pct, spare = _wear(block)
    return Disk(
        size_bytes=found.f_blocks * found.f_frsize,
        free_bytes=found.f_bavail * found.f_frsize,
        is_read_only=bool(found.f_flag & os.ST_RDONLY),
        written_bytes=_written(block),
        life_used_pct=life_used_pct,
        spare=spare,
    )


def disk_row(directory: Path) -> dict[str, object] | None:
    """The disk of a directory as reports have it; None if it cannot be asked."""
    try:
        return asdict(read_disk(directory))
    except OSError:
        return None


def read_footprint(proc: Path = PROC) -> Footprint:
    """Memory and open files of this process."""
    resident = files = None
    with contextlib.suppress(OSError, ValueError, IndexError):
        n_pages = int((proc / "self/statm").read_text().split()[1])
        resident = n_pages * os.sysconf("SC_PAGE_SIZE")
    with contextlib.suppress(OSError):
        files = len(list((proc / "self/fd").iterdir()))
    return Footprint(resident, files)


def _written(block: Path) -> int | None:
    try:
        return int((block / "stat").read_text().split()[_SECTORS_WRITTEN]) * SECTOR_BYTES
    except (OSError, ValueError, IndexError):
        return None


def _wear(block: Path) -> tuple[int | None, str | None]:
    """What an eMMC says; its files lie with the card, of which a partition is a part."""
    for place in (block / "device", block / "../device"):
        life = _hex_words(place / "life_time")
        if life:
            spare = _hex_words(place / "pre_eol_info")
            # 1: up to 10 % … 10: up to 100 %, 11: beyond; of two kinds of memory the worse.
            used_pct = max(life) * 10 if max(life) else None
            return used_pct, _PRE_EOL.get(spare[0]) if spare else None
    return None, None


def _hex_words(path: Path) -> list[int]:
    try:
        return [int(word, 16) for word in path.read_text().split()]
    except (OSError, ValueError):
        return []
