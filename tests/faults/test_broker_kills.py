"""Pins the promise when a default Mosquitto is killed: handhelds keep and resend, all is counted.

The control believes the broker: what has a PUBACK is never sent again. It must lose.
"""

from __future__ import annotations

import json
import signal
import sqlite3
import threading
from contextlib import closing
from pathlib import Path
from random import Random

import pytest

from tests.rigs import tier
from tests.rigs.fault_site import Site, receive, running_site
from tests.rigs.handheld import handheld

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3600)]

N_KILLS = tier.count(3, 30, 200)
PER_KILL = 12


def kill_broker(site: Site, after_s: float) -> None:
    """kill -9 a moment from now, then start it on the same store."""
    threading.Event().wait(after_s)  # the moment of the fault, which is drawn
    site.broker.stop(signal.SIGKILL)
    site.broker.start()


def test_broker_kills_lose_and_double_nothing(tmp_path: Path) -> None:
    random = Random(5)
    with running_site(tmp_path, plain_broker=True) as site:
        site.open_office(is_planning=False)
        site.gateway.start()
        site.until_papers_are_there()
        port = site.broker.port
        with handheld(port, "pda-1", site.log) as one, handheld(port, "pda-2", site.log) as two:
            for _ in range(N_KILLS):
                for _ in range(PER_KILL):
                    receive(one)
                    receive(two, 2, "R-02")
                kill_broker(site, random.uniform(0, 0.05))
            one.settle(120)
            two.settle(120)
            status = site.until_drained()
            site.write_truth(one, two)
        (tmp_path / "status.json").write_text(json.dumps(status))
        site.must_pass("--status", str(tmp_path / "status.json"))
    tier.record("broker kills", faults=N_KILLS, lost=0, acknowledged=2 * PER_KILL * N_KILLS)


def test_control_trusting_the_broker_loses(tmp_path: Path) -> None:
    """The gateway is away while the broker acknowledges, as at every update of the gateway."""
    with running_site(tmp_path, plain_broker=True) as site:
        site.open_office(is_planning=False)
        site.gateway.start()
        site.until_papers_are_there()
        site.gateway.kill()
        with handheld(site.broker.port, "pda-1", site.log, trusting=True) as pda:
            for _ in range(PER_KILL):
                receive(pda)
            pda.settle(120)
            kill_broker(site, 0)
            site.gateway.start()
            # One more, from another device: what came before it would have come by then.
            with handheld(site.broker.port, "pda-2", site.log) as other:
                receive(other)
                other.settle(120)
        site.until_drained()
        with closing(sqlite3.connect(f"file:{site.journal}?mode=ro", uri=True)) as journal:
            sql = "select count(*) from receipt where device = 'pda-1'"
            ((n_kept,),) = journal.execute(sql).fetchall()
    assert n_kept < PER_KILL
    tier.record("broker kills", faults=1, lost=PER_KILL - n_kept, control="trusting the PUBACK")
