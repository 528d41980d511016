"""Pins the demo: all checks hold, also after kill -9 of a gateway, and no process outlives it."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
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


@pytest.fixture
def started(tmp_path: Path) -> Callable[[], tuple[subprocess.Popen[str], Path]]:
    def start() -> tuple[subprocess.Popen[str], Path]:
        directory = tmp_path / "demo"
        output = (tmp_path / "output").open("w")
        process = subprocess.Popen(
            [*DEMO, "--directory", str(directory)], stdout=output, stderr=output, text=True
        )
        output.close()
        is_running = wait_until(
            lambda: "  running" in (tmp_path / "output").read_text(), 4 * GUARD_S
        )
        assert is_running, (tmp_path / "output").read_text()
        assert len(processes_of(directory)) >= 8
        return process, directory

    return start


def summary_of(directory: Path, *options: str) -> dict[str, Any]:
    """What a demo says in the end that lost nothing although a gateway was killed in it."""
    file = directory / "summary.json"
    done = subprocess.run(
        [*DEMO, *options, "--json", str(file)],
        capture_output=True,
        text=True,
        timeout=10 * GUARD_S,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    summary: dict[str, Any] = json.loads(file.read_text())
    assert summary["ok"] is True
    assert all(each["holds"] for each in summary["checks"])
    assert summary["gateway_kills"] == 1
    assert summary["killed_at_stop"] == []
    return summary


def test_everything_holds_although_a_gateway_is_killed(tmp_path: Path) -> None:
    options = ("--duration", "14", "--kill-gateway-at", "6", "--broker", "mosquitto")
    summary = summary_of(tmp_path, *options)
    assert summary["pdas"]["pda-J1"]["scans"] > 50
    assert summary["pdas"]["pda-J1"]["refused"] >= 2, "mistakes are part of the show"
    assert summary["events"]["transfer.received"] >= 1
    assert summary["events"]["climate.sampled"] >= 5, "both transports of climate are silent"
    assert summary["events"]["tag.arrived"] >= 1
    assert summary["plans"][0]["fallback"] is None
    assert summary["orders"]["boxes_sent"] >= summary["orders"]["placed"] >= 3


def test_a_kill_is_harmless_on_the_broker_that_comes_along(tmp_path: Path) -> None:
    """Shorter: where people install nothing else, the same programs run on another broker."""
    options = ("--duration", "8", "--kill-gateway-at", "3", "--broker", "iotcore")
    assert summary_of(tmp_path, *options)["events"]["goods.picked"] >= 1


def test_ctrl_c_ends_the_day_checks_it_and_leaves_nothing(
    started: Callable[[], tuple[subprocess.Popen[str], Path]],
) -> None:
    process, directory = started()
    process.send_signal(signal.SIGINT)
    process.wait(10 * GUARD_S)
    assert processes_of(directory) == []


def test_a_second_ctrl_c_ends_at_once(
    started: Callable[[], tuple[subprocess.Popen[str], Path]],
) -> None:
    process, directory = started()
    process.send_signal(signal.SIGINT)
    time.sleep(0.3)  # two presses of a key, not two signals merged into one
    process.send_signal(signal.SIGINT)
    assert process.wait(GUARD_S) == 130
    assert processes_of(directory) == []


def test_nothing_outlives_a_killed_demo(
    started: Callable[[], tuple[subprocess.Popen[str], Path]],
) -> None:
    process, directory = started()
    process.kill()
    process.wait(GUARD_S)
    assert wait_until(lambda: not processes_of(directory)), processes_of(directory)


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
