"""The solver's own process: one job on standard input, one result on standard output.

`python -m gateway.solve_job MEGABYTES`: of address space, not of resident memory (numpy's
libraries alone map more than a hundred). A case that needs more has no result, and a line says so.
Started by gateway.services.solver_process, and the only program of the gateway that loads numpy.
It is the first to die when memory runs short and the last to be served when the box is busy. The
job and result formats stand in gateway.core.planning; a job of the format FORECAST is one for the
demand forecaster, and stands in optimizer.demand.job.
"""

from __future__ import annotations

import contextlib
import json
import os
import resource
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

FORECAST: Final = "forepost-demand/1"


def main() -> int:
    """Solve the job. Exit code 1 and one line on standard error if that is not possible."""
    memory_mb = int(sys.argv[1])
    _be_modest(memory_mb)
    try:
        return _solve()
    except MemoryError:
        print(f"the case needs more than {memory_mb} MB of memory", file=sys.stderr)
        return 1


def _solve() -> int:
    from gateway.errors import PlanError

    job = json.loads(sys.stdin.buffer.read())
    try:
        result = _forecast(job) if job.get("format") == FORECAST else _plan(job)
    except PlanError as error:
        print(error, file=sys.stderr)
        return 1
    json.dump(result, sys.stdout)
    return 0


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


def _be_modest(memory_mb: int) -> None:
    # One thread: the box has other work, and a plan must not depend on the number of cores.
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[name] = "1"
    with contextlib.suppress(OSError):
        os.nice(10)
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("900", encoding="ascii")
    resource.setrlimit(resource.RLIMIT_AS, (memory_mb * 2**20, memory_mb * 2**20))


if __name__ == "__main__":
    sys.exit(main())
