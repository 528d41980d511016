"""The report that a planner reads: what was played, what came of it, and how sure that is.

The best rule, which the goals are held against, is the cheapest of the rules of the trade; where
another one wastes less, ours is held against that, too. All were tuned to serve what ours serves
(`trial`). A difference is called sure if its 95 % interval over the seeds leaves out zero.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Final

import numpy as np

from device_sim.business.least_waste import least_waste_kg
from device_sim.business.overview import GOALS_PERCENT, Row, rows_of
from device_sim.business.pieces import INFORMED, OURS, Outcome
from device_sim.business.report import (
    Figures,
    Interval,
    difference,
    figures_of,
    in_percent,
    mean_of,
    table,
)
from device_sim.business.trial import FILL_NEAR, Comparison
from device_sim.business.world_days import COSTS

FILL_FAR: Final = 0.005
"""Half a point of fill rate more, and money is no longer compared with like money."""
NAMES: Final[Mapping[str, str]] = {"cost": "Cost", "waste_kg": "Waste"}
UNITS: Final = (
    "All figures are of the whole network and a day. Money is in the scenario's own unit; cost is "
    "all that a policy can change, without what is bought to be sold. Waste: kg of goods that "
    "grew too old or whose cold chain failed. Trips: vehicles that leave the centre. Fill rate: "
    "of the pieces asked for, those that were there."
)


def report(comparison: Comparison) -> str:
    """Markdown: the scenario, the table, the same in sentences, by class, and the rules."""
    all_figures = "## All figures\n\n" + table(comparison)
    if len(comparison.outcomes) == 1:
        return "\n\n".join([_head(comparison), *_remarks(comparison), all_figures])
    parts = [
        _head(comparison), _in_short(comparison), *_remarks(comparison), all_figures,
        _by_class(comparison), _tuned(comparison),
    ]  # fmt: skip
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


def _in_short(comparison: Comparison) -> str:
    found = figures_of(comparison)
    best, freshest = best_rule(found, "cost"), best_rule(found, "waste_kg")
    row = next(row for row in rows_of([comparison]) if row.rule == best)
    lines = [
        "## In short",
        "",
        _first_line(row),
        "",
        f"- {_goal_line(found, best, 'cost')}",
        f"- {_goal_line(found, best, 'waste_kg')}",
    ]
    if freshest != best:
        lines.append(f"- {_freshest_line(found, freshest)}")
    lines += [
        f"- {_fill_line(found, best)}",
        f"- {_cost_line(found, best)}",
        f"- {_waste_line(found, best)} {_bound_line(comparison, found)}",
        "",
        UNITS,
    ]
    return "\n".join(lines)


def _first_line(row: Row) -> str:
    """Which goals were reached, and how sure that is: what is read if nothing else is."""
    words = {key: row.reached(key) for key in GOALS_PERCENT}
    reached = [NAMES[key].lower() for key, word in words.items() if word in {"yes", "surely"}]
    if not row.serves_as_much():
        return f"**No goal is reached: {row.rule} serves more.**"
    if len(reached) == len(GOALS_PERCENT):
        how = "surely" if set(words.values()) == {"surely"} else "by the means, not beyond chance"
        return f"**Both goals are reached against {row.rule}, the best rule, {how}.**"
    which = f"of the two goals, that of {reached[0]}" if reached else "neither of the two goals"
    return f"**Against {row.rule}, the best rule, {which} is reached.**"


def _goal_line(found: Mapping[str, Figures], name: str, key: str) -> str:
    ours, theirs = mean_of(found[OURS], key), mean_of(found[name], key)
    unit = "" if key == "cost" else " kg"
    head = f"**{NAMES[key]}**: {ours:.1f}{unit} a day against {theirs:.1f}{unit} of {name}"
    less = in_percent(found, name, key)
    if less is None:
        return f"{head}."
    reached = "reached" if less.mean <= GOALS_PERCENT[key] else "not reached"
    goal = f"the goal of {-GOALS_PERCENT[key]:.0f} % less is {reached}"
    return f"{head}: {_told(less)}; {goal} ({_sure(less)})."


def _freshest_line(found: Mapping[str, Figures], name: str) -> str:
    waste, cost = (in_percent(found, name, key) for key in ("waste_kg", "cost"))
    theirs = mean_of(found[name], "waste_kg")
    head = f"**The least wasteful rule** is {name}, with {theirs:.1f} kg a day"
    if waste is None or cost is None:
        return f"{head}."
    return (
        f"{head}: ours wastes {_told(waste)} than that ({_sure(waste)}) and costs {_told(cost)} "
        f"({_sure(cost)})."
    )


def _told(share: Interval) -> str:
    return f"{abs(share.mean):.1f} % {'more' if share.mean > 0 else 'less'}"


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
    told = f"**Service**: {ours:.2f} % of the units asked for, {word} {name} with {theirs:.2f} %."
    if less.mean <= FILL_FAR:
        return told
    return (
        f"{told} It could not be tuned to serve as much, and the last points are the dearest: "
        "a lower `--service` of ours compares both at one fill rate."
    )


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


def _bound_line(comparison: Comparison, found: Mapping[str, Figures]) -> str:
    """What grows old whoever plans, at what ours serves (`least_waste`)."""
    seeds = zip(comparison.outcomes[OURS], found[OURS], strict=True)
    least = [least_waste_kg(comparison.business, it.seed, one["fill"]) for it, one in seeds]
    return (
        f"At least {math.fsum(least) / len(least):.1f} kg would have to grow too old at what ours "
        "serves, though every shelf knew its rates, were filled at once, and from the supplier."
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
