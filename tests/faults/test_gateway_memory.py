"""Pins the gateway's memory: under a limit through floods, flat over them, and killed for nothing.

The limit is a control group's, as the unit's MemoryMax is. When somebody else uses the group up,
the kernel kills the gateway in the middle of a flood: nothing with a receipt is lost.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.rigs import tier
from tests.rigs.fault_site import PATIENCE_S, receive, running_site
from tests.rigs.handheld import Handheld, handheld
from tests.rigs.memory_limit import memory_group, resident_mib
from tests.rigs.mounts import NEEDS_ROOT

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800), *NEEDS_ROOT]

LIMIT_MIB = 150
GROWTH_MIB = 20
N_KILLS = tier.count(1, 5, 50)
FLOOD = tier.count(300, 2000, 5000)
KILLED = -9


def flood(*handhelds: Handheld) -> None:
    """Scan as fast as the handhelds can."""
    for _ in range(FLOOD):
        for pda in handhelds:
            receive(pda)


def test_floods_and_kills_under_a_memory_limit_lose_nothing(tmp_path: Path) -> None:
    with running_site(tmp_path) as site, memory_group(LIMIT_MIB * 2**20) as group:
        site.open_office(is_planning=False)
        site.gateway.start()
        try:
            group.take_in(site.gateway.process.pid)
            site.until_papers_are_there()
            port, pid = site.broker.port, site.gateway.process.pid
            with (
                handheld(port, "pda-1", site.log) as one,
                handheld(port, "pda-2", site.log) as two,
            ):
                sizes_mib = []
                for _ in range(3):
                    flood(one, two)
                    one.settle(PATIENCE_S)
                    two.settle(PATIENCE_S)
                    sizes_mib.append(resident_mib(pid))
                assert site.gateway.process.poll() is None, "killed by a flood alone"
                assert sizes_mib[-1] - sizes_mib[0] < GROWTH_MIB, sizes_mib
                for _ in range(N_KILLS):
                    flood(one, two)
                    assert group.exhaust(site.gateway.process) == KILLED
                    site.gateway.start()
                    group.take_in(site.gateway.process.pid)
                one.settle(PATIENCE_S)
                two.settle(PATIENCE_S)
                site.until_drained()
                site.write_truth(one, two)
            site.must_pass()
        finally:
            site.close()
    tier.record(
        "out of memory", faults=N_KILLS, lost=0, acknowledged=one.last_seq + two.last_seq,
        resident_mib=round(max(sizes_mib), 1),
    )  # fmt: skip
