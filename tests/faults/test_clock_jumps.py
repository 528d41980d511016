"""Pins the real gateway under a wall clock that boots in 1970, arrives, and jumps.

libfaketime stands between the program and the clock; monotonic time goes on. Nothing may be lost
or doubled, no loop may stand still, and every jump is in the journal. The control measures
durations by the wall clock: it sees no jump, and its loops are late by what the clock was moved.
"""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from itertools import cycle, islice
from pathlib import Path

import pytest

from tests.rigs import tier
from tests.rigs.faketime import WallClock
from tests.rigs.fault_site import PATIENCE_S, Site, receive, running_site
from tests.rigs.gateway import Status
from tests.rigs.handheld import handheld

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]

HOUR_S, YEAR_S = 3600, 365 * 86_400
JUMPS_S = (HOUR_S, -HOUR_S, 5 * YEAR_S, -5 * YEAR_S, 90, -5400)
N_JUMPS = tier.count(3, 12, 60)


@pytest.fixture
def site(tmp_path: Path, wall: WallClock) -> Iterator[Site]:
    with running_site(tmp_path) as it:
        it.open_office(is_planning=False)
        it.gateway.environment = wall.environment()
        yield it


@pytest.fixture
def wall(tmp_path: Path) -> WallClock:
    return WallClock(tmp_path / "offset")


def told(site: Site, what: str) -> list[int]:
    """The shifts that the journal tells of, in seconds."""
    with closing(sqlite3.connect(f"file:{site.journal}?mode=ro", uri=True)) as journal:
        rows = journal.execute("select body from journal where type = 'gateway.health'").fetchall()
    bodies = [json.loads(body)["body"] for (body,) in rows]
    return [round(body["shift_us"] / 1e6) for body in bodies if body["what"] == what]


def has_told(site: Site, n: int) -> Callable[[Status], bool]:
    """Whether the journal tells of that many jumps."""
    return lambda _: len(told(site, "clock_jumped")) >= n


def alarms(status: Status) -> set[str]:
    found = status["alarms"]
    assert isinstance(found, list)
    return {alarm["name"] for alarm in found}


@pytest.mark.full
def test_a_box_without_a_clock_works_from_1970_on(site: Site, wall: WallClock) -> None:
    wall.set(-int(time.time()))
    site.gateway.start()
    site.until_papers_are_there()
    with handheld(site.broker.port, "pda-1", site.log, journal=site.journal) as pda:
        for _ in range(5):
            receive(pda)
        pda.settle(PATIENCE_S)
        site.gateway.until(lambda status: "clock_unset" in alarms(status), PATIENCE_S)
        wall.set(0)
        site.gateway.until(lambda status: "clock_unset" not in alarms(status), PATIENCE_S)
        for _ in range(5):
            receive(pda)
        pda.settle(PATIENCE_S)
        site.until_drained()
        site.write_truth(pda)
    (shift_s,) = told(site, "clock_set")
    assert shift_s > 50 * YEAR_S
    site.must_pass()
    tier.record("clock jumps", faults=1, lost=0, acknowledged=10)


def test_jumps_lose_and_double_nothing_and_are_told(site: Site, wall: WallClock) -> None:
    site.gateway.start()
    site.until_papers_are_there()
    jumps = list(islice(cycle(JUMPS_S), N_JUMPS))
    offset_s = 0
    with handheld(site.broker.port, "pda-1", site.log, journal=site.journal) as pda:
        for n, jump_s in enumerate(jumps, 1):
            receive(pda)
            offset_s += jump_s
            wall.set(offset_s)
            receive(pda, 2)
            status = site.gateway.until(has_told(site, n), PATIENCE_S)
            assert status["stalled"] == []
        pda.settle(PATIENCE_S)
        site.until_drained()
        site.write_truth(pda)
    found = told(site, "clock_jumped")
    assert all(abs(a - b) <= 1 for a, b in zip(found, jumps, strict=True)), found
    site.must_pass()
    tier.record("clock jumps", faults=N_JUMPS, lost=0, acknowledged=2 * N_JUMPS)


@pytest.mark.full
def test_control_durations_by_the_wall_clock_stall(site: Site, wall: WallClock) -> None:
    site.gateway.alteration = "wall_durations"
    site.gateway.start()
    site.until_papers_are_there()
    wall.set(HOUR_S)
    status = site.gateway.until(lambda status: bool(status["stalled"]), PATIENCE_S)
    assert status["stalled"]
    assert told(site, "clock_jumped") == []
    tier.record("clock jumps", faults=1, lost=1, control="durations by the wall clock")
