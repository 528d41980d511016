"""A serial port that is none: a pseudo-terminal, with a fixed name for the gateway to open.

The device holds both ends, so that the port's settings live on and nothing hangs up while no
gateway has it open. What does not fit into the line's buffer is lost, as on a wire. The cable
can be pulled: the gateway's end hangs up and the name is gone, until it is plugged in again.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import tty
from collections.abc import Iterator
from pathlib import Path
from typing import Final

READ_BYTES: Final = 4096


class PtyPort:
    """The device's end. Made by `open_pty`."""

    def __init__(self, link: Path) -> None:
        self.link = link
        self.n_lost_bytes = 0
        self._ends: tuple[int, int] | None = None
        self._received: asyncio.Queue[bytes] = asyncio.Queue(maxsize=1000)
        self._loop: asyncio.AbstractEventLoop | None = None

    @property
    def is_plugged(self) -> bool:
        """True while the cable is in."""
        return self._ends is not None

    def plug(self) -> None:
        """Put the cable in: a new terminal under the same name. Nothing if it is in already."""
        if self._ends is not None:
            return
        near, far = os.openpty()
        tty.setraw(far)
        os.set_blocking(near, False)
        self._ends = near, far
        if self._loop is not None:
            self._loop.add_reader(near, self._on_readable, near)
        self.link.unlink(missing_ok=True)
        self.link.symlink_to(os.ttyname(far))

    def unplug(self) -> None:
        """Pull the cable: name and both ends are gone. Nothing if it is out already."""
        if self._ends is None:
            return
        self.link.unlink(missing_ok=True)
        near, far = self._ends
        self._ends = None
        if self._loop is not None and not self._loop.is_closed():
            self._loop.remove_reader(near)
        os.close(near)
        os.close(far)

    def listen(self) -> None:
        """Begin to take in what the gateway writes."""
        self._loop = asyncio.get_running_loop()
        if self._ends is not None:
            self._loop.add_reader(self._ends[0], self._on_readable, self._ends[0])

    def _on_readable(self, descriptor: int) -> None:
        with contextlib.suppress(BlockingIOError, asyncio.QueueFull):
            self._received.put_nowait(os.read(descriptor, READ_BYTES))

    async def read(self) -> bytes:
        """The next bytes from the gateway."""
        return await self._received.get()

    def write(self, data: bytes) -> None:
        """Put bytes on the line; what has no room, or no cable, is lost and counted."""
        written = 0
        if self._ends is not None:
            with contextlib.suppress(BlockingIOError):
                written = os.write(self._ends[0], data)
        self.n_lost_bytes += len(data) - written

    def close(self) -> None:
        """Pull the cable for good."""
        self.unplug()


@contextlib.contextmanager
def open_pty(link: Path) -> Iterator[PtyPort]:
    """A port whose far end is to be opened as `link`, for the time of the context."""
    port = PtyPort(link)
    port.plug()
    try:
        yield port
    finally:
        port.close()
