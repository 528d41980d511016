"""Forecasts of all items of a warehouse: means by day, and the distribution over any span.

`fit` looks at whole days up to yesterday. The distribution over a span (a lead time, a cycle, a
shelf life) has the mean that the chosen method tells, by the item's hour profile for parts of
days, and the width that past spans of `span_days` have shown: not √ℓ times a daily one, which
would take the errors of a week's days for independent, and they share one level.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np

from optimizer.demand.counts import CountTable, negative_binomial, omega_of
from optimizer.demand.history import HOURS, Flags, Floats, History, Ints
from optimizer.demand.selection import Choice, choose, omegas, residuals, settled_lump
from optimizer.demand.smoothing import WEEK, run_methods
from optimizer.demand.spans import look_back, means_ahead


@dataclass(frozen=True, slots=True)
class Forecast:
    """What is expected, from `first_day` (the day after the history) on. Axes: item, then day.

    level, trend, weekday: the chosen method's state. omega: of spans of span_days; lump: as in
    History, settled. shape: ascending standardised residuals of past spans, nan at the end, for
    items whose distribution is_empirical.
    """

    items: tuple[str, ...]
    first_day: date
    level: Floats
    trend: Floats
    weekday: Floats
    profile: Floats
    omega: Floats
    lump: Floats
    span_days: Ints
    shape: Floats
    is_empirical: Flags
    choice: Choice

    def part(self, rows: slice | Ints) -> Forecast:
        """The forecast of some of the items, in this order; one may come again."""
        choice = self.choice
        chosen = rows if isinstance(rows, slice) else rows.tolist()
        return Forecast(
            items=self.items[chosen]
            if isinstance(chosen, slice)
            else tuple(self.items[row] for row in chosen),
            first_day=self.first_day,
            level=self.level[rows],
            trend=self.trend[rows],
            weekday=self.weekday[rows],
            profile=self.profile[rows],
            omega=self.omega[rows],
            lump=self.lump[rows],
            span_days=self.span_days[rows],
            shape=self.shape[rows],
            is_empirical=self.is_empirical[rows],
            choice=Choice(choice.i_method[rows], choice.is_empirical[rows], choice.loss[rows]),
        )

    def means(self, uplift: Floats) -> Floats:
        """Units of each coming day. uplift: [item, day], as many days as are wanted."""
        return means_ahead(
            self.level,
            self.trend,
            self.weekday,
            first_weekday=self.first_day.weekday(),
            uplift=uplift,
        )

    def over(
        self,
        *,
        start_hours: float,
        days: Floats,
        uplift: Floats,
        length_sd_days: Floats | None = None,
    ) -> Demand:
        """Demand from `start_hours` after the beginning of first_day, `days` long, by item.

        length_sd_days: standard deviation of the span's length: nobody's lead time is certain.
        """
        means = self.means(uplift)
        if start_hours < 0 or start_hours / HOURS + days.max(initial=0.0) > means.shape[1]:
            raise ValueError(
                f"uplift: expected factors of all days of the span, got {means.shape[1]}"
            )
        start = np.full(len(self.items), start_hours / HOURS)
        mean = self._until(means, start + days) - self._until(means, start)
        per_day = np.divide(mean, days, out=np.zeros_like(mean), where=days > 0)
        extra = np.zeros_like(mean) if length_sd_days is None else (per_day * length_sd_days) ** 2
        return Demand(
            mean=np.maximum(mean, 0.0),
            omega=omega_of(mean, omega=self.omega, lump=self.lump, extra_variance=extra),
            shape=self.shape,
            is_empirical=self.is_empirical & (np.nan_to_num(self.shape[:, 0], nan=1.0) < 0.0),
        )

    def _until(self, means: Floats, days: Floats) -> Floats:
        """Units from the beginning of first_day until `days` later, by item."""
        whole = np.minimum(np.floor(days).astype(np.int64), means.shape[1])
        sums = np.concatenate([np.zeros((len(means), 1)), np.cumsum(means, axis=1)], axis=1)
        items = np.arange(len(means))
        before = sums[items, whole]
        hours = (days - whole) * HOURS
        by_hour = np.concatenate(
            [np.zeros((len(means), 1)), np.cumsum(self.profile, axis=1)], axis=1
        )
        i_hour = np.minimum(hours.astype(np.int64), HOURS - 1)
        share = by_hour[items, i_hour] + (hours - i_hour) * self.profile[items, i_hour]
        last = means[items, np.minimum(whole, means.shape[1] - 1)]
        return before + np.where(hours > 0, share * last, 0.0)


@dataclass(frozen=True, slots=True)
class Demand:
    """The distribution of demand over one span, by item."""

    mean: Floats
    omega: Floats
    shape: Floats
    is_empirical: Flags

    @property
    def sd(self) -> Floats:
        """Standard deviation, in units."""
        return np.sqrt(self.mean + self.omega * self.mean**2)

    def table(self) -> CountTable:
        """The negative binomial with this mean and width."""
        return negative_binomial(self.mean, self.omega)

    def quantile(self, probability: Floats | float, table: CountTable | None = None) -> Floats:
        """Units that are not exceeded with this probability, by item or for all; whole numbers.

        Beyond the outermost residual that was seen an empirical quantile is the table's.
        """
        wanted = np.broadcast_to(np.asarray(probability, dtype=np.float64), self.mean.shape)
        told = (table or self.table()).quantile(wanted)
        if not self.is_empirical.any():
            return told
        width, is_inside = _by_residuals(self.shape, wanted)
        seen = np.rint(np.maximum(self.mean + width * self.sd, 0.0))
        return np.where(self.is_empirical, np.where(is_inside, seen, np.maximum(seen, told)), told)


def _by_residuals(shape: Floats, probability: Floats) -> tuple[Floats, Flags]:
    """The residual at a probability (Hyndman & Fan 1996, type 6), and whether it was reached."""
    n_values = np.isfinite(shape).sum(axis=1)
    place = probability * (n_values + 1) - 1.0
    is_inside = (place >= 0) & (place <= n_values - 1)
    top = np.maximum(n_values - 1, 0)
    place = np.clip(place, 0.0, top)
    low = np.floor(place).astype(np.int64)
    items = np.arange(len(shape))
    at_low, at_high = shape[items, low], shape[items, np.minimum(low + 1, top)]
    width: Floats = np.nan_to_num(at_low + (place - low) * (at_high - at_low))
    return width, is_inside


def fit(
    history: History,
    *,
    span_days: Ints,
    uplift: Floats | None = None,
    before: Sequence[tuple[str, str] | None] | None = None,
) -> Forecast:
    """The forecast of every item.

    span_days: by item, the whole days over which its distribution is wanted (protection span,
    rounded up). uplift: [item, day] of the history, factors of the campaigns that were; None
    where there were none. before: method and distribution that each item has now (`Choice.names`).
    """
    if history.n_days < 1:
        raise ValueError("history: expected one day at least")
    spans_wanted = np.clip(span_days, 1, max(1, history.n_days // 2))
    factors = np.ones_like(history.units) if uplift is None else uplift
    states = run_methods(history, factors)
    spans = look_back(history, factors, states, spans_wanted)
    lump = settled_lump(spans, history.lump, spans_wanted)
    choice = choose(
        spans,
        lump=lump,
        span_days=spans_wanted,
        before=None if before is None else list(before),
    )
    items = np.arange(len(history.items))
    omega = omegas(spans, lump=lump, span_days=spans_wanted)
    shape = residuals(spans, omega, lump)[choice.i_method, items]
    return Forecast(
        items=history.items,
        first_day=history.first_day + timedelta(days=history.n_days),
        level=states.level[choice.i_method, -1, items],
        trend=states.trend[choice.i_method, -1, items],
        weekday=states.weekday[-1],
        profile=history.profile,
        omega=omega[choice.i_method, items],
        lump=lump,
        span_days=spans_wanted,
        shape=np.sort(shape, axis=1) if shape.shape[1] else np.full((len(items), 1), np.nan),
        is_empirical=choice.is_empirical,
        choice=choice,
    )


def no_uplift(n_items: int, n_days: int) -> Floats:
    """Factors where nothing is announced."""
    return np.ones((n_items, n_days))


def days_needed(start_hours: float, days: Floats) -> int:
    """How many days of factors a span needs."""
    return int(np.ceil(start_hours / HOURS + days.max(initial=0.0))) + 1


def week_of(forecast: Forecast) -> Floats:
    """The mean of the next seven days, [item, day], where nothing is announced."""
    return forecast.means(no_uplift(len(forecast.items), WEEK))
