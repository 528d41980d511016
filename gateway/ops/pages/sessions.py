"""Who may change something on the box's pages: whoever has the token of this box.

`forepost-gateway pages token` makes it and shows it once; only its SHA-256 is kept, in a file of
mode 0600 in the state directory. It is exchanged for a session: a random cookie, known to this
process alone, and a second secret that every change has to carry in a header, which no foreign
page can make a browser send. A new token ends all sessions, and so does a restart.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from gateway.core.pacing import Pace

KEPT_IN: Final = "pages/token"
"""In a directory of its own: what root puts there belongs to whom the state directory does."""
SESSION_S: Final = 12 * 3600.0
"""A shift, and the next one's first look."""
SESSIONS_MAX: Final = 32
"""The oldest goes first."""
TRIES_PER_S: Final = 0.2
TRIES_BURST: Final = 5


def new_token() -> str:
    """160 bits, in groups that can be read aloud."""
    text = secrets.token_hex(20)
    return "-".join(text[i : i + 8] for i in range(0, len(text), 8))


def digest_of(token: str) -> str:
    """What is kept of a token."""
    return hashlib.sha256(token.strip().encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Session:
    """Somebody who is signed in. guard: what each change has to carry."""

    guard: str
    ends_s: float
    digest: str


class Sessions:
    """The sessions of one process. now_s: a clock that is never set back."""

    def __init__(self, token_file: Path, now_s: Callable[[], float]) -> None:
        self._file, self._now_s = token_file, now_s
        self._open: dict[str, Session] = {}
        self._pace = Pace(TRIES_PER_S, TRIES_BURST, now_s())

    def digest(self) -> str | None:
        """What the box keeps of its token; None before there is one."""
        try:
            return self._file.read_text(encoding="ascii").strip() or None
        except (OSError, UnicodeDecodeError):
            return None

    def is_crowded(self) -> bool:
        """Whether tokens are tried faster than anybody types them; counts as one try."""
        return not self._pace.allows(self._now_s())

    def is_token(self, token: str) -> bool:
        """Whether this is the box's token, in a time that does not tell how nearly."""
        kept = self.digest()
        return kept is not None and hmac.compare_digest(kept, digest_of(token))

    def begin(self) -> tuple[str, Session]:
        """A new session and its cookie's value, for whoever has shown the token."""
        while len(self._open) >= SESSIONS_MAX:
            del self._open[next(iter(self._open))]
        name = secrets.token_urlsafe(32)
        session = Session(
            secrets.token_urlsafe(32), self._now_s() + SESSION_S, self.digest() or ""
        )
        self._open[name] = session
        return name, session

    def find(self, name: str | None) -> Session | None:
        """The session of a cookie, while it lasts."""
        session = self._open.get(name or "")
        if session is None or name is None:
            return None
        if session.ends_s < self._now_s() or session.digest != self.digest():
            del self._open[name]
            return None
        return session

    def end(self, name: str | None) -> None:
        """Sign out."""
        self._open.pop(name or "", None)
