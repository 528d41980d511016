"""Pins the promise on every disk state a power cut could leave: torn, reordered, garbled writes.

The real writer runs once under a recorder of its writes; the states are made and opened one by
one. The control writes with synchronous=NORMAL, and must lose.
"""

from __future__ import annotations

import contextlib
import json
import sqlite3
import tempfile
from collections.abc import Iterator
from hashlib import blake2b
from pathlib import Path
from random import Random

import pytest

from tests.rigs import tier
from tests.rigs.write_log import Operation, put, recorded, states

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3600)]

N_STATES = tier.count(600, 5000, 50_000)
N_ACKNOWLEDGEMENTS = 60


@pytest.fixture
def memory() -> Iterator[Path]:
    """A directory in memory where there is one: thousands of small files are written."""
    place = "/dev/shm" if Path("/dev/shm").is_dir() else None
    with tempfile.TemporaryDirectory(dir=place) as name:
        yield Path(name)


def held(journal: Path) -> int:
    """How many rows the file has, all of them in order and with a chain that fits."""
    with contextlib.closing(sqlite3.connect(journal)) as connection:
        has_table = "select count(*) from sqlite_master where name = 'journal'"
        if connection.execute(has_table).fetchone() == (0,):
            return 0
        meta = dict(connection.execute("select key, value from meta").fetchall())
        rows = connection.execute("select seq, body, chain from journal order by seq").fetchall()
    if not rows:
        return 0
    link = bytes.fromhex(meta["base_link"])
    for expected, (seq, body, chain) in enumerate(rows, 1):
        assert (seq, json.loads(body)["n"]) == (expected, expected)
        link = blake2b(link + seq.to_bytes(8, "big") + body, digest_size=16).digest()
        assert chain == link
    return len(rows)


def count_lost(operations: list[Operation], directory: Path) -> int:
    """In how many states a receipted event is missing."""
    n_lost = 0
    for images, receipted in states(operations, N_STATES, Random(11)):
        n_lost += held(put(images, directory)) < receipted
    return n_lost


def test_no_disk_state_lacks_what_was_receipted(memory: Path) -> None:
    operations = recorded(memory, n_acknowledgements=N_ACKNOWLEDGEMENTS)
    kinds = {(operation.kind, operation.file) for operation in operations}
    assert {(1, 0), (1, 1), (2, 1), (4, 9)} <= kinds, "the recorder does not see the disk"
    assert count_lost(operations, memory) == 0
    tier.record("disk states", faults=N_STATES, lost=0)


def test_control_synchronous_normal_loses(memory: Path) -> None:
    operations = recorded(memory, "--normal", n_acknowledgements=N_ACKNOWLEDGEMENTS)
    n_lost = count_lost(operations, memory)
    assert n_lost > 0
    tier.record("disk states", faults=N_STATES, lost=n_lost, control="synchronous=NORMAL")
