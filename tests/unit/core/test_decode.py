"""Pins what a scan means in each task, what is flagged, and what is refused with which words."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import count

import pytest

from cloud_sync.contract import events as ev
from cloud_sync.contract.documents import Asn, Item, Transfer, Worker
from gateway.core.decode import MAX_QUANTITY, Decoder, Outcome, When
from gateway.core.facts import Facts
from gateway.core.flows.floor import Floor
from gateway.core.readings import ClimateSample, Flaw, Malformed, Scan, Stamp, Symbol, TaskContext

GTIN = "09506000134352"
STAMP = Stamp("pda-1", "boot-a", 7, "2026-11-21T08:00:00Z", 2_000)
WHEN = When(1_000, "trusted", 5, "2026-11-21")


def new_ids() -> Iterator[str]:
    for n in count(1):
        yield f"00000000-0000-7000-8000-{n:012x}"


@pytest.fixture
def decoder() -> Decoder:
    return Decoder("J1", "en", new_ids().__next__)


@pytest.fixture
def facts() -> Facts:
    facts = Facts("J1")
    facts.items[GTIN] = Item(
        gtin=GTIN, names={"en": "Milk 1 l", "zh": "牛奶 1 升"}, zone="refrigerated",
        grams_per_unit=1030,
    )  # fmt: skip
    facts.asns["ASN-1"] = Asn(
        id="ASN-1", warehouse="J1", source="@supplier", status="dispatched", ordered=[]
    )
    facts.asns["ASN-2"] = Asn(
        id="ASN-2", warehouse="J1", source="K1", transfer="TR-2", status="dispatched", ordered=[]
    )
    facts.transfers["TR-9"] = Transfer(
        id="TR-9", source="J1", destination="J2", status="ordered", ordered=[]
    )
    return facts


def scan(task: TaskContext | None, **symbol: object) -> Scan:
    fields = {"gtin": GTIN, "lot": "L1", "expiry": "2026-12-01", "elements": ()} | symbol
    stamp = Stamp("pda-1", "boot-a", 7, "2026-11-21T08:00:00Z", 2_000)
    return Scan(stamp, "raw", "]C1", task, Symbol(**fields))  # type: ignore[arg-type]


def knowing(facts: Facts, lot: str) -> Floor:
    """A floor on which the lot was created a moment ago, too recently for the facts."""
    floor = Floor(lambda: facts)
    created = Decoder("J1", "en", new_ids().__next__).scan(
        scan(TaskContext("receive"), lot=lot), floor, WHEN
    )
    floor.note(created.events[0])
    return floor


def only_line(outcome: Outcome) -> ev.Line:
    return outcome.events[-1].lines[0]


@pytest.mark.parametrize(
    ("task", "event_type", "source", "target"),
    [
        (TaskContext("receive", "ASN-1"), "goods.received", "@supplier", "DOCK"),
        (TaskContext("receive", "ASN-1", "R-01"), "goods.received", "@supplier", "R-01"),
        (TaskContext("receive", "ASN-2", "R-01"), "transfer.received", "@transit.TR-2", "R-01"),
        (TaskContext("putaway", None, "R-01"), "goods.moved", "DOCK", "R-01"),
        (TaskContext("move", "R-01", "R-02"), "goods.moved", "R-01", "R-02"),
        (TaskContext("pick", "O-1", "R-01"), "goods.picked", "R-01", "PACK"),
        (TaskContext("ship", "O-1"), "order.delivered", "PACK", "@customer"),
        (TaskContext("ship", "TR-9", "R-01"), "transfer.dispatched", "R-01", "@transit.TR-9"),
        (TaskContext("return", "O-1", "R-01"), "goods.returned", "@customer", "R-01"),
        (TaskContext("waste", None, "R-01"), "stock.wasted", "R-01", "@waste"),
    ],
)
def test_a_task_moves_goods_between_two_places(
    decoder: Decoder, facts: Facts, task: TaskContext, event_type: str, source: str, target: str
) -> None:
    facts.lots[GTIN, "L1"] = "2026-12-01"
    outcome = decoder.scan(scan(task), Floor(lambda: facts), WHEN)
    assert outcome.status == "accepted"
    assert [event.type for event in outcome.events] == [event_type]
    line = only_line(outcome)
    assert (line.from_location, line.to_location) == (source, target)
    assert (line.item, line.lot, line.quantity, line.unit) == (GTIN, "L1", 1, "EA")


@pytest.mark.parametrize("task_type", ["count", "inspect"])
def test_an_observation_moves_nothing(decoder: Decoder, facts: Facts, task_type: str) -> None:
    task = TaskContext(task_type, "C-1", "R-01", quantity=0 if task_type == "count" else 1)
    outcome = decoder.scan(scan(task), knowing(facts, "L1"), WHEN)
    assert outcome.status == "accepted"
    assert outcome.events[0].lines == ()
    assert outcome.events[0].body["assertions"]


def test_the_first_sight_of_a_lot_creates_it_with_its_expiry(
    decoder: Decoder, facts: Facts
) -> None:
    outcome = decoder.scan(scan(TaskContext("receive", "ASN-1")), Floor(lambda: facts), WHEN)
    assert [event.type for event in outcome.events] == ["lot.created", "goods.received"]
    assert outcome.events[0].body == {"item": GTIN, "lot": "L1", "expiry": "2026-12-01"}


def test_a_lot_created_a_moment_ago_is_not_created_again(decoder: Decoder, facts: Facts) -> None:
    outcome = decoder.scan(scan(TaskContext("receive", "ASN-1")), knowing(facts, "L1"), WHEN)
    assert [event.type for event in outcome.events] == ["goods.received"]


@pytest.mark.parametrize(
    ("expiry", "status"),
    [("2026-11-20", "flagged"), ("2026-11-21", "accepted"), ("2026-11-22", "accepted")],
)
def test_the_expiry_day_itself_is_still_good(
    decoder: Decoder, facts: Facts, expiry: str, status: str
) -> None:
    reading = scan(TaskContext("pick", "O-1", "R-01"), expiry=expiry)
    outcome = decoder.scan(reading, Floor(lambda: facts), WHEN)
    assert outcome.status == status
    assert outcome.events[-1].type == "goods.picked", "a fact is recorded, however wrong it looks"


def test_expired_goods_may_always_leave_as_waste(decoder: Decoder, facts: Facts) -> None:
    reading = scan(TaskContext("waste", None, "R-01"), expiry="2026-01-01")
    assert decoder.scan(reading, Floor(lambda: facts), WHEN).status == "accepted"


def test_an_expiry_read_from_an_earlier_scan_counts_too(decoder: Decoder, facts: Facts) -> None:
    facts.lots[GTIN, "L1"] = "2026-11-01"
    reading = scan(TaskContext("pick", "O-1", "R-01"), expiry=None)
    assert decoder.scan(reading, Floor(lambda: facts), WHEN).events[-1].flags == ("lot_expired",)


def test_a_second_expiry_for_a_lot_is_flagged_and_never_overwrites(
    decoder: Decoder, facts: Facts
) -> None:
    facts.lots[GTIN, "L1"] = "2026-12-24"
    outcome = decoder.scan(scan(TaskContext("receive", "ASN-1")), Floor(lambda: facts), WHEN)
    assert outcome.events[-1].flags == ("expiry_conflict",)
    assert "2026-12-24" in str(outcome.result["message"])


def test_an_unknown_item_is_recorded_flagged_and_set_aside(decoder: Decoder, facts: Facts) -> None:
    other = "00614141123452"
    reading = scan(TaskContext("receive", "ASN-1"), gtin=other)
    outcome = decoder.scan(reading, Floor(lambda: facts), WHEN)
    assert outcome.status == "flagged"
    assert outcome.result["message_key"] == "unknown_item"
    assert outcome.set_aside == ("item", f"unknown item {other}")
    assert only_line(outcome).item == other


def test_an_unknown_delivery_is_recorded_and_flagged(decoder: Decoder, facts: Facts) -> None:
    outcome = decoder.scan(scan(TaskContext("receive", "ASN-77")), Floor(lambda: facts), WHEN)
    assert outcome.events[-1].flags == ("unknown_document",)


@pytest.mark.parametrize(
    ("task", "key"),
    [
        (TaskContext("pick", "O-1"), "location_missing"),
        (TaskContext("move", None, "R-01"), "location_missing"),
        (TaskContext("ship"), "document_missing"),
        (TaskContext("pack"), "document_missing"),
        (TaskContext("pick", "O-1", "R-01", quantity=0), "quantity_refused"),
        (TaskContext("pick", "O-1", "R-01", quantity=-3), "quantity_refused"),
        (TaskContext("pick", "O-1", "R-01", quantity=MAX_QUANTITY + 1), "quantity_refused"),
        (TaskContext("count", None, "R-01", quantity=-1), "quantity_refused"),
    ],
)
def test_what_lacks_a_place_or_a_sane_quantity_is_refused(
    decoder: Decoder, facts: Facts, task: TaskContext, key: str
) -> None:
    outcome = decoder.scan(scan(task), Floor(lambda: facts), WHEN)
    assert (outcome.status, outcome.events) == ("refused", ())
    assert outcome.result["message_key"] == key
    assert outcome.set_aside is not None


def test_a_broken_symbol_is_refused_with_its_reason(decoder: Decoder, facts: Facts) -> None:
    facts.workers["w7"] = Worker(id="w7", roles=["picker"], language="zh")
    flaw = Flaw("barcode_short", "(01) is too short: '0950'", "(01)", "'0950'")
    stamp, floor = Stamp("pda-1", "b", 1, None, 0), Floor(lambda: facts)
    told = [
        decoder.scan(
            Scan(stamp, "x", None, TaskContext("receive", worker=it), None, flaw), floor, WHEN
        )
        for it in ("w1", "w7")
    ]
    assert [each.result["message"] for each in told] == [
        "Bad barcode, scan it again: (01) is too short: '0950'",
        "条码有误，请重新扫描：(01) 过短：'0950'",
    ]
    assert {each.set_aside for each in told} == {("symbol", flaw.text)}


def test_a_symbol_without_a_product_is_refused(decoder: Decoder, facts: Facts) -> None:
    outcome = decoder.scan(scan(TaskContext("receive"), gtin=None), Floor(lambda: facts), WHEN)
    assert outcome.result["message_key"] == "not_a_product"


@pytest.mark.parametrize("task", [None, TaskContext("lookup")])
def test_a_lookup_answers_and_records_nothing(
    decoder: Decoder, facts: Facts, task: TaskContext | None
) -> None:
    facts.shelves[GTIN] = {("", "EA"): 41, ("", "g"): 500}
    outcome = decoder.scan(scan(task), Floor(lambda: facts), WHEN)
    assert (outcome.status, outcome.events) == ("accepted", ())
    assert outcome.result["item"] == {
        "gtin": GTIN,
        "name": "Milk 1 l",
        "on_hand": 41,
        "on_hand_g": 500,
    }


@pytest.mark.parametrize(
    ("symbol", "quantity", "expected"),
    [
        ({}, None, (1, "EA")),
        ({"count": 24}, None, (24, "EA")),
        ({"weight_g": 1250}, None, (1250, "g")),
        ({"weight_g": 1250}, 2, (2, "EA")),
    ],
)
def test_the_quantity_is_the_workers_then_the_symbols_then_one(
    decoder: Decoder,
    facts: Facts,
    symbol: dict[str, object],
    quantity: int | None,
    expected: tuple[int, str],
) -> None:
    task = TaskContext("pick", "O-1", "R-01", quantity=quantity)
    line = only_line(decoder.scan(scan(task, **symbol), Floor(lambda: facts), WHEN))
    assert (line.quantity, line.unit) == expected


def test_workers_are_told_in_their_own_language(facts: Facts) -> None:
    chinese = Decoder("J1", "zh", new_ids().__next__)
    outcome = chinese.scan(scan(TaskContext("receive", "ASN-1")), Floor(lambda: facts), WHEN)
    assert outcome.result["message"] == "牛奶 1 升：已记录 1"


def test_rubbish_is_set_aside_and_the_device_told(decoder: Decoder) -> None:
    stamp = Stamp("pda-1", "b", 4, None, 0)
    outcome = decoder.malformed(
        Malformed(stamp, b"{", "json", "not JSON at byte 1"), Floor(lambda: Facts("J1"))
    )
    assert outcome.status == "refused"
    assert outcome.set_aside == ("json", "not JSON at byte 1")
    assert (outcome.result["boot"], outcome.result["seq"]) == ("b", 4)


def test_a_climate_sample_is_a_window_of_one(decoder: Decoder) -> None:
    sample = ClimateSample(Stamp("t-1", None, None, None, 9), "frozen", -1800, None)
    (event,) = decoder.climate(sample, WHEN).events
    assert event.zone == "frozen"
    assert event.body == {
        "n": 1,
        "temperature_centi_c": {"min": -1800, "mean": -1800, "max": -1800},
    }


# ---------------------------------------------------------------- what is no goods

LABELS = (("location", "R-*"), ("worker", "w*"))


@pytest.mark.parametrize(
    ("scanned", "label", "told"),
    [
        (Scan(STAMP, "R-03-02", None, None), ("location", "R-03-02"), "Location R-03-02"),
        (Scan(STAMP, "]C0R-03-02", "]C0", None), ("location", "R-03-02"), "Location R-03-02"),
        (Scan(STAMP, "w17", None, TaskContext("lookup")), ("worker", "w17"), "Worker w17"),
        (
            Scan(STAMP, "00…", None, None, Symbol((), sscc="106141411234567897")),
            ("logistic_unit", "106141411234567897"),
            "Unit 106141411234567897 is unknown here or has left: if it is here, scan the goods",
        ),
    ],
    ids=["plain", "with AIM", "asked for", "SSCC"],
)
def test_a_known_label_is_named(
    facts: Facts, scanned: Scan, label: tuple[str, str], told: str
) -> None:
    outcome = Decoder("J1", "en", str, labels=LABELS).scan(scanned, Floor(lambda: facts), WHEN)
    assert (outcome.status, outcome.events, outcome.set_aside) == ("accepted", (), None)
    assert outcome.result["label"] == {"kind": label[0], "id": label[1]}
    key = "unit_unknown" if label[0] == "logistic_unit" else "label_known"
    assert (outcome.result["message_key"], outcome.result["message"]) == (key, told)


def test_a_label_in_a_task_is_no_goods_and_an_unknown_one_no_product(facts: Facts) -> None:
    decoder = Decoder("J1", "en", str, labels=LABELS)
    for data, key in (("R-01", "label_not_goods"), ("X-01", "not_a_product")):
        scanned = Scan(STAMP, data, None, TaskContext("receive", location="R-02"))
        outcome = decoder.scan(scanned, Floor(lambda: facts), WHEN)
        assert (outcome.status, outcome.result["message_key"]) == ("refused", key)
    assert (
        decoder.scan(Scan(STAMP, "R" * 70, None, None), Floor(lambda: facts), WHEN).status
        == "refused"
    )


def test_what_is_refused_is_told_in_the_workers_language(decoder: Decoder, facts: Facts) -> None:
    facts.workers["w7"] = Worker(id="w7", roles=["picker"], language="zh")
    floor, task = Floor(lambda: facts), TaskContext("pick", "O-1", "R-01", worker="w7")
    told = [
        decoder.scan(scan(replace(task, quantity=0)), floor, WHEN),
        decoder.scan(Scan(Stamp("pda-1", "b", 2, None, 0), "rubbish", None, task), floor, WHEN),
        decoder.malformed(
            Malformed(
                Stamp("pda-1", "b", 3, None, 0),
                b"{}",
                "contract",
                "bad",
                "quantity_refused",
                "1.5",
                "w7",
            ),
            floor,
        ),
    ]
    assert [each.result["message"] for each in told] == [
        "数量 0 无效：请输入整数（件或克）",
        "这不是商品条码：请扫描商品上的条码",
        "数量 1.5 无效：请输入整数（件或克）",
    ]
