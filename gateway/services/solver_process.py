"""Runs one planning job in a process of its own: a crash, a leak or a hang stays outside.

Parent: `run_job` starts `python -m gateway.solve_job`, writes the job to its standard input and
reads the result from its standard output, within a deadline. The child lowers its own priority
and memory limit before it loads numpy. `-m` and not a fork: the gateway's threads, sockets and
journal must not be inherited.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
from collections.abc import Mapping
from typing import Final

from gateway.errors import PlanError

CHILD: Final = "gateway.solve_job"
START_ALLOWANCE_S: Final = 20.0
"""For starting Python and numpy on a busy small box, on top of the solver's own limit."""
MAX_RESULT_BYTES: Final = 64 * 2**20


async def run_job(job: Mapping[str, object], *, time_limit_s: float) -> dict[str, object]:
    """The child's result. Raises PlanError with its last line of complaint, or if it hangs."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        CHILD,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        limit=MAX_RESULT_BYTES,
    )
    try:
        async with asyncio.timeout(time_limit_s + START_ALLOWANCE_S):
            output, complaint = await process.communicate(json.dumps(job).encode())
    except TimeoutError as error:
        raise PlanError(f"solver: no plan within {time_limit_s:g} s and its allowance") from error
    finally:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()
    if process.returncode != 0:
        lines = complaint.decode(errors="replace").strip().splitlines()
        last = lines[-1] if lines else f"exit code {process.returncode}"
        raise PlanError(f"solver: {last}")
    try:
        result = json.loads(output)
    except ValueError as error:  # not UTF-8 is one, too
        raise PlanError("solver: the result is not JSON") from error
    if not isinstance(result, dict):
        raise PlanError("solver: the result is not an object")
    return result
