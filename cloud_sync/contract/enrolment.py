"""How a box becomes a gateway, and how it stays one without anybody near it.

Somebody with the right to do so invites a gateway and is told a code, good for one box and a short
time. The box makes an Ed25519 key pair (RFC 8032) that never leaves it:
    POST /sync/v1/enrol   {"code": CODE, "box_key": HEX of the public key}
    answer                {"gateway": ID, "warehouse": ID, "token": TOKEN, "expires_at_us": N,
                           "cloud_key": HEX of the key by which the cloud signs, or null}
The code then belongs to that key: a box that did not hear the answer asks again, another box is
refused. With its key the box gets new tokens for as long as it lives, also when its last one ended
while it was cut off:
    POST /sync/v1/renew   {"gateway": ID, "number": N, "signature": HEX over renewal_bytes}
    answer                {"token": TOKEN, "expires_at_us": N}
A number is taken once and none below it again, so what somebody recorded is worth nothing. It
counts up from the box's clock, but nothing is read from it as a time.
"""

from __future__ import annotations

import re
from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field

from cloud_sync.contract.events import Id
from cloud_sync.contract.signing import PublicKey

CODE_CHARACTERS: Final = 16
ALPHABET: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
"""Crockford's base 32: nothing in it is taken for something else when it is read aloud."""
_TAKEN_FOR: Final = str.maketrans({"O": "0", "I": "1", "L": "1"})
_STRICT: Final = ConfigDict(strict=True, extra="ignore", frozen=True)

NUMBER_MAX: Final = 2**53


class EnrolRequest(BaseModel):
    """A box that wants to be a gateway."""

    model_config = _STRICT

    code: Annotated[str, Field(min_length=1, max_length=64)]
    box_key: Annotated[str, Field(pattern="^[0-9a-f]{64}$")]


class EnrolAnswer(BaseModel):
    """What it is from now on. cloud_key: by which it knows the cloud; None: by TLS alone."""

    model_config = _STRICT

    gateway: Id
    warehouse: Id
    token: Annotated[str, Field(min_length=1, max_length=256)]
    expires_at_us: int
    cloud_key: PublicKey | None = None


class RenewRequest(BaseModel):
    """A gateway that wants another token."""

    model_config = _STRICT

    gateway: Id
    number: Annotated[int, Field(ge=1, le=NUMBER_MAX)]
    signature: Annotated[str, Field(pattern="^[0-9a-f]{128}$")]


class RenewAnswer(BaseModel):
    """The next token; the one before stays good for a while."""

    model_config = _STRICT

    token: Annotated[str, Field(min_length=1, max_length=256)]
    expires_at_us: int


def renewal_bytes(gateway: str, number: int) -> bytes:
    """What a box signs. The first words keep it from being a signature of anything else."""
    return f"forepost-renewal/1\0{gateway}\0{number}".encode()


def show_code(digits: int) -> str:
    """A code of 80 bits as people read and type it."""
    characters = [ALPHABET[digits >> 5 * i & 31] for i in range(CODE_CHARACTERS)]
    return re.sub("(.{4})(?!$)", r"\1-", "".join(characters))


def plain_code(typed: str) -> str:
    """What is left of a code that somebody typed: no dashes, no small letters."""
    return re.sub(r"[\s-]", "", typed).upper().translate(_TAKEN_FOR)
