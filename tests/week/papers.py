"""What the office has on file before the week begins: goods, places, people."""

from __future__ import annotations

import datetime

from tests.week import symbols
from tests.week.book import Goods
from tests.week.work import Catalogue

WAREHOUSES = ("C1", "J1", "J2")
MILK, RICE, PEAS = (symbols.gtin(f"950600020{n:03d}") for n in (1, 2, 3))
EGGS, TUNA = (symbols.gtin(f"950600020{n:03d}") for n in (4, 5))
CHEESE = symbols.gtin("9950600020006")
STRANGE = symbols.gtin("950600029999")
SHOWN = {MILK: ("Milk", "refrigerated"), RICE: ("Rice", "ambient"), PEAS: ("Peas", "frozen"),
         EGGS: ("Eggs", "ambient"), TUNA: ("Tuna", "ambient"),
         CHEESE: ("Cheese", "refrigerated")}  # fmt: skip
BINS = {"R-01": 10, "R-02": 20, "R-03": 30, "R-04": 35, "A-01": 40, "A-02": 50, "A-03": 60,
        "F-01": 70, "F-02": 80}  # fmt: skip
ZONES = {"R": "refrigerated", "A": "ambient", "F": "frozen"}
M1, M2, M3 = (Goods(MILK, f"M{n}") for n in (1, 2, 3))
R1, P1, T1 = Goods(RICE, "R1"), Goods(PEAS, "P1"), Goods(TUNA, "T1")
E0 = Goods(EGGS)
K1 = Goods(CHEESE, "K1", "g")
DAYS_LEFT = {M1: 3, M2: 10, M3: 20, R1: 300, P1: 90, T1: 200, K1: 30}
EVERYTHING = (M1, M2, M3, R1, P1, E0, T1, K1)
BADGE = "BADGE-9"


def catalogue(today: datetime.date) -> Catalogue:
    """What is printed on the goods."""
    return Catalogue(
        expiries={
            (goods.item, goods.lot): (today + datetime.timedelta(days)).isoformat()
            for goods, days in DAYS_LEFT.items()
            if goods.lot is not None
        },
    )


def master_data() -> dict[str, object]:
    """One import of all that does not change."""
    items: list[dict[str, object]] = [
        {"gtin": gtin, "names": {"en": name, "zh": f"{name} (zh)"}, "zone": zone,
         "grams_per_unit": 500}
        | ({"receive_centi_c_max": -1500} if gtin == PEAS else {})
        for gtin, (name, zone) in SHOWN.items()
    ]  # fmt: skip
    return {
        "items": items,
        "warehouses": [
            {"id": each, "name": each, "country": "DE", "time_zone": "UTC",
             "zones": sorted(ZONES.values())}
            for each in WAREHOUSES
        ],
        "locations": [
            {"warehouse": each, "id": name, "zone": ZONES[name[0]], "walk": walk}
            for each in WAREHOUSES
            for name, walk in BINS.items()
        ],
        "workers": [
            {"id": "w1", "roles": ["picker", "counter"]},
            {"id": "w2", "roles": ["picker"], "language": "zh"},
            {"id": "w9", "roles": ["supervisor"], "badge": BADGE},
        ],
    }  # fmt: skip


def line(goods: Goods, quantity: int, **more: object) -> dict[str, object]:
    """A line of a delivery or a transfer."""
    told: dict[str, object] = {"item": goods.item, "quantity": quantity, "unit": goods.unit}
    if goods.lot is not None and more.pop("says_lot", True):
        told["lot"] = goods.lot
    return told | more
