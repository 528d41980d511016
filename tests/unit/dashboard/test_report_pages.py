# Pins the pages of reports: figures reckoned by hand from a gateway's events, a CSV that runs
# nothing in a spreadsheet, periods with an end, and who sees what.

from __future__ import annotations

from functools import partial

import pytest

from cloud_sync.contract import events as ev
from cloud_sync.service.day_sums import go_round
from cloud_sync.store.documents import Draft, put_documents
from cloud_sync.store.ports import Database
from tests.fakes.uploads import ITEM, make_line
from tests.rigs.planner_site import DAY_US, HOUR_US, PlannerSite
from tests.rigs.reader import Reader

REPORTS = ("turnover", "fill", "waste", "profit", "work")
EVIL = "=HYPERLINK(1)"


@pytest.fixture
async def site(database: Database, now_us: list[int]) -> PlannerSite:
    """Two days: 40 came, 10 and 6 were sold, 4 wasted, 4 short; 20 are left."""
    it = PlannerSite(database, now_us[0])
    await it.open()
    await database.transact(partial(put_documents, drafts=[
        Draft("supply", f"ACME.{ITEM}", "", {
            "supplier": "ACME", "gtin": ITEM, "lead_time_days": 1.0, "cost_minor": 100,
            "currency": "EUR"}),
        Draft("price", f"AT.{ITEM}", "", {
            "market": "AT", "gtin": ITEM, "price_minor": 250, "currency": "EUR",
            "includes_vat": False}),
    ]))  # fmt: skip
    first, second = now_us[0] - DAY_US, now_us[0]
    it.tell(ev.GOODS_RECEIVED, make_line("@supplier", "A-1", 40), at_us=first - HOUR_US,
            worker="anna")  # fmt: skip
    it.tell(ev.ORDER_DELIVERED, make_line("A-1", "@customer", 10), at_us=first, worker="anna")
    it.tell(ev.ORDER_DELIVERED, make_line("A-1", "@customer", 6), at_us=second, worker="anna")
    it.tell(ev.STOCK_WASTED, make_line("A-1", "@waste", 4), at_us=second, worker="bo",
            body={"reason": EVIL})  # fmt: skip
    it.tell(ev.PICK_SHORT, at_us=second, worker="bo", flags=("order_short",),
            body={"item": ITEM, "missing": 4, "unit": "EA"})  # fmt: skip
    await it.send()
    await go_round(database)
    return it


async def rows(reader: Reader, name: str) -> list[list[str]]:
    """The CSV of two days, without its first line."""
    found = await reader.get(f"/ui/reports/{name}/csv?from=2027-01-14&to=2027-01-15&warehouse=J1")
    assert found.status_code == 200, found.text
    return [line.split(",") for line in found.text.splitlines()[1:]]


async def test_figures_are_those_reckoned_by_hand(site: PlannerSite, reader: Reader) -> None:
    await reader.sign_in("ana", "admin")
    # Ends of days 30 and 20: 25 on the mean; 16 went out in two days.
    (turnover,) = await rows(reader, "turnover")
    assert turnover[1:] == [ITEM, "pieces", "16", "25.0", "116.8", "3.1"]
    (profit,) = await rows(reader, "profit")
    assert profit[1:] == [ITEM, "16", "4", "40.0", "16.0", "4.0", "20.0", "50.0", "EUR"]
    (fill,) = await rows(reader, "fill")
    assert fill[1:] == [ITEM, "16", "4", "80.0"]
    assert await rows(reader, "work") == [
        ["anna", "3", "56", "3", "1.0", "18.7", "Handed over"],
        ["bo", "2", "4", "1", "2.0", "4.0", "Wasted"],
    ]


async def test_what_a_spreadsheet_would_run_is_guarded(site: PlannerSite, reader: Reader) -> None:
    await reader.sign_in("ana", "admin")
    assert (await rows(reader, "waste"))[0] == [f"'{EVIL}", "4", "0.0", "4.0", "0"]


async def test_every_report_is_a_page_and_a_sheet_also_without_anything(
    reader: Reader, site: PlannerSite
) -> None:
    await reader.sign_in("ana", "admin")
    for name in REPORTS:
        full = await reader.see(f"/ui/reports/{name}?from=2027-01-14&to=2027-01-15")
        assert 'class="graph"' in full, name
        empty = await reader.see(f"/ui/reports/{name}?from=2026-01-01&to=2026-01-02&warehouse=J2")
        assert 'class="empty"' in empty, name
        assert 'class="graph"' not in empty, name
        sheet = await reader.get(f"/ui/reports/{name}/csv")
        assert sheet.headers["content-type"] == "text/csv; charset=utf-8"


async def test_who_sees_which_report(site: PlannerSite, reader: Reader) -> None:
    seen = {
        "picker": {"turnover", "fill", "waste"},
        "read-only": {"turnover", "fill", "waste", "profit"},
        "supervisor": {"turnover", "fill", "waste", "work"},
        "planner": set(REPORTS),
    }
    for role, expected in seen.items():
        reader.http.cookies.clear()
        await reader.sign_in(f"as-{role}", role)
        for tail in ("", "/csv"):
            found = {
                it: (await reader.get(f"/ui/reports/{it}{tail}")).status_code for it in REPORTS
            }
            assert {it for it, status in found.items() if status == 200} == expected, (role, tail)
            assert set(found.values()) <= {200, 403}
    waste = await rows(reader, "waste")
    reader.http.cookies.clear()
    await reader.sign_in("as-picker", "picker")
    assert len((await rows(reader, "waste"))[0]) < len(waste[0]), "costs are not for everybody"


async def test_other_warehouses_are_not_counted(site: PlannerSite, reader: Reader) -> None:
    await reader.sign_in("bo", "planner", frozenset({"J2"}))
    page = await reader.see("/ui/reports/turnover?from=2027-01-14&to=2027-01-15")
    assert ITEM not in page
    assert "North" not in page
    assert (await reader.get("/ui/reports/turnover?warehouse=J1")).status_code == 403


@pytest.mark.parametrize(
    "query", ["from=x&to=y", "from=2027-01-15&to=2027-01-01", "from=1500-01-01", "to=2999-12-31"]
)
async def test_a_period_that_makes_no_sense_is_a_page_all_the_same(
    query: str, reader: Reader
) -> None:
    await reader.sign_in("ana", "admin")
    await reader.see(f"/ui/reports/fill?{query}")


async def test_a_period_that_is_too_long_says_so(reader: Reader) -> None:
    await reader.sign_in("ana", "admin")
    page = await reader.see("/ui/reports/fill?from=2026-01-01&to=2027-01-01")
    assert "At most 31 days at once" in page
    assert 'name="from" value="2026-12-02"' in page
    one = await reader.see("/ui/reports/fill?from=2026-01-01&to=2027-01-01&warehouse=J1")
    assert "At most 92 days at once" in one


async def test_what_is_not_counted_yet_is_told(site: PlannerSite, reader: Reader) -> None:
    site.tell(ev.ORDER_DELIVERED, make_line("A-1", "@customer", 1), at_us=site.now_us)
    await site.send()
    await reader.sign_in("ana", "admin")
    assert "1 rows are not counted yet" in await reader.see("/ui/reports")
