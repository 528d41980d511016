"""A wake-up that is only a hint: whoever waits looks for itself what has changed."""

from __future__ import annotations

import asyncio


class Signal:
    """Lets any number of waiters know that something is new since they last looked."""

    def __init__(self) -> None:
        self._version = 0
        self._event = asyncio.Event()

    @property
    def version(self) -> int:
        """Grows with every notification."""
        return self._version

    def notify(self) -> None:
        """Wake everybody who waits."""
        self._version += 1
        self._event.set()
        self._event = asyncio.Event()

    async def wait_beyond(self, version: int) -> int:
        """Return the version as soon as it is above `version`."""
        while self._version <= version:
            await self._event.wait()
        return self._version
