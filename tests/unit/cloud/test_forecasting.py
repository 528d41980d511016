"""Pins forecasts in the cloud: from what gateways sent to the policies that triggers go by."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

import pytest

from cloud_sync.__main__ import main
from cloud_sync.contract import documents as doc
from cloud_sync.contract import events as ev
from cloud_sync.contract import keys
from cloud_sync.contract import master as own
from cloud_sync.contract.campaigns import CAMPAIGN
from cloud_sync.contract.levels import Worth
from cloud_sync.service.forecasting import (
    Forecaster,
    ForecastFailed,
    Terms,
    forecast_warehouse,
    run_forecaster,
    warehouses_with_policies,
)
from cloud_sync.store.batches import Taken, take_batch
from cloud_sync.store.documents import (
    EVERYBODY,
    OF_THE_CLOUD,
    Draft,
    put_documents,
    read_documents,
)
from cloud_sync.store.ports import Database
from tests.fakes.uploads import ITEM, Book, make_line

pytestmark = pytest.mark.slow

HOUR_US = 3_600_000_000
DAY_US = 24 * HOUR_US
DAYS = 60
NOW_US = (20_000 + DAYS) * DAY_US + 7 * HOUR_US
START_US = 20_000 * DAY_US
TERMS = Terms(n_days=56, cycle_days=2.0, covered_days=14.0)
CHEESE = "09506000134369"


@pytest.fixture
def engine() -> str:
    """The quicker store will do, but where it is read and written."""
    return "sqlite"


def policy(item: str = ITEM, **more: object) -> Draft:
    content = {
        "warehouse": "W1", "gtin": item, "demand_units_per_day": 1.0,
        "demand_sd_units_per_day": 0.5, "reorder_point_units": 3, "lead_time_days": 1.0,
        "opens_cases": True,
    }  # fmt: skip
    return Draft(doc.POLICY, f"W1.{item}", "W1", content | more)


def item(gtin: str, grams: int = 500) -> Draft:
    content = {"gtin": gtin, "names": {"en": gtin}, "zone": "ambient", "grams_per_unit": grams}
    return Draft(doc.ITEM, gtin, EVERYBODY, content)


async def put(database: Database, *drafts: Draft) -> None:
    await database.transact(partial(put_documents, drafts=drafts))


async def sell(
    database: Database,
    per_day: Sequence[int],
    *,
    unit: str = "EA",
    gtin: str = ITEM,
    start_us: int = START_US,
) -> None:
    """A gateway's journal: plenty comes, so many are sold each day, in one sale at ten."""
    book = Book()
    whole = sum(per_day) + 1000
    line = ev.Line(
        item=gtin, from_location="@supplier", to_location="R-1", quantity=whole, unit=unit
    )  # type: ignore[arg-type]  # as the test says
    book.record(ev.GOODS_RECEIVED, lines=(line,), at_us=start_us)
    for day, units in enumerate(per_day):
        line = ev.Line(
            item=gtin, from_location="R-1", to_location=keys.CUSTOMER, quantity=units, unit=unit
        )  # type: ignore[arg-type]  # as the test says
        at_us = start_us + day * DAY_US + 10 * HOUR_US
        book.record(ev.ORDER_DELIVERED, lines=(line,), at_us=at_us)
    await take(database, book)


async def take(database: Database, book: Book) -> None:
    taken = await database.transact(
        partial(
            take_batch, gateway="gw-W1", warehouse="W1",
            upload=book.upload(1, len(book.bodies)), now_us=NOW_US,
        )
    )  # fmt: skip
    assert isinstance(taken, Taken)


async def forecast(database: Database, forecaster: Forecaster = run_forecaster) -> tuple[int, int]:
    return await forecast_warehouse(database, "W1", TERMS, now_us=NOW_US, forecaster=forecaster)


async def policies(database: Database) -> dict[str, doc.Policy]:
    found = await database.read(partial(read_documents, kind=doc.POLICY))
    return {it.gtin: it for it in map(doc.Policy.model_validate, found)}


@pytest.mark.parametrize("engine", ["sqlite", pytest.param("postgres", marks=pytest.mark.slow)])
async def test_a_policy_gets_the_demand_of_its_ledger(database: Database) -> None:
    await put(database, policy(), item(ITEM))
    await sell(database, [9, 11] * (DAYS // 2))
    assert await forecast(database) == (1, 1)
    revised = (await policies(database))[ITEM]
    assert revised.demand_units_per_day == pytest.approx(10.0, rel=0.06)
    assert 10 < revised.reorder_point_units <= 24
    assert (revised.lead_time_days, revised.opens_cases) == (1.0, True), "people's word stays"


async def test_a_policy_says_at_which_hours_it_sells(database: Database) -> None:
    await put(database, policy(), item(ITEM))
    await sell(database, [10] * DAYS)
    await forecast(database)
    hours = (await policies(database))[ITEM].hours
    assert hours is not None
    assert max(range(24), key=hours.__getitem__) == 10
    assert sum(hours) == 1000


async def test_asked_again_it_changes_nothing(database: Database) -> None:
    await put(database, policy(), item(ITEM))
    await sell(database, [9, 11] * (DAYS // 2))
    await forecast(database)
    assert await forecast(database) == (1, 0)


async def test_a_night_s_noise_is_not_sent(database: Database) -> None:
    await put(database, policy(), item(ITEM))
    await sell(database, [9, 11] * (DAYS // 2))
    await forecast(database)
    told = (await policies(database))[ITEM]
    for change, n_changed in ((1.02, 0), (1.05, 1)):
        demand = told.demand_units_per_day * change
        content = told.model_copy(update={"demand_units_per_day": demand}).model_dump()
        await put(database, Draft(doc.POLICY, f"W1.{ITEM}", "W1", content))
        found = await forecast(database)
        assert found == (1, n_changed)


async def test_what_is_kept_by_weight_is_told_in_pieces(database: Database) -> None:
    await put(database, policy(CHEESE), item(CHEESE, grams=250))
    await sell(database, [5000] * DAYS, unit="g", gtin=CHEESE)
    await forecast(database)
    revised = (await policies(database))[CHEESE]
    assert revised.demand_units_per_day == pytest.approx(20.0, rel=0.06)
    assert 18 <= revised.reorder_point_units < 60


async def test_an_item_that_is_new_keeps_its_policy(database: Database) -> None:
    await put(database, policy(), item(ITEM))
    await sell(database, [50] * 8, start_us=NOW_US - 9 * DAY_US)
    before = await policies(database)
    assert await forecast(database) == (0, 0)
    assert await policies(database) == before


async def test_an_item_that_was_always_out_of_stock_keeps_its_policy(database: Database) -> None:
    """Nothing sold, because there was nothing: that is no reason to order nothing for ever."""
    await put(database, policy(), item(ITEM))
    book = Book()
    book.record(ev.GOODS_RECEIVED, lines=(make_line("@supplier", "R-1", 4),), at_us=START_US)
    gone = make_line("R-1", keys.WASTE, 4)
    book.record(ev.STOCK_WASTED, lines=(gone,), at_us=START_US + HOUR_US)
    await take(database, book)
    before = await policies(database)
    assert await forecast(database) == (0, 0)
    assert await policies(database) == before


def worth(price_minor: int, *, cost_minor: int = 100) -> list[Draft]:
    """What a supplier asks for an item, and what it is sold for, in a warehouse's country."""
    place = {"id": "W1", "name": "West", "country": "DE", "time_zone": "UTC"}
    terms = {"supplier": "S1", "gtin": ITEM, "lead_time_days": 2.0, "cost_minor": cost_minor}
    sold = {"market": "DE", "gtin": ITEM, "price_minor": price_minor, "includes_vat": False}
    return [
        Draft(own.WAREHOUSE, "W1", EVERYBODY, place),
        Draft(own.SUPPLY, f"S1.{ITEM}", OF_THE_CLOUD, terms | {"currency": "EUR"}),
        Draft(own.PRICE, f"DE.{ITEM}", OF_THE_CLOUD, sold | {"currency": "EUR"}),
    ]


def stocking(**said: object) -> Draft:
    name = str(said.setdefault("id", "all"))
    return Draft(own.STOCKING, name, OF_THE_CLOUD, said)


async def test_without_prices_levels_go_by_service_and_say_so(database: Database) -> None:
    await put(database, policy(), item(ITEM))
    await sell(database, [9, 11] * (DAYS // 2))
    await forecast(database)
    told = (await policies(database))[ITEM]
    assert told.levels is not None
    assert (told.levels.by, told.levels.worth, told.levels.cycle_days) == ("service", None, 2.0)
    assert told.levels.order_up_to_units > told.reorder_point_units


async def test_a_price_moves_tomorrow_s_levels(database: Database) -> None:
    """What earns more is kept more of; no gateway learns what it costs."""
    await put(database, policy(), item(ITEM), *worth(101))
    await sell(database, [6, 14, 10] * (DAYS // 3))
    found = []
    for minor in (101, 150, 900):
        await put(database, *worth(minor))
        assert await forecast(database) == (1, 1)
        found.append((await policies(database))[ITEM])
    levels = [it.levels for it in found]
    assert [it.by for it in levels if it is not None] == ["margin"] * 3
    up_to = [it.order_up_to_units for it in levels if it is not None]
    assert up_to == sorted(set(up_to))
    assert found[0].reorder_point_units < found[2].reorder_point_units
    assert levels[1] is not None
    assert levels[1].worth == Worth(wasted=2.0, held=round(2.0 * 0.25 / 365, 8))
    await put(database, stocking(id="W1", lost_sale="service"), stocking(lost_sale="margin"))
    await forecast(database)
    by_service = (await policies(database))[ITEM].levels
    assert by_service is not None
    assert (by_service.by, by_service.worth) == ("service", None)


async def test_a_planned_share_needs_no_price_and_moves_the_levels(database: Database) -> None:
    terms = worth(100)[:2]
    await put(database, policy(), item(ITEM), *terms)
    await sell(database, [6, 14, 10] * (DAYS // 3))
    found = []
    for share in (7000, 9990):
        await put(database, stocking(lost_sale="share", served_basis_points={"A": share}))
        await forecast(database)
        found.append((await policies(database))[ITEM].levels)
    few, many = found
    assert few is not None
    assert many is not None
    assert (few.by, many.by) == ("share", "share")
    assert few.order_up_to_units < many.order_up_to_units
    assert few.worth is not None
    assert many.worth is not None
    assert few.worth.wasted > many.worth.wasted, "told in lost sales, which are dearer now"


async def test_what_is_kept_by_weight_has_its_worth_by_the_piece(database: Database) -> None:
    told = [
        Draft(it.kind, it.key.replace(ITEM, CHEESE), it.warehouse, it.content | {"gtin": CHEESE})
        for it in worth(150)[1:]
    ]
    await put(database, policy(CHEESE), item(CHEESE, grams=250), *worth(150)[:1], *told)
    await sell(database, [5000] * DAYS, unit="g", gtin=CHEESE)
    await forecast(database)
    levels = (await policies(database))[CHEESE].levels
    assert levels is not None
    assert levels.worth == Worth(wasted=2.0, held=round(2.0 * 0.25 / 365, 8))
    assert 60 <= levels.order_up_to_units < 160, "pieces: what sells in three days, and some"


async def test_a_campaign_of_the_next_days_raises_the_reorder_point(database: Database) -> None:
    await put(database, policy(), item(ITEM))
    await sell(database, [9, 11] * (DAYS // 2))
    await forecast(database)
    plain = (await policies(database))[ITEM].reorder_point_units
    times = {"start_at_us": NOW_US, "end_at_us": NOW_US + 3 * DAY_US}
    far = {"id": "far", "warehouse": "C1", "factor": 9.0, "items": [ITEM], **times}
    live = {"id": "live", "factor": 4.0, "items": [ITEM], **times}
    await put(database, Draft(CAMPAIGN, "far", "C1", far))
    assert await forecast(database) == (1, 0)
    await put(database, Draft(CAMPAIGN, "live", EVERYBODY, live))
    await forecast(database)
    assert (await policies(database))[ITEM].reorder_point_units > 2.2 * plain


@pytest.mark.parametrize(
    ("code", "complaint"),
    [
        ("raise SystemExit('out of memory')", "out of memory"),
        ("print('half of {')", "the answer is not JSON"),
        ("print('[' * 10**5)", "the answer is not JSON"),
        ("print('[]')", "the answer is not an object"),
    ],
)
async def test_a_forecaster_that_fails_leaves_the_policies(
    database: Database, code: str, complaint: str
) -> None:
    await put(database, policy(), item(ITEM))
    await sell(database, [9, 11] * (DAYS // 2))
    before = await policies(database)
    failing = partial(run_forecaster, program=("-c", code))
    with pytest.raises(ForecastFailed, match=complaint):
        await forecast(database, failing)
    assert await policies(database) == before


async def test_what_people_change_meanwhile_stays(database: Database) -> None:
    await put(database, policy(), policy(CHEESE), item(ITEM), item(CHEESE))
    await sell(database, [9, 11] * (DAYS // 2))

    async def slowly(job: Mapping[str, object]) -> Mapping[str, object]:
        await put(database, policy(lead_time_days=4.0))
        return await run_forecaster(job)

    await forecast(database, slowly)
    revised = (await policies(database))[ITEM]
    assert revised.lead_time_days == 4.0
    assert revised.demand_units_per_day > 5


async def test_only_warehouses_with_policies_are_asked_for(database: Database) -> None:
    assert await database.read(warehouses_with_policies) == []
    await put(database, policy())
    assert await database.read(warehouses_with_policies) == ["W1"]
    assert await forecast(database) == (0, 0)


def test_the_command_says_what_it_did(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    name = str(tmp_path / "cloud.db")
    assert main(["forecast", "--database", name]) == 0
    assert capsys.readouterr().out == "no policies\n"
    assert main(["forecast", "--database", name, "--warehouse", "W1"]) == 0
    assert capsys.readouterr().out == "W1: 0 items forecast, 0 policies changed\n"
