"""Forepost's planner: deliveries, cycles and routes for a two-stage warehouse network.

    from optimizer import load_case, solve
    plan = solve(load_case("case.json"), seed=1)

Names are loaded on first use, so that importing the package costs nothing and a command line
can answer ``--help`` without numpy.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from optimizer.case_file import load_case
    from optimizer.case_format import parse_case
    from optimizer.certificate import certify
    from optimizer.errors import CaseError, Infeasible, OptimizerError, PlanFormatError
    from optimizer.evaluation import Evaluation, evaluate
    from optimizer.library import solve
    from optimizer.plan import Plan
    from optimizer.problem import Problem
    from optimizer.search import Progress
    from optimizer.stop import MaxGenerations, MaxSeconds, NoImprovement, Stop, TargetGap

_HOME = {
    "CaseError": "errors",
    "Evaluation": "evaluation",
    "Infeasible": "errors",
    "MaxGenerations": "stop",
    "MaxSeconds": "stop",
    "NoImprovement": "stop",
    "OptimizerError": "errors",
    "Plan": "plan",
    "PlanFormatError": "errors",
    "Problem": "problem",
    "Progress": "search",
    "Stop": "stop",
    "TargetGap": "stop",
    "certify": "certificate",
    "evaluate": "evaluation",
    "load_case": "case_file",
    "parse_case": "case_format",
    "solve": "library",
}

__all__ = [
    "CaseError",
    "Evaluation",
    "Infeasible",
    "MaxGenerations",
    "MaxSeconds",
    "NoImprovement",
    "OptimizerError",
    "Plan",
    "PlanFormatError",
    "Problem",
    "Progress",
    "Stop",
    "TargetGap",
    "certify",
    "evaluate",
    "load_case",
    "parse_case",
    "solve",
]


def __getattr__(name: str) -> object:
    if name not in _HOME:
        raise AttributeError(f"module 'optimizer' has no attribute {name!r}")
    value = getattr(import_module(f"optimizer.{_HOME[name]}"), name)
    globals()[name] = value
    return value
