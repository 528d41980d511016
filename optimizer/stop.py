"""When a search ends: criteria that compose with ``|`` (whichever comes first).

    Stop = MaxSeconds(2) | NoImprovement(30)

Every part of a search (one product, for most solvers) is asked on its own, so that a product
that has settled leaves its time to the others; one that is proven optimal is over whatever the
criterion says, since there is nothing left to find. Only generation criteria give the same plan on
every machine; a time limit cuts the same search off wherever it has come.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class SearchStatus:
    """Where one part of a search stands after a generation."""

    seconds: float
    """Since the solver was started, over all parts."""
    generation: int
    stagnation: int
    """Generations since the part's best plan last improved."""
    gap: float | None
    """Of the whole plan over its lower bound; None where no bound was computed."""
    is_short: bool = False
    """Whether the part is known to have a better plan than its best so far."""


class Stop(Protocol):
    """Anything that can tell that a search should end."""

    def is_met(self, status: SearchStatus) -> bool: ...

    @property
    def needs_bound(self) -> bool: ...


class _Composable:
    __slots__ = ()

    @property
    def needs_bound(self) -> bool:
        return False

    def is_met(self, status: SearchStatus) -> bool:
        raise NotImplementedError

    def __or__(self, other: Stop) -> AnyOf:
        return AnyOf((self, other))


@dataclass(frozen=True, slots=True)
class AnyOf(_Composable):
    """Met as soon as one of the parts is."""

    parts: tuple[Stop, ...]

    @property
    def needs_bound(self) -> bool:
        return any(part.needs_bound for part in self.parts)

    def is_met(self, status: SearchStatus) -> bool:
        return any(part.is_met(status) for part in self.parts)


@dataclass(frozen=True, slots=True)
class MaxSeconds(_Composable):
    """Met once this much time has passed; a generation under way is finished."""

    seconds: float

    def __post_init__(self) -> None:
        if not self.seconds > 0:
            raise ValueError(f"MaxSeconds: expected a time above 0 s, got {self.seconds!r}")

    def is_met(self, status: SearchStatus) -> bool:
        return status.seconds >= self.seconds


@dataclass(frozen=True, slots=True)
class MaxGenerations(_Composable):
    """Met after this many generations of each part."""

    generations: int

    def __post_init__(self) -> None:
        if self.generations < 1:
            raise ValueError(f"MaxGenerations: expected at least 1, got {self.generations!r}")

    def is_met(self, status: SearchStatus) -> bool:
        return status.generation >= self.generations


@dataclass(frozen=True, slots=True)
class NoImprovement(_Composable):
    """Met after this many generations of a part without a better plan."""

    generations: int

    def __post_init__(self) -> None:
        if self.generations < 1:
            raise ValueError(f"NoImprovement: expected at least 1, got {self.generations!r}")

    def is_met(self, status: SearchStatus) -> bool:
        return status.stagnation >= self.generations


@dataclass(frozen=True, slots=True)
class Settled(_Composable):
    """Like NoImprovement, but more patient with a part that is known not to have arrived."""

    generations: int
    generations_when_short: int

    def is_met(self, status: SearchStatus) -> bool:
        patience = self.generations_when_short if status.is_short else self.generations
        return status.stagnation >= patience


@dataclass(frozen=True, slots=True)
class TargetGap(_Composable):
    """Met once the plan is proven to be within this fraction of the optimum."""

    gap: float

    def __post_init__(self) -> None:
        if not self.gap >= 0:
            raise ValueError(f"TargetGap: expected a fraction of at least 0, got {self.gap!r}")

    @property
    def needs_bound(self) -> bool:
        return True

    def is_met(self, status: SearchStatus) -> bool:
        return status.gap is not None and status.gap <= self.gap
