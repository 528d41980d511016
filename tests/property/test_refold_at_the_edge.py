"""Pins that a gateway whose rows are folded again has the same balances, orders and exceptions as
it had, to the last row, in whatever portions its rows came; what was settled stays settled."""

from __future__ import annotations

import asyncio
import tempfile
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from cloud_sync.contract import events as ev
from gateway.core.projection import effects_of
from gateway.journal.exception_table import TABLES
from gateway.journal.ledger_tables import load_book
from gateway.journal.read_model import effect_statements
from gateway.journal.store import JournalStore
from gateway.ports import Draft, Entry
from gateway.services.projector import CONSUMER
from gateway.services.refolding import refold
from gateway.services.stock_keeper import fold_stock
from tests.fakes.clock import FakeClock
from tests.fakes.uploads import ITEM, make_line
from tests.property.test_exceptions_queue import Said, said_of, write
from tests.rigs.exceptions import keeper
from tests.rigs.journal import opened

pytestmark = pytest.mark.slow

KINDS = ("tag", "lot", "count", "approve", "pick", "hold", "release", "fault", "flag", "resolve",
         "correct")  # fmt: skip
Rows = list[tuple[object, ...]]


def deliveries(n: int) -> list[ev.Event]:
    """What is asked for and what came, in pieces and in grams."""
    asked = [
        {"item": ITEM, "quantity": 10 + n, "unit": "EA"},
        {"item": ITEM, "quantity": 500, "unit": "g"},
    ]
    data = {"id": "ASN-1", "warehouse": "J1", "source": "@supplier", "status": "dispatched",
            "ordered": asked[n % 2 :]}  # fmt: skip
    body = {"kind": "asn", "key": "ASN-1", "version": n + 1, "deleted": False, "data": data}
    came = (make_line("@supplier", "DOCK", 3),)
    return [
        event(2 * n, ev.DOCUMENT_CHANGED, body=body),
        event(
            2 * n + 1,
            ev.GOODS_RECEIVED,
            lines=came,
            documents=(ev.Document(type="asn", id="ASN-1"),),
        ),
    ]


def event(number: int, kind: str, **members: object) -> ev.Event:
    fields: dict[str, object] = {
        "event_id": f"00000000-0000-7000-a000-{number:012x}", "type": kind, "version": 1,
        "warehouse": "J1", "occurred_at_us": 1, "received_at_us": 1,
    }  # fmt: skip
    return ev.Event(**(fields | members))  # type: ignore[arg-type]


async def fold(
    store: JournalStore, clock: FakeClock, rows: list[ev.Event], ends: list[int]
) -> None:
    """As the projector does, with a restart after each end."""
    for start, end in pairwise(sorted({0, len(rows), *(min(it, len(rows)) for it in ends)})):
        several = list(enumerate(rows[start:end], start + 1))
        effects = effects_of(several, "J1")
        effects.stock = await fold_stock(store, await load_book(store), several)
        traces = await keeper(store, clock).look(rows[start:end], effects.exceptions)
        statements = [*effect_statements(effects, {}), *traces]
        await store.advance(CONSUMER, to_seq=end, effects=statements)


async def tables(store: JournalStore) -> dict[str, Rows]:
    found = {name: await store.query(f"select * from {name}") for name in (*TABLES, "ledger_time")}
    for name, columns in (("stock", "quantity"), ("on_order", "ordered or received")):
        found[name] = await store.query(f"select * from {name} where {columns}")
    return {name: sorted(map(tuple, rows)) for name, rows in found.items()}


async def before_and_after(path: Path, rows: list[ev.Event], ends: list[int]) -> list[object]:
    clock = FakeClock()
    async with opened(path, clock=clock) as store:
        for event in rows:
            clock.jump((event.received_at_us - clock.wall_us()) / 10**6)
            draft = Draft(event.event_id, event.type, event.occurred_at_us, ev.encode_event(event))
            await store.append([Entry((draft,))])
        await fold(store, clock, rows, ends)
        before = await tables(store)
        again = await refold(store, len(rows), warehouse="J1", exceptions=keeper(store, clock))
        await store.advance(CONSUMER, to_seq=len(rows), effects=again)
        return [before, await tables(store)]


@settings(max_examples=12, deadline=None)
@given(said_of(KINDS, 14), st.integers(1, 3), st.lists(st.integers(1, 14), max_size=5))
@example(
    [("flag", 1, 0, 0), ("resolve", 2, 0, 0), ("hold", 3, 0, 0), ("release", 4, 0, 0)], 3, [1]
)
def test_rows_that_are_folded_again_make_the_same(
    happened: list[Said], n_deliveries: int, ends: list[int]
) -> None:
    rows = [it for n in range(n_deliveries) for it in deliveries(n)]
    rows += [ev.parse_event(body) for body in write("gw-1", happened).bodies]
    with tempfile.TemporaryDirectory() as directory:
        before, after = asyncio.run(before_and_after(Path(directory), rows, ends))
    assert after == before
