"""Since when rows are known to be sent: what a cloud that is set back may ask for again.

A row may lie here for weeks before there is a line. Its age says nothing then about how long the
cloud has had it, so the uplink's cursor is noted in `meta` now and then, with the time. The newest
mark that is old enough says up to where rows were sent that long ago.
"""

from __future__ import annotations

import json
from typing import Final

from gateway.journal import reads
from gateway.journal.connection import Database
from gateway.journal.rows import META, UPLINK
from gateway.ports import Statements

SENT_MARKS: Final = "sent_marks"
"""The key in `meta`: a list of [seq, wall time in µs], ascending."""
MARKS_PER_SPAN: Final = 4
"""Marks within the time asked for; a row leaves at most a quarter of it late."""


async def note_sent(database: Database, *, now_us: int, span_us: int) -> tuple[int, Statements]:
    """The highest seq known to be sent `span_us` ago, 0 if none is, and the marks as of now."""
    noted = json.loads((await reads.read_meta(database)).get(SENT_MARKS, "[]"))
    # A mark from the future was made by a clock that was wrong: count its age from now on.
    marks = [(int(seq), min(int(at_us), now_us)) for seq, at_us in noted]
    if not marks or now_us - marks[-1][1] >= span_us // MARKS_PER_SPAN:
        marks.append((await reads.cursor_of(database, UPLINK), now_us))
    old = [seq for seq, at_us in marks if now_us - at_us >= span_us]
    marks = marks[max(0, len(old) - 1) :]  # the newest old one says all that those before it do
    return max(old, default=0), [(META, [(SENT_MARKS, json.dumps(marks))])]
