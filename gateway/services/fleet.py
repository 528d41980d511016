"""The configured devices and what runs them; they may come, go and change while it runs.

A change loses nothing that somebody waits to have answered:
- Whoever is as it was keeps running and never notices.
- A device that speaks through the broker is heard without a break: its new driver has subscribed
  before the old one hears nothing more, and nothing that the old one had half taken is left.
- A port or an address is free before its new driver opens it. What is sent meanwhile waits in
  the device, as over any short loss of the link.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import partial
from typing import Final

from gateway.ports import Clock, DeviceHealth, Driver
from gateway.services.intake_queue import IntakeQueue
from gateway.services.session_part import SessionPart
from gateway.services.supervisor import supervise
from gateway.settings import DeviceSettings

SUBSCRIBE_S: Final = 10.0
"""How long a driver may take to say what it wants to hear; ours do it at once."""


@dataclass(frozen=True, slots=True, eq=False)
class Device:
    """A configured device. part: of the broker's session; None for one that needs none."""

    settings: DeviceSettings
    driver: Driver
    part: SessionPart | None = None


@dataclass(frozen=True, slots=True)
class Changes:
    """What became of the devices, by name."""

    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()


class Fleet:
    """The devices of one gateway, in the order of the configuration."""

    def __init__(
        self,
        devices: Sequence[Device],
        *,
        intake: IntakeQueue,
        clock: Clock,
        random: Callable[[], float],
    ) -> None:
        self._devices = list(devices)
        self._intake = intake
        self._clock = clock
        self._random = random
        self._group: asyncio.TaskGroup | None = None
        self._tasks: dict[Device, asyncio.Task[None]] = {}

    @property
    def drivers(self) -> Sequence[Driver]:
        """One for each configured device, in order."""
        return [device.driver for device in self._devices]

    @property
    def settings(self) -> tuple[DeviceSettings, ...]:
        """What they are configured by."""
        return tuple(device.settings for device in self._devices)

    def health(self) -> Iterator[DeviceHealth]:
        """Every device that a driver knows."""
        for device in self._devices:
            yield from device.driver.health()

    def sensors(self) -> list[tuple[str, str]]:
        """The climate sensors that ought to speak, with their zones."""
        return [(it.name, it.zone) for it in self.health() if it.zone is not None]

    def must_speak(self, name: str, zone: str | None) -> bool:
        """Whether its silence is news: one of a family of handhelds may go home.

        A sensor must, one that is configured by its own name, and one with a time after which
        it counts as lost (`silent_s`).
        """
        return zone is not None or any(
            it.name == name or (it.options.get("silent_s") and fnmatchcase(name, it.name))
            for it in self.settings
        )

    def is_served(self, name: str) -> bool:
        """Whether a device of this name is configured: by itself, by a pattern, or on a bus."""
        return any(fnmatchcase(name, it.name) for it in self.settings) or any(
            it.name == name for it in self.health()
        )

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Run them all while the context is open."""
        async with asyncio.TaskGroup() as group:
            self._group = group
            for device in self._devices:
                self._start(device)
            try:
                yield
            finally:
                self._group = None
                for task in self._tasks.values():
                    task.cancel()

    async def change(
        self, wanted: Sequence[DeviceSettings], make: Callable[[DeviceSettings], Device]
    ) -> Changes:
        """Serve these from now on; gives what that changed.

        Raises ConfigError, from `make`, before anything is touched.
        """
        here = {device.settings.name: device for device in self._devices}
        kept = [here[it.name] for it in wanted if it.name in here and here[it.name].settings == it]
        is_kept = {device.settings.name for device in kept}
        new = {it.name: make(it) for it in wanted if it.name not in is_kept}
        for device in self._devices:
            if device.settings.name not in is_kept:
                await self._stop(device)
        old = [device for device in self._devices if device.settings.name not in is_kept]
        self._devices = [new.get(it.name) or here[it.name] for it in wanted]
        for device in new.values():
            self._start(device)
        for device in new.values():
            await self._until_heard(device)
        for device in old:
            await self._hang_up(device)
        names = {it.name for it in wanted}
        return Changes(
            added=tuple(name for name in new if name not in here),
            removed=tuple(name for name in here if name not in names),
            changed=tuple(name for name in new if name in here),
        )

    def _start(self, device: Device) -> None:
        if self._group is None:
            raise AssertionError("a device is started before the others run")
        name = f"device-{device.settings.name}"
        run = partial(device.driver.run, self._intake)
        self._tasks[device] = self._group.create_task(
            supervise(name, run, clock=self._clock, random=self._random), name=name
        )

    async def _stop(self, device: Device) -> None:
        """End its driver, which gives its port back. Its handlers still take what comes."""
        task = self._tasks.pop(device)
        task.cancel()
        await asyncio.wait({task})

    async def _until_heard(self, device: Device) -> None:
        """Return when it has subscribed, or after a while: another one's code may fail."""
        if device.part is not None and device.settings.link == "mqtt":
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(SUBSCRIBE_S):
                    await device.part.has_subscribed.wait()

    async def _hang_up(self, device: Device) -> None:
        """Let it hear nothing more, at a moment when it has taken nothing by half."""
        if device.part is None:
            return
        while device.part.is_holding:
            await asyncio.sleep(0)  # there may be room all the time
            await self._intake.room()
            device.part.resume()
        device.part.close()
