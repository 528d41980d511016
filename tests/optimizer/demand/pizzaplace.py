"""A year of a pizza place, 91 items by hour: the data of others on which forecasts are judged.

Source and licence: tests/golden/NOTICE.md. Closed days are hours without stock.
"""

from __future__ import annotations

import csv
import gzip
from datetime import date
from functools import cache
from pathlib import Path

import numpy as np

from optimizer.demand.history import HOURS, History, Outages, make_history

TABLE = Path(__file__).parents[2] / "golden/demand/pizzaplace.csv.gz"
FIRST_DAY = date(2015, 1, 1)
N_DAYS = 365


@cache
def read_pizzaplace() -> History:
    """The whole year, items by name and size."""
    with gzip.open(TABLE, "rt", encoding="ascii") as file:
        rows = list(csv.DictReader(file))
    items = sorted({row["item"] for row in rows})
    index = {item: i for i, item in enumerate(items)}
    units = np.zeros((len(items), N_DAYS))
    hour_units, squares = np.zeros((len(items), HOURS)), np.zeros(len(items))
    for row in rows:
        i, n = index[row["item"]], float(row["units"])
        units[i, (date.fromisoformat(row["date"]) - FIRST_DAY).days] += n
        hour_units[i, int(row["hour"])] += n
        squares[i] += float(row["squares"])
    closed = np.flatnonzero(units.sum(axis=0) == 0)
    item, day, hour = np.meshgrid(np.arange(len(items)), closed, np.arange(HOURS), indexing="ij")
    return make_history(
        items,
        FIRST_DAY,
        units=units,
        hour_units=hour_units,
        outages=Outages(
            i_item=item.ravel(), i_day=day.ravel(), hour=hour.ravel(), share=np.ones(item.size)
        ),
        i_listed=np.zeros(len(items), dtype=np.int64),
        squares=squares,
    )
