"""A broker as the product configures it, and clients that come with certificates or without."""

from __future__ import annotations

import contextlib
import queue
import ssl
from collections.abc import Iterator
from pathlib import Path

import paho.mqtt.client as mqtt
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from gateway.__main__ import main
from tests.rigs.broker import Mosquitto, free_port, running_broker
from tests.rigs.guard import GUARD_S

GATEWAY_CONFIG = """
[gateway]
id = "gw-J1"
warehouse = "J1"
state_dir = "{site}/state"
[mqtt]
host = "localhost"
port = {port}
ca_file = "{site}/credentials/mqtt-ca"
cert_file = "{site}/credentials/mqtt-cert"
key_file = "{site}/credentials/mqtt-key"
[[devices]]
name = "pda-*"
driver = "pda"
link = "mqtt"
"""


class Site:
    """A warehouse's broker in a directory, made by the commands that make a real one."""

    def __init__(self, directory: Path, *, is_configured: bool = True) -> None:
        self.directory, self.port = directory, free_port()
        self.config = directory / "gateway.toml"
        if is_configured:
            self.config.write_text(GATEWAY_CONFIG.format(site=directory, port=self.port))

    def run(self, *command: str) -> int:
        """A command of `forepost-gateway` in the site's directories; gives the exit code."""
        where = ["--config", str(self.config)]
        for name in ("authority", "mosquitto", "credentials"):
            where += [f"--{name}", str(self.directory / name)]
        return main([*command, *where])

    def configure(self, *more: str) -> int:
        """`broker-config`; gives the exit code."""
        return self.run("broker-config", "--port", str(self.port), *more)

    def devices(self, what: str, *more: str) -> int:
        """`devices WHAT`; gives the exit code."""
        return self.run("devices", what, *more)

    def issue(self, name: str, *more: str) -> Path:
        """A device's key and certificate: the directory where they lie."""
        out = self.directory / f"for-{name}"
        assert self.devices("issue", name, "--out", str(out), *more) == 0
        return out

    @contextlib.contextmanager
    def broker(self) -> Iterator[Mosquitto]:
        """The broker itself, for the time of the context."""
        text = (self.directory / "mosquitto/conf.d/forepost.conf").read_text()
        with running_broker(self.directory, self.port, "user root\n" + text) as broker:
            yield broker


class Client:
    """One connection, by paho's own threaded loop. Raises OSError where TLS already ends it."""

    def __init__(
        self, port: int, authority: Path, identity: tuple[Path, Path] | None, client_id: str
    ) -> None:
        self.heard: queue.Queue[tuple[str, bytes]] = queue.Queue()
        self.lost: queue.Queue[str] = queue.Queue()
        self._connected: queue.Queue[str] = queue.Queue()
        self._subscribed: queue.Queue[None] = queue.Queue()
        self._published: queue.Queue[str] = queue.Queue()
        client = mqtt.Client(
            mqtt.CallbackAPIVersion.VERSION2, client_id=client_id, protocol=mqtt.MQTTv5
        )
        certificate, key = identity or (None, None)
        client.tls_set(str(authority), certificate and str(certificate), key and str(key))
        # TLS 1.3 tells a client of its refusal with the first answer only; 1.2 at once.
        client.on_connect = lambda _c, _u, _f, reason, _p: self._connected.put(str(reason))
        client.on_disconnect = lambda _c, _u, _f, reason, _p: self._end(str(reason))
        client.on_subscribe = lambda *_: self._subscribed.put(None)
        client.on_publish = lambda _c, _u, _m, reason, _p: self._published.put(str(reason))
        client.on_message = lambda _c, _u, it: self.heard.put((it.topic, it.payload))
        self._client = client
        properties = Properties(PacketTypes.CONNECT)
        properties.SessionExpiryInterval = 0
        client.connect("localhost", port, properties=properties)
        client.loop_start()
        self.answer = self._connected.get(timeout=GUARD_S)

    def _end(self, reason: str) -> None:
        self._connected.put(reason)
        self.lost.put(reason)

    def subscribe(self, topic: str) -> None:
        self._client.subscribe(topic, qos=1)
        self._subscribed.get(timeout=GUARD_S)

    def publish(self, topic: str, payload: bytes) -> None:
        self._client.publish(topic, payload, qos=1)

    def publish_and_wait(self, topic: str, payload: bytes) -> str:
        """What the broker acknowledges with."""
        self.publish(topic, payload)
        return self._published.get(timeout=GUARD_S)

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()


@contextlib.contextmanager
def client(
    site: Site, files: Path | None, name: str, *, client_id: str | None = None
) -> Iterator[Client]:
    """A client with NAME.pem and NAME.key of a directory, or with none."""
    identity = None if files is None else (files / f"{name}.pem", files / f"{name}.key")
    authority = site.directory / "credentials/mqtt-ca"
    it = Client(site.port, authority, identity, client_id or name)
    try:
        yield it
    finally:
        it.close()


@contextlib.contextmanager
def gateway_client(site: Site) -> Iterator[Client]:
    """A client that is the gateway."""
    files = site.directory / "credentials"
    identity = files / "mqtt-cert", files / "mqtt-key"
    it = Client(site.port, files / "mqtt-ca", identity, "gateway")
    try:
        yield it
    finally:
        it.close()


REFUSED = (ssl.SSLError, OSError)
"""How a stranger hears that it is one, if the broker ends it within the handshake."""
