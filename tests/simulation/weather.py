"""The faults of one history, drawn from its seed: which happen at all, and how often."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from random import Random
from typing import Final, Literal, get_args

Second = Literal["other box", "copied disk", "copied machine"]
"""A second box under the same id: with a journal of its own, with a copy of the first one's disk,
or with a copy of all that tells the machine, too."""

CALM_SHARE: Final = 0.5
"""Each fault is absent from half of the histories: some bugs need one fault to be alone."""


SECOND_SHARE: Final = 0.1


@dataclass(frozen=True, slots=True)
class Weather:
    """Shares are per message, exchange or transaction; `_s` are seconds; the rest per minute."""

    disk_refuses: float = 0.0
    disk_unknown: float = 0.0
    """The transaction is on disk, but its success is not reported (a sync that failed late)."""
    disk_slow_s: float = 0.0
    disk_full_per_minute: float = 0.0
    crash_at_commit: float = 0.0
    """The box dies right before or right after a transaction is on disk."""
    crashes_per_minute: float = 0.0
    clock_jumps_per_minute: float = 0.0
    prunes: float = 0.0
    """Above zero, rows that the cloud has leave the journal seconds later, at each start."""
    handheld_restarts_per_minute: float = 0.0
    broker_kills_per_minute: float = 0.0
    broker_drops_session: float = 0.0
    air_loses: float = 0.0
    air_repeats: float = 0.0
    air_reorders: float = 0.0
    air_slow_s: float = 0.0
    uplink_loses_request: float = 0.0
    uplink_loses_answer: float = 0.0
    uplink_repeats: float = 0.0
    uplink_slow_s: float = 0.0
    cloud_busy: float = 0.0
    cloud_down_per_minute: float = 0.0
    cloud_rewinds_per_minute: float = 0.0
    solver_fails: float = 0.0
    rubbish_per_minute: float = 0.0


_WORST: Final = Weather(
    disk_refuses=0.2,
    disk_unknown=0.2,
    disk_slow_s=1.0,
    disk_full_per_minute=2.0,
    crash_at_commit=0.05,
    crashes_per_minute=3.0,
    clock_jumps_per_minute=2.0,
    prunes=1.0,
    handheld_restarts_per_minute=3.0,
    broker_kills_per_minute=2.0,
    broker_drops_session=0.05,
    air_loses=0.5,
    air_repeats=0.5,
    air_reorders=0.5,
    air_slow_s=2.0,
    uplink_loses_request=0.5,
    uplink_loses_answer=0.5,
    uplink_repeats=0.3,
    uplink_slow_s=5.0,
    cloud_busy=0.3,
    cloud_down_per_minute=1.0,
    cloud_rewinds_per_minute=0.7,
    solver_fails=0.5,
    rubbish_per_minute=20.0,
)


def draw_weather(random: Random) -> Weather:
    """Each fault absent or up to its worst, mostly mild.

    A cloud is never set back behind what has left the journal: retention is longer than that.
    """
    weather = Weather(
        **{
            each.name: 0.0
            if random.random() < CALM_SHARE
            else getattr(_WORST, each.name) * random.random() ** 2
            for each in fields(Weather)
        }
    )
    return replace(weather, cloud_rewinds_per_minute=0.0) if weather.prunes else weather


def calm(weather: Weather) -> Weather:
    """What everything is healed to."""
    return replace(weather, **{each.name: 0.0 for each in fields(Weather)})


def draw_second(random: Random) -> Second | None:
    """A second box under the same id, in few histories: it doubles what there is to play."""
    return random.choice(get_args(Second)) if random.random() < SECOND_SHARE else None
