"""A clock that stands until it is moved."""

from __future__ import annotations

START_US = 1_795_000_000_000_000  # 2026-11-18


class FakeClock:
    """Wall and monotonic time, moved together by `forward` or apart by `jump`."""

    def __init__(self) -> None:
        self._wall_us = START_US
        self._monotonic_s = 1000.0

    def wall_us(self) -> int:
        return self._wall_us

    def monotonic(self) -> float:
        return self._monotonic_s

    def forward(self, seconds: float) -> None:
        self._wall_us += round(seconds * 1_000_000)
        self._monotonic_s += seconds

    def jump(self, seconds: float) -> None:
        self._wall_us += round(seconds * 1_000_000)
