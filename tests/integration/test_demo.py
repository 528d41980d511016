"""Pins the demo: all checks hold, also after kill -9 of a gateway, and no process outlives it."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.rigs.guard import GUARD_S, wait_until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

DEMO = [sys.executable, "-m", "device_sim", "demo", "--no-live"]


def processes_of(directory: Path) -> list[str]:
    """Command lines of running programs that work in the demo's directory, and its devices."""
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdecimal():
            continue
        try:
            line = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            opened = [str(each.readlink()) for each in (entry / "fd").iterdir()]
        except OSError:
            continue  # it has just ended
        # Every program of the demo has its log in the directory, led devices their error log.
        if int(entry.name) != os.getpid() and (
            str(directory) in line or any(str(directory) in path for path in opened)
        ):
            found.append(line)
    return found


@dataclass(frozen=True)
class Running:
    """A demo that was started and not told when to end."""

    process: subprocess.Popen[str]
    directory: Path
    output: Path

    def until_told(self, *words: str) -> None:
        """Return when it has printed all of these, one after the other."""

        def is_told() -> bool:
            told = self.output.read_text()
            for each in words:
                _, found, told = told.partition(each)
                if not found:
                    return False
            return True

        assert wait_until(is_told, 4 * GUARD_S), self.output.read_text()


@pytest.fixture
def start(tmp_path: Path) -> Callable[..., Running]:
    def start(*options: str) -> Running:
        directory, output = tmp_path / "demo", tmp_path / "output"
        with output.open("w") as file:
            process = subprocess.Popen(
                [*DEMO, "--directory", str(directory), *options],
                stdout=file,
                stderr=file,
                text=True,
            )
        it = Running(process, directory, output)
        it.until_told("  stocking")
        assert len(processes_of(directory)) >= 8
        return it

    return start


def summary_in(file: Path) -> dict[str, Any]:
    """What a demo says in the end that lost nothing although a gateway was killed in it."""
    summary: dict[str, Any] = json.loads(file.read_text())
    assert summary["ok"] is True
    assert all(each["holds"] for each in summary["checks"])
    assert summary["gateway_kills"] == 1
    assert summary["killed_at_stop"] == []
    return summary


def test_everything_holds_although_a_gateway_is_killed(tmp_path: Path) -> None:
    file = tmp_path / "summary.json"
    options = ("--duration", "14", "--kill-gateway-at", "6", "--broker", "mosquitto")
    done = subprocess.run(
        [*DEMO, *options, "--json", str(file)],
        capture_output=True,
        text=True,
        timeout=10 * GUARD_S,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    summary = summary_in(file)
    assert summary["pdas"]["pda-J1"]["scans"] > 50
    assert summary["pdas"]["pda-J1"]["refused"] >= 2, "mistakes are part of the show"
    assert summary["events"]["transfer.received"] >= 1
    assert summary["events"]["climate.sampled"] >= 5, "both transports of climate are silent"
    assert summary["events"]["tag.arrived"] >= 1
    assert summary["plans"][0]["fallback"] is None
    assert summary["orders"]["boxes_sent"] >= summary["orders"]["placed"] >= 3


def test_ctrl_c_ends_the_day_checks_it_and_leaves_nothing(
    start: Callable[..., Running], tmp_path: Path
) -> None:
    """On the broker that comes along: where people install nothing else, the same programs run."""
    file = tmp_path / "summary.json"
    demo = start("--kill-gateway-at", "3", "--broker", "iotcore", "--json", str(file))
    demo.until_told("gw-J1 started again", " scans, ")
    demo.process.send_signal(signal.SIGINT)
    assert demo.process.wait(10 * GUARD_S) == 0, demo.output.read_text()[-3000:]
    assert summary_in(file)["events"]["goods.picked"] >= 1
    assert processes_of(demo.directory) == []


def test_a_second_ctrl_c_ends_at_once(start: Callable[..., Running]) -> None:
    demo = start()
    demo.until_told("  running")
    demo.process.send_signal(signal.SIGINT)
    time.sleep(0.3)  # two presses of a key, not two signals merged into one
    demo.process.send_signal(signal.SIGINT)
    assert demo.process.wait(GUARD_S) == 130
    assert processes_of(demo.directory) == []


def test_nothing_outlives_a_killed_demo(start: Callable[..., Running]) -> None:
    demo = start()
    demo.process.kill()
    demo.process.wait(GUARD_S)
    assert wait_until(lambda: not processes_of(demo.directory)), processes_of(demo.directory)


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        (["--duration", "0"], "expected a number above 0"),
        (["--broker", "hive"], "invalid choice"),
        (["--directory", "/" + "d" * 120], "too long a path"),
    ],
)
def test_a_wrong_option_is_one_clear_line(options: list[str], complaint: str) -> None:
    done = subprocess.run([*DEMO, *options], capture_output=True, text=True, check=False)
    assert done.returncode in (1, 2)
    assert complaint in done.stderr
    assert "Traceback" not in done.stderr
