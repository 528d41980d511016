"""Pins that gateway and cloud may be updated in any order: what is not understood waits, whole.

The next contract is played by today's programs with another number. Control: a cloud that does
not look at the number takes what it may misread, and nobody is told.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.rigs import tier
from tests.rigs.fault_site import PATIENCE_S, Site, receive, running_site
from tests.rigs.gateway import Status
from tests.rigs.handheld import handheld

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

N_SCANS = 10


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with running_site(tmp_path) as it:
        it.open_office(is_planning=False)
        yield it


def serve(site: Site, alteration: str | None) -> None:
    """The cloud, updated (or not) under the same address."""
    site.cloud.terminate()
    site.cloud.alteration = alteration
    site.cloud.start()


def refusal(status: Status) -> str:
    """What the cloud refuses for good, empty if nothing."""
    alarms = status["alarms"]
    assert isinstance(alarms, list)
    return "".join(alarm["text"] for alarm in alarms if alarm["name"] == "sync_refused")


@pytest.mark.full
def test_a_newer_gateway_waits_for_its_cloud(site: Site) -> None:
    site.gateway.alteration = "speaks_2"
    site.gateway.start()
    with handheld(site.broker.port, "pda-1", site.log, journal=site.journal) as pda:
        for _ in range(N_SCANS):
            receive(pda)
        pda.settle(PATIENCE_S)
        status = site.gateway.until(lambda report: bool(refusal(report)), PATIENCE_S)
        assert "version" in refusal(status)
        assert status["sync"]["acknowledged_seq"] == 0  # type: ignore[index]
        serve(site, "speaks_2")
        status = site.until_drained()
        assert refusal(status) == ""
        site.write_truth(pda)
    site.must_pass()
    tier.record("version skew", faults=1, lost=0, acknowledged=N_SCANS)


def test_an_older_gateway_is_served_by_a_newer_cloud(site: Site) -> None:
    site.gateway.start()
    with handheld(site.broker.port, "pda-1", site.log, journal=site.journal) as pda:
        for n in range(3):
            serve(site, "speaks_2" if n % 2 == 0 else None)
            for _ in range(N_SCANS):
                receive(pda)
            pda.settle(PATIENCE_S)
            site.until_drained()
        site.write_truth(pda)
    site.must_pass()
    tier.record("version skew", faults=3, lost=0, acknowledged=3 * N_SCANS)


@pytest.mark.full
def test_control_a_cloud_that_does_not_look_takes_anything(site: Site) -> None:
    serve(site, "takes_any_version")
    site.gateway.alteration = "speaks_2"
    site.gateway.start()
    with handheld(site.broker.port, "pda-1", site.log) as pda:
        for _ in range(N_SCANS):
            receive(pda)
        pda.settle(PATIENCE_S)
    status = site.until_drained()
    assert refusal(status) == ""
    tier.record("version skew", faults=1, lost=N_SCANS, control="version not looked at")
