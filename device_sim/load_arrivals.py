"""What of a load arrived: its messages looked up in the gateway's journal by their numbers.

A message of reads is no event of its own. Each has one tag that no other has, and that tag must
have arrived once.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from device_sim.catalog import make_catalog
from device_sim.errors import SimulatorError
from device_sim.scenario.checks import ARRIVED
from device_sim.stage.check import LOT_CREATED, Row, event_of, mark_of
from device_sim.stage.configuration import Site, site_of
from device_sim.stage.tags import COMPANY_DIGITS
from device_sim.stage.watch import ask_gateway, export_journal
from gateway.codecs.epc import encode_sgtin_96

SETTLE_S: Final = 30.0
"""How long a journal may take to hold what was sent."""
POLL_S: Final = 1.0
RUN_BITS: Final = 12
NUMBER_BITS: Final = 26
"""Together the serial number of an SGTIN-96: which load, and which message of it."""


@dataclass(frozen=True, slots=True)
class Sent:
    """What a load sent: numbers 1 to last_seq by device, in the order the devices have."""

    kind: str
    boot: str
    last_seqs: Mapping[str, int]

    def keys(self) -> set[tuple[str, int]]:
        """Device and number of every message."""
        return {(name, seq) for name, last in self.last_seqs.items() for seq in range(1, last + 1)}

    def epcs(self) -> dict[str, tuple[str, int]]:
        """Device and number by the tag that was in the message."""
        n_devices = len(self.last_seqs)
        return {
            load_epc(self.boot, (seq - 1) * n_devices + i_device): (name, seq)
            for i_device, (name, last) in enumerate(self.last_seqs.items())
            for seq in range(1, last + 1)
        }


def load_epc(boot: str, number: int) -> str:
    """The tag in a message of reads, by the boot (hex) and the message's place in the load."""
    if not 0 <= number < 1 << NUMBER_BITS:
        raise SimulatorError(f"a load of reads ends at {1 << NUMBER_BITS} messages")
    run = int(boot, 16) % (1 << RUN_BITS)
    gtin = make_catalog()[0].gtin
    return encode_sgtin_96(gtin, run << NUMBER_BITS | number, company_digits=COMPANY_DIGITS)


class JournalWatch:
    """A gateway's journal from a moment on. Made by `watch_journal`."""

    def __init__(self, site: Site, after_seq: int) -> None:
        self._site = site
        self._after_seq = after_seq

    async def arrivals(self, sent: Sent) -> dict[str, object]:
        """What arrived of a load; waits for the last of it."""
        deadline_s = time.monotonic() + SETTLE_S
        while True:
            rows = await export_journal(self._site, after_seq=self._after_seq)
            found = compare(rows, sent)
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


def compare(rows: Sequence[Row], sent: Sent) -> dict[str, object]:
    """How many messages are there, missing, there more than once, and there without being sent."""
    found = _arrived_tags(rows, sent) if sent.kind == "reads" else _arrived_messages(rows, sent)
    expected = sent.keys()
    return {
        "arrived": sum(key in expected for key in found),
        "missing": len(expected - found.keys()),
        "twice": sum(n > 1 for n in found.values()),
        "never_sent": len(found.keys() - expected),
    }


def _arrived_messages(rows: Sequence[Row], sent: Sent) -> Counter[tuple[str, int]]:
    found: Counter[tuple[str, int]] = Counter()
    for event in map(event_of, rows):
        mark = mark_of(event)
        if mark is not None and mark.boot == sent.boot and event.get("type") != LOT_CREATED:
            found[mark.device, mark.seq] += 1
    return found


def _arrived_tags(rows: Sequence[Row], sent: Sent) -> Counter[tuple[str, int]]:
    """A tag of a device of ours that was never sent counts as its message 0."""
    found: Counter[tuple[str, int]] = Counter()
    epcs = sent.epcs()
    for event in map(event_of, rows):
        device, body = event.get("device"), event.get("body")
        if event.get("type") != ARRIVED or not isinstance(device, Mapping):
            continue
        name = str(device.get("id"))
        if name in sent.last_seqs and isinstance(body, Mapping):
            key = epcs.get(str(body.get("epc")), (name, 0))
            found[key if key[0] == name else (name, 0)] += 1
    return found
