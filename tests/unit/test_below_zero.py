"""Pins what is shown of a balance below zero: the events since it was last none, oldest first."""

import sqlite3

import pytest

from cloud_sync.contract import events as ev
from cloud_sync.inventory.stock import StockKey
from gateway.journal.below_zero import taken_below_zero
from tests.fakes.uploads import ITEM, make_line

KEY = StockKey("J1", "R-1", ITEM, "L1", "available", "EA")


def event(number: int, kind: str, *lines: ev.Line, **body: object) -> ev.Event:
    return ev.Event(
        event_id=f"00000000-0000-7000-8000-{number:012x}", type=kind, version=1,
        occurred_at_us=number, received_at_us=number, warehouse="J1", lines=lines, body=body,
    )  # fmt: skip


def into(number: int, quantity: int, lot: str = "L1") -> ev.Event:
    return event(number, ev.GOODS_RECEIVED, make_line("@supplier", "R-1", quantity, lot=lot))


def out(number: int, quantity: int, lot: str = "L1") -> ev.Event:
    return event(number, ev.GOODS_PICKED, make_line("R-1", "PACK", quantity, lot=lot))


def counted(number: int, quantity: int) -> ev.Event:
    found = {"item": ITEM, "location": "R-1", "lot": "L1", "quantity": quantity}
    return event(number, ev.COUNT_OBSERVED, assertions=[found])


def swept(number: int) -> ev.Event:
    return event(number, ev.COUNT_OBSERVED, exhaustive=True, scope={"location": "R-1"})


@pytest.mark.parametrize(
    ("rows", "balance", "shown"),
    [
        ([out(1, 3)], -3, [(1, "-3 EA")]),
        ([into(1, 5), out(2, 4), out(3, 4)], -3, [(3, "-4 EA")]),
        ([out(1, 3), into(2, 1), out(3, 2)], -4, [(1, "-3 EA"), (2, "+1 EA"), (3, "-2 EA")]),
        ([out(1, 3), into(2, 3), out(3, 2)], -2, [(3, "-2 EA")]),
        ([out(1, 3), counted(2, 0), out(3, 1)], -1, [(3, "-1 EA")]),
        ([out(1, 3), swept(2), out(3, 1)], -1, [(3, "-1 EA")]),
        ([out(1, 3), out(2, 9, lot="L2")], -3, [(1, "-3 EA")]),
        ([into(1, 3)], 3, []),
        ([], -3, []),
    ],
)
def test_what_took_more_than_there_was_is_shown(
    rows: list[ev.Event], balance: int, shown: list[tuple[int, str]]
) -> None:
    connection = sqlite3.connect(":memory:")
    connection.execute("create table journal(seq integer primary key, body blob not null)")
    connection.executemany(
        "insert into journal(body) values (?)", [(ev.encode_event(it),) for it in rows]
    )
    found = taken_below_zero(connection, KEY, balance)
    assert [(it["at_us"], it["detail"]) for it in found] == shown
    connection.close()
