"""`forepost-gateway broker-config`: the warehouse's broker, ready for its devices.

It can be run again at any time; what is good stays.
"""

from __future__ import annotations

import argparse
import socket
from datetime import timedelta
from pathlib import Path
from typing import Final

from cryptography import x509

from gateway.broker.authority import GATEWAY, Authority, Identity, put
from gateway.broker.files import DAYS, add_where, lend, now, publish, put_pair, tell
from gateway.broker.mosquitto import Listener, configuration
from gateway.journal.durable import SECRET
from gateway.settings import PagesSettings, load_settings

RENEW_BEFORE: Final = timedelta(days=365)
"""The box's own two are made anew when less is left."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of `broker-config`."""
    add_where(parser)
    add_listener(parser)
    parser.add_argument(
        "--renew", action="store_true", help="new certificates for broker and gateway now"
    )


def add_listener(parser: argparse.ArgumentParser) -> None:
    """Options that say where the broker is to be reached."""
    parser.add_argument(
        "--host",
        action="append",
        metavar="NAME",
        help="name or address by which devices call this box; again for each"
        " (default: its host name, also with .local)",
    )
    parser.add_argument("--listen", default="", metavar="ADDRESS", help="default: everywhere")
    parser.add_argument("--port", type=_port, default=8883, help="default 8883")


def _port(text: str) -> int:
    port = int(text)
    if not 1 <= port <= 65535:
        raise ValueError
    return port


def run(namespace: argparse.Namespace) -> int:
    """Write the broker's configuration and have a running broker take it. Raises GatewayError."""
    configure(namespace)
    # A listener is not opened, moved or closed by a reload.
    tell(namespace, "restart")
    return 0


def configure(namespace: argparse.Namespace) -> None:
    """Write the broker's configuration, by the options of this command. Raises GatewayError."""
    settings = load_settings(namespace.config)
    authority = Authority(namespace.authority, now())
    hosts = tuple(dict.fromkeys([*(namespace.host or _own_names()), "localhost", "127.0.0.1"]))
    certs = namespace.mosquitto / "certs"
    if namespace.renew or not _is_good(certs / "forepost-broker.pem", hosts):
        identity = authority.issue_broker(hosts, days=DAYS)
        put_pair(certs, "forepost-broker", identity)
        lend(certs / "forepost-broker.key")
    if namespace.renew or not _is_good(namespace.credentials / "mqtt-cert"):
        _put_gateway(namespace.credentials, authority.issue(GATEWAY, days=DAYS))
    put(namespace.credentials / "mqtt-ca", authority.certificate)
    put(certs / "forepost-ca.pem", authority.certificate)
    pages = settings.pages
    if pages is not None:
        _put_pages(namespace, authority, tuple(dict.fromkeys([*hosts, *pages.hosts])))
    text = configuration(
        namespace.mosquitto,
        Listener(namespace.port, namespace.listen),
        websockets=_websockets(pages, namespace.listen),
    )
    put(namespace.mosquitto / "conf.d/forepost.conf", text.encode())
    publish(namespace, authority, settings)
    print(f"{namespace.mosquitto}/conf.d/forepost.conf: port {namespace.port}, {', '.join(hosts)}")


def _is_good(path: Path, hosts: tuple[str, ...] = ()) -> bool:
    """Whether there is a certificate that lasts, for just these hosts."""
    try:
        certificate = x509.load_pem_x509_certificate(path.read_bytes())
    except (OSError, ValueError):
        return False
    if certificate.not_valid_after_utc - now() < RENEW_BEFORE:
        return False
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    except x509.ExtensionNotFound:
        return not hosts
    return [str(it.value) for it in names.value] == list(hosts)


def _websockets(pages: PagesSettings | None, listen: str) -> Listener | None:
    """Where PDA pages speak to the broker: not further than they are served."""
    if pages is None or pages.websocket_port is None:
        return None
    return Listener(pages.websocket_port, "127.0.0.1" if pages.is_loopback else listen)


def _put_pages(
    namespace: argparse.Namespace, authority: Authority, hosts: tuple[str, ...]
) -> None:
    """The certificate of the box's own pages, which get no other secret of the box."""
    directory = namespace.credentials.parent / "pages"
    if namespace.renew or not _is_good(directory / "cert", hosts):
        identity = authority.issue_broker(hosts, days=DAYS)
        put(directory / "key", identity.key, SECRET)
        put(directory / "cert", identity.certificate, SECRET)


def _put_gateway(credentials: Path, identity: Identity) -> None:
    """As the unit hands them to the service: secret_mqtt-key and secret_mqtt-cert."""
    put(credentials / "mqtt-key", identity.key, SECRET)
    put(credentials / "mqtt-cert", identity.certificate, SECRET)


def _own_names() -> list[str]:
    name = socket.gethostname()
    return [name, f"{name}.local"]
