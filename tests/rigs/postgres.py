"""A PostgreSQL cluster of the tests' own, in a temporary directory, with nobody else in it."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

from tests.rigs.guard import GUARD_S

OWNER = "postgres"


def find_programs() -> Path | None:
    """The directory with initdb and pg_ctl, the newest if there are several."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    if found:
        return found[-1].parent
    on_path = shutil.which("initdb")
    return Path(on_path).parent if on_path else None


def _run(*command: str) -> None:
    # PostgreSQL refuses to run as root.
    user = OWNER if os.geteuid() == 0 else None
    done = subprocess.run(
        command, user=user, group=user, cwd="/", capture_output=True, text=True, timeout=GUARD_S,
        check=False, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr


@contextlib.contextmanager
def running_postgres(programs: Path, *, is_durable: bool = False) -> Iterator[Path]:
    """The socket directory of a fresh cluster that runs while the context is open."""
    with tempfile.TemporaryDirectory(prefix="forepost-pg-") as name:
        directory = Path(name)
        if os.geteuid() == 0:
            shutil.chown(directory, OWNER, OWNER)
        cluster = str(directory / "cluster")
        _run(str(programs / "initdb"), "-D", cluster, "-U", "forepost", "-A", "trust", "-N",
             "--no-instructions", "-E", "UTF8", "--locale", "C.UTF-8")  # fmt: skip
        # Durability is PostgreSQL's own matter; the tests are about our transactions.
        sync = "on" if is_durable else "off"
        options = f"-c listen_addresses='' -k {name} -c fsync={sync} -c log_min_messages=fatal"
        control = str(programs / "pg_ctl")
        log = str(directory / "log")
        _run(control, "-D", cluster, "-o", options, "-w", "-l", log, "start")
        try:
            yield directory
        finally:
            _run(control, "-D", cluster, "-m", "immediate", "-w", "stop")
