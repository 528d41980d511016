"""Takes in what a person at the gateway says about an exception, also while the uplink is down.

`forepost-gateway exceptions resolve` leaves a file named by a new event's id, with the word in it,
in the directory `resolve` of the state directory. The running gateway writes the event
`exception.resolved` under that id, and the file leaves when the event is durable; taken twice,
after a crash, it is written once. The queue and whatever the word asks to be done follow from the
event (services/exception_keeper.py), here and in the cloud.
"""

from __future__ import annotations

import json
import logging
from pathlib import Path
from re import compile as pattern
from typing import Final, Protocol

from cloud_sync.contract import events as ev
from cloud_sync.contract import keys
from cloud_sync.contract.version import EVENT_VERSION
from cloud_sync.inventory.exceptions import Word, word_body, word_in
from gateway.core.resolving import refusal_of
from gateway.journal.durable import put_file
from gateway.journal.ledger_tables import Reader, find_rows
from gateway.ports import Clock, Draft, Entry, Journal
from gateway.services.following import rest
from gateway.services.supervisor import Heartbeats

logger = logging.getLogger(__name__)

DIRECTORY: Final = "resolve"
CONSUMER: Final = "resolving"
TICK_S: Final = 2.0
_IS_NAME: Final = pattern(keys.UUID_PATTERN).match


class ReadableJournal(Journal, Reader, Protocol):
    """A journal whose tables can be asked."""


class Resolving:
    """One gateway's."""

    def __init__(
        self,
        *,
        journal: ReadableJournal,
        warehouse: str,
        state_dir: Path,
        clock: Clock,
        heartbeats: Heartbeats,
    ) -> None:
        self._journal = journal
        self._warehouse = warehouse
        self._directory = state_dir / DIRECTORY
        self._clock = clock
        self._heartbeats = heartbeats

    async def run(self) -> None:
        """Look for words for ever."""
        self._heartbeats.beat(CONSUMER)
        while True:
            for path in words_in(self._directory):
                self._heartbeats.beat(CONSUMER)
                await self._take(path)
                path.unlink(missing_ok=True)
            await rest(TICK_S, consumer=CONSUMER, heartbeats=self._heartbeats)

    async def _take(self, path: Path) -> None:
        """Return when the word is durable, or will never be."""
        if await find_rows(self._journal, [path.name]):
            return
        now_us = self._clock.wall_us()
        try:
            event = ev.Event(
                event_id=path.name,
                type=ev.EXCEPTION_RESOLVED,
                version=EVENT_VERSION,
                occurred_at_us=now_us,
                received_at_us=now_us,
                warehouse=self._warehouse,
                body=_read(path),
            )
            said = word_in(event)
        except (OSError, ValueError) as error:
            _refused(path, str(error))
            return
        refusal = "it says nothing" if said is None else refusal_of(said)
        if refusal is not None:
            _refused(path, refusal)
            return
        draft = Draft(event.event_id, event.type, now_us, ev.encode_event(event))
        await self._journal.append([Entry(drafts=(draft,))])
        logger.info("exception resolved", extra={"action": "exception_resolved", "id": path.name})


def _read(path: Path) -> dict[str, object]:
    """A word's body. Raises OSError, ValueError."""
    body = json.loads(path.read_text(encoding="utf-8"))
    if not isinstance(body, dict):
        raise ValueError("no word in it")
    return body


def _refused(path: Path, reason: str) -> None:
    logger.warning(
        "word not taken",
        extra={"action": "resolve_failed", "id": path.name, "reason": reason},
    )


def words_in(directory: Path) -> list[Path]:
    """The words that wait, the oldest first. A look at a small directory: no thread for it."""
    if not directory.is_dir():
        return []
    return sorted(path for path in directory.iterdir() if _IS_NAME(path.name))


def leave_word(directory: Path, said: Word) -> None:
    """Leave a word for the running gateway, or for its next start. Raises OSError."""
    put_file(directory / said.word, json.dumps(word_body(said)).encode())
