"""From policies to a question for the forecaster, and from its answer to what policies say.

The same at a gateway and in the cloud. The job counts an item in the unit that it is kept in, so
what is kept by weight is asked for, and answered, in grams; policies are in pieces.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from typing import Final, TypeGuard

from pydantic import ValidationError

from cloud_sync.contract import documents as doc
from cloud_sync.contract.campaigns import Campaign as Announced
from cloud_sync.contract.levels import BY_SERVICE, Levels, Worth
from cloud_sync.contract.values import named_value
from cloud_sync.demand.book import DemandBook, Series
from cloud_sync.demand.campaigns import Campaign
from cloud_sync.demand.pace import profile_of
from cloud_sync.demand.question import Kept

DIGITS: Final = 3
"""Of demand in a policy."""

Stakes = tuple[float, float, float]
"""What a piece costs that is lost, that is wasted, and that is held for a day."""


class AnswerRefused(ValueError):
    """The forecaster answered something that is no answer."""


@named_value
class Answered:
    """What was forecast of an item, in pieces. hours: how they share a day's demand.

    worth: where levels go by it.
    """

    item: str
    demand_per_day: float
    demand_sd_per_day: float
    reorder_point: int
    order_up_to: int
    hours: list[int] | None
    worth: Worth | None

    def levels(self, *, cycle_days: float, by_worth: str) -> Levels:
        """The levels as a policy tells them. by_worth: what worth means here, `Levels.by`."""
        return Levels(
            order_up_to_units=self.order_up_to,
            cycle_days=cycle_days,
            by=BY_SERVICE if self.worth is None else by_worth,
            worth=self.worth,
        )


def grams_by_item(book: DemandBook, items: Mapping[str, doc.Item]) -> dict[str, int]:
    """What a piece weighs of each item that is sold by weight and never by the piece."""
    sold = {series for series, _ in book.buckets}
    return {
        series.item: items[series.item].grams_per_unit
        for series in sold
        if series.unit == "g" and Series(series.item, "EA") not in sold and series.item in items
    }


def kept_items(
    policies: Iterable[doc.Policy],
    items: Mapping[str, doc.Item],
    grams: Mapping[str, int],
    *,
    cycle_days: float,
    stakes: Mapping[str, Stakes],
) -> Iterator[Kept]:
    """How items are kept, as the forecaster is told it."""
    for policy in policies:
        known, worth = items.get(policy.gtin), stakes.get(policy.gtin)
        weight = grams.get(policy.gtin, 1)
        yield Kept(
            item=policy.gtin,
            unit="g" if policy.gtin in grams else "EA",
            lead_days=policy.lead_time_days,
            cycle_days=cycle_days,
            life_days=None if known is None else known.shelf_life_days,
            stakes=None
            if worth is None
            else (worth[0] / weight, worth[1] / weight, worth[2] / weight),
        )


def stakes_told(policies: Iterable[doc.Policy]) -> dict[str, Stakes]:
    """What is at stake in a piece as policies tell it, in lost sales."""
    return {
        it.gtin: (1.0, it.levels.worth.wasted, it.levels.worth.held)
        for it in policies
        if it.levels is not None and it.levels.worth is not None
    }


def announced(campaigns: Iterable[Announced], warehouse: str) -> list[Campaign]:
    """What was announced for a warehouse, whenever it is."""
    return [
        Campaign(
            id=it.id,
            start_us=it.start_at_us,
            end_us=it.end_at_us,
            factor=it.factor,
            items=frozenset(it.items),
        )
        for it in campaigns
        if it.warehouse in {None, warehouse}
    ]


def read_answer(
    answer: Mapping[str, object], grams: Mapping[str, int], *, covered_days: float
) -> list[Answered]:
    """What was forecast of each item of which so many days' demand could be seen.

    Of the others, because they are new here or were always out of stock, people's word stays.
    Raises AnswerRefused.
    """
    rows = answer.get("items")
    if not isinstance(rows, list) or not all(isinstance(it, dict) for it in rows):
        raise AnswerRefused("the answer has no items")
    seen = [it for it in rows if _number(it, "covered_days") >= covered_days]
    return [_answered(it, grams.get(str(it.get("item")), 1)) for it in seen]


def _answered(row: Mapping[str, object], grams: int) -> Answered:
    """A row of the answer in pieces.

    What sells at all is kept, if only by the piece: whether an item that is not worth one is
    listed is for people to say, not for its level.
    """
    reorder_point = math.ceil(_number(row, "reorder_point") / grams)
    order_up_to = math.ceil(_number(row, "order_up_to") / grams)
    if _number(row, "units_per_day") > 0:
        order_up_to = max(order_up_to, reorder_point + 1)
    return Answered(
        item=str(row.get("item")),
        demand_per_day=round(_number(row, "units_per_day") / grams, DIGITS),
        demand_sd_per_day=round(_number(row, "sd_units_per_day") / grams, DIGITS),
        reorder_point=reorder_point,
        order_up_to=max(order_up_to, reorder_point),
        hours=_hours(row),
        worth=_worth(row),
    )


def _hours(row: Mapping[str, object]) -> list[int] | None:
    shares = row.get("hours")
    if not isinstance(shares, list) or not all(map(_is_number, shares)):
        raise AnswerRefused(f"hours: expected 24 numbers, got {shares!r}")
    return profile_of(shares)


def _worth(row: Mapping[str, object]) -> Worth | None:
    stakes = row.get("stakes")
    if stakes is None:
        return None
    if not isinstance(stakes, list) or len(stakes) != 3 or not all(map(_is_number, stakes)):
        raise AnswerRefused(f"stakes: expected three numbers, got {stakes!r}")
    lost, wasted, held = stakes
    if not lost > 0:
        raise AnswerRefused(f"stakes: expected a lost piece above 0, got {stakes!r}")
    try:
        return Worth(wasted=_short(wasted / lost), held=_short(held / lost))
    except ValidationError as error:
        raise AnswerRefused(f"stakes: {stakes!r} are no worth of a piece") from error


def _short(ratio: float) -> float:
    return float(f"{ratio:.6g}")


def _number(row: Mapping[str, object], key: str) -> float:
    value = row.get(key)
    if not _is_number(value):
        raise AnswerRefused(f"{key}: expected a number, got {value!r}")
    return value


def _is_number(value: object) -> TypeGuard[float]:
    """Whether one can count with it: JSON's true is no number, and Python reads NaN there."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    try:
        return math.isfinite(value)
    except OverflowError:  # a whole number that no float can be
        return False
