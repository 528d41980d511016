"""The status report on one screen, in plain text.

Reads the report's JSON and nothing else, so that it can show a report that was saved before.
Missing parts are shown as missing, never as zero.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Final, cast

Report = Mapping[str, object]
_Show = Callable[[Report], str]
DEVICES_SHOWN: Final = 20
NO_CLOUD: Final = "no cloud configured"
"""What a report says as the last error where there is nothing to connect to."""
GB: Final = 2**30


def render_status(report: Report) -> str:
    """The screen as text, lines joined."""
    intake = _part(report, "intake")
    lines = [_headline(report)]
    alarms = cast(Sequence[Report], report.get("alarms") or ())
    lines += [_alarm(alarm) for alarm in alarms]
    stalled = cast(Sequence[str], report.get("stalled") or ())
    if stalled:
        lines.append(f"STALLED {', '.join(stalled)}")
    lines += [
        f"journal {_depth(report)}",
        f"cloud   {_cloud(_part(report, 'sync'))}",
        f"disk    {_disk(_part(report, 'disk'))}",
        f"clock   {_clock(report)}",
    ]
    if intake:
        lines.append("intake  " + ", ".join(f"{value} {name}" for name, value in intake.items()))
    if report.get("exceptions"):
        lines.append(
            f"look at {report['exceptions']} exceptions: forepost-gateway exceptions list"
        )
    lines += ["", "devices", *_devices(report)]
    lines += ["", "climate", *_table(report, "climate", _climate)]
    if report.get("excursions"):
        lines += ["", "excursions", *_table(report, "excursions", _excursion)]
    lines += ["", "last triggers", *_table(report, "triggers", _trigger)[-5:]]
    lines += ["", "last plan", *_table(report, "plans", _plan)[-1:]]
    return "\n".join(lines)


def _headline(report: Report) -> str:
    line = f"gateway {report.get('gateway')}  warehouse {report.get('warehouse')}"
    if report.get("version"):
        line += f"  version {report['version']}"
    if report.get("is_running") is False:
        return f"{line}  DOES NOT ANSWER; what follows was read from its files"
    since, now = _part(report, "process").get("started_us"), report.get("time_us")
    if isinstance(since, int) and isinstance(now, int):
        line += f"  up {_span((now - since) / 1_000_000)}"
    return line


def _alarm(alarm: Report) -> str:
    name = "/".join(str(it) for it in (alarm.get("name"), alarm.get("about")) if it)
    title, text = str(alarm.get("title") or ""), str(alarm.get("text") or "")
    if text.lower().startswith(title.lower()):
        return f"ALARM   {name}: {text[:1].upper()}{text[1:]}"
    return f"ALARM   {name}: {title}: {text}"


def _depth(report: Report) -> str:
    journal = _part(report, "journal")
    if journal.get("error"):
        return f"NOT READABLE: {journal['error']}"
    shown = f"{journal.get('last_seq')} events, {_size(journal.get('bytes'))}"
    if isinstance(journal.get("max_bytes"), int):
        shown += f" of {_size(journal['max_bytes'])}"
    if journal.get("n_quarantined"):
        shown += f"; {journal['n_quarantined']} set aside: forepost-gateway quarantine list"
    return shown


def _cloud(sync: Report) -> str:
    if sync.get("last_error") == NO_CLOUD:
        return "none configured"
    state = "connected" if sync.get("is_connected") else f"NOT connected {sync.get('last_error')}"
    lag_s = sync.get("lag_s")
    late = f", the oldest {_span(lag_s)} old" if isinstance(lag_s, int | float) and lag_s else ""
    return f"{state}; {sync.get('lag_events', '?')} events behind{late}"


def _disk(disk: Report) -> str:
    if not disk:
        return "unknown"
    shown = f"{_size(disk.get('free_bytes'))} free of {_size(disk.get('size_bytes'))}"
    if disk.get("is_read_only"):
        shown += ", READ-ONLY"
    if disk.get("life_used_pct") is not None:
        shown += f", {disk['life_used_pct']} % of its life used at most"
    return shown


def _clock(report: Report) -> str:
    clock, now_us = _part(report, "clock"), report.get("time_us")
    if not isinstance(now_us, int):
        return "unknown"
    shown = datetime.fromtimestamp(now_us / 1_000_000, UTC).isoformat(timespec="seconds")
    if clock.get("is_set") is False:
        return f"{shown}  NOT SET"
    return f"{shown}  NOT BELIEVED" if clock.get("is_trusted") is False else shown


def _devices(report: Report) -> list[str]:
    """Those in trouble first, and no more than fit on a screen."""
    rows = cast(Sequence[Report], report.get("devices") or ())
    rows = sorted(rows, key=lambda row: (row.get("state") == "online", str(row.get("name"))))
    lines = ["  " + _device(row) for row in rows[:DEVICES_SHOWN]]
    if len(rows) > DEVICES_SHOWN:
        n_online = sum(row.get("state") == "online" for row in rows[DEVICES_SHOWN:])
        lines.append(f"  and {len(rows) - DEVICES_SHOWN} more, {n_online} of them online")
    return lines or ["  none"]


def _span(seconds: float) -> str:
    """A duration in its two largest units."""
    left, parts = round(seconds), []
    for name, unit in (("d", 86_400), ("h", 3600), ("min", 60), ("s", 1)):
        if left >= unit:
            parts.append(f"{left // unit} {name}")
            left %= unit
    return " ".join(parts[:2]) or "0 s"


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
    line = f"{row.get('name')!s:<16} {row.get('driver') or '-'!s:<14} {row.get('state')!s:<9}"
    if row.get("n_reads") is None:  # of a gateway that does not run: what was told last
        return line.rstrip()
    battery = row.get("battery_pct")
    charge = f"  battery {battery} %" if battery is not None else ""
    return f"{line} {row['n_reads']!s:>7} reads  {row.get('last_reading')}{charge}{trouble}"


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


def _size(value: object) -> str:
    if not isinstance(value, int):
        return "unknown size"
    return f"{value / 2**20:.1f} MB" if value < 10 * GB else f"{value / GB:.0f} GB"
