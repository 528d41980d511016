"""Pins what people decide at the gateway: carried out once or not at all, told in one line.

`plan approve|reject|now` and `exceptions resolve` are killed before each step in which they touch
the disk, the gateway that takes their word is killed right before and after its commit, and the
disk is full.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator, Sequence
from itertools import count
from pathlib import Path

import pytest

from cloud_sync.contract import events as ev
from cloud_sync.inventory.findings import OVER_RECEIPT
from gateway.clock import SystemClock
from gateway.journal.durable import UNFINISHED
from gateway.ports import Draft, Entry
from tests.fakes.uploads import event_id, make_line
from tests.rigs.full_disk import fill
from tests.rigs.gateway import ROOT, GatewayProcess, Status
from tests.rigs.guard import GUARD_S
from tests.rigs.journal import opened
from tests.rigs.mounts import NEEDS_ROOT, small_disk

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

CONFIG = """
[gateway]
id = "gw-J1"
warehouse = "J1"
state_dir = "{state}"
"""
ITEM = "09506000134352"
STEPS_MAX = 5
"""More than a command has: its directory, its file, the name, and the name once more, synced."""
N_CASES = STEPS_MAX + 1


def happened() -> Iterator[ev.Event]:
    """Plans that wait for a word and deliveries of which too much came, one for each try."""
    for n in range(N_CASES):
        plan = {
            "plan_id": f"PL-{n}", "warehouse": "J1", "source": "K1", "triggers": [],
            "based_on_seq": 0, "computed_at_us": 1, "network_plan": {}, "network_version": 0,
            "fallback": "a test's", "approval": "needed",
            "lines": [{"item": ITEM, "quantity": 6, "order_up_to_units": 6, "position_units": 0}],
        }  # fmt: skip
        yield event(ev.PLAN_PROPOSED, 2 * n + 1, body=plan)
        yield event(
            ev.GOODS_RECEIVED, 2 * n + 2, flags=(OVER_RECEIPT,),
            lines=(make_line("@supplier", "DOCK", 5, lot="L1"),),
            documents=(ev.Document(type="asn", id=f"ASN-{n}"),),
        )  # fmt: skip


def event(kind: str, number: int, **members: object) -> ev.Event:
    now_us = SystemClock().wall_us()
    return ev.Event(
        event_id=event_id(number), type=kind, version=1, occurred_at_us=now_us,
        received_at_us=now_us, warehouse="J1", **members,  # type: ignore[arg-type]  # as it says
    )  # fmt: skip


async def write_down(state: Path) -> None:
    """The journal of a gateway at which all that has happened."""
    async with opened(state, clock=SystemClock()) as journal:
        for it in happened():
            draft = Draft(it.event_id, it.type, it.occurred_at_us, ev.encode_event(it))
            await journal.append([Entry((draft,))])


class Desk:
    """A gateway at which somebody decides."""

    def __init__(self, directory: Path, state: Path) -> None:
        self.state = state
        self.gateway = GatewayProcess(directory, CONFIG.format(state=state))

    def start(self) -> None:
        """Start it, and wait until all that is in its journal is folded."""
        self.gateway.start()

        def is_folded(status: Status) -> bool:
            cursors, journal = status["cursors"], status["journal"]
            assert isinstance(cursors, dict)
            assert isinstance(journal, dict)
            return bool(cursors["projector"] == journal["last_seq"])

        self.gateway.until(is_folded)

    def say(self, words: Sequence[str], *, dies_at: str = "") -> subprocess.CompletedProcess[str]:
        """A person's command, killed right before one of its steps if that is wished."""
        program = ["tests.rigs.altered", "dies", "gateway"] if dies_at else ["gateway"]
        return subprocess.run(
            [sys.executable, "-m", *program, *words, "--config", str(self.gateway.config)],
            capture_output=True, text=True, timeout=GUARD_S, check=False, cwd=ROOT,
            env={**os.environ, "FOREPOST_DIES_AT": dies_at},
        )  # fmt: skip

    @contextlib.contextmanager
    def halted(self) -> Iterator[None]:
        """For the time of the context the gateway does nothing: it gives no room back."""
        process = self.gateway.process
        process.send_signal(signal.SIGSTOP)
        os.waitpid(process.pid, os.WUNTRACED)
        try:
            yield
        finally:
            process.send_signal(signal.SIGCONT)

    def left(self, what: str) -> list[Path]:
        """The words that wait to be taken in."""
        directory = self.state / place_of(what)
        return [it for it in directory.glob("*") if not it.name.endswith(UNFINISHED)]

    def until_taken_in(self, what: str) -> None:
        self.gateway.until(lambda _: not self.left(what))

    def carried_out(self, what: str, n: int) -> int:
        """How often the n-th was done, as the journal has it."""
        uri = f"file:{self.state}/journal.db?mode=ro"
        with contextlib.closing(sqlite3.connect(uri, uri=True)) as journal:
            bodies = [
                json.loads(body).get("body", {})
                for (body,) in journal.execute(
                    "select body from journal where type in"
                    " ('plan.decided', 'exception.resolved', 'replenishment.triggered')"
                )
            ]
        if what == "now":
            return sum(it.get("reason") == f"ana-{n} asked for a plan" for it in bodies)
        if what == "resolve":
            return sum(it.get("key") == [f"ASN-{n}", ITEM] for it in bodies)
        return sum(
            (it.get("plan_id"), it.get("decision")) == (f"PL-{n}", DECISION[what]) for it in bodies
        )


DECISION = {"approve": "approved", "reject": "rejected"}


def place_of(what: str) -> str:
    """The directory in which a command leaves its word."""
    return "resolve" if what == "resolve" else "plan-wishes"


def words_of(what: str, n: int) -> list[str]:
    """The command for the n-th."""
    if what == "now":
        return ["plan", "now", "--author", f"ana-{n}"]
    why = ["--reason", "counted", "--author", "ana"]
    if what == "resolve":
        key = [OVER_RECEIPT, f"ASN-{n}", ITEM]
        return ["exceptions", "resolve", *key, "--action", "accept", *why]
    return ["plan", what, f"PL-{n}", *why]


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    state = tmp_path / "state"
    asyncio.run(write_down(state))
    it = Desk(tmp_path, state)
    yield it
    if it.gateway.process.poll() is None:
        it.gateway.kill()


FULL = pytest.mark.full


@pytest.mark.parametrize(
    "what",
    ["approve", *(pytest.param(it, marks=FULL) for it in ("resolve", "reject", "now"))],
)
def test_a_command_that_is_killed_was_given_or_was_not(desk: Desk, what: str) -> None:
    desk.start()
    given = []
    for step in count(1):
        assert step <= STEPS_MAX, "the command goes on and on"
        done = desk.say(words_of(what, step), dies_at=f"{step}:{desk.state / place_of(what)}")
        desk.until_taken_in(what)
        given.append(desk.carried_out(what, step))
        if done.returncode == 0:
            break
        assert done.returncode == -signal.SIGKILL, done.stderr
        assert done.stdout == "", "it was told and was not given yet"
    # Not before it has its name, and then once, whether or not the person was told.
    assert given == [0, 0, 0, 1, 1]
    assert done.stderr == ""
    assert len(done.stdout.splitlines()) == 1


@pytest.mark.parametrize(
    "what", ["resolve", *(pytest.param(it, marks=FULL) for it in ("approve", "now"))]
)
def test_a_gateway_that_is_killed_at_it_does_it_once(desk: Desk, what: str) -> None:
    """Killed before it has read the word, and again when the event is durable, the word there."""
    desk.start()  # what is not folded is no plan and no exception yet
    assert desk.gateway.stop() == 0
    said = desk.say(words_of(what, 0))
    assert said.returncode == 0, said.stderr
    for step, n_done in ((1, 0), (2, 1)):
        desk.gateway.alteration = "dies"
        desk.gateway.environment = {"FOREPOST_DIES_AT": f"{step}:{desk.state / place_of(what)}"}
        desk.gateway.start()
        assert desk.gateway.process.wait(GUARD_S) == -signal.SIGKILL
        assert len(desk.left(what)) == 1
        assert desk.carried_out(what, 0) == n_done
    desk.gateway.alteration = None
    desk.start()
    desk.until_taken_in(what)
    assert desk.carried_out(what, 0) == 1


@NEEDS_ROOT[0]
@NEEDS_ROOT[1]
def test_a_full_disk_is_told_in_a_line_and_nothing_is_decided(tmp_path: Path) -> None:
    with small_disk(tmp_path / "state", "40m") as disk:
        asyncio.run(write_down(disk))
        desk = Desk(tmp_path, disk)
        desk.start()
        try:
            for n, what in enumerate(("approve", "resolve")):
                with desk.halted():
                    filler = fill(disk)
                    done = desk.say(words_of(what, n))
                assert (done.returncode, done.stdout) == (1, "")
                assert len(done.stderr.splitlines()) == 1, done.stderr
                assert "No space left on device" in done.stderr
                assert list((disk / place_of(what)).glob("*")) == []
                filler.unlink()
                assert desk.say(words_of(what, n)).returncode == 0
                desk.until_taken_in(what)
                assert desk.carried_out(what, n) == 1
            assert "Traceback" not in desk.gateway.tail()
        finally:
            desk.gateway.kill()
