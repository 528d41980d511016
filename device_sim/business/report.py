"""What a comparison came to: means with confidence intervals, and paired differences.

Every policy met the same worlds, so what differs is judged seed by seed: the interval is that of
Student's t on the differences. `verdict` says the same in sentences.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from device_sim.business.pieces import OURS
from device_sim.business.trial import Comparison

T_975: Final = (
    math.inf, 12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228,
    2.201, 2.179, 2.160, 2.145, 2.131, 2.120, 2.110, 2.101, 2.093, 2.086,
)  # fmt: skip
"""Student's t at 97.5 % by degrees of freedom; beyond the table the last is on the safe side."""
SHOWN: Final[Mapping[str, str]] = {
    "fill": "fill rate",
    "stock_kg": "stock, kg",
    "trips": "trips",
    "waste_kg": "waste, kg",
    "failed_kg": "of it failed cold chains, kg",
    "holding": "holding, money",
    "preservation": "preservation, money",
    "transport": "transport, money",
    "procurement": "suppliers' trips, money",
    "waste": "waste, money",
    "cost": "total cost, money",
}
PAIRED: Final = ("fill", "waste_kg", "cost")
IN_PERCENT: Final = ("waste_kg", "cost")

Figures = list[dict[str, float]]
"""A policy's figures, seed by seed."""


@dataclass(frozen=True, slots=True)
class Interval:
    """A mean and half the width of its 95 % interval; infinite where one seed was played."""

    mean: float
    half: float


def interval(values: Sequence[float]) -> Interval:
    """Of the mean, by Student's t."""
    n = len(values)
    mean = math.fsum(values) / n
    if n == 1:
        return Interval(mean, math.inf)
    variance = math.fsum((v - mean) ** 2 for v in values) / (n - 1)
    return Interval(mean, T_975[min(n - 1, len(T_975) - 1)] * math.sqrt(variance / n))


def figures_of(comparison: Comparison) -> dict[str, Figures]:
    """By policy, in the order of the seeds."""
    outcomes = comparison.outcomes.items()
    return {name: [each.figures() for each in found] for name, found in outcomes}


def mean_of(found: Figures, key: str) -> float:
    """A figure's mean over the seeds."""
    return math.fsum(one[key] for one in found) / len(found)


def difference(found: Mapping[str, Figures], name: str, key: str) -> Interval:
    """Ours less theirs, seed by seed."""
    pairs = zip(found[OURS], found[name], strict=True)
    return interval([a[key] - b[key] for a, b in pairs])


def in_percent(found: Mapping[str, Figures], name: str, key: str) -> Interval | None:
    """The difference as a share of theirs; None where theirs is nothing."""
    theirs = mean_of(found[name], key)
    if theirs == 0:
        return None
    less = difference(found, name, key)
    return Interval(100.0 * less.mean / theirs, 100.0 * less.half / theirs)


def summary(comparison: Comparison) -> dict[str, object]:
    """All figures, as JSON takes them. less: ours less the other's, seed by seed."""
    by_policy = figures_of(comparison)
    policies: dict[str, object] = {}
    for name, found in by_policy.items():
        entry: dict[str, object] = {
            key: _told(interval([one[key] for one in found])) for key in SHOWN
        }
        entry["seeds"] = found
        if name != OURS:
            entry["less"] = {key: _told(difference(by_policy, name, key)) for key in PAIRED}
            entry["rules"] = [
                {"cycle_days": r.cycle_days, "procurement_days": r.procurement_days, "z": r.z}
                for r in comparison.rules[name]
            ]
        policies[name] = entry
    return {
        "scenario": comparison.business.name,
        "seeds": len(by_policy[OURS]),
        "weeks": comparison.business.weeks,
        "skus": sum(goods.skus for goods in comparison.business.classes),
        "policies": policies,
    }


def table(comparison: Comparison) -> str:
    """All figures per day, as a Markdown table."""
    found = figures_of(comparison)
    names = list(found)
    rows = [["per day", *names], ["---", *["---:"] * len(names)]]
    for key, label in SHOWN.items():
        cells = [_shown(key, interval([one[key] for one in found[name]])) for name in names]
        rows.append([label, *cells])
    rules = names[1:]
    for key in PAIRED if rules else ():
        cells = [_shown(key, difference(found, name, key)) for name in rules]
        rows.append([f"ours less theirs: {SHOWN[key]}", "", *cells])
    for key in IN_PERCENT if rules else ():
        shares = [in_percent(found, name, key) for name in rules]
        cells = ["" if it is None else f"{it.mean:+.1f}{_half(it.half, 1)} %" for it in shares]
        rows.append([f"the same in %: {SHOWN[key]}", "", *cells])
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _shown(key: str, found: Interval) -> str:
    scale, digits, unit = (100.0, 2, " %") if key == "fill" else (1.0, 1, "")
    return f"{scale * found.mean:.{digits}f}{_half(scale * found.half, digits)}{unit}"


def _half(half: float, digits: int) -> str:
    return "" if math.isinf(half) else f" ± {half:.{digits}f}"


def _told(found: Interval) -> dict[str, float | None]:
    return {"mean": found.mean, "half": None if math.isinf(found.half) else found.half}
