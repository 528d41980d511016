"""Pins what happens to whole machines: clone, rewind, wrong clocks, kills and poison together.

The real programs run at one warehouse; afterwards the auditor reads what is left of them.
"""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.rigs import tier
from tests.rigs.device import device
from tests.rigs.fault_site import PATIENCE_S, Site, receive, running_site
from tests.rigs.handheld import handheld

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with running_site(tmp_path) as it:
        it.open_office(is_planning=False)
        yield it


def copy_database(source: str, target: Path) -> None:
    """A copy as a backup program makes it, while others write."""
    with closing(sqlite3.connect(source)) as old, closing(sqlite3.connect(target)) as new:
        old.backup(new)


def test_a_rewound_cloud_is_filled_again(site: Site) -> None:
    site.gateway.start()
    site.until_papers_are_there()
    with handheld(site.broker.port, "pda-1", site.log) as pda:
        for _ in range(10):
            receive(pda)
        pda.settle(120)
        site.until_drained()
        backup = site.directory / "backup.db"
        copy_database(site.cloud.database, backup)
        for _ in range(30):
            receive(pda, 2)
        pda.settle(120)
        site.until_drained()
        site.cloud.kill()
        for name in ("", "-wal", "-shm"):
            Path(site.cloud.database + name).unlink(missing_ok=True)
        shutil.copy(backup, site.cloud.database)
        Path(site.cloud.database).chmod(0o600)
        site.cloud.start()
        receive(pda)
        pda.settle(120)
        site.until_drained()
        site.write_truth(pda)
    site.must_pass()
    tier.record("cloud rewound", faults=1, lost=0)


def test_a_flipped_balance_is_found_and_folded_again(site: Site) -> None:
    """The bit is flipped on the disk of a gateway that is off; the rows themselves are sound."""
    site.gateway.start()
    site.until_papers_are_there()
    with handheld(site.broker.port, "pda-1", site.log) as pda:
        for _ in range(10):
            receive(pda)
        pda.settle(120)
        site.stop_drained()
        flip_balance(site.journal)
        site.gateway.start()
        status = site.until_drained()
        assert "table stock does not fit its checksum" in str(status["alarms"])
        receive(pda)
        pda.settle(120)
        site.until_drained()
        site.write_truth(pda)
    site.stop_drained()
    site.cloud.terminate()
    (kept,) = site.state.glob("damaged-*/journal.db")
    audited = site.audit(journals=(kept,))
    failed = [line for line in audited.stdout.splitlines() if "FAIL" in line]
    # What is set aside is damaged, and the auditor says so of it, and of nothing else.
    assert failed == [], audited.stdout
    tier.record("flipped balance", faults=1, lost=0)


def flip_balance(journal: Path) -> None:
    """Change one bit of a balance, in the page where it lies and in no other way."""
    with closing(sqlite3.connect(journal)) as connection:
        connection.execute("pragma wal_checkpoint(truncate)")
        sql = "select rootpage from sqlite_master where name = 'stock'"
        ((page,),) = connection.execute(sql).fetchall()
        ((size,),) = connection.execute("pragma page_size").fetchall()
        ((before,),) = connection.execute("select sum(quantity) from stock where warehouse <> ''")
    content = bytearray(journal.read_bytes())
    at = content.index(b"availableEA", (page - 1) * size) + len(b"availableEA")
    content[at] ^= 0x40
    journal.write_bytes(content)
    with closing(sqlite3.connect(journal)) as connection:
        ((after,),) = connection.execute("select sum(quantity) from stock where warehouse <> ''")
    assert after != before, "no balance was changed"


def test_a_gateway_killed_again_and_again_loses_and_doubles_nothing(site: Site) -> None:
    site.gateway.start()
    site.until_papers_are_there()
    n_kills = tier.count(2, 10, 60)
    with handheld(site.broker.port, "pda-1", site.log, journal=site.journal) as pda:
        for _ in range(n_kills):
            for _ in range(20):
                receive(pda)
            site.gateway.kill()
            site.gateway.start()
            site.gateway.until(lambda status: True, PATIENCE_S)
        pda.settle(120)
        site.until_drained()
        site.write_truth(pda)
    site.must_pass()
    tier.record("gateway kills", faults=n_kills, lost=0, acknowledged=20 * n_kills)


def test_a_cloned_disk_cannot_merge_two_histories(site: Site) -> None:
    """The clone starts where the copy was made; what it says differs, and is refused."""
    site.gateway.start()
    site.until_papers_are_there()
    with handheld(site.broker.port, "pda-1", site.log) as pda:
        receive(pda)
        pda.settle(120)
        site.until_drained()
        site.gateway.kill()
        clone = site.directory / "clone"
        shutil.copytree(site.state, clone, ignore=shutil.ignore_patterns("*.sock"))
        site.gateway.start()
        for _ in range(5):
            receive(pda)
        pda.settle(120)
        site.stop_drained()
        site.log.rename(site.directory / "before.jsonl")
        other = site.gateway_at(site.directory / "gw-clone", clone, site.cloud.url)
        other.start()
        try:
            with handheld(site.broker.port, "pda-2", site.directory / "clone.jsonl") as second:
                second.scan("]C101095060001343521726123110L1", type="receive", quantity=99)
                second.settle(120)
            status = other.until(lambda report: bool(report["sync"]["last_error"]), PATIENCE_S)  # type: ignore[index]
        finally:
            other.kill()
        (site.directory / "before.jsonl").rename(site.log)
        site.write_truth(pda)
    assert "received before with other content" in str(status["sync"])
    site.cloud.terminate()
    audited = site.audit()
    assert audited.returncode == 0, audited.stdout + audited.stderr
    tier.record("cloned disk", faults=1, lost=0)


POISON = [
    b"", b"\x00", b"[" * 60_000, b'{"v":1,"boot":"pda-1-boot","seq":NaN}', b'"\\ud800"',
    b'{"v":1,"boot":"b","seq":99999999999999999999999,"data":"x"}', b"9" * 5000, b"\xff" * 64,
    b'{"v":1,"v":1}', b'{"v":1,"boot":"b","seq":true,"data":"x"}',
]  # fmt: skip


def test_poison_stalls_nothing(site: Site) -> None:
    site.gateway.start()
    site.until_papers_are_there()
    rounds = tier.count(2, 20, 1000)
    with (
        handheld(site.broker.port, "pda-1", site.log) as pda,
        device(site.broker.port, "pda-2") as bad,
    ):
        for _ in range(rounds):
            for raw in POISON:
                bad.publish("scan", raw)
            receive(pda)
        pda.settle(120)
        site.until_drained()
        site.write_truth(pda)
    site.must_pass()
    tier.record("poison messages", faults=rounds * len(POISON), lost=0)
