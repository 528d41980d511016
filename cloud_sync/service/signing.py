"""The cloud's own key: it signs what goes down, and the key that will take its place.

It lies in one file, which nobody but the service reads:
    {"private": HEX, "successions": [{"key", "next", "signature"}, …]}
Every process that serves one database is given the same file. A rotation writes the next key and
the old one's word for it in one step; the old private key is nowhere from then on. What signs and
what is signed is in contract/signing.py.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from cloud_sync.contract import signing
from cloud_sync.contract.signing import Succession

SECRET: Final = 0o600


class KeyUnusable(Exception):
    """The file cannot be used; the message says why, and nothing of what is in it."""


class _File(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)

    private: Annotated[str, Field(pattern="^[0-9a-f]{64}$", repr=False)]
    successions: list[Succession] = []


class Signer:
    """The key in use, and how it came to be that."""

    def __init__(self, private: Ed25519PrivateKey, successions: tuple[Succession, ...]) -> None:
        self._private = private
        self.public = private.public_key().public_bytes_raw().hex()
        self.successions = successions
        if successions and successions[-1].next != self.public:
            raise KeyUnusable("the last succession does not lead to the key in the file")
        try:
            signing.follow(successions[0].key if successions else self.public, successions)
        except signing.NotSigned as error:
            raise KeyUnusable(f"successions: {error}") from error

    def sign_page(
        self, *, gateway: str, challenge: str, cursor: int, mark: str | None, body: bytes
    ) -> str:
        """The header of an answer to a gateway's question."""
        signed = signing.page_bytes(
            gateway=gateway, challenge=challenge, cursor=cursor, mark=mark, body=body
        )
        return signing.header_of(self.public, self._private.sign(signed))

    def after(self, key: str) -> list[Succession]:
        """The successions from a key on; none for one that never was."""
        starts = [i for i, it in enumerate(self.successions) if it.key == key]
        return list(self.successions[starts[0] :]) if starts else []

    def rotated(self) -> tuple[Ed25519PrivateKey, tuple[Succession, ...]]:
        """A new key, and the successions with this one's word for it."""
        private = Ed25519PrivateKey.generate()
        following = private.public_key().public_bytes_raw().hex()
        signature = self._private.sign(signing.succession_bytes(self.public, following))
        said = Succession(key=self.public, next=following, signature=signature.hex())
        return private, (*self.successions, said)


def read_signer(path: Path) -> Signer:
    """The key in a file. Raises KeyUnusable."""
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise KeyUnusable(f"{path}: {error.strerror}") from error
    try:
        held = _File.model_validate_json(raw)
    except ValidationError as error:
        raise KeyUnusable(f"{path}: not a file of `signing-key make`") from error
    private = Ed25519PrivateKey.from_private_bytes(bytes.fromhex(held.private))
    return Signer(private, tuple(held.successions))


def make_key(path: Path) -> Signer:
    """A key in a new file. Raises KeyUnusable, also where there is a file already."""
    if path.exists():
        raise KeyUnusable(f"{path}: is there already; `signing-key rotate` replaces its key")
    return _write(path, Ed25519PrivateKey.generate(), ())


def rotate_key(path: Path) -> Signer:
    """Another key in the file, for which the one before has signed. Raises KeyUnusable."""
    held = read_signer(path)
    if len(held.successions) >= signing.SUCCESSIONS_MAX:
        raise KeyUnusable(f"{path}: was rotated {signing.SUCCESSIONS_MAX} times; make a new one")
    return _write(path, *held.rotated())


def _write(path: Path, private: Ed25519PrivateKey, successions: tuple[Succession, ...]) -> Signer:
    """All of it or nothing: a key that is half written is one that no box knows."""
    made = Signer(private, successions)
    content = _File(private=private.private_bytes_raw().hex(), successions=list(successions))
    unfinished = path.with_name(path.name + ".new")
    try:
        unfinished.unlink(missing_ok=True)
        descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, SECRET)
        with os.fdopen(descriptor, "wb") as file:
            if path.exists():
                held = path.stat()
                os.fchown(descriptor, held.st_uid, held.st_gid)
            file.write(content.model_dump_json().encode())
            file.flush()
            os.fsync(descriptor)
        unfinished.rename(path)
        directory = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)
    except OSError as error:
        raise KeyUnusable(f"{path}: {error.strerror}") from error
    return made
