"""What a person must know about now: raised once, shown until it is over, logged both times."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from dataclasses import asdict

from gateway.core.alarms import Alarm, Key, title_of
from gateway.ports import Clock

logger = logging.getLogger(__name__)


class Alarms:
    """The alarms of one gateway. language: of their titles (core/alarms.py has the names)."""

    def __init__(self, clock: Clock, language: str = "en") -> None:
        self._clock = clock
        self._language = language
        self._open: dict[Key, Alarm] = {}

    def set(self, name: str, text: str | None, *, about: str = "") -> bool:
        """Raise, reword or (None) end an alarm; True if it began or ended now."""
        key = Key(name, about)
        before = self._open.get(key)
        shown = {"alarm": name} | ({"about": about} if about else {})
        if text is None:
            if before is not None:
                del self._open[key]
                logger.info("alarm over", extra={"action": "alarm_over", **shown})
            return before is not None
        since_us = self._clock.wall_us() if before is None else before.since_us
        self._open[key] = Alarm(name, text, since_us, about)
        if before is None:
            logger.error("alarm", extra={"action": "alarm", **shown, "reason": text})
        return before is None

    def keep_only(self, name: str, abouts: Iterable[str]) -> None:
        """End those of this name that are about anything else."""
        kept = set(abouts)
        for key in [key for key in self._open if key.name == name and key.about not in kept]:
            self.set(name, None, about=key.about)

    def __contains__(self, name: str) -> bool:
        """Whether an alarm of this name is raised."""
        return any(key.name == name for key in self._open)

    def opened(self) -> Sequence[Alarm]:
        """Every open alarm, by name."""
        return [self._open[key] for key in sorted(self._open)]

    def shown(self) -> Sequence[dict[str, object]]:
        """The same for the status report."""
        return [
            {**asdict(alarm), "title": title_of(alarm.name, self._language)}
            for alarm in self.opened()
        ]
