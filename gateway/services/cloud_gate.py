"""The cloud client behind the uplink's port: its errors become the gateway's."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator

from cloud_sync.client.errors import Refused, Unavailable
from cloud_sync.client.http import CloudClient, open_client
from cloud_sync.contract.batches import BatchAnswer
from cloud_sync.contract.documents import ChangePage
from gateway.errors import BatchRefused, CloudUnavailable, ConfigError
from gateway.settings import CloudSettings


class CloudGate:
    """Implements services.uplink.CloudPort."""

    def __init__(self, client: CloudClient) -> None:
        self._client = client

    async def send_batch(self, body: bytes) -> BatchAnswer:
        """Hand over one encoded batch."""
        with _own_errors():
            return await self._client.send_batch(body)
        raise AssertionError("unreachable: the context re-raises")

    async def fetch_changes(self, cursor: int, limit: int, mark: str | None = None) -> ChangePage:
        """The documents that changed after `cursor`."""
        with _own_errors():
            return await self._client.fetch_changes(cursor, limit, mark)
        raise AssertionError("unreachable: the context re-raises")


class _own_errors(contextlib.AbstractContextManager[None]):  # noqa: N801 -- reads as a statement
    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, Unavailable):
            raise CloudUnavailable(str(error), retry_after_s=error.retry_after_s) from error
        if isinstance(error, Refused):
            raise BatchRefused(
                str(error), code=error.code, expected_seq=error.expected_seq
            ) from error


@contextlib.asynccontextmanager
async def open_cloud(settings: CloudSettings) -> AsyncIterator[CloudGate]:
    """The way to the configured cloud. Raises ConfigError if its token cannot be read."""
    try:
        token = settings.token_file.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"cloud.token_file: {settings.token_file} cannot be read") from error
    if not token:
        raise ConfigError(f"cloud.token_file: {settings.token_file} is empty")
    async with open_client(
        settings.url, token=token, deadline_s=settings.deadline_s, ca_file=settings.ca_file
    ) as client:
        yield CloudGate(client)
