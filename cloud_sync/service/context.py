"""What every endpoint works with, hung on the application once."""

from __future__ import annotations

import asyncio
import contextlib
from collections import defaultdict
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Final

from starlette.requests import Request

from cloud_sync.service.callers import Callers
from cloud_sync.service.problems import Refused
from cloud_sync.service.signing import Signer
from cloud_sync.service.strangers import Strangers
from cloud_sync.service.turns import Turn
from cloud_sync.store.ports import Database

UPLOADS_MAX: Final = 32
"""Uploads that may be inside at once, up to 16 MiB each; the next is told to come later."""


@dataclass(frozen=True, slots=True)
class Context:
    """The database, the wall clock (µs, UTC) and the gate in front of the uploads.

    contacts: when each gateway's reading of the feed was last written down. turns: of each
    gateway that has sent a batch, so no more than are enrolled. signer: of what goes down to
    gateways; None where the cloud was given no key.
    """

    database: Database
    wall_us: Callable[[], int]
    uploads: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(UPLOADS_MAX))
    contacts: dict[str, int] = field(default_factory=dict)
    turns: defaultdict[str, Turn] = field(default_factory=lambda: defaultdict(Turn))
    strangers: Strangers = field(default_factory=Strangers)
    callers: Callers = field(default_factory=Callers)
    signer: Signer | None = None


def context_of(request: Request) -> Context:
    """The application's context."""
    context = request.app.state.context
    if not isinstance(context, Context):
        raise AssertionError("the application was made without a context")
    return context


@contextlib.asynccontextmanager
async def upload_slot(context: Context) -> AsyncIterator[None]:
    """A place for one upload. Raises Refused (busy) at once if all are taken."""
    if context.uploads.locked():
        raise Refused("busy", f"{UPLOADS_MAX} uploads are being taken; come again")
    async with context.uploads:
        yield
