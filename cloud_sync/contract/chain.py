"""The checksum chain over a journal: an edit, a gap or a fork shows at the first row it touches.

    link(0)   = BLAKE2b-128("forepost-journal/1" 0x00 gateway 0x00 epoch)
    link(seq) = BLAKE2b-128(link(seq - 1) || seq as 8 bytes big-endian || event bytes)

A checksum against accident and confusion, not a signature: who can rewrite the whole file can
rewrite the chain. The cloud keeps the head it has seen, so a rewritten past shows there.
"""

from __future__ import annotations

from hashlib import blake2b
from typing import Final

LINK_BYTES: Final = 16


def first_link(*, gateway: str, epoch: str) -> bytes:
    """The link before the first row of a journal."""
    seed = b"\0".join((b"forepost-journal/1", gateway.encode(), epoch.encode()))
    return blake2b(seed, digest_size=LINK_BYTES).digest()


def next_link(previous: bytes, seq: int, body: bytes) -> bytes:
    """The link after the row `seq` with the bytes `body`."""
    return blake2b(previous + seq.to_bytes(8, "big") + body, digest_size=LINK_BYTES).digest()
