"""Pins the watch over the broker: away, failed trials and lost sessions are told, once each."""

from __future__ import annotations

from collections import deque
from itertools import count
from pathlib import Path

import pytest

from cloud_sync.contract import events as ev
from gateway.errors import LinkLost
from gateway.journal.store import JournalStore
from gateway.links.mqtt_trial import SameSession
from gateway.services import broker_watch
from gateway.services.alarms import Alarms
from gateway.services.broker_watch import AGAIN_S, AWAY_S, FIRST_S, BrokerWatch
from gateway.services.supervisor import Heartbeats
from tests.fakes.clock import FakeClock
from tests.fakes.mqtt_session import MemoryMqttSession
from tests.rigs.journal import opened

EVERY_S = 3600.0


class Session(MemoryMqttSession):
    """A session that the test connects and has forgotten."""

    def __init__(self) -> None:
        super().__init__()
        self.is_there, self.n_forgotten, self.delivers = True, 0, True

    def publish(self, topic: str, payload: bytes, *, retain: bool = False) -> None:
        if self.delivers:
            self.receive(topic, payload)

    @property
    def is_connected(self) -> bool:
        return self.is_there


class Bench:
    """A watch; `verdicts` are what the next trials find."""

    def __init__(self, journal: JournalStore, *, every_s: float = EVERY_S) -> None:
        self.clock, self.session, self.has_heard = FakeClock(), Session(), True
        self.alarms = Alarms(self.clock)
        self.verdicts: deque[str | Exception | None] = deque()
        self.n_trials = self.n_saves = 0
        ids = (f"00000000-0000-7000-8000-{n:012x}" for n in count(1))
        self.watch = BrokerWatch(
            session=self.session,
            topic="canary",
            try_broker=self._try,
            every_s=every_s,
            has_heard=lambda: self.has_heard,
            journal=journal,
            warehouse="J1",
            clock=self.clock,
            new_id=ids.__next__,
            alarms=self.alarms,
            heartbeats=Heartbeats(self.clock),
            save_broker=self._save,
        )

    def _save(self) -> None:
        self.n_saves += 1

    async def _try(self) -> str | None:
        self.n_trials += 1
        verdict = self.verdicts.popleft()
        if isinstance(verdict, Exception):
            raise verdict
        return verdict

    async def after(self, seconds: float) -> set[object]:
        """The alarms after a look so much later."""
        self.clock.forward(seconds)
        await self.watch.look()
        return {it["name"] for it in self.alarms.shown()}


@pytest.fixture
def state(tmp_path: Path) -> Path:
    return tmp_path / "state"


async def test_a_broker_that_stays_away_is_an_alarm_until_it_is_back(state: Path) -> None:
    async with opened(state) as journal:
        bench = Bench(journal)
        assert await bench.after(0) == set()
        bench.session.is_there = False
        assert await bench.after(AWAY_S - 1) == set()
        assert await bench.after(1) == {"broker"}
        bench.verdicts.append(None)
        bench.session.is_there = True
        assert await bench.after(1) == set()


async def test_a_failed_trial_is_an_alarm_until_one_succeeds(state: Path) -> None:
    async with opened(state) as journal:
        bench = Bench(journal)
        bench.verdicts += ["keeps nothing", None, None]
        assert await bench.after(FIRST_S - 1) == set()
        assert bench.n_trials == 0
        assert await bench.after(1) == {"broker_test"}
        assert await bench.after(AGAIN_S - 1) == {"broker_test"}
        assert await bench.after(1) == set()
        assert await bench.after(EVERY_S - 1) == set()
        assert bench.n_trials == 2
        await bench.after(1)
        assert bench.n_trials == 3


@pytest.mark.parametrize("error", [ConnectionRefusedError(), LinkLost("mqtt://x", "gone")])
async def test_a_trial_that_came_to_nothing_says_nothing(state: Path, error: Exception) -> None:
    async with opened(state) as journal:
        bench = Bench(journal)
        bench.verdicts += ["keeps nothing", error, error]
        await bench.after(FIRST_S)
        assert await bench.after(AGAIN_S) == {"broker_test"}
        assert await bench.after(0) == {"broker_test"}
        assert bench.n_trials == 3


async def test_what_does_not_come_back_is_an_alarm(
    state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(broker_watch, "ROUND_S", 0.01)
    async with opened(state) as journal:
        bench = Bench(journal)
        bench.session.delivers = False
        assert await bench.after(FIRST_S) == {"broker_test"}
        assert bench.n_trials == 0
        bench.session.delivers = True
        bench.verdicts.append(None)
        assert await bench.after(AGAIN_S) == set()


async def test_a_broker_that_takes_the_client_for_the_gateway_is_not_asked_again(
    state: Path,
) -> None:
    async with opened(state) as journal:
        bench = Bench(journal)
        bench.verdicts.append(SameSession("mqtt://x", "one user, one client"))
        assert await bench.after(FIRST_S) == set()
        assert await bench.after(EVERY_S) == set()
        assert bench.n_trials == 1


async def test_no_trials_where_none_are_wanted(state: Path) -> None:
    async with opened(state) as journal:
        bench = Bench(journal, every_s=0)
        await bench.after(10 * EVERY_S)
        assert bench.n_trials == 0


async def test_a_lost_session_is_told_once_where_somebody_had_spoken(state: Path) -> None:
    async with opened(state) as journal:
        bench = Bench(journal, every_s=0)
        bench.has_heard, bench.session.n_forgotten = False, 1
        await bench.after(1)  # the first time ever: nothing was there to be lost
        bench.has_heard = True
        await bench.after(1)
        assert await journal.read(after_seq=0, limit=9) == []
        bench.session.n_forgotten = 2
        await bench.after(1)
        await bench.after(1)
        (row,) = await journal.read(after_seq=0, limit=9)
    event = ev.parse_event(row.body)
    assert (event.type, event.body["what"]) == (ev.GATEWAY_HEALTH, "broker_session_lost")


async def test_the_broker_is_had_to_save_once_for_each_new_session(state: Path) -> None:
    async with opened(state) as journal:
        bench = Bench(journal, every_s=0)
        bench.has_heard = False
        await bench.after(1)
        assert bench.n_saves == 0
        for n in (1, 2):
            bench.session.n_forgotten = n
            await bench.after(1)
            await bench.after(1)
            assert bench.n_saves == n
