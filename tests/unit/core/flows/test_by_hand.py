"""Pins what a bad scanner was told by hand at a running gateway and was puzzled by."""

from __future__ import annotations

import pytest

from cloud_sync.contract import documents as doc
from gateway.codecs.mqtt_payloads import parse_payload
from gateway.core.decode import Outcome
from gateway.core.readings import Malformed, Scan, TaskContext
from tests.rigs.flows import MILK, RICE, Hall, of


@pytest.fixture
def hall() -> Hall:
    hall = Hall()
    hall.put(MILK, "M1", "R-02", 9, None)
    hall.facts.asns["ASN-1"] = doc.Asn(
        id="ASN-1", warehouse="J1", source="@supplier", status="dispatched", ordered=[],
        shipped=[doc.ShipmentLine(item=RICE, quantity=10, lot="RR")],
    )  # fmt: skip
    hall.facts.counts["C-1"] = doc.Count(id="C-1", warehouse="J1", locations=["R-01", "R-02"])
    return hall


def said(outcome: Outcome) -> tuple[object, object]:
    return outcome.result["message_key"], outcome.result["message"]


def undo(hall: Hall, device: str = "pda-1", supervisor: str | None = None) -> Outcome:
    return hall.scan(TaskContext("undo", supervisor=supervisor), device=device)


# ---------------------------------------------------------------- undo


LEFT_AT_R03 = (
    "Milk: 1 of 5 left at R-03, somebody has moved it on: move it back instead, "
    "or call your supervisor"
)


def moved_on(hall: Hall) -> None:
    hall.scan(TaskContext("move", "R-02", "R-03", 5), of(MILK, "M1"))
    hall.scan(TaskContext("move", "R-03", "R-01", 4), of(MILK, "M1"), device="pda-2")


def test_what_somebody_has_moved_on_is_not_taken_back(hall: Hall) -> None:
    moved_on(hall)
    refused = undo(hall)
    assert said(refused) == (
        "moved_on",
        LEFT_AT_R03,
    )
    assert (refused.status, refused.events) == ("refused", ())
    assert [hall.on_hand(MILK, "M1", it) for it in ("R-01", "R-02", "R-03")] == [4, 4, 1]
    assert undo(hall, "pda-2").status == "accepted", "the other one's scan is the last word there"
    assert undo(hall).status == "accepted", "and then this one's again"
    assert hall.on_hand(MILK, "M1", "R-02") == 9


def test_a_supervisor_takes_it_back_all_the_same(hall: Hall) -> None:
    moved_on(hall)
    told = undo(hall, supervisor="BADGE-2")
    assert (told.status, told.result["message_key"]) == ("flagged", "moved_on")
    assert hall.on_hand(MILK, "M1", "R-03") == -4, "recorded, and found below zero"


def test_where_the_book_was_wrong_before_a_scan_is_taken_back(hall: Hall) -> None:
    hall.scan(TaskContext("move", "R-03", "R-01", 7), of(MILK, "M1"))  # the book had none there
    hall.scan(TaskContext("move", "R-02", "R-03", 2), of(MILK, "M1"))
    assert undo(hall).status == "accepted"
    assert hall.on_hand(MILK, "M1", "R-03") == -7


def test_what_has_left_the_house_is_taken_back(hall: Hall) -> None:
    hall.scan(TaskContext("waste", None, "R-02", 9, reason="torn"), of(MILK, "M1"))
    assert undo(hall).status == "accepted"
    assert hall.on_hand(MILK, "M1", "R-02") == 9


# ---------------------------------------------------------------- counts


@pytest.mark.parametrize("task", [
    TaskContext("close", "C-9", "R-02"),
    TaskContext("close", "C-1", "R-03"),
])  # fmt: skip
def test_closing_a_place_where_nothing_was_counted_counts_nothing_away(
    hall: Hall, task: TaskContext
) -> None:
    refused = hall.scan(task)
    assert said(refused) == (
        "nothing_counted",
        f"Nothing was counted at {task.location}: scan what is there, or 0 of what is not",
    )
    assert refused.events == ()
    assert hall.on_hand(MILK, "M1", "R-02") == 9


@pytest.mark.parametrize(
    "task", [TaskContext("close", "C-1", "R-02"), TaskContext("close", None, "R-02")]
)
def test_an_empty_place_is_closed_without_a_scan(hall: Hall, task: TaskContext) -> None:
    assert said(hall.scan(task))[0] == "recount_needed", "nobody believes it at once"
    assert hall.on_hand(MILK, "M1", "R-02") == 0
    assert hall.scan(task).result["outcome"] == "unresolved"


def test_a_count_is_closed_place_by_place(hall: Hall) -> None:
    assert said(hall.scan(TaskContext("close", "C-1")))[0] == "location_missing"


# ---------------------------------------------------------------- lists


def test_what_was_wasted_since_is_looked_for_elsewhere(hall: Hall) -> None:
    hall.put(MILK, "M1", "R-03", 4, None)
    lines = [doc.OrderLine(item=MILK, quantity=10)]
    hall.facts.orders["O-1"] = doc.Order(id="O-1", warehouse="J1", lines=lines)
    hall.scan(TaskContext("start", "O-1"))
    hall.scan(TaskContext("waste", None, "R-02", 2, reason="broken"), of(MILK, "M1"))
    again = hall.scan(TaskContext("start", "O-1"))
    stops = again.result["stops"]
    assert isinstance(stops, list)
    assert [(it["location"], it["quantity"]) for it in stops] == [("R-02", 7), ("R-03", 3)]
    assert [event.type for event in again.events] == ["pick.allocated"], "others are told"


def test_who_begins_an_order_that_is_sent_is_not_told_to_pack_it(hall: Hall) -> None:
    hall.facts.orders["O-1"] = doc.Order(
        id="O-1", warehouse="J1", lines=[doc.OrderLine(item=MILK, quantity=2)]
    )
    hall.scan(TaskContext("pick", "O-1", "R-02", 2), of(MILK, "M1"))
    assert said(hall.scan(TaskContext("start", "O-1")))[0] == "picked_all"
    hall.scan(TaskContext("ship", "O-1", None, 2), of(MILK, "M1"))
    assert said(hall.scan(TaskContext("start", "O-1"))) == (
        "order_sent", "Order O-1 is sent: nothing is left to do"
    )  # fmt: skip


# ---------------------------------------------------------------- receipts, places, papers


def test_goods_of_an_open_delivery_that_are_received_for_none_are_told(hall: Hall) -> None:
    task = TaskContext("receive", None, None, 2)
    told = hall.scan(task, of(RICE, "RR"))
    assert said(told) == (
        "delivery_missing",
        "Rice: 2 received for no delivery, ASN-1 announces it: undo, choose it",
    )
    assert (told.status, len(told.events) > 0) == ("flagged", True)
    assert hall.scan(task, of(RICE, "XX")).status == "accepted", "another lot is another delivery"
    assert hall.scan(task, of(MILK, "M1")).status == "accepted"
    hall.scan(TaskContext("receive", "ASN-1", None, 8), of(RICE, "RR"))
    hall.scan(TaskContext("close", "ASN-1"))
    assert hall.scan(task, of(RICE, "RR")).status == "accepted", "a delivery that is closed"


@pytest.mark.parametrize("given", [MILK, MILK[1:], f"01{MILK}", f"01{MILK}10M1"[:18]])
def test_goods_are_no_place(hall: Hall, given: str) -> None:
    refused = hall.scan(TaskContext("move", "R-02", given, 1), of(MILK, "M1"))
    assert said(refused) == (
        "location_refused", f"{given} is no location: scan the label on the bin"
    )  # fmt: skip


def test_a_bin_may_be_called_by_a_number(hall: Hall) -> None:
    hall.facts.locations["0042"] = doc.Location(
        warehouse="J1", id="0042", zone="refrigerated", walk=90
    )
    assert hall.scan(TaskContext("move", "R-02", "0042", 1), of(MILK, "M1")).status == "accepted"


@pytest.mark.parametrize(
    ("key", "value", "told"),
    [
        ("id", '"ASN 1"', "document_refused"),
        ("id", '"]C10109506000134352"', "document_refused"),
        ("sscc", '"1234"', "unit_missing"),
        ("sscc", '"106141411234567897000"', "unit_missing"),
        ("temperature_c", '"warm"', "temperature_refused"),
        ("temperature_c", "900", "temperature_refused"),
        ("quantity", '"two"', "quantity_refused"),
    ],
)
def test_what_a_worker_got_wrong_is_told_in_his_words(
    hall: Hall, key: str, value: str, told: str
) -> None:
    task = f'{{"type":"receive","worker":"w8","{key}":{value}}}'
    raw = f'{{"v":1,"boot":"b","seq":1,"data":"x","task":{task}}}'.encode()
    reading = parse_payload("scan", raw, device="pda-1", received_at_us=1).reading
    assert isinstance(reading, Malformed)
    hall.facts.workers["w8"] = doc.Worker(id="w8", roles=["picker"], language="zh")
    result = hall.decoder.malformed(reading, hall.floor).result
    assert result["message_key"] == told
    assert "Message" not in str(result["message"])


@pytest.mark.parametrize("given", ["O-1", "]C0O-1", " O-1 "])
def test_a_document_may_come_as_its_paper_was_scanned(given: str) -> None:
    task = f'{{"type":"start","id":"{given}"}}'
    raw = f'{{"v":1,"boot":"b","seq":1,"task":{task}}}'.encode()
    reading = parse_payload("scan", raw, device="pda-1", received_at_us=1).reading
    assert isinstance(reading, Scan)
    assert reading.task is not None
    assert reading.task.id == "O-1"


@pytest.mark.parametrize("label", ["SKU-7", "]C0OLD-7"])
def test_a_label_with_the_sku_is_the_item(hall: Hall, label: str) -> None:
    milk = hall.facts.items[MILK]
    called = {"sku": "SKU-7", "aliases": ["OLD-7"]}
    hall.facts.items[MILK] = milk.model_copy(update=called)
    outcome = hall.scan(TaskContext("move", "R-02", "R-01", 2), data=label)
    (event,) = outcome.events
    assert [(it.item, it.quantity) for it in event.lines] == [(MILK, 2)]
    unknown = hall.scan(TaskContext("move", "R-02", "R-01", 2), data="SKU-8")
    assert unknown.result["message_key"] == "not_a_product"


def test_a_place_that_is_called_like_an_item_is_the_place(hall: Hall) -> None:
    hall.facts.items[MILK] = hall.facts.items[MILK].model_copy(update={"sku": "R-01"})
    refused = hall.scan(TaskContext("move", "R-02", "R-01", 2), data="R-01")
    assert refused.result["message_key"] == "label_not_goods"
