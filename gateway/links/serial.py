"""A serial port: pyserial opens and sets it up, the event loop reads and writes its descriptor.

pyserial's own reads block or poll; its descriptor is an ordinary one. After a pulled cable
pyserial raises SerialException, its `in_waiting` a bare OSError, and an opening that the pull
falls into termios.error, which is neither: here all of them are LinkLost.
"""

from __future__ import annotations

import asyncio
import os
import termios
import threading
from typing import Final

import serial

from gateway.errors import LinkLost

READ_BYTES: Final = 4096
WRITE_TIMEOUT_S: Final = 5.0


class SerialLink:
    """An open port. Made by `open_serial`."""

    def __init__(self, name: str, port: serial.Serial) -> None:
        self._name = name
        self._port = port
        self._descriptor: int = port.fileno()
        self._waiting: set[asyncio.Event] = set()
        os.set_blocking(self._descriptor, False)
        _wait_for_a_byte(self._descriptor)

    async def read(self) -> bytes:
        """The next bytes. Raises LinkLost when the port is gone."""
        while True:
            self._check_open()
            try:
                data = os.read(self._descriptor, READ_BYTES)
            except BlockingIOError:
                await self._ready(for_reading=True)
                continue
            except OSError as error:
                raise LinkLost(self._name, error.strerror or str(error)) from error
            if not data:
                raise LinkLost(self._name, "the other side closed")
            return data

    async def write(self, data: bytes) -> None:
        """Send all of `data`. Raises LinkLost, also when the port takes nothing for long."""
        rest = memoryview(data)
        try:
            async with asyncio.timeout(WRITE_TIMEOUT_S):
                while rest:
                    self._check_open()
                    try:
                        rest = rest[os.write(self._descriptor, rest) :]
                    except BlockingIOError:
                        await self._ready(for_reading=False)
        except TimeoutError as error:
            raise LinkLost(self._name, "takes no more bytes") from error
        except OSError as error:
            raise LinkLost(self._name, error.strerror or str(error)) from error

    async def _ready(self, *, for_reading: bool) -> None:
        loop = asyncio.get_running_loop()
        ready = asyncio.Event()
        add, remove = (
            (loop.add_reader, loop.remove_reader)
            if for_reading
            else (loop.add_writer, loop.remove_writer)
        )
        add(self._descriptor, ready.set)
        self._waiting.add(ready)
        try:
            await ready.wait()
        finally:
            self._waiting.discard(ready)
            # Once closed the number may be somebody else's; `close` has removed it already.
            if self._port.is_open:
                remove(self._descriptor)

    def _check_open(self) -> None:
        if not self._port.is_open:
            raise LinkLost(self._name, "closed")

    async def close(self) -> None:
        """Release the port; whoever waits for it finds the link lost."""
        if self._port.is_open:
            loop = asyncio.get_running_loop()
            loop.remove_reader(self._descriptor)
            loop.remove_writer(self._descriptor)
            self._port.close()
        for ready in self._waiting:
            ready.set()


def _wait_for_a_byte(descriptor: int) -> None:
    """Make an empty line say "not yet" instead of "end of file".

    pyserial sets VMIN to 0, under which a read of an empty line gives no bytes even where
    O_NONBLOCK is set (termios(3)), and a quiet device looks like a closed port.
    """
    attributes = termios.tcgetattr(descriptor)
    attributes[6][termios.VMIN], attributes[6][termios.VTIME] = 1, 0
    termios.tcsetattr(descriptor, termios.TCSANOW, attributes)


class Opening:
    """A port being opened in a thread, which cannot be cancelled; an abandoned one is closed."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._port: serial.Serial | None = None
        self._is_abandoned = False

    def open(self, path: str, baud: int) -> serial.Serial:
        """Open for this process alone, 8 data bits, no parity, one stop bit; in the thread."""
        port = serial.Serial(path, baud, timeout=0, write_timeout=0, exclusive=True)
        with self._lock:
            self._port = port
            if self._is_abandoned:
                port.close()
        return port

    def abandon(self) -> None:
        """Nobody waits for the port any more."""
        with self._lock:
            self._is_abandoned = True
            if self._port is not None:
                self._port.close()


async def open_serial(path: str, *, baud: int) -> SerialLink:
    """Open a port. Raises LinkLost."""
    opening = Opening()
    try:
        # Opening may block while a USB adapter wakes up.
        port = await asyncio.to_thread(opening.open, path, baud)
    except asyncio.CancelledError:
        opening.abandon()
        raise
    except (serial.SerialException, OSError, ValueError, termios.error) as error:
        raise LinkLost(f"serial://{path}", str(error)) from error
    try:
        return SerialLink(f"serial://{path}", port)
    except (termios.error, OSError) as error:
        port.close()
        raise LinkLost(f"serial://{path}", str(error)) from error
