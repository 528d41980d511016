"""Safety stock, reorder point and order-up-to level from the distribution of demand.

    D_L   demand over lead time plus review period, the time until what is ordered now is there
    D_C   demand over that and the order cycle, until what is ordered next is there

Service, per class of items:

    cycle   P(D_L ≤ s) ≥ α: the share of cycles without a stock-out           s = quantile α of D_L
    fill    E[(D_L - s)+] ≤ (1 - β) E[demand of a cycle]: the share of demand served from the shelf
            (Silver, Pyke & Thomas, Inventory and Production Management in Supply Chains, the rule
            for the fraction P2)

    order-up-to S    the same rule for D_C: what optimizer/order_lines.py fills up to
    safety stock     s - E[D_L], not below 0
    reorder point    s, but below S

Goods with a short life are a newsvendor's: a unit ordered today is sold before it is bad only if
demand over lead time and life reaches it. S is at most the quantile of that demand at the critical
ratio (price - cost) / (price - cost + loss), Arrow, Harris & Marschak (1951): what a unit earns
against what it loses. Where it binds, the service that was asked for cannot be had, and the
answer says so (`is_capped`).

Everything is rounded up to whole units, the cap down.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np

from optimizer.demand.balance import Exposure, Stakes, balanced_levels, lost_price
from optimizer.demand.forecast import Demand, Forecast, days_needed
from optimizer.demand.history import Flags, Floats, Ints

Measure = Literal["cycle", "fill"]


@dataclass(frozen=True, slots=True)
class ServiceClass:
    """What is promised for a class of items. target: 0.98 for 98 %."""

    target: float
    measure: Measure

    def __post_init__(self) -> None:
        if not 0.0 < self.target < 1.0:
            raise ValueError(f"target: expected a share between 0 and 1, got {self.target}")


CLASSES: Final = {
    "A": ServiceClass(target=0.98, measure="cycle"),
    "B": ServiceClass(target=0.95, measure="cycle"),
    "C": ServiceClass(target=0.90, measure="cycle"),
}
"""What is promised where nothing else is said: A sells most, C least."""


@dataclass(frozen=True, slots=True)
class Supply:
    """How items are supplied, by item; arrays in days.

    review_days: how long a low position may go unseen (0: every sale is looked at). cycle_days:
    from one delivery to the next. life_days: from arrival to the last sale, inf if it keeps.
    critical_ratio: what a sold unit earns over that and what an unsold one loses.
    """

    service: tuple[ServiceClass, ...]
    lead_days: Floats
    lead_sd_days: Floats
    review_days: Floats
    cycle_days: Floats
    life_days: Floats
    critical_ratio: Floats

    def __post_init__(self) -> None:
        for name in ("lead_days", "lead_sd_days", "review_days", "cycle_days", "life_days"):
            column: Floats = getattr(self, name)
            if len(column) != len(self.service) or not (column >= 0).all():
                raise ValueError(f"{name}: expected {len(self.service)} numbers from 0")
        ratio = self.critical_ratio
        if len(ratio) != len(self.service) or not ((ratio > 0) & (ratio < 1)).all():
            raise ValueError("critical_ratio: expected shares between 0 and 1")

    @property
    def protected_days(self) -> Floats:
        """The time that the reorder point has to last."""
        return self.lead_days + self.review_days

    @property
    def span_days(self) -> Ints:
        """Whole days of the span whose distribution matters most, for `fit`."""
        return np.maximum(np.ceil(self.protected_days), 1.0).astype(np.int64)


@dataclass(frozen=True, slots=True)
class Levels:
    """By item, in whole units. mean, sd: of demand over the protected time."""

    safety_stock: Ints
    reorder_point: Ints
    order_up_to: Ints
    is_capped: Flags
    mean: Floats
    sd: Floats


LIFE_DAYS_MAX: Final = 60.0
"""No look further ahead: what lives longer is never a newsvendor's."""


def stock_levels(
    forecast: Forecast, supply: Supply, *, start_hours: float, uplift: Floats
) -> Levels:
    """The levels of every item now, `start_hours` into the forecast's first day.

    uplift: [item, day], factors of announced campaigns, for `days_ahead(supply)` days at least.
    """
    protected = forecast.over(
        start_hours=start_hours,
        days=supply.protected_days,
        uplift=uplift,
        length_sd_days=supply.lead_sd_days,
    )
    whole_days = supply.protected_days + supply.cycle_days
    whole = forecast.over(
        start_hours=start_hours, days=whole_days, uplift=uplift, length_sd_days=supply.lead_sd_days
    )
    of_cycle = np.maximum(whole.mean - protected.mean, 0.0)
    reorder = _level(protected, supply.service, of_cycle)
    up_to = np.maximum(_level(whole, supply.service, of_cycle), np.ceil(reorder + of_cycle))
    cap = _sold_in_life(forecast, supply, start_hours=start_hours, uplift=uplift)
    is_capped = cap < up_to
    up_to = np.minimum(up_to, cap)
    reorder = np.clip(np.minimum(reorder, up_to - 1.0), 0.0, None)
    return Levels(
        safety_stock=_whole(np.maximum(reorder - protected.mean, 0.0)),
        reorder_point=_whole(reorder),
        order_up_to=_whole(up_to),
        is_capped=is_capped,
        mean=protected.mean,
        sd=protected.sd,
    )


def levels_by_worth(
    levels: Levels,
    forecast: Forecast,
    supply: Supply,
    stakes: Stakes,
    *,
    start_hours: float,
    uplift: Floats,
) -> Levels:
    """By worth (balance.py) where a lost unit has a price, else the levels as they are."""

    def balanced(days: Floats) -> Floats:
        exposure = _exposure(forecast, supply, days, start_hours=start_hours, uplift=uplift)
        return balanced_levels(exposure, stakes).astype(np.float64)

    is_priced = stakes.lost > 0
    up_to = balanced(supply.protected_days + supply.cycle_days)
    reorder = np.clip(np.minimum(balanced(supply.protected_days), up_to - 1.0), 0.0, None)
    safety = _whole(np.maximum(reorder - levels.mean, 0.0))
    return Levels(
        safety_stock=np.where(is_priced, safety, levels.safety_stock),
        reorder_point=np.where(is_priced, _whole(reorder), levels.reorder_point),
        order_up_to=np.where(is_priced, _whole(up_to), levels.order_up_to),
        is_capped=levels.is_capped & ~is_priced,
        mean=levels.mean,
        sd=levels.sd,
    )


def price_by_share(
    forecast: Forecast,
    supply: Supply,
    stakes: Stakes,
    shares: Sequence[tuple[Ints, float]],
    *,
    start_hours: float,
    uplift: Floats,
) -> Stakes:
    """The stakes with lost units as dear as it takes to serve these shares of all units.

    shares: groups of items, and the share of what is asked of each group that is to be served;
    `Stakes.lost` says what a lost unit of an item is worth among those of its group.
    """
    days = supply.protected_days + supply.cycle_days
    price = np.ones(len(stakes.lost))
    for items, share in shares:
        exposure = _exposure(
            forecast, supply, days, start_hours=start_hours, uplift=uplift, items=items
        )
        price[items] = lost_price([(exposure, stakes.only(items))], share=share)
    return stakes.priced(price)


def _exposure(
    forecast: Forecast,
    supply: Supply,
    days: Floats,
    *,
    start_hours: float,
    uplift: Floats,
    items: Ints | None = None,
) -> Exposure:
    """What a level meets that has to last these days. items: of these only, None for all."""
    chosen = slice(None) if items is None else items
    life = np.where(supply.life_days <= LIFE_DAYS_MAX, supply.life_days, np.inf)
    to_its_end = supply.lead_days + np.where(np.isinf(life), 0.0, life)
    demand = forecast.over(
        start_hours=start_hours, days=days, uplift=uplift, length_sd_days=supply.lead_sd_days
    )
    sold = forecast.over(start_hours=start_hours, days=to_its_end, uplift=uplift)
    return Exposure.of(
        cycle=(demand.mean[chosen], demand.omega[chosen]),
        life=(sold.mean[chosen], sold.omega[chosen]),
        cycle_days=np.maximum(supply.cycle_days, 1.0)[chosen],
        life_days=life[chosen],
    )


def days_ahead(supply: Supply, start_hours: float) -> int:
    """How many days of campaign factors `stock_levels` needs."""
    life = supply.lead_days + np.minimum(supply.life_days, LIFE_DAYS_MAX)
    return days_needed(start_hours, np.maximum(supply.protected_days + supply.cycle_days, life))


def abc_classes(
    value_per_day: Floats, *, a_share: float = 0.8, b_share: float = 0.95
) -> list[str]:
    """A for the items that make the first 80 % of the value, B for the next 15 %, C for the rest.

    Pareto's rule as Dickie (1951, Factory Management and Maintenance 109) brought it to stock.
    """
    total = float(value_per_day.sum())
    if total <= 0.0:
        return ["C"] * len(value_per_day)
    order = np.argsort(-value_per_day, kind="stable")
    before = np.empty(len(order))
    before[order] = np.cumsum(value_per_day[order]) - value_per_day[order]
    shares = before / total
    return ["A" if it < a_share else "B" if it < b_share else "C" for it in shares]


def _level(demand: Demand, service: Sequence[ServiceClass], of_cycle: Floats) -> Floats:
    """The smallest level that serves as the class asks."""
    table = demand.table()
    target = np.array([each.target for each in service])
    is_fill = np.array([each.measure == "fill" for each in service], dtype=np.bool_)
    by_cycle = demand.quantile(target, table)
    by_fill = table.level_for_short((1.0 - target) * of_cycle)
    level: Floats = np.where(is_fill, by_fill, by_cycle)
    return level


def _sold_in_life(
    forecast: Forecast, supply: Supply, *, start_hours: float, uplift: Floats
) -> Floats:
    """What a newsvendor would have at most; inf for what keeps."""
    is_short = supply.life_days <= LIFE_DAYS_MAX
    if not is_short.any():
        return np.full(len(supply.service), np.inf)
    days = supply.lead_days + np.where(is_short, supply.life_days, 0.0)
    demand = forecast.over(start_hours=start_hours, days=days, uplift=uplift)
    return np.where(is_short, np.floor(demand.quantile(supply.critical_ratio)), np.inf)


def _whole(units: Floats) -> Ints:
    return np.ceil(units - 1e-9).astype(np.int64)
