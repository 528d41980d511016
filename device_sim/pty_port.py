"""A serial port that is none: a pseudo-terminal, with a fixed name for the gateway to open.

The device holds both ends, so that the port's settings live on and nothing hangs up while no
gateway has it open. What does not fit into the line's buffer is lost, as on a wire.
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

    def __init__(self, descriptor: int, far_end: int, link: Path) -> None:
        self._descriptor = descriptor
        self._far_end = far_end
        self.link = link
        self.n_lost_bytes = 0
        self._received: asyncio.Queue[bytes] = asyncio.Queue(maxsize=1000)

    def listen(self) -> None:
        """Begin to take in what the gateway writes."""
        asyncio.get_running_loop().add_reader(self._descriptor, self._on_readable)

    def _on_readable(self) -> None:
        with contextlib.suppress(BlockingIOError, asyncio.QueueFull):
            self._received.put_nowait(os.read(self._descriptor, READ_BYTES))

    async def read(self) -> bytes:
        """The next bytes from the gateway."""
        return await self._received.get()

    def write(self, data: bytes) -> None:
        """Put bytes on the line; what has no room is lost and counted."""
        try:
            written = os.write(self._descriptor, data)
        except BlockingIOError:
            written = 0
        self.n_lost_bytes += len(data) - written

    def close(self) -> None:
        """Pull the cable."""
        with contextlib.suppress(RuntimeError):
            asyncio.get_running_loop().remove_reader(self._descriptor)
        os.close(self._descriptor)
        os.close(self._far_end)


@contextlib.contextmanager
def open_pty(link: Path) -> Iterator[PtyPort]:
    """A port whose far end is to be opened as `link`, for the time of the context."""
    near, far = os.openpty()
    tty.setraw(far)
    os.set_blocking(near, False)
    link.unlink(missing_ok=True)
    link.symlink_to(os.ttyname(far))
    port = PtyPort(near, far, link)
    try:
        yield port
    finally:
        port.close()
        link.unlink(missing_ok=True)
