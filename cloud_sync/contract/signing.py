"""How a gateway knows that what comes down is the cloud's own word, whoever carries it.

All that steers a box comes by one call, so its answers are signed, and all kinds of documents with
them. A gateway that has the cloud's public key asks
    GET /sync/v1/changes?cursor=N&limit=L&mark=HASH&challenge=HEX
with 16 random bytes as `challenge`, used once. The answer's header
    Forepost-Signature: v1 KEY SIGNATURE
has a public key and an Ed25519 signature (RFC 8032), both as hex, over page_bytes: the gateway
it is for, the question, and the bytes of the answer before any Content-Encoding. So no byte of it
can be changed; it is good for no other gateway, for no other question (nobody can leave changes
out by asking for a later place), and never again: an older answer has another challenge. There is
no date in it that a box would have to compare with a clock it cannot trust; the time in which an
answer is good is the question's own deadline.

A cloud gets a new key by having the old one sign it: a `Succession`. A gateway that sees a key
that is not the one it knows asks `GET /sync/v1/keys?after=KEY` for the successions from that one
on, and follows them; the old key is good for nothing from then on, on that box.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from pydantic import BaseModel, ConfigDict, Field

HEADER: Final = "Forepost-Signature"
FORM: Final = "v1"
CHALLENGE_BYTES: Final = 16
CHALLENGE_PATTERN: Final = "^[0-9a-f]{32}$"
KEY_PATTERN: Final = "^[0-9a-f]{64}$"
SUCCESSIONS_MAX: Final = 1000
_STRICT: Final = ConfigDict(strict=True, extra="ignore", frozen=True)

PublicKey = Annotated[str, Field(pattern=KEY_PATTERN)]
"""An Ed25519 public key, as hex."""


class NotSigned(ValueError):
    """It is not what the known key signed for this question; the message says in which way."""


class OtherKey(NotSigned):
    """It is signed, by a key that is not known here; a succession may make it so."""


class Succession(BaseModel):
    """A key's word that another takes its place."""

    model_config = _STRICT

    key: PublicKey
    next: PublicKey
    signature: Annotated[str, Field(pattern="^[0-9a-f]{128}$")]


class KeysAnswer(BaseModel):
    """The successions from a key on, in their order; none where it is the newest or unknown."""

    model_config = _STRICT

    successions: Annotated[list[Succession], Field(max_length=SUCCESSIONS_MAX)]


def page_bytes(
    *, gateway: str, challenge: str, cursor: int, mark: str | None, body: bytes
) -> bytes:
    """What is signed of an answer. The first words keep it from being any other signature."""
    said = ("forepost-changes/1", gateway, challenge, str(cursor), mark or "")
    return "\0".join(said).encode() + b"\0" + body


def succession_bytes(key: str, following: str) -> bytes:
    """What a key signs of the one after it."""
    return f"forepost-cloud-key/1\0{key}\0{following}".encode()


def header_of(key: str, signature: bytes) -> str:
    """The header's value."""
    return f"{FORM} {key} {signature.hex()}"


def check_header(header: str | None, *, key: str, signed: bytes) -> None:
    """Return if `key` signed it. Raises NotSigned, OtherKey among it."""
    if header is None:
        raise NotSigned("it is not signed")
    form, _, rest = header.partition(" ")
    signer, _, signature = rest.partition(" ")
    if form != FORM:
        raise NotSigned(f"a signature of the form {FORM} is expected, not {form[:16]!r}")
    if signer != key:
        raise OtherKey(f"it is signed by the key {signer[:16]!r}…, not by {key[:16]}…")
    if not _is_good(key, signature, signed):
        raise NotSigned("the signature is not that of this answer to this question")


def follow(key: str, successions: Sequence[Succession]) -> str:
    """The newest key to which the successions lead from `key`. Raises NotSigned."""
    for it in successions:
        if it.key != key:
            raise NotSigned(f"a succession from {key[:16]}… is expected, not from {it.key[:16]}…")
        if not _is_good(key, it.signature, succession_bytes(key, it.next)):
            raise NotSigned(f"{key[:16]}… did not sign {it.next[:16]}…")
        key = it.next
    return key


def _is_good(key: str, signature: str, signed: bytes) -> bool:
    try:
        public = Ed25519PublicKey.from_public_bytes(bytes.fromhex(key))
        public.verify(bytes.fromhex(signature), signed)
    except (InvalidSignature, ValueError):
        return False
    return True
