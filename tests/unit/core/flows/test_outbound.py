"""Pins an order's way out: allocation, the walk, each bad scan, packing, shipping, transfers."""

import pytest

from cloud_sync.contract import documents as doc
from gateway.core.decode import Outcome
from gateway.core.flows.board import open_tasks
from gateway.core.readings import Symbol, TaskContext
from tests.rigs.flows import MILK, PEAS, RICE, SSCC, Hall, of

CASE = "19506000134366"


@pytest.fixture
def hall() -> Hall:
    hall = Hall()
    hall.put(MILK, "OLD", "R-03", 4, "2026-11-30")
    hall.put(MILK, "NEW", "R-01", 9, "2026-12-24")
    hall.put(RICE, "RR", "A-01", 5, None)
    order(hall, "O-1", {MILK: 6, RICE: 2})
    return hall


def order(hall: Hall, key: str, lines: dict[str, int]) -> None:
    hall.facts.orders[key] = doc.Order(
        id=key,
        warehouse="J1",
        lines=[doc.OrderLine(item=item, quantity=n) for item, n in lines.items()],
    )


def pick(hall: Hall, item: str, lot: str | None, place: str, n: int, **more: object) -> Outcome:
    task = TaskContext("pick", "O-1", place, n, worker="w1", **more)  # type: ignore[arg-type]
    return hall.scan(task, of(item, lot))


def stops_of(outcome: Outcome) -> list[tuple[object, object, object]]:
    stops = outcome.result["stops"]
    assert isinstance(stops, list)
    return [(stop["location"], stop.get("lot"), stop["quantity"]) for stop in stops]


def left(outcome: Outcome) -> object:
    task = outcome.result["task"]
    assert isinstance(task, dict)
    return task["left"]


def test_pieces_and_grams_are_left_apart(hall: Hall) -> None:
    night = TaskContext("receive", None, "A-01", 900, "g", supervisor="w2")
    hall.scan(night, of(RICE, "RR"), device="night")
    lines = [
        doc.OrderLine(item=MILK, quantity=3),
        doc.OrderLine(item=RICE, quantity=800, unit="g"),
    ]
    hall.facts.orders["O-1"] = doc.Order(id="O-1", warehouse="J1", lines=lines)
    started = hall.scan(TaskContext("start", "O-1"))
    picked = pick(hall, MILK, "OLD", "R-03", 2)
    weighed = pick(hall, RICE, "RR", "A-01", 300, unit="g")
    found = [it.result["task"] for it in (started, picked, weighed)]
    left = [(task["left"], task["left_g"]) for task in found if isinstance(task, dict)]
    assert left == [(3, 800), (1, 800), (1, 500)]
    assert pick(hall, MILK, "OLD", "R-03", 1).result["message_key"] == "accepted"
    assert pick(hall, RICE, "RR", "A-01", 500, unit="g").result["message_key"] == "picked_last"


def test_starting_an_order_splits_it_over_lots_and_walks_the_bins_in_order(hall: Hall) -> None:
    outcome = hall.scan(TaskContext("start", "O-1"))
    assert stops_of(outcome) == [("R-01", "NEW", 2), ("R-03", "OLD", 4), ("A-01", "RR", 2)]
    assert [event.type for event in outcome.events] == ["pick.allocated"]
    again = hall.scan(TaskContext("start", "O-1"), device="pda-2")
    assert (stops_of(again), again.events) == (stops_of(outcome), ())


def test_what_nobody_had_is_on_the_list_once_it_is_put_away(hall: Hall) -> None:
    order(hall, "O-1", {MILK: 15})
    first = hall.scan(TaskContext("start", "O-1"))
    assert first.result["message_key"] == "order_short"
    second = hall.scan(TaskContext("start", "O-1"))
    assert second.result["message_key"] == "order_short"
    told = [(it.type, it.flags) for outcome in (first, second) for it in outcome.events]
    assert told == [("pick.allocated", ("order_short",))] * 2, "what is told is recorded"
    hall.put(MILK, "NEW", "R-02", 4, "2026-12-24")
    again = hall.scan(TaskContext("start", "O-1"))
    assert stops_of(again) == [("R-01", "NEW", 9), ("R-02", "NEW", 2), ("R-03", "OLD", 4)]
    assert [event.type for event in again.events] == ["pick.allocated"]


def test_a_lot_that_was_held_since_is_off_the_list(hall: Hall) -> None:
    hall.scan(TaskContext("start", "O-1"))
    hall.scan(TaskContext("hold", reason="smells"), of(MILK, "OLD"))
    again = hall.scan(TaskContext("start", "O-1"))
    assert stops_of(again) == [("R-01", "NEW", 6), ("A-01", "RR", 2)]


def test_the_second_order_gets_what_the_first_leaves(hall: Hall) -> None:
    order(hall, "O-2", {MILK: 9})
    hall.scan(TaskContext("start", "O-1"))
    outcome = hall.scan(TaskContext("start", "O-2"), device="pda-2")
    assert stops_of(outcome) == [("R-01", "NEW", 7)]
    assert outcome.result["message"] == "Order O-2: 2 missing everywhere, tell your supervisor"


def test_each_pick_tells_what_is_left_and_where_to_go(hall: Hall) -> None:
    first = pick(hall, MILK, "NEW", "R-01", 2)
    assert [event.type for event in first.events] == ["pick.allocated", "goods.picked"]
    assert first.result["task"] == {
        "id": "O-1",
        "left": 6,
        "next": {"location": "R-03", "item": MILK, "lot": "OLD", "unit": "EA", "quantity": 4},
    }
    pick(hall, MILK, "OLD", "R-03", 4)
    last = pick(hall, RICE, "RR", "A-01", 2)
    assert last.result["message"] == "Rice: 2 recorded. Order O-1 is complete: pack it"
    assert hall.on_hand(MILK, "NEW", "PACK") == 2


def test_a_pick_beside_the_list_that_is_taken_back_leaves_the_list_as_it_was(hall: Hall) -> None:
    order(hall, "O-1", {MILK: 6})
    before = stops_of(hall.scan(TaskContext("start", "O-1")))
    slips: list[tuple[str, str, int]] = [
        ("OLD", "R-02", 1), ("LX", "R-03", 2), ("NEW", "R-02", 2), ("OLD", "R-03", 9)
    ]  # fmt: skip
    for lot, place, n in slips:
        assert pick(hall, MILK, lot, place, n).status == "flagged"
        undone = hall.scan(TaskContext("undo"))
        assert [event.type for event in undone.events] == ["event.corrected", "pick.allocated"]
        assert stops_of(hall.scan(TaskContext("start", "O-1"))) == before, (lot, place, n)
    hall.fold()
    assert stops_of(hall.scan(TaskContext("start", "O-1"))) == before


def test_one_too_many_that_is_taken_back_leaves_nothing_to_pick(hall: Hall) -> None:
    pick(hall, MILK, "OLD", "R-03", 4)
    pick(hall, MILK, "NEW", "R-01", 2)
    pick(hall, RICE, "RR", "A-01", 2)
    over = pick(hall, RICE, "RR", "A-01", 1)
    assert over.result["message"] == (
        "Rice: 1 recorded, order O-1 needs 0: undo, put the rest back"
    )
    hall.scan(TaskContext("undo"))
    short = hall.scan(TaskContext("short", "O-1", "A-01", reason="none"), of(RICE, "RR"))
    assert short.result["message_key"] == "nothing_to_pick"
    done = hall.scan(TaskContext("start", "O-1")).result
    assert done["message_key"] == "picked_all"


def test_pieces_fill_no_line_that_is_asked_for_by_weight(hall: Hall) -> None:
    hall.facts.orders["O-1"] = doc.Order(
        id="O-1", warehouse="J1", lines=[doc.OrderLine(item=RICE, quantity=800, unit="g")]
    )
    outcome = pick(hall, RICE, "RR", "A-01", 1)
    assert outcome.result["message"] == (
        "O-1 asks for Rice by weight: undo, scan the weight label"
    )
    hall.scan(TaskContext("undo"))
    assert hall.floor.flows.orders["O-1"].stops == []


def test_a_case_of_what_was_ordered_is_refused_with_what_it_holds(hall: Hall) -> None:
    hall.facts.items[CASE] = doc.Item(
        gtin=CASE, names={"en": "Case"}, zone="ambient", grams_per_unit=6000,
        contains=doc.Contents(item=RICE, units=12),
    )  # fmt: skip
    outcome = pick(hall, CASE, None, "A-01", 1)
    assert (outcome.status, outcome.events) == ("refused", ())
    assert outcome.result["message"] == "Case is a case of 12 × Rice: scan a piece."


def test_who_goes_on_with_an_order_that_was_taken_back_is_told(hall: Hall) -> None:
    hall.scan(TaskContext("start", "O-1"))
    del hall.facts.orders["O-1"]
    assert pick(hall, MILK, "OLD", "R-03", 1).status == "accepted", "it may come yet"
    hall.office("order", "O-1", is_deleted=True)
    assert pick(hall, MILK, "OLD", "R-03", 1).result["message_key"] == "document_closed"
    for task in (
        TaskContext("pack", "O-1", quantity=1, sscc=SSCC),
        TaskContext("ship", "O-1", quantity=1),
    ):
        assert hall.scan(task, of(MILK, "OLD")).result["message_key"] == "document_closed"
    hall.office("order", "O-1", is_deleted=False)
    assert pick(hall, MILK, "OLD", "R-03", 1).status == "accepted"


def test_an_order_is_no_box_to_pack_into(hall: Hall) -> None:
    outcome = hall.scan(TaskContext("pack", "O-1", quantity=1), of(MILK, "OLD"))
    assert outcome.result["message"] == "Scan the label of the box first"


def test_a_symbol_without_a_lot_means_the_lot_that_is_to_be_picked_there(hall: Hall) -> None:
    outcome = pick(hall, MILK, None, "R-03", 1)
    assert outcome.status == "accepted"
    assert outcome.events[-1].lines[0].lot == "OLD"


def test_a_wrong_item_moves_nothing_unless_a_supervisor_answers_for_it(hall: Hall) -> None:
    hall.put(PEAS, "P1", "F-01", 3, None)
    refused = pick(hall, PEAS, "P1", "F-01", 1)
    assert (refused.status, refused.events) == ("refused", ())
    assert refused.result["message"] == "Peas is not in order O-1: put it back."
    hall.scan(TaskContext("start", "O-1"))
    assert pick(hall, PEAS, "P1", "F-01", 1).result["message"] == (
        "Peas is not in order O-1: put it back. Next: 2 × Milk at R-01"
    )
    flagged = pick(hall, PEAS, "P1", "F-01", 1, supervisor="BADGE-2")
    assert flagged.events[-1].flags[0] == "wrong_item"
    assert hall.floor.flows.orders["O-1"].picked == {}, "it fills no line"


@pytest.mark.parametrize(
    ("trouble", "key"),
    [
        ("expired", "lot_expired"),
        ("held", "lot_held"),
        ("recalled", "lot_recalled"),
        ("uncertified", "certificate_expired"),
    ],
)
def test_goods_that_must_not_be_sold_are_told_at_once_and_fill_no_line(
    hall: Hall, trouble: str, key: str
) -> None:
    hall.scan(TaskContext("start", "O-1"))
    expiry = None
    if trouble == "expired":
        expiry = "2026-11-20"
        hall.facts.lots[MILK, "OLD"] = expiry
    elif trouble == "held":
        hall.scan(TaskContext("hold", reason="smells"), of(MILK, "OLD"), device="pda-9")
    elif trouble == "recalled":
        hall.facts.holds["H"] = doc.Hold(id="H", kind="recall", item=MILK, reason="glass")
    else:
        hall.facts.certificates["C"] = doc.Certificate(
            id="C", type="organic", items=[MILK], valid_until="2026-11-20"
        )
    outcome = hall.scan(TaskContext("pick", "O-1", "R-03", 4), of(MILK, "OLD", expiry))
    assert outcome.result["message_key"] == key
    assert "put it aside" in str(outcome.result["message"])
    assert left(outcome) == 8, "the need stays"
    assert hall.on_hand(MILK, "OLD", "PACK") == 4, "what was taken is recorded"


def test_an_expired_pick_taken_back_changes_nothing_about_the_order(hall: Hall) -> None:
    hall.scan(TaskContext("start", "O-1"))
    before = hall.scan(TaskContext("start", "O-1"))
    hall.scan(TaskContext("pick", "O-1", "R-01", 1), of(MILK, "STALE", "2026-01-01"))
    hall.scan(TaskContext("undo"))
    assert stops_of(hall.scan(TaskContext("start", "O-1"))) == stops_of(before)
    assert hall.floor.flows.orders["O-1"].picked == {}


def test_held_goods_are_not_allocated_and_released_ones_are(hall: Hall) -> None:
    hall.scan(TaskContext("hold", reason="smells"), of(MILK, "OLD"))
    assert ("R-03", "OLD", 4) not in stops_of(hall.scan(TaskContext("start", "O-1")))
    order(hall, "O-2", {MILK: 4})
    release = TaskContext("release", worker="w1")
    assert hall.scan(release, of(MILK, "OLD")).result["message_key"] == "supervisor_needed"
    release = TaskContext("release", worker="w1", supervisor="BADGE-2")
    assert hall.scan(release, of(MILK, "OLD")).status == "accepted"
    assert stops_of(hall.scan(TaskContext("start", "O-2"))) == [("R-03", "OLD", 4)]


@pytest.mark.parametrize(
    ("lot", "place", "n", "flag"),
    [
        ("NEW", "R-01", 3, "over_pick"),
        ("LX", "R-03", 1, "other_lot"),
        ("OLD", "R-02", 1, "other_place"),
    ],
)
def test_a_pick_beside_the_list_is_recorded_and_told(
    hall: Hall, lot: str, place: str, n: int, flag: str
) -> None:
    order(hall, "O-1", {MILK: 6} if flag != "over_pick" else {MILK: 2})
    hall.scan(TaskContext("start", "O-1"))
    outcome = pick(hall, MILK, lot, place, n)
    assert outcome.events[-1].flags == (flag,)
    assert left(outcome) == (0 if flag == "over_pick" else 5), "it fills the order all the same"


def test_a_short_pick_is_looked_for_elsewhere_and_the_bin_is_to_be_counted(hall: Hall) -> None:
    hall.scan(TaskContext("start", "O-1"))
    short = TaskContext("short", "O-1", "R-03", 3, reason="not there")
    outcome = hall.scan(short, of(MILK, "OLD"))
    assert [event.type for event in outcome.events] == ["pick.short", "pick.allocated"]
    assert stops_of(outcome) == [("R-01", "NEW", 5), ("R-03", "OLD", 1), ("A-01", "RR", 2)]
    assert outcome.result["event_id"] == outcome.events[0].event_id
    counts = [task for task in open_tasks(hall.floor) if task["type"] == "count"]
    assert counts == [
        {"type": "count", "blind": True, "stops": [{"location": "R-03", "round": 1}]}
    ]
    hall.scan(TaskContext("count", None, "R-03", 1), of(MILK, "OLD"))
    assert not any(task["type"] == "count" for task in open_tasks(hall.floor))


def test_a_short_pick_that_nothing_can_fill_is_told_as_such(hall: Hall) -> None:
    hall.scan(TaskContext("start", "O-1"))
    outcome = hall.scan(TaskContext("short", "O-1", "A-01", None, reason="gone"), of(RICE))
    assert outcome.result["message"] == "Order O-1: 2 missing everywhere, tell your supervisor"
    again = hall.scan(TaskContext("short", "O-1", "A-01", None, reason="gone"), of(RICE, "RR"))
    assert again.result["message_key"] == "nothing_to_pick"


def test_a_short_pick_needs_its_reason(hall: Hall) -> None:
    hall.scan(TaskContext("start", "O-1"))
    outcome = hall.scan(TaskContext("short", "O-1", "R-03", 1), of(MILK, "OLD"))
    assert (outcome.status, outcome.result["message_key"]) == ("refused", "reason_missing")


# ---------------------------------------------------------------- packing and leaving


def picked_hall(hall: Hall) -> Hall:
    pick(hall, MILK, "NEW", "R-01", 2)
    pick(hall, MILK, "OLD", "R-03", 4)
    pick(hall, RICE, "RR", "A-01", 2)
    return hall


def pack(hall: Hall, item: str, lot: str | None, n: int) -> Outcome:
    return hall.scan(TaskContext("pack", "O-1", None, n, sscc=SSCC), of(item, lot))


def test_a_unit_is_packed_asked_and_sent_by_its_sscc(hall: Hall) -> None:
    picked_hall(hall)
    assert pack(hall, MILK, "OLD", 4).status == "accepted"
    told = pack(hall, RICE, None, 2)
    assert told.result["message"] == f"Rice in {SSCC}: 6 now"
    assert told.events[-1].body["children"] == [
        {"item": RICE, "lot": "RR", "unit": "EA", "quantity": 2}
    ]
    asked = hall.scan(TaskContext("lookup"), Symbol((), sscc=SSCC))
    assert asked.result["order"] == "O-1"
    assert asked.result["location"] == "PACK"
    sent = hall.scan(TaskContext("ship", "O-1"), Symbol((), sscc=SSCC))
    assert [(line.lot, line.quantity) for line in sent.events[-1].lines] == [("OLD", 4), ("RR", 2)]
    assert hall.on_hand(MILK, "OLD", "PACK") == 0
    assert SSCC not in hall.floor.flows.units
    (task,) = [task for task in open_tasks(hall.floor) if task["id"] == "O-1"]
    assert task["lines"] == [{"item": MILK, "lot": "NEW", "unit": "EA", "quantity": 2}]


def test_what_was_not_picked_is_told_when_packed_and_when_sent(hall: Hall) -> None:
    pick(hall, MILK, "OLD", "R-03", 4)
    assert pack(hall, MILK, "OLD", 5).events[-1].flags == ("not_picked",)
    ship = TaskContext("ship", "O-1", None, 5)
    assert hall.scan(ship, of(MILK, "OLD")).events[-1].flags == ("not_picked",)


def test_a_unit_goes_to_no_other_order(hall: Hall) -> None:
    picked_hall(hall)
    pack(hall, MILK, "OLD", 4)
    order(hall, "O-2", {MILK: 1})
    wrong = hall.scan(TaskContext("ship", "O-2"), Symbol((), sscc=SSCC))
    assert wrong.result["message_key"] == "unit_of_another"
    wrong = hall.scan(TaskContext("pack", "O-2", None, 1, sscc=SSCC), of(MILK, "NEW"))
    assert wrong.result["message_key"] == "unit_of_another"


def test_unpacking_takes_out_what_is_in_and_no_more(hall: Hall) -> None:
    picked_hall(hall)
    pack(hall, MILK, "OLD", 4)
    assert hall.scan(TaskContext("unpack", SSCC, None, 5), of(MILK, "OLD")).status == "refused"
    assert hall.scan(TaskContext("unpack", SSCC, None, 4), of(MILK, "OLD")).status == "accepted"
    unknown = hall.scan(TaskContext("lookup"), Symbol((), sscc=SSCC))
    assert "contents" not in unknown.result


def test_pieces_are_no_part_of_what_a_transfer_asks_for_by_weight(hall: Hall) -> None:
    hall.facts.transfers["T-G"] = doc.Transfer(
        id="T-G", source="J1", destination="J2", status="ordered",
        ordered=[doc.ShipmentLine(item=RICE, quantity=500, unit="g")],
    )  # fmt: skip
    by_piece = hall.scan(TaskContext("ship", "T-G", "A-01", 2), of(RICE, "RR"))
    assert by_piece.events[-1].flags[0] == "asked_by_weight"
    by_weight = hall.scan(TaskContext("ship", "T-G", "A-01", 500, "g"), of(RICE, "RR"))
    assert "over_dispatch" not in by_weight.events[-1].flags


def test_a_unit_that_nobody_packed_is_refused(hall: Hall) -> None:
    outcome = hall.scan(TaskContext("ship", "O-1"), Symbol((), sscc=SSCC))
    assert outcome.result["message_key"] == "unit_unknown"


@pytest.mark.parametrize(
    ("item", "n", "key"),
    [(MILK, 3, "accepted"), (MILK, 4, "over_dispatch"), (RICE, 1, "not_ordered")],
)
def test_a_transfer_is_sent_as_asked(hall: Hall, item: str, n: int, key: str) -> None:
    hall.facts.transfers["TR-9"] = doc.Transfer(
        id="TR-9", source="J1", destination="J2", status="ordered",
        ordered=[doc.ShipmentLine(item=MILK, quantity=3)],
    )  # fmt: skip
    place = "R-03" if item == MILK else "A-01"
    outcome = hall.scan(TaskContext("ship", "TR-9", place, n), of(item))
    assert outcome.result["message_key"] == key
    assert outcome.events[-1].lines[0].lot in {"OLD", "RR"}, "the only lot that lies there"
