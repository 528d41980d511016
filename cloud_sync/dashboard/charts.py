"""Charts as SVG, made on the server: no script, no inline style, and a table for who cannot see.

A chart is a figure with a title, the drawing, a legend of words beside colours, and its numbers
as a table that opens. Colours are classes (`s0` … `s7`), so that light and dark are the style
sheet's matter; the order of series in drawing, legend and table is one. All text is escaped.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from markupsafe import Markup

from cloud_sync.dashboard.scale import Scale, make_scale

N_COLOURS: Final = 8
WIDTH: Final = 640
_BAR: Final = 22
_GAP: Final = 10
_TOP: Final = 8
_AXIS: Final = 24
_RIGHT: Final = 76
_LINE_HEIGHT: Final = 240
_LINE_LEFT: Final = 56
_CHARACTER: Final = 6.6
"""About the width of a character of a label, in units of the drawing."""
_LABEL_MAX: Final = 24

Format = Callable[[float], str]


@dataclass(frozen=True, slots=True)
class Series:
    """One value for each label of a chart; None where there is none."""

    name: str
    values: tuple[float | None, ...]


@dataclass(frozen=True, slots=True)
class Band:
    """Between what a value lies: as many lows and highs as the chart has labels."""

    name: str
    low: tuple[float | None, ...]
    high: tuple[float | None, ...]


@dataclass(frozen=True, slots=True)
class Chart:
    """What a chart shows. name: unique on its page; description: what one sees, in a sentence.

    label_name: over the labels in the table; numbers: the word to open that table with.
    shown: how a value is written.
    """

    name: str
    title: str
    description: str
    label_name: str
    numbers: str
    labels: tuple[str, ...]
    series: tuple[Series, ...]
    shown: Format


def stacked_bars(chart: Chart) -> Markup:
    """A horizontal bar for each label, its series one behind the other, the sum at its end.

    Values are not below nothing.
    """
    sums = [_sum(chart, n) for n in range(len(chart.labels))]
    left = _left(chart.labels)
    scale = make_scale(sums, start=left, end=WIDTH - _RIGHT, n_ticks=5)
    height = _TOP + len(chart.labels) * (_BAR + _GAP) + _AXIS
    parts = [_across(scale, chart.shown, height)]
    for n, label in enumerate(chart.labels):
        y = _TOP + n * (_BAR + _GAP)
        parts.append(_row_label(label, left, y))
        before = 0.0
        for colour, series in enumerate(chart.series):
            value = series.values[n] or 0.0
            if value <= 0:
                continue
            x, end = scale.place(before), scale.place(before + value)
            before += value
            parts.append(
                _bar(colour, x, y, end - x, f"{label}, {series.name}: {chart.shown(value)}")
            )
        parts.append(_value(chart.shown(sums[n]), scale.place(before), y))
    return _figure(chart, height, Markup().join(parts))


def bars(chart: Chart) -> Markup:
    """Horizontal bars: for each label one of each series, the value at its end."""
    left = _left(chart.labels)
    values = [it for series in chart.series for it in series.values if it is not None]
    scale = make_scale(values, start=left, end=WIDTH - _RIGHT, n_ticks=5)
    n_series = max(1, len(chart.series))
    thick = _BAR if n_series == 1 else 14
    step = n_series * thick + _GAP
    height = _TOP + len(chart.labels) * step + _AXIS
    zero = scale.place(0.0)
    parts = [_across(scale, chart.shown, height)]
    for n, label in enumerate(chart.labels):
        top = _TOP + n * step
        parts.append(_row_label(label, left, top + (n_series * thick - _BAR) / 2))
        for colour, series in enumerate(chart.series):
            value = series.values[n]
            if value is None:
                continue
            x, y = scale.place(value), top + colour * thick
            words = f"{label}, {series.name}: {chart.shown(value)}"
            parts.append(_bar(colour, min(x, zero), y, abs(x - zero), words, thick=thick - 1))
            parts.append(_value(chart.shown(value), max(x, zero), y + (thick - _BAR) / 2))
    return _figure(chart, height, Markup().join(parts))


def lines(chart: Chart, band: Band | None = None) -> Markup:
    """A line for each series over labels in their order, with a band behind them."""
    known = [it for series in chart.series for it in series.values if it is not None]
    if band is not None:
        known += [it for it in (*band.low, *band.high) if it is not None]
    bottom = _LINE_HEIGHT - _AXIS
    scale = make_scale(known, start=bottom, end=_TOP + 4, n_ticks=4)
    xs = _xs(len(chart.labels))
    parts = [_up(scale, chart.shown), _labels_below(chart.labels, xs)]
    if band is not None:
        parts += [_band(points, scale) for points in _runs_of_band(band, xs)]
    for colour, series in enumerate(chart.series):
        for run in _runs(series.values, xs):
            parts.append(_line(colour, [(x, scale.place(value)) for x, value in run]))
    return _figure(chart, _LINE_HEIGHT, Markup().join(parts), band=band)


def _sum(chart: Chart, n: int) -> float:
    return sum(max(0.0, series.values[n] or 0.0) for series in chart.series)


def _left(labels: Iterable[str]) -> float:
    longest = max((len(_short(it)) for it in labels), default=0)
    wide = max((_width(_short(it)) for it in labels), default=0.0)
    return 12 + max(wide, longest * 5.0)


def _width(label: str) -> float:
    """About how wide a label is; Chinese characters are twice as wide as others."""
    return sum(_CHARACTER * (1.9 if ord(it) > 0x2E7F else 1.0) for it in label)


def _short(label: str) -> str:
    return label if len(label) <= _LABEL_MAX else label[: _LABEL_MAX - 1] + "…"


def _row_label(label: str, left: float, y: float) -> Markup:
    return Markup('<text class="row" x="{}" y="{}">{}<title>{}</title></text>').format(
        left - 8, y + _BAR / 2 + 4, _short(label), label
    )


def _bar(colour: int, x: float, y: float, wide: float, words: str, *, thick: int = _BAR) -> Markup:
    return Markup(
        '<rect class="s{}" x="{:.2f}" y="{:.2f}" width="{:.2f}" height="{}">'
        "<title>{}</title></rect>"
    ).format(colour % N_COLOURS, x, y, max(wide, 0.5), thick, words)


def _value(words: str, x: float, y: float) -> Markup:
    return Markup('<text class="value" x="{:.2f}" y="{:.2f}">{}</text>').format(
        x + 6, y + _BAR / 2 + 4, words
    )


def _across(scale: Scale, shown: Format, height: float) -> Markup:
    """Lines down from the ticks of a horizontal axis, and what they mean."""
    ticks = scale.ticks if len(scale.ticks) <= 7 else scale.ticks[::2]
    return Markup().join(
        Markup(
            '<line class="grid" x1="{0}" x2="{0}" y1="0" y2="{1}"/>'
            '<text class="tick" x="{0}" y="{2}">{3}</text>'
        ).format(scale.place(tick), height - _AXIS, height - 8, shown(tick))
        for tick in ticks
    )


def _up(scale: Scale, shown: Format) -> Markup:
    return Markup().join(
        Markup(
            '<line class="grid" x1="{0}" x2="{1}" y1="{2}" y2="{2}"/>'
            '<text class="row" x="{3}" y="{4}">{5}</text>'
        ).format(
            _LINE_LEFT,
            WIDTH - 8,
            scale.place(tick),
            _LINE_LEFT - 8,
            scale.place(tick) + 4,
            shown(tick),
        )
        for tick in scale.ticks
    )


def _xs(n: int) -> list[float]:
    step = (WIDTH - 24 - _LINE_LEFT) / max(1, n - 1)
    return [round(_LINE_LEFT + i * step, 2) for i in range(n)]


def _labels_below(labels: Sequence[str], xs: Sequence[float]) -> Markup:
    """As many labels as there is room for, the first always."""
    wide = max((_width(it) for it in labels), default=0.0) + 14
    step = (xs[1] - xs[0]) if len(xs) > 1 else float(WIDTH)
    every = max(1, -(-int(wide) // max(1, int(step))))
    return Markup().join(
        Markup('<text class="tick" x="{}" y="{}">{}</text>').format(x, _LINE_HEIGHT - 6, label)
        for n, (x, label) in enumerate(zip(xs, labels, strict=True))
        if n % every == 0
    )


def _runs(
    values: Sequence[float | None], xs: Sequence[float]
) -> Iterable[list[tuple[float, float]]]:
    """What stands together without a gap."""
    run: list[tuple[float, float]] = []
    for x, value in zip(xs, values, strict=True):
        if value is not None:
            run.append((x, value))
        elif run:
            yield run
            run = []
    if run:
        yield run


def _runs_of_band(band: Band, xs: Sequence[float]) -> Iterable[list[tuple[float, float, float]]]:
    run: list[tuple[float, float, float]] = []
    for x, low, high in zip(xs, band.low, band.high, strict=True):
        if low is not None and high is not None:
            run.append((x, low, high))
        elif run:
            yield run
            run = []
    if run:
        yield run


def _band(points: Sequence[tuple[float, float, float]], scale: Scale) -> Markup:
    edge = [(x, scale.place(high)) for x, _, high in points]
    edge += [(x, scale.place(low)) for x, low, _ in reversed(points)]
    return Markup('<polygon class="band" points="{}"/>').format(_points(edge))


def _line(colour: int, points: Sequence[tuple[float, float]]) -> Markup:
    """A line; of a single point a dot, which would not be seen otherwise."""
    colour %= N_COLOURS
    if len(points) == 1:
        ((x, y),) = points
        return Markup('<circle class="s{}" cx="{}" cy="{}" r="3"/>').format(colour, x, y)
    return Markup('<polyline class="line l{}" points="{}"/>').format(colour, _points(points))


def _points(points: Iterable[tuple[float, float]]) -> str:
    return " ".join(f"{x:g},{y:g}" for x, y in points)


def _figure(chart: Chart, height: float, drawing: Markup, band: Band | None = None) -> Markup:
    return Markup(
        '<figure class="graph"><figcaption>{title}</figcaption>{legend}'
        '<svg viewBox="0 0 {wide} {height:.0f}" role="img" aria-labelledby="{name}-t {name}-d">'
        '<title id="{name}-t">{title}</title><desc id="{name}-d">{about}</desc>{drawing}</svg>'
        "<details><summary>{numbers}</summary>{table}</details></figure>"
    ).format(
        title=chart.title,
        legend=_legend(chart, band),
        wide=WIDTH,
        height=height,
        name=chart.name,
        about=chart.description,
        drawing=drawing,
        numbers=chart.numbers,
        table=_table(chart, band),
    )


def _legend(chart: Chart, band: Band | None) -> Markup:
    if len(chart.series) < 2 and band is None:
        return Markup()
    names = [(f"s{n % N_COLOURS}", it.name) for n, it in enumerate(chart.series)]
    names += [] if band is None else [("band", band.name)]
    return Markup('<ul class="legend">{}</ul>').format(
        Markup().join(
            Markup(
                '<li><svg class="key" viewBox="0 0 12 12" aria-hidden="true">'
                '<rect class="{}" width="12" height="12"/></svg>{}</li>'
            ).format(kind, name)
            for kind, name in names
        )
    )


def _table(chart: Chart, band: Band | None) -> Markup:
    columns: list[tuple[str, Sequence[float | None]]] = [(s.name, s.values) for s in chart.series]
    if band is not None:
        columns += [(f"{band.name} ↓", band.low), (f"{band.name} ↑", band.high)]
    head = Markup().join(Markup('<th scope="col">{}</th>').format(it) for it, _ in columns)
    rows = Markup().join(
        Markup('<tr><th scope="row">{}</th>{}</tr>').format(
            label,
            Markup().join(
                Markup('<td class="number">{}</td>').format(
                    "–" if (value := values[n]) is None else chart.shown(value)
                )
                for _, values in columns
            ),
        )
        for n, label in enumerate(chart.labels)
    )
    return Markup(
        '<table><thead><tr><th scope="col">{}</th>{}</tr></thead><tbody>{}</tbody></table>'
    ).format(chart.label_name, head, rows)
