"""What the simulated workers did, what they were told, and what must be found in the cloud."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from device_sim.world import Expect, ScanOrder

RECORDED = ("accepted", "flagged", "duplicate")
"""Receipts that mean the scan is in the journal (or, for a look-up, was answered)."""


@dataclass(slots=True)
class Entry:
    """One scan. seq: the PDA's number for it; status: of the receipt; None until known.

    boot: of the PDA when it was made. at_us: when it truly was (µs UTC), whatever its clock said.
    answer: the whole result of what was asked without scanning.
    """

    device: str
    order: ScanOrder
    seq: int | None = None
    status: str | None = None
    at_us: int | None = None
    boot: str = ""
    n_sent: int = 0
    answer: Mapping[str, object] | None = None


@dataclass(frozen=True, slots=True, order=True)
class Mark:
    """What names a scan everywhere: device, boot, seq."""

    device: str
    boot: str
    seq: int


@dataclass(slots=True)
class Ledger:
    """The scans of one PDA, by the order they were made."""

    device: str
    boot: str = ""
    entries: list[Entry] = field(default_factory=list)
    by_seq: dict[int, Entry] = field(default_factory=dict)
    n_receipts: int = 0
    n_told: int = 0
    n_repeats: int = 0
    n_raw: int = 0

    def add(self, order: ScanOrder) -> int:
        """Note a scan about to be made; gives its reference."""
        self.entries.append(Entry(self.device, order))
        return len(self.entries) - 1

    def hear(self, report: dict[str, object]) -> None:
        """Take in what the PDA reports."""
        event, seq = report.get("event"), report.get("seq")
        if event == "ready":
            self.boot = str(report["boot"])
        elif event == "told":
            self.n_told += 1
        elif event == "scan" and isinstance(seq, int):
            entry = self.entries[int(str(report["ref"]))]
            entry.seq = seq
            entry.boot = str(report.get("boot") or self.boot)
            at_us = report.get("at_us")
            entry.at_us = at_us if isinstance(at_us, int) else None
            self.by_seq[seq] = entry
        elif event == "sent" and isinstance(seq, int):
            self.by_seq[seq].n_sent += 1
        elif event == "receipt" and isinstance(seq, int):
            entry = self.by_seq[seq]
            entry.status = str(report["status"])
            result = report.get("result")
            if isinstance(result, dict) and "stops" in result:
                entry.answer = result
            self.n_receipts += 1

    @property
    def n_open(self) -> int:
        """Scans without receipt."""
        return len(self.entries) - self.n_receipts

    @property
    def n_resent(self) -> int:
        """How often a scan was sent again for want of a receipt."""
        return sum(max(0, entry.n_sent - 1) for entry in self.entries)

    def marks(self, expect: Expect) -> set[Mark]:
        """The scans of which this must become."""
        return {
            Mark(self.device, entry.boot, entry.seq)
            for entry in self.entries
            if entry.order.expect == expect and entry.seq is not None
        }

    @property
    def boots(self) -> set[str]:
        """Every boot id of its scans."""
        return {entry.boot for entry in self.entries if entry.boot}

    def surprises(self) -> list[str]:
        """Scans whose receipt is missing or says something else than must be."""
        found = []
        for entry in self.entries:
            is_refused = entry.status == "refused"
            if entry.status is None:
                found.append(f"{self.device} {entry.seq}: no receipt")
            elif entry.order.expect != "asked" and is_refused != (entry.order.expect == "refused"):
                found.append(
                    f"{self.device} {entry.seq}: {entry.status}, expected {entry.order.expect}"
                )
        return found
