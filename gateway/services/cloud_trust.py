"""By which key this gateway knows the cloud: what comes down must be signed by it.

The key was told at enrolment and lies in a file. It moves on to another only by its own word
(cloud_sync/contract/signing.py), and the file with it, before anything is believed of the other.
"""

from __future__ import annotations

import logging
import re
from pathlib import Path

from cloud_sync.contract import signing
from cloud_sync.contract.signing import KEY_PATTERN, Succession
from gateway.errors import ConfigError
from gateway.services.box_key import put
from gateway.settings import CloudSettings

logger = logging.getLogger(__name__)


class Question:
    """One question, and the answer that is good for it. Implements client.http.Seal."""

    def __init__(
        self, *, key: str, gateway: str, challenge: str, cursor: int, mark: str | None
    ) -> None:
        self.challenge = challenge
        self._key, self._gateway, self._cursor, self._mark = key, gateway, cursor, mark

    def check(self, body: bytes, header: str | None) -> None:
        """Return if the cloud signed this answer to this question. Raises NotSigned."""
        signed = signing.page_bytes(
            gateway=self._gateway, challenge=self.challenge, cursor=self._cursor,
            mark=self._mark, body=body,
        )  # fmt: skip
        signing.check_header(header, key=self._key, signed=signed)


class CloudTrust:
    """The cloud's key in its file."""

    def __init__(self, path: Path, *, gateway: str) -> None:
        self._path, self._gateway = path, gateway
        self.key = _read(path)

    def ask(self, cursor: int, mark: str | None, *, challenge: str) -> Question:
        """A question for what changed. challenge: never used before."""
        return Question(
            key=self.key, gateway=self._gateway, challenge=challenge, cursor=cursor, mark=mark
        )

    def follow(self, successions: list[Succession]) -> None:
        """Know the cloud by a newer key from now on, if the one known says so.

        Raises NotSigned, or SyncError where the file cannot be written.
        """
        key = signing.follow(self.key, successions)
        if key != self.key:
            put(self._path, key.encode())
            logger.info(
                "cloud has a new key",
                extra={"action": "cloud_key_followed", "before": self.key, "now": key},
            )
            self.key = key


def _read(path: Path) -> str:
    try:
        text = path.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"cloud.cloud_key_file: {path} cannot be read") from error
    if not re.fullmatch(KEY_PATTERN, text):
        raise ConfigError(f"cloud.cloud_key_file: {path} holds no key (64 hex digits)")
    return text


def read_trust(settings: CloudSettings, *, gateway: str) -> CloudTrust | None:
    """The configured key; None where what TLS says is enough. Raises ConfigError."""
    if settings.cloud_key_file is None or not settings.require_signed:
        return None
    return CloudTrust(settings.cloud_key_file, gateway=gateway)
