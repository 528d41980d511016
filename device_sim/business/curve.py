"""Cost and waste over the fill rate: every policy at several promises of service.

The rules of thumb keep the cycles they were tuned to and go through safety factors, our planner
goes through services, and at the service that it is asked for through weights of waste. Read
upwards at one fill rate, the lower line is the better policy.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Final

from device_sim.business.chance import draw_world
from device_sim.business.planned import Planned
from device_sim.business.policies import Policy, Rule
from device_sim.business.scenario import Business
from device_sim.business.trial import OURS, outcome, rule_of_thumb
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
    service: float,
    waste_weight: float,
    say: Callable[[str], None],
) -> list[Point]:
    """The points of every policy, on the same seeds.

    service, waste_weight: what our planner has where the other is gone through.
    """
    worlds = [(seed, draw_world(business, seed)) for seed in range(1, n_seeds + 1)]

    def point(name: str, promise: float, make: Callable[[], Policy]) -> Point:
        found = [outcome(w, make(), name=name, seed=seed).figures() for seed, w in worlds]
        fill, waste, cost = (
            math.fsum(each[key] for each in found) / n_seeds
            for key in ("fill", "waste_kg", "cost")
        )
        say(f"{name} at {promise}: fill {fill:.4f}, cost {cost:.1f}")
        return Point(name, promise, fill, waste, cost)

    points = [point(OURS, each, partial(Planned, each, waste_weight)) for each in SERVICES]
    points += [point(WEIGHED, each, partial(Planned, service, each)) for each in WEIGHTS]
    for name, tuned in rules.items():
        for z in FACTORS:
            at_z = [replace(rule, z=z) for rule in tuned]
            points.append(point(name, z, partial(rule_of_thumb, name, at_z)))
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
