"""`forepost-gateway devices …`: who may connect to the warehouse's broker."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import pkcs12

from gateway.broker.authority import GATEWAY, Authority, Identity, put
from gateway.broker.files import DAYS, add_where, now, publish, put_pair, tell
from gateway.broker.passwords import Passwords
from gateway.errors import BrokerError
from gateway.journal.durable import SECRET
from gateway.settings import load_settings


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The sub-commands of `devices`."""
    where = argparse.ArgumentParser(add_help=False)
    add_where(where)
    commands = parser.add_subparsers(metavar="WHAT", dest="what", required=True)
    issue = commands.add_parser(
        "issue", parents=[where], help="make a device's key and certificate; older ones stay good"
    )
    issue.add_argument("name", metavar="NAME", help="its device id")
    issue.add_argument("--out", type=Path, required=True, metavar="DIR", help="where to put them")
    issue.add_argument("--days", type=_days, default=DAYS, help=f"default {DAYS}")
    issue.add_argument(
        "--pkcs12-password-file", type=Path, metavar="FILE", help="write NAME.p12, too"
    )
    password = commands.add_parser(
        "password", parents=[where], help="make a device's password for the PDA page, shown once"
    )
    password.add_argument("name", metavar="NAME", help="its device id")
    revoke = commands.add_parser(
        "revoke", parents=[where], help="shut a device out, for good: its name is not given again"
    )
    revoke.add_argument("name", metavar="NAME")
    listing = commands.add_parser("list", parents=[where], help="a line for each certificate")
    listing.add_argument("--json", action="store_true", help="print JSON, one object a line")


def _days(text: str) -> int:
    days = int(text)
    if not 1 <= days <= 20 * 365:
        raise ValueError
    return days


def run(namespace: argparse.Namespace) -> int:
    """Run one sub-command of `devices`. Raises GatewayError."""
    settings = load_settings(namespace.config)
    if not (namespace.authority / "ca.key").exists():
        raise BrokerError(f"{namespace.authority}: no authority; run `broker-config` first")
    authority = Authority(namespace.authority, now())
    passwords = Passwords(namespace.authority)
    match namespace.what:
        case "list":
            _list(authority, passwords, is_json=namespace.json)
            return 0
        case "revoke":
            n_ended = authority.revoke(namespace.name, has_password=passwords.end(namespace.name))
            print(f"{namespace.name}: shut out, {n_ended} certificate(s)")
        case "password":
            _check(authority, namespace.name)
            print(passwords.make(namespace.name))
        case _:
            _check(authority, namespace.name)
            identity = authority.issue(namespace.name, days=namespace.days)
            _hand_out(namespace, authority, identity)
    publish(namespace, authority, settings)
    tell(namespace, "reload")
    return 0


def _check(authority: Authority, name: str) -> None:
    if name == GATEWAY:
        raise BrokerError(f"device {GATEWAY!r}: the name is reserved")
    authority.check_name(name)


def _list(authority: Authority, passwords: Passwords, *, is_json: bool) -> None:
    """A line for each certificate, and for each password."""
    for it in authority.issued():
        day = it.ends.date().isoformat()
        found = {"name": it.name, "serial": f"{it.serial:x}", "revoked": it.is_revoked}
        state = "revoked" if it.is_revoked else "good"
        print(
            json.dumps(found | {"ends": day}) if is_json else f"{it.name:24} {state:8} until {day}"
        )
    for name in passwords.names():
        print(json.dumps({"name": name, "password": True}) if is_json else f"{name:24} password")


def _hand_out(namespace: argparse.Namespace, authority: Authority, identity: Identity) -> None:
    put_pair(namespace.out, namespace.name, identity)
    put(namespace.out / "forepost-ca.pem", authority.certificate)
    if namespace.pkcs12_password_file is not None:
        bundle = _bundle(namespace, authority, identity)
        put(namespace.out / f"{namespace.name}.p12", bundle, SECRET)
    print(
        f"{namespace.out}/{namespace.name}.pem, .key: for the device; no copy of the key is kept"
    )


def _bundle(namespace: argparse.Namespace, authority: Authority, identity: Identity) -> bytes:
    """What Android and Windows import."""
    try:
        password = namespace.pkcs12_password_file.read_bytes().strip()
    except OSError as error:
        raise BrokerError(f"{namespace.pkcs12_password_file}: {error.strerror}") from error
    if not password:
        raise BrokerError(f"{namespace.pkcs12_password_file}: no password in it")
    key = serialization.load_pem_private_key(identity.key, password=None)
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise BrokerError("a key of no kind that a bundle may hold")
    return pkcs12.serialize_key_and_certificates(
        namespace.name.encode(),
        key,
        x509.load_pem_x509_certificate(identity.certificate),
        [x509.load_pem_x509_certificate(authority.certificate)],
        serialization.BestAvailableEncryption(password),
    )
