# tidy: table
# ruff: noqa: E501 -- a table reads better with one mutant a line
"""Ways in which a good history can go wrong, each with the invariant that must notice.

A mutant changes copies of a real run's files: journal.db, cloud.db, devices.jsonl, status.json,
gateway.log. Where `rechained`, the journal's links are made to fit again, so that the chain
alone cannot be what notices.
"""

from __future__ import annotations

import contextlib
import json
import os
import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.auditor.journal_rules import next_link

Json = dict[str, object]


@dataclass(frozen=True)
class Mutant:
    """change: what is done to the files in a directory. rule: the invariant it breaks."""

    name: str
    rule: int
    change: Callable[[Path], None]


@contextlib.contextmanager
def _database(path: Path) -> Iterator[sqlite3.Connection]:
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.execute("drop index if exists received_event")
        yield connection
        if connection.total_changes == 0:
            raise AssertionError("the mutant changed nothing")
        connection.commit()


def journal(*statements: str) -> Callable[[Path], None]:
    """Run SQL on the journal."""
    return lambda directory: _run(directory / "journal.db", statements)


def cloud(*statements: str) -> Callable[[Path], None]:
    """Run SQL on the cloud's database."""
    return lambda directory: _run(directory / "cloud.db", statements)


def _run(path: Path, statements: tuple[str, ...]) -> None:
    with _database(path) as connection:
        for statement in statements:
            if connection.execute(statement).rowcount == 0:
                raise AssertionError(f"changed nothing: {statement}")


def rechained(*statements: str) -> Callable[[Path], None]:
    """Run SQL on the journal, then make all links fit again."""

    def change(directory: Path) -> None:
        _run(directory / "journal.db", statements)
        _rechain(directory)

    return change


def _rechain(directory: Path) -> None:
    with _database(directory / "journal.db") as connection:
        ((link,),) = connection.execute("select value from meta where key = 'base_link'")
        link = bytes.fromhex(link)
        for seq, body in connection.execute(
            "select seq, body from journal order by seq"
        ).fetchall():
            link = next_link(link, seq, body)
            connection.execute("update journal set chain = ? where seq = ?", (link, seq))


def event(kind: str, edit: Callable[[Json], None]) -> Callable[[Path], None]:
    """Edit the bytes of the first event of a kind, and rechain."""

    def change(directory: Path) -> None:
        with _database(directory / "journal.db") as connection:
            seq, raw = connection.execute(
                "select seq, body from journal where type = ? order by seq limit 1", (kind,)
            ).fetchone()
            body = json.loads(raw)
            edit(body)
            text = json.dumps(body, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
            connection.execute("update journal set body = ? where seq = ?", (text.encode(), seq))
        _rechain(directory)

    return change


def plan(**changes: object) -> Callable[[Path], None]:
    """Change fields of the plan."""

    def edit(body: Json) -> None:
        inner = body["body"]
        assert isinstance(inner, dict)
        for name, value in changes.items():
            assert inner[name] != value
            inner[name] = value

    return event("plan.proposed", edit)


def plan_line(times: int, **changes: object) -> Callable[[Path], None]:
    """Change the plan's first line, and write it so many times."""

    def edit(body: Json) -> None:
        inner = body["body"]
        assert isinstance(inner, dict)
        inner["lines"] = [inner["lines"][0] | changes] * times

    return event("plan.proposed", edit)


def log(edit: Callable[[list[Json]], None]) -> Callable[[Path], None]:
    """Edit the lines of the device log."""

    def change(directory: Path) -> None:
        path = directory / "devices.jsonl"
        lines = [json.loads(line) for line in path.read_text().splitlines()]
        before = json.dumps(lines)
        edit(lines)
        assert json.dumps(lines) != before
        path.write_text("".join(json.dumps(line) + "\n" for line in lines))

    return change


def _receipts(lines: list[Json]) -> list[Json]:
    return [line for line in lines if line["kind"] == "receipt" and line["status"] != "refused"]


def _drop(lines: list[Json], kind: str, seq: int) -> None:
    lines[:] = [line for line in lines if (line["kind"], line.get("seq")) != (kind, seq)]


def _swap_receipts(lines: list[Json]) -> None:
    first, second = [each for each in _receipts(lines) if each["device"] == "pda-1"][:2]
    first["event_id"], second["event_id"] = second["event_id"], first["event_id"]


def _truth(lines: list[Json]) -> list[list[object]]:
    stock = lines[-1]["stock"]
    assert isinstance(stock, list)
    return stock


def intake(**changes: int) -> Callable[[Path], None]:
    """Add to counts of the status report."""

    def change(directory: Path) -> None:
        path = directory / "status.json"
        status = json.loads(path.read_text())
        for name, more in changes.items():
            status["intake"][name] += more
        path.write_text(json.dumps(status))

    return change


def text(name: str, more: str) -> Callable[[Path], None]:
    """Append to a file, which may be new."""

    def change(directory: Path) -> None:
        with (directory / name).open("a") as file:
            file.write(more)

    return change


def _grow_wal(directory: Path) -> None:
    wal = directory / "journal.db-wal"
    wal.touch()
    os.truncate(wal, 65 * 2**20)


LAST = "(select max(seq) from journal)"
GOODS = "(select min(seq) from journal where type = 'goods.received')"
COPY = (
    "insert into journal(seq, event_id, type, occurred_at_us, recorded_at_us, body, chain)"
    " select {last} + 1, {id}, type, occurred_at_us, recorded_at_us, {body}, chain"
    " from journal where seq = {row}"
)
NEW_ID = "00000000-0000-7000-8000-00000000beef"
OTHER_EPOCH = "00000000-0000-7000-8000-0000000000ff"
TAKEN = (
    "insert into received(warehouse, gateway, epoch, seq, status, event_id, type,"
    " received_at_us, link, body) select warehouse, gateway, {epoch}, {seq}, status, {id}, type,"
    " received_at_us, link, body from received where type = 'goods.received' limit 1"
)
SHELF = "where location = 'R-01'"


def _copy_of(kind: str) -> str:
    """SQL: the first row of a kind once more, under another event id."""
    row = f"(select min(seq) from journal where type = '{kind}')"
    body = f"cast(replace(cast(body as text), event_id, '{NEW_ID}') as blob)"
    return COPY.format(last=LAST, id=f"'{NEW_ID}'", body=body, row=row)


MUTANTS = [
    # the journal, with its chain left alone
    Mutant("middle row dropped", 1, journal("delete from journal where seq = 7")),
    Mutant("first row dropped", 1, journal("delete from journal where seq = 1")),
    Mutant("last row dropped", 6, journal(f"delete from journal where seq = {LAST}")),
    Mutant("last row renumbered", 1, journal(f"update journal set seq = seq + 1 where seq = {LAST}")),
    Mutant("bytes edited", 2, journal(f"update journal set body = cast(body || ' ' as blob) where seq = {GOODS}")),
    Mutant("link edited", 2, journal("update journal set chain = zeroblob(16) where seq = 5")),
    Mutant("two rows swapped", 2, journal(
        "update journal set seq = -1 where seq = 6", "update journal set seq = 6 where seq = 7",
        "update journal set seq = 7 where seq = -1")),
    Mutant("id column edited", 1, journal(f"update journal set event_id = '{NEW_ID}' where seq = 6")),
    Mutant("type column edited", 1, journal("update journal set type = 'x' where seq = 6")),
    Mutant("row doubled", 2, journal(COPY.format(last=LAST, id="event_id", body="body", row=GOODS))),
    Mutant("epoch exchanged", 2, journal(
        f"update meta set value = '{OTHER_EPOCH}' where key = 'epoch'")),
    Mutant("gateway exchanged", 2, journal("update meta set value = 'gw-X' where key = 'gateway'")),
    Mutant("base link exchanged", 2, journal(
        "update meta set value = '00112233445566778899aabbccddeeff' where key = 'base_link'")),
    Mutant("pruned too young", 8, journal(
        "update meta set value = (select lower(hex(chain)) from journal where seq = 3)"
        " where key = 'base_link'", "update meta set value = '3' where key = 'base_seq'",
        "delete from journal where seq <= 3")),
    Mutant("pruned beyond a reader", 8, journal(
        "update meta set value = '3' where key = 'base_seq'",
        "update cursor set seq = 2 where consumer = 'planner'")),
    # the journal, with a chain that fits
    Mutant("quantity edited, rechained", 6, event(
        "goods.received", lambda body: body["lines"][0].update(quantity=77))),  # type: ignore[index]
    Mutant("quantity edited, seen in the stock", 9, event(
        "goods.received", lambda body: body["lines"][0].update(quantity=77))),  # type: ignore[index]
    Mutant("scan counted twice", 5, rechained(_copy_of("goods.received"))),
    Mutant("waste counted twice", 5, rechained(_copy_of("stock.wasted"))),
    Mutant("event of another name", 1, rechained(
        f"update journal set event_id = '{NEW_ID}' where seq = {GOODS}")),
    Mutant("last row dropped, cursors with it", 7, rechained(
        f"delete from journal where seq = {LAST}",
        f"update cursor set seq = {LAST} where seq > {LAST}")),
    Mutant("device's number edited", 3, event(
        "goods.received", lambda body: body["device"].update(seq=999))),  # type: ignore[attr-defined]
    # receipts, marks, cursors
    Mutant("receipt forgotten", 3, journal("delete from receipt where device = 'pda-1' and seq = 3")),
    Mutant("all receipts forgotten", 3, journal("delete from receipt")),
    Mutant("receipt moved", 17, journal(
        "update receipt set seq = 4711 where device = 'pda-1' and seq = 3")),
    Mutant("receipt invented", 5, journal(
        "insert into receipt(device, boot, seq, result) values ('pda-9', 'b', 1, x'7b7d')")),
    Mutant("receipt of no row", 17, journal(
        "update receipt set result = cast(replace(cast(result as text), 'event_id\":\"01',"
        " 'event_id\":\"99') as blob) where device = 'pda-1' and seq = 3")),
    Mutant("accepted without event", 17, journal(
        "update receipt set result = cast(replace(cast(result as text), 'event_id', 'event')"
        " as blob) where device = 'pda-1' and seq = 3")),
    Mutant("result of another message", 17, journal(
        "update receipt set result = (select result from receipt where device = 'pda-1'"
        " and seq = 5) where device = 'pda-1' and seq = 3")),
    Mutant("refused scan forgotten", 3, journal(
        "delete from quarantine", "delete from receipt where device = 'pda-1' and seq = 12")),
    Mutant("mark lowered", 5, journal("update device_mark set highest = 2 where device = 'pda-1'")),
    Mutant("mark lost", 5, journal("delete from device_mark where device = 'pda-2'")),
    Mutant("acknowledged what is not there", 6, journal(
        "update cursor set seq = 9999 where consumer = 'uplink'")),
    Mutant("uplink behind", 15, journal("update cursor set seq = 4 where consumer = 'uplink'")),
    Mutant("planner behind", 15, journal("update cursor set seq = 4 where consumer = 'planner'")),
    Mutant("projector behind its stock", 9, journal(
        f"update cursor set seq = {GOODS} where consumer = 'projector'")),
    Mutant("edge stock edited", 9, journal(f"update stock set quantity = quantity + 1 {SHELF}")),
    Mutant("edge stock row lost", 10, journal(f"delete from stock {SHELF}")),
    Mutant("edge stock invented", 10, journal(
        "insert into stock values ('J1', 'R-99', '09506000134352', '', 'available', 'EA', 3)")),
    Mutant("edge stock negative", 10, journal(f"update stock set quantity = -5 {SHELF}")),
    Mutant("secret set aside", 18, journal(
        "insert into quarantine(device, received_at_us, kind, reason, raw) values"
        " ('pda-1', 1, 'x', 'x', cast('-----BEGIN PRIVATE KEY-----' as blob))")),
    # plans
    Mutant("plan without quantity", 12, plan_line(1, quantity=0)),
    Mutant("plan of half a piece", 12, plan_line(1, quantity=1.5)),
    Mutant("plan orders twice", 12, plan_line(2)),
    Mutant("plan from the future", 12, plan(based_on_seq=9999)),
    Mutant("plan from nothing", 12, plan(based_on_seq=0)),
    Mutant("plan for another warehouse", 12, plan(warehouse="J2")),
    Mutant("plan from old stock", 12, journal(
        "update journal set recorded_at_us = recorded_at_us + 3600000000"
        " where type = 'plan.proposed'")),
    Mutant("trigger passed over", 13, plan(triggers=[])),
    Mutant("plan for no trigger", 13, plan(triggers=[NEW_ID])),
    Mutant("plan proposed twice", 13, rechained(_copy_of("plan.proposed"))),
    Mutant("trigger fired twice", 13, rechained(_copy_of("replenishment.triggered"))),
    # the cloud
    Mutant("cloud lost a row", 7, cloud("delete from received where seq = 7")),
    Mutant("cloud lost an acknowledged row", 6, cloud("delete from received where seq = 7")),
    Mutant("cloud lost its first row", 7, cloud("delete from received where seq = 1")),
    Mutant("cloud lost its end", 6, cloud(
        "delete from received where seq = (select max(seq) from received)")),
    Mutant("cloud's bytes edited", 2, cloud("update received set body = cast(body || ' ' as blob) where seq = 7")),
    Mutant("cloud's link edited", 6, cloud("update received set link = zeroblob(16) where seq = 7")),
    Mutant("cloud's head edited", 2, cloud("update epochs set head = zeroblob(16)")),
    Mutant("cloud's cursor too low", 7, cloud("update epochs set seq = seq - 1")),
    Mutant("cloud counted twice", 7, cloud(TAKEN.format(
        epoch=f"'{OTHER_EPOCH}'", seq=1, id="event_id"))),
    Mutant("cloud has what nobody sent", 7, cloud(TAKEN.format(
        epoch="epoch", seq=9999, id=f"'{NEW_ID}'"))),
    Mutant("row set aside, effect kept", 9, cloud(
        "update received set status = 'quarantined' where type = 'goods.received' and seq ="
        " (select min(seq) from received where type = 'goods.received')")),
    Mutant("ended epoch goes on", 14, cloud(
        TAKEN.format(epoch=f"'{OTHER_EPOCH}'", seq=1, id="'a'"),
        TAKEN.format(epoch="epoch", seq=9999, id="'b'"))),
    Mutant("cloud stock edited", 9, cloud(f"update stock set quantity = quantity + 1 {SHELF}")),
    Mutant("cloud stock not the truth", 11, cloud(f"update stock set quantity = 50 {SHELF}")),
    Mutant("cloud stock row lost", 10, cloud(f"delete from stock {SHELF}")),
    Mutant("row under another warehouse", 18, cloud(
        "update received set warehouse = 'J2' where seq = 7")),
    Mutant("gateway moved to another warehouse", 18, cloud("update gateways set warehouse = 'J2'")),
    # the devices' own log
    Mutant("receipt before the commit", 4, log(
        lambda lines: _receipts(lines)[3].update(committed_seq=2))),
    Mutant("receipt names no event", 3, log(lambda lines: _receipts(lines)[3].update(event_id=NEW_ID))),
    Mutant("receipts exchanged", 3, log(_swap_receipts)),
    Mutant("receipt for what was not sent", 3, log(lambda lines: _drop(lines, "sent", 3))),
    Mutant("scan never answered", 15, log(lambda lines: _drop(lines, "receipt", 3))),
    Mutant("two answers to one scan", 5, log(
        lambda lines: lines.insert(-1, _receipts(lines)[3] | {"event_id": NEW_ID}))),
    Mutant("scan from nowhere", 15, log(lambda lines: lines.insert(
        0, {"kind": "sent", "device": "pda-1", "boot": "b", "seq": 1}))),
    Mutant("truth has more", 11, log(lambda lines: _truth(lines)[0].__setitem__(-1, 99))),
    Mutant("truth has less", 11, log(lambda lines: _truth(lines).pop())),
    # accounts, files, logs
    Mutant("message unaccounted for", 17, intake(received=1)),
    Mutant("duplicate not counted", 17, intake(duplicate=-1)),
    Mutant("temporary file left", 16, text("journal.db.tmp", "x")),
    Mutant("log of 65 MiB", 16, _grow_wal),
    Mutant("token in a log", 18, text("gateway.log", "Authorization: Bearer abc")),
    Mutant("the gateway's own token in a log", 18, text("gateway.log", "s3cret-of-this-run")),
]  # fmt: skip
