"""Pins the real gateway on a full disk: it says so, devices wait, all comes once there is room."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.rigs.fault_site import PATIENCE_S, Site, receive, running_site
from tests.rigs.full_disk import fill
from tests.rigs.gateway import Status
from tests.rigs.handheld import handheld
from tests.rigs.mounts import NEEDS_ROOT, small_disk

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600), *NEEDS_ROOT]

N_SCANS = 10


def room_alarm(status: Status) -> str:
    """What the gateway says about room, empty if nothing."""
    alarms = status["alarms"]
    assert isinstance(alarms, list)
    return "".join(a["text"] for a in alarms if a["name"] == "journal_room")


def test_a_full_disk_is_told_and_costs_nothing(tmp_path: Path) -> None:
    with running_site(tmp_path) as site, small_disk(site.state, "40m") as disk:
        site.open_office(is_planning=False)
        try:
            _fill_and_empty(site, disk)
        finally:
            site.close()


def _fill_and_empty(site: Site, disk: Path) -> None:
    site.gateway.start()
    site.until_papers_are_there()
    with handheld(site.broker.port, "pda-1", site.log) as pda:
        for _ in range(N_SCANS):
            receive(pda)
        pda.settle(PATIENCE_S)
        filler = fill(disk)
        for _ in range(N_SCANS):
            receive(pda)
        status = site.gateway.until(lambda s: bool(room_alarm(s)), PATIENCE_S)
        assert "disk" in room_alarm(status)
        assert len(pda.held) == N_SCANS, "a receipt came from a disk without room"
        filler.unlink()
        pda.settle(PATIENCE_S)
        site.until_drained()
        site.gateway.until(lambda s: not room_alarm(s), PATIENCE_S)
        site.write_truth(pda)
    site.must_pass()
