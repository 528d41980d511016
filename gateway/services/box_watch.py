"""Watches the box: clock, disk, certificates, devices that are silent, a cloud that takes nothing.

What it finds are alarms (core/alarms.py). Each begins and ends at figures of its own, so that one
that hovers is told once.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Final

from gateway.clock import is_set
from gateway.core.thresholds import DAY_S, Shrinking, Threshold
from gateway.ops.machine import Disk, read_disk
from gateway.ports import Clock
from gateway.services.alarms import Alarms
from gateway.services.certificates import patience_s
from gateway.services.following import rest
from gateway.services.supervisor import Heartbeats

CONSUMER: Final = "box-watch"
TICK_S: Final = 5.0
DISK_S: Final = 60.0
CERTIFICATES_S: Final = 3600.0
SILENT_S: Final = 60.0
DEVICES_TOLD: Final = 100
CLOUD_AWAY_S: Final = 900.0
CLOCKS_MIN: Final = 3
"""So many devices must have a clock, so that their middle one is worth more than the box's."""
ROOM_BYTES: Final = 2 * 2**30
"""On a large disk a tenth is more than ever matters."""
WORN_PCT: Final = 90
MIB: Final = 2**20

Row = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Uploading:
    """How far the cloud is. n_kept: rows in the journal; n_unsent: of these what it lacks."""

    is_connected: bool
    last_error: str
    n_kept: int
    n_unsent: int


@dataclass(frozen=True, slots=True)
class Box:
    """What is asked about the box.

    devices: their rows in the report. must_speak: whether the silence of a device, by name and
    zone, is news. size_bytes: of the journal, which may be max_bytes. uploading: None without a
    cloud. ends: of certificates, by name.
    """

    state_dir: Path
    max_bytes: int
    devices: Callable[[], Sequence[Row]]
    must_speak: Callable[[str, str | None], bool]
    is_trusted: Callable[[], bool]
    size_bytes: Callable[[], Awaitable[int]]
    uploading: Callable[[], Uploading | None]
    ends: Callable[[], Mapping[str, float]]
    disk: Callable[[Path], Disk] = read_disk


class BoxWatch:
    """One gateway's watch over the machine it runs on."""

    def __init__(self, box: Box, *, clock: Clock, alarms: Alarms, heartbeats: Heartbeats) -> None:
        self._box = box
        self._clock = clock
        self._alarms = alarms
        self._heartbeats = heartbeats
        self._journal = Threshold(0.7, 0.6)
        self._unsent = Threshold(0.5, 0.4)
        self._clock_s = Threshold(300.0, 120.0)
        self._scarcity = Threshold(1.0, 0.8)
        self._full_soon = Threshold(1 / 7, 1 / 14)
        self._shrinking = Shrinking()
        self._heard_s = clock.monotonic()
        self._quiet_since_s: dict[str, float] = {}
        self._disk_at_s = self._certificates_at_s = clock.monotonic()

    async def run(self) -> None:
        """Watch for ever."""
        while True:
            await self.look()
            await rest(TICK_S, consumer=CONSUMER, heartbeats=self._heartbeats)

    async def look(self) -> None:
        """What is so now."""
        now_s = self._clock.monotonic()
        devices = self._box.devices()
        self._look_at_clock(devices)
        self._look_at_devices(devices, now_s)
        await self._look_at_cloud(now_s)
        # A few files of the kernel's and of ours: a thread would take longer than reading them.
        if now_s >= self._disk_at_s:
            self._disk_at_s = now_s + DISK_S
            self._look_at_disk(now_s)
        if now_s >= self._certificates_at_s:
            self._certificates_at_s = now_s + CERTIFICATES_S
            self._look_at_certificates()

    def _look_at_clock(self, devices: Sequence[Row]) -> None:
        """Not set is another alarm, of services/clock_watch."""
        is_trusted = self._box.is_trusted()
        if not is_set(self._clock.wall_us()):
            self._alarms.set("clock_wrong", None)
            return
        offsets = [
            offset / 1e6
            for row in devices
            if row.get("state") == "online" and isinstance(offset := row["clock_offset_us"], int)
        ]
        middle_s = median(offsets) if len(offsets) >= CLOCKS_MIN else 0.0
        is_off = self._clock_s.look(abs(middle_s))
        text = None
        if is_off:
            text = f"the clocks of {len(offsets)} devices are {middle_s:+.0f} s from the box's"
        elif not is_trusted:
            text = "it has just jumped by more than an hour"
        self._alarms.set("clock_wrong", text)

    def _look_at_devices(self, devices: Sequence[Row], now_s: float) -> None:
        silent: dict[str, str] = {}
        for row in devices:
            name, state, zone = str(row["name"]), str(row["state"]), row.get("zone")
            if not self._box.must_speak(name, zone if isinstance(zone, str) else None):
                continue
            faults = row.get("faults")
            is_silent = isinstance(faults, Sequence) and "silent" in faults
            if state == "lost" or is_silent:
                silent[name] = f"{state}; last reading: {row.get('last_reading') or 'none'}"
        for name in list(self._quiet_since_s.keys() - silent.keys()):
            del self._quiet_since_s[name]
        told: list[str] = []
        for name, text in silent.items():
            since_s = self._quiet_since_s.setdefault(name, now_s)
            if now_s - since_s >= SILENT_S and len(told) < DEVICES_TOLD:
                told.append(name)
                self._alarms.set("device_silent", text, about=name)
        self._alarms.keep_only("device_silent", told)

    async def _look_at_cloud(self, now_s: float) -> None:
        up = self._box.uploading()
        if up is None:
            return
        if up.is_connected:
            self._heard_s = now_s
        is_away = now_s - self._heard_s >= CLOUD_AWAY_S
        away = f"{up.last_error or 'no answer'}; {up.n_unsent} rows wait here" if is_away else None
        self._alarms.set("cloud_away", away)
        share = await self._box.size_bytes() / self._box.max_bytes
        unsent = up.n_unsent / max(1, up.n_kept)
        is_filling = self._journal.look(share) & self._unsent.look(unsent)
        text = f"{share:.0%} of its size are used, {up.n_unsent} rows are not in the cloud"
        self._alarms.set("buffer_filling", text if is_filling else None)

    def _look_at_disk(self, now_s: float) -> None:
        try:
            disk = self._box.disk(self._box.state_dir)
        except OSError:
            return  # whoever writes there says so
        wanted = max(1, min(disk.size_bytes // 10, ROOM_BYTES))
        is_scarce = self._scarcity.look(wanted / max(1, disk.free_bytes))
        days = self._shrinking.days_left(disk.free_bytes, now_s)
        is_soon = self._full_soon.look(1 / max(days, 1e-6) if days is not None else 0.0)
        text = f"{disk.free_bytes / MIB:.0f} of {disk.size_bytes / MIB:.0f} MB are free"
        if days is not None and is_soon:
            text += f"; at this pace it is full in {days:.1f} days"
        self._alarms.set("disk_filling", text if is_scarce or is_soon else None)
        wear = []
        if disk.life_used_pct is not None and disk.life_used_pct >= WORN_PCT:
            wear.append(f"up to {disk.life_used_pct} % of its life are used")
        if disk.spare not in (None, "normal"):
            wear.append(f"its spare blocks: {disk.spare}")
        self._alarms.set("disk_worn", "; ".join(wear) or None)

    def _look_at_certificates(self) -> None:
        now_us = self._clock.wall_us()
        if not is_set(now_us):
            return  # in 1970 everything is good for long
        late = []
        for name, end_s in self._box.ends().items():
            left_s = end_s - now_us / 1e6
            if left_s < patience_s(name):
                late.append(name)
                text = f"in {left_s / DAY_S:.1f} days" if left_s > 0 else "it has ended"
                self._alarms.set("certificate_expiring", text, about=name)
        self._alarms.keep_only("certificate_expiring", late)
