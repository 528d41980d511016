"""The slow look through a journal in use: rows, receipts, tables, a few at a time, for ever."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Final

from gateway.errors import JournalCorrupt
from gateway.journal.proof import said_in
from gateway.journal.received import (
    BEFORE_ALL,
    key_in,
    refuse_unreceived,
    refuse_wrong_receipts,
)
from gateway.journal.rows import fits_columns
from gateway.journal.table_sums import Querying, refuse_wrong_tables
from gateway.ports import Row

STEPS_PER_TABLES: Final = 120
"""A look at the tables beside the rows for so many looks at rows: every ten minutes."""


class Scrub:
    """Where the look is; begins again behind the end."""

    def __init__(self, database: Querying, path: Path) -> None:
        self._database = database
        self._path = path
        self._after_seq = 0
        self._after_receipt = BEFORE_ALL
        self._n_steps = 0

    async def step(
        self,
        read: Callable[[int, int], Awaitable[Sequence[Row]]],
        *,
        base_seq: int,
        n_rows: int,
    ) -> None:
        """Check so many rows and receipts, and now and then all tables. Raises JournalCorrupt.

        read: rows above a number from the disk, checked against the chain.
        """
        self._n_steps += 1
        if self._n_steps % STEPS_PER_TABLES == 0:
            await refuse_wrong_tables(self._database, self._path)
        rows = await read(max(self._after_seq, base_seq), n_rows)
        keys = []
        for row in rows:
            said = said_in(row.body)
            keys.append(key_in(said))
            if not fits_columns(row, said):
                raise JournalCorrupt(
                    f"{self._path}: row {row.seq}: its columns are not what its bytes say"
                )
        await refuse_unreceived(self._database, keys, self._path)
        self._after_seq = rows[-1].seq if len(rows) == n_rows else 0
        last = await refuse_wrong_receipts(self._database, self._after_receipt, n_rows, self._path)
        self._after_receipt = last or BEFORE_ALL
