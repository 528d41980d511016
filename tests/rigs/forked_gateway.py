"""The real gateway program without its start-up: forked from a process that has all imported.

Python's own fork server makes them. What they run is `forepost-gateway run` from its first line;
most of what a start costs otherwise is Python's imports.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import time
from multiprocessing.context import ForkServerProcess
from pathlib import Path

from tests.rigs.gateway import GatewayProcess
from tests.rigs.guard import GUARD_S

_SERVER = multiprocessing.get_context("forkserver")
_SERVER.set_forkserver_preload(["__main__", "gateway.__main__", "gateway.app", __name__])


class ForkedGateway:
    """Lives of the gateway that another object describes, one after the other."""

    def __init__(self, told: GatewayProcess) -> None:
        self._told = told
        self._life: ForkServerProcess | None = None

    def start(self) -> None:
        self._life = _SERVER.Process(target=_live, args=(self._told.config, self._told.log))
        self._life.start()

    @property
    def life(self) -> ForkServerProcess:
        """The last one started."""
        assert self._life is not None, "the gateway was not started"
        return self._life

    def send_signal(self, sign: signal.Signals) -> None:
        """Send it, also to one that has ended."""
        assert self.life.pid is not None
        if self.life.exitcode is None:
            os.kill(self.life.pid, sign)

    def end(self, limit_s: float) -> tuple[int, float]:
        """Wait for its end: exit code as subprocess counts, and how long that took."""
        began_s = time.monotonic()
        self.life.join(limit_s)
        code, took_s = self.life.exitcode, time.monotonic() - began_s
        if code is None:
            self.kill()
            raise AssertionError(f"no end within {limit_s} s; log:\n{self._told.tail()}")
        return code, took_s

    def kill(self) -> None:
        if self._life is not None:
            self._life.kill()
            self._life.join(GUARD_S)


def _live(config: Path, log: Path) -> None:
    """All of a child's life."""
    from gateway.__main__ import main

    with log.open("ab") as file:
        os.dup2(file.fileno(), 2)
    sys.stderr = os.fdopen(2, "w", buffering=1, closefd=False)
    sys.exit(main(["run", "--config", str(config)]))
