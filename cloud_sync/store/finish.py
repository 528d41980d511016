"""Work that must be finished once begun: a cancel waits for its end and is then passed on."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import TypeVar

T = TypeVar("T")


async def finish(work: Coroutine[None, None, T], *, name: str) -> T:
    """The result of `work`, which runs to its end even if the caller is cancelled meanwhile."""
    task = asyncio.create_task(work, name=name)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait({task})
        raise
