"""What was found: device log, journals and cloud, as plain values.

A key (device, boot, seq) is one message of one device. Stock is a counter by
(warehouse, location, item, lot, status, unit); the warehouse of a virtual place is "".
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

Key = tuple[str, str, int]
StockKey = tuple[str, str, str, str, str, str]
Json = dict[str, object]


@dataclass(frozen=True)
class Receipt:
    """What a device was told. committed_seq: the last durable row when it heard it, if known."""

    key: Key
    status: str
    event_id: str | None
    committed_seq: int | None


@dataclass
class DeviceLog:
    """What the devices sent and heard, in order; truth is the stock their world ended with."""

    sent: Counter[Key] = field(default_factory=Counter)
    receipts: list[Receipt] = field(default_factory=list)
    truth: Counter[StockKey] | None = None


@dataclass(frozen=True)
class Row:
    """One row of a journal, or of the cloud. body is None where the cloud keeps no bytes."""

    gateway: str
    epoch: str
    seq: int
    event_id: str
    body: bytes | None
    link: bytes | None
    kind: str = ""
    at_us: int = 0
    status: str = "accepted"
    warehouse: str = ""
    position: int = 0

    @cached_property
    def event(self) -> Json:
        """The event in the bytes, {} if they are none."""
        try:
            event = json.loads(self.body or b"{}")
        except ValueError:
            return {}
        return event if isinstance(event, dict) else {}

    @property
    def key(self) -> Key | None:
        """The message that the event came from."""
        device = self.event.get("device")
        if not isinstance(device, dict) or "seq" not in device or "boot" not in device:
            return None
        return str(device["id"]), str(device["boot"]), int(device["seq"])


@dataclass
class Journal:
    """One journal file: an epoch of a gateway."""

    path: Path
    meta: Mapping[str, str]
    rows: Sequence[Row]
    receipts: Mapping[Key, Json]
    marks: Mapping[tuple[str, str], int]
    quarantine: Sequence[tuple[str, bytes]]
    cursors: Mapping[str, int]
    stock: Counter[StockKey]

    @property
    def gateway(self) -> str:
        return self.meta["gateway"]

    @property
    def epoch(self) -> str:
        return self.meta["epoch"]

    @property
    def base_seq(self) -> int:
        return int(self.meta["base_seq"])

    @property
    def last_seq(self) -> int:
        return max((row.seq for row in self.rows), default=self.base_seq)


@dataclass
class Cloud:
    """What the cloud has. is_export: read from its API, which does not list duplicates."""

    rows: Sequence[Row]
    stock: Counter[StockKey]
    warehouses: Mapping[str, str]
    heads: Mapping[tuple[str, str], tuple[int, bytes | None]]
    is_export: bool = False

    @cached_property
    def by_place(self) -> Mapping[tuple[str, str, int], Row]:
        return {(row.gateway, row.epoch, row.seq): row for row in self.rows}

    @cached_property
    def accepted(self) -> Mapping[str, Row]:
        return {row.event_id: row for row in self.rows if row.status == "accepted"}


@dataclass(frozen=True)
class Limits:
    """What the run promised. now_us: when it ended, 0 for the newest time found."""

    retention_days: float = 7.0
    plan_age_s: float = 900.0
    wal_bytes: int = 64 * 2**20
    now_us: int = 0
    is_drained: bool = False
    secrets: tuple[str, ...] = ()


@dataclass
class History:
    """All of one run."""

    log: DeviceLog | None
    journals: Sequence[Journal]
    cloud: Cloud | None
    statuses: Sequence[Json] = ()
    logs: Sequence[Path] = ()
    limits: Limits = Limits()

    @cached_property
    def events(self) -> Mapping[str, Row]:
        """Every journaled event once; salvaged ones are in two epochs."""
        return {row.event_id: row for journal in self.journals for row in journal.rows}

    def current(self) -> Iterator[Journal]:
        """The newest epoch of each gateway."""
        newest: dict[str, Journal] = {}
        for journal in sorted(self.journals, key=lambda each: int(each.meta["created_at_us"])):
            newest[journal.gateway] = journal
        return iter(newest.values())


def without_zeros(stock: Counter[StockKey]) -> Counter[StockKey]:
    """The balances that are not zero."""
    return Counter({key: quantity for key, quantity in stock.items() if quantity})
