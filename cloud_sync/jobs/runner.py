"""One job, done by a program in a process of its own: a crash, a leak or a hang stays outside.

The job goes to the program's standard input and the answer comes from its standard output, each
one JSON object. Whatever else becomes of it is told in a line, and no program outlives its job. A
program is started and not forked: threads, sockets and databases must not be inherited.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
from collections.abc import Mapping, Sequence


class JobFailed(Exception):
    """There is no answer; the message says why, in one line."""


async def run_job(
    program: Sequence[str], job: Mapping[str, object], *, limit_s: float
) -> dict[str, object]:
    """The answer of `python PROGRAM …`. Raises JobFailed."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *program,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(limit_s):
            output, complaint = await process.communicate(json.dumps(job).encode())
    except TimeoutError as error:
        raise JobFailed(f"no answer within {limit_s:g} s") from error
    finally:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()
    if process.returncode != 0:
        lines = complaint.decode(errors="replace").strip().splitlines()
        raise JobFailed(lines[-1] if lines else f"exit code {process.returncode}")
    return _parsed(output)


def _parsed(output: bytes) -> dict[str, object]:
    try:
        answer = json.loads(output)
    except (ValueError, RecursionError) as error:  # bytes that are not UTF-8 are a ValueError, too
        raise JobFailed("the answer is not JSON") from error
    if not isinstance(answer, dict):
        raise JobFailed("the answer is not an object")
    return answer
