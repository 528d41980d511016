"""`forepost-gateway enrol URL CODE`: all that is to be done on a box that was just installed.

The box makes its key, becomes a gateway by the code, gets a configuration and its broker, and is
started. It may be run again: what is there and fits stays, what does not fit is named, and nothing
of it is changed.
"""

from __future__ import annotations

import argparse
import asyncio
import ipaddress
import os
import shutil
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from cloud_sync.client.errors import Refused, Unavailable
from cloud_sync.client.http import open_client
from cloud_sync.contract.enrolment import EnrolAnswer, EnrolRequest, plain_code
from gateway.broker.config_command import add_listener, configure
from gateway.broker.files import systemctl
from gateway.errors import ConfigError, SyncError
from gateway.journal.durable import put_file
from gateway.services.box_key import make_box_key, put
from gateway.settings import load_settings

DEADLINE_S: Final = 20.0
DIRECTORY: Final = "cloud"
"""Where key and token lie, in the gateway's own directory: it renews the token itself."""
CLOUD_KEY: Final = "cloud-key"
USER: Final = "forepost"
CREDENTIALS: Final = Path("/etc/forepost/credentials")
_CONFIGURATION: Final = """\
# The configuration of this gateway, written by `forepost-gateway enrol`; it is yours to change.
# `forepost-gateway check-config FILE` says whether it is good.

[gateway]
id = "{gateway}"
warehouse = "{warehouse}"
state_dir = "{state}"

[cloud]
url = "{url}"
token_file = "{state}/cloud/token"
key_file = "{state}/cloud/key"
{trust}{ca}
# The broker on this box (`forepost-gateway broker-config`, `devices`).
[mqtt]
host = "localhost"
port = {port}
ca_file = "{credentials}mqtt-ca"
cert_file = "{credentials}mqtt-cert"
key_file = "{credentials}mqtt-key"

# Every handheld whose name begins with "pda-", and every wireless sensor with "t-".
[[devices]]
name = "pda-*"
driver = "pda"
link = "mqtt"

[[devices]]
name = "t-*"
driver = "mqtt-climate"
link = "mqtt"
"""
_TRUST: Final = """\
cloud_key_file = "{file}"
require_signed = true
"""
"""Written only where the cloud has said that it signs."""
_SERVICE_CREDENTIALS: Final = "/run/credentials/forepost-gateway.service/secret_"
"""Where systemd puts what lies in CREDENTIALS (LoadCredential in the unit)."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's options."""
    parser.add_argument("url", metavar="CLOUD-URL", help="https://…")
    parser.add_argument("code", metavar="CODE", help="as the cloud printed it")
    for name, default, about in (
        ("config", "/etc/forepost/gateway.toml", "the configuration to write"),
        ("state-dir", "/var/lib/forepost", "where the gateway keeps what it knows"),
        ("authority", "/etc/forepost/broker", "the box's certificate authority"),
        ("mosquitto", "/etc/mosquitto", "the broker's configuration"),
        ("credentials", str(CREDENTIALS), "where systemd takes secrets from"),
    ):
        parser.add_argument(
            f"--{name}", type=Path, default=Path(default), metavar="PATH",
            help=f"{about}: {default}",
        )  # fmt: skip
    parser.add_argument("--ca-file", type=Path, metavar="FILE", help="the cloud's own authority")
    add_listener(parser)
    parser.add_argument(
        "--no-start", action="store_true", help="start nothing, and configure no broker"
    )
    parser.set_defaults(renew=False)


def run(namespace: argparse.Namespace) -> int:
    """Enrol this box. Raises GatewayError."""
    url = _checked(namespace.url)
    _make_state(namespace.state_dir)
    files = namespace.state_dir / DIRECTORY
    key = make_box_key(files / "key")
    asked = EnrolRequest(code=plain_code(namespace.code)[:64] or "-", box_key=key.public)
    made = asyncio.run(_enrol(url, asked, namespace.ca_file))
    put(files / "token", made.token.encode())
    if made.cloud_key is not None:
        put(files / CLOUD_KEY, made.cloud_key.encode())
    print(f"this box is {made.gateway}, the gateway of warehouse {made.warehouse}")
    _configure(namespace, url, made)
    if not namespace.no_start:
        configure(namespace)
        _start()
    return 0


def _checked(url: str) -> str:
    """The URL, if a secret may go there. Raises ConfigError."""
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ConfigError(f"CLOUD-URL: {url!r} is not https://HOST")
    if parts.username or parts.query or parts.fragment:
        raise ConfigError(f"CLOUD-URL: {url!r} holds more than https://HOST/PATH")
    if parts.scheme == "http" and not _is_this_machine(parts.hostname):
        raise ConfigError(f"CLOUD-URL: {url!r}: https is needed to another machine")
    return url.rstrip("/")


def _is_this_machine(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _make_state(state: Path) -> None:
    """The gateway's directory, as systemd would make it: its user's alone."""
    try:
        state.mkdir(mode=0o700, parents=True, exist_ok=True)
        if os.geteuid() == 0 and state.stat().st_uid == 0 and _has_user():
            shutil.chown(state, USER, USER)
    except OSError as error:
        raise SyncError(f"{state}: {error.strerror}") from error


def _has_user() -> bool:
    import pwd

    return any(it.pw_name == USER for it in pwd.getpwall())


async def _enrol(url: str, asked: EnrolRequest, ca_file: Path | None) -> EnrolAnswer:
    try:
        async with open_client(url, token=None, deadline_s=DEADLINE_S, ca_file=ca_file) as client:
            return await client.enrol(asked)
    except OSError as error:
        raise ConfigError(f"--ca-file: {ca_file}: {error}") from error
    except Unavailable as error:
        raise SyncError(f"{url}: {error}; run this again, the code stays good") from error
    except Refused as error:
        raise SyncError(f"{url}: {error}") from error


def _configure(namespace: argparse.Namespace, url: str, made: EnrolAnswer) -> None:
    """Write the configuration; one that is there must be that of this gateway."""
    if namespace.config.exists():
        _compare(namespace.config, url, made)
        _tell_trust(namespace, made)
        return
    ca = f'ca_file = "{namespace.ca_file.absolute()}"\n' if namespace.ca_file else ""
    is_by_unit = namespace.credentials == CREDENTIALS
    credentials = _SERVICE_CREDENTIALS if is_by_unit else f"{namespace.credentials}/"
    trust = _TRUST.format(file=_trust_file(namespace)) if made.cloud_key is not None else ""
    text = _CONFIGURATION.format(
        gateway=made.gateway, warehouse=made.warehouse, state=namespace.state_dir, url=url,
        trust=trust, ca=ca, port=namespace.port, credentials=credentials,
    )  # fmt: skip
    try:
        namespace.config.parent.mkdir(parents=True, exist_ok=True)
        put_file(namespace.config, text.encode())
    except OSError as error:
        raise SyncError(f"{namespace.config}: {error.strerror}") from error
    print(f"{namespace.config}: written; handhelds and sensors get in by `devices issue`")


def _compare(config: Path, url: str, made: EnrolAnswer) -> None:
    settings = load_settings(config)
    told = (settings.gateway.id, settings.gateway.warehouse, settings.cloud and settings.cloud.url)
    wanted = (made.gateway, made.warehouse, url)
    names = ("gateway.id", "gateway.warehouse", "cloud.url")
    for name, is_there, ought in zip(names, told, wanted, strict=True):
        if is_there != ought:
            raise ConfigError(
                f"{config}: {name}: {is_there!r} is there, this box is {ought!r} now"
            )


def _trust_file(namespace: argparse.Namespace) -> Path:
    found: Path = namespace.state_dir / DIRECTORY / CLOUD_KEY
    return found


def _tell_trust(namespace: argparse.Namespace, made: EnrolAnswer) -> None:
    """Say what a configuration lacks that was written before the cloud signed, or has too much."""
    cloud = load_settings(namespace.config).cloud
    has_key = cloud is not None and cloud.cloud_key_file is not None
    if made.cloud_key is not None and not has_key:
        line = _TRUST.format(file=_trust_file(namespace)).splitlines()[0]
        print(f"{namespace.config}: the cloud signs; to hold it to that add to [cloud]: {line}")
    elif made.cloud_key is None and has_key:
        print(f"{namespace.config}: cloud.cloud_key_file: the cloud said that it does not sign")


def _start() -> None:
    """Start what systemd runs; elsewhere say what is left to do."""
    units = ("mosquitto", "forepost-gateway")
    if systemctl("enable", *units):
        systemctl("restart", *units)
    else:
        print("now start Mosquitto and `forepost-gateway run`: systemd does not run here")
