"""Tells systemd how the service does: sd_notify(3), the plain datagram protocol.

Without NOTIFY_SOCKET in the environment every call does nothing, so that the gateway runs the
same under a terminal.
"""

from __future__ import annotations

import contextlib
import os
import socket


class Notifier:
    """One datagram per word: READY=1, WATCHDOG=1, RELOADING=1, STATUS=…, STOPPING=1,
    EXTEND_TIMEOUT_USEC=…"""

    def __init__(self, address: str | None, watchdog_us: int | None) -> None:
        self._address = address
        self.watchdog_s = None if watchdog_us is None else watchdog_us / 1_000_000
        """How often systemd wants to hear from us; None if it does not watch."""

    @classmethod
    def from_environment(cls) -> Notifier:
        """What systemd set for this process."""
        limit = os.environ.get("WATCHDOG_USEC", "")
        pid = os.environ.get("WATCHDOG_PID", "")
        is_ours = not pid or pid == str(os.getpid())
        watchdog_us = int(limit) if limit.isdigit() and is_ours else None
        return cls(os.environ.get("NOTIFY_SOCKET"), watchdog_us)

    def ready(self) -> None:
        """Start-up is complete."""
        self._send("READY=1")

    def extend(self, seconds: float) -> None:
        """Starting, or stopping, takes so much longer from now on."""
        self._send(f"EXTEND_TIMEOUT_USEC={round(seconds * 1_000_000)}")

    def alive(self) -> None:
        """Everything moves."""
        self._send("WATCHDOG=1")

    def reloading(self, monotonic_s: float) -> None:
        """A reload has begun; `ready` ends it. systemd 253 and later want to know when."""
        self._send(f"RELOADING=1\nMONOTONIC_USEC={round(monotonic_s * 1_000_000)}")

    def stopping(self) -> None:
        """A stop has begun."""
        self._send("STOPPING=1")

    def status(self, text: str) -> None:
        """One line for `systemctl status`."""
        self._send("STATUS=" + text.replace("\n", " "))

    def _send(self, message: str) -> None:
        if not self._address:
            return
        # An "@" stands for the NUL that marks an abstract socket.
        address = "\0" + self._address[1:] if self._address.startswith("@") else self._address
        with (
            socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock,
            contextlib.suppress(OSError),
        ):
            sock.sendto(message.encode(), address)
