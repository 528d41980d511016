"""How far a device's clock is off, learnt from its own messages.

A message carries the device's time of sending or scanning; it arrives later by the delay of the
link, never earlier. So received - device time = offset + delay with delay >= 0, and the smallest
difference seen in a boot is the best estimate of the offset (the rule NTP's clock filter uses;
RFC 5905, section 10). Scans queued while the device was away have large delays and do not spoil
it. Within one boot only: a reboot may set the clock.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

TRUSTED_US: Final = 2_000_000
"""An offset below this is network delay rather than a wrong clock, and is left alone."""

MAX_BOOTS: Final = 4096
"""Estimates kept; the oldest boot is forgotten first."""


@dataclass(frozen=True, slots=True)
class Corrected:
    """A device's time made comparable: µs UTC, how its clock is, and by how much it was off."""

    at_us: int
    clock: str
    error_us: int | None


class ClockOffsets:
    """The smallest difference seen per device and boot."""

    def __init__(self) -> None:
        self._smallest: dict[tuple[str, str], int] = {}

    def correct(
        self, *, device: str, boot: str | None, device_time: str | None, received_at_us: int
    ) -> Corrected:
        """The corrected time of a message; the receipt's time if the device has no clock."""
        given_us = parse_time(device_time)
        if given_us is None:
            return Corrected(received_at_us, "none", None)
        key = (device, boot or "")
        difference = received_at_us - given_us
        known = self._smallest.pop(key, None)
        smallest = difference if known is None else min(known, difference)
        self._smallest[key] = smallest
        if len(self._smallest) > MAX_BOOTS:
            del self._smallest[next(iter(self._smallest))]
        if abs(smallest) <= TRUSTED_US:
            return Corrected(min(given_us, received_at_us), "trusted", abs(smallest))
        return Corrected(min(given_us + smallest, received_at_us), "skewed", abs(smallest))

    def offset_us(self, device: str, boot: str | None) -> int | None:
        """Receipt minus device time at its smallest, µs; None if it never told its time."""
        return self._smallest.get((device, boot or ""))


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
