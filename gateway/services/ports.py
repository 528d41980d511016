"""What the services need of the journal beyond the port that all consumers share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from gateway.ports import Journal, ReceiptKey


class ReceiptJournal(Journal, Protocol):
    """A journal that remembers what it told devices."""

    async def find_receipts(self, keys: Sequence[ReceiptKey]) -> Mapping[ReceiptKey, bytes]:
        """The stored results of those messages that were received before."""
        ...

    async def highest_device_seqs(self) -> Mapping[tuple[str, str], int]:
        """The highest sequence number received per (device, boot)."""
        ...


class CountingJournal(Journal, Protocol):
    """A journal that says how far it is."""

    @property
    def last_seq(self) -> int:
        """The highest durable sequence number; 0 when empty."""
        ...


class ChainedJournal(Journal, Protocol):
    """A journal that can prove what it sends."""

    @property
    def epoch(self) -> str:
        """The id of this journal's life; a new one begins when it is created anew."""
        ...

    @property
    def last_seq(self) -> int:
        """The highest durable sequence number; 0 when empty."""
        ...

    async def feed_mark(self) -> str | None:
        """What the cloud said about the place in its feed up to which documents were read."""
        ...

    async def link(self, seq: int) -> bytes:
        """The chain's link after row `seq`; the first link for 0."""
        ...
