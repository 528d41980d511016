"""The real cloud program on a real port, to be started, asked, killed and started again."""

from __future__ import annotations

import atexit
import json
import shutil
import subprocess
import sys
import tempfile
from functools import cache
from pathlib import Path

import httpx

from tests.rigs.guard import GUARD_S

ROOT = Path(__file__).resolve().parents[2]


def run_cloud(*arguments: str) -> subprocess.CompletedProcess[str]:
    """One command of `forepost-cloud`, to its end."""
    return subprocess.run(
        [sys.executable, "-m", "cloud_sync", *arguments],
        capture_output=True,
        text=True,
        timeout=GUARD_S,
        check=False,
    )


@cache
def enrolled(*commands: tuple[str, ...]) -> tuple[Path, list[str]]:
    """A database, to be copied, in which these commands were given, and the tokens they printed.

    Made once: each command is a program that starts and ends.
    """
    directory = Path(tempfile.mkdtemp(prefix="forepost-"))
    atexit.register(shutil.rmtree, directory)
    made = CloudProcess(directory)
    tokens = [made.token(*command) for command in commands]
    if Path(made.database + "-wal").exists():
        raise AssertionError(f"{made.database}: is still in its log")
    return Path(made.database), tokens


class CloudProcess:
    """`forepost-cloud serve` on a database of its own."""

    def __init__(self, directory: Path) -> None:
        self.database = str(directory / "cloud.db")
        self.port = 0
        self.alteration: str | None = None  # what tests.rigs.altered changes about it
        self.signing_key: Path | None = None
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Where it answers."""
        return f"http://127.0.0.1:{self.port}"

    def token(self, *arguments: str) -> str:
        """The token that a command prints."""
        done = run_cloud(*arguments, "--database", self.database)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def start(self) -> None:
        """Start and wait until it answers; the first start chooses the port for all."""
        program = ["cloud_sync"]
        if self.alteration is not None:
            program = ["tests.rigs.altered", self.alteration, "cloud"]
        self.process = subprocess.Popen(
            [sys.executable, "-m", *program, "serve", "--database", self.database,
             "--port", str(self.port), "--log-json", *self._signing()],
            stderr=subprocess.PIPE,
            cwd=ROOT,
        )  # fmt: skip
        self.port = self._wait_until_ready()

    def sign(self, action: str, file: Path) -> str:
        """`signing-key ACTION`; the key that is shown signs from the next start on."""
        done = run_cloud("signing-key", action, str(file))
        assert done.returncode == 0, done.stderr
        self.signing_key = file
        return done.stdout.split()[0]

    def _signing(self) -> list[str]:
        return [] if self.signing_key is None else ["--signing-key", str(self.signing_key)]

    def _wait_until_ready(self) -> int:
        """The port in the line that says so; the line is written when the port is open."""
        process = self.process
        assert process is not None
        assert process.stderr is not None
        for line in process.stderr:
            record = json.loads(line)
            if record.get("action") == "ready":
                return int(record["port"])
        raise AssertionError(f"the cloud ended with {process.wait(GUARD_S)} before it was ready")

    def get(self, path: str, token: str) -> dict[str, object]:
        """The JSON answer to a GET."""
        response = httpx.get(
            self.url + path, headers={"Authorization": f"Bearer {token}"}, timeout=GUARD_S
        )
        assert response.status_code == 200, response.text
        found: dict[str, object] = response.json()
        return found

    def kill(self) -> None:
        """kill -9."""
        assert self.process is not None
        self.process.kill()
        self._reap()

    def terminate(self) -> int:
        """SIGTERM, and the exit code that follows."""
        assert self.process is not None
        self.process.terminate()
        return self._reap()

    def _reap(self) -> int:
        assert self.process is not None
        code = self.process.wait(GUARD_S)
        if self.process.stderr is not None:
            self.process.stderr.close()
        return code
