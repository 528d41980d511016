"""Pins the datagrams systemd expects (sd_notify(3)), on a real socket."""

import asyncio
import contextlib
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.app import asking_for_time
from gateway.ops.notify import Notifier
from tests.rigs.guard import GUARD_S


@pytest.fixture
def manager(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[socket.socket]:
    path = tmp_path / "notify"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.bind(str(path))
        sock.settimeout(GUARD_S)
        monkeypatch.setenv("NOTIFY_SOCKET", str(path))
        yield sock


def test_the_words_reach_the_manager_in_order(manager: socket.socket) -> None:
    notifier = Notifier.from_environment()
    notifier.ready()
    notifier.alive()
    notifier.status("two\nlines")
    notifier.stopping()
    words = [manager.recv(100) for _ in range(4)]
    assert words == [b"READY=1", b"WATCHDOG=1", b"STATUS=two lines", b"STOPPING=1"]


def test_without_a_manager_nothing_happens(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    Notifier.from_environment().ready()


def test_a_manager_that_went_away_does_no_harm(tmp_path: Path) -> None:
    Notifier(str(tmp_path / "gone"), None).alive()


@pytest.mark.parametrize(
    ("usec", "pid", "expected"), [("30000000", "", 30.0), ("", "", None), ("30000000", "1", None)]
)
def test_the_watchdog_is_ours_only_if_it_names_us(
    monkeypatch: pytest.MonkeyPatch, usec: str, pid: str, expected: float | None
) -> None:
    monkeypatch.setenv("WATCHDOG_USEC", usec)
    monkeypatch.setenv("WATCHDOG_PID", pid)
    assert Notifier.from_environment().watchdog_s == expected


async def test_a_start_that_goes_on_asks_for_time_again_and_again_and_then_no_more(
    manager: socket.socket,
) -> None:
    loop = asyncio.get_running_loop()
    manager.setblocking(False)
    with asking_for_time(Notifier.from_environment(), period_s=0.01):
        words = [await loop.sock_recv(manager, 100) for _ in range(3)]
    assert words == [b"EXTEND_TIMEOUT_USEC=30000"] * 3
    with contextlib.suppress(BlockingIOError):
        while True:
            manager.recv(100)  # what was on its way
    await asyncio.sleep(0.05)
    with pytest.raises(BlockingIOError):
        manager.recv(100)
