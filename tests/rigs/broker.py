"""A real Mosquitto of the test's own: its own port, its own store, gone when the test ends.

Mosquitto is not optional: where it is missing the test fails and says what to install.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

from tests.rigs.guard import GUARD_S

LOWEST_PORT, N_PORTS = 20_000, 12_000
"""Below those that Linux gives to who connects (32768 and up): none is lost to a client."""
_numbers = itertools.count(os.getpid() * 7417)  # neighbours' workers begin far from each other


def free_port() -> int:
    """A port nobody listens on now; it comes again only after thousands of others."""
    for _ in range(N_PORTS):
        port = LOWEST_PORT + next(_numbers) % N_PORTS
        with contextlib.suppress(OSError), socket.socket() as sock:
            sock.bind(("127.0.0.1", port))
            return port
    raise RuntimeError(f"no port is free from {LOWEST_PORT} on")


class Mosquitto:
    """One broker process that can be killed and started again on the same store."""

    def __init__(self, directory: Path, port: int, config: str) -> None:
        self.port = port
        self._config = directory / "mosquitto.conf"
        self._config.write_text(config)
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it; return once it listens. Raises TimeoutError, at once if it ended."""
        binary = shutil.which(
            "mosquitto", path="/usr/sbin:/usr/bin:/usr/local/sbin:/usr/local/bin"
        )
        if binary is None:
            raise RuntimeError("mosquitto is not installed; scripts/debian-packages installs it")
        self._process = subprocess.Popen(
            [binary, "-c", str(self._config)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        wait_for_port(self.port, GUARD_S, self._process)

    def reload(self) -> None:
        """What `systemctl reload mosquitto` does."""
        if self._process is None:
            raise AssertionError("the broker was not started")
        self._process.send_signal(signal.SIGHUP)

    def stop(self, sign: int = signal.SIGTERM) -> None:
        if self._process is not None:
            self._process.send_signal(sign)
            self._process.wait(GUARD_S)
            self._process = None


def wait_for_port(
    port: int, limit_s: float, process: subprocess.Popen[bytes] | None = None
) -> None:
    """Return once something accepts connections. Raises TimeoutError, at once if it ended."""
    deadline = time.monotonic() + limit_s
    while time.monotonic() < deadline and (process is None or process.poll() is None):
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.02)
    raise TimeoutError(f"nothing listens on port {port} after {limit_s} s")


@contextlib.contextmanager
def running_mosquitto(directory: Path, extra: str = "") -> Iterator[Mosquitto]:
    """An open, persistent broker for the time of the context."""
    port = free_port()
    config = (
        f"listener {port} 127.0.0.1\nallow_anonymous true\npersistence true\n"
        f"persistence_location {directory}/\nmax_inflight_messages 0\n"
        f"max_queued_messages 0\nuser root\n{extra}"
    )
    with running_broker(directory, port, config) as broker:
        yield broker


@contextlib.contextmanager
def running_broker(directory: Path, port: int, config: str) -> Iterator[Mosquitto]:
    """A broker on a configuration that names `port`, for the time of the context."""
    broker = Mosquitto(directory, port, config)
    broker.start()
    try:
        yield broker
    finally:
        broker.stop(signal.SIGKILL)
