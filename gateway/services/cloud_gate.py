"""The cloud client behind the uplink's port: its errors become the gateway's, and what comes down
is believed only if the cloud signed it, where its key is known."""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import TypeVar

from cloud_sync.client.errors import Refused, Unavailable
from cloud_sync.client.http import CloudClient, open_client
from cloud_sync.contract.batches import BatchAnswer
from cloud_sync.contract.documents import ChangePage
from cloud_sync.contract.signing import CHALLENGE_BYTES, NotSigned, OtherKey
from gateway.errors import BatchRefused, CloudUnavailable, SyncError
from gateway.ports import Clock
from gateway.services.cloud_token import UNAUTHORISED, CloudToken, read_key, read_token
from gateway.services.cloud_trust import CloudTrust, read_trust
from gateway.services.uplink import UNSIGNED
from gateway.settings import CloudSettings

Answer = TypeVar("Answer")


class CloudGate:
    """Implements services.uplink.CloudPort. trust: None where TLS alone says who the cloud is."""

    def __init__(
        self, client: CloudClient, token: CloudToken, trust: CloudTrust | None = None
    ) -> None:
        self._client, self._token, self._trust = client, token, trust

    async def send_batch(self, body: bytes) -> BatchAnswer:
        """Hand over one encoded batch."""
        with _own_errors():
            return await self._with_token(lambda: self._client.send_batch(body))
        raise AssertionError("unreachable: the context re-raises")

    async def fetch_changes(self, cursor: int, limit: int, mark: str | None = None) -> ChangePage:
        """The documents that changed after `cursor`."""
        with _own_errors():
            await self._token.keep()
            try:
                return await self._changes(cursor, limit, mark)
            except OtherKey:
                await self._follow()
            return await self._changes(cursor, limit, mark)
        raise AssertionError("unreachable: the context re-raises")

    async def _changes(self, cursor: int, limit: int, mark: str | None) -> ChangePage:
        if self._trust is None:
            return await self._with_token(lambda: self._client.fetch_changes(cursor, limit, mark))
        challenge = secrets.token_hex(CHALLENGE_BYTES)
        seal = self._trust.ask(cursor, mark, challenge=challenge)
        return await self._with_token(
            lambda: self._client.fetch_changes(cursor, limit, mark, seal)
        )

    async def _follow(self) -> None:
        """Know the cloud by its newer key, if the one known says that it is the cloud's."""
        if (trust := self._trust) is not None:
            answer = await self._with_token(lambda: self._client.fetch_keys(trust.key))
            try:
                trust.follow(answer.successions)
            except SyncError as error:  # its file cannot be written: the key is as it was
                raise CloudUnavailable(str(error)) from error

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
        if isinstance(error, NotSigned):
            raise BatchRefused(f"the cloud's answer: {error}", code=UNSIGNED) from error
        if isinstance(error, Refused):
            raise BatchRefused(
                str(error), code=error.code, expected_seq=error.expected_seq
            ) from error


@contextlib.asynccontextmanager
async def open_cloud(
    settings: CloudSettings, *, gateway: str, clock: Clock
) -> AsyncIterator[CloudGate]:
    """The way to the configured cloud. Raises ConfigError if token or keys cannot be read."""
    token, key, trust = (
        read_token(settings),
        read_key(settings),
        read_trust(settings, gateway=gateway),
    )
    async with open_client(
        settings.url, token=token, deadline_s=settings.deadline_s, ca_file=settings.ca_file
    ) as client:
        keeper = CloudToken(
            client, path=settings.token_file, key=key, gateway=gateway, clock=clock
        )
        yield CloudGate(client, keeper, trust)
