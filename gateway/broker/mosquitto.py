"""The configuration of the warehouse's broker: Mosquitto 2.0, from Debian 12 on.

One listener, TLS in both directions, no passwords: who connects is who its certificate says. A
second one, where PDA pages are served, takes WebSockets, with TLS and a password each. What a name
may say and hear is written out for each, so who is not in the list has no topic at all, with
whatever certificate. Mosquitto reads list, passwords, certificates and revocations again on
SIGHUP.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from gateway.broker.authority import GATEWAY

DEVICE_SAYS = ("scan", "climate", "reads", "status")
DEVICE_HEARS = ("result", "task")

_CONFIGURATION = """\
# The broker of one warehouse, written by `forepost-gateway broker-config`: your changes belong in
# a file beside this one. Debian's own mosquitto.conf says where the store and the log are.
#
# A PUBACK of this broker promises nothing: after a kill or a power cut its queue is what the
# last autosave wrote. Devices rely on the gateway's `result` instead and resend without one.

# With true, 2.0.12 to 2.0.18 keep nothing for clients that are away.
per_listener_settings false
allow_anonymous false
acl_file {directory}/forepost.acl

listener {port}{address}
cafile {directory}/certs/forepost-ca.pem
crlfile {directory}/certs/forepost-crl.pem
certfile {directory}/certs/forepost-broker.pem
keyfile {directory}/certs/forepost-broker.key
tls_version tlsv1.2
# Who has no certificate of this box's authority does not get as far as MQTT.
require_certificate true
use_identity_as_username true
max_connections 1000

# No device can take over the session of another by its client id.
use_username_as_clientid true

# No message of the contract is larger; a larger one ends its sender's connection.
max_packet_size 65536
max_inflight_messages 500
# A result leaves at once: held back until the last packet is acknowledged it may wait 40 ms.
set_tcp_nodelay true
# While the gateway is away. What goes beyond is dropped by the broker without a word, which
# its senders notice by the missing result.
max_queued_messages 100000
max_queued_bytes 67108864
autosave_interval 60
persistent_client_expiration 14d
max_keepalive 3600
"""


_WEBSOCKETS = """
# PDA pages: browsers speak MQTT by WebSocket, and come with a password instead of a certificate.
# Mosquitto asks for it where no certificate says who it is.
password_file {directory}/forepost.passwords

listener {port}{address}
protocol websockets
certfile {directory}/certs/forepost-broker.pem
keyfile {directory}/certs/forepost-broker.key
tls_version tlsv1.2
max_connections 1000
use_username_as_clientid true
"""


@dataclass(frozen=True, slots=True)
class Listener:
    """Where the broker listens; an address of "" is everywhere."""

    port: int = 8883
    address: str = ""


def configuration(
    directory: Path, listener: Listener, *, websockets: Listener | None = None
) -> str:
    """Mosquitto's configuration, for files in a directory. websockets: none without it."""
    text = _CONFIGURATION.format(
        directory=directory, port=listener.port, address=_said(listener.address)
    )
    if websockets is None:
        return text
    # Of WebSockets only an IPv4 socket is bound to the address that is asked for.
    is_v4 = "." in websockets.address
    address = f"{_said(websockets.address)}\nsocket_domain ipv4" if is_v4 else ""
    return text + _WEBSOCKETS.format(directory=directory, port=websockets.port, address=address)


def _said(address: str) -> str:
    return f" {address}" if address else ""


def access_list(devices: Iterable[str], *, warehouse: str) -> str:
    """What each may say and hear. warehouse: "+" for devices that go between several."""
    at = f"forepost/v1/{warehouse}"
    lines = [
        "# Who may say and hear what, written by `forepost-gateway broker-config` and `devices`.",
        "",
        f"user {GATEWAY}",
        *(f"topic read {at}/+/{it}" for it in DEVICE_SAYS),
        *(f"topic write {at}/+/{it}" for it in DEVICE_HEARS),
        f"topic readwrite {at}/+/canary",  # what the gateway says to itself, to try the broker
    ]
    for name in devices:
        lines += [
            "",
            f"user {name}",
            *(f"topic write {at}/{name}/{it}" for it in DEVICE_SAYS),
            *(f"topic read {at}/{name}/{it}" for it in DEVICE_HEARS),
            f"topic read {at}/all/task",
        ]
    return "\n".join(lines) + "\n"
