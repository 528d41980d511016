"""What the simulated warehouses trade in: items of three temperature zones, and their policies.

GTINs are under 950 6000, the prefix GS1 keeps for examples, so that no real item is meant.
Quantities are pieces; demand is that of the pre-positioned warehouse.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

from cloud_sync.contract.keys import gtin_check_digit

EXAMPLE_PREFIX: Final = "9506000"
SERVICE_Z: Final = 1.645
"""Service factor of the M Company network: 95 % of replenishment cycles without a stock-out."""

ZONES: Final = {"ambient": (18.0, 55.0), "refrigerated": (4.0, 85.0), "frozen": (-19.0, 60.0)}
"""Zone → its set point: temperature in °C and relative humidity in %."""


@dataclass(frozen=True, slots=True)
class CatalogItem:
    """A trade item. demand per day at the pre-positioned warehouse; popularity: order weight.

    opening_slack: units above the reorder point that the warehouse opens with.
    """

    gtin: str
    sku: str
    name: str
    name_zh: str
    zone: str
    grams: int
    case_pack: int
    shelf_life_days: int
    demand_per_day: int
    opening_slack: int
    popularity: int

    def document(self) -> dict[str, object]:
        """The item as the cloud's master data takes it."""
        return {
            "gtin": self.gtin,
            "sku": self.sku,
            "names": {"en": self.name, "zh": self.name_zh},
            "zone": self.zone,
            "grams_per_unit": self.grams,
            "case_pack_units": self.case_pack,
            "minimum_order_units": self.case_pack,
            "shelf_life_days": self.shelf_life_days,
        }

    @property
    def demand_sd_per_day(self) -> float:
        """Standard deviation of a day's demand: 12 % of it, as in the M Company network."""
        return 0.12 * self.demand_per_day

    def reorder_point(self, lead_time_days: float) -> int:
        """Mean demand of the lead time and the safety stock for it, in whole units."""
        safety = SERVICE_Z * self.demand_sd_per_day * math.sqrt(lead_time_days)
        return math.ceil(self.demand_per_day * lead_time_days + safety)

    def policy(self, warehouse: str, lead_time_days: float) -> dict[str, object]:
        """The (s, S) policy of the item at a warehouse, as the cloud takes it."""
        return {
            "warehouse": warehouse,
            "gtin": self.gtin,
            "demand_units_per_day": float(self.demand_per_day),
            "demand_sd_units_per_day": self.demand_sd_per_day,
            "reorder_point_units": self.reorder_point(lead_time_days),
            "lead_time_days": lead_time_days,
        }


def make_gtin(reference: int) -> str:
    """The 14-digit GTIN of an item reference (0 to 99999) under the example prefix."""
    body = f"0{EXAMPLE_PREFIX}{reference:05d}"
    return body + gtin_check_digit(body)


def make_catalog() -> tuple[CatalogItem, ...]:
    """The items, zone by zone."""
    return tuple(
        CatalogItem(make_gtin(100 + i), f"SKU-{100 + i}", *row) for i, row in enumerate(_ROWS)
    )


_ROWS: Final[tuple[tuple[str, str, str, int, int, int, int, int, int], ...]] = (
    # name, name_zh, zone, grams, case pack, shelf life (d), demand (1/d), slack, popularity
    ("Jasmine rice 1 kg", "茉莉香米 1 kg", "ambient", 1000, 10, 360, 60, 90, 2),
    ("Bananas 1 kg", "香蕉 1 kg", "ambient", 1000, 6, 7, 80, 70, 3),
    ("Fresh milk 1 l", "鲜牛奶 1 l", "refrigerated", 1030, 12, 12, 120, 10, 6),
    ("Strawberries 400 g", "草莓 400 g", "refrigerated", 400, 8, 5, 100, 60, 3),
    ("Pork dumplings 500 g", "猪肉水饺 500 g", "frozen", 500, 10, 270, 120, 80, 3),
    ("Vanilla ice cream 750 ml", "香草冰淇淋 750 ml", "frozen", 480, 6, 360, 60, 60, 2),
)
