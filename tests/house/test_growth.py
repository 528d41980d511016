# Pins that nothing on the box grows in silence: every table and every file of the state directory
# is on docs/journal.md, with when it leaves; and that what is shown leaves.

import re
from pathlib import Path

from cloud_sync.contract import events as ev
from gateway.journal.plan_tables import MILESTONES_KEPT, old_milestone_statements
from gateway.services import plan_desk, reinjection, resolving
from tests.house.tracked import read_tracked
from tests.rigs.journal import opened

PAGE = read_tracked("docs/journal.md")
ROWS = re.findall(r"^\| ((?:`[^`|]+`(?:, )?)+) \| (\S[^|]*) \| (\S[^|]*) \|$", PAGE, re.MULTILINE)
LISTED = [name for names, _, _ in ROWS for name in re.findall(r"`([^`]+)`", names)]


async def test_every_table_is_listed_with_when_it_leaves(tmp_path: Path) -> None:
    async with opened(tmp_path / "state") as journal:
        rows = await journal.query(
            "select name from sqlite_master where type = 'table' and name not like 'sqlite_%'"
        )
        there = {path.name for path in (tmp_path / "state").iterdir()}
    tables = {str(name) for (name,) in rows}
    assert len(tables) > 30
    assert tables - set(LISTED) == set()
    assert {name for name in LISTED if LISTED.count(name) > 1} == set()
    files = {f"{it.rstrip('/')}" for it in LISTED} | {"journal.db"}
    assert there - files == set()
    for directory in (plan_desk.DIRECTORY, reinjection.DIRECTORY, resolving.DIRECTORY):
        assert directory in files


async def test_old_triggers_and_plans_leave_but_for_the_last_network_plan(tmp_path: Path) -> None:
    def plan(n: int) -> str:
        network = '{"objective": 1.5}' if n == 3 else "null"
        return f'{{"plan_id": "P{n}", "warehouse": "J1", "network_plan": {network}}}'

    n_each = MILESTONES_KEPT + 50
    put = "insert into milestone(seq, event_id, type, body) values (?, ?, ?, ?)"
    rows = [(2 * n, f"p{n}", ev.PLAN_PROPOSED, plan(n)) for n in range(n_each)]
    rows += [(2 * n + 1, f"t{n}", ev.REPLENISHMENT_TRIGGERED, "{}") for n in range(n_each)]
    async with opened(tmp_path / "state") as journal:
        await journal.advance("projector", to_seq=0, effects=[(put, rows)])
        for _ in range(2):
            await journal.advance("desk", to_seq=0, effects=old_milestone_statements("J1"))
        left = await journal.query("select type, count(*), min(seq) from milestone group by type")
    assert {str(kind): (n, first) for kind, n, first in left} == {
        ev.PLAN_PROPOSED: (MILESTONES_KEPT + 1, 6),
        ev.REPLENISHMENT_TRIGGERED: (MILESTONES_KEPT, 2 * 50 + 1),
    }
