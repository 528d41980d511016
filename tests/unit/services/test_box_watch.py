"""Pins what the box's watch raises and when it is over: silence, clock, disk, certificates, a
cloud that takes nothing; each at figures of its own, so that what hovers is told once."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from gateway.ops.machine import Disk
from gateway.services.alarms import Alarms
from gateway.services.box_watch import CLOUD_AWAY_S, SILENT_S, Box, BoxWatch, Uploading
from gateway.services.supervisor import Heartbeats
from tests.fakes.clock import FakeClock

GB, MB = 10**9, 10**6
DAY_S = 86_400.0


@dataclass
class Stage:
    """A box whose figures the test sets."""

    clock: FakeClock = field(default_factory=FakeClock)
    rows: list[dict[str, object]] = field(default_factory=list)
    is_trusted: bool = True
    upload: Uploading | None = None
    n_bytes: int = 0
    ends: Mapping[str, float] = field(default_factory=dict)
    disk: Disk = field(default_factory=lambda: Disk(100 * GB, 50 * GB, is_read_only=False))

    def __post_init__(self) -> None:
        self.alarms = Alarms(self.clock)
        box = Box(
            state_dir=Path("/nowhere"),
            max_bytes=100,
            devices=lambda: self.rows,
            must_speak=lambda name, zone: zone is not None or name.startswith("fixed"),
            is_trusted=lambda: self.is_trusted,
            size_bytes=self._size_bytes,
            uploading=lambda: self.upload,
            ends=lambda: self.ends,
            disk=lambda _: self.disk,
        )
        self._watch = BoxWatch(
            box, clock=self.clock, alarms=self.alarms, heartbeats=Heartbeats(self.clock)
        )

    async def _size_bytes(self) -> int:
        return self.n_bytes

    async def after(self, seconds: float) -> list[str]:
        """What is raised then, as NAME or NAME/ABOUT."""
        self.clock.forward(seconds)
        await self._watch.look()
        return ["/".join(filter(None, (it.name, it.about))) for it in self.alarms.opened()]


def device(name: str, state: str = "online", **more: object) -> dict[str, object]:
    row: dict[str, object] = {"name": name, "state": state, "zone": None, "clock_offset_us": None}
    return row | more


async def test_a_device_that_must_speak_is_told_when_it_is_silent_for_a_while() -> None:
    stage = Stage(rows=[device("fixed-1", "lost"), device("pda-1", "lost")])
    assert await stage.after(0) == []
    assert await stage.after(SILENT_S) == ["device_silent/fixed-1"]
    stage.rows[0]["state"] = "online"
    assert await stage.after(1) == []
    stage.rows[0]["state"] = "lost"
    assert await stage.after(1) == [], "its silence begins anew"


async def test_a_sensor_that_is_faulty_otherwise_is_not_silent() -> None:
    stage = Stage(rows=[device("t-1", "faulty", zone="C", faults=["stuck"])])
    await stage.after(0)
    assert await stage.after(SILENT_S) == []
    stage.rows = [device("t-1", "faulty", zone="C", faults=["silent"])]
    await stage.after(0)
    assert await stage.after(SILENT_S) == ["device_silent/t-1"]
    stage.rows = []
    assert await stage.after(1) == [], "one that is no more is not silent"


@pytest.mark.parametrize(("offset_s", "is_told"), [(299, False), (300, True), (-300, True)])
async def test_the_clocks_of_three_devices_outweigh_the_boxs(offset_s: int, is_told: bool) -> None:
    offsets = enumerate([offset_s, offset_s, 0])
    stage = Stage(rows=[device(f"p{n}", clock_offset_us=it * 10**6) for n, it in offsets])
    assert await stage.after(0) == (["clock_wrong"] if is_told else [])
    stage.rows.pop()
    assert await stage.after(1) == [], "two may both be wrong"


async def test_a_clock_that_jumped_is_told_until_it_is_believed() -> None:
    stage = Stage(is_trusted=False)
    assert await stage.after(0) == ["clock_wrong"]
    stage.is_trusted = True
    assert await stage.after(1) == []


async def test_a_cloud_is_away_after_a_quarter_of_an_hour() -> None:
    stage = Stage(upload=Uploading(False, "refused", n_kept=10, n_unsent=7))
    assert await stage.after(CLOUD_AWAY_S - 1) == []
    assert await stage.after(1) == ["cloud_away"]
    assert stage.alarms.opened()[0].text == "refused; 7 rows wait here"
    stage.upload = Uploading(True, "", n_kept=10, n_unsent=7)
    assert await stage.after(1) == []


async def test_a_buffer_fills_only_with_what_the_cloud_lacks() -> None:
    stage = Stage(upload=Uploading(True, "", n_kept=100, n_unsent=50), n_bytes=69)
    assert await stage.after(0) == []
    stage.n_bytes = 70
    assert await stage.after(1) == ["buffer_filling"]
    stage.n_bytes = 60
    assert await stage.after(1) == ["buffer_filling"]
    stage.n_bytes = 59
    assert await stage.after(1) == []
    stage.n_bytes, stage.upload = 99, Uploading(True, "", n_kept=100, n_unsent=39)
    assert await stage.after(1) == [], "sent rows leave when room is needed"
    stage.upload = None
    assert await stage.after(1) == []


async def test_a_disk_with_little_room_is_told_and_one_that_will_be_full_in_a_week() -> None:
    stage = Stage(disk=Disk(10 * GB, 1001 * MB, is_read_only=False))
    assert await stage.after(0) == []
    stage.disk = Disk(10 * GB, 1000 * MB, is_read_only=False)
    assert await stage.after(60) == ["disk_filling"]
    stage.disk = Disk(10 * GB, 1249 * MB, is_read_only=False)
    assert await stage.after(60) == ["disk_filling"]
    stage = Stage(disk=Disk(10 * GB, 5 * GB, is_read_only=False))
    assert await stage.after(60) == []
    stage.disk = Disk(10 * GB, 4 * GB, is_read_only=False)
    assert await stage.after(DAY_S) == ["disk_filling"]
    assert "full in 4.0 days" in stage.alarms.opened()[0].text


@pytest.mark.parametrize(
    ("used_pct", "spare", "is_told"),
    [(80, "normal", False), (90, "normal", True), (10, "warning", True), (None, None, False)],
)
async def test_an_emmc_says_when_it_is_worn(
    used_pct: int | None, spare: str | None, is_told: bool
) -> None:
    disk = Disk(10 * GB, 5 * GB, is_read_only=False, life_used_pct=used_pct, spare=spare)
    assert await Stage(disk=disk).after(0) == (["disk_worn"] if is_told else [])


async def test_certificates_are_told_a_month_before_and_renewal_ends_it() -> None:
    stage = Stage()
    now_s = stage.clock.wall_us() / 1e6
    stage.ends = {"pda-1": now_s + 30 * DAY_S - 1, "pda-2": now_s + 31 * DAY_S, "x": now_s - 1}
    assert await stage.after(0) == ["certificate_expiring/pda-1", "certificate_expiring/x"]
    assert [it.text for it in stage.alarms.opened()] == ["in 30.0 days", "it has ended"]
    stage.ends = {"pda-1": now_s + 400 * DAY_S}
    assert await stage.after(3600) == []


async def test_a_box_that_does_not_know_the_time_does_not_judge_certificates() -> None:
    stage = Stage(ends={"pda-1": 86_400.0})
    stage.clock.jump(1 - stage.clock.wall_us() / 1e6)
    assert await stage.after(0) == []
