"""From a demand book to stock levels, as JSON: the door for processes that hold no numpy.

    job     {"format": "forepost-demand/1", "warehouse": ID, "first_day": DAY, "n_days": N,
             "now_hours": H, "hour_length": [[day, hour, hours], …], "campaigns": [campaign, …],
             "served": {"A": share, …}, "items": [item, …]}
    item    {"item": GTIN, "units": [N numbers], "hour_units": [24 numbers], "squares": q,
             "listed_day": day, "outages": [[day, hour, hours], …], "service_class": "A",
             "lead_days": L, "lead_sd_days": σ, "review_days": R, "cycle_days": C,
             "life_days": days, "critical_ratio": ρ, "stakes": [p, c, h],
             "method": [method, distribution]}
    campaign {"items": [GTIN, …], "days": [[day, 24 factors …], …]}; no items: all of them
    answer  {"format": "forepost-stock-levels/1", "warehouse": ID, "first_day": DAY,
             "items": [{"item", "units_per_day", "sd_units_per_day", "safety_stock",
             "reorder_point", "order_up_to", "is_capped", "mean_units", "sd_units",
             "covered_days",
             "service_class", "method", "levels_by": "service" or "worth", "stakes": [p, c, h],
             "days": [mean of each coming day], "hours": [24 shares]}, …]}

A DAY is YYYY-MM-DD; days are counted from first_day: history is 0 to N - 1, today is N, and
campaigns may name any.
now_hours: how far today is. hour_length: the hours that were not one hour long, where clocks were
changed. outages: hours without usable stock. squares: the sum of the squared quantities of its
sales. May be left out of an item: listed_day 0, squares 0 (not counted), no outages,
service_class (A, B or C by units sold), lead_sd_days 0, review_days 0, life_days (it keeps),
critical_ratio 0.5, stakes (money per unit that is lost, that is wasted, and that is held for a
day; with them levels go by worth, without by service), method (what the last answer said; none
before). served: of each class named, the share of what is asked of its items with stakes that is
to be served; what is lost is then worth so many times p as it takes, and the answer's stakes say
so. covered_days: how many days' demand could be seen; an item that was never in stock is
forecast at nothing, and nobody knows.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final

import numpy as np

from optimizer.case_reader import Reader
from optimizer.demand.balance import Stakes
from optimizer.demand.forecast import Forecast, fit
from optimizer.demand.history import HOURS, Floats, History, Ints, Outages, make_history
from optimizer.demand.levels import (
    CLASSES,
    Levels,
    Supply,
    abc_classes,
    days_ahead,
    levels_by_worth,
    price_by_share,
    stock_levels,
)
from optimizer.errors import CaseError

JOB_FORMAT: Final = "forepost-demand/1"
ANSWER_FORMAT: Final = "forepost-stock-levels/1"
SHOWN_DAYS: Final = 14
EVEN_CHANCE: Final = 0.5
_DAYS_MAX: Final = 1000


@dataclass(frozen=True, slots=True)
class _Job:
    """A job that was read: arrays by item, in the order of the job. campaigns: items by index,
    and the 24 factors of each day."""

    warehouse: str
    now_hours: float
    history: History
    supply: Supply
    stakes: Stakes
    served: dict[str, float]
    classes: list[str]
    before: list[tuple[str, str] | None]
    campaigns: list[tuple[list[int], dict[int, list[float]]]]


@dataclass(frozen=True, slots=True)
class _Item:
    """One item of a job as it was read."""

    item: str
    units: list[float]
    hour_units: list[float]
    squares: float
    i_listed: int
    outages: tuple[tuple[float, ...], ...]
    service_class: str | None
    days: tuple[float, float, float, float]
    life_days: float
    critical_ratio: float
    stakes: tuple[float, float, float]
    method: tuple[str, str] | None


def answer_job(job: Mapping[str, object]) -> dict[str, object]:
    """The answer to a job. Raises CaseError naming the key at fault."""
    read = _read(job)
    n_days = read.history.n_days
    n_ahead = max(days_ahead(read.supply, read.now_hours), SHOWN_DAYS)
    factors = _factors(read, n_days + n_ahead)
    forecast = fit(
        read.history,
        span_days=read.supply.span_days,
        uplift=factors[:, :n_days],
        before=read.before,
    )
    ahead = factors[:, n_days:]
    levels = stock_levels(forecast, read.supply, start_hours=read.now_hours, uplift=ahead)
    stakes = read.stakes
    if (stakes.lost > 0).any():
        hours, supply = read.now_hours, read.supply
        stakes = price_by_share(
            forecast, supply, stakes, _groups(read), start_hours=hours, uplift=ahead
        )
        levels = levels_by_worth(levels, forecast, supply, stakes, start_hours=hours, uplift=ahead)
    return {
        "format": ANSWER_FORMAT,
        "warehouse": read.warehouse,
        "first_day": forecast.first_day.isoformat(),
        "items": _rows(read, forecast, levels, stakes, forecast.means(ahead)),
    }


def read_history(job: Mapping[str, object]) -> tuple[History, Floats]:
    """A job's history, and the campaign factors of its days. Raises as `answer_job` does."""
    read = _read(job)
    return read.history, _factors(read, read.history.n_days)


def _groups(read: _Job) -> list[tuple[Ints, float]]:
    """The items with stakes of each class of which a share is to be served."""
    has_stakes = read.stakes.lost > 0
    of_class = np.array(read.classes)
    groups = [
        (np.flatnonzero(has_stakes & (of_class == name)), share)
        for name, share in sorted(read.served.items())
    ]
    return [(items, share) for items, share in groups if len(items)]


def _rows(
    read: _Job, forecast: Forecast, levels: Levels, stakes: Stakes, means: Floats
) -> list[dict[str, object]]:
    # What the sd would be of one day if the days of the span were independent.
    one_day = np.sqrt(np.maximum(read.supply.protected_days, 1.0))
    names = forecast.choice.names()
    covered = np.minimum(read.history.covered, 1.0).sum(axis=1)
    return [
        {
            "item": item,
            "units_per_day": _short(means[i, :7].mean()),
            "sd_units_per_day": _short(levels.sd[i] / one_day[i]),
            "safety_stock": int(levels.safety_stock[i]),
            "reorder_point": int(levels.reorder_point[i]),
            "order_up_to": int(levels.order_up_to[i]),
            "is_capped": bool(levels.is_capped[i]),
            "mean_units": _short(levels.mean[i]),
            "sd_units": _short(levels.sd[i]),
            "covered_days": _short(covered[i]),
            "service_class": read.classes[i],
            "method": list(names[i]),
            **_worth(stakes, i),
            "days": [_short(it) for it in means[i, :SHOWN_DAYS]],
            "hours": [_short(it) for it in forecast.profile[i]],
        }
        for i, item in enumerate(forecast.items)
    ]


def _worth(stakes: Stakes, i: int) -> dict[str, object]:
    """By what an item's levels go."""
    at_stake = (stakes.lost[i], stakes.waste[i], stakes.holding[i])
    if not at_stake[0] > 0:
        return {"levels_by": "service"}
    return {"levels_by": "worth", "stakes": [float(f"{it:.9g}") for it in at_stake]}


def _short(number: float) -> float:
    return round(float(number), 5)


def _factors(read: _Job, n_days: int) -> Floats:
    """Campaign factors by day, [item, day]: those of the hours weighed by the hour profile."""
    factors = np.ones((len(read.history.items), n_days))
    for items, days in read.campaigns:
        for day, by_hour in days.items():
            if 0 <= day < n_days:
                factors[items, day] *= read.history.profile[items] @ np.array(by_hour)
    return factors


def _read(job: Mapping[str, object]) -> _Job:
    reader = Reader("", job)
    if reader.text("format") != JOB_FORMAT:
        raise CaseError("format", job.get("format"), JOB_FORMAT)
    n_days = reader.whole("n_days", low=1, high=_DAYS_MAX)
    items = [_item(each, n_days) for each in reader.entries("items")]
    if len({it.item for it in items}) < len(items):
        raise CaseError("items", "", "each item once")
    history = _history(reader, items, n_days)
    by_units = abc_classes(history.units[:, -28:].sum(axis=1))
    classes = [it.service_class or by_units[i] for i, it in enumerate(items)]
    read = _Job(
        warehouse=reader.text("warehouse"),
        now_hours=reader.optional("now_hours", low=0, high=HOURS) or 0.0,
        history=history,
        supply=_supply(items, classes),
        stakes=Stakes(*np.array([it.stakes for it in items], dtype=np.float64).reshape(-1, 3).T),
        served=_served(reader),
        classes=classes,
        before=[it.method for it in items],
        campaigns=_campaigns(reader, {it.item: i for i, it in enumerate(items)}),
    )
    reader.finish()
    return read


def _item(reader: Reader, n_days: int) -> _Item:
    name = reader.optional_text("service_class")
    if name is not None and name not in CLASSES:
        raise CaseError(reader.at("service_class"), name, f"one of {', '.join(CLASSES)}")
    method = reader.texts("method") if reader.has("method") else ()
    ratio = reader.optional("critical_ratio", low=0.01, high=0.99)
    item = _Item(
        item=reader.text("item"),
        units=_row(reader, "units", n_days),
        hour_units=_row(reader, "hour_units", HOURS),
        squares=reader.optional("squares", low=0) or 0.0,
        i_listed=reader.whole("listed_day", low=0, high=n_days) if reader.has("listed_day") else 0,
        outages=_cells(reader, "outages", n_days),
        service_class=name,
        days=(
            reader.number("lead_days", low=0, high=365),
            reader.optional("lead_sd_days", low=0, high=365) or 0.0,
            reader.optional("review_days", low=0, high=365) or 0.0,
            reader.number("cycle_days", low=0, high=365),
        ),
        life_days=math.inf if (life := reader.optional("life_days", low=0)) is None else life,
        stakes=_stakes(reader),
        critical_ratio=EVEN_CHANCE if ratio is None else ratio,
        method=(method[0], method[1]) if len(method) == 2 else None,
    )
    reader.finish()
    return item


def _stakes(reader: Reader) -> tuple[float, float, float]:
    """What a lost, a wasted and a held unit cost; a price of 0: levels go by service."""
    if not reader.has("stakes"):
        return 0.0, 0.0, 0.0
    numbers = reader.numbers("stakes", low=0)
    if len(numbers) != 3 or not numbers[0] > 0:
        raise CaseError(reader.at("stakes"), numbers, "three numbers, the first above 0")
    return numbers[0], numbers[1], numbers[2]


def _served(reader: Reader) -> dict[str, float]:
    if not reader.has("served"):
        return {}
    shares = reader.entry("served")
    found = {
        name: share
        for name in CLASSES
        if (share := shares.optional(name, low=0.01, high=0.9999)) is not None
    }
    shares.finish()
    return found


def _history(reader: Reader, items: Sequence[_Item], n_days: int) -> History:
    length = np.ones((n_days, HOURS))
    for day, hour, hours in _cells(reader, "hour_length", n_days):
        length[int(day), int(hour)] = hours
    cells = [(i, *cell) for i, it in enumerate(items) for cell in it.outages]
    columns = np.array(cells, dtype=np.float64).reshape(-1, 4)
    whole = columns[:, :3].astype(np.int64)
    try:
        first_day = date.fromisoformat(reader.text("first_day"))
    except ValueError as error:
        raise CaseError("first_day", str(error), "a day, YYYY-MM-DD") from error
    return make_history(
        [it.item for it in items],
        first_day,
        units=np.array([it.units for it in items], dtype=np.float64),
        hour_units=np.array([it.hour_units for it in items], dtype=np.float64),
        outages=Outages(
            i_item=whole[:, 0], i_day=whole[:, 1], hour=whole[:, 2], share=columns[:, 3]
        ),
        i_listed=np.array([it.i_listed for it in items], dtype=np.int64),
        squares=np.array([it.squares for it in items], dtype=np.float64),
        hour_length=length,
    )


def _supply(items: Sequence[_Item], classes: Sequence[str]) -> Supply:
    lead, lead_sd, review, cycle = (
        np.array(column, dtype=np.float64)
        for column in zip(*(it.days for it in items), strict=True)
    )
    return Supply(
        service=tuple(CLASSES[name] for name in classes),
        lead_days=lead,
        lead_sd_days=lead_sd,
        review_days=review,
        cycle_days=cycle,
        life_days=np.array([it.life_days for it in items]),
        critical_ratio=np.array([it.critical_ratio for it in items]),
    )


def _campaigns(
    reader: Reader, index: Mapping[str, int]
) -> list[tuple[list[int], dict[int, list[float]]]]:
    if not reader.has("campaigns"):
        return []
    found = []
    for each in reader.entries("campaigns"):
        names = each.texts("items")
        days: dict[int, list[float]] = {}
        for row in each.matrix("days", low=0, high=1000):
            if len(row) != 1 + HOURS:
                raise CaseError(each.at("days"), row, "a day and 24 factors")
            days[int(row[0])] = list(row[1:])
        each.finish()
        # An item that is not kept here is no mistake: campaigns are told to all warehouses.
        chosen = [index[name] for name in names if name in index] if names else [*index.values()]
        found.append((chosen, days))
    return found


def _row(reader: Reader, key: str, n: int) -> list[float]:
    values = reader.numbers(key, low=0)
    if len(values) != n:
        raise CaseError(reader.at(key), f"{len(values)} numbers", f"{n} numbers")
    return values


def _cells(reader: Reader, key: str, n_days: int) -> tuple[tuple[float, ...], ...]:
    """[day, hour, hours] triples of the history."""
    if not reader.has(key):
        return ()
    cells = reader.matrix(key, low=0, high=_DAYS_MAX)
    for cell in cells:
        if len(cell) != 3 or not (cell[0] < n_days and cell[1] < HOURS and cell[2] <= 2):
            raise CaseError(reader.at(key), list(cell), "[day, hour, hours] of the history")
    return cells
