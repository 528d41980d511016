"""What a person must know about now: raised once, shown until it is over, logged both times."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from gateway.ports import Clock

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Alarm:
    """One thing that is not as it should be. since_us: wall clock of when it was first seen."""

    name: str
    text: str
    since_us: int


class Alarms:
    """The alarms of one gateway, by name."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._open: dict[str, Alarm] = {}

    def set(self, name: str, text: str | None) -> bool:
        """Raise, reword or (None) end an alarm; True if it began or ended now."""
        before = self._open.get(name)
        if text is None:
            if before is not None:
                del self._open[name]
                logger.info("alarm over", extra={"action": "alarm_over", "alarm": name})
            return before is not None
        since_us = self._clock.wall_us() if before is None else before.since_us
        self._open[name] = Alarm(name, text, since_us)
        if before is None:
            logger.error("alarm", extra={"action": "alarm", "alarm": name, "reason": text})
        return before is None

    def __contains__(self, name: str) -> bool:
        """Whether this alarm is raised."""
        return name in self._open

    def shown(self) -> Sequence[dict[str, object]]:
        """Every open alarm, by name, for the status report."""
        return [asdict(self._open[name]) for name in sorted(self._open)]
