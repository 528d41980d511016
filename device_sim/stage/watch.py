"""What the gateways say of themselves, asked through their own command line."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from device_sim.errors import ProcessFailed
from device_sim.stage.configuration import Site, python
from device_sim.stage.processes import run_to_end

STATUS_S: Final = 20.0
EXPORT_S: Final = 120.0
PROMPT: Final = ("projector", "planner", "uplink")
"""Readers of the journal that save their place with what they did; others save it now and then."""

Row = dict[str, object]


@dataclass(frozen=True, slots=True)
class GatewayReport:
    """One status report; the keys are those of `forepost-gateway status --json`."""

    gateway: str
    warehouse: str
    epoch: str
    last_seq: int
    journal_bytes: int
    cursors: Mapping[str, int]
    acknowledged_seq: int
    lag_events: int
    lag_s: float
    is_connected: bool
    last_error: str
    intake: Mapping[str, int]
    devices: list[Row] = field(default_factory=list)
    climate: list[Row] = field(default_factory=list)
    sensor_faults: list[Row] = field(default_factory=list)
    stock: list[Row] = field(default_factory=list)
    triggers: list[Row] = field(default_factory=list)
    plans: list[Row] = field(default_factory=list)

    @property
    def is_idle(self) -> bool:
        """Nothing waits in the intake, and what moves stock and plans has come to the end."""
        return self.lag_events == 0 and self.has_done(self.last_seq)

    def has_done(self, seq: int) -> bool:
        """Nothing waits in the intake, and what moves stock and plans is past that row."""
        at = [self.cursors[name] for name in PROMPT if name in self.cursors]
        at.append(self.acknowledged_seq)
        return self.intake.get("queued", 0) == 0 and min(at) >= seq


def parse_report(raw: str) -> GatewayReport:
    """A report out of the command's output. Raises ValueError."""
    report = json.loads(raw)
    if not isinstance(report, dict):
        raise ValueError("the status report is not an object")
    journal, sync = _mapping(report, "journal"), _mapping(report, "sync")
    return GatewayReport(
        gateway=str(report["gateway"]),
        warehouse=str(report["warehouse"]),
        epoch=str(report["epoch"]),
        last_seq=_int(journal, "last_seq"),
        journal_bytes=_int(journal, "bytes"),
        cursors=_counts(report, "cursors"),
        acknowledged_seq=_int(sync, "acknowledged_seq"),
        lag_events=_int(sync, "lag_events"),
        lag_s=float(str(sync.get("lag_s") or 0.0)),
        is_connected=sync.get("is_connected") is True,
        last_error=str(sync.get("last_error") or ""),
        intake=_counts(report, "intake"),
        devices=_rows(report, "devices"),
        climate=_rows(report, "climate"),
        sensor_faults=_rows(report, "sensor_faults"),
        stock=_rows(report, "stock"),
        triggers=_rows(report, "triggers"),
        plans=_rows(report, "plans"),
    )


async def ask_gateway(site: Site) -> GatewayReport | None:
    """The gateway's report; None while it does not answer."""
    code, output, _ = await run_to_end(
        python("gateway", "status", "--config", str(site.config), "--json"), limit_s=STATUS_S
    )
    if code != 0:
        return None
    return parse_report(output)


async def export_journal(site: Site, *, after_seq: int | None = None) -> list[Row]:
    """The rows of a gateway's journal, all or those above after_seq. Raises ProcessFailed."""
    above = () if after_seq is None else ("--after-seq", str(after_seq))
    code, output, complaint = await run_to_end(
        python("gateway", "journal", "export", "--config", str(site.config), *above),
        limit_s=EXPORT_S,
    )
    if code != 0:
        raise ProcessFailed(f"{site.gateway} journal export", f"exit code {code}", complaint)
    rows = [json.loads(line) for line in output.splitlines()]
    return [row for row in rows if isinstance(row, dict)]


def _mapping(report: Mapping[str, object], key: str) -> Mapping[str, object]:
    value = report.get(key)
    return value if isinstance(value, dict) else {}


def _counts(report: Mapping[str, object], key: str) -> dict[str, int]:
    counts = _mapping(report, key)
    return {name: count for name, count in counts.items() if isinstance(count, int)}


def _int(values: Mapping[str, object], key: str) -> int:
    value = values.get(key)
    return value if isinstance(value, int) else 0


def _rows(report: Mapping[str, object], key: str) -> list[Row]:
    value = report.get(key)
    return [row for row in value if isinstance(row, dict)] if isinstance(value, list) else []
