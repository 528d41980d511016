"""How often each caller may ask: a token bucket per user and gateway, in front of all the work.

One program that runs wild, or a token that was stolen, must not keep the others waiting. The
limits are far above what people, pages and gateways need; who goes beyond them gets 429 `busy` and
is told when to come again.

A token has to be looked up before its caller is known, and that costs the database a question. So
tokens that were good a moment ago pass, and all others together share one bucket: while somebody
tries tokens out in bulk, those who work notice nothing.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import Final, TypeVar

from cloud_sync.contract import rights
from cloud_sync.store.credentials import Credential, hash_token

KNOWN_MAX: Final = 10_000
"""Tokens and callers remembered; beyond it those go that asked longest ago."""
KNOWN_US: Final = 600_000_000


@dataclass(frozen=True, slots=True)
class Rate:
    """So many a second for ever, and so many at once after a rest."""

    per_s: float
    burst: float


class Bucket:
    """What is left of a rate."""

    __slots__ = ("_at_us", "_left", "_rate")

    def __init__(self, rate: Rate) -> None:
        self._rate = rate
        self._left = rate.burst
        self._at_us = 0

    def allows(self, now_us: int) -> bool:
        """Whether one more may ask now; if so it counts."""
        # The wall clock may go back: then nothing is added, once.
        more = max(0, now_us - self._at_us) * self._rate.per_s / 1_000_000
        self._left = min(self._rate.burst, self._left + more)
        self._at_us = now_us
        if self._left < 1:
            return False
        self._left -= 1
        return True


@dataclass(frozen=True, slots=True)
class Limits:
    """The rates: of one user, of one gateway, and of all tokens together that are not known."""

    user: Rate = Rate(200, 2000)
    gateway: Rate = Rate(1000, 10_000)
    unknown: Rate = Rate(100, 1000)


class Callers:
    """The buckets of one process."""

    def __init__(self, limits: Limits | None = None) -> None:
        self._limits = limits or Limits()
        self._unknown = Bucket(self._limits.unknown)
        self._known: OrderedDict[bytes, int] = OrderedDict()
        self._buckets: OrderedDict[str, Bucket] = OrderedDict()

    def may_look_up(self, token: str, now_us: int) -> bool:
        """Whether the database may be asked whose token it is."""
        seen_us = self._known.get(hash_token(token))
        is_known = seen_us is not None and 0 <= now_us - seen_us < KNOWN_US
        return is_known or self._unknown.allows(now_us)

    def may_ask(self, credential: Credential, token: str, now_us: int) -> bool:
        """Whether its caller, who is known now, may ask once more."""
        _keep(self._known, hash_token(token), now_us)
        is_gateway = credential.role == rights.GATEWAY
        name = f"{'gateway' if is_gateway else 'user'}:{credential.name}"
        bucket = self._buckets.get(name)
        if bucket is None:
            bucket = Bucket(self._limits.gateway if is_gateway else self._limits.user)
        _keep(self._buckets, name, bucket)
        return bucket.allows(now_us)


K = TypeVar("K")
V = TypeVar("V")


def _keep(held: OrderedDict[K, V], key: K, value: V) -> None:
    held[key] = value
    held.move_to_end(key)
    if len(held) > KNOWN_MAX:
        held.popitem(last=False)
