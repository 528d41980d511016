"""A PostgreSQL cluster of the tests' own, in a temporary directory, with nobody else in it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Coroutine, Iterator
from pathlib import Path
from typing import TypeVar
from urllib.parse import quote

import pytest

from tests.rigs.guard import GUARD_S, wait_until

OWNER = "postgres"

T = TypeVar("T")


def find_programs() -> Path | None:
    """The directory with initdb and pg_ctl, the newest if there are several."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    if found:
        return found[-1].parent
    on_path = shutil.which("initdb")
    return Path(on_path).parent if on_path else None


def programs_or_skip() -> Path:
    """The same; without them a test is left out, and fails where `CI` is set."""
    programs = find_programs()
    if programs is None:
        missing = "PostgreSQL is not installed (scripts/debian-packages installs it)"
        if "CI" in os.environ:
            pytest.fail(missing)
        pytest.skip(missing)
    return programs


def run_apart(work: Coroutine[object, object, T]) -> T:
    """Run it on a loop of its own that leaves the tests' loop alone."""
    with asyncio.Runner(loop_factory=asyncio.new_event_loop) as runner:
        return runner.run(work)


def _run(*command: str) -> None:
    # PostgreSQL refuses to run as root.
    user = OWNER if os.geteuid() == 0 else None
    done = subprocess.run(
        command, user=user, group=user, cwd="/", capture_output=True, text=True, timeout=GUARD_S,
        check=False, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr


class Cluster:
    """One PostgreSQL server and its files, made at the first start.

    directory: of its socket and log, and of its files where `files` does not say otherwise.
    """

    def __init__(
        self,
        programs: Path,
        directory: Path,
        *,
        files: Path | None = None,
        is_durable: bool = False,
        options: str = "",
    ) -> None:
        self.directory = directory
        self._programs = programs
        self._files = files or directory / "cluster"
        # Durability is PostgreSQL's own matter; the tests are about our transactions.
        self._options = (
            f"-c listen_addresses='' -k {directory} -c fsync={'on' if is_durable else 'off'}"
            f" -c log_min_messages=fatal {options}"
        )

    def url(self, database: str = "postgres") -> str:
        """The name of a database of its."""
        host = quote(str(self.directory), safe="")
        return f"postgresql://forepost@/{database}?host={host}"

    def start(self) -> None:
        """Start and wait until it answers."""
        if not self._files.exists():
            for place in {self.directory, self._files.parent}:
                if os.geteuid() == 0:
                    shutil.chown(place, OWNER, OWNER)
            _run(str(self._programs / "initdb"), "-D", str(self._files), "-U", "forepost",
                 "-A", "trust", "-N", "--no-instructions", "-E", "UTF8",
                 "--locale", "C.UTF-8")  # fmt: skip
        self._control("-o", self._options, "-w", "-l", str(self.directory / "log"), "start")

    def stop(self, mode: str = "immediate") -> None:
        """Stop: `fast` ends every connection and writes all down, `immediate` is a crash."""
        self._control("-m", mode, "-w", "stop")

    def kill(self) -> None:
        """kill -9 of the server; its processes see it and go, which is waited for."""
        pid = int((self._files / "postmaster.pid").read_text().split("\n", 1)[0])
        os.kill(pid, signal.SIGKILL)
        # A server is refused as long as one process of the former has its shared memory.
        assert wait_until(lambda: not self.processes()), "processes of the server stayed"
        # Its number may still be taken, by itself where nobody has looked after it.
        (self._files / "postmaster.pid").unlink(missing_ok=True)
        (self.directory / ".s.PGSQL.5432.lock").unlink(missing_ok=True)

    def processes(self) -> list[int]:
        """The processes that work in the cluster's directory, as all of PostgreSQL's do."""
        found = []
        for place in Path("/proc").glob("[0-9]*/cwd"):
            with contextlib.suppress(OSError):
                if place.readlink() == self._files:
                    found.append(int(place.parent.name))
        return found

    def _control(self, *words: str) -> None:
        _run(str(self._programs / "pg_ctl"), "-D", str(self._files), *words)


@contextlib.contextmanager
def running_cluster(cluster: Cluster) -> Iterator[Cluster]:
    """The cluster, running while the context is open, whatever is done to it meanwhile."""
    cluster.start()
    try:
        yield cluster
    finally:
        with contextlib.suppress(AssertionError):  # it may have been killed
            cluster.stop()


@contextlib.contextmanager
def running_postgres(programs: Path, *, is_durable: bool = False) -> Iterator[Path]:
    """The socket directory of a fresh cluster that runs while the context is open."""
    with tempfile.TemporaryDirectory(prefix="forepost-pg-") as name:
        cluster = Cluster(programs, Path(name), is_durable=is_durable)
        cluster.start()
        try:
            yield cluster.directory
        finally:
            cluster.stop()
