"""How much memory a gateway takes, read from /proc; its process is found by its status socket."""

from __future__ import annotations

import socket
import statistics
import struct
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

WARM_UP_S: Final = 5.0
"""What a fresh process takes in this time is start-up, not growth."""
EDGE_SHARE: Final = 0.2
"""The share of a life's measurements that its beginning and its end are the medians of."""
CONNECT_S: Final = 1.0


@dataclass(frozen=True, slots=True)
class Measurement:
    """Resident memory of one process at one time (monotonic seconds)."""

    at_s: float
    pid: int
    rss_bytes: int


@dataclass(frozen=True, slots=True)
class Life:
    """How the memory of one process went, from its warm-up to its end. Medians, in bytes.

    minutes_bytes: of each minute that began, the first one included.
    """

    pid: int
    seconds: float
    start_bytes: int
    end_bytes: int
    peak_bytes: int
    minutes_bytes: tuple[int, ...] = ()


@dataclass(slots=True)
class MemoryWatch:
    """Follows the gateway behind a status socket through its lives."""

    status_socket: Path
    measurements: list[Measurement] = field(default_factory=list)
    _pid: int | None = None

    def look(self, at_s: float) -> None:
        """Measure now; nothing while there is no gateway."""
        if self._pid is None:
            # Asked for once a life: a connection makes the gateway write a whole report.
            self._pid = listener(self.status_socket)
        if self._pid is None:
            return
        rss_bytes = resident(self._pid)
        if rss_bytes is None:
            self._pid = None
        else:
            self.measurements.append(Measurement(at_s, self._pid, rss_bytes))


def listener(status_socket: Path) -> int | None:
    """The process that listens on a UNIX socket; None if nobody does."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
        client.settimeout(CONNECT_S)
        try:
            client.connect(str(status_socket))
            raw = client.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
        except OSError:
            return None
    pid: int = struct.unpack("3i", raw)[0]
    return pid


def resident(pid: int) -> int | None:
    """Resident memory of a process in bytes; None if it is gone."""
    try:
        status = Path(f"/proc/{pid}/status").read_text("ascii", errors="replace")
    except OSError:
        return None
    # A process that has ended and is not yet waited for has no VmRSS.
    sizes = [line.split()[1] for line in status.splitlines() if line.startswith("VmRSS:")]
    return int(sizes[0]) * 1024 if sizes else None


def lives(measurements: Sequence[Measurement]) -> list[Life]:
    """The processes one after the other; one that did not outlive its warm-up is left out."""
    found = []
    for pid in dict.fromkeys(each.pid for each in measurements):
        own = [each for each in measurements if each.pid == pid]
        warm = [each for each in own if each.at_s - own[0].at_s >= WARM_UP_S]
        if not warm:
            continue
        n_edge = max(1, int(len(warm) * EDGE_SHARE))
        found.append(
            Life(
                pid,
                warm[-1].at_s - own[0].at_s,
                round(statistics.median(each.rss_bytes for each in warm[:n_edge])),
                round(statistics.median(each.rss_bytes for each in warm[-n_edge:])),
                max(each.rss_bytes for each in own),
                _by_minute(own),
            )
        )
    return found


def _by_minute(own: Sequence[Measurement]) -> tuple[int, ...]:
    minutes: dict[int, list[int]] = {}
    for each in own:
        minutes.setdefault(int((each.at_s - own[0].at_s) // 60), []).append(each.rss_bytes)
    return tuple(round(statistics.median(sizes)) for _, sizes in sorted(minutes.items()))
