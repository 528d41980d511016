"""What devices were told, held against what the rows say was received.

Receipts, ranges and marks have no checksum of their own, and they decide what counts: a key that
was changed on the disk would have a repeat count twice, or a new message taken for a repeat and
lost. But what they say is said elsewhere too. The event of a numbered message names its device,
boot and number, in bytes that the chain covers; the result that a receipt keeps names boot and
number; and no receipt is above its boot's mark. So a change in one of them is found, and mended,
from the others.

What is not found: a changed word in a result that names the right number (a device may be told it
once), and a lost receipt of a message that made no event, which counted nothing and counts
nothing again.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby, islice
from typing import Final

from gateway.errors import JournalCorrupt
from gateway.journal.forgetting import merged
from gateway.journal.proof import said_in
from gateway.journal.rows import BELOW_THE_FLOOR, IN_A_RANGE, as_bytes, as_int
from gateway.journal.table_sums import Querying
from gateway.ports import ReceiptKey

KEYS_AT_ONCE: Final = 1000
BEFORE_ALL: Final = ReceiptKey("", "", 0)
"""Below every receipt: devices have names."""
RECEIPTS: Final = (
    "select device, boot, seq, result from receipt where (device, boot, seq) > (?, ?, ?)"
    " order by device, boot, seq limit ?"
)
_UNKNOWN: Final = (
    "with key as (select json_extract(value, '$[0]') as device,"  # noqa: S608 -- our own words
    " json_extract(value, '$[1]') as boot, json_extract(value, '$[2]') as seq from json_each(?))"
    " select device, boot, seq from key where seq > coalesce((select highest"
    " from device_mark as mark where mark.device = key.device and mark.boot = key.boot), -1)"
    " or not exists (select 1 from receipt as told where told.device = key.device"
    " and told.boot = key.boot and told.seq = key.seq)"
    f" and not {IN_A_RANGE} and not {BELOW_THE_FLOOR}"
)
_LOW_MARKS: Final = (
    "select device, boot, highest from device_mark as mark where highest < (select max(seq)"
    " from receipt as told where told.device = mark.device and told.boot = mark.boot)"
)
_RANGES: Final = "select first, last from received_range where device = ? and boot = ?"
_HAS_ALL: Final = "select 1 from sqlite_master where type = 'table' and name = 'received_floor'"
_MARKS_OF_ALL: Final = (
    "insert into device_mark(device, boot, highest)"
    " select device, boot, max(seq) from (select device, boot, seq from receipt"
    " union all select device, boot, last from received_range) where true group by device, boot"
    " on conflict(device, boot) do update set highest = max(highest, excluded.highest)"
)


def key_of(body: bytes) -> ReceiptKey | None:
    """Whose message an event was made of; None for one that numbers nothing."""
    return key_in(said_in(body))


def key_in(said: object) -> ReceiptKey | None:
    """The same, of what is in the event's bytes."""
    match said:
        case {"device": {"id": str() as device, "boot": str() as boot, "seq": int() as seq}}:
            return ReceiptKey(device, boot, seq)
    return None


def told_key(receipt: ReceiptKey, result: bytes) -> ReceiptKey | None:
    """What message a receipt's result answers; None if it is no result.

    Results of the first versions name no boot, those of tags that were read no number either; what
    a result does not name is the receipt's.
    """
    try:
        said = json.loads(result)
    except ValueError:
        return None
    match said:
        case {"seq": int() as seq, **rest}:
            return ReceiptKey(receipt.device, str(rest.get("boot", receipt.boot)), seq)
        case {"status": str()}:
            return receipt
    return None


# ------------------------------------------------------------ find


async def refuse_unreceived(
    database: Querying, keys: Iterable[ReceiptKey | None], place: object
) -> None:
    """Raise JournalCorrupt if the message of a row is not known as received."""
    for part in _in_parts(filter(None, keys)):
        for found in await database.query(_UNKNOWN, (_as_json(part),)):
            raise JournalCorrupt(f"{place}: {_unknown(found)}")


async def refuse_low_marks(database: Querying, place: object) -> None:
    """Raise JournalCorrupt if a boot's mark is below one of its receipts."""
    for device, boot, highest in await database.query(_LOW_MARKS):
        raise JournalCorrupt(f"{place}: {_low(device, boot, highest)}")


async def refuse_wrong_receipts(
    database: Querying, after: ReceiptKey, n_receipts: int, place: object
) -> ReceiptKey | None:
    """Look at the next receipts; gives the last, None at the end. Raises JournalCorrupt."""
    found = results_by_key(await database.query(RECEIPTS, (*after, n_receipts)), place)
    return list(found)[-1] if len(found) == n_receipts else None


def results_by_key(rows: Iterable[Sequence[object]], place: object) -> dict[ReceiptKey, bytes]:
    """The results of receipts. Raises JournalCorrupt if one answers another message."""
    found: dict[ReceiptKey, bytes] = {}
    for device, boot, seq, result in rows:
        key = ReceiptKey(str(device), str(boot), as_int(seq))
        if told_key(key, as_bytes(result)) != key:
            raise JournalCorrupt(f"{place}: {_wrong(key)}")
        found[key] = as_bytes(result)
    return found


class Unreceived:
    """Notes whose messages the rows are, and tells those not known as received, as they go by.

    An older version, which has not all the tables, is not looked at.
    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._keys: list[ReceiptKey] = []
        self._found: list[str] = []
        self._error: sqlite3.Error | UnicodeDecodeError | None = None

    def note(self, key: ReceiptKey | None) -> None:
        """The message of the next row."""
        if key is not None:
            self._keys.append(key)
        if len(self._keys) >= KEYS_AT_ONCE:
            self._ask()

    def _ask(self) -> None:
        keys, self._keys = self._keys, []
        try:
            if self._connection.execute(_HAS_ALL).fetchall():
                unknown = self._connection.execute(_UNKNOWN, (_as_json(keys),))
                self._found += map(_unknown, unknown)
        except (
            sqlite3.Error,
            UnicodeDecodeError,
        ) as error:  # of the receipts, not of the rows that go by
            self._error = error

    def problems(self) -> Iterator[str]:
        """What does not fit, of the rows noted and of all receipts. Raises sqlite3.Error."""
        self._ask()
        if self._error is not None:
            raise self._error
        yield from self._found
        if not self._connection.execute(_HAS_ALL).fetchall():
            return
        yield from (_low(*found) for found in self._connection.execute(_LOW_MARKS))
        for key, told in _answered(self._connection):
            if told != key:
                yield _wrong(key)


def _answered(
    connection: sqlite3.Connection,
) -> Iterator[tuple[ReceiptKey, ReceiptKey | None]]:
    """Each receipt's key, and that of the message it answers; in short statements."""
    after: tuple[str, str, int] = BEFORE_ALL
    while rows := connection.execute(RECEIPTS, (*after, KEYS_AT_ONCE)).fetchall():
        for device, boot, seq, result in rows:
            key = ReceiptKey(device, boot, seq)
            yield key, told_key(key, result)
        after = rows[-1][:3]


def _in_parts(keys: Iterable[ReceiptKey]) -> Iterator[list[ReceiptKey]]:
    each = iter(keys)
    while part := list(islice(each, KEYS_AT_ONCE)):
        yield part


def _as_json(keys: Sequence[ReceiptKey]) -> str:
    return json.dumps(keys)


def _unknown(key: Sequence[object]) -> str:
    return f"message {_name(key)} has its row and is not known as received"


def _low(device: object, boot: object, highest: object) -> str:
    return f"the mark of {device}, boot {boot}, is {highest}, below its receipts"


def _wrong(key: Sequence[object]) -> str:
    return f"the receipt of {_name(key)} answers another message"


def _name(key: Sequence[object]) -> str:
    device, boot, seq = key
    return f"{device}/{boot}/{seq}"


# ------------------------------------------------------------ mend


def mend(connection: sqlite3.Connection) -> list[str]:
    """Make receipts, ranges and marks of a rebuilt journal fit its rows; says what was done.

    A receipt that answers another message leaves, and the message that it answers counts as
    received. So does each message that has a row. The result itself cannot be had again: its
    device will be told `duplicate`.
    """
    notes: list[str] = []
    differing = [(key, told) for key, told in _answered(connection) if told != key]
    wrong = [key for key, _ in differing]
    came = [told or key for key, told in differing]
    connection.executemany("delete from receipt where device = ? and boot = ? and seq = ?", wrong)
    if wrong:
        notes.append(f"{len(wrong)} receipts answered other messages than their own")
    connection.execute(_MARKS_OF_ALL)
    bodies = (body for (body,) in connection.execute("select body from journal order by seq"))
    n_unknown = 0
    for keys in _in_parts(filter(None, map(key_of, bodies))):
        unknown = connection.execute(_UNKNOWN, (_as_json(keys),)).fetchall()
        n_unknown += len(unknown)
        came += (ReceiptKey(*found) for found in unknown)
    if n_unknown:
        notes.append(f"{n_unknown} messages had rows and were not known as received")
    _receive(connection, came)
    connection.execute(_MARKS_OF_ALL)
    return notes


def _receive(connection: sqlite3.Connection, keys: Iterable[ReceiptKey]) -> None:
    """Have these numbers in the ranges."""
    for (device, boot), group in groupby(sorted(set(keys)), key=lambda key: key[:2]):
        held = connection.execute(_RANGES, (device, boot)).fetchall()
        spans = merged([*held, *((key.seq, key.seq) for key in group)])
        connection.execute(
            "delete from received_range where device = ? and boot = ?", (device, boot)
        )
        connection.executemany(
            "insert into received_range(device, boot, first, last) values (?, ?, ?, ?)",
            [(device, boot, *span) for span in spans],
        )
