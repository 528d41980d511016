"""Pins the promise while all faults come at once, in the order that a seed draws.

Two handhelds work; meanwhile gateway, cloud and broker are killed, stopped and hung, the line
between them is unruly, the disk fills up, and rubbish comes. In the end everything is told once.
"""

from __future__ import annotations

import contextlib
import json
import signal
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random

import pytest

from tests.rigs import tier
from tests.rigs.at_work import working
from tests.rigs.device import device
from tests.rigs.fault_site import Site, running_site
from tests.rigs.full_disk import fill
from tests.rigs.handheld import handheld
from tests.rigs.mounts import NEEDS_ROOT, small_disk
from tests.rigs.unruly_line import unruly_line

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3600), *NEEDS_ROOT]

SEEDS = range(1, 1 + tier.count(1, 2, 6))
N_FAULTS = tier.count(4, 10, 25)
SETTLE_S = 240.0
RUBBISH = (b"", b"[ " * 3000, b'{"v":1,"boot":"b","seq":true,"data":"x"}', b"\xff" * 99)


class Troubles:
    """One seed's faults at one site. `waits` are the moments of the faults, which are drawn."""

    def __init__(self, site: Site, seed: int) -> None:
        self._site, self._random = site, Random(seed)
        self._clock = threading.Event()
        self.history: list[str] = []

    def wait(self, least_s: float, most_s: float) -> None:
        self._clock.wait(self._random.uniform(least_s, most_s))

    def strike(self) -> None:
        """One fault, from its beginning to its end."""
        trouble: Callable[[], None] = self._random.choice(
            [self.kill_gateway, self.kill_twice, self.stop_gateway, self.hang_gateway,
             self.kill_cloud, self.hang_cloud, self.kill_broker, self.fill_disk, self.rubbish]
        )  # fmt: skip
        self.history.append(trouble.__name__)
        trouble()

    def kill_gateway(self) -> None:
        self._site.gateway.kill()
        self._site.gateway.start()

    def kill_twice(self) -> None:
        self.kill_gateway()
        self.wait(0.2, 1.5)
        self.kill_gateway()

    def stop_gateway(self) -> None:
        self._site.gateway.stop()
        self._site.gateway.start()

    def hang_gateway(self) -> None:
        with _hung(self._site.gateway.process.send_signal):
            self.wait(0.5, 6)

    def kill_cloud(self) -> None:
        self._site.cloud.kill()
        self.wait(0, 4)
        self._site.cloud.start()

    def hang_cloud(self) -> None:
        assert self._site.cloud.process is not None
        with _hung(self._site.cloud.process.send_signal):
            self.wait(1, 8)

    def kill_broker(self) -> None:
        self._site.broker.stop(signal.SIGKILL)
        self.wait(0, 3)
        self._site.broker.start()

    def fill_disk(self) -> None:
        filler = fill(self._site.state)
        self.wait(1, 6)
        if self._random.random() < 0.4:
            self.kill_gateway()
            self.wait(1, 3)
        filler.unlink()

    def rubbish(self) -> None:
        with device(self._site.broker.port, "pda-9") as bad:
            for raw in RUBBISH:
                bad.publish("scan", raw)


@contextlib.contextmanager
def _hung(send_signal: Callable[[int], None]) -> Iterator[None]:
    send_signal(signal.SIGSTOP)
    try:
        yield
    finally:
        send_signal(signal.SIGCONT)


@pytest.mark.parametrize("seed", SEEDS)
def test_whatever_fails_together_nothing_is_lost_or_doubled(tmp_path: Path, seed: int) -> None:
    with contextlib.ExitStack() as stack:
        ports: list[int] = []
        line = stack.enter_context(unruly_line(lambda: ports[0], seed))
        site = stack.enter_context(
            running_site(tmp_path, plain_broker=True, url=f"http://127.0.0.1:{line.port}")
        )
        ports.append(site.cloud.port)
        stack.enter_context(small_disk(site.state, "80m"))
        stack.callback(site.close)  # before its disk goes
        troubles = Troubles(site, seed)
        site.open_office(is_planning=True)
        site.gateway.start()
        one = stack.enter_context(handheld(site.broker.port, "pda-1", site.log))
        two = stack.enter_context(handheld(site.broker.port, "pda-2", site.log))
        with working(seed, R01=one, R02=two):
            for _ in range(N_FAULTS):
                troubles.wait(0.3, 2)
                troubles.strike()
        one.settle(SETTLE_S)
        two.settle(SETTLE_S)
        status = site.until_drained(SETTLE_S)
        site.write_truth(one, two)
        (tmp_path / "status.json").write_text(json.dumps(status))
        print(f"troubles: {troubles.history}")
        site.must_pass("--status", str(tmp_path / "status.json"))
    n_line = line.counts.total() - line.counts["carried"]
    tier.record(
        "all at once",
        faults=N_FAULTS + n_line,
        lost=0,
        acknowledged=one.last_seq + two.last_seq,
        kinds=dict(Counter(troubles.history)),
    )
