"""Pins that changed content is found: flipped bits and garbage sectors in the journal's pages.

Whatever changes what a row says, of the journal or of what is folded from it, must be named by
the product's own check. The control is SQLite's integrity_check alone, which must miss some.
"""

from __future__ import annotations

import contextlib
import shutil
import sqlite3
from collections.abc import Sequence
from pathlib import Path
from random import Random

import pytest

from cloud_sync.inventory.stock import StockKey
from gateway.core.book import StockEffects
from gateway.core.projection import Effects
from gateway.errors import JournalError
from gateway.journal.inspection import open_read_only, verify
from gateway.journal.read_model import effect_statements
from tests.rigs import tier
from tests.rigs.journal import entry, opened

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3600)]

N_DAMAGES = tier.count(40, 100, 1000)
N_ROWS = 1500
N_BALANCES = 800
PAGE, SECTOR = 4096, 512


def content(path: Path, tables: Sequence[str]) -> list[tuple[object, ...]] | str:
    """What the rows say, or how SQLite fails."""
    try:
        with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
            connection.text_factory = bytes  # a flipped bit leaves text that is none
            return [row for table in tables for row in connection.execute(f"select {table}")]
    except (sqlite3.Error, UnicodeDecodeError) as error:
        return str(error)


def integrity_check_is_content(path: Path) -> bool:
    try:
        with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
            return connection.execute("pragma integrity_check").fetchall() == [("ok",)]
    except (sqlite3.Error, UnicodeDecodeError):
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


def spoil(good: Path, tables: Sequence[str], headline: str, seed: int) -> None:
    """Damage copies, one by one; whatever changed in the tables must be found."""
    before, spoilt = content(good, tables), good.with_name("spoilt.db")
    random, n_changed, n_missed_by_sqlite = Random(seed), 0, 0
    for _ in range(N_DAMAGES):
        shutil.copy(good, spoilt)
        damage(spoilt, random)
        if content(spoilt, tables) != before:
            n_changed += 1
            assert not journal_is_content(spoilt), "changed content was called sound"
            n_missed_by_sqlite += integrity_check_is_content(spoilt)
    assert journal_is_content(good)
    assert n_changed >= N_DAMAGES // 6
    assert n_missed_by_sqlite > 0
    tier.record(headline, faults=N_DAMAGES, lost=0, changed_content=n_changed)
    missed = "integrity_check alone"
    tier.record(headline, faults=N_DAMAGES, lost=n_missed_by_sqlite, control=missed)


async def test_changed_content_is_found_by_the_chain_and_not_by_sqlite(tmp_path: Path) -> None:
    async with opened(tmp_path / "state") as store:
        await store.append([entry(n) for n in range(1, N_ROWS + 1)])
    spoil(tmp_path / "state" / "journal.db", ["seq, body, chain from journal"], "page damage", 3)


async def test_a_changed_read_model_is_found_by_its_sums_and_not_by_sqlite(tmp_path: Path) -> None:
    stock = [
        StockKey("J1", f"A-{n:04}", "09506000134352", f"L{n % 7}", "available", "EA")
        for n in range(N_BALANCES)
    ]
    lots = {(f"{n:014}", "L1"): "2027-01-01" for n in range(N_BALANCES)}
    balances = {key: n for n, key in enumerate(stock)}
    effects = Effects(stock=StockEffects(balances=balances), lots=dict(lots))
    async with opened(tmp_path / "state") as store:
        await store.append([entry(1)])
        await store.advance("projector", to_seq=1, effects=effect_statements(effects, {}))
    tables = ["* from stock", "* from lot", "* from cursor"]
    spoil(tmp_path / "state" / "journal.db", tables, "read model damage", 4)
