"""A program's wall clock, put ahead or back while it runs; libfaketime does it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest


def find_faketime() -> str:
    """The library; where it is missing the test fails in CI and is left out elsewhere."""
    found = sorted(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"))
    if not found:
        missing = "libfaketime is not installed (scripts/debian-packages installs it)"
        if "CI" in os.environ:
            pytest.fail(missing)
        pytest.skip(missing)
    return str(found[-1])


class WallClock:
    """What a program's wall clock is off by, in whole seconds."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.set(0)

    def set(self, offset_s: int) -> None:
        new = self.path.with_suffix(".new")
        new.write_text(f"{offset_s:+d}\n")
        new.rename(self.path)

    def environment(self) -> dict[str, str]:
        """What has a program stand behind this clock; monotonic time goes on."""
        return {
            "LD_PRELOAD": find_faketime(),
            "FAKETIME_TIMESTAMP_FILE": str(self.path),
            "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "NO_FAKE_STAT": "1",
        }
