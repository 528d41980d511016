"""Pins what is read of the machine: wear and writes from the kernel's files, and no word about
what is not there."""

import os
from pathlib import Path

import pytest

from gateway.ops.machine import disk_row, read_disk, read_footprint


def card(sys: Path, directory: Path, life: str, spare: str, *, is_partition: bool) -> None:
    """The files of an eMMC, as Linux lays them out, behind the disk that a directory is on."""
    number = directory.stat().st_dev
    whole = sys / "devices/mmc0/block/mmcblk0"
    block = whole / "mmcblk0p2" if is_partition else whole
    block.mkdir(parents=True)
    (block / "stat").write_text("  11 22 33 44 55 66 2048 88 0 1 2\n")
    (whole / "device").mkdir()
    (whole / "device/life_time").write_text(life)
    (whole / "device/pre_eol_info").write_text(spare)
    names = sys / "dev/block"
    names.mkdir(parents=True)
    (names / f"{os.major(number)}:{os.minor(number)}").symlink_to(block)


@pytest.mark.parametrize("is_partition", [True, False])
def test_an_emmc_tells_its_wear_and_what_was_written(tmp_path: Path, is_partition: bool) -> None:
    card(tmp_path / "sys", tmp_path, "0x02 0x09\n", "0x02\n", is_partition=is_partition)
    disk = read_disk(tmp_path, tmp_path / "sys")
    assert (disk.life_used_pct, disk.spare, disk.written_bytes) == (90, "warning", 2048 * 512)
    assert 0 < disk.free_bytes <= disk.size_bytes


@pytest.mark.parametrize(("life", "expected"), [("0x00 0x00", None), ("0x0b 0x01", 110)])
def test_a_card_that_does_not_say_is_not_new(
    tmp_path: Path, life: str, expected: int | None
) -> None:
    card(tmp_path / "sys", tmp_path, life, "0x00", is_partition=False)
    disk = read_disk(tmp_path, tmp_path / "sys")
    assert (disk.life_used_pct, disk.spare) == (expected, None)


def test_other_disks_tell_no_wear(tmp_path: Path) -> None:
    disk = read_disk(tmp_path, tmp_path / "nothing")
    assert (disk.life_used_pct, disk.spare, disk.written_bytes) == (None, None, None)
    assert disk_row(tmp_path / "gone") is None


def test_a_process_knows_its_own_size(tmp_path: Path) -> None:
    own = read_footprint()
    assert own.resident_bytes is not None
    assert own.resident_bytes > 2**20
    assert own.n_files
    assert read_footprint(tmp_path).resident_bytes is None
