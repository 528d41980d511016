"""Pins who gets into the warehouse's broker and what they may say there, on a real Mosquitto with
the configuration that the product writes: strangers, devices in another's name, and revocation."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import pytest

from tests.rigs.access import GATEWAY_CONFIG, REFUSED, Site, client, gateway_client
from tests.rigs.broker import Mosquitto
from tests.rigs.gateway import GatewayProcess
from tests.rigs.guard import GUARD_S

pytestmark = pytest.mark.slow

SCAN_1, SCAN_2 = "forepost/v1/J1/pda-01/scan", "forepost/v1/J1/pda-02/scan"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Site:
    it = Site(tmp_path_factory.mktemp("site"))
    assert it.configure() == 0
    it.issue("pda-01")
    it.issue("pda-02")
    return it


@pytest.fixture(scope="module")
def broker(site: Site) -> Iterator[Mosquitto]:
    with site.broker() as it:
        yield it


def test_nobody_gets_in_without_a_certificate(site: Site, broker: Mosquitto) -> None:
    assert not _gets_in(site, None, "pda-01")


def test_nobody_gets_in_with_a_certificate_of_another_authority(
    site: Site, broker: Mosquitto, tmp_path: Path
) -> None:
    rogue = Site(tmp_path)
    assert rogue.configure() == 0
    assert not _gets_in(site, rogue.issue("pda-01"), "pda-01")
    assert _gets_in(site, site.directory / "for-pda-01", "pda-01"), "the control"


def _gets_in(site: Site, files: Path | None, name: str) -> bool:
    """Whether somebody comes as far as to a scan that the gateway hears."""
    with gateway_client(site) as gateway:
        gateway.subscribe("forepost/v1/+/+/scan")
        with contextlib.suppress(*REFUSED), client(site, files, name) as it:
            if it.answer != "Success":
                return False
            it.publish(SCAN_1, b"here")
            return gateway.heard.get(timeout=GUARD_S) == (SCAN_1, b"here")
    return False


def test_a_device_speaks_under_its_own_name_only(site: Site, broker: Mosquitto) -> None:
    with (
        gateway_client(site) as gateway,
        client(site, site.directory / "for-pda-01", "pda-01") as pda,
    ):
        gateway.subscribe("forepost/v1/+/+/scan")
        others = (
            "forepost/v1/J1/all/task",
            "forepost/v1/J1/pda-01/result",
            "forepost/v1/J2/pda-01/scan",
        )
        for topic in (SCAN_2, *others):
            assert pda.publish_and_wait(topic, b"forged") == "Not authorized"
        assert pda.publish_and_wait(SCAN_1, b"mine") == "Success"
        # One connection keeps its order: whatever got through would have come first.
        assert gateway.heard.get(timeout=GUARD_S) == (SCAN_1, b"mine")


def test_a_device_hears_its_own_results_only(site: Site, broker: Mosquitto) -> None:
    with (
        gateway_client(site) as gateway,
        client(site, site.directory / "for-pda-01", "pda-01") as pda,
    ):
        pda.subscribe("forepost/v1/#")
        gateway.publish("forepost/v1/J1/pda-02/result", b"not yours")
        gateway.publish("forepost/v1/J1/pda-01/result", b"yours")
        gateway.publish("forepost/v1/J1/all/task", b"everybody's")
        assert pda.heard.get(timeout=GUARD_S) == ("forepost/v1/J1/pda-01/result", b"yours")
        assert pda.heard.get(timeout=GUARD_S) == ("forepost/v1/J1/all/task", b"everybody's")


def test_nobody_takes_the_session_of_another_by_its_client_id(
    site: Site, broker: Mosquitto
) -> None:
    with (
        gateway_client(site) as gateway,
        client(site, site.directory / "for-pda-01", "pda-01") as pda,
        client(site, site.directory / "for-pda-02", "pda-02", client_id="pda-01"),
    ):
        gateway.subscribe("forepost/v1/+/+/scan")
        assert pda.publish_and_wait(SCAN_1, b"still here") == "Success"
        assert pda.lost.empty()


def test_a_message_beyond_the_contract_ends_its_sender_alone(
    site: Site, broker: Mosquitto
) -> None:
    with (
        gateway_client(site) as gateway,
        client(site, site.directory / "for-pda-01", "pda-01") as pda,
        client(site, site.directory / "for-pda-02", "pda-02") as other,
    ):
        gateway.subscribe("forepost/v1/+/+/scan")
        pda.publish(SCAN_1, b"x" * 70_000)
        pda.lost.get(timeout=GUARD_S)
        other.publish(SCAN_2, b"still here")
        assert gateway.heard.get(timeout=GUARD_S) == (SCAN_2, b"still here")


def test_a_revoked_device_is_out_at_once_and_for_good(site: Site, broker: Mosquitto) -> None:
    files = site.issue("pda-09")
    broker.reload()
    topic = "forepost/v1/J1/pda-09/scan"
    with gateway_client(site) as gateway, client(site, files, "pda-09") as pda:
        gateway.subscribe("forepost/v1/+/+/scan")
        assert pda.publish_and_wait(topic, b"one") == "Success"
        assert site.devices("revoke", "pda-09") == 0
        broker.reload()
        # The connection that it had is still there, and worth nothing.
        while pda.publish_and_wait(topic, b"two") == "Success":
            pass
        assert not _gets_in(site, files, "pda-09")
    assert site.devices("issue", "pda-09", "--out", str(files)) == 1


def test_a_renewed_certificate_and_the_old_one_are_good_together(
    site: Site, broker: Mosquitto
) -> None:
    old = site.issue("pda-10").rename(site.directory / "old-pda-10")
    new = site.issue("pda-10")
    broker.reload()
    topic = "forepost/v1/J1/pda-10/scan"
    with gateway_client(site) as gateway:
        gateway.subscribe("forepost/v1/+/+/scan")
        for files in (old, new):
            with client(site, files, "pda-10") as pda:
                assert pda.publish_and_wait(topic, b"here") == "Success"


@contextlib.contextmanager
def working_gateway(site: Site, more: str = "") -> Iterator[GatewayProcess]:
    """The real gateway on the broker, which it reaches as a client like others."""
    config = GATEWAY_CONFIG.format(site=site.directory, port=site.port)
    gateway = GatewayProcess(site.directory, config + more)
    with site.broker():
        gateway.start()
        try:
            gateway.until_listening()
            yield gateway
        finally:
            gateway.kill()


def scan(seq: int) -> bytes:
    body = {"v": 1, "boot": "b1", "seq": seq, "data": "shelf 7", "symbology": "CODE128"}
    return json.dumps(body).encode()


def test_the_gateway_works_with_it(tmp_path: Path) -> None:
    site = Site(tmp_path)
    assert site.configure() == 0
    files = site.issue("pda-01")
    with working_gateway(site), client(site, files, "pda-01") as pda:
        pda.subscribe("forepost/v1/J1/pda-01/result")
        pda.publish(SCAN_1, scan(1))
        topic, answer = pda.heard.get(timeout=GUARD_S)
    assert topic == "forepost/v1/J1/pda-01/result"
    assert json.loads(answer)["seq"] == 1


def test_a_device_that_floods_is_held_back_and_the_others_are_answered(tmp_path: Path) -> None:
    site = Site(tmp_path)
    assert site.configure() == 0
    files = [site.issue(name) for name in ("pda-01", "pda-02")]
    with (
        working_gateway(site, "options = { max_per_s = 20 }\n") as gateway,
        client(site, files[0], "pda-01") as pda,
        client(site, files[1], "pda-02") as flooding,
    ):
        pda.subscribe("forepost/v1/J1/pda-01/result")
        for seq in range(2000):
            flooding.publish(SCAN_2, scan(seq))
        for seq in range(20):
            pda.publish(SCAN_1, scan(seq))
            assert json.loads(pda.heard.get(timeout=GUARD_S)[1])["seq"] == seq
        gateway.until(lambda status: _errors(status, "pda-02").get("too fast", 0) > 1000)
        assert _errors(gateway.until(lambda _: True), "pda-01") == {}


def _errors(status: dict[str, object], name: str) -> dict[str, int]:
    """What a device did wrong, as the gateway's status has it."""
    devices = cast(list[dict[str, object]], status["devices"])
    return cast(dict[str, int], next(it for it in devices if it["name"] == name)["errors"])
