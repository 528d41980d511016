"""Pins how a command leaves a file for a service: whole, and readable for who is to take it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from gateway.journal.durable import UNFINISHED, put_file

SERVICE = 4711


@pytest.mark.skipif(
    os.geteuid() != 0 and "CI" not in os.environ, reason="giving files away needs root"
)
def test_what_root_leaves_belongs_to_the_service(tmp_path: Path) -> None:
    state = tmp_path / "state"
    state.mkdir()
    os.chown(state, SERVICE, SERVICE)
    before = os.umask(0o077)
    try:
        put_file(state / "words" / "one", b"said")
    finally:
        os.umask(before)
    found = [state / "words", state / "words" / "one"]
    assert [(it.stat().st_uid, it.stat().st_gid) for it in found] == [(SERVICE, SERVICE)] * 2
    assert found[1].read_bytes() == b"said"


def test_a_file_that_cannot_be_finished_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "words" / "one").mkdir(parents=True)
    with pytest.raises(IsADirectoryError):
        put_file(tmp_path / "words" / "one", b"said")
    assert [it.name for it in (tmp_path / "words").iterdir()] == ["one"]
    assert not (tmp_path / "words" / ("one" + UNFINISHED)).exists()
