"""Pins the drill of docs/runbook.md on the real programs: a backup is taken while scans come in,
the box is destroyed, the backup is put onto a new one, and the cloud has each scan once."""

from __future__ import annotations

import json
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import pytest

from tests.rigs.fault_site import WAREHOUSE, Site, receive, running_site
from tests.rigs.gateway import Status
from tests.rigs.guard import GUARD_S, wait_until
from tests.rigs.handheld import Handheld, handheld

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

N_BEFORE, N_AFTER, N_NEW = 30, 15, 10


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with running_site(tmp_path) as it:
        it.open_office(is_planning=False)
        yield it


def in_the_cloud(site: Site) -> int:
    """Pieces that the cloud counts at the warehouse."""
    told = site.cloud.get(f"/v1/stock?warehouse={WAREHOUSE}", site.admin)
    rows = cast(list[dict[str, object]], told["stock"])
    return sum(cast(int, row["quantity"]) for row in rows if row["location"] == "R-01")


def command(site: Site, *arguments: str) -> str:
    done = site.gateway.command(*arguments, "--config", str(site.gateway.config))
    assert done.returncode == 0, done.stderr
    return done.stdout


def back_up_under_load(site: Site, pda: Handheld, target: Path) -> None:
    """Scan on in a thread until the backup is there."""
    is_over = threading.Event()

    def scan_on() -> None:
        while not is_over.wait(0.02):
            receive(pda)

    scanning = threading.Thread(target=scan_on)
    scanning.start()
    try:
        assert "sound" in command(site, "journal", "backup", str(target))
    finally:
        is_over.set()
        scanning.join()


def test_a_destroyed_box_is_replaced_from_its_backup(site: Site, tmp_path: Path) -> None:
    backup = tmp_path / "backup.db"
    site.gateway.start()
    site.until_papers_are_there()
    with handheld(site.broker.port, "pda-1", site.log) as pda:
        for _ in range(N_BEFORE):
            receive(pda)
        pda.settle(GUARD_S)
        back_up_under_load(site, pda, backup)
        pda.settle(GUARD_S)
        for _ in range(N_AFTER):
            receive(pda)
        pda.settle(GUARD_S)
        site.until_drained()
        n_known = pda.last_seq
        assert wait_until(lambda: in_the_cloud(site) == n_known)

        site.gateway.kill()
        before = json.loads(command(site, "journal", "inspect", "--json"))
        shutil.rmtree(site.state)
        site.state.mkdir(0o700)
        kept = json.loads(
            site.gateway.command("journal", "inspect", "--json", "--journal", str(backup)).stdout
        )
        assert N_BEFORE <= kept["types"]["goods.received"] <= n_known - N_AFTER
        assert "epoch" in command(site, "journal", "restore", str(backup))
        site.gateway.start()
        after = site.gateway.until(lambda _: True)
        assert after["epoch"] not in (before["epoch"], kept["epoch"])

        for _ in range(N_NEW):
            receive(pda)
        pda.settle(GUARD_S)
    status = site.until_drained()
    assert wait_until(lambda: in_the_cloud(site) == n_known + N_NEW), in_the_cloud(site)
    assert "shut_out" not in alarms(status)
    assert "sound" in command(site, "journal", "verify")


def test_a_journal_is_never_overwritten_and_another_gateways_is_refused(
    site: Site, tmp_path: Path
) -> None:
    backup = tmp_path / "backup.db"
    site.gateway.start()
    site.gateway.until(lambda _: True)
    command(site, "journal", "backup", str(backup))
    config = ("--config", str(site.gateway.config))
    running = site.gateway.command("journal", "restore", str(backup), *config)
    assert (running.returncode, "in use by process" in running.stderr) == (1, True)
    assert site.gateway.stop() == 0
    there = site.gateway.command("journal", "restore", str(backup), *config)
    assert (there.returncode, "never overwritten" in there.stderr) == (1, True)
    shutil.rmtree(site.state)
    text = site.gateway.config.read_text()
    site.gateway.config.write_text(text.replace('id = "gw-J1"', 'id = "gw-X"'))
    other = site.gateway.command("journal", "restore", str(backup), *config)
    assert (other.returncode, "belongs to gateway gw-J1" in other.stderr) == (1, True)


def alarms(status: Status) -> set[str]:
    return {row["name"] for row in cast(list[dict[str, str]], status["alarms"])}
