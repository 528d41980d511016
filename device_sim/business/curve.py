"""Cost and waste over the fill rate: every policy at several promises of service.

The rules of thumb keep the cycles they were tuned to and go through safety factors, our planner
goes through services, and at the service that it is asked for through weights of waste. Read
upwards at one fill rate, the lower line is the better policy.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from device_sim.business.pieces import OURS, Ours, Piece, PlayAll, Thumb
from device_sim.business.policies import Rule
from device_sim.business.scenario import Business
from optimizer.figures import Figure, Line, Panel

SERVICES: Final = (0.9, 0.95, 0.98, 0.99, 0.995)
FACTORS: Final = (0.5, 1.0, 1.5, 2.0, 3.0)
WEIGHTS: Final = (0.5, 1.0, 2.0, 4.0, 8.0)
WEIGHED: Final = f"{OURS}, by weight of waste"


@dataclass(frozen=True, slots=True)
class Point:
    """Means over the seeds. promise: the service, the weight of waste or the safety factor."""

    policy: str
    promise: float
    fill: float
    waste_kg: float
    cost: float


def trace(
    business: Business,
    rules: Mapping[str, Sequence[Rule]],
    *,
    n_seeds: int,
    ours: Ours,
    play_all: PlayAll,
) -> list[Point]:
    """The points of every policy, on the same seeds.

    ours: what our planner has where the other of service and weight is gone through.
    """
    promises: list[tuple[str, float, Ours | Thumb]] = []
    promises += [(OURS, each, replace(ours, service=each)) for each in SERVICES]
    promises += [(WEIGHED, each, replace(ours, waste_weight=each)) for each in WEIGHTS]
    for name, tuned in rules.items():
        for z in FACTORS:
            at_z = tuple(replace(rule, z=z) for rule in tuned)
            promises.append((name, z, Thumb(name, at_z)))
    seeds = range(1, n_seeds + 1)
    found = play_all([Piece(business, s, player) for s in seeds for _, _, player in promises])
    points = []
    for k, (name, promise, _) in enumerate(promises):
        figures = [it.figures() for it in found[k :: len(promises)]]
        fill, waste, cost = (
            math.fsum(each[key] for each in figures) / n_seeds
            for key in ("fill", "waste_kg", "cost")
        )
        points.append(Point(name, promise, fill, waste, cost))
    return points


def curve_table(points: Sequence[Point]) -> str:
    """The points as a Markdown table."""
    rows = ["| policy | promise | fill | waste kg per day | cost per day |",
            "| --- | ---: | ---: | ---: | ---: |"]  # fmt: skip
    rows += [
        f"| {p.policy} | {p.promise:g} | {100 * p.fill:.2f} % | {p.waste_kg:.1f} | {p.cost:.1f} |"
        for p in points
    ]
    return "\n".join(rows)


def curve_figure(business: Business, points: Sequence[Point]) -> Figure:
    """Cost and waste over fill, a line per policy."""
    names = list(dict.fromkeys(p.policy for p in points))

    def panel(title: str, value: Callable[[Point], float]) -> Panel:
        lines = []
        for name in names:
            mine = sorted((p for p in points if p.policy == name), key=lambda p: p.promise)
            xs, ys = tuple(p.fill for p in mine), tuple(map(value, mine))
            lines.append(Line(name, xs, ys))
        return Panel(title, "fill rate", title, tuple(lines))

    return Figure(
        f"{business.name}-curve",
        f"{business.name}: cost and waste over fill rate",
        (
            panel("cost per day", lambda p: p.cost),
            panel("waste, kg per day", lambda p: p.waste_kg),
        ),
    )
