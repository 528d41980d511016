"""What may still be promised of an item at a warehouse.

    available = usable - reserved - safety

usable: on the shelves, sellable, and not past its last day at the moment of the promise. reserved:
promised and still on the shelves. safety: what may have been sold by a warehouse that has not
been heard of, k × daily demand × days dark; it counts from the last contact, once the warehouse
has been dark longer than a limit. Goods that spoil are not promised at all after a longer one,
because nobody knows any more what they went through.

All amounts are integers of the item's unit (pieces or grams). `available` may be negative: that
much too much was promised, and it has to be filled from elsewhere (docs/orders.md).
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from math import ceil
from typing import Final, NamedTuple

SECOND_US: Final = 1_000_000
DAY_US: Final = 86_400 * SECOND_US


class Goods(NamedTuple):
    """What can be promised: an item in one of its units (EA, g)."""

    item: str
    unit: str


class Shelf(NamedTuple):
    """Goods at a warehouse."""

    warehouse: str
    item: str
    unit: str

    @property
    def goods(self) -> Goods:
        """What stands there."""
        return Goods(self.item, self.unit)


@dataclass(frozen=True, slots=True)
class PromiseRules:
    """How much a warehouse is believed that is not heard of.

    buffer_per_mille: k, in thousandths. dark_after_s: silence up to here is nothing unusual.
    perishables_stop_s: goods that spoil are promised until then. move_after_s: orders that
    nobody has begun to pick are then given to another warehouse.
    """

    buffer_per_mille: int = 1000
    dark_after_s: int = 900
    perishables_stop_s: int = 4 * 3600
    move_after_s: int = 2 * 3600


@dataclass(frozen=True, slots=True)
class Demand:
    """What is known of an item's sales at a warehouse, in its unit per day."""

    per_day: float
    is_perishable: bool


UNKNOWN_DEMAND: Final = Demand(per_day=0.0, is_perishable=True)
"""Of goods without master data: nothing is known of sales, and they had better be cold."""


@dataclass(frozen=True, slots=True)
class Promise:
    """What may be promised of goods at a warehouse, and why so much. is_stopped: too long dark."""

    usable: int
    reserved: int
    safety: int
    is_stopped: bool = False

    @property
    def available(self) -> int:
        """usable - reserved - safety; nothing while stopped. Negative: promised too much."""
        left = self.usable - self.reserved - self.safety
        return min(left, 0) if self.is_stopped else left


def dark_us(now_us: int, last_contact_us: int | None, rules: PromiseRules) -> int:
    """How long a warehouse has been dark, µs: 0 up to the limit, then since its last contact.

    last_contact_us: None for one whose gateway never spoke, of which therefore nothing is known
    that could be wrong.
    """
    if last_contact_us is None:
        return 0
    silence_us = now_us - last_contact_us
    return silence_us if silence_us > rules.dark_after_s * SECOND_US else 0


def promise(
    *, usable: int, reserved: int, demand: Demand, dark_for_us: int, rules: PromiseRules
) -> Promise:
    """What may be promised of goods at one warehouse."""
    # Exact, so that a limit of whole units is not passed by a rounding error.
    k_days = Fraction(rules.buffer_per_mille, 1000) * Fraction(dark_for_us, DAY_US)
    safety = ceil(k_days * Fraction(demand.per_day)) if dark_for_us else 0
    is_stopped = demand.is_perishable and dark_for_us > rules.perishables_stop_s * SECOND_US
    return Promise(usable, reserved, safety, is_stopped)
