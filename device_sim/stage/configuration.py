"""What the programs on a stage are given: configuration files and command lines.

Every program is started as its own command (`python -m …`), with the interpreter the stage runs
under, so that an installed wheel and a checkout behave alike.
"""

from __future__ import annotations

import shutil
import socket
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from device_sim.broker import Endpoint
from device_sim.errors import SimulatorError
from gateway.errors import ConfigError
from gateway.settings import load_settings

SBIN: Final = "/usr/local/sbin:/usr/sbin:/sbin:/usr/local/bin:/usr/bin:/bin"
"""Where Debian puts mosquitto; not on every user's PATH."""

PDAS: Final = """
[[devices]]
name = "pda-*"
driver = "pda"
link = "mqtt"
"""


@dataclass(frozen=True, slots=True)
class Site:
    """One warehouse and the files of its gateway. gateway: its id, and its MQTT client id.

    directory: where simulated serial ports appear, and all files of a gateway of ours.
    """

    warehouse: str
    gateway: str
    config: Path
    socket: Path
    directory: Path

    @property
    def token(self) -> Path:
        """Where a gateway of ours finds its token for the cloud."""
        return self.directory / f"{self.gateway}.token"

    def pty(self, name: str) -> Path:
        """Where a simulated serial port appears."""
        return self.directory / f"tty-{name}"


def site_at(directory: Path, warehouse: str) -> Site:
    """Where everything of a warehouse of ours lies."""
    gateway, home = f"gw-{warehouse}", directory / warehouse
    return Site(warehouse, gateway, home / f"{gateway}.toml", home / gateway / "status.sock", home)


def make_site(directory: Path, warehouse: str) -> Site:
    """A warehouse of ours, with its directory."""
    site = site_at(directory, warehouse)
    site.directory.mkdir(parents=True, exist_ok=True)
    return site


def site_of(config: Path, directory: Path) -> Site:
    """The warehouse of a gateway that somebody else has configured. Raises SimulatorError.

    directory: where simulated serial ports are to appear.
    """
    try:
        settings = load_settings(config)
    except ConfigError as error:
        raise SimulatorError(str(error)) from error
    gateway = settings.gateway
    return Site(gateway.warehouse, gateway.id, config, settings.status_socket, directory)


def free_port() -> int:
    """A port of this machine that nobody listens on now."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


def python(module: str, *arguments: str) -> list[str]:
    """The command line of one of our programs."""
    return [sys.executable, "-m", module, *arguments]


def find_mosquitto() -> str | None:
    """Mosquitto's path if it is installed."""
    return shutil.which("mosquitto") or shutil.which("mosquitto", path=SBIN)


def broker_program(
    wanted: str, directory: Path, port: int, websockets: int | None = None
) -> tuple[str, list[str]]:
    """Name and command line of the broker. wanted: auto, mosquitto or iotcore.

    websockets: the port where Mosquitto speaks to browsers, too; iotcore does not.
    """
    mosquitto = find_mosquitto()
    if wanted == "mosquitto" and mosquitto is None:
        raise SimulatorError("mosquitto is not installed; --broker iotcore needs no package")
    if mosquitto is not None and wanted != "iotcore":
        config = directory / "mosquitto.conf"
        config.write_text(mosquitto_config(directory, port, websockets), encoding="utf-8")
        return "mosquitto", [mosquitto, "-c", str(config)]
    return "iotcore", python(
        "iotcore", "--listen", "127.0.0.1", "--port", str(port), "--log-level", "error"
    )


def mosquitto_config(directory: Path, port: int, websockets: int | None) -> str:
    """A broker for this machine alone, with persistence and without its own queue limits."""
    # Only an IPv4 socket of its WebSockets is bound to the address that is asked for.
    browsers = (
        f"listener {websockets} 127.0.0.1\nsocket_domain ipv4\nprotocol websockets\n"
        if websockets is not None
        else ""
    )
    return (
        f"listener {port} 127.0.0.1\n"
        "allow_anonymous true\n"
        "persistence true\n"
        f"persistence_location {directory}/\n"
        "max_inflight_messages 0\n"
        "max_queued_messages 0\n"
        f"user {_user()}\n{browsers}"
    )


def _user() -> str:
    # Started by root, mosquitto would become its own user, who may not write here.
    import getpass

    return getpass.getuser()


def gateway_config(site: Site, broker: Endpoint, cloud_url: str, *, seed: int) -> str:
    """The gateway's TOML but its devices. Short windows, so that a day fits into a minute."""
    return f"""
[gateway]
id = "{site.gateway}"
warehouse = "{site.warehouse}"
state_dir = "{site.directory / site.gateway}"

[mqtt]
host = "{broker.host}"
port = {broker.port}

[cloud]
url = "{cloud_url}"
token_file = "{site.token}"
poll_s = 1.0

[planner]
seed = {seed}
time_limit_s = 3.0
gather_s = 1.0
quiet_s = 10.0

"""


def device_program(
    kind: str, *, broker: Endpoint | None, options: Sequence[str], seed: int
) -> list[str]:
    """The command line of a simulated device."""
    address = () if broker is None else ("--broker", f"{broker.host}:{broker.port}")
    return python("device_sim", "device", kind, *address, *options, "--seed", str(seed))
