"""`forepost-sim device KIND` as a process that takes orders, for the time of a context."""

from __future__ import annotations

import contextlib
import json
import queue
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence

from tests.rigs.guard import GUARD_S


class SimulatedDevice:
    """One simulated device. Its reports are kept in `reports`, in order."""

    def __init__(self, kind: str, *arguments: str) -> None:
        self.reports: queue.Queue[dict[str, object]] = queue.Queue()
        self._process = subprocess.Popen(
            [sys.executable, "-m", "device_sim", "device", kind, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._reader = threading.Thread(target=self._read, name=f"reports of {kind}")
        self._reader.start()

    def _read(self) -> None:
        for line in self._process.stdout or ():
            self.reports.put(json.loads(line))

    def report(self, event: str, limit_s: float = GUARD_S) -> dict[str, object]:
        """The next report of that kind. Raises queue.Empty."""
        while (found := self.reports.get(timeout=limit_s))["event"] != event:
            pass
        return found

    def tell(self, do: str, **fields: object) -> None:
        """Give an order."""
        if self._process.stdin is None:
            raise AssertionError("a led device has a standard input")
        self._process.stdin.write(json.dumps({"do": do, **fields}) + "\n")
        self._process.stdin.flush()

    def close(self) -> None:
        """End its standard input, and with it the device."""
        if self._process.stdin is not None:
            self._process.stdin.close()
        try:
            self._process.wait(GUARD_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(GUARD_S)
        self._reader.join(GUARD_S)
        if self._process.stdout is not None:
            self._process.stdout.close()


@contextlib.contextmanager
def simulated(*lines: Sequence[str]) -> Iterator[list[SimulatedDevice]]:
    """Devices that are ready, one a command line, for the time of the context."""
    with contextlib.ExitStack() as stack:
        devices = []
        for kind, *arguments in lines:  # all of them begin to start before one is waited for
            devices.append(SimulatedDevice(kind, *arguments))
            stack.callback(devices[-1].close)
        for device in devices:
            device.report("ready")
        yield devices
