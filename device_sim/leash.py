"""Runs a program that must not outlive the one who started it: `python -m device_sim.leash PID …`.

Asks the kernel to kill this process when its parent dies (prctl(2), PR_SET_PDEATHSIG; it
survives execve), then becomes the program. PID is the parent's: if it is no longer the parent,
it died before the kernel was asked, and there is nothing to run for.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from typing import Final

PR_SET_PDEATHSIG: Final = 1


def leashed(program: list[str]) -> list[str]:
    """The command that runs `program` as a child of this process for as long as it lives."""
    return [sys.executable, "-m", "device_sim.leash", str(os.getpid()), *program]


def put_on(parent: int) -> None:
    """Let the kernel kill this process when `parent` dies. Raises OSError if it will not."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), f"prctl: {os.strerror(ctypes.get_errno())}")
    if os.getppid() != parent:
        raise ProcessLookupError(f"process {parent} is gone")


def main(argv: list[str]) -> int:  # noqa: RET503 -- the last line never returns
    """Become the program in `argv[1:]`; exit code 126 if the leash cannot be put on."""
    try:
        put_on(int(argv[0]))
    except ProcessLookupError:
        return 126
    except OSError as error:
        print(f"leash: {error.strerror}", file=sys.stderr)
        return 126
    os.execvp(argv[1], argv[1:])  # noqa: S606 -- to become the program is the purpose


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
