"""Runs the parts of a search in turn until each has met its stop criterion.

A solver is a set of tracks; a track covers one product (or all of them, for a solver that
cannot part them) and gets better by ``step``. Tracks take turns generation by generation, so
that a time limit is shared fairly, and the result depends on seeds and counts alone.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from optimizer.decisions import Decisions
from optimizer.stop import AnyOf, MaxGenerations, MaxSeconds, SearchStatus, Stop, TargetGap

IMPROVEMENT = 1e-9
"""Relative; a smaller difference is another order of the same sums."""


class Track(Protocol):
    """One part of a search. `objective` is inf until a feasible plan is known."""

    @property
    def products(self) -> tuple[int, ...]: ...

    @property
    def objective(self) -> float: ...

    @property
    def decisions(self) -> tuple[Decisions, ...]: ...

    @property
    def proven(self) -> float | None:
        """Money per day below which no plan of these products is; None while unknown.

        Met by the objective it ends the search: there is nothing left to find.
        """

    def step(self) -> None:
        """One generation."""


@runtime_checkable
class Paced(Protocol):
    """A track that makes the most of the time it is given, if it is told how much is over."""

    def pace(self, share: float | None) -> None:
        """Told before each generation: from 0 to 1, or None where nobody can tell."""


def share_done(stop: Stop, status: SearchStatus) -> float | None:
    """How much of the search is over; None if more than time or a count of generations ends it.

    A target gap may end a search early and does not count.
    """
    if isinstance(stop, MaxSeconds):
        return status.seconds / stop.seconds
    if isinstance(stop, MaxGenerations):
        return status.generation / stop.generations
    if not isinstance(stop, AnyOf):
        return None
    shares = [share_done(s, status) for s in stop.parts if not isinstance(s, TargetGap)]
    known = [share for share in shares if share is not None]
    return max(known) if known and len(known) == len(shares) else None


@dataclass(frozen=True, slots=True)
class Progress:
    """Told after every generation. `objective` is inf until every product has a plan."""

    products: tuple[str, ...]
    generation: int
    objective: float
    lower_bound: float | None
    seconds: float


@dataclass(slots=True)
class _Turn:
    track: Track
    generation: int = 0
    improved_at: int = 0
    best: float = math.inf
    best_seconds: float = 0.0
    is_over: bool = False

    @property
    def is_optimal(self) -> bool:
        proven = self.track.proven
        return proven is not None and self.track.objective <= proven * (1 + IMPROVEMENT)


def _status(
    turn: _Turn, turns: Sequence[_Turn], lower_bound: float | None, seconds: float
) -> SearchStatus:
    total = math.fsum(t.best for t in turns)
    gap = total / lower_bound - 1 if lower_bound and math.isfinite(total) else None
    return SearchStatus(
        seconds=seconds,
        generation=turn.generation,
        stagnation=turn.generation - turn.improved_at,
        gap=gap,
        is_short=turn.track.proven is not None and not turn.is_optimal,
    )


@dataclass(frozen=True, slots=True)
class SearchOutcome:
    decisions: tuple[Decisions, ...]
    generations: int
    time_to_best_seconds: float
    proven: tuple[float | None, ...]
    """By product: money per day below which no plan of it alone is, where that is known."""


def run_tracks(
    tracks: Sequence[Track],
    *,
    product_ids: Sequence[str],
    stop: Stop,
    lower_bound: float | None,
    elapsed: Callable[[], float],
    on_progress: Callable[[Progress], None] | None,
    is_cancelled: Callable[[], bool] | None,
) -> SearchOutcome:
    """Let each track take its turns; the first generation of each is always finished.

    elapsed gives seconds since the solver was started. When is_cancelled says so, the best
    decisions found so far are the outcome.
    """
    turns = [_Turn(track) for track in tracks]
    while any(not turn.is_over for turn in turns):
        for turn in turns:
            if turn.is_over:
                continue
            if isinstance(turn.track, Paced):
                turn.track.pace(share_done(stop, _status(turn, turns, lower_bound, elapsed())))
            turn.track.step()
            turn.generation += 1
            seconds = elapsed()
            if turn.track.objective < turn.best - IMPROVEMENT * abs(turn.track.objective):
                turn.best, turn.best_seconds = turn.track.objective, seconds
                turn.improved_at = turn.generation
            turn.is_over = turn.is_optimal or stop.is_met(
                _status(turn, turns, lower_bound, seconds)
            )
            if on_progress is not None:
                names = tuple(product_ids[n] for n in turn.track.products)
                total = math.fsum(t.best for t in turns)
                on_progress(Progress(names, turn.generation, total, lower_bound, seconds))
        # The last product's first plan completes the whole, and with it the gap of them all.
        for turn in turns:
            turn.is_over |= stop.is_met(_status(turn, turns, lower_bound, elapsed()))
        if is_cancelled is not None and is_cancelled():
            break
    decisions: dict[int, Decisions] = {}
    proven: dict[int, float | None] = {}
    for turn in turns:
        products = turn.track.products
        decisions.update(zip(products, turn.track.decisions, strict=True))
        proven.update((n, turn.track.proven if len(products) == 1 else None) for n in products)
    return SearchOutcome(
        decisions=tuple(decisions[n] for n in range(len(decisions))),
        generations=max((turn.generation for turn in turns), default=0),
        time_to_best_seconds=max((turn.best_seconds for turn in turns), default=0.0),
        proven=tuple(proven[n] for n in range(len(proven))),
    )
