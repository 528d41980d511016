"""Pins cycle counts: tallies, blind counts, recount, approval, sweeps; and taking scans back."""

import pytest

from cloud_sync.contract import documents as doc
from gateway.core.decode import Outcome
from gateway.core.flows.board import open_tasks
from gateway.core.readings import TaskContext
from tests.rigs.flows import MILK, RICE, Hall, of


@pytest.fixture
def hall() -> Hall:
    hall = Hall()
    hall.put(MILK, "L1", "R-01", 10, "2026-12-01")
    hall.put(MILK, "L2", "R-02", 5, "2026-12-02")
    hall.put(RICE, "RR", "A-01", 7, None)
    counted(hall)
    return hall


def counted(hall: Hall, **more: object) -> None:
    fields = {"locations": ["R-02", "R-01"], "recount_units": 1} | more
    hall.facts.counts["C-1"] = doc.Count(id="C-1", warehouse="J1", **fields)


def count(hall: Hall, place: str, item: str, lot: str | None, n: int | None) -> Outcome:
    return hall.scan(TaskContext("count", "C-1", place, n), of(item, lot))


def close(hall: Hall, place: str, **more: object) -> Outcome:
    return hall.scan(TaskContext("close", "C-1", place, **more))  # type: ignore[arg-type]


def places_to_count(hall: Hall) -> list[object]:
    outcome = hall.scan(TaskContext("start", "C-1"))
    stops = outcome.result["stops"]
    assert isinstance(stops, list)
    return [(stop["location"], stop["round"]) for stop in stops]


@pytest.mark.parametrize(
    ("scope", "places"),
    [
        ({"locations": ["R-02", "R-01"]}, ["R-01", "R-02"]),
        ({"locations": [], "zones": ["refrigerated"]}, ["R-01", "R-02", "R-03"]),
        ({"locations": [], "items": [MILK]}, ["R-01", "R-02"]),
        ({"locations": [], "items": [MILK, RICE], "zones": ["ambient"]}, ["A-01"]),
        ({"locations": []}, ["R-01", "R-02", "R-03", "A-01", "F-01"]),
    ],
)
def test_a_count_by_bin_zone_or_item_walks_its_places(
    hall: Hall, scope: dict[str, object], places: list[str]
) -> None:
    counted(hall, **scope)
    assert places_to_count(hall) == [(place, 1) for place in places]


def test_piece_by_piece_scans_add_up(hall: Hall) -> None:
    for n in range(1, 4):
        outcome = count(hall, "R-01", MILK, "L1", None)
        assert outcome.result["counted"] == n
    hall.fold()
    assert count(hall, "R-01", MILK, "L1", None).result["counted"] == 4
    assert count(hall, "R-01", MILK, "L1", 12).result["counted"] == 12


def test_a_blind_count_never_tells_the_book(hall: Hall) -> None:
    for outcome in (count(hall, "R-01", MILK, "L1", 3), close(hall, "R-01")):
        assert "10" not in str({**outcome.result, "event_id": "", "item": "", "seq": ""})
    counted(hall, blind=False)
    assert count(hall, "R-02", MILK, "L2", 5).result["book"] == 5


@pytest.mark.parametrize(("n", "outcome"), [(10, "matched"), (9, "matched"), (8, "recount")])
def test_a_difference_up_to_the_limit_is_accepted(hall: Hall, n: int, outcome: str) -> None:
    count(hall, "R-01", MILK, "L1", n)
    assert close(hall, "R-01").result["outcome"] == outcome


def test_both_limits_must_be_passed(hall: Hall) -> None:
    counted(hall, recount_per_mille=500)
    count(hall, "R-01", MILK, "L1", 5)
    assert close(hall, "R-01").result["outcome"] == "matched"


def test_a_difference_that_stays_waits_for_a_supervisor(hall: Hall) -> None:
    count(hall, "R-01", MILK, "L1", 4)
    assert close(hall, "R-01").result["message"] == "R-01: count it once more"
    hall.fold()
    assert places_to_count(hall) == [("R-01", 2), ("R-02", 1)]
    count(hall, "R-01", MILK, "L1", 4)
    stays = close(hall, "R-01")
    assert stays.result["outcome"] == "unresolved"
    assert stays.result["differences"] == [
        {"item": MILK, "lot": "L1", "unit": "EA", "counted": 4, "book": 10}
    ]
    approve = TaskContext("approve", "C-1", "R-01", worker="w1")
    assert hall.scan(approve).result["message_key"] == "supervisor_needed"
    approved = hall.scan(TaskContext("approve", "C-1", "R-01", worker="w2"))
    assert approved.events[-1].body["outcome"] == "approved"
    assert approved.events[-1].body["differences"] == stays.result["differences"]
    assert places_to_count(hall) == [("R-02", 1)]
    assert hall.scan(approve).status == "refused"


def test_a_second_count_that_finds_all_is_no_difference(hall: Hall) -> None:
    count(hall, "R-01", MILK, "L1", 4)
    close(hall, "R-01")
    hall.fold()
    count(hall, "R-01", MILK, "L1", 10)
    assert close(hall, "R-01").result["outcome"] == "matched"


def test_zeros_of_a_place_closed_by_mistake_are_taken_back(hall: Hall) -> None:
    assert close(hall, "R-01").result["outcome"] == "recount", "nobody had scanned anything"
    hall.scan(TaskContext("undo"))
    hall.fold()
    assert hall.on_hand(MILK, "L1", "R-01") == 10
    assert count(hall, "R-01", MILK, "L1", 10).events[-1].body["assertions"] == [
        {"item": MILK, "lot": "L1", "unit": "EA", "location": "R-01", "quantity": 10, "book": 10}
    ]
    assert close(hall, "R-01").result["outcome"] == "matched"


def test_a_slip_of_the_round_before_is_taken_back(hall: Hall) -> None:
    for _ in range(3):
        count(hall, "R-01", MILK, "L1", None)
    close(hall, "R-01")
    hall.scan(TaskContext("undo"))
    hall.fold()
    assert hall.on_hand(MILK, "L1", "R-01") == 2
    recount = count(hall, "R-01", MILK, "L1", 4)
    assert recount.events[-1].body["assertions"] == [
        {"item": MILK, "lot": "L1", "unit": "EA", "location": "R-01", "quantity": 4, "book": 10}
    ]
    assert close(hall, "R-01").result["differences"] == [
        {"item": MILK, "lot": "L1", "unit": "EA", "counted": 4, "book": 10}
    ]


def test_a_pick_between_two_rounds_is_no_difference(hall: Hall) -> None:
    count(hall, "R-01", MILK, "L1", 4)
    close(hall, "R-01")
    hall.scan(TaskContext("pick", "O-7", "R-01", 3), of(MILK, "L1"), device="pda-2")
    count(hall, "R-01", MILK, "L1", 7)
    assert close(hall, "R-01").result["outcome"] == "matched"


def test_what_nobody_found_is_asserted_as_zero(hall: Hall) -> None:
    hall.put(RICE, "R9", "R-01", 2, None)
    count(hall, "R-01", MILK, "L1", 10)
    outcome = close(hall, "R-01")
    assert [event.type for event in outcome.events] == ["count.observed", "count.closed"]
    assert outcome.events[0].body["assertions"] == [
        {"item": RICE, "lot": "R9", "unit": "EA", "location": "R-01", "quantity": 0, "book": 2}
    ]
    assert close(hall, "R-01").result["outcome"] == "unresolved", (
        "not found the second time either"
    )


def test_what_is_counted_here_and_not_in_the_scope_is_told(hall: Hall) -> None:
    assert count(hall, "A-01", RICE, "RR", 7).events[-1].flags == ("not_in_count",)
    counted(hall, locations=[], items=[MILK])
    assert count(hall, "R-01", RICE, "RR", 1).events[-1].flags == ("not_in_count",)


def test_a_count_nobody_asked_for_ends_when_its_worker_does_something_else(hall: Hall) -> None:
    task = TaskContext("count", None, "R-01")
    assert [hall.scan(task, of(MILK, "L1")).result["counted"] for _ in range(2)] == [1, 2]
    other = hall.scan(task, of(MILK, "L1"), device="pda-2")
    assert other.result["counted"] == 1, "everybody counts for themselves"
    hall.scan(TaskContext("waste", None, "A-01", 1, reason="torn"), of(RICE, "RR"))
    assert hall.scan(task, of(MILK, "L1")).result["counted"] == 1


def test_a_sweep_says_what_is_not_there(hall: Hall) -> None:
    hall.put(RICE, "R9", "R-01", 2, None)
    task = TaskContext("count", "C-1", "R-01")
    outcome = hall.sweep(task, {MILK: ("1", "2", "3")})
    (event,) = outcome.events
    assert event.body["exhaustive"] is True
    rows = event.body["assertions"]
    assert isinstance(rows, list)
    assert [(row["item"], row["lot"], row["quantity"]) for row in rows] == [
        (MILK, "L1", 3),
        (RICE, "R9", 0),
    ]
    assert close(hall, "R-01").result["outcome"] == "recount"


def test_an_empty_place_swept_is_empty(hall: Hall) -> None:
    outcome = hall.sweep(TaskContext("count", "C-1", "R-03"), {})
    assert outcome.status == "accepted"
    assert outcome.result["counted"] == 0


# ---------------------------------------------------------------- taking back


def test_the_last_scan_is_taken_back_and_then_the_one_before(hall: Hall) -> None:
    for n in (1, 2):
        hall.scan(TaskContext("move", "R-01", "R-03", n), of(MILK, "L1"))
    undone = hall.scan(TaskContext("undo"))
    assert undone.result["message"] == "Milk: 2 taken back"
    (event,) = undone.events
    assert (event.type, event.corrects) == ("event.corrected", hall.events[-2].event_id)
    assert hall.on_hand(MILK, "L1", "R-03") == 1
    hall.fold()
    hall.scan(TaskContext("undo"))
    assert hall.on_hand(MILK, "L1", "R-03") == 0
    assert hall.scan(TaskContext("undo")).result["message_key"] == "nothing_to_undo"


def test_nobody_takes_back_what_another_did(hall: Hall) -> None:
    hall.scan(TaskContext("move", "R-01", "R-03", 1), of(MILK, "L1"))
    assert hall.scan(TaskContext("undo"), device="pda-2").status == "refused"


def test_a_pick_taken_back_is_to_be_picked_again(hall: Hall) -> None:
    hall.facts.orders["O-1"] = doc.Order(
        id="O-1", warehouse="J1", lines=[doc.OrderLine(item=MILK, quantity=3)]
    )
    hall.scan(TaskContext("pick", "O-1", "R-01", 3), of(MILK, "L1"))
    hall.scan(TaskContext("undo"))
    (task,) = [task for task in open_tasks(hall.floor) if task["type"] == "pick"]
    assert task["stops"] == [
        {"location": "R-01", "item": MILK, "lot": "L1", "unit": "EA", "quantity": 3}
    ]


def test_a_tally_taken_back_is_one_less(hall: Hall) -> None:
    for _ in range(3):
        count(hall, "R-01", MILK, "L1", None)
    hall.scan(TaskContext("undo"))
    assert count(hall, "R-01", MILK, "L1", None).result["counted"] == 3


# ---------------------------------------------------------------- looking, inspecting


def test_a_place_an_item_and_nothing_are_looked_up(hall: Hall) -> None:
    here = hall.scan(TaskContext("lookup"), data="R-01")
    assert here.result["contents"] == [
        {
            "name": "Milk", "location": "R-01", "item": MILK, "lot": "L1", "quantity": 10,
            "unit": "EA", "status": "available",
        }
    ]  # fmt: skip
    where = hall.scan(TaskContext("lookup"), of(MILK))
    places = where.result["places"]
    assert isinstance(places, list)
    assert [(row["location"], row["quantity"]) for row in places] == [("R-01", 10), ("R-02", 5)]
    assert "contents" not in hall.scan(TaskContext("lookup"), data="F-01").result
    assert here.events == where.events == ()


def test_who_looks_up_goods_is_told_that_they_must_not_be_sold(hall: Hall) -> None:
    hall.scan(TaskContext("hold", reason="smells"), of(MILK, "OLD"))
    outcome = hall.scan(TaskContext("lookup"), of(MILK, "OLD"))
    assert (outcome.status, outcome.result["message_key"]) == ("flagged", "lot_held")
    outcome = hall.scan(TaskContext("lookup"), of(MILK, "STALE", "2026-11-20"))
    assert outcome.result["message"] == "Lot STALE expired on 2026-11-20: put it aside"
    assert outcome.events == ()


def test_inspected_goods_change_their_status_and_only_a_supervisor_frees_them(hall: Hall) -> None:
    suspect = TaskContext("inspect", None, "R-01", 4, condition="suspect")
    assert hall.scan(suspect, of(MILK, "L1")).status == "accepted"
    assert hall.on_hand(MILK, "L1", "R-01", "held") == 4
    good = TaskContext("inspect", None, "R-01", 4, condition="good", worker="w1")
    assert hall.scan(good, of(MILK, "L1")).result["message_key"] == "supervisor_needed"
    good = TaskContext("inspect", None, "R-01", 4, condition="good", worker="w2")
    hall.scan(good, of(MILK, "L1"))
    assert hall.on_hand(MILK, "L1", "R-01") == 10


def test_damaged_goods_are_wasted_out_of_their_status(hall: Hall) -> None:
    damaged = TaskContext("inspect", None, "A-01", 2, condition="damaged")
    hall.scan(damaged, of(RICE, "RR"))
    waste = TaskContext("waste", None, "A-01", 2, reason="torn", condition="damaged")
    hall.scan(waste, of(RICE, "RR"))
    assert hall.on_hand(RICE, "RR", "A-01", "damaged") == 0
    assert hall.on_hand(RICE, "RR", "A-01") == 5
