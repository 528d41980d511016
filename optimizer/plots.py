"""Draws a study's figures with matplotlib, which is an extra: ``pip install forepost[study]``."""

from __future__ import annotations

from pathlib import Path

from optimizer.errors import OptimizerError
from optimizer.figures import Figure

PANEL_INCHES = (4.6, 3.6)
DPI = 80
MAX_LEGEND = 8


class PlottingUnavailable(OptimizerError):
    """matplotlib is not installed; the CSV files hold the same figures."""

    def __init__(self) -> None:
        super().__init__(
            "plots need matplotlib, which is not installed: pip install 'forepost[study]' "
            "(or go without: --no-plots)"
        )


def require_matplotlib() -> None:
    """Raises PlottingUnavailable where nothing could be drawn."""
    try:
        import matplotlib  # noqa: F401
    except ImportError as error:
        raise PlottingUnavailable from error


def draw(figure: Figure, folder: Path) -> Path:
    """Write one figure as PNG, named after it; gives the file."""
    require_matplotlib()
    # The object interface: no window, no global state, safe beside anybody else's plots.
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure as Canvas

    width, height = PANEL_INCHES
    canvas = Canvas(figsize=(width * len(figure.panels), height), layout="constrained")
    FigureCanvasAgg(canvas)
    canvas.suptitle(figure.title)
    axes = canvas.subplots(1, len(figure.panels), squeeze=False)[0]
    for ax, panel in zip(axes, figure.panels, strict=True):
        for line in panel.lines:
            ax.plot(line.x, line.y, label=line.label, linewidth=1.5)
        ax.set_title(panel.title, fontsize=10)
        ax.set_xlabel(panel.x_label)
        ax.set_ylabel(panel.y_label)
        ax.grid(visible=True, alpha=0.3)
        if 1 < len(panel.lines) <= MAX_LEGEND:
            ax.legend(fontsize=8)
    path = folder / f"{figure.name}.png"
    # No date and no version inside: the same figure gives the same bytes.
    canvas.savefig(path, dpi=DPI, metadata={"Software": None})
    return path
