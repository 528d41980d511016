"""An event loop whose time passes only when nobody has anything left to do."""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Callable
from typing import Final

from tests.fakes.clock import START_US

US: Final = 1_000_000


class Deadlock(Exception):
    """Everybody waits for somebody else, and no timer is set."""


class _Selector(selectors.SelectSelector):
    """Never waits: what the loop wanted to wait for has passed at once."""

    def __init__(self, pass_time: Callable[[float], None]) -> None:
        super().__init__()
        self._pass_time = pass_time

    def select(
        self, timeout: float | None = None
    ) -> list[tuple[selectors.SelectorKey, selectors._EventMask]]:
        if timeout is None:
            raise Deadlock
        if timeout > 0:
            self._pass_time(timeout)
        return super().select(0)


class VirtualLoop(asyncio.SelectorEventLoop):
    """Runs hours in moments, and the same way every time: no threads, no sockets, no clock."""

    def __init__(self) -> None:
        self._now_s = 0.0
        super().__init__(_Selector(self._pass))

    def _pass(self, seconds: float) -> None:
        self._now_s += seconds

    def time(self) -> float:
        return self._now_s


class VirtualClock:
    """A box's clock on the loop's time. skew_us is what its wall clock is wrong by."""

    def __init__(self, loop: VirtualLoop) -> None:
        self._loop = loop
        self.skew_us = 0

    def wall_us(self) -> int:
        return START_US + round(self._loop.time() * US) + self.skew_us

    def monotonic(self) -> float:
        return self._loop.time()
