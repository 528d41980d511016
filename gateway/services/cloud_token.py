"""Keeps the token by which the cloud knows this gateway: a new one every week, signed for by the
box, and at once where the cloud does not take the old one any more.

A box that was cut off until its token ended comes back by itself. Where the box has no key, as
with a token that a person put there, there is nothing to keep.
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Final, Protocol

from cloud_sync.client.errors import Refused, Unavailable
from cloud_sync.contract.enrolment import RenewAnswer, RenewRequest
from gateway.errors import ConfigError, SyncError
from gateway.ports import Clock
from gateway.services.box_key import BoxKey, put
from gateway.settings import CloudSettings

logger = logging.getLogger(__name__)

RENEW_AFTER_S: Final = 7 * 86_400.0
"""A token is good for 90 days; four in five may be spent without a line."""
LOOK_EVERY_S: Final = 3600.0
RETRY_S: Final = 60.0
UNAUTHORISED: Final = "unauthorised"


class Renewing(Protocol):
    """The part of the client that is needed here."""

    async def renew(self, asked: RenewRequest) -> RenewAnswer:
        """Another token. Raises Unavailable or Refused."""
        ...

    def use_token(self, token: str) -> None:
        """Speak by it from now on."""
        ...


class CloudToken:
    """The token in its file. key: None where the box has none."""

    def __init__(
        self, client: Renewing, *, path: Path, key: BoxKey | None, gateway: str, clock: Clock
    ) -> None:
        self._client, self._path, self._key = client, path, key
        self._gateway, self._clock = gateway, clock
        self._look_at_s = clock.monotonic()
        self._retry_at_s = clock.monotonic()

    async def keep(self) -> None:
        """Renew it if it is time; call now and then."""
        now_s = self._clock.monotonic()
        if self._key is None or now_s < self._look_at_s:
            return
        self._look_at_s = now_s + LOOK_EVERY_S
        if self._age_s() > RENEW_AFTER_S:
            await self._renew(self._key)

    async def replace(self) -> bool:
        """Renew it because it was refused; gives whether it is worth asking again."""
        now_s = self._clock.monotonic()
        if self._key is None or now_s < self._retry_at_s:
            return False
        self._retry_at_s = now_s + RETRY_S
        return await self._renew(self._key)

    def _age_s(self) -> float:
        """How old it is; very, where the clock was or is wrong."""
        age_s = self._clock.wall_us() / 1e6 - self._path.stat().st_mtime
        return age_s if age_s >= 0 else RENEW_AFTER_S + 1

    async def _renew(self, key: BoxKey) -> bool:
        try:
            answer = await self._client.renew(key.sign_renewal(self._gateway, self._now_us()))
            put(self._path, answer.token.encode())
        except Unavailable:
            return False  # the batch that waits will say so
        except (Refused, SyncError) as error:
            logger.warning(
                "token not renewed", extra={"action": "token_kept", "reason": str(error)}
            )
            return False
        self._client.use_token(answer.token)
        logger.info("token renewed", extra={"action": "token_renewed"})
        return True

    def _now_us(self) -> int:
        return max(1, self._clock.wall_us())


def read_token(settings: CloudSettings) -> str:
    """The configured token. Raises ConfigError."""
    try:
        token = settings.token_file.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"cloud.token_file: {settings.token_file} cannot be read") from error
    if not token:
        raise ConfigError(f"cloud.token_file: {settings.token_file} is empty")
    return token


def read_key(settings: CloudSettings) -> BoxKey | None:
    """The configured key, if any. Raises ConfigError."""
    if settings.key_file is None:
        return None
    try:
        return BoxKey(settings.key_file)
    except SyncError as error:
        raise ConfigError(f"cloud.key_file: {error}") from error
