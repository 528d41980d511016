"""Devices that speak MQTT by WebSocket come with a password: browsers handle certificates badly.

    DIR/passwords/NAME     what the broker needs to know it again; nobody keeps the password itself

A password is made here, with 79 random bits, and shown once; one that people choose would be the
device's name. The hash is Mosquitto's: `$7$ROUNDS$SALT$HASH`, PBKDF2 with SHA-512.
"""

from __future__ import annotations

import base64
import hashlib
import secrets
from pathlib import Path
from typing import Final

from gateway.broker.authority import put
from gateway.errors import BrokerError
from gateway.journal.durable import SECRET

ROUNDS: Final = 5000
"""The passwords are random; this slows who guesses, and a connection by milliseconds."""
_ALPHABET: Final = "abcdefghjkmnpqrstuvwxyz23456789"
"""Without those that are taken for each other."""


class Passwords:
    """The passwords of one box's devices, in its authority's directory."""

    def __init__(self, authority: Path) -> None:
        self._directory = authority / "passwords"

    def make(self, name: str) -> str:
        """A new password for a device; the one before ends. Raises BrokerError."""
        groups = ("".join(secrets.choice(_ALPHABET) for _ in range(4)) for _ in range(4))
        password = "-".join(groups)
        put(self._directory / name, hash_of(password, secrets.token_bytes(12)).encode(), SECRET)
        return password

    def end(self, name: str) -> bool:
        """Take a device's password away; False if it has none. Raises BrokerError."""
        try:
            (self._directory / name).unlink()
        except FileNotFoundError:
            return False
        except OSError as error:
            raise BrokerError(f"{self._directory / name}: {error.strerror}") from error
        return True

    def names(self) -> list[str]:
        """The devices that have one, in order."""
        return sorted(path.name for path in self._directory.glob("*") if path.suffix != ".new")

    def lines(self) -> str:
        """Mosquitto's file of passwords. Raises BrokerError."""
        try:
            hashes = {name: (self._directory / name).read_text() for name in self.names()}
        except OSError as error:
            raise BrokerError(f"{self._directory}: {error.strerror}") from error
        return "".join(f"{name}:{it}\n" for name, it in hashes.items())


def hash_of(password: str, salt: bytes) -> str:
    """What Mosquitto compares with."""
    digest = hashlib.pbkdf2_hmac("sha512", password.encode(), salt, ROUNDS)
    shown = (base64.b64encode(it).decode() for it in (salt, digest))
    return f"$7${ROUNDS}${'$'.join(shown)}"
