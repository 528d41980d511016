"""How far a device's clock is off, learnt from its own messages.

A message carries the device's time of sending or scanning; it arrives later by the delay of the
link, never earlier. So received - device time = offset + delay with delay >= 0, and the smallest
difference seen in a boot is the best estimate of the offset (the rule NTP's clock filter uses;
RFC 5905, section 10). Scans queued while the device was away have large delays and do not spoil
it. Within one boot only: a reboot may set the clock.

A minimum alone would keep for ever what a clock no longer is. A clock that was set forward, or
runs fast, makes smaller differences and is followed at once. One that was set back, or runs slow,
makes larger ones, and so does a queue that is sent late; what tells them apart is that live
messages keep one difference over time, while those of a queue come at once with differences as
far apart as they were made. So a difference that has held for RUN_US, within PLAY_US, is believed.
Where messages are numbered a great leap shows at once: a later number with a time that is earlier
by more than SHIFT_US was made after the clock was set back: no queue is that old. Messages
numbered before that one, which may come later, were not. Smaller steps are left to the run: a
program that numbers its messages as it sends them sends its queue with later numbers, too.

A message that seems to be older than AGE_MAX_US has no time that anybody should go by.

What is learnt must outlive the gateway: of a device that was away meanwhile the next message is
hours old, and its difference is no offset. `take_changed` says what to save, `restore` takes it
back; only a suspicion that has not yet been believed is lost in between.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Final

from cloud_sync.contract.values import value

TRUSTED_US: Final = 2_000_000
"""An offset below this is network delay rather than a wrong clock, and is left alone."""

PLAY_US: Final = 1_000_000
"""Differences this close are one offset with the delays of a network."""

RUN_US: Final = 60_000_000
RUN_MESSAGES: Final = 4
"""So long, and over so many messages at least, must a larger difference hold to be believed."""

NOTED_US: Final = 50_000
"""A change of an offset below this is not worth saving."""

TIMES_REMEMBERED: Final = 1024
"""A message's time is looked at where its bytes are, and again where its offset is learnt."""

SHIFT_US: Final = 12 * 3_600_000_000
"""What was made so long before the message numbered before it was not: its clock was set back."""

AGE_MAX_US: Final = 92 * 86_400_000_000
"""No device holds a message back for longer than a quarter of a year."""

MAX_BOOTS: Final = 4096
"""Estimates kept; the boot unheard for longest is forgotten first."""


@value
class Corrected:
    """A device's time made comparable: µs UTC, how its clock is, and by how much it was off."""

    at_us: int
    clock: str
    error_us: int | None


@dataclass(slots=True)
class _Estimate:
    """An offset, and the run of larger differences that may replace it.

    noted_us: the offset as it was last given out to be saved; None if it never was.
    run_us: the first difference of the run; run_least_us the smallest; since_us: its beginning.
    last_seq, last_us: the highest number of a message, and the time in it. set_seq: the number
    from which on the offset holds; earlier_us: the one before it.
    """

    offset_us: int
    run_us: int = 0
    run_least_us: int = 0
    since_us: int = 0
    n_run: int = 0
    n_moves: int = 0
    noted_us: int | None = None
    last_seq: int = -1
    last_us: int = 0
    set_seq: int = 0
    earlier_us: int = 0

    def learn(self, seq: int | None, given_us: int, received_at_us: int) -> int:
        """The offset of a message, from which it is learnt unless it is of an earlier clock's."""
        difference_us = received_at_us - given_us
        if seq is not None and seq < self.set_seq:
            return self.earlier_us
        if seq is not None and seq > self.last_seq:
            if self.last_seq >= 0 and given_us < self.last_us - SHIFT_US:
                self.earlier_us, self.set_seq = self.offset_us, seq
                self.offset_us, self.n_run = difference_us, 0
                self.n_moves += 1
            self.last_seq, self.last_us = seq, given_us
        self.take(difference_us, received_at_us)
        return self.offset_us

    def take(self, difference_us: int, received_at_us: int) -> None:
        """Follow a smaller difference, and a larger one that has held."""
        if difference_us <= self.offset_us + PLAY_US:
            self.offset_us = min(self.offset_us, difference_us)
            self.n_run = 0
            return
        is_same = self.n_run > 0 and abs(difference_us - self.run_us) <= PLAY_US
        if not is_same or received_at_us < self.since_us:
            self.run_us = self.run_least_us = difference_us
            self.since_us, self.n_run = received_at_us, 1
            return
        self.n_run += 1
        self.run_least_us = min(self.run_least_us, difference_us)
        if self.n_run >= RUN_MESSAGES and received_at_us - self.since_us >= RUN_US:
            self.offset_us = self.run_least_us
            self.n_run = 0
            self.n_moves += 1


class ClockOffsets:
    """The offset of every device in every boot of it."""

    def __init__(self) -> None:
        self._estimates: dict[tuple[str, str], _Estimate] = {}
        self._last_boot: dict[str, str] = {}
        self._changed: set[tuple[str, str]] = set()

    def restore(self, device: str, boot: str, offset_us: int) -> None:
        """Take back an offset from before a restart; the boot heard last comes last."""
        self._keep((device, boot), _Estimate(offset_us, noted_us=offset_us))

    def take_changed(self) -> set[tuple[str, str]]:
        """Boots whose offset is new or has moved since this was asked last."""
        changed, self._changed = self._changed, set()
        for key in changed:
            self._estimates[key].noted_us = self._estimates[key].offset_us
        return changed

    def correct(
        self,
        *,
        device: str,
        boot: str | None,
        device_time: str | None,
        received_at_us: int,
        seq: int | None = None,
    ) -> Corrected:
        """The corrected time of a message; the receipt's if the device has no clock to go by."""
        given_us = parse_time(device_time)
        if given_us is None:
            return Corrected(received_at_us, "none", None)
        offset_us = self._learn((device, boot or ""), seq, given_us, received_at_us)
        is_right = abs(offset_us) <= TRUSTED_US
        at_us = min(given_us if is_right else given_us + offset_us, received_at_us)
        if at_us < max(0, received_at_us - AGE_MAX_US):
            return Corrected(received_at_us, "unset", None)
        return Corrected(at_us, "trusted" if is_right else "skewed", abs(offset_us))

    def _learn(
        self, key: tuple[str, str], seq: int | None, given_us: int, received_at_us: int
    ) -> int:
        estimate = self._estimates.pop(key, None) or _Estimate(received_at_us - given_us)
        offset_us = estimate.learn(seq, given_us, received_at_us)
        self._keep(key, estimate)
        noted_us = estimate.noted_us
        if noted_us is None or abs(estimate.offset_us - noted_us) >= NOTED_US:
            self._changed.add(key)
        return offset_us

    def _keep(self, key: tuple[str, str], estimate: _Estimate) -> None:
        self._estimates[key] = estimate
        device, boot = key
        self._last_boot[device] = boot
        if len(self._estimates) > MAX_BOOTS:
            oldest = next(iter(self._estimates))
            del self._estimates[oldest]
            self._changed.discard(oldest)
            if self._last_boot.get(oldest[0]) == oldest[1]:
                del self._last_boot[oldest[0]]

    def offset_us(self, device: str, boot: str | None) -> int | None:
        """Receipt minus device time without delay, µs; None if it never told its time."""
        estimate = self._estimates.get((device, boot or ""))
        return None if estimate is None else estimate.offset_us

    def offset_now_us(self, device: str) -> int | None:
        """The same in the boot it was last heard in."""
        boot = self._last_boot.get(device)
        return None if boot is None else self.offset_us(device, boot)


@lru_cache(TIMES_REMEMBERED)
def parse_time(text: str | None) -> int | None:
    """Microseconds UTC of an ISO 8601 time with offset; None without offset or if malformed."""
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    if moment.tzinfo is None or moment.year < 1970:
        return None
    return round(moment.timestamp() * 1_000_000)
