"""Pins what an order comes to: whose price, which day's VAT, and how it is rounded."""

from __future__ import annotations

import csv
import io
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud_sync.contract.master import RateChange, Vat
from cloud_sync.fulfilment.placed import PricedLine
from cloud_sync.fulfilment.prices import Amounts, amounts_of, totals_of
from cloud_sync.store.ports import Database
from tests.fakes.http_words import code_of
from tests.fakes.shop import Shop, open_shop
from tests.fakes.uploads import ITEM

OTHER = "09506000134369"


def line(
    price: int | None, quantity: int = 1, *, gross: bool | None, rate: int | None
) -> PricedLine:
    return PricedLine(
        item=ITEM, quantity=quantity, price_minor=price, includes_vat=gross, vat_basis_points=rate
    )


@pytest.mark.parametrize(
    ("price", "quantity", "gross", "rate", "net", "vat"),
    [
        (199, 4, True, 700, 744, 52),
        (199, 4, False, 700, 796, 56),
        (119, 1, True, 1900, 100, 19),
        (100, 1, False, 1900, 100, 19),
        (1, 1, False, 5000, 1, 1),  # half a unit goes up
        (1, 1, False, 4999, 1, 0),
        (3, 1, True, 10_000, 1, 2),
        (0, 9, True, 1900, 0, 0),
        (500, 2, True, 0, 1000, 0),
        (33, 3, True, 700, 93, 6),  # of the line, not three times a piece's 2
    ],
)
def test_a_line_is_rounded_once(
    price: int, quantity: int, gross: bool, rate: int, net: int, vat: int
) -> None:
    assert amounts_of(line(price, quantity, gross=gross, rate=rate)) == Amounts(net, vat)


@given(st.integers(0, 10**12), st.integers(1, 10**9), st.booleans(), st.integers(0, 10_000))
def test_vat_is_within_half_a_unit_of_the_exact_one(
    price: int, quantity: int, gross: bool, rate: int
) -> None:
    found = amounts_of(line(price, quantity, gross=gross, rate=rate))
    assert found is not None
    whole = price * quantity
    assert (found.gross_minor if gross else found.net_minor) == whole
    exact = Fraction(whole * rate, 10_000 + rate if gross else 10_000)
    assert abs(found.vat_minor - exact) <= Fraction(1, 2)


def test_what_is_not_known_comes_to_nothing() -> None:
    known = line(100, gross=True, rate=700)
    for unknown in (
        line(None, gross=True, rate=700),
        line(100, gross=None, rate=700),
        line(100, gross=True, rate=None),
    ):
        assert amounts_of(unknown) is None
        assert totals_of([known, unknown]) is None
    assert totals_of([known, known]) == [(700, Amounts(186, 14))]


def test_a_rate_holds_from_its_day() -> None:
    vat = Vat(
        country="DE", category="food", rate_basis_points=700,
        changes=[RateChange(from_day="2020-07-01", rate_basis_points=500),
                 RateChange(from_day="2021-01-01", rate_basis_points=700)],
    )  # fmt: skip
    days = ("2020-06-30", "2020-07-01", "2020-12-31", "2021-01-01")
    assert [vat.rate_on(day) for day in days] == [700, 500, 500, 700]


# ------------------------------------------------------------------ over HTTP


@pytest.fixture
def database_name(tmp_path: Path) -> str:
    """The same on any store: the quicker one will do."""
    return str(tmp_path / "cloud.db")


@pytest.fixture
async def cloud(database: Database, tokens: dict[str, str]) -> AsyncIterator[Shop]:
    async with open_shop(database, tokens) as it:
        for path, body in MASTER.items():
            assert (await it.call("PUT", path, body)).status_code == 200, path
        yield it


MASTER: dict[str, dict[str, object]] = {
    f"/v1/items/{ITEM}": {"gtin": ITEM, "names": {"en": "Milk"}, "zone": "refrigerated",
                          "grams_per_unit": 1000, "vat": "reduced"},
    f"/v1/items/{OTHER}": {"gtin": OTHER, "names": {"en": "Soap"}, "zone": "ambient",
                           "grams_per_unit": 100, "vat": "standard"},
    f"/v1/prices/DE/{ITEM}": {"market": "DE", "gtin": ITEM, "price_minor": 149,
                              "currency": "EUR", "includes_vat": True},
    f"/v1/prices/DE/{OTHER}": {"market": "DE", "gtin": OTHER, "price_minor": 200,
                               "currency": "EUR", "includes_vat": False},
    "/v1/vat/DE/reduced": {"country": "DE", "category": "reduced", "rate_basis_points": 700,
                           "changes": [{"from_day": "2026-07-01", "rate_basis_points": 500}]},
    "/v1/vat/DE/standard": {"country": "DE", "category": "standard", "rate_basis_points": 1900},
    "/v1/warehouses/B1": {"id": "B1", "name": "Berlin", "country": "DE",
                          "time_zone": "Europe/Berlin"},
}  # fmt: skip
BOTH = [{"item": ITEM, "quantity": 3}, {"item": OTHER, "quantity": 1}]


def at_us(text: str) -> int:
    return int(datetime.fromisoformat(text).astimezone(UTC).timestamp()) * 1_000_000


async def placed(cloud: Shop, name: str, **more: object) -> dict[str, object]:
    body: dict[str, object] = {"lines": BOTH, "ordered_at_us": at_us("2026-06-30T21:00:00Z")}
    answer = await cloud.place(1, name, **body | more)
    assert answer.status_code == 201, answer.text
    found: dict[str, object] = answer.json()
    return found


async def test_an_order_without_prices_takes_the_lists_and_keeps_them(cloud: Shop) -> None:
    told = await placed(cloud, "O-1")
    assert told["lines"] == [
        {"item": ITEM, "quantity": 3, "unit": "EA", "price_minor": 149, "includes_vat": True,
         "vat_basis_points": 700, "net_minor": 418, "vat_minor": 29, "gross_minor": 447},
        {"item": OTHER, "quantity": 1, "unit": "EA", "price_minor": 200, "includes_vat": False,
         "vat_basis_points": 1900, "net_minor": 200, "vat_minor": 38, "gross_minor": 238},
    ]  # fmt: skip
    assert told["amounts"] == {
        "net_minor": 618, "vat_minor": 67, "gross_minor": 685,
        "rates": [
            {"vat_basis_points": 700, "net_minor": 418, "vat_minor": 29, "gross_minor": 447},
            {"vat_basis_points": 1900, "net_minor": 200, "vat_minor": 38, "gross_minor": 238},
        ],
    }  # fmt: skip
    dearer = MASTER[f"/v1/prices/DE/{ITEM}"] | {"price_minor": 999}
    assert (await cloud.call("PUT", f"/v1/prices/DE/{ITEM}", dearer)).status_code == 200
    assert (await cloud.get("/v1/orders/O-1"))["amounts"] == told["amounts"]
    assert (await placed(cloud, "O-2"))["amounts"] != told["amounts"]


@pytest.mark.parametrize(
    ("when", "rate"), [("2026-06-30T21:59:59Z", 700), ("2026-06-30T22:00:00Z", 500)]
)
async def test_the_rate_is_that_of_the_day_in_the_country(
    cloud: Shop, when: str, rate: int
) -> None:
    told = await placed(cloud, "O-1", ordered_at_us=at_us(when))
    assert told["lines"][0]["vat_basis_points"] == rate  # type: ignore[index]


async def test_what_an_order_says_itself_goes_before_the_lists(cloud: Shop) -> None:
    said = {"price_minor": 100, "includes_vat": False, "vat_basis_points": 0}
    told = await placed(cloud, "O-1", lines=[{"item": ITEM, "quantity": 2, **said}])
    amounts = told["amounts"]
    assert isinstance(amounts, dict)
    assert (amounts["net_minor"], amounts["vat_minor"]) == (200, 0)
    told = await placed(cloud, "O-2", lines=[{"item": ITEM, "quantity": 2, "price_minor": 107}])
    assert told["lines"][0]["net_minor"] == 200, "as the list's prices, with VAT"  # type: ignore[index]


@pytest.mark.parametrize(
    "more",
    [
        {"currency": "USD"},
        {"market": "FR"},
        {"lines": [{"item": ITEM, "quantity": 500, "unit": "g"}]},
    ],
)
async def test_where_no_list_fits_nothing_is_made_up(cloud: Shop, more: dict[str, object]) -> None:
    told = await placed(cloud, "O-1", **more)
    assert "amounts" not in told
    assert "price_minor" not in told["lines"][0]  # type: ignore[index,operator]


async def test_the_lines_of_orders_are_a_file(cloud: Shop) -> None:
    await placed(cloud, "O-1")
    await placed(cloud, "O-2", currency="USD")
    answer = await cloud.call("GET", "/v1/export/orders?format=csv")
    assert answer.headers["content-disposition"] == 'attachment; filename="orders.csv"'
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert [(row["order"], row["item"], row.get("gross_minor")) for row in rows] == [
        ("O-1", ITEM, "447"), ("O-1", OTHER, "238"), ("O-2", ITEM, ""), ("O-2", OTHER, ""),
    ]  # fmt: skip
    answer = await cloud.call("GET", "/v1/export/orders?format=json&status=delivered")
    assert answer.json() == {"orders": []}


async def test_changes_of_a_rate_have_days_in_their_order(cloud: Shop) -> None:
    vat = MASTER["/v1/vat/DE/reduced"]
    for days in (["2026-02-30"], ["2026-07-02", "2026-07-01"], ["2026-07-01", "2026-07-01"]):
        changes = [{"from_day": day, "rate_basis_points": 500} for day in days]
        answer = await cloud.call("PUT", "/v1/vat/DE/reduced", vat | {"changes": changes})
        assert code_of(answer) == "malformed"
