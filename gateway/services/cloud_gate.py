"""The cloud client behind the uplink's port: its errors become the gateway's."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import TypeVar

from cloud_sync.client.errors import Refused, Unavailable
from cloud_sync.client.http import CloudClient, open_client
from cloud_sync.contract.batches import BatchAnswer
from cloud_sync.contract.documents import ChangePage
from gateway.errors import BatchRefused, CloudUnavailable
from gateway.ports import Clock
from gateway.services.cloud_token import UNAUTHORISED, CloudToken, read_key, read_token
from gateway.settings import CloudSettings

Answer = TypeVar("Answer")


class CloudGate:
    """Implements services.uplink.CloudPort."""

    def __init__(self, client: CloudClient, token: CloudToken) -> None:
        self._client, self._token = client, token

    async def send_batch(self, body: bytes) -> BatchAnswer:
        """Hand over one encoded batch."""
        with _own_errors():
            return await self._with_token(lambda: self._client.send_batch(body))
        raise AssertionError("unreachable: the context re-raises")

    async def fetch_changes(self, cursor: int, limit: int, mark: str | None = None) -> ChangePage:
        """The documents that changed after `cursor`."""
        with _own_errors():
            await self._token.keep()
            return await self._with_token(lambda: self._client.fetch_changes(cursor, limit, mark))
        raise AssertionError("unreachable: the context re-raises")

    async def _with_token(self, ask: Callable[[], Awaitable[Answer]]) -> Answer:
        """Ask; once more, by a new token, where the old one is not good any more."""
        try:
            return await ask()
        except Refused as error:
            if error.code != UNAUTHORISED or not await self._token.replace():
                raise
        return await ask()


class _own_errors(contextlib.AbstractContextManager[None]):  # noqa: N801 -- reads as a statement
    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, Unavailable):
            raise CloudUnavailable(str(error), retry_after_s=error.retry_after_s) from error
        if isinstance(error, Refused):
            raise BatchRefused(
                str(error), code=error.code, expected_seq=error.expected_seq
            ) from error


@contextlib.asynccontextmanager
async def open_cloud(
    settings: CloudSettings, *, gateway: str, clock: Clock
) -> AsyncIterator[CloudGate]:
    """The way to the configured cloud. Raises ConfigError if its token cannot be read."""
    token, key = read_token(settings), read_key(settings)
    async with open_client(
        settings.url, token=token, deadline_s=settings.deadline_s, ca_file=settings.ca_file
    ) as client:
        keeper = CloudToken(
            client, path=settings.token_file, key=key, gateway=gateway, clock=clock
        )
        yield CloudGate(client, keeper)
