"""A machine of a test's own: systemd as its first process, its own users, network and disk.

Made of namespaces and of an overlay over this system's files, so it begins as a Debian without
Forepost and forgets all when the test ends. What cannot be had in it: a kernel of its own, udev,
serial ports, a disk whose power is cut (tests/rigs/mounts has that one).
"""

from __future__ import annotations

import contextlib
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.rigs.guard import GUARD_S, wait_until
from tests.rigs.mounts import mounted

BOOT = Path(__file__).with_suffix(".sh")
UP = {"running", "degraded"}
COMMAND_S = 300.0
"""A guard against hanging for ever: an upgrade on a busy machine stays far below."""


class Machine:
    """One machine. Files in `exchange` are seen in it as /exchange."""

    def __init__(self, directory: Path) -> None:
        self.exchange = directory / "exchange"
        self._directory = directory
        self._boot: subprocess.Popen[bytes] | None = None
        self._first: int | None = None

    def boot(self) -> None:
        """Switch it on; comes back when all units have been started."""
        # Whatever ends the test ends the machine: nobody is left to switch it off.
        namespaces = ("--mount", "--pid", "--uts", "--ipc", "--net", "--cgroup")
        with (self._directory / "boot.log").open("ab") as log:
            self._boot = subprocess.Popen(
                ["setpriv", "--pdeathsig", "KILL", "unshare", *namespaces, "--fork",
                 "--kill-child", BOOT, self._directory, self.exchange],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            )  # fmt: skip
        up = wait_until(lambda: self.run("systemctl", "is-system-running").stdout.strip() in UP)
        assert up, self._what_was_said()

    def cut_power(self) -> None:
        """Kill everything in it at one blow; its disk stays as the kernel had it."""
        if self._boot is not None:
            self._boot.kill()  # and with it, by --kill-child, its process 1 and all the others
            self._boot.wait(GUARD_S)
        self._boot = self._first = None

    def run(
        self, *command: str | Path, standard_input: str = ""
    ) -> subprocess.CompletedProcess[str]:
        """The outcome of a command in the machine."""
        return subprocess.run(
            ["nsenter", "--target", str(self._process_1()), "--all", *map(str, command)],
            capture_output=True, text=True, timeout=COMMAND_S, check=False, input=standard_input,
        )  # fmt: skip

    def do(self, *command: str | Path, standard_input: str = "") -> str:
        """The output of a command that must succeed."""
        done = self.run(*command, standard_input=standard_input)
        assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}{self.log()}"
        return done.stdout

    def log(self) -> str:
        """The end of the machine's journal."""
        return self.run("journalctl", "--no-pager", "-n", "60", "-o", "cat").stdout

    def state(self, unit: str, what: str = "ActiveState") -> str:
        """One property of a unit."""
        return self.do("systemctl", "show", "-P", what, unit).strip()

    def _process_1(self) -> int:
        if self._boot is None:
            raise AssertionError("the machine is off")
        if self._first is None:
            children = Path(f"/proc/{self._boot.pid}/task/{self._boot.pid}/children")
            assert wait_until(lambda: bool(children.read_text().split())), self._what_was_said()
            self._first = int(children.read_text().split()[0])
        return self._first

    def _what_was_said(self) -> str:
        return (self._directory / "boot.log").read_text()


@contextlib.contextmanager
def running_machine(directory: Path) -> Iterator[Machine]:
    """A machine that has just been switched on for the first time."""
    for tool in ("unshare", "nsenter", "systemctl"):
        if shutil.which(tool) is None:
            pytest.fail(f"{tool} is missing; scripts/debian-packages installs it")
    disk = directory / "disk"
    disk.mkdir(parents=True)
    (directory / "exchange").mkdir()
    machine = Machine(directory)
    with mounted(disk, "-t", "tmpfs", "-o", "size=2g", "tmpfs"):
        (disk / "upper").mkdir()
        (disk / "work").mkdir()
        try:
            machine.boot()
            yield machine
        finally:
            machine.cut_power()
