# Pins the sums of the overview by hand-reckoned numbers: worth, cover, what expires.

from cloud_sync.contract import documents as doc
from cloud_sync.contract import master as own
from cloud_sync.dashboard.glance import Master, add_up, make_glances
from cloud_sync.dashboard.warehouse import lot_rows, stock_rows
from cloud_sync.store.glances import Expiring, Holding, ShelfLot

MILK, FISH, NOBODYS = "09506000000015", "09506000000022", "09506000000039"
DAY_US = 86_400_000_000
NOW_US = 20_000 * DAY_US  # 2024-10-04T00:00Z, 02:00 in Berlin


def item(gtin: str, name: str, zone: str, grams: int) -> doc.Item:
    return doc.Item(gtin=gtin, names={"en": name}, zone=zone, grams_per_unit=grams)


MASTER = Master(
    items={
        MILK: item(MILK, "Milk", "refrigerated", 1000),
        FISH: item(FISH, "Fish", "frozen", 500),
    },
    warehouses={
        "J1": own.Warehouse(id="J1", name="Jülich", country="DE", time_zone="Europe/Berlin")
    },
    costs={MILK: (80, "EUR"), FISH: (300, "CNY")},
    demand_g={("J1", MILK): 5_000.0, ("J9", MILK): 1.0},
)


def test_a_zone_is_worth_its_units_at_cost_and_lasts_by_its_weight() -> None:
    holdings = [
        Holding("J1", MILK, "EA", "available", 20),
        Holding("J1", MILK, "EA", "quarantine", 5),
        Holding("J1", FISH, "g", "available", 1_250),
        Holding("J1", NOBODYS, "EA", "available", 7),
    ]
    glances = make_glances(MASTER, holdings, [], {}, {"J1": 5}, now_us=NOW_US)
    cold, frozen, unknown = glances["J1"].zones
    assert (cold.zone, cold.worth_minor, cold.n_items) == ("refrigerated", {"EUR": 25 * 80}, 1)
    assert cold.cover_days == 20_000 / 5_000, "what is barred feeds nobody"
    assert frozen.worth_minor == {"CNY": 750}, "1250 g are two and a half pieces at 3.00"
    assert frozen.cover_days is None
    assert (unknown.zone, unknown.grams, unknown.worth_minor) == ("", 0, {})


def test_warehouses_are_those_of_the_office_and_those_with_a_gateway() -> None:
    open_kinds = {("G1", "excursion"): 2, ("G1", "over_receipt"): 1, ("J1", "exposure"): 1}
    glances = make_glances(MASTER, [], [], open_kinds, {"G1": 0}, now_us=NOW_US)
    assert set(glances) == {"J1", "G1"}
    assert (glances["G1"].name, glances["G1"].contact_us) == ("G1", None)
    assert (glances["G1"].n_open, glances["G1"].n_of("excursion", "exposure")) == (3, 2)
    assert glances["J1"].contact_us is None


def test_lots_expire_by_the_calendar_of_their_warehouse() -> None:
    lots = [
        Expiring("J1", MILK, lot, "EA", day, 1)
        for lot, day in (("a", "2024-10-03"), ("b", "2024-10-04"), ("c", "2024-10-07"),
                         ("d", "2024-10-08"))
    ]  # fmt: skip
    (cold,) = make_glances(MASTER, [], lots, {}, {}, now_us=NOW_US)["J1"].zones
    assert (cold.n_expired, cold.n_expiring) == (1, 2)
    # At 22:30 UTC it is the next day in Berlin.
    later = NOW_US + int(22.5 * 3_600_000_000)
    (cold,) = make_glances(MASTER, [], lots, {}, {}, now_us=later)["J1"].zones
    assert (cold.n_expired, cold.n_expiring) == (2, 2)


def test_currencies_are_added_each_for_itself() -> None:
    assert list(add_up([{"EUR": 1, "CNY": 5}, {"EUR": 2}]).items()) == [("CNY", 5), ("EUR", 3)]


SHELF = [
    ShelfLot(MILK, "b", "R-01", "available", "EA", 12, "2024-10-09"),
    ShelfLot(MILK, "b", "R-02", "available", "EA", 3, "2024-10-09"),
    ShelfLot(MILK, "a", "R-01", "quarantine", "EA", 4, "2024-10-05"),
    ShelfLot(NOBODYS, "", "A-01", "available", "EA", -2, None),
]


def test_stock_is_told_by_item_with_the_first_day_of_what_may_be_sold() -> None:
    nobodys, milk = stock_rows(SHELF, MASTER, "J1", "en")
    assert (milk.name, milk.on_hand, milk.barred, milk.n_lots) == ("Milk", 15, 4, 2)
    assert (milk.first_expiry, milk.cover_days) == ("2024-10-09", 3.0)
    assert milk.worth == (19 * 80, "EUR")
    assert (nobodys.name, nobodys.on_hand, nobodys.worth) == (NOBODYS, -2, None)


def test_a_lot_is_one_row_with_all_its_places() -> None:
    first, second, last = lot_rows(SHELF, MASTER, "en")
    assert (first.lot, first.status, first.quantity) == ("a", "quarantine", 4)
    assert (second.quantity, second.locations) == (15, (("R-01", 12), ("R-02", 3)))
    assert last.expiry is None
