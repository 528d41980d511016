"""Plays worlds with policies, and tunes the rules of thumb on seeds that are not judged.

Tuning, per class (classes share no vehicle, so each is a problem of its own): every cycle of the
grid is played at one safety factor and the cheapest kept; of the rising safety factors then the
smallest that serves at least as much as our planner does on the same seeds.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Final

import numpy as np

from device_sim.business.chance import Floats, World, draw_world
from device_sim.business.policies import RULES, Policy, Rule, RuleOfThumb, look
from device_sim.business.scenario import Business
from device_sim.business.world_days import COSTS, Counts, Network

OURS: Final = "forepost"
CYCLES: Final = {
    "fixed-cycle": (1, 2, 3, 4, 6),
    "reorder-point": (1, 2, 4),
    "full-truck": (2, 4, 6),
}
PROCUREMENT_DAYS: Final = (2, 4, 7, 12)
FACTORS: Final = (0.0, 0.5, 1.0, 1.5, 2.0, 2.5, 3.0, 3.5, 4.0)
GRID_FACTOR: Final = 1.5
TUNING_SEED: Final = 900_001
"""Judged seeds are 1, 2, …; those for tuning lie where nobody judges."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a policy came to on one seed, of the days that count."""

    policy: str
    seed: int
    days: int
    counts: Counts

    def fill(self) -> Floats:
        """The share of the units asked for that was served, by class; 1 where nobody asked."""
        counts = self.counts
        return np.where(counts.asked > 0, counts.sold / np.maximum(counts.asked, 1.0), 1.0)

    def figures(self) -> dict[str, float]:
        """Of all classes together: shares, kg and money per day."""
        counts = self.counts
        asked = float(counts.asked.sum())
        figures = {
            "fill": float(counts.sold.sum()) / asked if asked > 0 else 1.0,
            "waste_kg": float(counts.waste_kg.sum()) / self.days,
            "stock_kg": float(counts.stock_kg_days.sum()) / self.days,
            "trips": float(counts.n_trips.sum()) / self.days,
        }
        for name, row in zip(COSTS, counts.costs, strict=True):
            figures[name] = float(row.sum()) / self.days
        figures["cost"] = float(counts.costs.sum()) / self.days
        return figures


def play(world: World, policy: Policy) -> Network:
    """All days after the history, evening by evening."""
    network = Network.start(world)
    for day in range(world.first, world.n_days):
        network.play_day(day)
        network.carry_out(day, policy.decide(look(network, day)))
    return network


def outcome(world: World, policy: Policy, *, name: str, seed: int) -> Outcome:
    """What a policy came to."""
    return Outcome(name, seed, 7 * world.business.weeks, play(world, policy).counts)


def tune(
    business: Business,
    name: str,
    wanted_fill: Floats,
    worlds: Sequence[World],
    say: Callable[[str], None],
) -> list[Rule]:
    """The rule of each class: the cheapest cycles, then the smallest safety factor that serves."""
    best: list[tuple[float, Rule] | None] = [None for _ in business.classes]
    for cycle, procurement in product(CYCLES[name], PROCUREMENT_DAYS):
        rule = Rule(cycle, procurement, GRID_FACTOR)
        cost, fill = _tried(business, name, [rule] * len(best), worlds)
        # A cycle is no bargain for what it fails to serve: lost units are priced at their value.
        for i, kept in enumerate(best):
            score = cost[i] / max(fill[i], 0.01) ** 4
            if kept is None or score < kept[0]:
                best[i] = (score, rule)
    rules = [each[1] for each in best if each is not None]
    place = _smallest_that_serves(business, name, rules, wanted_fill, worlds)
    found = [
        Rule(rule.cycle_days, rule.procurement_days, FACTORS[min(k, len(FACTORS) - 1)])
        for rule, k in zip(rules, place, strict=True)
    ]
    for goods, rule, k in zip(business.classes, found, place, strict=True):
        note = "" if k < len(FACTORS) else " (serves less than wanted at any)"
        say(
            f"{name}, {goods.id}: every {rule.cycle_days} days, purchase every "
            f"{rule.procurement_days}, z = {rule.z}{note}"
        )
    return found


def _smallest_that_serves(
    business: Business,
    name: str,
    rules: Sequence[Rule],
    wanted_fill: Floats,
    worlds: Sequence[World],
) -> list[int]:
    """The place in FACTORS, by class; one past the end if none serves. By halving."""
    low, high = [0] * len(rules), [len(FACTORS)] * len(rules)
    while any(lo < hi for lo, hi in zip(low, high, strict=True)):
        middle = [(lo + hi) // 2 for lo, hi in zip(low, high, strict=True)]
        tried = [
            Rule(rule.cycle_days, rule.procurement_days, FACTORS[min(k, len(FACTORS) - 1)])
            for rule, k in zip(rules, middle, strict=True)
        ]
        _, fill = _tried(business, name, tried, worlds)
        for i, k in enumerate(middle):
            if low[i] == high[i]:
                continue
            if fill[i] >= wanted_fill[i]:
                high[i] = k
            else:
                low[i] = k + 1
    return low


def _tried(
    business: Business, name: str, rules: Sequence[Rule], worlds: Sequence[World]
) -> tuple[Floats, Floats]:
    """Mean cost and fill by class over the worlds."""
    cost = np.zeros(len(business.classes))
    fill = np.zeros_like(cost)
    for world in worlds:
        found = outcome(world, RuleOfThumb(rules, RULES[name]), name=name, seed=0)
        cost += found.counts.costs.sum(axis=0) / len(worlds)
        fill += found.fill() / len(worlds)
    return cost, fill


@dataclass(frozen=True, slots=True)
class Comparison:
    """All outcomes, ours first, and the rules that the others were tuned to."""

    business: Business
    outcomes: dict[str, list[Outcome]]
    rules: dict[str, list[Rule]]


def compare(
    business: Business,
    *,
    n_seeds: int,
    service: float,
    policies: Sequence[str],
    say: Callable[[str], None],
) -> Comparison:
    """Our planner and the tuned rules on the same seeds."""
    from device_sim.business.planned import Planned

    tuning = [draw_world(business, TUNING_SEED)]
    pilot = [outcome(world, Planned(service), name=OURS, seed=0) for world in tuning]
    wanted = np.mean([each.fill() for each in pilot], axis=0)
    say(f"{OURS}: serves {', '.join(f'{each:.4f}' for each in wanted)} on the tuning seed")
    rules = {name: tune(business, name, wanted, tuning, say) for name in policies}
    outcomes: dict[str, list[Outcome]] = {name: [] for name in (OURS, *policies)}
    for seed in range(1, n_seeds + 1):
        world = draw_world(business, seed)
        outcomes[OURS].append(outcome(world, Planned(service), name=OURS, seed=seed))
        for name in policies:
            rule = RuleOfThumb(rules[name], RULES[name])
            outcomes[name].append(outcome(world, rule, name=name, seed=seed))
        say(f"seed {seed} of {n_seeds} played")
    return Comparison(business, outcomes, rules)
