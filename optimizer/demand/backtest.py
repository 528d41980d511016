"""What the forecasts would have said in the past, against two rivals that everybody can compute.

    naive            the next days sell as much as yesterday each
    seasonal naive   the next days sell as much as the same weekdays of last week

Each is asked at several past days, on what was known then, for the demand of a span. A rival's
quantiles are its point and the quantiles of its own past errors, which is more than it usually
gets. Judged are

    pinball    the mean loss at 50, 90 and 98 %, over the mean demand of a span (Gneiting & Raftery
               2007, J. American Statistical Association 102: it is least for the true quantile)
    bias       Σ (told mean - came) / Σ came; a rival's mean is its point
    coverage   the share of spans that a quantile was enough for; whole numbers make it too large
               where little is sold, never too small

Only spans that could be seen throughout are judged, or the shelf would judge the forecast.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from optimizer.demand.forecast import days_needed, fit
from optimizer.demand.history import Flags, Floats, History
from optimizer.demand.smoothing import WEEK

QUANTILES: Final = (0.5, 0.9, 0.98)
FORECAST, NAIVE, SEASONAL = "forecast", "naive", "seasonal naive"
RIVALS: Final = (FORECAST, NAIVE, SEASONAL)
COVERED_MIN: Final = 0.98


@dataclass(frozen=True, slots=True)
class Score:
    """How one forecaster did. coverage: by quantile. n_spans: what it was judged on."""

    name: str
    pinball: float
    bias: float
    coverage: tuple[float, ...]
    n_spans: int


@dataclass(frozen=True, slots=True)
class _Told:
    """What was told of spans, and what came: flat arrays; quantiles: [quantile, span]."""

    mean: Floats
    quantiles: Floats
    came: Floats


def backtest(
    history: History,
    *,
    span_days: int,
    origins: Sequence[int],
    uplift: Floats | None = None,
    items: Flags | None = None,
) -> list[Score]:
    """The scores of all forecasters, ours first.

    origins: how many days were known, each time. uplift: factors of announced campaigns. items:
    which to judge, None for all; all are always forecast together.
    """
    factors = np.ones_like(history.units) if uplift is None else uplift
    told: dict[str, list[_Told]] = {name: [] for name in RIVALS}
    for n_days in origins:
        if not 2 * WEEK <= n_days <= history.n_days - span_days:
            raise ValueError(f"origins: {n_days} of {history.n_days} days leave no span")
        ahead = slice(n_days, n_days + span_days)
        came = history.units[:, ahead].sum(axis=1)
        is_judged = (history.covered[:, ahead] >= COVERED_MIN).all(axis=1)
        if items is not None:
            is_judged &= items
        for name in RIVALS:
            if name == FORECAST:
                mean, quantiles = _ours(history.until(n_days), span_days, factors, n_days)
            else:
                mean, quantiles = _naive(history.units[:, :n_days], span_days, name)
            told[name].append(_Told(mean[is_judged], quantiles[:, is_judged], came[is_judged]))
    return [_score(name, told[name]) for name in RIVALS]


def _ours(known: History, span_days: int, factors: Floats, n_days: int) -> tuple[Floats, Floats]:
    n_items = len(known.items)
    forecast = fit(
        known,
        span_days=np.full(n_items, span_days, dtype=np.int64),
        uplift=factors[:, :n_days],
    )
    days = np.full(n_items, float(span_days))
    n_ahead = days_needed(0.0, days)
    ahead = np.ones((n_items, n_ahead))
    given = factors[:, n_days : n_days + n_ahead]
    ahead[:, : given.shape[1]] = given
    demand = forecast.over(start_hours=0.0, days=days, uplift=ahead)
    table = demand.table()
    return demand.mean, np.stack([demand.quantile(each, table) for each in QUANTILES])


def _naive(units: Floats, span_days: int, name: str) -> tuple[Floats, Floats]:
    n_days = units.shape[1]
    sums = np.concatenate([np.zeros((len(units), 1)), np.cumsum(units, axis=1)], axis=1)
    ends = np.arange(WEEK * (1 + (span_days - 1) // WEEK), n_days + 1)
    if name == NAIVE:
        points = span_days * units[:, ends - 1]
    else:
        points = np.zeros((len(units), len(ends)))
        for ahead in range(span_days):
            points += units[:, ends - WEEK + ahead % WEEK]
    is_past = ends + span_days <= n_days
    errors = (sums[:, ends[is_past] + span_days] - sums[:, ends[is_past]]) - points[:, is_past]
    point = points[:, -1]
    widths = np.quantile(errors, QUANTILES, axis=1)
    return point, np.maximum(np.rint(point + widths), 0.0)


def _score(name: str, told: Sequence[_Told]) -> Score:
    mean = np.concatenate([each.mean for each in told])
    came = np.concatenate([each.came for each in told])
    quantiles = np.concatenate([each.quantiles for each in told], axis=1)
    total = max(float(came.sum()), 1e-9)
    losses = [
        np.maximum(p * (came - q), (p - 1.0) * (came - q)).sum()
        for p, q in zip(QUANTILES, quantiles, strict=True)
    ]
    coverage = tuple(float((came <= q).mean()) if len(came) else 0.0 for q in quantiles)
    return Score(
        name=name,
        pinball=float(np.mean(losses)) / total,
        bias=float(mean.sum() - came.sum()) / total,
        coverage=coverage,
        n_spans=len(came),
    )
