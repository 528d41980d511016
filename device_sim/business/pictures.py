"""Pictures of a comparison as SVG, with matplotlib, which is an extra (`forepost[study]`)."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from device_sim.business.overview import GOALS_PERCENT, Row
from device_sim.business.report import Figures, figures_of, mean_of
from device_sim.business.trial import Comparison
from device_sim.business.world_days import COSTS
from optimizer.figures import Figure
from optimizer.plots import require_matplotlib

if TYPE_CHECKING:
    from matplotlib.axes import Axes

PANEL_INCHES: Final = (4.4, 3.4)
COLOURS: Final = ("#4c78a8", "#9ecae9", "#f58518", "#ffbf79", "#b03a2e")
AGED, FAILED = "grown too old", "failed cold chain"


def draw_bars(comparison: Comparison, folder: Path) -> Path:
    """What a day costs and where the waste is from, a bar per policy."""
    found = figures_of(comparison)
    money = {key: [mean_of(each, key) for each in found.values()] for key in COSTS}
    failed = [mean_of(each, "failed_kg") for each in found.values()]
    waste = [mean_of(each, "waste_kg") for each in found.values()]
    aged = [all_of_it - lost for all_of_it, lost in zip(waste, failed, strict=True)]

    def costs(ax: Axes) -> None:
        _stack(ax, found, money, dict(zip(COSTS, COLOURS, strict=True)))
        ax.set_title("cost per day", fontsize=10)

    def kilograms(ax: Axes) -> None:
        kinds = {AGED: COLOURS[0], FAILED: COLOURS[1]}
        _stack(ax, found, {AGED: aged, FAILED: failed}, kinds)
        ax.set_title("waste per day, kg", fontsize=10)

    name = comparison.business.name
    return _draw(folder / f"{name}.svg", name, [costs, kilograms])


def draw_lines(figure: Figure, folder: Path) -> Path:
    """A figure of lines, such as a curve of cost over fill rate."""

    def panel(i: int) -> Callable[[Axes], None]:
        def put(ax: Axes) -> None:
            shown = figure.panels[i]
            for line in shown.lines:
                ax.plot(line.x, line.y, marker="o", markersize=3, label=line.label)
            ax.set_title(shown.title, fontsize=10)
            ax.set_xlabel(shown.x_label)
            ax.legend(fontsize=7)

        return put

    panels = [panel(i) for i in range(len(figure.panels))]
    return _draw(folder / f"{figure.name}.svg", figure.title, panels)


def draw_overview(rows: Sequence[Row], path: Path) -> Path:
    """What ours is less than each rule's, in percent with its interval, beside the goal."""
    scenarios = list(dict.fromkeys(row.scenario for row in rows))
    rules = list(dict.fromkeys(row.rule for row in rows))
    colours = ("#4c78a8", "#f58518", "#54a24b", "#b03a2e")

    def panel(key: str, title: str) -> Callable[[Axes], None]:
        def put(ax: Axes) -> None:
            named: set[str] = set()
            for row in rows:
                less = row.less[key]
                if less is None:
                    continue
                y = scenarios.index(row.scenario) + 0.18 * rules.index(row.rule)
                half = less.half if math.isfinite(less.half) else 0.0
                ax.errorbar(
                    less.mean, y, xerr=half, fmt="o", markersize=3, capsize=2, linewidth=1,
                    color=colours[rules.index(row.rule) % len(colours)],
                    label=None if row.rule in named else row.rule,
                )  # fmt: skip
                named.add(row.rule)
            ax.axvline(GOALS_PERCENT[key], color="#888888", linestyle="--", linewidth=1)
            ax.axvline(0.0, color="#000000", linewidth=0.8)
            ax.set_yticks(range(len(scenarios)), scenarios, fontsize=7)
            ax.invert_yaxis()
            ax.set_title(f"{title}, ours less theirs, %", fontsize=10)
            if named:
                ax.legend(fontsize=6)

        return put

    panels = [panel("cost", "cost"), panel("waste_kg", "waste")]
    return _draw(path, "all scenarios; dashed: the goal", panels)


def _stack(
    ax: Axes,
    found: dict[str, Figures],
    rows: dict[str, list[float]],
    colours: dict[str, str],
) -> None:
    """One bar per policy, its parts on top of each other, and the fill rate above it."""
    names = list(found)
    bottom = [0.0] * len(names)
    for label, values in rows.items():
        ax.bar(names, values, bottom=bottom, label=label, color=colours[label], width=0.7)
        bottom = [low + value for low, value in zip(bottom, values, strict=True)]
    for x, (name, top) in enumerate(zip(names, bottom, strict=True)):
        fill = f"{100 * mean_of(found[name], 'fill'):.1f} %"
        ax.text(x, top, fill, ha="center", va="bottom", fontsize=7)
    ax.set_ylim(0.0, 1.35 * max(*bottom, 1e-9))
    ax.tick_params(axis="x", labelsize=7, rotation=20)
    ax.legend(fontsize=7, ncols=2)


def _draw(path: Path, title: str, panels: list[Callable[[Axes], None]]) -> Path:
    require_matplotlib()
    # The object interface: no window, no global state but the settings within the block.
    from matplotlib import rc_context
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure as Canvas

    # Text stays text and nothing of the hour goes in: small files, the same bytes every time.
    with rc_context({"svg.fonttype": "none", "svg.hashsalt": "forepost"}):
        width, height = PANEL_INCHES
        canvas = Canvas(figsize=(width * len(panels), height), layout="constrained")
        FigureCanvasSVG(canvas)
        canvas.suptitle(title, fontsize=11)
        axes = canvas.subplots(1, len(panels), squeeze=False)[0]
        for ax, put in zip(axes, panels, strict=True):
            ax.grid(visible=True, axis="y", alpha=0.3)
            ax.set_axisbelow(True)
            put(ax)
        canvas.savefig(path, format="svg", metadata={"Date": None, "Creator": None})
    return path
