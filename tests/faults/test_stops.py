"""Pins SIGTERM at any moment of a gateway at work: it drains, ends with 0 in time, loses nothing.

The moments are drawn over start and work; some stops are asked for twice. systemd kills what takes
longer than the unit's TimeoutStopSec.
"""

from __future__ import annotations

import signal
import threading
from pathlib import Path
from random import Random

import pytest

from tests.rigs import tier
from tests.rigs.at_work import working
from tests.rigs.fault_site import ROOT, running_site
from tests.rigs.forked_gateway import ForkedGateway
from tests.rigs.guard import wait_until
from tests.rigs.handheld import handheld

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3600)]

SEEDS = range(1, 1 + tier.count(1, 4, 10))
PER_SEED = tier.count(10, 50, 100)
LATEST_S = 0.4
"""After the start, or after the gateway said that it is ready."""
EARLY_SHARE = 0.3
TWICE_SHARE = 0.2


def stop_limit_s() -> float:
    """How long systemd waits before it kills."""
    unit = (ROOT / "deploy/systemd/forepost-gateway.service").read_text()
    (line,) = [each for each in unit.splitlines() if each.startswith("TimeoutStopSec=")]
    return float(line.partition("=")[2])


def stop_somewhere(gateway: ForkedGateway, log: Path, random: Random) -> float:
    """Start, SIGTERM after a while, once or twice; gives how long the end took."""
    moments = threading.Event()  # never set: what is waited for are the drawn moments
    log.touch()
    begin = log.stat().st_size
    gateway.start()
    if random.random() > EARLY_SHARE:
        assert wait_until(lambda: b"gateway ready" in log.read_bytes()[begin:])
    moments.wait(random.uniform(0, LATEST_S))
    gateway.send_signal(signal.SIGTERM)
    is_twice = random.random() < TWICE_SHARE
    if is_twice:
        moments.wait(random.uniform(0, 0.1))
        gateway.send_signal(signal.SIGTERM)
    code, took_s = gateway.end(stop_limit_s())
    said = log.read_bytes()[begin:].decode()
    # Python ends by the signal before the gateway has begun to listen for it, and again when it
    # is done and gone; systemd takes both for a clean end.
    is_outside = "journal opened" not in said or (is_twice and "stopping" in said)
    assert code == 0 or (code == -signal.SIGTERM and is_outside), said
    assert "Traceback" not in said, said
    return took_s


@pytest.mark.parametrize("seed", SEEDS)
def test_a_stop_at_any_moment_ends_in_order_and_loses_nothing(tmp_path: Path, seed: int) -> None:
    random = Random(seed)
    with running_site(tmp_path) as site:
        site.open_office(is_planning=False)
        gateway = ForkedGateway(site.gateway)
        port = site.broker.port
        with handheld(port, "pda-1", site.log) as one, handheld(port, "pda-2", site.log) as two:
            try:
                with working(seed, R01=one, R02=two):
                    took_s = [
                        stop_somewhere(gateway, site.gateway.log, random) for _ in range(PER_SEED)
                    ]
            finally:
                gateway.kill()
            site.gateway.start()
            one.settle(120)
            two.settle(120)
            site.until_drained()
            site.write_truth(one, two)
        site.must_pass()
    tier.record(
        "stops",
        faults=PER_SEED,
        lost=0,
        acknowledged=one.last_seq + two.last_seq,
        longest_s=round(max(took_s), 2),
    )
