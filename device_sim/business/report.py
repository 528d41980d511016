"""What a comparison came to: means with confidence intervals, and paired differences.

Every policy met the same worlds, so what differs is judged seed by seed: the interval is that of
Student's t on the differences.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from device_sim.business.trial import OURS, Comparison

T_975: Final = (
    math.inf, 12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228,
    2.201, 2.179, 2.160, 2.145, 2.131, 2.120, 2.110, 2.101, 2.093, 2.086,
)  # fmt: skip
"""Student's t at 97.5 % by degrees of freedom; beyond the table the last is on the safe side."""
SHOWN: Final = ("fill", "waste_kg", "stock_kg", "trips", "holding", "preservation", "transport",
                "procurement", "waste", "cost")  # fmt: skip


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


def summary(comparison: Comparison) -> dict[str, object]:
    """All figures, as JSON takes them. less: ours less the other's, seed by seed."""
    by_policy = {
        name: [each.figures() for each in found] for name, found in comparison.outcomes.items()
    }
    ours = by_policy[OURS]
    policies: dict[str, object] = {}
    for name, found in by_policy.items():
        entry: dict[str, object] = {
            key: _told(interval([one[key] for one in found])) for key in SHOWN
        }
        if name != OURS:
            entry["less"] = {
                key: _told(interval([a[key] - b[key] for a, b in zip(ours, found, strict=True)]))
                for key in ("fill", "waste_kg", "cost")
            }
            entry["rules"] = [
                {"cycle_days": r.cycle_days, "procurement_days": r.procurement_days, "z": r.z}
                for r in comparison.rules[name]
            ]
        policies[name] = entry
    return {
        "scenario": comparison.business.name,
        "seeds": len(ours),
        "weeks": comparison.business.weeks,
        "skus": sum(goods.skus for goods in comparison.business.classes),
        "policies": policies,
    }


def table(comparison: Comparison) -> str:
    """A Markdown table for people."""
    names = list(comparison.outcomes)
    rows = [["per day", *names], ["---", *["---:"] * len(names)]]
    by_policy = {
        name: [each.figures() for each in found] for name, found in comparison.outcomes.items()
    }
    for key in SHOWN:
        cells = [_shown(key, interval([one[key] for one in by_policy[name]])) for name in names]
        rows.append([key, *cells])
    for key in ("fill", "waste_kg", "cost"):
        cells = ["" if n == OURS else _shown(key, _difference(by_policy, n, key)) for n in names]
        rows.append([f"ours less theirs: {key}", *cells])
    for key in ("waste_kg", "cost"):
        cells = ["" if n == OURS else _share(by_policy, n, key) for n in names]
        rows.append([f"the same in %: {key}", *cells])
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _difference(by_policy: dict[str, list[dict[str, float]]], name: str, key: str) -> Interval:
    pairs = zip(by_policy[OURS], by_policy[name], strict=True)
    return interval([a[key] - b[key] for a, b in pairs])


def _share(by_policy: dict[str, list[dict[str, float]]], name: str, key: str) -> str:
    theirs = math.fsum(each[key] for each in by_policy[name])
    ours = math.fsum(each[key] for each in by_policy[OURS])
    return "" if theirs == 0 else f"{100 * (ours / theirs - 1):+.1f} %"


def _shown(key: str, found: Interval) -> str:
    scale, digits, unit = (100.0, 2, " %") if key == "fill" else (1.0, 1, "")
    half = "" if math.isinf(found.half) else f" ± {scale * found.half:.{digits}f}"
    return f"{scale * found.mean:.{digits}f}{half}{unit}"


def _told(found: Interval) -> dict[str, float | None]:
    return {"mean": found.mean, "half": None if math.isinf(found.half) else found.half}
