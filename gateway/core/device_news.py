"""When what is seen of a device is news: its state, its battery, its firmware.

A state is told when it has held for HOLD_S, so that a device whose link comes and goes does not
fill the journal; one that comes back within that time was not away. That a device is starting is
no news: it is not known yet how it is. Bounded: DEVICES_MAX devices.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

HOLD_S: Final = 10.0
STARTING: Final = "starting"
BATTERY_LOW_PCT: Final = 15
BATTERY_WELL_PCT: Final = 20
"""A low battery is low until it is above this: the last percent may be read either way."""
DEVICES_MAX: Final = 4096


@dataclass(frozen=True, slots=True)
class Seen:
    """A device as it is now. battery_pct, firmware: None where it does not say."""

    device: str
    state: str
    battery_pct: int | None = None
    firmware: str | None = None


@dataclass(frozen=True, slots=True)
class Told:
    """What was last told of a device."""

    state: str
    is_battery_low: bool = False
    firmware: str | None = None


@dataclass(frozen=True, slots=True)
class News:
    """Something to tell. before: None if nothing ever was. since_us: when the state began."""

    device: str
    before: Told | None
    now: Told
    since_us: int


@dataclass(slots=True)
class _State:
    state: str
    since_s: float
    since_us: int


class DeviceNews:
    """All devices of a gateway. told: what was told before a restart."""

    def __init__(self, told: Mapping[str, Told]) -> None:
        self._told = dict(told)
        self._states: dict[str, _State] = {}

    def look(self, devices: Iterable[Seen], *, now_us: int, now_s: float) -> list[News]:
        """What is news of these devices; each is told once."""
        news = []
        for seen in devices:
            known = self._states.get(seen.device)
            if known is None and len(self._states) >= DEVICES_MAX:
                continue
            if known is None or known.state != seen.state:
                known = self._states[seen.device] = _State(seen.state, now_s, now_us)
            before = self._told.get(seen.device)
            state = seen.state
            if state == STARTING or now_s - known.since_s < HOLD_S:
                if before is None:
                    continue
                state = before.state
            firmware = before.firmware if before is not None else None
            now = Told(state, _is_low(seen, before), seen.firmware or firmware)
            if now == before:
                continue
            is_state = before is None or now.state != before.state
            since_us = min(known.since_us, now_us) if is_state else now_us
            news.append(News(seen.device, before, now, since_us))
            self._told[seen.device] = now
        return news


def _is_low(seen: Seen, before: Told | None) -> bool:
    was_low = before is not None and before.is_battery_low
    if seen.battery_pct is None:
        return was_low
    return seen.battery_pct < (BATTERY_WELL_PCT if was_low else BATTERY_LOW_PCT)
