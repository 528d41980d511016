"""Journal children without their start-up: a process that has all imported forks each of them.

    python -m tests.rigs.nursery CONTROL

CONTROL is the descriptor of a socket. An order comes with the child's standard output and is
answered with the child's number; a child that has ended stays a zombie until it is dismissed, so
that its number is nobody else's while somebody may still send it a signal. Most of what a kill
costs otherwise is Python's imports.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import socket
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from tests.rigs import journal_child

ROOT = Path(__file__).resolve().parents[2]
ORDER_BYTES = 65_536


@dataclass(frozen=True)
class Child:
    """A process of its own group, and what it prints."""

    pid: int
    stdout: IO[bytes]


class Nursery:
    """The other end of a running nursery."""

    def __init__(self, control: socket.socket, errors: Path) -> None:
        self._control = control
        self._errors = errors

    @contextlib.contextmanager
    def child(self, arguments: Sequence[str], environment: Mapping[str, str]) -> Iterator[Child]:
        """A child that works; the caller has ended it when the context ends."""
        reading, writing = os.pipe()
        with open(reading, "rb") as stdout:  # noqa: PTH123 -- a descriptor, not a path
            order = {"arguments": list(arguments), "environment": dict(environment)}
            socket.send_fds(self._control, [json.dumps(order).encode()], [writing])
            os.close(writing)
            child = Child(self._answer(), stdout)
            yield child
        self._control.send(json.dumps({"dismiss": child.pid}).encode())
        self._answer()

    def _answer(self) -> int:
        answer = self._control.recv(ORDER_BYTES)
        if not answer:
            raise AssertionError(f"the nursery ended: {self.errors()}")
        return int(answer)

    def errors(self) -> str:
        """What nursery and children complained about."""
        return self._errors.read_text(errors="replace")


@contextlib.contextmanager
def running_nursery(environment: Mapping[str, str]) -> Iterator[Nursery]:
    """A nursery whose children have these variables, LD_PRELOAD among them."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with ours, tempfile.NamedTemporaryFile() as errors:
        with theirs:
            process = subprocess.Popen(
                [sys.executable, "-m", "tests.rigs.nursery", str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                stdout=subprocess.DEVNULL,
                stderr=errors,
                env=os.environ | environment,
                cwd=ROOT,
            )
        with process:
            try:
                yield Nursery(ours, Path(errors.name))
            finally:
                process.kill()


def main() -> None:
    """Serve until the other end is closed."""
    control = socket.socket(fileno=int(sys.argv[1]))
    while True:
        message, descriptors, _, _ = socket.recv_fds(control, ORDER_BYTES, 1)
        if not message:
            return
        order = json.loads(message)
        if "dismiss" in order:
            os.waitpid(order["dismiss"], 0)
            control.send(b"0")
            continue
        (stdout,) = descriptors
        pid = os.fork()
        if not pid:
            control.close()
            _live(order, stdout)
        os.setpgid(pid, pid)
        os.close(stdout)
        control.send(str(pid).encode())


def _live(order: dict[str, object], stdout: int) -> None:
    """All of a child's life. Nothing of the nursery's own may run after it."""
    os.dup2(stdout, 1)
    os.close(stdout)
    arguments, environment = order["arguments"], order["environment"]
    try:
        if not isinstance(arguments, list) or not isinstance(environment, dict):
            raise AssertionError(f"no order: {order}")
        os.environ.update(environment)
        asyncio.run(journal_child.main(arguments))
    except BaseException:
        traceback.print_exc()
        os._exit(1)
    os._exit(0)


if __name__ == "__main__":
    main()
