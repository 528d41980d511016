"""Pins how PDA pages get into the warehouse's broker, on a real Mosquitto with the configuration
that the product writes: by WebSocket and TLS, with a password of their own, and no further."""

from __future__ import annotations

import contextlib
import queue
from collections.abc import Iterator
from pathlib import Path

import paho.mqtt.client as mqtt
import pytest

from tests.rigs.access import GATEWAY_CONFIG, Site, gateway_client
from tests.rigs.broker import Mosquitto, free_port, wait_for_port
from tests.rigs.guard import GUARD_S, wait_until

pytestmark = pytest.mark.slow

PAGES = "\n[pages]\nwebsocket_port = {port}\n"
SCAN = "forepost/v1/J1/pda-9/scan"


class PageSite(Site):
    """A site whose box serves PDA pages."""

    def __init__(self, directory: Path) -> None:
        super().__init__(directory, is_configured=False)
        self.websocket_port = free_port()
        text = GATEWAY_CONFIG.format(site=directory, port=self.port)
        self.config.write_text(text + PAGES.format(port=self.websocket_port))


@pytest.fixture
def site(tmp_path: Path) -> PageSite:
    it = PageSite(tmp_path)
    assert it.configure() == 0
    return it


@pytest.fixture
def broker(site: PageSite) -> Iterator[Mosquitto]:
    with site.broker() as it:
        wait_for_port(site.websocket_port, GUARD_S)
        yield it


class Page:
    """A browser's connection; answer: what the broker said to it."""

    def __init__(self, site: PageSite, name: str, password: str | None) -> None:
        self.answers: queue.Queue[str] = queue.Queue()
        self.published: queue.Queue[str] = queue.Queue()
        self.client = mqtt.Client(
            mqtt.CallbackAPIVersion.VERSION2,
            client_id=name,
            protocol=mqtt.MQTTv5,
            transport="websockets",
        )
        self.client.tls_set(str(site.directory / "credentials/mqtt-ca"))
        if password is not None:
            self.client.username_pw_set(name, password)
        self.client.on_connect = lambda _c, _u, _f, reason, _p: self.answers.put(str(reason))
        self.client.on_disconnect = lambda _c, _u, _f, reason, _p: self.answers.put(str(reason))
        self.client.on_publish = lambda _c, _u, _m, reason, _p: self.published.put(str(reason))
        self.client.connect("localhost", site.websocket_port)
        self.client.loop_start()
        self.answer = self.answers.get(timeout=GUARD_S)

    def publish(self, topic: str, payload: bytes) -> str:
        self.client.publish(topic, payload, qos=1)
        return self.published.get(timeout=GUARD_S)


@contextlib.contextmanager
def page(site: PageSite, name: str, password: str | None) -> Iterator[Page]:
    it = Page(site, name, password)
    try:
        yield it
    finally:
        it.client.disconnect()
        it.client.loop_stop()


def make_password(site: PageSite, name: str, capsys: pytest.CaptureFixture[str]) -> str:
    capsys.readouterr()
    assert site.devices("password", name) == 0
    return capsys.readouterr().out.splitlines()[0]


def test_a_page_gets_in_with_its_password_and_speaks_under_its_own_name(
    site: PageSite, capsys: pytest.CaptureFixture[str]
) -> None:
    password = make_password(site, "pda-9", capsys)
    make_password(site, "pda-8", capsys)
    for path in (site.directory / "authority", site.directory / "mosquitto"):
        told = b"".join(it.read_bytes() for it in path.rglob("*") if it.is_file())
        assert password.encode() not in told, "only its hash is kept"
    with site.broker():
        wait_for_port(site.websocket_port, GUARD_S)
        with gateway_client(site) as gateway, page(site, "pda-9", password) as pda:
            gateway.subscribe("forepost/v1/+/+/scan")
            assert pda.answer == "Success"
            assert pda.publish("forepost/v1/J1/pda-8/scan", b"forged") == "Not authorized"
            assert pda.publish("forepost/v1/J1/pda-9/result", b"forged") == "Not authorized"
            assert pda.publish(SCAN, b"mine") == "Success"
            assert gateway.heard.get(timeout=GUARD_S) == (SCAN, b"mine")


def test_nobody_gets_in_without_the_right_password(
    site: PageSite, broker: Mosquitto, capsys: pytest.CaptureFixture[str]
) -> None:
    other = make_password(site, "pda-8", capsys)
    right = make_password(site, "pda-9", capsys)
    broker.reload()

    def gets_in(name: str, password: str | None) -> bool:
        with page(site, name, password) as it:
            return it.answer == "Success"

    assert wait_until(lambda: gets_in("pda-9", right)), "the control"
    for name, password in (("pda-9", other), ("pda-9", None), ("gateway", right), ("x", right)):
        assert not gets_in(name, password)
    again = make_password(site, "pda-9", capsys)
    broker.reload()
    assert wait_until(lambda: gets_in("pda-9", again))
    assert not gets_in("pda-9", right), "a new password ends the one before"
    assert site.devices("revoke", "pda-9") == 0
    broker.reload()
    assert wait_until(lambda: not gets_in("pda-9", again))
    assert site.devices("password", "pda-9") == 1, "its name is not given again"
    assert gets_in("pda-8", other)


@pytest.mark.parametrize("name", ["gateway", "broker", "all", "a/b", ""])
def test_no_password_is_made_for_a_name_of_no_device(site: PageSite, name: str) -> None:
    assert site.devices("password", name) == 1


def test_a_box_without_pages_opens_no_second_door(tmp_path: Path) -> None:
    plain = Site(tmp_path)
    assert plain.configure() == 0
    text = (tmp_path / "mosquitto/conf.d/forepost.conf").read_text()
    assert "websockets" not in text
    assert "password_file" not in text
    assert not (tmp_path / "pages/key").exists()


def test_the_pages_have_a_certificate_of_the_boxs_own_authority(site: PageSite) -> None:
    key = site.directory / "pages/key"
    assert key.stat().st_mode & 0o777 == 0o600
    before = key.read_bytes()
    assert site.configure() == 0
    assert key.read_bytes() == before, "what is good stays"
