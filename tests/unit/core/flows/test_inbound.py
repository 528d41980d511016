"""Pins receiving against a delivery, what is wrong with goods at the door, and put-away."""

from collections.abc import Mapping

import pytest

from cloud_sync.contract import documents as doc
from gateway.core.flows.goods import Goods
from gateway.core.readings import Symbol, TaskContext
from tests.rigs.flows import MILK, PEAS, RICE, SSCC, Hall, of


@pytest.fixture
def hall() -> Hall:
    hall = Hall()
    lines = [
        doc.ShipmentLine(item=MILK, quantity=10, lot="L1", expiry="2026-12-01"),
        doc.ShipmentLine(item=PEAS, quantity=4),
    ]
    hall.facts.asns["ASN-1"] = doc.Asn(
        id="ASN-1", warehouse="J1", source="@supplier", status="dispatched", ordered=lines
    )
    return hall


def receive(n: int, **more: object) -> TaskContext:
    return TaskContext("receive", "ASN-1", None, n, **more)  # type: ignore[arg-type]


def of_goods(lot: str) -> Goods:
    return Goods(MILK, lot, "EA")


def task_of(result: Mapping[str, object]) -> object:
    return result["task"]


def test_each_scan_tells_how_much_of_the_item_has_come(hall: Hall) -> None:
    assert hall.scan(receive(4), of(MILK, "L1")).status == "accepted"
    result = hall.scan(receive(3), of(MILK, "L1")).result
    assert task_of(result) == {"id": "ASN-1", "expected": 10, "received": 7}


def test_two_scans_that_are_not_folded_yet_see_each_other(hall: Hall) -> None:
    first = hall.scan(receive(6), of(MILK, "L1"))
    second = hall.scan(receive(6), of(MILK, "L1"))
    assert [first.status, second.status] == ["accepted", "flagged"]
    assert second.result["message"] == "Milk: 12 received, 10 announced: check the count"
    assert [event.type for event in second.events] == ["goods.received"], "it stands on the dock"


def test_goods_whose_paper_ran_out_are_taken_in_and_told_until_it_is_renewed(hall: Hall) -> None:
    paper = doc.Certificate(id="C-1", type="organic", items=[MILK], valid_until="2026-11-20")
    hall.facts.certificates["C-1"] = paper
    outcome = hall.scan(receive(2), of(MILK, "L1"))
    assert outcome.result["message_key"] == "certificate_expired"
    assert task_of(outcome.result) == {"id": "ASN-1", "expected": 10, "received": 2}
    renewed = paper.model_copy(update={"id": "C-2", "valid_until": "2027-11-20"})
    hall.facts.certificates["C-2"] = renewed
    outcome = hall.scan(receive(2), of(MILK, "L1"))
    assert outcome.status == "accepted"
    assert hall.floor.why_unusable(of_goods("L1"), "2026-11-21") is None


@pytest.mark.parametrize(
    ("symbol", "flag"),
    [
        (of(RICE, "L9"), "not_expected"),
        (of(MILK, "L2"), "lot_not_expected"),
        (of("00614141123452", "X"), "not_expected"),
    ],
)
def test_what_was_not_announced_is_recorded_and_told(
    hall: Hall, symbol: Symbol, flag: str
) -> None:
    outcome = hall.scan(receive(1), symbol)
    assert outcome.events[-1].flags[0] == flag
    assert outcome.result["message_key"] == flag


def test_a_blind_receipt_is_a_receipt(hall: Hall) -> None:
    assert hall.scan(TaskContext("receive", None, None, 2), of(RICE, "L1")).status == "accepted"
    assert hall.on_hand(RICE, "L1", "DOCK") == 2


def test_damaged_goods_come_in_and_cannot_be_picked(hall: Hall) -> None:
    assert hall.scan(receive(2, condition="damaged"), of(MILK, "L1")).status == "accepted"
    assert hall.on_hand(MILK, "L1", "DOCK") == 0
    assert hall.on_hand(MILK, "L1", "DOCK", "damaged") == 2


@pytest.mark.parametrize(
    ("centi_c", "status"), [(-1500, "flagged"), (-1800, "accepted"), (-1799, "flagged")]
)
def test_goods_too_warm_at_the_door_are_held(hall: Hall, centi_c: int, status: str) -> None:
    hall.facts.items[PEAS] = hall.facts.items[PEAS].model_copy(
        update={"receive_centi_c_max": -1800}
    )
    outcome = hall.scan(receive(4, temperature_centi_c=centi_c), of(PEAS, "P1"))
    assert outcome.status == status
    held = hall.on_hand(PEAS, "P1", "DOCK", "held")
    assert held == (4 if status == "flagged" else 0)
    assert outcome.events[-1].body["temperature_centi_c"] == centi_c


def test_closing_a_short_delivery_lists_what_is_missing(hall: Hall) -> None:
    hall.scan(receive(7), of(MILK, "L1"))
    outcome = hall.scan(TaskContext("close", "ASN-1"))
    assert outcome.result["message_key"] == "short_receipt"
    assert outcome.result["short"] == [
        {"item": MILK, "lot": "L1", "unit": "EA", "missing": 3},
        {"item": PEAS, "unit": "EA", "missing": 4},
    ]
    late = hall.scan(receive(3), of(MILK, "L1"))
    assert late.events[-1].flags == ("document_closed",), "late goods are goods all the same"
    assert hall.scan(TaskContext("close", "ASN-1")).result["message_key"] == "already_closed"


def test_a_closing_that_is_taken_back_leaves_the_delivery_open(hall: Hall) -> None:
    hall.scan(receive(7), of(MILK, "L1"))
    hall.scan(TaskContext("close", "ASN-1"))
    outcome = hall.scan(TaskContext("undo"))
    assert outcome.result["message"] == "Delivery ASN-1 is open again"
    (event,) = outcome.events
    assert (event.type, event.body["corrects_type"]) == ("event.corrected", "receipt.closed")
    assert [it.id for it in event.documents] == ["ASN-1"]
    assert task_of(hall.scan(receive(3), of(MILK, "L1")).result) == {
        "id": "ASN-1", "expected": 10, "received": 10,
    }  # fmt: skip
    assert hall.scan(TaskContext("close", "ASN-1")).result["message_key"] == "short_receipt"
    for expected in ("reopened", "undone"):
        assert hall.scan(TaskContext("undo")).result["message_key"] == expected
    assert hall.on_hand(MILK, "L1", "DOCK") == 7


def transfer_hall(per_mille: int | None) -> Hall:
    hall = Hall()
    line = doc.ShipmentLine(item=MILK, quantity=100, lot="L1")
    hall.facts.asns["ASN-2"] = doc.Asn(
        id="ASN-2", warehouse="J1", source="K1", transfer="TR-2", status="dispatched",
        ordered=[line], shipped=[line], shrink_per_mille=per_mille,
    )  # fmt: skip
    hall.scan(TaskContext("receive", "ASN-2", None, 98), of(MILK, "L1"))
    return hall


def test_shrink_within_tolerance_leaves_transit_with_its_reason() -> None:
    hall = transfer_hall(20)
    assert hall.scan(TaskContext("close", "ASN-2")).result["message_key"] == "reason_missing"
    outcome = hall.scan(TaskContext("close", "ASN-2", reason="broken on the way"))
    assert outcome.result["message_key"] == "shrink_within"
    loss = outcome.events[0]
    assert (loss.type, loss.body["reason"]) == ("transfer.received", "broken on the way")
    assert hall.on_hand(MILK, "L1", "@transit.TR-2") == -100, "98 came and 2 were lost"
    assert hall.on_hand(MILK, "L1", "@adjustment") == 2
    for expected in ("reopened", "undone"):
        assert hall.scan(TaskContext("undo")).result["message_key"] == expected
    assert hall.on_hand(MILK, "L1", "@adjustment") == 0, "what was written off is awaited again"
    assert hall.on_hand(MILK, "L1", "DOCK") == 98


@pytest.mark.parametrize("per_mille", [None, 19])
def test_shrink_beyond_tolerance_stays_in_transit(per_mille: int | None) -> None:
    hall = transfer_hall(per_mille)
    outcome = hall.scan(TaskContext("close", "ASN-2", reason="gone"))
    assert outcome.result["message_key"] == "shrink_beyond"
    assert [event.type for event in outcome.events] == ["receipt.closed"]
    assert hall.on_hand(MILK, "L1", "@transit.TR-2") == -98


def test_a_logistic_unit_is_received_with_all_that_is_announced_in_it(hall: Hall) -> None:
    shipped = [
        doc.ShipmentLine(item=MILK, quantity=6, lot="L1", sscc=SSCC),
        doc.ShipmentLine(item=RICE, quantity=2, lot="L5", sscc=SSCC),
        doc.ShipmentLine(item=RICE, quantity=9, lot="L6"),
    ]
    hall.facts.asns["ASN-1"] = hall.facts.asns["ASN-1"].model_copy(update={"shipped": shipped})
    outcome = hall.scan(TaskContext("receive", "ASN-1"), Symbol((), sscc=SSCC))
    assert [event.type for event in outcome.events] == ["unit.packed", "goods.received"]
    assert hall.on_hand(MILK, "L1", "DOCK") == 6
    assert hall.on_hand(RICE, "L6", "DOCK") == 0
    again = hall.scan(TaskContext("receive", "ASN-1"), Symbol((), sscc=SSCC))
    assert again.result["message_key"] == "unit_received"


# ---------------------------------------------------------------- put-away


def test_frozen_goods_are_refused_in_an_ambient_bin(hall: Hall) -> None:
    outcome = hall.scan(TaskContext("putaway", None, "A-01", 2), of(PEAS, "P1"))
    assert (outcome.status, outcome.events) == ("refused", ())
    assert outcome.result["message"] == (
        "Peas belongs in zone frozen, A-01 is ambient: put it elsewhere"
    )
    assert hall.scan(TaskContext("putaway", None, "F-01", 2), of(PEAS, "P1")).status == "accepted"


@pytest.mark.parametrize(
    ("badge", "status"), [("BADGE-2", "flagged"), ("w2", "flagged"), ("w1", "refused")]
)
def test_only_a_supervisors_badge_overrides_the_zone(hall: Hall, badge: str, status: str) -> None:
    task = TaskContext("putaway", None, "A-01", 2, supervisor=badge)
    outcome = hall.scan(task, of(PEAS, "P1"))
    assert outcome.status == status
    if status == "flagged":
        assert outcome.events[-1].flags == ("wrong_zone",)
        assert outcome.events[-1].body["supervisor"] == badge


def test_a_place_nobody_knows_is_told_where_places_are_known(hall: Hall) -> None:
    hall.scan(receive(2), of(MILK, "L1"))
    outcome = hall.scan(TaskContext("putaway", None, "R-99", 1), of(MILK, "L1"))
    assert outcome.events[-1].flags == ("unknown_location",)
    hall.facts.locations.clear()
    assert hall.scan(TaskContext("putaway", None, "R-99", 1), of(MILK, "L1")).status == "accepted"


def test_pieces_of_what_is_announced_by_weight_are_told(hall: Hall) -> None:
    hall.facts.asns["A-G"] = doc.Asn(
        id="A-G", warehouse="J1", source="@supplier", status="dispatched",
        ordered=[doc.ShipmentLine(item=MILK, quantity=5000, unit="g")],
    )  # fmt: skip
    by_piece = hall.scan(TaskContext("receive", "A-G", None, 3), of(MILK, "L1"))
    assert by_piece.events[-1].flags == ("asked_by_weight",)
    assert task_of(by_piece.result) == {"id": "A-G", "expected": 5000, "received": 0}
    by_weight = hall.scan(TaskContext("receive", "A-G", None, 2500, "g"), of(MILK, "L1"))
    assert by_weight.status == "accepted"
    last = hall.scan(TaskContext("receive", "A-G", None, 2500, "g"), of(MILK, "L1"))
    assert last.status == "accepted", "pieces are no grams"
    assert task_of(last.result) == {"id": "A-G", "expected": 5000, "received": 5000}
    closed = hall.scan(TaskContext("close", "A-G"))
    assert closed.result["message_key"] == "receipt_closed"


def test_pieces_make_up_for_no_missing_weight(hall: Hall) -> None:
    hall.facts.asns["A-G"] = doc.Asn(
        id="A-G", warehouse="J1", source="@supplier", status="dispatched",
        ordered=[doc.ShipmentLine(item=MILK, quantity=500, unit="g")],
    )  # fmt: skip
    hall.scan(TaskContext("receive", "A-G", None, 400, "g"), of(MILK, "L1"))
    hall.scan(TaskContext("receive", "A-G", None, 100), of(MILK, "L1"))
    closed = hall.scan(TaskContext("close", "A-G"))
    assert closed.result["short"] == [{"item": MILK, "unit": "g", "missing": 100}]


def test_more_than_the_book_has_is_recorded_and_told(hall: Hall) -> None:
    hall.scan(receive(2), of(MILK, "L1"))
    outcome = hall.scan(TaskContext("putaway", None, "R-01", 20), of(MILK, "L1"))
    assert outcome.result["message"] == (
        "Milk: 20 taken at DOCK, where the book has 2: check it, undo if it was a slip"
    )
    assert hall.on_hand(MILK, "L1", "R-01") == 20, "what happened is recorded"
    elsewhere = hall.scan(TaskContext("waste", None, "R-03", 1, reason="torn"), of(MILK, "L1"))
    assert elsewhere.result["message_key"] == "more_than_booked"
    unheard = hall.scan(TaskContext("waste", None, "R-03", 1, reason="torn"), of(MILK, "L9"))
    assert unheard.status == "accepted", "the book never saw this lot"


def test_damaged_goods_stay_damaged_wherever_they_are_put(hall: Hall) -> None:
    hall.scan(receive(2, condition="damaged"), of(MILK, "L1"))
    hall.scan(TaskContext("putaway", None, "R-01", 2), of(MILK, "L1"))
    assert hall.on_hand(MILK, "L1", "R-01", "damaged") == 2
    assert hall.on_hand(MILK, "L1", "DOCK", "damaged") == 0


@pytest.mark.parametrize(
    ("lot", "is_told"),
    [("L117261201", True), ("L13012", True), ("L121S7", True), ("L17", False), ("L1726", False),
     ("L2", False), ("X17261201", False)],
)  # fmt: skip
def test_a_lot_that_swallowed_the_next_element_is_doubted(
    hall: Hall, lot: str, is_told: bool
) -> None:
    hall.put(MILK, "L1", "R-01", 4, "2026-12-01")
    outcome = hall.scan(TaskContext("receive"), of(MILK, lot))
    assert outcome.events[-1].flags == (("lot_doubtful",) if is_told else ())
    again = hall.scan(TaskContext("receive"), of(MILK, lot))
    assert again.status == "accepted", "told once: it is a known lot from now on"
