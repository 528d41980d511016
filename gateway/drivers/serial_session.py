"""What all devices on a byte link have in common: open, serve, lose, open again.

A lost link is one log line; its return is another. In between the back-off grows with full
jitter up to RETRY_CAP_S. What was buffered for the old connection is not carried over.
"""

from __future__ import annotations

import logging
from abc import ABC, abstractmethod
from asyncio import sleep
from collections.abc import Sequence
from typing import Final

from gateway.errors import ConfigError, LinkLost
from gateway.links.backoff import full_jitter
from gateway.links.open import check_link
from gateway.ports import ByteLink, DeviceHealth, Intake
from gateway.registry import DriverContext
from gateway.settings import DeviceSettings

logger = logging.getLogger(__name__)

RETRY_CAP_S: Final = 5.0
STABLE_S: Final = 10.0


class SerialSession(ABC):
    """A driver on a byte link. Subclasses say what to do while the link is open.

    is_up_when_open: False for a device that is only there once it has answered; its `serve`
    then calls `link_is_up` itself, and a device that is reached but never answers is one line.
    is_for_reading: True for a device that nothing is written to; its link may be a stream.
    """

    is_up_when_open = True
    is_for_reading = False

    def __init__(self, device: DeviceSettings, context: DriverContext) -> None:
        try:
            check_link(device.link, is_for_reading=self.is_for_reading)
        except ConfigError as error:
            raise ConfigError(f"devices.{device.name}.{error}") from error
        self.device = device
        self.context = context
        self.own_health = DeviceHealth(device.name, device.driver, device.link)
        self._was_reported = False

    def health(self) -> Sequence[DeviceHealth]:
        """This device, or the bus and what is on it."""
        return [self.own_health]

    @abstractmethod
    async def serve(self, link: ByteLink, intake: Intake) -> None:
        """Talk to the device until the link is lost (raise LinkLost) or for ever."""

    def link_is_up(self) -> None:
        """Say that the device is there, and back if it was lost."""
        if self._was_reported:
            logger.info("link is back", extra={"action": "link_up", "device": self.device.name})
            self.own_health.n_reconnects += 1
        self._was_reported = False
        self.own_health.state = "online"

    async def run(self, intake: Intake) -> None:
        """Serve until cancelled, over as many connections as it takes."""
        attempt = 0
        while True:
            began = self.context.clock.monotonic()
            try:
                link = await self.context.open_link(self.device.link)
                try:
                    if self.is_up_when_open:
                        self.link_is_up()
                    await self.serve(link, intake)
                finally:
                    await link.close()
            except LinkLost as error:
                self.own_health.state = "lost"
                if not self._was_reported:
                    logger.warning(
                        "link lost",
                        extra={
                            "action": "link_lost",
                            "device": self.device.name,
                            "reason": str(error),
                        },
                    )
                self._was_reported = True
            lived_s = self.context.clock.monotonic() - began
            attempt = 0 if lived_s > STABLE_S else attempt + 1
            await sleep(
                full_jitter(attempt, base_s=0.1, cap_s=RETRY_CAP_S, random=self.context.random)
            )
