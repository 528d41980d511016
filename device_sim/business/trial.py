"""Tunes the rules of thumb on seeds that are not judged, and plays all policies on those that are.

Tuning: on one seed every cycle of the grid is played at every safety factor; a class takes the
cheapest of them with lost units at a price, and the price is the smallest with which all classes
together serve at least as much as our planner does on the same seed. Then those cycles are played
with factors nearby on several seeds, and chosen from in the same way. A network of many SKUs is
tuned as a smaller one of the same kind.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import Final

import numpy as np

from device_sim.business.pieces import CYCLE_OF, OURS, Ours, Outcome, Piece, PlayAll, Thumb
from device_sim.business.policies import Rule
from device_sim.business.scenario import Business, scaled

CYCLES: Final = {
    "fixed-cycle": (1, 2, 3, 4, 6),
    "reorder-point": (1, 2, 4),
    "full-truck": (2, 4, 6),
}
PROCUREMENT_DAYS: Final = (2, 3, 4, 7, 12)
FACTORS: Final = (1.0, 2.5)
STEPS: Final = (-1.0, -0.5, 0.0, 0.5, 1.0, 1.5, 2.0)
FINE_STEPS: Final = (-0.25, 0.25)
PRICES: Final = tuple(0.01 * 1.15**k for k in range(120))
"""Of a lost unit, rising: what a rule's cycles and safety factors are chosen by."""
FILL_NEAR: Final = 0.001
"""A tenth of a point of fill rate is as good as none."""
TUNING_SEEDS: Final = (900_001, 900_002, 900_003)
"""Judged seeds are 1, 2, …; those for tuning lie where nobody judges."""
TUNING_SKUS: Final = 40
"""Per class, at most. Vehicles, rooms and trips shrink with them (`resized`)."""


@dataclass(frozen=True, slots=True)
class _Try:
    """A rule of a class on the tuning worlds: cost per day, units lost and asked for per day."""

    rule: Rule
    cost: float
    lost: float
    asked: float


def tune(
    business: Business,
    name: str,
    wanted_fills: Sequence[float],
    play_all: PlayAll,
    say: Callable[[str], None],
) -> list[Rule]:
    """The cheapest rules of the classes that together serve as much as is wanted, by seed."""
    cycle_of, n = CYCLE_OF.get(name, name), len(business.classes)
    grid = product(CYCLES[cycle_of], PROCUREMENT_DAYS, FACTORS)
    coarse = [[Rule(*numbers)] * n for numbers in grid]
    tries = _tries(business, cycle_of, coarse, TUNING_SEEDS[:1], play_all)
    chosen = _cheapest(tries, wanted_fills[0])
    wanted = float(np.mean(wanted_fills))
    tries = [[] for _ in range(n)]
    for steps in (STEPS, FINE_STEPS):
        nearby = [
            [replace(it.rule, z=max(0.0, it.rule.z + step)) for it in chosen] for step in steps
        ]
        found = _tries(business, name, nearby, TUNING_SEEDS, play_all)
        tries = [before + each for before, each in zip(tries, found, strict=True)]
        chosen = _cheapest(tries, wanted)
    note = "" if _fill(chosen) >= wanted else " (serves less than wanted)"
    for goods, it in zip(business.classes, chosen, strict=True):
        say(
            f"{name}, {goods.id}: every {it.rule.cycle_days} days, purchase every "
            f"{it.rule.procurement_days}, z = {it.rule.z}{note}"
        )
    return [it.rule for it in chosen]


def _cheapest(tries: Sequence[Sequence[_Try]], wanted_fill: float) -> list[_Try]:
    """Of each class the cheapest rule with lost units at a price, one for all: the smallest
    price with which enough is served. Where none does, what serves next to most: the last
    tenth of a point would be bought at any cost."""
    most = _fill([min(each, key=lambda it: it.lost) for each in tries])
    wanted_fill = min(wanted_fill, max(most - FILL_NEAR, 0.0))
    for price in PRICES:
        chosen = [min(each, key=lambda it: it.cost + price * it.lost) for each in tries]
        if _fill(chosen) >= wanted_fill:
            break
    return chosen


def _fill(chosen: Sequence[_Try]) -> float:
    asked = sum(it.asked for it in chosen)
    return 1.0 - sum(it.lost for it in chosen) / asked if asked > 0 else 1.0


def _tries(
    business: Business,
    name: str,
    candidates: Sequence[Sequence[Rule]],
    seeds: Sequence[int],
    play_all: PlayAll,
) -> list[list[_Try]]:
    """Of each class, what each candidate came to, on average over the seeds.

    What one class's rule does is nothing to the others: each has its own vehicles and rooms.
    """
    players = [Thumb(name, tuple(rules)) for rules in candidates]
    pieces = [Piece(business, seed, player) for seed in seeds for player in players]
    found = play_all(pieces)
    tries: list[list[_Try]] = [[] for _ in business.classes]
    for k, rules in enumerate(candidates):
        mine = found[k :: len(candidates)]
        days = sum(it.days for it in mine)
        cost = np.sum([it.counts.costs.sum(axis=0) for it in mine], axis=0) / days
        lost = np.sum([it.counts.asked - it.counts.sold for it in mine], axis=0) / days
        asked = np.sum([it.counts.asked for it in mine], axis=0) / days
        for i, rule in enumerate(rules):
            tries[i].append(_Try(rule, float(cost[i]), float(lost[i]), float(asked[i])))
    return tries


@dataclass(frozen=True, slots=True)
class Comparison:
    """All outcomes, ours first, and the rules that the others were tuned to."""

    business: Business
    outcomes: dict[str, list[Outcome]]
    rules: dict[str, list[Rule]]


def tuned_rules(
    business: Business,
    policies: Sequence[str],
    ours: Ours,
    play_all: PlayAll,
    say: Callable[[str], None],
) -> dict[str, list[Rule]]:
    """Each rule of thumb as the scenario itself says it should be."""
    if not policies:
        return {}
    few = few_skus(business)
    served = play_all([Piece(few, seed, ours) for seed in TUNING_SEEDS])
    wanted = [it.figures()["fill"] for it in served]
    say(f"{OURS}: serves {float(np.mean(wanted)):.4f} on the tuning seeds")
    return {name: tune(few, name, wanted, play_all, say) for name in policies}


def few_skus(business: Business) -> Business:
    """The same business with TUNING_SKUS per class at most."""
    most = max(goods.skus for goods in business.classes)
    return business if most <= TUNING_SKUS else scaled(business, TUNING_SKUS / most)


def compare(
    business: Business,
    *,
    n_seeds: int,
    ours: Ours,
    policies: Sequence[str],
    play_all: PlayAll,
    say: Callable[[str], None],
) -> Comparison:
    """Our planner and the tuned rules on the same seeds."""
    rules = tuned_rules(business, policies, ours, play_all, say)
    players: list[Ours | Thumb] = [ours]
    players += [Thumb(name, tuple(rules[name])) for name in policies]
    seeds = range(1, n_seeds + 1)
    found = play_all([Piece(business, seed, player) for seed in seeds for player in players])
    outcomes = {player.name: found[k :: len(players)] for k, player in enumerate(players)}
    return Comparison(business, outcomes, rules)
