"""The programs of a warehouse and the line between it and the cloud, each to be switched off."""

from __future__ import annotations

import contextlib
import signal
import socket
import threading
from collections.abc import Callable
from pathlib import Path

from tests.rigs.broker import Mosquitto, free_port
from tests.rigs.cloud import CloudProcess
from tests.rigs.gateway import GatewayProcess, Status

PATIENCE_S = 180.0
BROKER = """
listener {port} 127.0.0.1
allow_anonymous true
persistence true
persistence_location {directory}/
max_inflight_messages 0
max_queued_messages 0
user root
"""
GATEWAY = """
[gateway]
id = "gw-{warehouse}"
warehouse = "{warehouse}"
state_dir = "{state}"
timezone = "UTC"
[mqtt]
host = "127.0.0.1"
port = {port}
[cloud]
url = "{url}"
token_file = "{token}"
poll_s = 0.2
batch_wait_ms = 50
[[devices]]
name = "pda-*"
driver = "pda"
link = "mqtt"
"""


class Line:
    """The line between a warehouse and the cloud: a relay of bytes that can be cut."""

    def __init__(self, far_port: int) -> None:
        self._far_port = far_port
        self._is_up = threading.Event()
        self._is_up.set()
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._accept, name="line", daemon=True).start()

    def cut(self) -> None:
        """What is under way breaks, and nothing gets through any more."""
        self._is_up.clear()
        with self._lock:
            for each in self._open:
                with contextlib.suppress(OSError):
                    each.shutdown(socket.SHUT_RDWR)

    def mend(self) -> None:
        """From now on it carries."""
        self._is_up.set()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                near, _ = self._listener.accept()
                if not self._is_up.is_set():
                    near.close()
                    continue
                far = socket.create_connection(("127.0.0.1", self._far_port))
                with self._lock:
                    self._open |= {near, far}
                for pair in ((near, far), (far, near)):
                    threading.Thread(target=self._carry, args=pair, daemon=True).start()

    def _carry(self, source: socket.socket, sink: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                sink.sendall(data)
        for each in (source, sink):
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            with self._lock:
                self._open.discard(each)
            each.close()

    def close(self) -> None:
        """Take it down."""
        self.cut()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()


class Site:
    """One warehouse: broker and gateway on one box, and its line."""

    def __init__(self, directory: Path, cloud: CloudProcess, warehouse: str) -> None:
        self.warehouse = warehouse
        self.directory = directory / warehouse
        self.directory.mkdir()
        token = self.directory / "token"
        token.touch(0o600)
        token.write_text(cloud.token("gateways", "enrol", self.name, "--warehouse", warehouse))
        self.port = free_port()
        self.broker = Mosquitto(
            self.directory,
            self.port,
            BROKER.format(port=self.port, directory=self.directory),
        )
        self._token = token

    @property
    def name(self) -> str:
        """The gateway's id."""
        return f"gw-{self.warehouse}"

    def connect(self, cloud: CloudProcess) -> None:
        """Lay the line, and write the gateway's configuration."""
        self.line = Line(cloud.port)
        config = GATEWAY.format(
            warehouse=self.warehouse, state=self.directory / "state", port=self.port,
            url=self.line.url, token=self._token,
        )  # fmt: skip
        self.gateway = GatewayProcess(self.directory, config)

    def power_on(self) -> None:
        """Both programs, as they start with the box."""
        self.broker.start()
        self.gateway.start()

    def power_off(self) -> None:
        """The plug is pulled."""
        self.gateway.kill()
        self.broker.stop(signal.SIGKILL)

    def until(self, is_so: Callable[[Status], bool]) -> Status:
        """The gateway's first report of which it holds."""
        return self.gateway.until(is_so, PATIENCE_S)

    def close(self) -> None:
        """Whatever still runs."""
        with contextlib.suppress(AssertionError):
            if self.gateway.process.poll() is None:
                self.gateway.kill()
        self.broker.stop(signal.SIGKILL)
        self.line.close()
