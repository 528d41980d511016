"""What the reports say, reckoned from sums by day (demand/day_sums.py); pure.

Every figure is of one or several warehouses over whole days, both ends included.

    mean stock       mean over the days of what stood there at the end of each
    turns a year     sold / mean stock · 365 / days
    days of stock    mean stock / (sold / days)
    fill rate        sold / (sold + short)
    margin           sold · (net price - cost) - wasted · cost
    per hour         deeds / hours at work, an hour at work being one with a deed in it
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final, NamedTuple

from cloud_sync.store.worth import ItemWorth

YEAR_DAYS: Final = 365


class Goods(NamedTuple):
    """An item in the unit it is counted in."""

    item: str
    unit: str


def days_between(first: str, last: str) -> list[str]:
    """The days from one to another, both included; none if they are the wrong way round."""
    start, end = date.fromisoformat(first), date.fromisoformat(last)
    return [(start + timedelta(n)).isoformat() for n in range((end - start).days + 1)]


def days_before(day: str, first: str, last: str) -> int:
    """How many days of a period were over before a day."""
    return len(days_between(first, min(day, last))) - (day <= last)


def mean_stock(
    on_hand: Mapping[Goods, int], undone: Mapping[Goods, int], *, n_days: int
) -> dict[Goods, float]:
    """The mean of the stock at the end of each day, reckoned back from what is there now.

    What changed on a day is missing at the ends of the days before it, so

        mean = on hand - sum of changes · (days of the period before the change) / days

    undone: that sum, of all changes since the first day; what counts corrected is among them, or
    the past would be off by it.
    """
    goods = on_hand.keys() | undone.keys()
    return {it: on_hand.get(it, 0) - undone.get(it, 0) / n_days for it in goods}


@dataclass(frozen=True, slots=True)
class Turnover:
    """How fast an item goes. turns, days_of_stock: None where there was no stock, or no sale."""

    goods: Goods
    sold: int
    mean_stock: float
    turns: float | None
    days_of_stock: float | None


def turnover(
    sold: Mapping[Goods, int], means: Mapping[Goods, float], *, n_days: int
) -> list[Turnover]:
    """By item, what lies longest first: what was never sold at the top."""
    found = []
    for goods in sold.keys() | means.keys():
        n, mean = sold.get(goods, 0), means.get(goods, 0.0)
        if n == 0 and mean <= 0:
            continue
        turns = n / mean * YEAR_DAYS / n_days if mean > 0 else None
        lasts = mean / (n / n_days) if n > 0 and mean >= 0 else None
        found.append(Turnover(goods, n, mean, turns, lasts))
    found.sort(key=lambda it: (-(it.days_of_stock or float("inf")), it.goods))
    return found


UNKNOWN_WORTH: Final = ItemWorth(None, None, "")


@dataclass(frozen=True, slots=True)
class Profit:
    """What an item earned, in minor units; None where its price or cost is not known."""

    goods: Goods
    sold: int
    wasted: int
    revenue: float | None
    cost: float | None
    wasted_cost: float | None
    currency: str

    @property
    def margin(self) -> float | None:
        if self.revenue is None or self.cost is None or self.wasted_cost is None:
            return None
        return self.revenue - self.cost - self.wasted_cost

    @property
    def margin_share(self) -> float | None:
        """Of the revenue."""
        return self.margin / self.revenue if self.margin is not None and self.revenue else None


def profitability(
    sold: Mapping[Goods, int], wasted: Mapping[Goods, int], worth: Mapping[str, ItemWorth]
) -> list[Profit]:
    """By item, what earned most first; of what is not known nothing is guessed, and it is last."""
    found = []
    for goods in sold.keys() | wasted.keys():
        n, lost = sold.get(goods, 0), wasted.get(goods, 0)
        of = worth.get(goods.item, UNKNOWN_WORTH) if goods.unit == "EA" else UNKNOWN_WORTH
        found.append(
            Profit(
                goods, n, lost,
                None if of.net_price is None else n * of.net_price,
                None if of.cost is None else n * of.cost,
                None if of.cost is None else lost * of.cost,
                of.currency,
            )
        )  # fmt: skip
    found.sort(key=lambda it: (it.margin is None, -(it.margin or 0.0), it.goods))
    return found


def added(several: Iterable[Profit]) -> list[Profit]:
    """The same of several warehouses: sums by item and currency."""
    sums: dict[tuple[Goods, str], Profit] = {}
    for it in several:
        known = sums.get((it.goods, it.currency))
        sums[it.goods, it.currency] = it if known is None else Profit(
            it.goods, known.sold + it.sold, known.wasted + it.wasted,
            _plus(known.revenue, it.revenue), _plus(known.cost, it.cost),
            _plus(known.wasted_cost, it.wasted_cost), it.currency,
        )  # fmt: skip
    return sorted(sums.values(), key=lambda it: (it.margin is None, -(it.margin or 0.0), it.goods))


def _plus(a: float | None, b: float | None) -> float | None:
    return None if a is None or b is None else a + b


@dataclass(frozen=True, slots=True)
class Waste:
    """What went to waste for one reason: pieces, grams, and what it had cost by currency.

    n_unknown: pieces of which nobody says what they cost.
    """

    reason: str
    units: int
    grams: int
    cost: Mapping[str, float]
    n_unknown: int


def waste_by_reason(
    wasted: Iterable[tuple[Goods, str, int]], worth: Mapping[str, ItemWorth]
) -> list[Waste]:
    """Most pieces first. wasted: goods, reason and quantity, in any order and number."""
    units: Counter[str] = Counter()
    grams: Counter[str] = Counter()
    unknown: Counter[str] = Counter()
    cost: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for goods, reason, n in wasted:
        (units if goods.unit == "EA" else grams)[reason] += n
        of = worth.get(goods.item, UNKNOWN_WORTH)
        if goods.unit != "EA":
            continue
        if of.cost is None:
            unknown[reason] += n
        else:
            cost[reason][of.currency] += n * of.cost  # type: ignore[assignment]  # a Counter adds floats as well
    found = [
        Waste(it, units[it], grams[it], dict(cost[it]), unknown[it])
        for it in units.keys() | grams.keys()
        if units[it] or grams[it]
    ]
    return sorted(found, key=lambda it: (-it.units, -it.grams, it.reason))


@dataclass(frozen=True, slots=True)
class Filled:
    """What was asked for of one day or item, and how much of it was there."""

    name: str
    sold: int
    short: int

    @property
    def rate(self) -> float | None:
        """None where nothing was asked for."""
        asked = self.sold + self.short
        return self.sold / asked if asked > 0 else None


def fill_rates(
    sold: Mapping[str, int], short: Mapping[str, int], names: Sequence[str]
) -> list[Filled]:
    """One for each name, in their order; what was taken back of another day counts as nothing."""
    return [Filled(it, max(0, sold.get(it, 0)), max(0, short.get(it, 0))) for it in names]


@dataclass(frozen=True, slots=True)
class Work:
    """What a worker did. by_type: deeds by the type of event; units: pieces that stood in them."""

    worker: str
    deeds: int
    units: int
    hours: int
    by_type: Mapping[str, int]

    @property
    def deeds_per_hour(self) -> float | None:
        return self.deeds / self.hours if self.hours else None

    @property
    def units_per_hour(self) -> float | None:
        return self.units / self.hours if self.hours else None


def productivity(
    deeds: Mapping[tuple[str, str], int],
    units: Mapping[str, int],
    hours: Iterable[tuple[str, str, str]],
) -> list[Work]:
    """By worker, most deeds first. deeds: by worker and type; hours: worker, day and hour."""
    types: defaultdict[str, dict[str, int]] = defaultdict(dict)
    for (worker, kind), n in deeds.items():
        types[worker][kind] = types[worker].get(kind, 0) + n
    worked = Counter(worker for worker, _, _ in set(hours))
    found = [
        Work(
            worker,
            sum(of.values()),
            units.get(worker, 0),
            worked[worker],
            dict(sorted(of.items())),
        )
        for worker, of in types.items()
    ]
    return sorted(found, key=lambda it: (-it.deeds, it.worker))
