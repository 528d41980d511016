"""Pins that changed content is found: flipped bits and garbage sectors in the journal's pages.

Whatever changes what a row says must be named by the product's own check. The control is SQLite's
integrity_check alone, which must miss some.
"""

from __future__ import annotations

import contextlib
import shutil
import sqlite3
from pathlib import Path
from random import Random

import pytest

from gateway.errors import JournalError
from gateway.journal.inspection import open_read_only, verify
from tests.rigs import tier
from tests.rigs.journal import entry, opened

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3600)]

N_DAMAGES = tier.count(40, 100, 1000)
N_ROWS = 1500
PAGE, SECTOR = 4096, 512


def content(path: Path) -> list[tuple[object, ...]] | str:
    """What the rows say, or how SQLite fails."""
    try:
        with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
            sql = "select seq, body, chain from journal order by seq"
            return connection.execute(sql).fetchall()
    except sqlite3.Error as error:
        return str(error)


def integrity_check_is_content(path: Path) -> bool:
    try:
        with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
            return connection.execute("pragma integrity_check").fetchall() == [("ok",)]
    except sqlite3.Error:
        return False


def journal_is_content(path: Path) -> bool:
    try:
        with open_read_only(path) as connection:
            return verify(connection, path).problems == ()
    except JournalError:
        return False


def damage(path: Path, random: Random) -> None:
    """Flip one bit, or overwrite one sector, behind the first page."""
    with path.open("r+b") as file:
        at = random.randrange(PAGE, path.stat().st_size)
        if random.random() < 0.8:
            file.seek(at)
            (byte,) = file.read(1)
            file.seek(at)
            file.write(bytes([byte ^ 1 << random.randrange(8)]))
        else:
            file.seek(at - at % SECTOR)
            file.write(random.randbytes(SECTOR))


async def test_changed_content_is_found_by_the_chain_and_not_by_sqlite(tmp_path: Path) -> None:
    async with opened(tmp_path / "state") as store:
        await store.append([entry(n) for n in range(1, N_ROWS + 1)])
    good = tmp_path / "state" / "journal.db"
    before, spoilt = content(good), tmp_path / "spoilt.db"
    assert len(before) == N_ROWS
    random, n_changed, n_missed_by_sqlite = Random(3), 0, 0
    for _ in range(N_DAMAGES):
        shutil.copy(good, spoilt)
        damage(spoilt, random)
        if content(spoilt) != before:
            n_changed += 1
            assert not journal_is_content(spoilt), "changed content was called sound"
            n_missed_by_sqlite += integrity_check_is_content(spoilt)
    assert journal_is_content(good)
    assert n_changed >= N_DAMAGES // 6
    assert n_missed_by_sqlite > 0
    tier.record("page damage", faults=N_DAMAGES, lost=0, changed_content=n_changed)
    tier.record(
        "page damage", faults=N_DAMAGES, lost=n_missed_by_sqlite, control="integrity_check alone"
    )
