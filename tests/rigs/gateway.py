"""The real gateway program, started, asked, killed and started again as systemd would."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path

from tests.rigs.guard import GUARD_S

ROOT = Path(__file__).resolve().parents[2]
Status = dict[str, object]
PDAS = """
[gateway]
id = "{gateway}"
warehouse = "{warehouse}"
state_dir = "{state}"
[mqtt]
host = "127.0.0.1"
port = {port}
[[devices]]
name = "pda-*"
driver = "pda"
link = "mqtt"
"""


def pda_config(
    state: Path, port: int, more: str = "", *, gateway: str = "gw-J1", warehouse: str = "J1"
) -> str:
    """What a gateway with PDAs at a broker is told; more: tables of its own."""
    return PDAS.format(gateway=gateway, warehouse=warehouse, state=state, port=port) + more


class GatewayProcess:
    """`forepost-gateway run` on a configuration of the test's.

    alteration: what tests.rigs.altered changes about it; environment: what is added to the test's.
    """

    def __init__(self, directory: Path, config: str) -> None:
        self.config = directory / "gateway.toml"
        self.config.write_text(config)
        self.log = directory / "gateway.log"
        self.alteration: str | None = None
        self.environment: Mapping[str, str] = {}
        self._process: subprocess.Popen[bytes] | None = None
        self._began_at = 0

    def start(self) -> None:
        program = ["gateway"]
        if self.alteration is not None:
            program = ["tests.rigs.altered", self.alteration, "gateway"]
        with self.log.open("ab") as log:
            self._began_at = log.tell()
            self._process = subprocess.Popen(
                [sys.executable, "-m", *program, "run", "--config", str(self.config)],
                stdout=log,
                stderr=log,
                env={**os.environ, **self.environment},
                cwd=ROOT,
            )

    @property
    def process(self) -> subprocess.Popen[bytes]:
        if self._process is None:
            raise AssertionError("the gateway was not started")
        return self._process

    def kill(self) -> None:
        self.process.kill()
        self.process.wait(GUARD_S)

    def stop(self) -> int:
        """SIGTERM; gives the exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(GUARD_S)

    def status(self) -> Status | None:
        """The running gateway's report, None while it does not answer.

        What `forepost-gateway status` prints, without a program for each look.
        """
        try:
            with socket.socket(socket.AF_UNIX) as asking:
                asking.settimeout(GUARD_S)
                asking.connect(str(self._status_socket()))
                with asking.makefile("rb") as answer:
                    report: Status = json.loads(answer.read())
        except (OSError, ValueError):
            return None
        return report

    def _status_socket(self) -> Path:
        told = tomllib.loads(self.config.read_text())
        named = told.get("status", {}).get("socket")
        return Path(named or Path(told["gateway"]["state_dir"]) / "status.sock")

    def command(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "gateway", *arguments],
            capture_output=True,
            text=True,
            timeout=GUARD_S,
            check=False,
        )

    def arrivals(self) -> dict[str, set[str]]:
        """EPCs by the read point at which they arrived, as the journal has them."""
        done = self.command("journal", "export", "--config", str(self.config))
        assert done.returncode == 0, done.stderr
        found: dict[str, set[str]] = {}
        for line in done.stdout.splitlines():
            event = json.loads(line)["event"]
            if event["type"] == "tag.arrived":
                found.setdefault(event["body"]["read_point"], set()).add(event["body"]["epc"])
        return found

    def until(self, is_so: Callable[[Status], bool], limit_s: float = GUARD_S) -> Status:
        """The first report of which `is_so` holds. Raises TimeoutError with the log's end."""
        deadline = time.monotonic() + limit_s
        status = None
        while time.monotonic() < deadline:
            status = self.status()
            if status is not None and is_so(status):
                return status
            if self.process.poll() is not None:
                break
            time.sleep(0.05)
        raise TimeoutError(f"not so within {limit_s} s; last {status}; log:\n{self.tail()}")

    def until_listening(self) -> Status:
        """A report from when it has subscribed: what is published before that is nobody's."""

        def is_connected(_: Status) -> bool:
            return b"broker reached" in self.log.read_bytes()[self._began_at :]

        self.until(is_connected)
        return self.until(lambda _: True)  # and has gone on, so that the request is written

    def tail(self) -> str:
        return self.log.read_text(errors="replace")[-4000:]
