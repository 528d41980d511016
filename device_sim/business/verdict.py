"""The report that a planner reads: what was played, what came of it, and how sure that is.

The rule that ours is held against is the cheapest of the rules of the trade, and for waste the
one that wastes least; all were tuned to serve what ours serves (`trial`). A difference is called
sure if its 95 % interval over the seeds leaves out zero.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Final

import numpy as np

from device_sim.business.pieces import INFORMED, OURS, Outcome
from device_sim.business.report import Figures, Interval, difference, figures_of, mean_of, table
from device_sim.business.trial import FILL_NEAR, Comparison
from device_sim.business.world_days import COSTS

GOALS: Final[Mapping[str, float]] = {"cost": 0.10, "waste_kg": 0.20}
NAMES: Final[Mapping[str, str]] = {"cost": "Cost", "waste_kg": "Waste"}


def report(comparison: Comparison) -> str:
    """Markdown: the scenario, the table, the same in sentences, by class, and the rules."""
    parts = [_head(comparison), table(comparison), *_remarks(comparison)]
    if len(comparison.outcomes) > 1:
        parts += [_in_words(comparison), _by_class(comparison), _tuned(comparison)]
    return "\n\n".join(parts)


def best_rule(found: Mapping[str, Figures], key: str) -> str:
    """The rule of the trade with the least of it."""
    names = [name for name in found if name not in (OURS, INFORMED)]
    # Where nothing but the informed rule was asked for, it is held against that.
    return min(names or [INFORMED], key=lambda name: mean_of(found[name], key))


def _head(comparison: Comparison) -> str:
    it = comparison.business
    n_skus = sum(goods.skus for goods in it.classes)
    n_seeds = len(comparison.outcomes[OURS])
    about = f": {it.about}" if it.about else ""
    seeds = "One seed: no interval can be told" if n_seeds == 1 else (
        f"{n_seeds} seeds: mean ± half of its 95 % interval"
    )  # fmt: skip
    return (
        f"# {it.name}{about}\n\n"
        f"A central warehouse and {_count(it.warehouses, 'pre-positioned one')}, "
        f"{_count(n_skus, 'SKU')} in {_count(len(it.classes), 'class', 'es')}; "
        f"{_count(it.weeks, 'week')} counted after {_count(it.warmup_days, 'day')} of warm-up. "
        f"{seeds}. All policies met the same customers, delays and failures."
    )


def _remarks(comparison: Comparison) -> list[str]:
    said: dict[tuple[str, str], int] = {}
    for name, outcomes in comparison.outcomes.items():
        for remark in (remark for it in outcomes for remark in it.remarks):
            said[name, remark] = said.get((name, remark), 0) + 1
    n = len(comparison.outcomes[OURS])
    lines = [
        f"- {name}: {remark} ({times} of {_count(n, 'seed')})."
        for (name, remark), times in said.items()
    ]
    return ["\n".join(lines)] if lines else []


def _count(n: int, word: str, plural: str = "s") -> str:
    return f"{n} {word}{plural if n != 1 else ''}"


def _in_words(comparison: Comparison) -> str:
    found = figures_of(comparison)
    lines = ["## In words", ""]
    for key, goal in GOALS.items():
        lines.append(f"- {_goal_line(found, best_rule(found, key), key, goal)}")
    rules = dict.fromkeys(best_rule(found, key) for key in GOALS)
    lines += [f"- {_fill_line(found, name)}" for name in rules]
    lines.append(f"- {_cost_line(found, best_rule(found, 'cost'))}")
    lines.append(f"- {_waste_line(found, best_rule(found, 'waste_kg'))}")
    return "\n".join(lines)


def _goal_line(found: Mapping[str, Figures], name: str, key: str, goal: float) -> str:
    ours, theirs = mean_of(found[OURS], key), mean_of(found[name], key)
    what = "least costly" if key == "cost" else "least wasteful"
    unit = "" if key == "cost" else " kg"
    head = f"**{NAMES[key]}**: {ours:.1f}{unit} a day against {theirs:.1f}{unit} of {name}, "
    head += f"the {what} rule"
    if theirs == 0:
        return f"{head}."
    share = 1.0 - ours / theirs
    word = "less" if share >= 0 else "more"
    reached = "reached" if share >= goal else "not reached"
    goal_text = f"the goal of {100 * goal:.0f} % less is {reached}"
    less = difference(found, name, key)
    sure = _sure(Interval(100 * less.mean / theirs, 100 * less.half / theirs))
    return f"{head}: {100 * abs(share):.1f} % {word}; {goal_text} ({sure})."


def _sure(share: Interval) -> str:
    """share: ours less theirs, in percent of theirs."""
    if math.isinf(share.half):
        return "one seed, so it may be chance"
    low, high = share.mean - share.half, share.mean + share.half
    told = f"between {low:+.1f} and {high:+.1f} % with 95 % confidence"
    return told if low * high > 0 else f"{told}, so it may be chance"


def _fill_line(found: Mapping[str, Figures], name: str) -> str:
    less = difference(found, name, "fill")
    ours, theirs = (100 * mean_of(found[each], "fill") for each in (OURS, name))
    if abs(less.mean) <= FILL_NEAR:
        word = "as much as"
    else:
        word = "more than" if less.mean > 0 else "less than"
    return f"**Service**: {ours:.2f} % of the units asked for, {word} {name} with {theirs:.2f} %."


def _cost_line(found: Mapping[str, Figures], name: str) -> str:
    less = {key: difference(found, name, key).mean for key in COSTS}
    order = sorted(less, key=lambda key: -abs(less[key]))
    told = ", ".join(f"{_cost_word(key)} {less[key]:+.1f}" for key in order)
    return f"**Where the money differs** from {name}, a day: {told}."


def _cost_word(key: str) -> str:
    return "suppliers' trips" if key == "procurement" else key


def _waste_line(found: Mapping[str, Figures], name: str) -> str:
    aged, failed = {}, {}
    for each in (OURS, name):
        failed[each] = mean_of(found[each], "failed_kg")
        aged[each] = mean_of(found[each], "waste_kg") - failed[each]
    return (
        f"**Where the waste is**: {aged[OURS]:.1f} kg a day grew too old, {failed[OURS]:.1f} kg "
        f"failed cold chains took; with {name} {aged[name]:.1f} and {failed[name]:.1f} kg."
    )


def _by_class(comparison: Comparison) -> str:
    name = best_rule(figures_of(comparison), "cost")
    rows = [
        f"| forepost / {name} | fill rate | waste, kg | trips | cost, money |",
        "| --- | ---: | ---: | ---: | ---: |",
    ]
    for i, goods in enumerate(comparison.business.classes):
        ours, theirs = (_of_class(comparison.outcomes[each], i) for each in (OURS, name))
        cells = [
            f"{100 * ours[0]:.2f} / {100 * theirs[0]:.2f} %",
            *(f"{a:.1f} / {b:.1f}" for a, b in zip(ours[1:], theirs[1:], strict=True)),
        ]
        rows.append(f"| {goods.id} | {' | '.join(cells)} |")
    return "## By class, per day\n\n" + "\n".join(rows)


def _of_class(outcomes: list[Outcome], i: int) -> tuple[float, float, float, float]:
    """Fill, waste in kg, trips and cost per day: means over the seeds."""
    rows = [
        (
            float(it.fill()[i]),
            float(it.counts.waste_kg[i]) / it.days,
            float(it.counts.n_trips[i]) / it.days,
            float(it.counts.costs[:, i].sum()) / it.days,
        )
        for it in outcomes
    ]
    fill, waste, trips, cost = np.mean(rows, axis=0).tolist()
    return fill, waste, trips, cost


def _tuned(comparison: Comparison) -> str:
    ids = [goods.id for goods in comparison.business.classes]
    rows = [f"| rule | {' | '.join(ids)} |", f"| --- |{' --- |' * len(ids)}"]
    for name, rules in comparison.rules.items():
        told = [f"{it.cycle_days} / {it.procurement_days}, z {it.z:g}" for it in rules]
        rows.append(f"| {name} | {' | '.join(told)} |")
    return (
        "## The rules as they were tuned\n\n"
        "Days between deliveries / between purchases, and the safety factor z; the cheapest that "
        "serve what our planner serves, on seeds that are not judged.\n\n" + "\n".join(rows)
    )
