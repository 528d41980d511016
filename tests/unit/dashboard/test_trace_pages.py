# Pins tracing: what a symbol names, a lot over its warehouses with who and what it suffered, a
# piece by its serial number, what was taken back, and that nobody sees others' warehouses.

from __future__ import annotations

from dataclasses import replace
from functools import partial

import pytest

from cloud_sync.contract import events as ev
from cloud_sync.dashboard.tracing import Exposure, moments_of, read_symbol, worst
from cloud_sync.epcis.naming import Naming
from cloud_sync.store.epcis_events import NewEvent, add_events
from cloud_sync.store.ports import Database
from cloud_sync.store.trace_rows import Subject, Trace
from tests.fakes.uploads import ITEM, make_line
from tests.rigs.planner_site import HOUR_US, PlannerSite
from tests.rigs.reader import Reader

LOT, PIECE, SSCC = f"/ui/trace?gtin={ITEM}&lot=L%2F1", "S-7", "395060001343510019"
A_LOT, A_PIECE = Subject(item=ITEM, lot="L/1"), Subject(item=ITEM, serial=PIECE)


@pytest.mark.parametrize(
    ("symbol", "subject"),
    [
        (f"(01){ITEM}(10)L/1", A_LOT),
        (f"]d201{ITEM}10L/1\x1d17270101", A_LOT),
        (f"\x1d01{ITEM}1727010110L/1", A_LOT),
        (f"https://id.gs1.org/01/{ITEM}/10/L%2F1", A_LOT),
        (f"https://shop.example/x/01/{ITEM}/21/S-7", A_PIECE),
        ("urn:epc:id:sgtin:9506000.013435.S-7", A_PIECE),
        (f"(01){ITEM}(10)L/1(21)S-7", A_PIECE),
        (f"(00){SSCC}", Subject(sscc=SSCC)),
        (f"00{SSCC}", Subject(sscc=SSCC)),
        (f"(01){ITEM}", None),
        (f"(01){ITEM[:-1]}0(10)L/1", None),
        ("(10)L/1", None),
        ("hello", None),
        ("", None),
        ("(01)", None),
        ("]d2", None),
    ],
)
def test_what_a_symbol_names(symbol: str, subject: Subject | None) -> None:
    assert read_symbol(symbol) == subject


def test_the_worst_that_was_told_of_the_lot_is_shown() -> None:
    plain = ev.Event(
        event_id="00000000-0000-7000-8000-000000000001", type=ev.EXCURSION_ENDED, version=1,
        occurred_at_us=5, received_at_us=5, warehouse="J1",
    )  # fmt: skip
    said = {"item": ITEM, "lot": "L/1", "above_s": 600, "below_s": 0, "degree_minutes": 12}
    other = {"item": ITEM, "lot": "L/2", "above_s": 9000, "below_s": 0, "degree_minutes": 99}
    held = replace(plain, type=ev.LOT_HELD, body={**said, "above_s": 1200})
    trace = Trace([replace(plain, body={"lots": [other, said]}), held])
    found = moments_of(trace, A_LOT)
    assert [it.exposure for it in found] == [Exposure(10, 0, 12), Exposure(20, 0, 12)]
    assert worst(found) == Exposure(20, 0, 12)


@pytest.fixture
async def site(database: Database, now_us: list[int]) -> PlannerSite:
    """A lot and a piece come, the lot is moved, wrongly once, and held."""
    it = PlannerSite(database, now_us[0])
    await it.open()
    at_us = now_us[0] - 10 * HOUR_US
    it.tell(ev.LOT_CREATED, at_us=at_us, body={"item": ITEM, "lot": "L/1", "expiry": "2027-03-01"})
    piece = replace(make_line("@supplier", "DOCK", 1), serials=(PIECE,))
    it.tell(ev.GOODS_RECEIVED, make_line("@supplier", "DOCK", 30, lot="L/1"), piece, at_us=at_us,
            worker="anna")  # fmt: skip
    it.tell(ev.GOODS_RECEIVED, make_line("@supplier", "DOCK", 99, lot="L/2"), at_us=at_us)
    wrong = it.tell(ev.GOODS_MOVED, make_line("DOCK", "X-9", 30, lot="L/1"), at_us=at_us + HOUR_US)
    it.tell(ev.EVENT_CORRECTED, make_line("X-9", "DOCK", 30, lot="L/1"), at_us=at_us + 2 * HOUR_US,
            corrects=wrong.event_id, body={"corrects_type": ev.GOODS_MOVED})  # fmt: skip
    it.tell(ev.GOODS_MOVED, make_line("DOCK", "A-1", 30, lot="L/1"), at_us=at_us + 3 * HOUR_US)
    it.tell(ev.LOT_HELD, at_us=at_us + 4 * HOUR_US, body={
        "item": ITEM, "lot": "L/1", "reason": "<b>exposure</b>", "verdict": "hold",
        "above_s": 1800, "below_s": 0, "degree_minutes": 30})  # fmt: skip
    await it.send()
    return it


async def test_a_lot_is_a_timeline_with_who_where_and_what_it_suffered(
    site: PlannerSite, reader: Reader
) -> None:
    await reader.sign_in("ana", "planner")
    page = await reader.see(LOT)
    timeline = page.partition('id="timeline"')[2]
    assert timeline.count("<li ") == 6, timeline
    held, moved = timeline.find("Held"), timeline.find("DOCK → A-1: 30")
    assert 0 <= held < moved, "the newest first"
    assert "30 min too warm · 30 degree minutes" in page
    assert "anna" in timeline
    assert "&lt;b&gt;exposure" in timeline
    assert "<b>exposure" not in page
    assert "taken back later" in timeline
    assert "99" not in timeline, "another lot's goods are not this one's"
    assert "North A-1: 30" in page
    assert "Expires 2027-03-01" in page


async def test_a_piece_is_found_by_its_serial_number(site: PlannerSite, reader: Reader) -> None:
    await reader.sign_in("ana", "planner")
    page = await reader.see(f"/ui/trace?symbol=(01){ITEM}(21){PIECE}")
    timeline = page.partition('id="timeline"')[2]
    assert timeline.count("<li ") == 1
    assert "@supplier → DOCK: 1<" in timeline


async def test_what_others_told_is_there_and_says_so(
    site: PlannerSite, reader: Reader, database: Database
) -> None:
    lot = Naming().lot(ITEM, "L/1")
    event = {
        "eventID": "urn:uuid:00000000-0000-4000-8000-00000000aaaa", "type": "ObjectEvent",
        "eventTime": "2027-01-01T00:00:00Z", "eventTimeZoneOffset": "+00:00",
        "action": "OBSERVE", "bizStep": "shipping",
        "bizLocation": {"id": "https://id.gs1.org/414/9506000134352"},
        "quantityList": [{"epcClass": lot, "quantity": 30}],
    }  # fmt: skip
    script = partial(add_events, events=[NewEvent(event, [], "")], now_us=site.now_us)
    await database.transact(script)
    await reader.sign_in("ana", "planner")
    page = await reader.see(LOT)
    assert "told by others" in page
    assert "https://id.gs1.org/414/9506000134352" in page


async def test_other_warehouses_stay_unseen(site: PlannerSite, reader: Reader) -> None:
    await reader.sign_in("bo", "planner", frozenset({"J2"}))
    for path in (LOT, f"/ui/trace?gtin={ITEM}&serial={PIECE}"):
        page = await reader.see(path)
        assert "Nothing is known of it" in page
        assert "A-1" not in page


async def test_the_page_without_a_question_and_with_a_wrong_one(reader: Reader) -> None:
    await reader.sign_in("ana", "picker")
    assert "Scan the label" in await reader.see("/ui/trace")
    for query in ("symbol=x", "gtin=1&lot=2", f"gtin={ITEM}", "symbol=%00"):
        assert "This is no symbol" in await reader.see(f"/ui/trace?{query}"), query
