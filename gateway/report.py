"""The status report: what `forepost-gateway status` shows, as one JSON object.

Format: docs/configuration.md, "Status". Everything in it is read, nothing computed anew.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, fields
from importlib.metadata import version
from pathlib import Path

from cloud_sync.contract import events as ev
from gateway.clock import is_set
from gateway.core.projection import Milestone
from gateway.journal.exception_table import count_exceptions
from gateway.journal.read_model import load_climate, load_milestones, stock_rows
from gateway.journal.rows import CONSUMERS
from gateway.journal.store import JournalStore
from gateway.ops.machine import disk_row, read_footprint
from gateway.ops.screen import NO_CLOUD
from gateway.ports import Clock, DeviceHealth
from gateway.services import projector, sensor_watch, uplink
from gateway.services.alarms import Alarms
from gateway.services.box_watch import Box, Uploading
from gateway.services.certificates import ends_of
from gateway.services.fleet import Fleet
from gateway.services.intake import IntakeService
from gateway.services.intake_queue import IntakeQueue
from gateway.services.read_points import ReadPoints
from gateway.services.supervisor import Heartbeats
from gateway.settings import Settings

HEALTH_SHOWN = tuple(it.name for it in fields(DeviceHealth))
TRIGGERS_SHOWN = 20
PLANS_SHOWN = 5


@dataclass(slots=True)
class Parts:
    """The running gateway's parts."""

    settings: Settings
    clock: Clock
    journal: JournalStore
    projector: projector.Projector
    intake: IntakeService
    queue: IntakeQueue
    sensors: sensor_watch.SensorWatch
    heartbeats: Heartbeats
    alarms: Alarms
    fleet: Fleet
    read_points: ReadPoints
    is_trusted: Callable[[], bool]
    started_us: int
    uplink: uplink.Uplink | None = None


async def status_report(parts: Parts) -> dict[str, object]:
    """How the gateway is, now."""
    journal, gateway = parts.journal, parts.settings.gateway
    triggers = await load_milestones(journal, ev.REPLENISHMENT_TRIGGERED, TRIGGERS_SHOWN)
    plans = await load_milestones(journal, ev.PLAN_PROPOSED, PLANS_SHOWN)
    now_us = parts.clock.wall_us()
    return {
        "gateway": gateway.id,
        "warehouse": gateway.warehouse,
        "version": version("forepost"),
        "epoch": journal.epoch,
        "time_us": now_us,
        "is_running": True,
        "process": {"started_us": parts.started_us, **asdict(read_footprint())},
        "clock": {"is_set": is_set(now_us), "is_trusted": parts.is_trusted()},
        "disk": disk_row(gateway.state_dir),
        "journal": await _journal(parts),
        "cursors": {name: await journal.cursor(name) for name in CONSUMERS},
        "sync": await _sync(parts),
        "intake": {
            **asdict(parts.intake.counts),
            "queued": len(parts.queue),
            "thinned": parts.queue.n_thinned,
            "strays": parts.intake.presence.n_strays,
        },
        "alarms": list(parts.alarms.shown()),
        "stalled": parts.heartbeats.stalled(60.0),
        "devices": device_rows(parts),
        "sensor_faults": [asdict(fault) for fault in parts.sensors.open_faults()],
        "exceptions": await count_exceptions(journal),
        "excursions": parts.sensors.cold_chain.open_excursions(),
        "climate": [asdict(climate) for climate in await load_climate(journal)],
        "stock": list(stock_rows(parts.projector.facts)),
        "triggers": _bodies(triggers),
        "plans": [
            {**body, "state": _state(parts, str(body.get("plan_id")))} for body in _bodies(plans)
        ],
    }


async def _journal(parts: Parts) -> dict[str, object]:
    journal = parts.journal
    ((n_quarantined,),) = await journal.query("select count(*) from quarantine")
    return {
        "last_seq": journal.last_seq,
        "base_seq": journal.base_seq,
        "bytes": await journal.size_bytes(),
        "max_bytes": parts.settings.journal.max_bytes,
        "n_quarantined": n_quarantined,
    }


def status_line(parts: Parts) -> str:
    """A line for `systemctl status`: how much waits where. Reads nothing from the disk."""
    line = f"at row {parts.journal.last_seq}, {len(parts.queue)} messages waiting"
    if parts.uplink is None:
        return line
    state = parts.uplink.state
    line += f", {max(0, parts.journal.last_seq - state.acknowledged_seq)} rows not in the cloud"
    return line if state.is_connected else f"{line}, cloud not reached: {state.last_error}"


def _state(parts: Parts, plan_id: str) -> str | None:
    """Where a plan stands; None for one of another warehouse."""
    plan = parts.projector.facts.plans.get(plan_id)
    return None if plan is None else plan.state


def device_rows(parts: Parts) -> list[dict[str, object]]:
    """Every device as its driver sees it, with what was learnt from its messages, now."""
    n_missing = parts.intake.sequences.n_missing()
    faults: dict[str, list[str]] = {}
    for fault in parts.sensors.open_faults():
        faults.setdefault(fault.device, []).append(fault.kind)
    rows: list[dict[str, object]] = []
    for health in parts.fleet.health():
        # `asdict` copies deeply, which takes a quarter of a second for two thousand handhelds.
        row = {name: getattr(health, name) for name in HEALTH_SHOWN}
        row["errors"] = dict(health.errors)
        row["n_missing"] = health.n_missing + n_missing.get(health.name, 0)
        row["faults"] = faults.get(health.name, [])
        if health.clock_offset_us is None:
            row["clock_offset_us"] = parts.intake.offsets.offset_now_us(health.name)
        if row["faults"] and health.state == "online":
            row["state"] = "faulty"
        rows.append(row)
    return rows


def make_box(parts: Parts, certificates: Path | None) -> Box:
    """What the box's watch asks of the parts."""
    journal = parts.journal

    def uploading() -> Uploading | None:
        if parts.uplink is None:
            return None
        state, last_seq = parts.uplink.state, journal.last_seq
        n_unsent = max(0, last_seq - max(state.acknowledged_seq, journal.base_seq))
        return Uploading(
            state.is_connected, state.last_error, last_seq - journal.base_seq, n_unsent
        )

    return Box(
        state_dir=parts.settings.gateway.state_dir,
        max_bytes=parts.settings.journal.max_bytes,
        devices=lambda: device_rows(parts),
        must_speak=parts.fleet.must_speak,
        is_trusted=parts.is_trusted,
        size_bytes=journal.size_bytes,
        uploading=uploading,
        ends=lambda: ends_of(parts.settings, certificates),
    )


async def _sync(parts: Parts) -> dict[str, object]:
    if parts.uplink is None:
        return {"is_connected": False, "last_error": NO_CLOUD}
    state = asdict(parts.uplink.state)
    acknowledged = parts.uplink.state.acknowledged_seq
    lag_events = max(0, parts.journal.last_seq - acknowledged)
    lag_s = 0.0
    if lag_events:
        oldest = await parts.journal.read(after_seq=acknowledged, limit=1)
        if oldest:
            lag_s = max(0.0, (parts.clock.wall_us() - oldest[0].occurred_at_us) / 1_000_000)
    return {**state, "lag_events": lag_events, "lag_s": round(lag_s, 3)}


def _bodies(milestones: Sequence[Milestone]) -> list[dict[str, object]]:
    return [{"seq": m.seq, "event_id": m.event_id, **m.body} for m in milestones]
