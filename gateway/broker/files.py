"""Where the broker's files lie, how they get there, and how a running broker is told."""

from __future__ import annotations

import argparse
import contextlib
import shutil
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from gateway.broker.authority import BROKER, GATEWAY, Authority, Identity, end_of, put
from gateway.broker.listing import FILE as LISTING
from gateway.broker.listing import encode_listing
from gateway.broker.mosquitto import access_list
from gateway.broker.passwords import Passwords
from gateway.clock import SystemClock
from gateway.errors import BrokerError
from gateway.journal.durable import SECRET
from gateway.settings import Settings

DAYS: Final = 5 * 365
"""How long a certificate is good: a device that is lost is revoked, and not waited out."""


def add_where(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--config", type=Path, required=True, metavar="FILE", help="the gateway's configuration"
    )
    for name, default, about in (
        ("authority", "/etc/forepost/broker", "the box's certificate authority"),
        ("mosquitto", "/etc/mosquitto", "the broker's configuration"),
        ("credentials", "/etc/forepost/credentials", "where systemd takes secrets from"),
    ):
        parser.add_argument(
            f"--{name}",
            type=Path,
            default=Path(default),
            metavar="DIR",
            help=f"{about}: {default}",
        )
    parser.add_argument(
        "--no-reload", action="store_true", help="do not tell a running broker to read its files"
    )


def put_pair(directory: Path, name: str, identity: Identity) -> None:
    put(directory / f"{name}.key", identity.key, SECRET)
    put(directory / f"{name}.pem", identity.certificate)


def publish(namespace: argparse.Namespace, authority: Authority, settings: Settings) -> None:
    """Put where the broker looks what changes with every device."""
    warehouse = "+" if _goes_between(settings) else settings.gateway.warehouse
    passwords = Passwords(namespace.authority)
    names = sorted({*authority.devices(), *passwords.names()})
    devices = access_list(names, warehouse=warehouse)
    put(namespace.mosquitto / "certs/forepost-crl.pem", authority.revocations)
    put(namespace.mosquitto / "forepost.acl", devices.encode())
    put(namespace.mosquitto / "forepost.passwords", passwords.lines().encode(), SECRET)
    lend(namespace.mosquitto / "forepost.passwords")
    put(namespace.config.parent / LISTING, encode_listing(_ends(namespace, authority)))


def lend(path: Path) -> None:
    """Let the broker, which runs as its own user, read a file of root's."""
    with contextlib.suppress(LookupError, PermissionError):
        shutil.chown(path, group="mosquitto")
        path.chmod(0o640)


def _ends(namespace: argparse.Namespace, authority: Authority) -> dict[str, float]:
    """When the last certificate of each device and of the broker itself ends."""
    ends = {BROKER: end_of(namespace.mosquitto / "certs/forepost-broker.pem").timestamp()}
    # The oldest come first. The gateway reads its own where it uses it.
    ends |= {it.name: it.ends.timestamp() for it in authority.issued() if not it.is_revoked}
    ends.pop(GATEWAY, None)
    return ends


def _goes_between(settings: Settings) -> bool:
    """Whether some device takes the topics of other warehouses, too."""
    return any(device.options.get("any_warehouse") is True for device in settings.devices)


def tell(namespace: argparse.Namespace, what: str) -> None:
    """Have a running broker take what was written; where systemd does not run, say who must."""
    if namespace.no_reload:
        return
    # A service that is not there, or does not run, has nothing to be told.
    command = "try-restart" if what == "restart" else "try-reload-or-restart"
    if not systemctl(command, "mosquitto"):
        print(f"now {what} the broker: it runs on the files of before")


def systemctl(*command: str) -> bool:
    """Run it; False where systemd does not run. Raises BrokerError if it refuses."""
    program = shutil.which("systemctl")
    if program is None or not Path("/run/systemd/system").is_dir():
        return False
    done = subprocess.run(  # noqa: S603 - no word of it comes from outside
        [program, *command], check=False, capture_output=True, text=True
    )
    if done.returncode != 0:
        raise BrokerError(f"systemctl {' '.join(command)}: {done.stderr.strip()}")
    return True


def now() -> datetime:
    return datetime.fromtimestamp(SystemClock().wall_us() / 1e6, UTC)
