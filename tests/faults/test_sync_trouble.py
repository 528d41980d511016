"""Pins the real gateway on a disk that syncs slowly, or not: it waits, and says nothing early.

Controls: commits of one message each (a slow disk then costs a sync per scan), and the receipt
before the commit (a failing disk then loses what was receipted).
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.rigs import tier
from tests.rigs.fault_site import PATIENCE_S, Site, receive, running_site
from tests.rigs.gateway import Status
from tests.rigs.handheld import handheld
from tests.rigs.write_log import build

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

N_SCANS = 40
GROWTH_MIB = 20
DELAYS_MS = tier.count(1, 3, 4)
ONCE = tier.count(3, 40, 200)
ALONE = "\n[journal]\ngroup_max = 1\n[intake]\ngroup_max = 1\n"


class Trouble:
    """What the disk does from now on."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def set(self, what: str) -> None:
        """delay MS, fail, or once; the word is there at once and whole."""
        new = self.path.with_suffix(".new")
        new.write_text(what)
        new.rename(self.path)

    def end(self) -> None:
        self.path.unlink(missing_ok=True)


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with running_site(tmp_path) as it:
        it.open_office(is_planning=False)
        it.gateway.environment = {
            "LD_PRELOAD": str(build(tmp_path, "sync_trouble")),
            "FOREPOST_SYNC_TROUBLE": str(tmp_path / "trouble"),
        }
        yield it


@pytest.fixture
def trouble(tmp_path: Path) -> Trouble:
    return Trouble(tmp_path / "trouble")


def start(site: Site) -> None:
    site.gateway.start()
    site.until_papers_are_there()


def n_commits(site: Site) -> int:
    """How many transactions the journal's writer has made."""
    with closing(sqlite3.connect(f"file:{site.journal}?mode=ro", uri=True)) as journal:
        sql = "select value from meta where key = 'commit_number'"
        ((value,),) = journal.execute(sql).fetchall()
    return int(value)


def resident_mib(site: Site) -> float:
    pages = Path(f"/proc/{site.gateway.process.pid}/statm").read_text().split()[1]
    return int(pages) * 4096 / 2**20


def scan_slowly(site: Site, trouble: Trouble, delay_ms: int) -> tuple[int, Status, float]:
    """A burst of scans on a slow disk: commits until all had receipts, the report, growth."""
    with handheld(site.broker.port, f"pda-{delay_ms}", site.log, journal=site.journal) as pda:
        receive(pda)
        pda.settle(PATIENCE_S)
        before_mib, before = resident_mib(site), n_commits(site)
        trouble.set(f"delay {delay_ms}")
        for _ in range(N_SCANS):
            receive(pda)
        pda.settle(PATIENCE_S)
        commits, growth = n_commits(site) - before, resident_mib(site) - before_mib
        status = site.gateway.until(lambda _: True, PATIENCE_S)
        trouble.end()
        site.until_drained()
        site.write_truth(pda)
    return commits, status, growth


@pytest.mark.parametrize("delay_ms", [500, 50, 2000, 5000][:DELAYS_MS])
def test_a_slow_disk_gets_larger_groups(site: Site, trouble: Trouble, delay_ms: int) -> None:
    start(site)
    commits, status, growth = scan_slowly(site, trouble, delay_ms)
    assert commits < N_SCANS, "a sync for each scan: the slower the disk, the longer they wait"
    assert status["stalled"] == [], "a loop waited with the disk"
    assert growth < GROWTH_MIB
    site.must_pass()
    tier.record("slow syncs", faults=commits, lost=0, acknowledged=N_SCANS)


@pytest.mark.full
def test_control_single_commits_wait_for_a_sync_each(site: Site, trouble: Trouble) -> None:
    site.gateway.config.write_text(site.gateway.config.read_text() + ALONE)
    start(site)
    commits, _, _ = scan_slowly(site, trouble, 50)
    assert commits >= N_SCANS


def until_it_says_so(site: Site) -> None:
    """Return once the gateway has met the failing disk."""
    site.gateway.until(lambda _: "commit failed" in site.gateway.log.read_text(), PATIENCE_S)


def scan_while_it_fails(site: Site, trouble: Trouble, *, n_receipts: int = 0) -> int:
    """Scans on a failing disk, a kill, a disk that works: how many are gone despite receipts.

    n_receipts: how many must have come from the failing disk before the kill.
    """
    with handheld(site.broker.port, "pda-1", site.log) as pda:
        receive(pda)
        pda.settle(PATIENCE_S)
        n_before = len(pda.receipted)
        trouble.set("fail")
        for _ in range(N_SCANS):
            receive(pda)
        until_it_says_so(site)
        site.gateway.until(lambda _: len(pda.receipted) >= n_before + n_receipts, PATIENCE_S)
        site.gateway.kill()
        receipted = set(pda.receipted)
        trouble.end()
        with closing(sqlite3.connect(f"file:{site.journal}?mode=ro", uri=True)) as journal:
            sql = "select seq from receipt where device = 'pda-1'"
            kept = {seq for (seq,) in journal.execute(sql)}
        site.gateway.start()
        site.gateway.until(lambda _: True, PATIENCE_S)
        pda.settle(PATIENCE_S)
        site.until_drained()
        site.write_truth(pda)
    return len(receipted - kept)


@pytest.mark.full
def test_no_receipt_comes_from_a_disk_that_cannot_sync(site: Site, trouble: Trouble) -> None:
    start(site)
    assert scan_while_it_fails(site, trouble) == 0
    site.must_pass()
    tier.record("failing syncs", faults=1, lost=0, acknowledged=N_SCANS)


@pytest.mark.full
def test_control_receipt_before_commit_loses(site: Site, trouble: Trouble) -> None:
    site.gateway.alteration = "early_receipt"
    start(site)
    n_lost = scan_while_it_fails(site, trouble, n_receipts=N_SCANS)
    assert n_lost > 0
    tier.record("failing syncs", faults=1, lost=n_lost, control="receipt before commit")


def test_a_sync_that_fails_once_costs_nothing(site: Site, trouble: Trouble) -> None:
    start(site)
    with handheld(site.broker.port, "pda-1", site.log, journal=site.journal) as pda:
        for _ in range(ONCE):
            trouble.set("once")
            receive(pda)
            receive(pda, 2)
            pda.settle(PATIENCE_S)
            assert not trouble.path.exists(), "no sync failed"
        site.until_drained()
        site.write_truth(pda)
    site.must_pass()
    tier.record("failing syncs", faults=ONCE, lost=0, acknowledged=2 * ONCE)
