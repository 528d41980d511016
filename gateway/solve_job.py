"""The solver's own process: one job on standard input, one result on standard output.

Started by gateway.services.solver_process, and the only program of the gateway that loads numpy.
It is the first to die when memory runs short and the last to be served when the box is busy.
The job and result formats stand in gateway.core.planning.
"""

from __future__ import annotations

import contextlib
import json
import os
import resource
import sys
from pathlib import Path

MEMORY_MAX_BYTES = 2 * 2**30
"""Address space, not resident memory: numpy's libraries alone map several hundred megabytes."""


def main() -> int:
    """Solve the job. Exit code 1 and one line on standard error if that is not possible."""
    _be_modest()
    job = json.loads(sys.stdin.buffer.read())
    from gateway.core.solving import solve_job
    from gateway.errors import PlanError

    try:
        result = solve_job(job)
    except PlanError as error:
        print(error, file=sys.stderr)
        return 1
    json.dump(result, sys.stdout)
    return 0


def _be_modest() -> None:
    # One thread: the box has other work, and a plan must not depend on the number of cores.
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[name] = "1"
    with contextlib.suppress(OSError):
        os.nice(10)
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("900", encoding="ascii")
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_MAX_BYTES, MEMORY_MAX_BYTES))


if __name__ == "__main__":
    sys.exit(main())
