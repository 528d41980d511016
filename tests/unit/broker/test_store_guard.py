"""Pins the guard of the broker's store: whole snapshots stay, damaged ones and vain ones go."""

from __future__ import annotations

import os
import struct
from pathlib import Path

import pytest

from gateway.broker.store_guard import MAGIC, TRIES, fault_of, guard

HEAD = MAGIC + struct.pack(">II", 0, 6)
CHUNKS = b"".join(struct.pack(">II", kind, 40) + bytes([kind] * 40) for kind in (1, 2, 6, 3, 5))
WHOLE = HEAD + CHUNKS


@pytest.fixture
def store(tmp_path: Path) -> Path:
    file = tmp_path / "mosquitto.db"
    file.write_bytes(WHOLE)
    return file


def test_a_whole_store_stays(store: Path) -> None:
    assert guard(store) is None
    assert store.read_bytes() == WHOLE


def test_no_store_is_no_fault(tmp_path: Path) -> None:
    assert guard(tmp_path / "mosquitto.db") is None


def test_a_store_cut_off_anywhere_within_a_chunk_goes(store: Path) -> None:
    ends = {len(HEAD) + n * 48 for n in range(6)}
    for length in range(len(WHOLE)):
        store.write_bytes(WHOLE[:length])
        assert (fault_of(store) is None) == (length in ends), length


@pytest.mark.parametrize(
    "raw",
    [b"", bytes(200), WHOLE[:100] + bytes(100), b"something else entirely, and long enough"],
    ids=["empty", "zeros", "zeros at the end", "foreign"],
)
def test_what_goes_is_kept_aside(store: Path, raw: bytes) -> None:
    store.write_bytes(raw)
    assert guard(store) is not None
    assert not store.exists()
    assert store.with_name("mosquitto.db.damaged").read_bytes() == raw


def test_a_store_of_another_version_is_not_judged(store: Path) -> None:
    store.write_bytes(MAGIC + struct.pack(">II", 0, 7) + b"whatever")
    assert fault_of(store) is None


def test_a_store_on_which_no_start_comes_to_anything_goes(store: Path) -> None:
    assert [guard(store) for _ in range(TRIES - 1)] == [None] * (TRIES - 1)
    assert "came to nothing" in str(guard(store))
    assert not store.exists()


def test_a_store_that_the_broker_wrote_anew_is_tried_anew(store: Path) -> None:
    for n in range(3 * TRIES):
        os.utime(store, ns=(n, n))
        assert guard(store) is None
