"""Pins what a batch leaves behind: each event once, repeats told from forks, poison set aside."""

from __future__ import annotations

from functools import partial

import pytest

from cloud_sync.contract import events as ev
from cloud_sync.inbox.admission import LEASE_US, Refusal, read_events
from cloud_sync.inbox.wire import Upload, parse_upload
from cloud_sync.store import queries
from cloud_sync.store.batches import Taken, Taking
from cloud_sync.store.ports import Database, Transaction
from tests.fakes.uploads import EPOCH, EPOCH_2, ITEM, Book, changed, make_line

pytestmark = pytest.mark.usefixtures("tokens")


async def send(
    database: Database, upload: Upload, *, warehouse: str = "W1", now_us: int = 10
) -> Taken | Refusal:
    return await database.transact(taking_of(upload, warehouse=warehouse, now_us=now_us))


def taking_of(upload: Upload, *, warehouse: str = "W1", now_us: int = 10) -> Taking:
    return Taking(
        gateway=upload.batch.gateway,
        warehouse=warehouse,
        upload=upload,
        now_us=now_us,
        events=read_events(upload, warehouse),
    )


async def taken(database: Database, upload: Upload, **how: object) -> Taken:
    outcome = await send(database, upload, **how)  # type: ignore[arg-type]  # passed through
    assert isinstance(outcome, Taken), outcome
    return outcome


async def refused(database: Database, upload: Upload, **how: object) -> Refusal:
    outcome = await send(database, upload, **how)  # type: ignore[arg-type]  # passed through
    assert isinstance(outcome, Refusal), outcome
    return outcome


async def stock_of(database: Database) -> dict[str, int]:
    rows = await database.read(
        partial(queries.read_stock, warehouse=None, item=None, with_virtual=True)
    )
    return {str(row["location"]): int(str(row["quantity"])) for row in rows}


async def seqs_of(database: Database) -> list[int]:
    wanted = queries.EventFilter(None, None, None, None, 0, 0, 1000)
    events, _ = await database.read(partial(queries.read_events, wanted=wanted))
    return [int(str(event["seq"])) for event in events]


def statuses(outcome: Taken) -> list[str]:
    return [event.status for event in outcome.answer.events]


@pytest.fixture
def book() -> Book:
    it = Book()
    for quantity in (5, 7, 11):
        it.receive(quantity)
    return it


async def test_rows_come_in_and_move_stock(database: Database, book: Book) -> None:
    outcome = await taken(database, book.upload())
    assert outcome.answer.acknowledged_seq == 3
    assert statuses(outcome) == ["accepted"] * 3
    assert await stock_of(database) == {"@supplier": -23, "DOCK": 23}


async def test_a_batch_sent_again_changes_nothing(database: Database, book: Book) -> None:
    await taken(database, book.upload())
    again = await taken(database, book.upload())
    assert statuses(again) == ["duplicate"] * 3
    assert again.answer.acknowledged_seq == 3
    assert await stock_of(database) == {"@supplier": -23, "DOCK": 23}


@pytest.mark.parametrize("first", [1, 2, 3])
async def test_an_overlap_is_skipped(database: Database, book: Book, first: int) -> None:
    await taken(database, book.upload(1, 2))
    outcome = await taken(database, book.upload(first, 3))
    assert statuses(outcome) == ["duplicate"] * (3 - first) + ["accepted"]
    assert await seqs_of(database) == [1, 2, 3]


async def test_a_gap_is_answered_with_the_seq_to_send(database: Database, book: Book) -> None:
    await taken(database, book.upload(1, 1))
    refusal = await refused(database, book.upload(3, 3))
    assert (refusal.code, refusal.expected_seq) == ("gap", 2)
    assert await seqs_of(database) == [1]


async def test_an_unknown_journal_starts_at_its_first_row(database: Database, book: Book) -> None:
    refusal = await refused(database, book.upload(2, 3))
    assert (refusal.code, refusal.expected_seq) == ("gap", 1)


async def test_an_empty_batch_is_a_sign_of_life(database: Database, book: Book) -> None:
    await taken(database, book.upload(1, 3))
    outcome = await taken(database, book.upload(4, 3))
    assert outcome.answer.acknowledged_seq == 3


# ------------------------------------------------------------------ forks


@pytest.mark.parametrize("fork_at", [1, 2, 3])
async def test_a_fork_is_named_at_its_first_row(
    database: Database, book: Book, fork_at: int
) -> None:
    await taken(database, book.upload())
    other = Book(bodies=list(book.bodies[: fork_at - 1]))
    while len(other.bodies) < 4:
        other.receive(99, number=1000 + len(other.bodies))
    refusal = await refused(database, other.upload())
    assert refusal.code == "forked"
    assert f"row {fork_at} " in refusal.message
    assert await stock_of(database) == {"@supplier": -23, "DOCK": 23}


async def test_a_fork_behind_the_cursor_shows_in_the_chain(database: Database, book: Book) -> None:
    await taken(database, book.upload())
    other = Book(bodies=[*book.bodies[:2], book.bodies[0], book.bodies[1]])
    refusal = await refused(database, other.upload(4, 4))
    assert refusal.code == "forked"


async def test_a_fork_shows_without_the_chain_fields(database: Database, book: Book) -> None:
    await taken(database, book.upload())
    other = Book(bodies=[book.bodies[0], book.bodies[2], book.bodies[1]])
    raw = changed(other.batch(2, 3), chain_before=None, chain_after=None, instance=None)
    assert (await refused(database, parse_upload(raw))).code == "forked"


async def test_bytes_changed_on_the_way_are_not_taken(database: Database, book: Book) -> None:
    raw = book.batch().replace(b'"quantity":7', b'"quantity":8')
    assert (await refused(database, parse_upload(raw))).code == "malformed"
    assert await seqs_of(database) == []


# ------------------------------------------------------------------ one id, one journal


async def test_a_new_epoch_ends_the_one_before(database: Database, book: Book) -> None:
    await taken(database, book.upload())
    second = Book(epoch=EPOCH_2)
    second.receive(1)
    await taken(database, second.upload())
    book.receive(1)
    assert (await refused(database, book.upload(4, 4))).code == "fenced"
    assert await seqs_of(database) == [1, 2, 3, 1]


async def test_salvaged_rows_are_not_counted_twice(database: Database, book: Book) -> None:
    await taken(database, book.upload())
    second = Book(epoch=EPOCH_2, bodies=list(book.bodies))
    second.receive(2)
    outcome = await taken(database, second.upload())
    assert statuses(outcome) == ["duplicate"] * 3 + ["accepted"]
    assert await stock_of(database) == {"@supplier": -25, "DOCK": 25}


@pytest.mark.parametrize(
    ("waited_us", "code"), [(0, "in_use"), (LEASE_US - 1, "in_use"), (LEASE_US, None)]
)
async def test_another_machine_waits_for_the_lease(
    database: Database, book: Book, waited_us: int, code: str | None
) -> None:
    await taken(database, book.upload(1, 2), now_us=100)
    book.instance = "b2"
    outcome = await send(database, book.upload(3, 3), now_us=100 + waited_us)
    assert (outcome.code if isinstance(outcome, Refusal) else None) == code


async def test_a_refused_machine_does_not_renew_its_own_lease(
    database: Database, book: Book
) -> None:
    await taken(database, book.upload(1, 2), now_us=0)
    book.instance = "b2"
    await refused(database, book.upload(3, 3), now_us=LEASE_US - 1)
    await taken(database, book.upload(3, 3), now_us=LEASE_US)


async def test_a_clone_is_found_at_its_first_own_row(database: Database, book: Book) -> None:
    clone = Book(bodies=list(book.bodies), instance="b2")
    await taken(database, book.upload(), now_us=0)
    book.receive(1, number=501)
    clone.receive(2, number=502)
    await taken(database, book.upload(4, 4), now_us=1)
    refusal = await refused(database, clone.upload(4, 4), now_us=1 + LEASE_US)
    assert refusal.code == "forked"
    assert "row 4 " in refusal.message


# ------------------------------------------------------------------ poison

POISON = {
    "no event": b'{"x":1}',
    "a number": b"7",
    "nan": b'"body":{"x":NaN},',
    "infinity": b'"body":{"x":1e999},',
    "infinity by digits": b'"body":{"x":' + b"9" * 310 + b".0},",
    "unknown key": b'"surprise":1e400,',
    "surrogate": b'"body":{"x":"\\ud800"},',
    "deep": b'"body":{"x":' + b"[" * 300 + b"]" * 300 + b"},",
    "other warehouse": b'"warehouse":"W2",',
    "true for one": b'"version":true,',
    "plan without body": b'"type":"plan.proposed",',
    "nul in a lot": b'"lines":[{"from_location":"A","item":"09506000134352","lot":"a\\u0000",'
    b'"quantity":1,"to_location":"B","unit":"EA"}],',
    "huge quantity": b'"lines":[{"from_location":"A","item":"09506000134352",'
    b'"quantity":1000000000001,"to_location":"B","unit":"EA"}],',
}


@pytest.mark.parametrize("name", POISON)
async def test_poison_is_set_aside_and_the_stream_goes_on(
    database: Database, book: Book, name: str
) -> None:
    good = book.bodies.pop()
    part = POISON[name]
    # Later members win in JSON, so the poison replaces the good member of the same name.
    poison = part if not part.endswith(b",") else good[:-1] + b"," + part[:-1] + b"}"
    book.write(poison)
    book.receive(13)
    outcome = await taken(database, book.upload())
    assert statuses(outcome) == ["accepted", "accepted", "quarantined", "accepted"]
    assert outcome.answer.events[2].reason
    (row,) = await database.read(partial(queries.read_quarantine, after_position=0, limit=10))
    assert str(row["raw"]).encode() == poison
    assert await stock_of(database) == {"@supplier": -25, "DOCK": 25}
    again = await taken(database, book.upload())
    assert statuses(again) == ["duplicate", "duplicate", "quarantined", "duplicate"]


async def test_an_id_with_other_content_is_reported(database: Database, book: Book) -> None:
    await taken(database, book.upload())
    known = ev.parse_event(book.bodies[0]).event_id
    book.write(book.bodies[1].replace(ev.parse_event(book.bodies[1]).event_id.encode(),
                                      known.encode()))  # fmt: skip
    outcome = await taken(database, book.upload(4, 4))
    assert statuses(outcome) == ["quarantined"]
    assert "other content" in str(outcome.answer.events[0].reason)
    assert await stock_of(database) == {"@supplier": -23, "DOCK": 23}


async def test_an_id_twice_in_one_batch_counts_once(database: Database, book: Book) -> None:
    book.write(book.bodies[0])
    outcome = await taken(database, book.upload())
    assert statuses(outcome) == ["accepted"] * 3 + ["duplicate"]
    assert await stock_of(database) == {"@supplier": -23, "DOCK": 23}


@pytest.mark.parametrize(
    ("gateway", "warehouse", "becomes"),
    [("gw-W1-b", "W1", "quarantined"), ("gw-C1", "C1", "accepted")],
)
async def test_an_id_names_one_event_of_a_warehouse(
    database: Database, book: Book, gateway: str, warehouse: str, becomes: str
) -> None:
    await taken(database, book.upload())
    other = Book(gateway=gateway, warehouse=warehouse)
    other.receive(1, number=int(ev.parse_event(book.bodies[0]).event_id[-12:], 16))
    outcome = await taken(database, other.upload(), warehouse=warehouse)
    assert statuses(outcome) == [becomes]


async def test_an_unknown_type_passes_and_moves_its_lines(database: Database, book: Book) -> None:
    book.record("goods.teleported", lines=(make_line("DOCK", "R-9", 3),))
    outcome = await taken(database, book.upload())
    assert statuses(outcome)[-1] == "accepted"
    assert await stock_of(database) == {"@supplier": -23, "DOCK": 20, "R-9": 3}


async def test_gateways_do_not_share_a_cursor(database: Database, book: Book) -> None:
    other = Book(gateway="gw-C1", warehouse="C1", epoch=EPOCH)
    other.receive(2)
    await taken(database, other.upload(), warehouse="C1")
    await taken(database, book.upload())
    rows = await database.read(
        partial(queries.read_stock, warehouse="C1", item=ITEM, with_virtual=False)
    )
    assert [row["quantity"] for row in rows] == [2]
    gateways = await database.read(queries.read_gateways)
    assert {g["gateway"]: g["acknowledged_seq"] for g in gateways} == {"gw-C1": 1, "gw-W1": 3}


async def test_an_answer_in_runs_says_the_same(database: Database) -> None:
    book = Book()
    for number, quantity in ((1, 1), (2, 2), (3, 3), (4, 4), (4, 5)):
        book.receive(quantity, number=number)
    book.write(b"{}")
    await taken(database, book.upload(1, 2))
    asked = book.batch().replace(b'"first_seq"', b'"runs":true,"first_seq"', 1)
    answers = (await taken(database, parse_upload(asked))).answer.events
    assert [(run.seq, run.n, run.status) for run in answers] == [
        (1, 2, "duplicate"),
        (3, 2, "accepted"),
        (5, 1, "quarantined"),
        (6, 1, "quarantined"),
    ]


async def test_events_are_asked_for_only_where_the_index_refuses_them(
    database: Database, book: Book
) -> None:
    asked: list[list[bool]] = []

    async def spied(taking: Taking) -> Taken | Refusal:
        asked.append([])

        async def script(tx: Transaction) -> Taken | Refusal:
            asked[-1].append(True)
            return await taking(tx)

        return await database.transact(script)

    first = await spied(taking_of(book.upload()))
    salvaged = Book(epoch=EPOCH_2, bodies=[*book.bodies])
    salvaged.receive(70, number=70)
    second = await spied(taking_of(salvaged.upload()))
    assert isinstance(first, Taken)
    assert isinstance(second, Taken)
    assert [len(runs) for runs in asked] == [1, 2]
    assert second.n_duplicate == len(book.bodies)
    assert second.n_accepted == 1
    assert (await stock_of(database))["DOCK"] == 5 + 7 + 11 + 70
