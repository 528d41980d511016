"""What opening a journal does about damage: look for it when it was noted, and salvage."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from functools import partial
from pathlib import Path

from cloud_sync.contract.keys import make_uuid7
from gateway.errors import JournalCorrupt
from gateway.journal.connection import FILE
from gateway.journal.inspection import first_problem
from gateway.journal.switch import drop_note, note_damage, read_note, replace_journal
from gateway.ports import Clock

logger = logging.getLogger(__name__)


async def check_if_noted(state_dir: Path) -> None:
    """Check the whole file if the run before found damage in it. Raises JournalCorrupt."""
    noted = read_note(state_dir)
    if noted is None or not (state_dir / FILE).exists():
        return
    problem = await asyncio.to_thread(first_problem, state_dir / FILE)
    if problem is not None:
        raise JournalCorrupt(f"{state_dir / FILE}: {problem}")
    drop_note(state_dir)
    logger.warning(
        "noted damage is not in the file", extra={"action": "damage_not_found", "noted": noted}
    )


async def salvage(
    state_dir: Path,
    gateway: str,
    cause: str,
    clock: Clock,
    random_bytes: Callable[[int], bytes],
) -> None:
    """Set the damaged journal aside and put a new one, of a new epoch, in its place."""
    logger.error("journal damaged", extra={"action": "journal_damaged", "reason": cause})
    replace = partial(
        replace_journal,
        state_dir,
        gateway=gateway,
        cause=cause,
        at_us=clock.wall_us(),
        epoch=make_uuid7(clock.wall_us() // 1000, random_bytes(10)),
    )
    found = await asyncio.to_thread(replace)
    logger.error(
        "journal salvaged",
        extra={
            "action": "journal_salvaged",
            "rows": found.n_rows,
            "missing": found.n_missing,
            "lost": found.n_lost,
            "kept": found.kept,
            "epoch": found.new_epoch,
        },
    )


def _first(group: BaseExceptionGroup[BaseException]) -> str:
    error: BaseException = group
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return str(error)


def note_if_damage(state_dir: Path, error: BaseException) -> None:
    """Have the next opening look for the damage that ended this one."""
    group = error if isinstance(error, BaseExceptionGroup) else BaseExceptionGroup("", [error])
    damage = group.subgroup(JournalCorrupt)
    if damage is not None:
        note_damage(state_dir, _first(damage))
