"""Events that somebody must look into, and the queue that they make."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

from cloud_sync.contract import events as ev
from cloud_sync.store.exception_lists import Wanted, read_exceptions
from cloud_sync.store.exception_queue import note_events
from cloud_sync.store.ports import Database
from tests.fakes.uploads import Book, make_line

ASN = ev.Document(type="asn", id="ASN-1")


def flagged(number: int, *flags: str, at_us: int = 1000) -> ev.Event:
    """A receipt that somebody must look into."""
    event = Book().record(
        number=number, lines=(make_line("@supplier", "DOCK", 5, lot="L1"),), documents=(ASN,),
        at_us=at_us,
    )  # fmt: skip
    return replace(event, flags=flags)


def about(event_type: str, number: int, **members: object) -> ev.Event:
    """An event of another type. members: those of the event, or of its body."""
    event = replace(flagged(number), type=event_type, lines=(), documents=())
    own = {name: it for name, it in members.items() if name in {"cause", "corrects", "zone"}}
    body = {name: it for name, it in members.items() if name not in own}
    return replace(event, body=body, **own)


async def queue(database: Database) -> list[dict[str, object]]:
    wanted = Wanted(within=None, state="open", limit=100)
    found, place = await database.read(partial(read_exceptions, wanted=wanted))
    assert place is None
    return found


async def note(database: Database, events: Sequence[ev.Event]) -> None:
    await database.transact(partial(note_events, warehouse="W1", gateway="gw-W1", events=events))
