"""Putting a rebuilt journal in the place of the old one, in steps that a kill may interrupt.

    journal.db.building   being written; worth nothing, removed at the next start
    journal.db.ready      whole and synced; the switch is decided
    damaged-TIME/         the old file with its log, as they were found; never removed by us
    journal.damaged       a note that the file must be checked whole before it is used again

The rename to `.ready` decides. From then on every start first finishes the switch: what is still
there of the old journal moves aside, then `.ready` becomes the journal. A database must not be
seen without its log: the log holds the newest rows.
"""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from gateway.errors import JournalError
from gateway.journal.connection import FILE
from gateway.journal.durable import hand_over, sync_directory
from gateway.journal.salvage import Occasion, Salvage, read_salvage, rebuild

logger = logging.getLogger(__name__)

BUILDING: Final = FILE + ".building"
READY: Final = FILE + ".ready"
NOTE: Final = "journal.damaged"
ASIDE: Final = "damaged-"
PARTS: Final = (FILE, FILE + "-wal", FILE + "-shm")


def note_damage(state_dir: Path, what: str) -> None:
    """Have the next start check the whole file. If the disk takes no note, the log says so."""
    try:
        (state_dir / NOTE).write_text(what + "\n", encoding="utf-8")
        sync_directory(state_dir)
    except OSError as error:
        logger.error(
            "damage not noted", extra={"action": "damage_unnoted", "reason": error.strerror}
        )


def read_note(state_dir: Path) -> str | None:
    """What was noted; None if nothing was."""
    try:
        return (state_dir / NOTE).read_text(encoding="utf-8", errors="replace").strip()
    except FileNotFoundError:
        return None


def drop_note(state_dir: Path) -> None:
    """The file was found sound, or replaced."""
    (state_dir / NOTE).unlink(missing_ok=True)


def replace_journal(
    state_dir: Path, *, gateway: str, cause: str, at_us: int, epoch: str
) -> Salvage:
    """Set the journal aside and put what can be salvaged of it in its place. Blocks."""
    kept = _free_name(state_dir, at_us)
    occasion = Occasion(gateway, epoch, cause, at_us, kept)
    found = _build(state_dir / FILE, state_dir, occasion)
    finish_switch(state_dir)
    return found


def restore_journal(
    backup: Path, state_dir: Path, *, gateway: str, at_us: int, epoch: str
) -> Salvage:
    """Make the journal out of a backup. Blocks. Raises JournalError if there is a journal."""
    there = [name for name in (*PARTS, READY) if (state_dir / name).exists()]
    if there:
        raise JournalError(
            f"{state_dir / there[0]}: exists; a journal is never overwritten: move it away first"
        )
    occasion = Occasion(gateway, epoch, f"restored from {backup.name}", at_us, "")
    found = _build(backup, state_dir, occasion)
    finish_switch(state_dir)
    return found


def _build(source: Path, state_dir: Path, occasion: Occasion) -> Salvage:
    building = state_dir / BUILDING
    building.unlink(missing_ok=True)
    try:
        found = rebuild(source, building, occasion)
    except BaseException:
        building.unlink(missing_ok=True)
        raise
    hand_over(building, state_dir.stat())
    building.rename(state_dir / READY)
    sync_directory(state_dir)
    return found


def finish_switch(state_dir: Path) -> bool:
    """Finish a switch that was decided; True if there was one. Safe to run at every start."""
    (state_dir / BUILDING).unlink(missing_ok=True)
    ready = state_dir / READY
    if not ready.exists():
        return False
    aside = state_dir / (read_salvage(ready).kept or f"{ASIDE}unnamed")
    for part in PARTS:
        if (state_dir / part).exists():
            aside.mkdir(mode=0o700, exist_ok=True)
            (state_dir / part).rename(aside / part)
    if aside.is_dir():
        sync_directory(aside)
    sync_directory(state_dir)
    ready.rename(state_dir / FILE)
    drop_note(state_dir)
    sync_directory(state_dir)
    return True


def _free_name(state_dir: Path, at_us: int) -> str:
    at = datetime.fromtimestamp(at_us / 1_000_000, UTC).strftime("%Y%m%dT%H%M%SZ")
    name, n = f"{ASIDE}{at}", 1
    while (state_dir / name).exists():
        n += 1
        name = f"{ASIDE}{at}-{n}"
    return name
