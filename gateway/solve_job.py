"""The solver's own process: one job on standard input, one result on standard output.

`python -m gateway.solve_job MEGABYTES`: of address space, not of resident memory (numpy's
libraries alone map more than a hundred). A case that needs more has no result, and a line says so.
Started by gateway.services.solver_process, and the only program of the gateway that loads numpy.
It is the first to die when memory runs short and the last to be served when the box is busy. The
job and result formats stand in gateway.core.planning; a job of the format FORECAST is one for the
demand forecaster, and stands in optimizer.demand.job.

`python -m gateway.solve_job --connection` is the same as a unit of systemd's, whose standard
input and output are one connection (gateway.services.solver_unit). The first line in is the limit
in megabytes, then comes the job; out comes {"result": …} or {"complaint": "…"}. Priority and
memory of the unit are systemd's; a client that hangs up ends the program at once.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import resource
import select
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

FORECAST: Final = "forepost-demand/1"


def main() -> int:
    """Solve the job. Exit code 1 and one line on standard error if that is not possible."""
    if sys.argv[1] == "--connection":
        return _serve_connection()
    memory_mb = int(sys.argv[1])
    _be_modest()
    result, complaint = _solve(sys.stdin.buffer.read(), memory_mb)
    if complaint:
        print(complaint, file=sys.stderr)
        return 1
    json.dump(result, sys.stdout)
    return 0


def _serve_connection() -> int:
    memory_mb = int(sys.stdin.buffer.readline(20))
    job = sys.stdin.buffer.read()
    flags = fcntl.fcntl(0, fcntl.F_GETFL)
    # SIGIO, which ends the program: the client has said all, so there is only a hang-up to come.
    fcntl.fcntl(0, fcntl.F_SETOWN, os.getpid())
    fcntl.fcntl(0, fcntl.F_SETFL, flags | os.O_ASYNC)
    if _has_hung_up():  # before that
        return 1
    result, complaint = _solve(job, memory_mb)
    fcntl.fcntl(0, fcntl.F_SETFL, flags)
    json.dump({"complaint": complaint} if complaint else {"result": result}, sys.stdout)
    return 0


def _has_hung_up() -> bool:
    connection = select.poll()
    connection.register(0, 0)  # a hang-up is always told
    return bool(connection.poll(0))


def _solve(text: bytes, memory_mb: int) -> tuple[dict[str, object], str]:
    """The result and no complaint, or a complaint."""
    from gateway.errors import PlanError

    # One thread: the box has other work, and a plan must not depend on the number of cores.
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[name] = "1"
    resource.setrlimit(resource.RLIMIT_AS, (memory_mb * 2**20, memory_mb * 2**20))
    try:
        job = json.loads(text)
        return (_forecast(job) if job.get("format") == FORECAST else _plan(job)), ""
    except PlanError as error:
        return {}, str(error)
    except MemoryError:
        return {}, f"the case needs more than {memory_mb} MB of memory"


def _plan(job: Mapping[str, object]) -> dict[str, object]:
    from gateway.core.solving import solve_job

    return solve_job(job)


def _forecast(job: Mapping[str, object]) -> dict[str, object]:
    from gateway.errors import PlanError
    from optimizer import OptimizerError
    from optimizer.demand.job import answer_job

    try:
        return answer_job(job)
    except OptimizerError as error:
        raise PlanError(f"forecast: {error}") from error


def _be_modest() -> None:
    with contextlib.suppress(OSError):
        os.nice(10)
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("900", encoding="ascii")


if __name__ == "__main__":
    sys.exit(main())
