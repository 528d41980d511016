"""Pins the real gateway on a disk that turns read-only: it says so, takes nothing, loses nothing.

The disk is a real ext4 that met an error. The running gateway stays up, so that people can ask it
what is wrong, and a start on such a disk is refused in a line, never begun with an empty journal.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.rigs import tier
from tests.rigs.fault_site import PATIENCE_S, Site, receive, running_site
from tests.rigs.gateway import Status
from tests.rigs.guard import GUARD_S
from tests.rigs.handheld import Handheld, handheld
from tests.rigs.mounts import NEEDS_ROOT
from tests.rigs.real_disk import Ext4Disk, ext4_disk

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600), *NEEDS_ROOT]

N_SCANS = 20
LOG_LINES_MAX = 200
"""What a gateway may have to say about it meanwhile: a line for each loop and try, no flood."""


def room_alarm(status: Status) -> str:
    """What the gateway says about the disk, empty if nothing."""
    alarms = status["alarms"]
    assert isinstance(alarms, list)
    return "".join(a["text"] for a in alarms if a["name"] == "journal_room")


def test_a_disk_that_turns_read_only_is_told_and_costs_nothing(tmp_path: Path) -> None:
    with (
        running_site(tmp_path) as site,
        ext4_disk(tmp_path / "disk.img", site.state) as disk,
    ):
        site.open_office(is_planning=False)
        try:
            _break_and_mend(site, disk)
        finally:
            site.close()
    tier.record("read-only disk", faults=1, lost=0, acknowledged=2 * N_SCANS)


def _break_and_mend(site: Site, disk: Ext4Disk) -> None:
    site.gateway.start()
    site.until_papers_are_there()
    with handheld(site.broker.port, "pda-1", site.log) as pda:
        for _ in range(N_SCANS):
            receive(pda)
        pda.settle(PATIENCE_S)
        site.until_drained()
        before = site.gateway.log.read_text()
        _scan_on_the_broken_disk(site, disk, pda)
        said = site.gateway.log.read_text().removeprefix(before)
        assert "Traceback" not in said, said
        assert said.count("\n") < LOG_LINES_MAX, said
        assert site.gateway.stop() == 0
        _start_in_vain(site)
        disk.unmount()
        disk.mend()
        disk.mount("ro")
        _start_in_vain(site)
        disk.unmount()
        disk.mount()
        site.gateway.start()
        pda.settle(PATIENCE_S)
        status = site.until_drained()
        assert room_alarm(status) == ""
        site.write_truth(pda)
        (site.directory / "status.json").write_text(json.dumps(status))
    site.must_pass()


def _scan_on_the_broken_disk(site: Site, disk: Ext4Disk, pda: Handheld) -> None:
    n_receipted, process = len(pda.receipted), site.gateway.process
    disk.break_down()
    for _ in range(N_SCANS):
        receive(pda)
    status = site.gateway.until(lambda s: bool(room_alarm(s)), PATIENCE_S)
    assert "read-only or broken" in room_alarm(status)
    for _ in range(3):  # handhelds ask again and again
        pda.resend()
        site.gateway.until(lambda _: True)
    assert len(pda.receipted) == n_receipted, "a receipt came from a disk that takes nothing"
    assert process.poll() is None, "the gateway went down with its disk"


def _start_in_vain(site: Site) -> None:
    """One line, exit code 1, and the journal is left as it was."""
    size = site.journal.stat().st_size
    site.gateway.start()
    assert site.gateway.process.wait(GUARD_S) == 1
    last = site.gateway.log.read_text().splitlines()[-1]
    assert last.startswith("forepost-gateway: "), last
    assert "read-only" in last.lower(), last
    assert site.journal.stat().st_size == size
