"""What the commands that run a whole installation share: their directory, their last words."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from device_sim.errors import SimulatorError

SOCKET_PATH_MAX: Final = 107
"""Linux's limit for the path of a UNIX socket, which the gateways' status sockets are."""
DEEPEST_SOCKET: Final = "J1/gw-J1/status.sock"


def first_known(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """The failure that says most: ours before others, the cause before its consequences."""
    known = group.subgroup(SimulatorError)
    error: BaseException = known or group
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


@contextlib.contextmanager
def working_directory(wanted: Path | None) -> Iterator[Path]:
    """An empty directory: the wanted one, which stays, or one that goes with the context."""
    if wanted is None:
        with tempfile.TemporaryDirectory(prefix="forepost-sim-") as temporary:
            yield Path(temporary)
        return
    directory = wanted.absolute()
    if len(str(directory / DEEPEST_SOCKET)) > SOCKET_PATH_MAX:
        raise SimulatorError(f"{directory}: too long a path for the gateways' status sockets")
    if directory.exists() and any(directory.iterdir()):
        raise SimulatorError(f"{directory}: is not empty; every run begins anew")
    directory.mkdir(parents=True, exist_ok=True)
    yield directory


def print_checks(summary: dict[str, object]) -> None:
    """The checks for people, one a line."""
    checks = summary["checks"]
    if not isinstance(checks, list):
        raise AssertionError("the summary has no list of checks")
    for check in checks:
        print(f"{'holds ' if check['holds'] else 'BROKEN'}  {check['name']}")
        for problem in check["problems"]:
            print(f"          {problem}")
    print("everything holds" if summary["ok"] is True else "NOT everything holds")
