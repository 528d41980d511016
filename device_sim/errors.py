"""What stops a simulation.

SimulatorError
├─ ScenarioRefused   a scenario file that cannot be played; names file and key
├─ PlayRefused       results of earlier plays that cannot be gone on from, or a worker that died
├─ ProcessFailed     a part of the demo did not start, or ended by itself
└─ CloudRefused      the cloud did not take or give what it was asked for
"""

from __future__ import annotations


class SimulatorError(Exception):
    """The simulation cannot go on; the message is for the person who started it."""


class ScenarioRefused(SimulatorError):
    """A scenario that cannot be read or makes no sense; the message names file and key."""


class PlayRefused(SimulatorError):
    """Plays that cannot go on: their results cannot be read or added to, or a worker died."""


class ProcessFailed(SimulatorError):
    """A program ended although it should run; `log_end` is what it said last."""

    def __init__(self, name: str, reason: str, log_end: str = "") -> None:
        super().__init__(
            f"{name}: {reason}" + (f"; its last words:\n{log_end}" if log_end else "")
        )
        self.name, self.reason, self.log_end = name, reason, log_end


class CloudRefused(SimulatorError):
    """An answer of the cloud that is not what was asked for."""

    def __init__(self, request: str, status: int, body: str) -> None:
        super().__init__(f"cloud: {request} answered {status}: {body[:300]}")
        self.request, self.status, self.body = request, status, body
