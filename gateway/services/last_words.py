"""The status report of a gateway, also of one that does not run: then it is made of its files."""

from __future__ import annotations

import asyncio
from importlib.metadata import version

from gateway.clock import SystemClock, is_set
from gateway.core.alarms import title_of
from gateway.errors import GatewayError, JournalError
from gateway.journal.connection import FILE
from gateway.journal.last_state import read_last_state
from gateway.ops.machine import disk_row
from gateway.ops.screen import NO_CLOUD
from gateway.ops.status import ask_status
from gateway.settings import Settings

Report = dict[str, object]


def read_report(settings: Settings) -> Report:
    """What the gateway says of itself, or, if it does not answer, what its files say."""
    try:
        return asyncio.run(ask_status(settings.status_socket))
    except GatewayError as error:
        return report_of_files(settings, why=str(error))


def report_of_files(settings: Settings, *, why: str) -> Report:
    """The report of a gateway that does not answer. why: how that was seen."""
    gateway, now_us = settings.gateway, SystemClock().wall_us()
    report: Report = {
        "gateway": gateway.id,
        "warehouse": gateway.warehouse,
        "version": version("forepost"),
        "time_us": now_us,
        "is_running": False,
        "clock": {"is_set": is_set(now_us)},
        "disk": disk_row(gateway.state_dir),
    }
    down = {"name": "gateway_down", "about": "", "text": why, "since_us": now_us}
    alarms: list[Report] = [down]
    try:
        found = read_last_state(gateway.state_dir / FILE)
    except (JournalError, OSError) as error:
        report["journal"] = {"error": str(error)}
    else:
        journal, told = found.pop("journal"), found.pop("alarms")
        report |= found
        if settings.cloud is None:
            report["sync"] = {"is_connected": False, "last_error": NO_CLOUD}
        if isinstance(journal, dict):
            report["journal"] = {**journal, "max_bytes": settings.journal.max_bytes}
        if isinstance(told, list):
            alarms += told
    for alarm in alarms:
        alarm["title"] = title_of(str(alarm["name"]), gateway.language)
    report["alarms"] = alarms
    return report
