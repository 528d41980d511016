"""What a PDA keeps: every scan until its receipt has come, sent again and again until then.

Pure; time comes in. A broker's acknowledgement is no receipt: only the gateway's `result`, sent
after its commit, lets a scan go.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from random import Random
from typing import Final

FIRST_RETRY_S: Final = 1.5
RETRY_CAP_S: Final = 8.0


@dataclass(slots=True)
class Held:
    """A scan without receipt. due_s: when it is sent next (monotonic)."""

    payload: bytes
    due_s: float
    n_sent: int = 0


@dataclass(slots=True)
class Outbox:
    """The queue of one PDA since it was switched on."""

    random: Random
    held: dict[int, Held] = field(default_factory=dict)
    last_seq: int = 0

    def next_seq(self) -> int:
        """The number of the next scan; numbers are never used twice under one boot id."""
        self.last_seq += 1
        return self.last_seq

    def keep(self, seq: int, payload: bytes, now_s: float) -> None:
        """Take in a scan; it is due at once."""
        self.held[seq] = Held(payload, now_s)

    def take_due(self, now_s: float) -> list[tuple[int, bytes]]:
        """What is to be sent now, oldest first; each waits longer the more often it was sent."""
        due = []
        for seq, scan in self.held.items():
            if scan.due_s <= now_s:
                wait_s = min(RETRY_CAP_S, FIRST_RETRY_S * 2**scan.n_sent)
                # Between half and the whole, so that many PDAs do not come back in step.
                scan.due_s = now_s + wait_s * self.random.uniform(0.5, 1.0)
                scan.n_sent += 1
                due.append((seq, scan.payload))
        return due

    def next_due_s(self) -> float | None:
        """When something is due next; None if nothing is held."""
        return min((scan.due_s for scan in self.held.values()), default=None)

    def settle(self, seq: int) -> Held | None:
        """A receipt came; gives the scan it lets go, None if there is none (a late repeat)."""
        return self.held.pop(seq, None)
