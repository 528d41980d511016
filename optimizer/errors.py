"""What can go wrong in planning: a case that is not one, and a case without a feasible plan.

OptimizerError
├── CaseError      the input is at fault; the message names key path, value, expectation
├── PlanFormatError  a plan file is at fault
├── PlanBreaksLimits  a plan does not keep its case's limits (a ValueError, too)
└── Infeasible     the input is sound, and no plan keeps its limits; names the binding one
"""

from __future__ import annotations


class OptimizerError(Exception):
    """Root of this package's errors."""


class CaseError(OptimizerError):
    """A case was refused: `path` is the key at fault, e.g. ``products[0].unit_cost``."""

    def __init__(self, path: str, value: object, expected: str) -> None:
        shown = repr(value)
        if len(shown) > 60:
            shown = shown[:57] + "..."
        super().__init__(f"{path}: expected {expected}, got {shown}")
        self.path, self.value, self.expected = path, value, expected


class PlanFormatError(OptimizerError):
    """A plan could not be read: `path` is the key at fault."""

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(f"{path}: {reason}")
        self.path, self.reason = path, reason


class PlanBreaksLimits(OptimizerError, ValueError):
    """A plan that was to be judged breaks limits of its case: `violations` says which."""

    def __init__(self, violations: tuple[str, ...]) -> None:
        super().__init__(f"the plan breaks limits: {'; '.join(violations)}")
        self.violations = violations


class Infeasible(OptimizerError):
    """No plan keeps every limit of the case; `constraint` is the binding one."""

    def __init__(self, product: str, constraint: str, detail: str) -> None:
        super().__init__(f"{product}: no feasible plan: {constraint}: {detail}")
        self.product, self.constraint, self.detail = product, constraint, detail
