"""Plays worlds with policies, and tunes the rules of thumb on seeds that are not judged.

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

from device_sim.business.chance import Floats, World, draw_world
from device_sim.business.informed import Foresight
from device_sim.business.policies import (
    RULES,
    Policy,
    Rule,
    RuleOfThumb,
    look,
    moving_average,
)
from device_sim.business.scenario import Business, scaled
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
class Outcome:
    """What a policy came to on one seed, of the days that count, and what it has to say."""

    policy: str
    seed: int
    days: int
    counts: Counts
    remarks: tuple[str, ...] = ()

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
            "failed_kg": float(counts.failed_kg.sum()) / self.days,
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
    counts = play(world, policy).counts
    return Outcome(name, seed, 7 * world.business.weeks, counts, tuple(policy.remarks))


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
    wanted_fills: Sequence[float],
    worlds: Sequence[World],
    say: Callable[[str], None],
) -> list[Rule]:
    """The cheapest rules of the classes that together serve as much as is wanted, by world."""
    cycle_of, n = CYCLE_OF.get(name, name), len(business.classes)
    tries: list[list[_Try]] = [[] for _ in range(n)]
    for cycle, procurement, z in product(CYCLES[cycle_of], PROCUREMENT_DAYS, FACTORS):
        _try(business, cycle_of, [Rule(cycle, procurement, z)] * n, worlds[:1], tries)
    chosen = _cheapest(tries, wanted_fills[0])
    wanted = float(np.mean(wanted_fills))
    tries = [[] for _ in range(n)]
    for steps in (STEPS, FINE_STEPS):
        for step in steps:
            nearby = [replace(it.rule, z=max(0.0, it.rule.z + step)) for it in chosen]
            _try(business, name, nearby, worlds, tries)
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


def tuned_rules(
    business: Business,
    policies: Sequence[str],
    ours: Callable[[], Policy],
    say: Callable[[str], None],
) -> dict[str, list[Rule]]:
    """Each rule of thumb as the scenario itself says it should be."""
    if not policies:
        return {}
    worlds = [draw_world(few_skus(business), seed) for seed in TUNING_SEEDS]
    wanted = [outcome(w, ours(), name=OURS, seed=0).figures()["fill"] for w in worlds]
    say(f"{OURS}: serves {float(np.mean(wanted)):.4f} on the tuning seeds")
    return {name: tune(worlds[0].business, name, wanted, worlds, say) for name in policies}


def few_skus(business: Business) -> Business:
    """The same business with TUNING_SKUS per class at most."""
    most = max(goods.skus for goods in business.classes)
    return business if most <= TUNING_SKUS else scaled(business, TUNING_SKUS / most)


def compare(
    business: Business,
    *,
    n_seeds: int,
    ours: Callable[[], Policy],
    policies: Sequence[str],
    say: Callable[[str], None],
) -> Comparison:
    """Our planner and the tuned rules on the same seeds."""
    rules = tuned_rules(business, policies, ours, say)
    outcomes: dict[str, list[Outcome]] = {name: [] for name in (OURS, *policies)}
    for seed in range(1, n_seeds + 1):
        world = draw_world(business, seed)
        outcomes[OURS].append(outcome(world, ours(), name=OURS, seed=seed))
        for name in policies:
            rule = rule_of_thumb(name, rules[name])
            outcomes[name].append(outcome(world, rule, name=name, seed=seed))
        say(f"seed {seed} of {n_seeds} played")
    return Comparison(business, outcomes, rules)
