"""How good the forecasts are, and what they cost: figures for docs/benchmarks/forecasts.md.

    python benchmarks/forecasts.py [--write]

Drawn demand whose truth is known, and a year of a pizza place that others published.
"""

from __future__ import annotations

import os

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(name, "1")

import argparse  # noqa: E402  the thread limits must come first
import sys  # noqa: E402
import time  # noqa: E402
from pathlib import Path  # noqa: E402

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np  # noqa: E402

from benchmarks.measuring import machine, write_page  # noqa: E402
from optimizer.backtest import score_table  # noqa: E402
from optimizer.demand.backtest import backtest  # noqa: E402
from optimizer.demand.forecast import fit, no_uplift  # noqa: E402
from optimizer.demand.history import Flags, History  # noqa: E402
from optimizer.demand.levels import CLASSES, Supply, days_ahead, stock_levels  # noqa: E402
from tests.optimizer.demand.drawn import draw, draw_lumpy  # noqa: E402
from tests.optimizer.demand.pizzaplace import read_pizzaplace  # noqa: E402

PAGE = Path(__file__).parents[1] / "docs/benchmarks/forecasts.md"
N_DAYS = 140
N_ORIGINS = 6
EVERY_DAYS = 8
"""How far apart forecasts are asked for: another weekday each time."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--write", action="store_true", help="put the figures on the page")
    args = parser.parse_args()
    parts = [f"{machine()}.", *_drawn(), *_pizza(), _cost()]
    text = "\n\n".join(parts)
    print(text)
    if args.write:
        write_page(PAGE, "benchmarks/forecasts.py", text)


def _drawn() -> list[str]:
    rng = np.random.default_rng(2026)
    kinds = {
        "steady, with weekdays": draw(rng, n_items=500, n_days=N_DAYS),
        "drifting by 5 % a day": draw(rng, n_items=500, n_days=N_DAYS, drift=0.05),
        "growing by 1 % a day": draw(rng, n_items=500, n_days=N_DAYS, trend=0.01),
        "lumpy, sold on 5 to 30 % of days": draw_lumpy(rng, n_items=500, n_days=N_DAYS),
    }
    return [
        _part(f"Drawn, {name}", kind.history(N_DAYS), span_days)
        for name, kind in kinds.items()
        for span_days in (1, 3)
    ]


def _pizza() -> list[str]:
    history = read_pizzaplace()
    per_day = history.units.sum(axis=1) / history.n_days
    return [
        _part(f"Pizza place, the {items.sum()} items {name}", history, span_days, items, 20)
        for name, items in (
            ("that sell twice a day or more", per_day >= 2.0),
            ("that sell less", per_day < 2.0),
        )
        for span_days in (1, 3)
    ]


def _part(
    title: str,
    history: History,
    span_days: int,
    items: Flags | None = None,
    n_origins: int = N_ORIGINS,
) -> str:
    last = history.n_days - span_days
    origins = [last - EVERY_DAYS * back for back in range(n_origins)]
    scores = backtest(history, span_days=span_days, origins=origins, items=items)
    days = "day" if span_days == 1 else "days"
    return (
        f"**{title}**: the next {span_days} {days}, {scores[0].n_spans} spans\n\n"
        f"{score_table(scores)}"
    )


def _cost() -> str:
    n_items = 2000
    history = draw(np.random.default_rng(1), n_items=n_items, n_days=120).history(120)
    supply = Supply(
        service=(CLASSES["A"],) * n_items,
        lead_days=np.full(n_items, 1.5),
        lead_sd_days=np.full(n_items, 0.3),
        review_days=np.zeros(n_items),
        cycle_days=np.full(n_items, 2.0),
        life_days=np.full(n_items, 7.0),
        critical_ratio=np.full(n_items, 0.5),
    )
    uplift = no_uplift(n_items, days_ahead(supply, 0.0))
    fits, levels = [], []
    for _ in range(5):
        start = time.process_time()
        forecast = fit(history, span_days=supply.span_days)
        fits.append(time.process_time() - start)
        start = time.process_time()
        stock_levels(forecast, supply, start_hours=9.0, uplift=uplift)
        levels.append(time.process_time() - start)
    return (
        f"Processor time for {n_items} items of 120 days, median of 5: {np.median(fits):.2f} s to"
        f" fit, {np.median(levels):.2f} s for the stock levels."
    )


if __name__ == "__main__":
    main()
