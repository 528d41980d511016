"""Keeps endless loops going and knows which of them still moves.

The one place that catches `Exception`: a loop that falls is logged with its trace and started
again after a back-off; the others never notice. A full or read-only disk is no fault of the
loop's: then the reason says more than a trace of each of them would. A loop that stands still
shows in `stalled`, which the systemd watchdog asks. A damaged journal is the one thing that no
loop survives: the gateway ends in order, is started again, and salvages.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

from gateway.errors import JournalCorrupt, JournalFull, JournalUnwritable
from gateway.links.backoff import full_jitter
from gateway.ports import Clock

logger = logging.getLogger(__name__)

STABLE_S = 60.0
"""A loop that ran this long starts its back-off anew."""


class Heartbeats:
    """When each loop last said that it moves."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._last: dict[str, float] = {}

    def beat(self, name: str) -> None:
        """The loop `name` has just come round."""
        self._last[name] = self._clock.monotonic()

    def stalled(self, limit_s: float) -> list[str]:
        """The loops that have not come round for `limit_s`, by name."""
        now = self._clock.monotonic()
        return sorted(name for name, last in self._last.items() if now - last > limit_s)


async def supervise(
    name: str,
    run: Callable[[], Awaitable[None]],
    *,
    clock: Clock,
    random: Callable[[], float],
    backoff_max_s: float = 30.0,
) -> None:
    """Run `run` for ever; a fall is logged and followed by another try. Cancel to stop.

    Raises JournalCorrupt: trying again would read the same damage.
    """
    attempt = 0
    while True:
        started = clock.monotonic()
        try:
            await run()
            logger.warning("loop ended by itself", extra={"action": "loop_ended", "loop": name})
        except JournalCorrupt:
            raise
        except (JournalFull, JournalUnwritable) as error:
            logger.error(
                "loop fell", extra={"action": "loop_fell", "loop": name, "reason": str(error)}
            )
        except Exception:
            logger.exception("loop fell", extra={"action": "loop_fell", "loop": name})
        attempt = 0 if clock.monotonic() - started > STABLE_S else attempt + 1
        await asyncio.sleep(full_jitter(attempt, base_s=0.5, cap_s=backoff_max_s, random=random))
