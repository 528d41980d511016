"""Pins a full disk under the broker: its store is spoiled, and it is back, and nothing is lost.

Mosquitto acknowledges on, and puts a snapshot that is cut off where a whole one was. Control:
without the guard it stays down, wherever the cut is one that it minds. The gateway tells that the
broker forgot its session.
"""

from __future__ import annotations

import contextlib
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from functools import partial
from pathlib import Path

import pytest

from gateway.broker.store_guard import fault_of
from tests.rigs import tier
from tests.rigs.broker import Mosquitto
from tests.rigs.fault_site import PATIENCE_S, ROOT, Site, receive, running_site
from tests.rigs.guard import GUARD_S, wait_until
from tests.rigs.handheld import Handheld, handheld
from tests.rigs.mounts import NEEDS_ROOT, small_disk

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800), *NEEDS_ROOT]

N_ROUNDS = tier.count(1, 3, 50)
IS_CONTROLLED = tier.chosen() != "quick"
PER_ROUND = 400
"""Whose messages need more than the 64 KiB that the disk has."""
CONFIG = """
listener {port} 127.0.0.1
allow_anonymous true
user root
persistence true
persistence_location {place}/
autosave_on_changes true
autosave_interval 1
max_queued_messages 0
"""


@pytest.fixture
def no_start(tmp_path: Path) -> Path:
    """Where a broker's configuration lies, beside its disk and not on it."""
    place = tmp_path / "conf"
    place.mkdir()
    return place


def test_a_broker_with_a_full_disk_comes_back_by_itself(tmp_path: Path, no_start: Path) -> None:
    n_stuck = 0
    with contextlib.ExitStack() as stack:
        site = stack.enter_context(running_site(tmp_path))
        place = stack.enter_context(small_disk(tmp_path / "small", "64k"))
        site.broker.stop()
        text = CONFIG.format(port=site.broker.port, place=place)
        broker = Mosquitto(no_start, site.broker.port, text)
        broker.start()
        stack.callback(broker.stop, signal.SIGKILL)
        site.open_office(is_planning=False)
        site.gateway.start()
        site.until_papers_are_there()
        site.gateway.until_listening()
        pda = stack.enter_context(handheld(site.broker.port, "pda-1", site.log))
        receive(pda)
        pda.settle(PATIENCE_S)
        for n_round in range(1, 1 + N_ROUNDS):
            _spoil(site, broker, pda, place / "mosquitto.db")
            n_stuck += IS_CONTROLLED and not _starts(no_start / "mosquitto.conf", broker.port)
            _come_back(site, broker, pda, place / "mosquitto.db")
            told = partial(_has_told, site, n_round)
            assert wait_until(told, PATIENCE_S), "people are told of each lost session"
        site.until_drained()
        site.write_truth(pda)
        site.must_pass()
    tier.record("broker's disk full", faults=N_ROUNDS, lost=0, acknowledged=pda.last_seq)
    if IS_CONTROLLED:
        tier.record("broker's disk full", faults=N_ROUNDS, lost=n_stuck, control="no start guard")
        assert n_stuck > 0, "no store was spoiled so that it matters"


def _spoil(site: Site, broker: Mosquitto, pda: Handheld, store: Path) -> None:
    """Scan for a gateway that is away until the store does not fit; then kill the broker."""
    site.gateway.stop()
    for _ in range(PER_ROUND):
        receive(pda)
    assert wait_until(lambda: store.exists() and fault_of(store) is not None, PATIENCE_S)
    broker.stop(signal.SIGKILL)


def _starts(config: Path, port: int) -> bool:
    """Whether the broker comes up on what is there, without the guard; it is gone again then."""
    probe = Mosquitto(config.parent, port, config.read_text())
    with contextlib.suppress(TimeoutError):
        probe.start()
        probe.stop(signal.SIGKILL)
        return True
    probe.stop(signal.SIGKILL)
    return False


def _come_back(site: Site, broker: Mosquitto, pda: Handheld, store: Path) -> None:
    """What systemd does: the guard, the broker; and the gateway is back, too."""
    guarded = subprocess.run(
        [sys.executable, "-m", "gateway", "broker-guard", str(store)],
        capture_output=True, text=True, timeout=GUARD_S, check=True, cwd=ROOT,
    )  # fmt: skip
    assert "begun without" in guarded.stderr
    store.with_name("mosquitto.db.damaged").unlink()  # room, as when somebody had looked at it
    broker.start()
    site.gateway.start()
    pda.settle(PATIENCE_S)


def _has_told(site: Site, n_times: int) -> bool:
    with closing(sqlite3.connect(f"file:{site.journal}?mode=ro", uri=True)) as journal:
        sql = "select body from journal where type = 'gateway.health'"
        told = [b"broker_session_lost" in body for (body,) in journal.execute(sql)]
    return sum(told) == n_times
