"""Pins the way from a demand book to stock levels: as JSON, through the forecaster, and back."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from cloud_sync.contract import events as ev
from cloud_sync.contract import keys
from cloud_sync.demand.book import DemandBook
from cloud_sync.demand.campaigns import Campaign
from cloud_sync.demand.hours import day_start_us
from cloud_sync.demand.question import Kept, make_question
from cloud_sync.inventory.corrections import acting
from cloud_sync.inventory.folding import placed_events
from optimizer.__main__ import main
from optimizer.demand.job import answer_job
from optimizer.errors import CaseError
from tests.fakes.ledger_rows import ITEM, OTHER, move, row

BERLIN = ZoneInfo("Europe/Berlin")
HOUR_US = 3_600_000_000
DAY_US = 24 * HOUR_US
TODAY = "2026-04-10"
"""Twelve days after the clocks went forward."""
NOW_US = day_start_us(TODAY, BERLIN) + 10 * HOUR_US + HOUR_US // 2
START_US = day_start_us("2026-02-10", BERLIN)


def sale(at_us: int, quantity: int, item: str = ITEM) -> object:
    return row(ev.ORDER_DELIVERED, at_us // 1_000_000, move("PACK", keys.CUSTOMER, quantity, item))


@pytest.fixture(scope="module")
def book() -> DemandBook:
    """Ten a day of one item, half at eight, half at six; the other has none in the evening."""
    book = DemandBook(BERLIN)
    rows = []
    for item in (ITEM, OTHER):
        book.note_usable(item, is_usable=True, at_us=START_US)
    day_us = START_US
    while day_us < NOW_US - DAY_US:
        for at_us in (day_us + 8 * HOUR_US, day_us + 18 * HOUR_US):
            rows += [sale(at_us + i, 1) for i in range(5)]
        rows += [sale(day_us + 8 * HOUR_US + 9 + i, 1, OTHER) for i in range(5)]
        day_us += DAY_US
    # The other item sold in the evening, too, until the last fortnight had none.
    for back in range(15, 40):
        rows += [sale(NOW_US - back * DAY_US + 8 * HOUR_US + i, 1, OTHER) for i in range(5)]
    for back in range(14, 0, -1):
        evening_us = NOW_US - back * DAY_US + 6 * HOUR_US
        book.note_usable(OTHER, is_usable=False, at_us=evening_us)
        book.note_usable(OTHER, is_usable=True, at_us=evening_us + 8 * HOUR_US)
    book.take(do=acting(placed_events(rows)))
    return book


def ask(book: DemandBook, **more: object) -> dict[str, object]:
    kept = [Kept(item=item, lead_days=1.0, cycle_days=2.0) for item in (ITEM, OTHER)]
    job = make_question(book, kept, warehouse="J1", n_days=56, now_us=NOW_US, **more)  # type: ignore[arg-type]  # as the test says
    assert job is not None
    return job


def rows_of(answer: dict[str, object]) -> Iterator[dict[str, object]]:
    items = answer["items"]
    assert isinstance(items, list)
    yield from items


def test_a_book_becomes_levels(book: DemandBook) -> None:
    answer = answer_job(json.loads(json.dumps(ask(book))))
    assert json.loads(json.dumps(answer)) == answer
    assert answer["first_day"] == TODAY
    steady, _ = rows_of(answer)
    assert steady["units_per_day"] == pytest.approx(10.0, rel=0.08)
    assert 10 <= int(str(steady["reorder_point"])) <= 20
    assert steady["covered_days"] == pytest.approx(56, abs=0.5)
    assert int(str(steady["order_up_to"])) > int(str(steady["reorder_point"]))
    hours = steady["hours"]
    assert isinstance(hours, list)
    # An hour later by the wall since the clocks went forward.
    assert hours[8] + hours[9] + hours[18] + hours[19] > 0.9


def test_evenings_without_stock_are_missing_and_not_zero(book: DemandBook) -> None:
    _, short = rows_of(answer_job(ask(book)))
    job = ask(book)
    for item in rows_of(job):
        item["outages"] = []
    _, blind = rows_of(answer_job(job))
    assert float(str(short["units_per_day"])) > 1.2 * float(str(blind["units_per_day"]))


def test_a_campaign_raises_its_days_and_its_items_only(book: DemandBook) -> None:
    start = day_start_us("2026-04-11", BERLIN)
    sale = Campaign(
        id="live", start_us=start, end_us=start + DAY_US, factor=3.0, items=frozenset({ITEM})
    )
    plain = [it["days"] for it in rows_of(answer_job(ask(book)))]
    raised = [it["days"] for it in rows_of(answer_job(ask(book, campaigns=[sale])))]
    assert isinstance(raised[0], list)
    assert isinstance(plain[0], list)
    assert raised[0][1] == pytest.approx(3 * plain[0][1], rel=1e-3)
    assert raised[0][0] == plain[0][0]
    assert raised[0][2:] == plain[0][2:]
    assert raised[1] == plain[1]


def test_what_sold_in_a_campaign_is_not_taken_for_the_level(book: DemandBook) -> None:
    """The same sales, told that they were a campaign's: half of them are the usual ones."""
    past = Campaign(id="past", start_us=NOW_US - 20 * DAY_US, end_us=NOW_US, factor=2.0)
    told, _ = rows_of(answer_job(ask(book, campaigns=[past])))
    assert float(str(told["units_per_day"])) < 7.0


def test_what_nobody_kept_before_today_is_left_out(book: DemandBook) -> None:
    kept = [Kept(item="09506000134369", lead_days=1.0, cycle_days=2.0)]
    assert make_question(book, kept, warehouse="J1", n_days=56, now_us=NOW_US) is None


def test_the_answer_is_the_same_each_time_and_the_method_is_kept(book: DemandBook) -> None:
    answer = answer_job(ask(book))
    assert answer_job(ask(book)) == answer
    job = ask(book)
    for item, told in zip(rows_of(job), rows_of(answer), strict=True):
        item["method"] = told["method"]
    assert answer_job(job) == answer


def test_the_day_of_a_changed_clock_is_told(book: DemandBook) -> None:
    job = ask(book)
    assert isinstance(job["hour_length"], list)
    ((day, hour, hours),) = job["hour_length"]
    assert (hour, hours) == (2, 0.0)
    assert day == 44  # 29 March of 56 days before 10 April


def test_an_item_with_a_price_has_levels_by_worth(book: DemandBook) -> None:
    by_service = next(rows_of(answer_job(ask(book))))

    def row(price: float, *, life: float = 90.0) -> dict[str, object]:
        job = json.loads(json.dumps(ask(book)))
        job["items"][0] |= {"stakes": [price, 5.0, 0.01], "life_days": life}
        first, second = rows_of(answer_job(job))
        assert second == list(rows_of(answer_job(ask(book))))[1], "the other item has no price"
        return first

    cheap, dear = row(0.05), row(20.0)
    assert cheap["order_up_to"] < by_service["order_up_to"] <= dear["order_up_to"]
    assert cheap["reorder_point"] < dear["reorder_point"] < dear["order_up_to"]
    assert row(20.0, life=2.0)["order_up_to"] < dear["order_up_to"]


def test_a_planned_share_finds_what_a_lost_unit_is_worth(book: DemandBook) -> None:
    """With the price it names the levels are the same again, without any share."""

    def answer(**more: object) -> list[dict[str, object]]:
        job = json.loads(json.dumps(ask(book)))
        for item in job["items"]:
            item |= {"stakes": [1.0, 5.0, 0.01], "service_class": "A", "life_days": 20.0}
        return list(rows_of(answer_job(job | more)))

    many, few = answer(served={"A": 0.99}), answer(served={"A": 0.7})
    for most, least in zip(many, few, strict=True):
        assert most["levels_by"] == least["levels_by"] == "worth"
        assert int(str(most["order_up_to"])) > int(str(least["order_up_to"]))
    assert answer(served={"B": 0.99}) == answer(), "none of that class"
    job = json.loads(json.dumps(ask(book)))
    for item, told in zip(job["items"], many, strict=True):
        assert told["stakes"][1:] == [5.0, 0.01]
        item |= {"stakes": told["stakes"], "service_class": "A", "life_days": 20.0}
    assert list(rows_of(answer_job(job))) == many


@pytest.mark.parametrize(
    ("change", "path"),
    [
        ({"served": {"A": 1.0}}, "served.A"),
        ({"served": {"Z": 0.9}}, "served.Z"),
        ({"format": "forepost-demand/2"}, "format"),
        ({"n_days": 55}, "items[0].units"),
        ({"first_day": "yesterday"}, "first_day"),
        ({"now_hours": 25}, "now_hours"),
        ({"hour_length": [[99, 2, 0.0]]}, "hour_length"),
        ({"campaigns": [{"items": [], "days": [[1, 2.0]]}]}, "campaigns[0].days"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_a_wrong_job_is_refused_by_the_key(
    book: DemandBook, change: dict[str, object], path: str
) -> None:
    with pytest.raises(CaseError) as refused:
        answer_job(ask(book) | change)
    assert refused.value.path == path


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("units", [-1] * 56),
        ("outages", [[0, 24, 1.0]]),
        ("service_class", "Z"),
        ("lead_days", float("nan")),
        ("critical_ratio", 1.0),
        ("stakes", [0.0, 1.0, 1.0]),
        ("stakes", [1.0, 1.0]),
    ],
)
def test_a_wrong_item_is_refused_by_the_key(book: DemandBook, key: str, value: object) -> None:
    job = ask(book)
    next(rows_of(job))[key] = value
    with pytest.raises(CaseError) as refused:
        answer_job(job)
    assert refused.value.path.startswith(f"items[0].{key}")


def test_the_command_answers_as_the_function_does(
    book: DemandBook, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "job.json"
    path.write_text(json.dumps(ask(book)))
    assert main(["forecast", str(path)]) == 0
    assert json.loads(capsys.readouterr().out) == answer_job(ask(book))


def test_the_command_takes_a_job_from_another_program(book: DemandBook) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "optimizer", "forecast", "-"],
        input=json.dumps(ask(book)).encode(),
        capture_output=True,
        timeout=60,
        check=True,
    )
    assert json.loads(done.stdout) == answer_job(ask(book))


@pytest.mark.parametrize("text", ["[]", "1", "", '{"format": "forepost-demand/1"}'])
def test_the_command_refuses_what_is_no_job_in_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str
) -> None:
    path = tmp_path / "job.json"
    path.write_text(text)
    assert main(["forecast", str(path)]) == 2
    assert capsys.readouterr().err.count("\n") == 1
