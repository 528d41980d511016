"""A real job for the solver, and what makes its answer a good one."""

from __future__ import annotations

from gateway.core.planning import Search, sound, take_snapshot
from gateway.core.solver_job import Job
from tests.fakes.central_facts import MOMENT, central, fold, transfer, trigger


def central_job() -> Job:
    """What a central warehouse asks when much of an item is owed to another."""
    facts = central()
    fold(facts, transfer(10, "J1", 600))
    return take_snapshot(facts, [trigger()], moment=MOMENT, search=Search("hybrid", 1, 5.0)).job


def is_sound(job: Job, result: dict[str, object]) -> bool:
    """Whether the gateway would carry the result out."""
    return bool(sound(result, job))
