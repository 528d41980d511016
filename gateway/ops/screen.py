"""The status report on one screen, in plain text.

Reads the report's JSON and nothing else, so that it can show a report that was saved before.
Missing parts are shown as missing, never as zero.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import cast

Report = Mapping[str, object]
_Show = Callable[[Report], str]


def render_status(report: Report) -> str:
    """The screen as text, lines joined."""
    journal, sync, intake = (_part(report, name) for name in ("journal", "sync", "intake"))
    state = "connected" if sync.get("is_connected") else f"NOT connected {sync.get('last_error')}"
    lines = [
        f"gateway {report.get('gateway')}  warehouse {report.get('warehouse')}",
        f"journal {journal.get('last_seq')} events, {_megabytes(journal.get('bytes'))}",
        f"cloud   {state}; {sync.get('lag_events', '?')} events behind",
        "intake  " + ", ".join(f"{value} {name}" for name, value in intake.items()),
    ]
    if report.get("exceptions"):
        lines.append(
            f"look at {report['exceptions']} exceptions: forepost-gateway exceptions list"
        )
    stalled = cast(Sequence[str], report.get("stalled") or ())
    if stalled:
        lines.append(f"STALLED {', '.join(stalled)}")
    alarms = cast(Sequence[Report], report.get("alarms") or ())
    lines += [f"ALARM   {alarm.get('name')}: {alarm.get('text')}" for alarm in alarms]
    lines += ["", "devices", *_table(report, "devices", _device)]
    lines += ["", "climate", *_table(report, "climate", _climate)]
    if report.get("excursions"):
        lines += ["", "excursions", *_table(report, "excursions", _excursion)]
    lines += ["", "last triggers", *_table(report, "triggers", _trigger)[-5:]]
    lines += ["", "last plan", *_table(report, "plans", _plan)[-1:]]
    return "\n".join(lines)


def _part(report: Report, name: str) -> Report:
    part = report.get(name)
    return cast(Report, part) if isinstance(part, Mapping) else {}


def _table(report: Report, name: str, show: _Show) -> list[str]:
    rows = report.get(name)
    if not isinstance(rows, Sequence) or not rows:
        return ["  none"]
    return ["  " + show(cast(Report, row)) for row in rows]


def _device(row: Report) -> str:
    errors = cast(Mapping[str, int], row.get("errors") or {})
    trouble = "  errors " + ", ".join(f"{k} {n}" for k, n in errors.items()) if errors else ""
    return (
        f"{row.get('name')!s:<16} {row.get('driver')!s:<14} {row.get('state')!s:<9} "
        f"{row.get('n_reads')!s:>7} reads  {row.get('last_reading')}{trouble}"
    )


def _climate(row: Report) -> str:
    celsius, humidity = row.get("temperature_centi_c"), row.get("humidity_centi_pct")
    shown_c = f"{celsius / 100:.2f} °C" if isinstance(celsius, int) else "no temperature"
    shown_h = f"{humidity / 100:.1f} %" if isinstance(humidity, int) else "no humidity"
    return f"{row.get('zone')!s:<16} {row.get('device')!s:<14} {shown_c}  {shown_h}"


def _excursion(row: Report) -> str:
    sides = " and ".join(cast(Sequence[str], row.get("sides") or ()))
    found = [row.get(name) for name in ("min_centi_c", "max_centi_c")]
    shown = " to ".join(f"{it / 100:.2f}" for it in found if isinstance(it, int))
    blind = "  its sensor is not to be believed" if row.get("is_blind") else ""
    return f"{row.get('zone')!s:<16} {row.get('device')!s:<14} too {sides}: {shown} °C{blind}"


def _trigger(row: Report) -> str:
    return str(row.get("reason"))


def _plan(row: Report) -> str:
    lines = row.get("lines")
    n_lines = len(lines) if isinstance(lines, Sequence) else 0
    cost = row.get("objective")
    shown = f"{cost:.2f} a day" if isinstance(cost, float) else "unknown cost"
    name = f"{row.get('plan_id')} ({row.get('state')})"
    return f"{name} from {row.get('source')}: {n_lines} items, network cost {shown}"


def _megabytes(value: object) -> str:
    return f"{value / 2**20:.1f} MB" if isinstance(value, int) else "unknown size"
