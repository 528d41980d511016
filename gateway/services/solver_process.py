"""Runs one planning job in a process of its own, `python -m gateway.solve_job`.

Under systemd the process is a unit of its own, which the gateway's unit names in
FOREPOST_SOLVER_SOCKET (gateway.services.solver_unit). Elsewhere it is a child (cloud_sync/jobs)
that lowers its own priority and memory limit before it loads numpy.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Final

from cloud_sync.jobs import runner
from cloud_sync.jobs.runner import JobFailed
from gateway.errors import PlanError
from gateway.services.solver_unit import ask_unit

CHILD: Final = "gateway.solve_job"
SOCKET_VARIABLE: Final = "FOREPOST_SOLVER_SOCKET"
START_ALLOWANCE_S: Final = 20.0
"""For starting Python and numpy on a busy small box, on top of the solver's own limit."""


async def run_job(
    job: Mapping[str, object], *, time_limit_s: float, memory_mb: int
) -> dict[str, object]:
    """The solver's result. Raises PlanError with its last line of complaint, or if it hangs."""
    limit_s = time_limit_s + START_ALLOWANCE_S
    if socket := os.environ.get(SOCKET_VARIABLE):
        return await ask_unit(job, socket=socket, limit_s=limit_s, memory_mb=memory_mb)
    try:
        return await runner.run_job(("-m", CHILD, str(memory_mb)), job, limit_s=limit_s)
    except JobFailed as error:
        raise PlanError(f"solver: {error}") from error
