"""Folds again what the projector keeps of goods: balances, counts, what is on order, exceptions.

For a journal whose tables were folded by older rules, or whose owner asks for it. The rows are
taken as the projector takes them, page by page; what they make goes into the tables at once, so
that a kill leaves the old tables or the new ones. Nothing is done again that people's words asked
for: the events that did it are rows themselves.
"""

from __future__ import annotations

from typing import Final, Protocol

from gateway.core.book import Book, StockEffects
from gateway.core.projection import effects_of
from gateway.journal.exception_table import TABLES, exception_statements
from gateway.journal.ledger_tables import EMPTY, Reader, ledger_statements
from gateway.journal.read_model import on_order_statements
from gateway.journal.scratch import Scratch
from gateway.ports import Journal, Statements
from gateway.services.exception_keeper import ExceptionKeeper
from gateway.services.following import event_of
from gateway.services.stock_keeper import fold_stock

PAGE_ROWS: Final = 500


class ReadableJournal(Journal, Reader, Protocol):
    """A journal whose tables can be asked."""


async def refold(
    journal: ReadableJournal, done: int, *, warehouse: str, exceptions: ExceptionKeeper
) -> Statements:
    """What writes all that the rows up to `done` make.

    Only where every row is there (`has_every_row`).
    """
    book, stock, last = Book(), StockEffects(), 0
    ordered: dict[str, dict[tuple[str, str], int]] = {}
    with Scratch() as scratch:
        beside = exceptions.beside(scratch)
        while last < done:
            page = await journal.read(after_seq=last, limit=min(PAGE_ROWS, done - last))
            last = page[-1].seq
            rows = [(row.seq, event_of(row)) for row in page]
            stock.add(await fold_stock(journal, book, rows))
            effects = effects_of(rows, warehouse)
            ordered |= effects.ordered
            traces = await beside.look([event for _, event in rows], effects.exceptions)
            scratch.transact([*exception_statements(effects.exceptions), *traces])
        queue = scratch.copy_of(TABLES)
    return [
        *EMPTY,
        ("delete from on_order", [()]),
        *ledger_statements(stock),
        *on_order_statements(ordered, stock.received),
        *queue,
    ]
