"""Pins the default search to proven optima on cases of every size, with any options on or off."""

import pytest

from optimizer import Infeasible, parse_case, solve
from tests.optimizer.oracle.checker import check_plan
from tests.optimizer.oracle.drawn import drawn_case

TOO_LARGE = {9, 18}
"""Draws with more orders of stops than the exact solver enumerates."""
NUMBERS = [number for number in range(24) if number not in TOO_LARGE]
N_FAST = 3


@pytest.mark.parametrize(
    "number",
    [*NUMBERS[:N_FAST], *(pytest.param(n, marks=pytest.mark.slow) for n in NUMBERS[N_FAST:])],
)
def test_every_seed_finds_the_proven_optimum(number: int) -> None:
    case = drawn_case(number)
    problem = parse_case(case)
    try:
        optimum = solve(problem, solver="exact").objective
    except Infeasible as refused:
        with pytest.raises(Infeasible, match=refused.constraint):
            solve(problem, seed=1)
        return
    for seed in (1, 2, 3):
        plan = solve(problem, seed=seed)
        assert check_plan(case, plan.to_dict()).violations == []
        assert plan.objective == pytest.approx(optimum, rel=1e-9)
