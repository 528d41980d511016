"""Pins what a PDA says to bad scanning: what was expected, and what to do next."""

from __future__ import annotations

from dataclasses import replace

import pytest

from cloud_sync.contract import documents as doc
from gateway.codecs.mqtt_payloads import parse_payload
from gateway.core.decode import Outcome
from gateway.core.readings import Malformed, Symbol, TaskContext
from tests.rigs.flows import MILK, PEAS, RICE, SSCC, Hall, of


@pytest.fixture
def hall() -> Hall:
    hall = Hall()
    hall.put(MILK, "M1", "R-02", 9, None)
    hall.put(RICE, "RR", "A-01", 5, None)
    lines = [doc.OrderLine(item=MILK, quantity=3)]
    hall.facts.orders["O-1"] = doc.Order(id="O-1", warehouse="J1", lines=lines)
    shipped = [
        doc.ShipmentLine(item=MILK, quantity=10, lot=lot) for lot in ("M1", "M2", "M3", "M4")
    ]
    shipped.append(doc.ShipmentLine(item=RICE, quantity=5, lot="RR", sscc=SSCC))
    hall.facts.asns["ASN-1"] = doc.Asn(
        id="ASN-1", warehouse="J1", source="@supplier", status="dispatched", ordered=[],
        shipped=shipped,
    )  # fmt: skip
    hall.facts.transfers["T-1"] = doc.Transfer(
        id="T-1", source="J1", destination="J2", status="ordered",
        ordered=[doc.ShipmentLine(item=RICE, quantity=1)],
    )  # fmt: skip
    return hall


def said(outcome: Outcome) -> tuple[object, object]:
    return outcome.result["message_key"], outcome.result["message"]


def piece(serial: str, item: str = MILK, lot: str = "M1") -> Symbol:
    return Symbol((), item, lot, serial=serial)


def test_a_lot_at_the_door_that_was_not_announced_is_told_what_was(hall: Hall) -> None:
    task = TaskContext("receive", "ASN-1", None, 1)
    assert said(hall.scan(task, of(MILK, "m1"))) == (
        "lot_not_expected",
        "Lot m1 is not in delivery ASN-1, but M1, M2, M3…: recorded, check the label",
    )


def test_one_piece_scanned_twice_is_told(hall: Hall) -> None:
    task = TaskContext("pick", "O-1", "R-02")
    assert hall.scan(task, piece("S1")).status == "accepted"
    assert hall.scan(task, piece("S2")).status == "accepted"
    assert said(hall.scan(task, piece("S1"))) == (
        "serial_repeated", "Milk: this very piece was scanned just now: undo if it is the same"
    )  # fmt: skip


def test_one_piece_scanned_twice_is_told_in_counts_and_boxes_too(hall: Hall) -> None:
    for task in (
        TaskContext("count", None, "R-02"),
        TaskContext("pack", SSCC, "R-02"),
    ):
        assert "serial_repeated" not in hall.scan(task, piece("S1")).events[-1].flags
        assert "serial_repeated" in hall.scan(task, piece("S1")).events[-1].flags


def test_a_piece_that_goes_on_its_way_was_not_scanned_twice(hall: Hall) -> None:
    there = hall.scan(TaskContext("move", "R-02", "R-01", 1), piece("S1"))
    back = hall.scan(TaskContext("move", "R-01", "R-02", 1), piece("S1"))
    assert (there.status, back.status) == ("accepted", "accepted")


def test_a_piece_whose_scan_was_taken_back_is_scanned_once(hall: Hall) -> None:
    task = TaskContext("pick", "O-1", "R-02")
    hall.scan(task, piece("S1"))
    hall.scan(TaskContext("undo"))
    assert hall.scan(task, piece("S1")).status == "accepted"


def test_a_move_to_the_same_place_is_told(hall: Hall) -> None:
    outcome = hall.scan(TaskContext("move", "R-02", "R-02", 1), of(MILK, "M1"))
    assert said(outcome) == (
        "same_place", "Milk comes from R-02 itself: undo, scan where it goes"
    )  # fmt: skip


def test_a_pick_for_no_order_is_told(hall: Hall) -> None:
    outcome = hall.scan(TaskContext("pick", None, "R-02", 1), of(MILK, "M1"))
    assert said(outcome) == (
        "order_missing", "Milk: 1 picked for no order: undo, choose the order"
    )  # fmt: skip


def test_who_packs_or_sends_more_than_was_picked_is_told_how_many_were(hall: Hall) -> None:
    hall.scan(TaskContext("pick", "O-1", "R-02", 3), of(MILK, "M1"))
    pack = TaskContext("pack", "O-1", None, 4, sscc=SSCC)
    told = "Milk: 3 picked for O-1, 4 with this scan: undo, check it"
    assert said(hall.scan(pack, of(MILK, "M1"))) == ("not_picked", told)
    ship = TaskContext("ship", "O-1", None, 4)
    assert said(hall.scan(ship, of(MILK, "M1"))) == ("not_picked", told)


def test_who_loads_too_much_is_told_what_is_asked_for(hall: Hall) -> None:
    ship = TaskContext("ship", "T-1", "A-01", 3)
    assert said(hall.scan(ship, of(RICE, "RR"))) == (
        "over_dispatch", "Rice: T-1 asks for 1, 3 with this scan: undo, put the rest back"
    )  # fmt: skip


def test_a_pallet_for_the_wrong_zone_is_told_for_which_goods(hall: Hall) -> None:
    label = Symbol((), sscc=SSCC)
    hall.scan(TaskContext("receive", "ASN-1"), label)
    outcome = hall.scan(TaskContext("putaway", None, "R-01"), label)
    assert said(outcome) == (
        "wrong_zone",
        "Rice belongs in zone ambient, R-01 is refrigerated: put it elsewhere",
    )


def test_a_pallet_of_which_some_were_taken_is_told(hall: Hall) -> None:
    label = Symbol((), sscc=SSCC)
    hall.scan(TaskContext("receive", "ASN-1"), label)
    ((_, n),) = hall.floor.flows.units[SSCC].contents.items()
    hall.scan(TaskContext("move", "DOCK", "A-02", 1), of(RICE, "RR"))
    outcome = hall.scan(TaskContext("putaway", None, "A-01"), label)
    assert said(outcome) == (
        "more_than_booked",
        f"Rice: {n} taken at DOCK, where the book has {n - 1}: check it, undo if it was a slip",
    )


def test_a_unit_that_is_awaited_is_not_called_unknown(hall: Hall) -> None:
    look_up = TaskContext("lookup")
    assert said(hall.scan(look_up, Symbol((), sscc=SSCC)))[0] == "label_known"
    gone = Symbol((), sscc="195060000000000999")
    assert said(hall.scan(look_up, gone))[0] == "unit_unknown"


def test_a_question_about_nothing_known_is_no_bad_product(hall: Hall) -> None:
    assert said(hall.scan(TaskContext("lookup"), data="Z-99"))[0] == "nothing_known"
    assert said(hall.scan(TaskContext("receive"), data="Z-99"))[0] == "not_a_product"


def test_a_colleagues_badge_is_called_one(hall: Hall) -> None:
    outcome = hall.scan(TaskContext("receive"), data="BADGE-2")
    assert said(outcome) == ("label_not_goods", "Worker w2 is not goods: scan the product")


@pytest.mark.parametrize("key", ["T-1", "ASN-1"])
def test_a_pick_for_a_document_that_is_no_order_is_told(hall: Hall, key: str) -> None:
    outcome = hall.scan(TaskContext("pick", key, "R-02", 1), of(MILK, "M1"))
    assert said(outcome)[0] == "order_missing"


def test_an_order_that_is_not_known_here_is_picked_all_the_same(hall: Hall) -> None:
    assert hall.scan(TaskContext("pick", "O-9", "R-02", 1), of(MILK, "M1")).status == "accepted"


def test_more_damaged_ones_than_there_are_is_told(hall: Hall) -> None:
    task = TaskContext("inspect", None, "R-02", 10, condition="damaged")
    assert said(hall.scan(task, of(MILK, "M1"))) == (
        "more_than_booked",
        "Milk: 10 taken at R-02, where the book has 9: check it, undo if it was a slip",
    )
    assert (
        hall.scan(replace(task, quantity=1, location="A-01"), of(RICE, "RR")).status == "accepted"
    )


def test_a_count_under_what_is_no_count_is_told(hall: Hall) -> None:
    outcome = hall.scan(TaskContext("count", "O-1", "R-02", 3), of(MILK, "M1"))
    assert said(outcome)[0] == "unknown_document"


def test_goods_come_back_to_no_place_that_is_too_warm(hall: Hall) -> None:
    task = TaskContext("return", None, "A-01", 1, condition="good")
    assert hall.scan(task, of(PEAS, "P1")).result["message_key"] == "wrong_zone"
    assert hall.scan(replace(task, location="F-01"), of(PEAS, "P1")).status == "accepted"
    assert hall.scan(replace(task, location=None), of(PEAS, "P1")).status == "accepted"


@pytest.mark.parametrize(
    ("condition", "status"),
    [(None, "flagged"), ("good", "flagged"), ("damaged", "accepted"), ("suspect", "accepted")],
)
def test_who_takes_back_as_good_what_must_not_be_sold_is_told(
    hall: Hall, condition: str | None, status: str
) -> None:
    hall.scan(TaskContext("hold", reason="glass in it"), of(MILK, "M1"))
    outcome = hall.scan(
        TaskContext("return", None, "R-02", 1, condition=condition), of(MILK, "M1")
    )
    assert outcome.status == status
    assert outcome.events[-1].flags == (("lot_held",) if status == "flagged" else ())


def test_nothing_is_packed_into_what_is_no_box(hall: Hall) -> None:
    outcome = hall.scan(TaskContext("pack", "BOX-1", None, 1), of(MILK, "M1"))
    assert said(outcome) == ("unit_missing", "Scan the label of the box first")


@pytest.mark.parametrize(
    ("symbol", "asn", "is_told"),
    [
        (of(MILK, "M7"), None, True),
        (of(MILK, "M7", "2070-01-01"), None, False),
        (Symbol((), MILK, "M7", best_before="2070-01-01"), None, False),
        (of(MILK, "M9"), "ASN-2", False),  # the delivery says it
        (of(MILK, "M8"), None, False),  # it is known
        (of(RICE, "R7"), None, False),  # it does not spoil
        (of(MILK), None, False),  # no lot, no day
    ],
    ids=["neither", "expiry", "best before", "announced", "known", "rice", "no lot"],
)
def test_a_lot_of_what_spoils_is_asked_for_its_day(
    hall: Hall, symbol: Symbol, asn: str | None, is_told: bool
) -> None:
    milk = hall.facts.items[MILK]
    hall.facts.items[MILK] = milk.model_copy(update={"shelf_life_days": 12})
    hall.put(MILK, "M8", "R-01", 1, "2070-01-01")
    line = doc.ShipmentLine(item=MILK, quantity=1, lot="M9", expiry="2070-01-01")
    hall.facts.asns["ASN-2"] = hall.facts.asns["ASN-1"].model_copy(
        update={"id": "ASN-2", "shipped": [line]}
    )
    outcome = hall.scan(TaskContext("receive", asn, None, 1), symbol)
    assert (said(outcome)[0] == "expiry_missing") == is_told


@pytest.mark.parametrize(
    ("task", "key", "told"),
    [
        (b'{"worker":"w1"}', "task_missing", "Choose the task first, then scan again"),
        (
            b'{"type":"pick","location":"]C1(01)X"}', "location_refused",
            "]C1(01)X is no location: scan the label on the bin",
        ),
        (
            b'{"type":"pick","quantity":1.5}', "quantity_refused",
            "Quantity 1.5 is not possible: give whole pieces or grams",
        ),
    ],
)  # fmt: skip
def test_a_slip_in_the_message_is_told_in_a_workers_words(
    hall: Hall, task: bytes, key: str, told: str
) -> None:
    raw = b'{"v":1,"boot":"b","seq":1,"data":"x","task":' + task + b"}"
    reading = parse_payload("scan", raw, device="pda-1", received_at_us=1).reading
    assert isinstance(reading, Malformed)
    assert said(hall.decoder.malformed(reading, hall.floor)) == (key, told)


def test_two_labels_at_one_pull_are_told_apart_by_the_worker(hall: Hall) -> None:
    raw = b'{"v":1,"boot":"b","seq":1,"data":["R-01","R-02"],"task":{"type":"lookup"}}'
    reading = parse_payload("scan", raw, device="pda-1", received_at_us=1).reading
    assert isinstance(reading, Malformed)
    told = said(hall.decoder.malformed(reading, hall.floor))
    assert told == ("labels_mixed", "Several labels were read at once: aim at one")


@pytest.mark.parametrize("place", ["R-02", "]C0R-02", "R-02 "])
def test_a_place_may_come_as_its_label_was_scanned(place: str) -> None:
    raw = b'{"v":1,"boot":"b","seq":1,"data":"x","task":{"type":"pick","location":"%s"}}'
    filled = raw.replace(b"%s", place.encode())
    reading = parse_payload("scan", filled, device="pda-1", received_at_us=1).reading
    assert not isinstance(reading, Malformed)
    assert reading.task is not None  # type: ignore[union-attr]  # a scan
    assert reading.task.location == "R-02"  # type: ignore[union-attr]  # a scan
