"""The demo where there is no terminal: a line per happening, and now and then the numbers."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Final

from device_sim.demo.show import Show

PERIOD_S: Final = 5.0


@dataclass(slots=True)
class PlainLines:
    """Prints what is new each time it is called, and the numbers every PERIOD_S."""

    n_shown: int = 0
    numbers_s: float = 0.0

    def __call__(self, show: Show) -> None:
        """Print what is new."""
        state = show.state
        for note in state.notes[self.n_shown :]:
            print(note, flush=True)
        self.n_shown = len(state.notes)
        now_s = time.monotonic()
        if state.reports and now_s - self.numbers_s >= PERIOD_S:
            self.numbers_s = now_s
            print(f"{now_s - state.began_s:6.1f} s  {numbers(show)}", flush=True)


def numbers(show: Show) -> str:
    """Scans, journal depth and lag of each warehouse, in one line."""
    parts = []
    for warehouse, worker in show.state.workers.items():
        report, ledger = show.state.reports.get(warehouse), worker.ledger
        text = f"{warehouse}: {len(ledger.entries)} scans, {ledger.n_open} open"
        if report is not None:
            text += f", journal {report.last_seq}, lag {report.lag_events}"
        parts.append(text)
    return "; ".join(parts)
