"""Plays worlds with policies, and tunes the rules of thumb on seeds that are not judged.

Tuning: every cycle of the grid is played at every safety factor; a class takes the cheapest of
them with lost units at a price, and the price is the smallest with which all classes together
serve at least as much as our planner does on the same seeds. Then factors nearby are tried.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import Final

import numpy as np

from device_sim.business.chance import Floats, World, draw_world
from device_sim.business.informed import Foresight
from device_sim.business.planned import Planned
from device_sim.business.policies import (
    RULES,
    Policy,
    Rule,
    RuleOfThumb,
    look,
    moving_average,
)
from device_sim.business.scenario import Business
from device_sim.business.world_days import COSTS, Counts, Network

OURS: Final = "forepost"
CYCLES: Final = {
    "fixed-cycle": (1, 2, 3, 4, 6),
    "reorder-point": (1, 2, 4),
    "full-truck": (2, 4, 6),
}
INFORMED: Final = "fixed-cycle-forecast"
CYCLE_OF: Final = {INFORMED: "fixed-cycle"}
"""Whose cycles a rule takes where it has none of its own: only its z is looked for."""
PROCUREMENT_DAYS: Final = (2, 4, 7, 12)
FACTORS: Final = (1.0, 2.5)
STEPS: Final = (-0.5, 0.5, 1.0, 1.5)
PRICES: Final = tuple(0.01 * 1.15**k for k in range(120))
"""Of a lost unit, rising: what a rule's cycles and safety factors are chosen by."""
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


def rule_of_thumb(name: str, rules: Sequence[Rule]) -> RuleOfThumb:
    """A rule by name, with what it expects: a spreadsheet's mean, or our forecasts."""
    if name == INFORMED:
        return RuleOfThumb(rules, RULES[CYCLE_OF[name]], Foresight())
    return RuleOfThumb(rules, RULES[name], moving_average)


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
    wanted_fill: float,
    worlds: Sequence[World],
    say: Callable[[str], None],
) -> list[Rule]:
    """The cheapest rules of the classes that together serve at least `wanted_fill`."""
    cycle_of = CYCLE_OF.get(name, name)
    tries: list[list[_Try]] = [[] for _ in business.classes]
    for cycle, procurement, z in product(CYCLES[cycle_of], PROCUREMENT_DAYS, FACTORS):
        _try(business, cycle_of, [Rule(cycle, procurement, z)] * len(tries), worlds, tries)
    chosen = _cheapest(tries, wanted_fill)
    if name != cycle_of:
        tries = [[] for _ in business.classes]
        for z in FACTORS:
            _try(business, name, [replace(it.rule, z=z) for it in chosen], worlds, tries)
        chosen = _cheapest(tries, wanted_fill)
    for step in STEPS:
        nearby = [replace(it.rule, z=max(0.0, it.rule.z + step)) for it in chosen]
        _try(business, name, nearby, worlds, tries)
    chosen = _cheapest(tries, wanted_fill)
    note = "" if _fill(chosen) >= wanted_fill else " (serves less than wanted at any)"
    for goods, it in zip(business.classes, chosen, strict=True):
        say(
            f"{name}, {goods.id}: every {it.rule.cycle_days} days, purchase every "
            f"{it.rule.procurement_days}, z = {it.rule.z}{note}"
        )
    return [it.rule for it in chosen]


def _cheapest(tries: Sequence[Sequence[_Try]], wanted_fill: float) -> list[_Try]:
    """Of each class the cheapest rule with lost units at a price, one for all: the smallest
    price with which enough is served; where none does, what serves most."""
    for price in PRICES:
        chosen = [min(each, key=lambda it: it.cost + price * it.lost) for each in tries]
        if _fill(chosen) >= wanted_fill:
            break
    return chosen


def _fill(chosen: Sequence[_Try]) -> float:
    asked = sum(it.asked for it in chosen)
    return 1.0 - sum(it.lost for it in chosen) / asked if asked > 0 else 1.0


def _try(
    business: Business,
    name: str,
    rules: Sequence[Rule],
    worlds: Sequence[World],
    tries: Sequence[list[_Try]],
) -> None:
    """Play the rules and note what each class came to, on average over the worlds."""
    n = len(business.classes)
    cost, lost, asked = np.zeros(n), np.zeros(n), np.zeros(n)
    for world in worlds:
        found = outcome(world, rule_of_thumb(name, rules), name=name, seed=0)
        days = found.days * len(worlds)
        cost += found.counts.costs.sum(axis=0) / days
        lost += (found.counts.asked - found.counts.sold) / days
        asked += found.counts.asked / days
    for i, rule in enumerate(rules):
        tries[i].append(_Try(rule, float(cost[i]), float(lost[i]), float(asked[i])))


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
    tuning = [draw_world(business, TUNING_SEED)]
    pilot = [outcome(world, Planned(service), name=OURS, seed=0).figures() for world in tuning]
    wanted = float(np.mean([each["fill"] for each in pilot]))
    say(f"{OURS}: serves {wanted:.4f} on the tuning seed")
    rules = {name: tune(business, name, wanted, tuning, say) for name in policies}
    outcomes: dict[str, list[Outcome]] = {name: [] for name in (OURS, *policies)}
    for seed in range(1, n_seeds + 1):
        world = draw_world(business, seed)
        outcomes[OURS].append(outcome(world, Planned(service), name=OURS, seed=seed))
        for name in policies:
            rule = rule_of_thumb(name, rules[name])
            outcomes[name].append(outcome(world, rule, name=name, seed=seed))
        say(f"seed {seed} of {n_seeds} played")
    return Comparison(business, outcomes, rules)
