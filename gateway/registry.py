"""Finds drivers by entry point, ours and third-party ones alike, and says what they are given.

A driver package declares, in its own pyproject.toml:
    [project.entry-points."gateway.drivers"]
    my-reader = "my_package:make_driver"
where `make_driver(device: DeviceSettings, context: DriverContext) -> Driver` raises ConfigError
for options it does not know. See docs/writing-a-driver.md.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from importlib.metadata import entry_points
from typing import cast

from gateway.errors import ConfigError
from gateway.ports import ByteLink, Clock, Driver, MqttSession
from gateway.settings import DeviceSettings

GROUP = "gateway.drivers"


@dataclass(frozen=True, slots=True)
class DriverContext:
    """What a driver may use of the gateway.

    warehouse: this gateway's. mqtt: None where no broker is configured. open_link: opens a
    byte stream by URL (`serial://…`, `tcp://…`); raises LinkLost when it is not there.
    random: uniform in [0, 1), for jitter.
    """

    warehouse: str
    clock: Clock
    mqtt: MqttSession | None
    open_link: Callable[[str], Awaitable[ByteLink]]
    random: Callable[[], float]


DriverFactory = Callable[[DeviceSettings, DriverContext], Driver]


def driver_names() -> list[str]:
    """The names that `driver = …` may take, sorted."""
    return sorted({entry.name for entry in entry_points(group=GROUP)})


def find_driver(name: str) -> DriverFactory:
    """The factory behind a driver name. Raises ConfigError naming what there is."""
    entries = [entry for entry in entry_points(group=GROUP) if entry.name == name]
    if not entries:
        there_are = ", ".join(driver_names())
        raise ConfigError(f"driver: {name!r} is not installed; there are {there_are}")
    if len({entry.value for entry in entries}) > 1:
        owners = ", ".join(sorted(entry.dist.name if entry.dist else "?" for entry in entries))
        raise ConfigError(f"driver: {name!r} is claimed by more than one package: {owners}")
    try:
        return cast(DriverFactory, entries[0].load())
    except (ImportError, AttributeError) as error:
        raise ConfigError(f"driver: {name!r} cannot be loaded: {error}") from error
