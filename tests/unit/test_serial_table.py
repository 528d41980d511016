"""Pins that a journal from before labels were kept knows of which lot its pieces are once it has
been brought up to date, as if its rows had been folded; and that damage in it is no hindrance."""

from __future__ import annotations

import gzip
import sqlite3
from pathlib import Path

import pytest

from gateway.journal.connection import FILE
from gateway.journal.inspection import open_read_only, verify
from gateway.journal.migrate import migrations, statements_of
from gateway.journal.serial_table import read_lots, serial_statements
from gateway.services.following import event_of
from tests.rigs.journal import opened

GTIN = "09506000134352"
LABELS = Path(__file__).resolve().parents[1] / "kept" / "labels_v16.db.gz"
"""Ten rows of a gateway that kept no labels; what they say of pieces and lots is below."""


async def test_a_sweep_knows_the_pieces_that_came_before_labels_were_kept(tmp_path: Path) -> None:
    (tmp_path / FILE).write_bytes(gzip.decompress(LABELS.read_bytes()))
    async with opened(tmp_path) as store:
        said = {(GTIN, str(serial)) for serial in range(1, 10)}
        lots = {serial: lot for (_, serial), lot in (await read_lots(store, said)).items()}
        # Returned under another lot, told late, and two labels at once: the newest label holds.
        # One without a lot, one moved under a wrong one, and one packed without are nobody's.
        assert lots == {"1": "L1", "2": "L3", "3": "L2", "5": "L2", "6": "L4", "8": "L7"}
        rows = [event_of(row) for row in await store.read(after_seq=0, limit=100)]
        as_kept = await store.query("select * from serial_lot order by item, serial")
        again = [("delete from serial_lot", [()]), *serial_statements(rows)]
        await store.advance("projector", to_seq=10, effects=again)
        as_folded = await store.query("select * from serial_lot order by item, serial")
        assert [*map(tuple, as_kept)] == [*map(tuple, as_folded)]
    with open_read_only(tmp_path / FILE) as connection:
        assert verify(connection, tmp_path / FILE).problems == ()


@pytest.mark.parametrize(
    "damage",
    [
        b'{"lines":["serials"',
        b'{"lines":["serials"]}',
        b'{"lines":[{"item":7,"lot":"L7","serials":["8"]}]}',
        b'\xff"serials"',
    ],
)
def test_a_damaged_row_does_not_keep_a_journal_from_being_brought_up_to_date(
    tmp_path: Path, damage: bytes
) -> None:
    (tmp_path / FILE).write_bytes(gzip.decompress(LABELS.read_bytes()))
    connection = sqlite3.connect(tmp_path / FILE)
    connection.execute("update journal set body = ? where seq = 9", (damage,))
    for _, sql in migrations()[16:]:
        for statement in statements_of(sql):
            connection.execute(statement)
    found = connection.execute("select serial, lot from serial_lot where serial in ('1', '8')")
    assert found.fetchall() == [("1", "L1"), ("8", "L6")]
    connection.close()
