"""An item's demand as a chart: what was sold each day, and what is expected with its band."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, timedelta
from math import sqrt
from typing import Final

from markupsafe import Markup

from cloud_sync.contract import documents as doc
from cloud_sync.dashboard import charts
from cloud_sync.dashboard.languages import Words
from cloud_sync.dashboard.views import number

PAST_DAYS: Final = 28
AHEAD_DAYS: Final = 7
BAND_Z: Final = 1.645
"""Of normally spread demand nine days in ten lie within so many standard deviations."""


def days_before(today: str, n: int = PAST_DAYS) -> list[str]:
    """The `n` days before a day, the first first."""
    end = date.fromisoformat(today)
    return [str(end - timedelta(days)) for days in range(n, 0, -1)]


def draw_demand(
    sold: Mapping[str, int], policies: Iterable[doc.Policy], *, today: str, words: Words
) -> Markup:
    """The chart of the warehouses together: their demands add up, and so do their variances.

    sold: pieces by day; a day without is one on which nothing was sold, and before the first
    nobody knows. Today, which is not over, is neither past nor expected.
    """
    kept = list(policies)
    mean = sum(it.demand_units_per_day for it in kept)
    spread = BAND_Z * sqrt(sum(it.demand_sd_units_per_day**2 for it in kept))
    past = days_before(today)
    ahead = [str(date.fromisoformat(today) + timedelta(n)) for n in range(1, AHEAD_DAYS + 1)]
    first = min(sold, default=today)
    known = (float(sold.get(it, 0)) if it >= first else None for it in past)
    none = (None,) * len(past)
    expected = (mean if kept else None,) * len(ahead)
    t = words.say
    chart = charts.Chart(
        name="demand",
        title=t("item.demand_title"),
        description=t("item.demand_about", past=PAST_DAYS, ahead=AHEAD_DAYS),
        label_name=t("item.day"),
        numbers=t("item.numbers"),
        labels=tuple(it[5:] for it in (*past, *ahead)),
        series=(
            charts.Series(t("item.sold"), (*known, *(None for _ in ahead))),
            charts.Series(t("item.expected"), (*none, *expected)),
        ),
        shown=lambda n: number(n, 0 if n == round(n) else 1),
    )
    low = (max(0.0, mean - spread) if kept else None,) * len(ahead)
    high = (mean + spread if kept else None,) * len(ahead)
    return charts.lines(chart, charts.Band(t("item.band"), (*none, *low), (*none, *high)))
