"""Several scenarios side by side: a row for each rule of each, and which goals were reached.

A goal counts as reached by the mean over the seeds, and as sure where the whole 95 % interval of
the paired differences is beyond it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from device_sim.business.pieces import INFORMED, OURS
from device_sim.business.report import Figures, Interval, figures_of, in_percent, mean_of
from device_sim.business.trial import FILL_NEAR, Comparison

GOALS_PERCENT: Final = {"cost": -10.0, "waste_kg": -20.0}


@dataclass(frozen=True, slots=True)
class Row:
    """A scenario and a rule: ours and theirs, and what ours is less than theirs, in percent.

    less: by figure; None where theirs is nothing.
    """

    scenario: str
    rule: str
    fill: tuple[float, float]
    cost: tuple[float, float]
    waste_kg: tuple[float, float]
    failed_kg: tuple[float, float]
    less: dict[str, Interval | None]

    def serves_as_much(self) -> bool:
        """Whether ours serves no less, but for a tenth of a point."""
        return self.fill[0] >= self.fill[1] - FILL_NEAR

    def reached(self, key: str) -> str:
        """ "yes", "surely" where the interval says so, or "no"."""
        less = self.less[key]
        if less is None or not self.serves_as_much() or less.mean > GOALS_PERCENT[key]:
            return "no"
        return "surely" if less.mean + less.half <= GOALS_PERCENT[key] else "yes"


def rows_of(comparisons: Sequence[Comparison]) -> list[Row]:
    """A row for each rule of each scenario, in the order in which they were played."""
    return [
        _row(comparison.business.name, name, figures_of(comparison))
        for comparison in comparisons
        for name in comparison.outcomes
        if name != OURS
    ]


def _row(scenario: str, rule: str, found: Mapping[str, Figures]) -> Row:
    def both(key: str) -> tuple[float, float]:
        return mean_of(found[OURS], key), mean_of(found[rule], key)

    return Row(
        scenario=scenario,
        rule=rule,
        fill=both("fill"),
        cost=both("cost"),
        waste_kg=both("waste_kg"),
        failed_kg=both("failed_kg"),
        less={key: in_percent(found, rule, key) for key in GOALS_PERCENT},
    )


def overview(rows: Sequence[Row]) -> str:
    """The rows as a Markdown table; the cheapest rule of the trade of each scenario is bold."""
    cheapest = {row.scenario: _cheapest(rows, row.scenario) for row in rows}
    head = (
        "| scenario | rule | fill rate, ours / theirs | cost per day | less | waste, kg per day "
        "| less | of it failed cold chains | -10 % cost | -20 % waste |"
    )
    lines = [head, "| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: | --- | --- |"]
    for row in rows:
        rule = f"**{row.rule}**" if row is cheapest[row.scenario] else row.rule
        cells = [
            row.scenario,
            rule,
            f"{100 * row.fill[0]:.2f} / {100 * row.fill[1]:.2f} %",
            f"{row.cost[0]:.0f} / {row.cost[1]:.0f}",
            _percent(row.less["cost"]),
            f"{row.waste_kg[0]:.1f} / {row.waste_kg[1]:.1f}",
            _percent(row.less["waste_kg"]),
            f"{row.failed_kg[0]:.1f} / {row.failed_kg[1]:.1f}",
            row.reached("cost"),
            row.reached("waste_kg"),
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def _cheapest(rows: Sequence[Row], scenario: str) -> Row:
    mine = [row for row in rows if row.scenario == scenario]
    of_the_trade = [row for row in mine if row.rule != INFORMED]
    return min(of_the_trade or mine, key=lambda row: row.cost[1])


def _percent(less: Interval | None) -> str:
    if less is None:
        return ""
    half = "" if math.isinf(less.half) else f" ± {less.half:.1f}"
    return f"{less.mean:+.1f}{half} %"
