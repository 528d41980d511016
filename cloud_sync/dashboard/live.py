"""What changed, told to every open page as it happens: one stream of named events per page.

    event: stock      data: {"warehouses": ["J1"]}     balances of these moved
    event: gateways   data: {"warehouses": ["J1"]}     their gateways were heard of
    event: documents  data: {}                         master data, tasks, orders, plans changed

Pages then ask for what they show. However many pages are open, the database is asked once in
`POLL_S`: whoever's turn comes first asks, the others take what it found. Where nobody looks,
nobody asks.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Final

from cloud_sync.service.context import Context
from cloud_sync.store.credentials import Credential
from cloud_sync.store.ports import StoreError
from cloud_sync.store.pulse import Pulse, read_pulse
from cloud_sync.store.wall import around_request

POLL_S: Final = 2.0
KEEP_ALIVE_S: Final = 15.0
RETRY_MS: Final = 3000
STREAMS_MAX: Final = 200
"""Pages open at once; more would take the connections of gateways. They are told to come later."""


class Live:
    """The pulse of one process, shared by its streams."""

    def __init__(self, context: Context, *, poll_s: float = POLL_S) -> None:
        self._context = context
        self._poll_s = poll_s
        self._asking = asyncio.Lock()
        self._pulse: Pulse | None = None
        self._asked_at_s = 0.0
        self._closing = asyncio.Event()
        self.n_streams = 0
        self.n_asked = 0

    @property
    def is_full(self) -> bool:
        """Whether no more streams are taken."""
        return self.n_streams >= STREAMS_MAX or self._closing.is_set()

    def close(self) -> None:
        """End all streams; their pages come again when there is somebody to come to."""
        self._closing.set()

    async def stream(self, who: Callable[[], AsyncIterator[Credential]]) -> AsyncIterator[bytes]:
        """Events for one page, until it goes, or `who` has nobody to give any more.

        who: gives the reader's credential anew at each turn, so that an end of it ends this.
        """
        self.n_streams += 1
        try:
            yield f"retry: {RETRY_MS}\n\n".encode()
            quiet_s, seen = 0.0, await self._latest()
            async for credential in who():
                if await self._closes_within(self._poll_s):
                    return
                now = await self._latest()
                told = b"".join(_tell(seen, now, credential)) if now and seen else b""
                seen, quiet_s = now or seen, 0.0 if told else quiet_s + self._poll_s
                if told:
                    yield told
                elif quiet_s >= KEEP_ALIVE_S:
                    quiet_s = 0.0
                    yield b": still here\n\n"
            yield b"event: over\ndata: {}\n\n"
        finally:
            self.n_streams -= 1

    async def _closes_within(self, seconds: float) -> bool:
        try:
            async with asyncio.timeout(seconds):
                await self._closing.wait()
        except TimeoutError:
            return False
        return True

    async def _latest(self) -> Pulse | None:
        """The pulse, at most one turn old; None while the store cannot tell it."""
        async with self._asking:
            now_s = asyncio.get_running_loop().time()
            if self._pulse is None or now_s - self._asked_at_s >= self._poll_s:
                try:
                    with around_request():  # for all streams, whoever's turn it is
                        self._pulse = await self._context.database.read(read_pulse)
                except StoreError:
                    return None  # said by the service's log wherever it matters; asked again soon
                self._asked_at_s = now_s
                self.n_asked += 1
            return self._pulse


def _tell(before: Pulse, now: Pulse, credential: Credential) -> list[bytes]:
    """What is new for somebody."""
    told = []
    for event, old, new in (
        ("stock", before.batches, now.batches),
        ("gateways", before.contacts_us, now.contacts_us),
    ):
        changed = [it for it in _changed(old, new) if credential.reaches(it)]
        if changed:
            told.append(_event(event, {"warehouses": changed}))
    if now.feed != before.feed:
        told.append(_event("documents", {}))
    return told


def _changed(old: Mapping[str, int], new: Mapping[str, int]) -> list[str]:
    return sorted(name for name, n in new.items() if old.get(name) != n)


def _event(name: str, content: Mapping[str, object]) -> bytes:
    return f"event: {name}\ndata: {json.dumps(content)}\n\n".encode()
