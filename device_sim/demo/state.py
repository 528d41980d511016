"""What there is to see of a demo while it runs, and what it comes to in the end."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from device_sim.demo.options import DemoOptions
from device_sim.stage import check
from device_sim.stage.crew import Worker
from device_sim.stage.picking import Picker
from device_sim.stage.watch import GatewayReport


@dataclass(slots=True)
class DemoState:
    """What there is to see now; the view reads it, the show writes it."""

    options: DemoOptions
    phase: str = "setting up"
    broker: str = ""
    cloud_url: str = ""
    sign_in: str = ""
    """With what one signs in at the cloud's pages."""
    pages_url: str = ""
    """Where the pre-positioned warehouse's box shows its pages."""
    lead_time_days: float = 0.0
    began_s: float = field(default_factory=time.monotonic)
    running_since_s: float | None = None
    reports: dict[str, GatewayReport] = field(default_factory=dict)
    workers: dict[str, Worker] = field(default_factory=dict)
    pickers: dict[str, Picker] = field(default_factory=dict)
    n_orders: int = 0
    counts: dict[str, int] = field(default_factory=dict)
    asn_status: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    n_kills: int = 0

    def note(self, text: str) -> None:
        """A line for the reader, with the time since the start."""
        self.notes.append(f"{time.monotonic() - self.began_s:6.1f} s  {text}")


def make_summary(
    state: DemoState, checks: list[check.Check], events: list[dict[str, object]]
) -> dict[str, object]:
    """All numbers of the run and what they prove."""
    options = state.options
    since_s = state.running_since_s or state.began_s
    return {
        "ok": all(each.holds for each in checks),
        "checks": [each.to_dict() for each in checks],
        "seed": options.seed,
        "broker": state.broker,
        "duration_s": options.duration_s,
        "seconds_since_running": round(time.monotonic() - since_s, 1),
        "gateway_kills": state.n_kills,
        "pdas": {
            worker.ledger.device: {
                "scans": len(worker.ledger.entries),
                "refused": sum(e.status == "refused" for e in worker.ledger.entries),
                "flagged": sum(e.status == "flagged" for e in worker.ledger.entries),
                "resent": worker.ledger.n_resent,
                "repeats": worker.ledger.n_repeats,
                "malformed": worker.ledger.n_raw,
            }
            for worker in state.workers.values()
        },
        "orders": {
            "placed": state.n_orders,
            "boxes_sent": sum(picker.n_boxes for picker in state.pickers.values()),
            "stops_missed": sum(picker.n_missed for picker in state.pickers.values()),
        },
        "events": check.count_types(events),
        "gateways": {
            warehouse: {
                "journal_last_seq": report.last_seq,
                "journal_bytes": report.journal_bytes,
                "acknowledged_seq": report.acknowledged_seq,
                "intake": dict(report.intake),
            }
            for warehouse, report in sorted(state.reports.items())
        },
        "plans": [
            {
                "plan_id": plan.get("plan_id"),
                "objective": plan.get("objective"),
                "lines": plan.get("lines"),
                "fallback": plan.get("fallback"),
            }
            for report in state.reports.values()
            for plan in report.plans
        ],
    }
