"""Tables and figures as plain values: what is in them, not how it is drawn or stored."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from optimizer.sensitivity import MAX_CYCLE_DAYS, Sweep

Cell = str | int | float | None
FIRST_FIGURE = 6


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of cells under named columns; None is a value that is not known."""

    name: str
    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]


@dataclass(frozen=True, slots=True)
class Line:
    label: str
    x: tuple[float, ...]
    y: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Panel:
    """One pair of axes."""

    title: str
    x_label: str
    y_label: str
    lines: tuple[Line, ...]


@dataclass(frozen=True, slots=True)
class Figure:
    """Panels side by side under one title; `name` is good for a file name."""

    name: str
    title: str
    panels: tuple[Panel, ...]

    def as_table(self) -> Table:
        """Every point of every line, one per row."""
        rows = tuple(
            (panel.title, line.label, x, y)
            for panel in self.panels
            for line in panel.lines
            for x, y in zip(line.x, line.y, strict=True)
        )
        return Table(self.name, self.title, ("panel", "line", "x", "y"), rows)


def sensitivity_figures(freshness: Sequence[Sweep], investment: Sequence[Sweep]) -> list[Figure]:
    """The publication's figures 6 to 16, in the order of its prose.

    With its three classes: 6-8 freshness on arrival, 9-11 preservation at a 2-day cycle, 12-14
    preservation by cycle, 15 the best investment by cycle, 16 the gap between cycles.
    """
    parts: list[tuple[str, str, tuple[Panel, ...]]] = []
    for sweep in freshness:
        title = f"{sweep.product}: freshness on arrival"
        parts.append((f"freshness_{sweep.product}", title, tuple(_freshness_panels(sweep))))
    for sweep in investment:
        title = f"{sweep.product}: preservation investment, 2-day cycle"
        parts.append((f"preservation_{sweep.product}", title, tuple(_two_day_panels(sweep))))
    for sweep in investment:
        title = f"{sweep.product}: preservation investment by cycle"
        parts.append((f"cycles_{sweep.product}", title, (_cost_by_cycle(sweep),)))
    parts.append(("best_investment", "best investment by cycle", _best_panels(investment)))
    gap = tuple(_gap_panel(sweep) for sweep in investment)
    parts.append(("cycle_gap", "cost gap between cycles", gap))
    return [
        Figure(f"figure_{number:02d}_{name}", title, panels)
        for number, (name, title, panels) in enumerate(parts, start=FIRST_FIGURE)
    ]


def _days() -> tuple[float, ...]:
    return tuple(float(day) for day in range(1, MAX_CYCLE_DAYS + 1))


def _freshness_panels(sweep: Sweep) -> Iterator[Panel]:
    named = (("carrying", sweep.carrying), ("spoilage", sweep.spoilage), ("sum", sweep.cost))
    for title, table in named:
        lines = tuple(
            Line(f"{value:.2f}", _days(), tuple(row.tolist()))
            for value, row in zip(sweep.values, table, strict=True)
        )
        yield Panel(title, "cycle, days", "money per day", lines)


def _two_day_panels(sweep: Sweep) -> Iterator[Panel]:
    x = tuple(sweep.values.tolist())
    named = [("carrying", sweep.carrying), ("spoilage", sweep.spoilage), ("sum", sweep.cost)]
    lines = tuple(Line(title, x, tuple(table[:, 1].tolist())) for title, table in named)
    yield Panel("cost", "preservation investment", "money per day", lines)
    if sweep.profit is not None:
        line = Line("profit", x, tuple(sweep.profit[:, 1].tolist()))
        yield Panel("profit", "preservation investment", "money per day", (line,))


def _cost_by_cycle(sweep: Sweep) -> Panel:
    x = tuple(sweep.values.tolist())
    lines = tuple(
        Line(f"{n + 1} d", x, tuple(sweep.cost[:, n].tolist())) for n in range(MAX_CYCLE_DAYS)
    )
    return Panel("cost", "preservation investment", "money per day", lines)


def _best_panels(sweeps: Sequence[Sweep]) -> tuple[Panel, ...]:
    cost = tuple(Line(s.product, _days(), tuple(s.best_cost().tolist())) for s in sweeps)
    panels = [Panel("lowest cost", "cycle, days", "preservation investment", cost)]
    priced = [s for s in sweeps if s.profit is not None]
    if priced:
        profit = tuple(Line(s.product, _days(), tuple(s.best_profit().tolist())) for s in priced)
        panels.append(Panel("highest profit", "cycle, days", "preservation investment", profit))
    return tuple(panels)


def _gap_panel(sweep: Sweep) -> Panel:
    x = tuple(sweep.values.tolist())
    gaps = np.diff(sweep.cost, axis=1)
    lines = tuple(
        Line(f"{n + 2} d less {n + 1} d", x, tuple(gaps[:, n].tolist()))
        for n in range(MAX_CYCLE_DAYS - 1)
    )
    return Panel(sweep.product, "preservation investment", "money per day", lines)
