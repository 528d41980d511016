"""Pins the way of a box that was just installed into service, on the real programs: one code, one
command, and from then on tokens that come by themselves, and a cloud that is known by its key."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.rigs.access import Site, client
from tests.rigs.cloud import CloudProcess
from tests.rigs.gateway import GatewayProcess, Status
from tests.rigs.guard import GUARD_S

pytestmark = pytest.mark.slow

SCAN = {
    "v": 1,
    "boot": "b1",
    "data": "]C10109501101530003",
    "symbology": "GS1_128",
    "task": {"type": "receive", "location": "DOCK", "quantity": 1},
}


def enrol(site: Site, url: str, code: str) -> int:
    """`forepost-gateway enrol` into the site's directories; gives the exit code."""
    return site.run(
        "enrol", url, code, "--state-dir", str(site.directory / "state"), "--port", str(site.port)
    )


def end_all_tokens(cloud: CloudProcess) -> None:
    """As time would have."""
    with closing(sqlite3.connect(cloud.database, timeout=GUARD_S)) as database, database:
        database.execute("update credentials set expires_at_us = 1 where kind = 'gateway'")


def has_sent(status: Status, n_scans: int) -> bool:
    """Whether so many scans, and all else, are in the cloud."""
    sync, intake = status["sync"], status["intake"]
    assert isinstance(sync, dict)
    assert isinstance(intake, dict)
    return sync["lag_events"] == 0 and int(intake["received"]) >= n_scans


def test_from_a_code_to_scans_in_the_cloud(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cloud, box = CloudProcess(tmp_path), tmp_path / "box"
    box.mkdir()
    site = Site(box, is_configured=False)
    code = cloud.token("gateways", "invite", "gw-J1", "--warehouse", "J1")
    first_key = cloud.sign("make", tmp_path / "signing-key")
    cloud.start()
    try:
        assert enrol(site, cloud.url, "AAAA-AAAA-AAAA-AAAA") == 1
        assert "there is no such code" in capsys.readouterr().err
        assert not site.config.exists(), "nothing is configured for a box that is nobody"
        assert enrol(site, cloud.url, code.lower()) == 0
        assert enrol(site, cloud.url, code) == 0, "it may be run again"
        cloud_key = box / "state/cloud/cloud-key"
        assert cloud_key.read_text() == first_key
        assert f'cloud_key_file = "{cloud_key}"\nrequire_signed = true' in site.config.read_text()
        files = site.issue("pda-01")
        assert work(site, files, cloud) == cloud_key.read_text() != first_key
    finally:
        cloud.kill()


def rotate(cloud: CloudProcess) -> str:
    """Another key signs, after a restart; gives it."""
    assert cloud.signing_key is not None
    key = cloud.sign("rotate", cloud.signing_key)
    cloud.kill()
    cloud.start()
    return key


def work(site: Site, files: Path, cloud: CloudProcess) -> str:
    """Two scans; the token ends in between, and the cloud's key is another, which is given."""
    gateway = GatewayProcess(site.directory, site.config.read_text())
    with site.broker():
        gateway.start()
        try:
            gateway.until_listening()
            with client(site, files, "pda-01") as pda:
                pda.subscribe("forepost/v1/J1/pda-01/result")
                for seq in (1, 2):
                    message = json.dumps({**SCAN, "seq": seq}).encode()
                    pda.publish("forepost/v1/J1/pda-01/scan", message)
                    answer = json.loads(pda.heard.get(timeout=GUARD_S)[1])
                    assert (answer["seq"], answer["status"]) == (seq, "flagged"), answer
                    gateway.until(lambda status, n=seq: has_sent(status, n))
                    if seq == 1:
                        key = rotate(cloud)
                        end_all_tokens(cloud)
            assert "token renewed" in gateway.tail()
            gateway.until(lambda _: "cloud has a new key" in gateway.tail())
            return key
        finally:
            gateway.kill()
