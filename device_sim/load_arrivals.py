"""What of a load arrived: its messages looked up in the gateway's journal by their numbers."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from device_sim.errors import SimulatorError
from device_sim.stage.check import LOT_CREATED, Row, event_of, mark_of
from device_sim.stage.configuration import Site, site_of
from device_sim.stage.watch import ask_gateway, export_journal

SETTLE_S: Final = 30.0
"""How long a journal may take to hold what was sent."""
POLL_S: Final = 1.0


class JournalWatch:
    """A gateway's journal from a moment on. Made by `watch_journal`."""

    def __init__(self, site: Site, after_seq: int) -> None:
        self._site = site
        self._after_seq = after_seq

    async def arrivals(self, boot: str, last_seqs: Mapping[str, int]) -> dict[str, object]:
        """What arrived of messages 1 to last_seq of each device; waits for the last of them."""
        deadline_s = time.monotonic() + SETTLE_S
        while True:
            rows = await export_journal(self._site, after_seq=self._after_seq)
            found = compare(rows, boot, last_seqs)
            if not found["missing"] or time.monotonic() > deadline_s:
                return found
            await asyncio.sleep(POLL_S)


async def watch_journal(config: Path) -> JournalWatch:
    """The journal of the gateway with this configuration, from now on. Raises SimulatorError."""
    site = site_of(config, config.parent)
    report = await ask_gateway(site)
    if report is None:
        raise SimulatorError(f"{config}: its gateway does not answer")
    return JournalWatch(site, report.last_seq)


def compare(rows: Sequence[Row], boot: str, last_seqs: Mapping[str, int]) -> dict[str, object]:
    """How many messages are there, missing, there more than once, and there without being sent.

    last_seqs: by device; it sent the numbers from 1 to that.
    """
    found: Counter[tuple[str, int]] = Counter()
    for event in map(event_of, rows):
        mark = mark_of(event)
        if mark is not None and mark.boot == boot and event.get("type") != LOT_CREATED:
            found[mark.device, mark.seq] += 1
    sent = {(name, seq) for name, last in last_seqs.items() for seq in range(1, last + 1)}
    return {
        "arrived": sum(key in sent for key in found),
        "missing": len(sent - found.keys()),
        "twice": sum(n > 1 for n in found.values()),
        "never_sent": len(found.keys() - sent),
    }
