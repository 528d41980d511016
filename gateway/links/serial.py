"""A serial port: pyserial opens and sets it up, the event loop reads and writes its descriptor.

pyserial's own reads block or poll; its descriptor is an ordinary one. After a pulled cable
pyserial raises SerialException, and its `in_waiting` a bare OSError: here both are LinkLost.
"""

from __future__ import annotations

import asyncio
import os
import termios
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
        os.set_blocking(self._descriptor, False)
        _wait_for_a_byte(self._descriptor)

    async def read(self) -> bytes:
        """The next bytes. Raises LinkLost when the port is gone."""
        while True:
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
        try:
            await ready.wait()
        finally:
            remove(self._descriptor)

    async def close(self) -> None:
        """Release the port."""
        if self._port.is_open:
            loop = asyncio.get_running_loop()
            loop.remove_reader(self._descriptor)
            loop.remove_writer(self._descriptor)
            self._port.close()


def _wait_for_a_byte(descriptor: int) -> None:
    """Make an empty line say "not yet" instead of "end of file".

    pyserial sets VMIN to 0, under which a read of an empty line gives no bytes even where
    O_NONBLOCK is set (termios(3)), and a quiet device looks like a closed port.
    """
    attributes = termios.tcgetattr(descriptor)
    attributes[6][termios.VMIN], attributes[6][termios.VTIME] = 1, 0
    termios.tcsetattr(descriptor, termios.TCSANOW, attributes)


async def open_serial(path: str, *, baud: int) -> SerialLink:
    """Open a port for this process alone, 8 data bits, no parity, one stop bit."""
    try:
        # Opening may block while a USB adapter wakes up.
        port = await asyncio.to_thread(
            serial.Serial, path, baud, timeout=0, write_timeout=0, exclusive=True
        )
    except (serial.SerialException, OSError, ValueError) as error:
        raise LinkLost(f"serial://{path}", str(error)) from error
    try:
        return SerialLink(f"serial://{path}", port)
    except (termios.error, OSError) as error:
        port.close()
        raise LinkLost(f"serial://{path}", str(error)) from error
