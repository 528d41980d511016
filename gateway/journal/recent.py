"""The newest rows, in memory: what consumers read while they keep up with the devices.

Every event is read by several consumers within moments of its commit; each time from the disk,
through SQLite, checked against the chain and parsed, that cost more than taking the event in.
Invariants: a row is here only once it is durable, with the link that was written; the rows are
consecutive and end with the journal's last; at most ROWS_MAX of them and BYTES_MAX of bodies (one
row may be larger). Whoever is further behind reads the disk, as does the scrub.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from itertools import islice
from typing import Final

from gateway.ports import Row

ROWS_MAX: Final = 2000
"""Four groups, as many as may be on their way to the disk: who is so far behind finds all."""
BYTES_MAX: Final = 4 * 2**20


class RecentRows:
    """The end of the journal."""

    def __init__(self) -> None:
        self._rows: deque[Row] = deque()
        self._n_bytes = 0

    def add(self, rows: Sequence[Row]) -> None:
        """Rows that were just committed, consecutive and behind those that are here."""
        if self._rows and rows and rows[0].seq != self._rows[-1].seq + 1:
            self.clear()
        self._rows.extend(rows)
        self._n_bytes += sum(len(row.body) for row in rows)
        while len(self._rows) > 1 and (len(self._rows) > ROWS_MAX or self._n_bytes > BYTES_MAX):
            self._n_bytes -= len(self._rows.popleft().body)

    def clear(self) -> None:
        """Know nothing."""
        self._rows.clear()
        self._n_bytes = 0

    def after(self, seq: int, limit: int) -> Sequence[Row] | None:
        """Up to `limit` rows above `seq`; None if not all of them would be from here."""
        if not self._rows or not self._rows[0].seq <= seq + 1 <= self._rows[-1].seq + 1:
            return None
        start = seq + 1 - self._rows[0].seq
        return list(islice(self._rows, start, start + limit))

    def link(self, seq: int) -> bytes | None:
        """The link after row `seq`; None if the row is not here."""
        rows = self.after(seq - 1, 1)
        return rows[0].chain if rows else None
