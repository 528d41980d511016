"""Pins alarms in the journal: one event when one begins, one when it is over, none twice over a
restart, with what was told committed in the same transaction."""

from itertools import count
from pathlib import Path

from cloud_sync.contract import events as ev
from gateway.core.alarms import INHERITED_HOLD_S, Alarm
from gateway.journal.store import JournalStore
from gateway.services.alarm_keeper import AlarmKeeper
from gateway.services.alarms import Alarms
from gateway.services.supervisor import Heartbeats
from tests.fakes.clock import START_US, FakeClock
from tests.rigs.journal import opened


def keeper(journal: JournalStore, alarms: Alarms, clock: FakeClock, first_id: int) -> AlarmKeeper:
    ids = (f"00000000-0000-7000-8000-{n:012x}" for n in count(first_id))
    return AlarmKeeper(
        journal=journal,
        alarms=alarms,
        warehouse="J1",
        clock=clock,
        new_id=ids.__next__,
        heartbeats=Heartbeats(clock),
    )


async def bodies(journal: JournalStore) -> list[dict[str, object]]:
    events = [ev.parse_event(row.body) for row in await journal.read(after_seq=0, limit=100)]
    assert {event.type for event in events} <= {ev.GATEWAY_HEALTH}
    return [dict(event.body) for event in events]


async def test_an_alarm_is_two_events_over_three_lives(tmp_path: Path) -> None:
    clock = FakeClock()
    for life in range(3):
        async with opened(tmp_path / "state") as journal:
            alarms = Alarms(clock)
            watch = keeper(journal, alarms, clock, first_id=100 * life)
            memory = await watch.load()
            if life < 2:
                alarms.set("device_silent", "lost", about="t-1")
            await watch.look(memory)
            await watch.look(memory)
            clock.forward(INHERITED_HOLD_S)
            await watch.look(memory)
            told = await bodies(journal)
            shown = await journal.query("select name, about, text, since_us from alarm_told")
            assert len(shown) == (life < 2)
    since = {"alarm": "device_silent", "about": "t-1", "since_us": START_US}
    assert told == [
        {"what": "alarm_raised", "text": "lost", **since},
        {"what": "alarm_over", **since},
    ]


def test_titles_are_in_the_boxs_language() -> None:
    alarms = Alarms(FakeClock(), "zh")
    alarms.set("broker", "away")
    assert [(it["name"], it["title"], it["about"]) for it in alarms.shown()] == [
        ("broker", "连接不上消息代理", "")
    ]
    assert alarms.opened() == [Alarm("broker", "away", START_US)]
