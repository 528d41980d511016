"""Runs one planning job in a process of its own (cloud_sync/jobs), `python -m gateway.solve_job`.

The child lowers its own priority and memory limit before it loads numpy.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from cloud_sync.jobs import runner
from cloud_sync.jobs.runner import JobFailed
from gateway.errors import PlanError

CHILD: Final = "gateway.solve_job"
START_ALLOWANCE_S: Final = 20.0
"""For starting Python and numpy on a busy small box, on top of the solver's own limit."""


async def run_job(
    job: Mapping[str, object], *, time_limit_s: float, memory_mb: int
) -> dict[str, object]:
    """The child's result. Raises PlanError with its last line of complaint, or if it hangs."""
    limit_s = time_limit_s + START_ALLOWANCE_S
    try:
        return await runner.run_job(("-m", CHILD, str(memory_mb)), job, limit_s=limit_s)
    except JobFailed as error:
        raise PlanError(f"solver: {error}") from error
