"""Pins of which lots the pieces are that a sweep finds: as their labels said, as the book has it
where that can be, and else nobody says so and somebody is asked to count them."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from cloud_sync.contract import events as ev
from gateway.core.decode import Outcome
from gateway.core.readings import Symbol, TaskContext
from tests.rigs.flows import MILK, RICE, Hall, of

HERE = TaskContext("count", None, "R-01")
Rows = list[tuple[object, object, object, list[str]]]


@pytest.fixture
def hall() -> Hall:
    """Two lots of milk in one bin, and a bag of rice beside them."""
    hall = Hall()
    hall.put(MILK, "L1", "R-01", 2, None)
    hall.put(MILK, "L2", "R-01", 3, None)
    hall.put(RICE, "RR", "R-01", 1, None)
    return hall


def label(hall: Hall, serial: str, lot: str, item: str = MILK, **task: object) -> Outcome:
    """A piece received, the label of which names serial and lot."""
    context = TaskContext("receive", None, "R-01", 1, **task)  # type: ignore[arg-type]  # as said
    return hall.scan(context, Symbol((), item, lot, serial=serial))


def sweep(hall: Hall, *serials: str, lots: Mapping[str, str] | None = None) -> Outcome:
    """All tags at R-01 are the rice and these of milk; of some the lot is known."""
    hall.floor.lots_of_serials = {(MILK, it): lot for it, lot in (lots or {}).items()}
    return hall.sweep(HERE, {MILK: serials, RICE: ("9",)} if serials else {RICE: ("9",)})


def asserted(outcome: Outcome) -> Rows:
    (event,) = outcome.events
    rows = event.body["assertions"]
    assert isinstance(rows, list)
    return [(row["item"], row.get("lot"), row["quantity"], row.get("serials", [])) for row in rows]


RICE_ROW = (RICE, "RR", 1, ["9"])


def test_pieces_are_of_the_lots_that_their_labels_named(hall: Hall) -> None:
    outcome = sweep(hall, "1", "2", "3", lots={"1": "L1", "2": "L2", "3": "L2"})
    assert outcome.status == "accepted"
    assert asserted(outcome) == [(MILK, "L1", 1, ["1"]), (MILK, "L2", 2, ["2", "3"]), RICE_ROW]
    assert outcome.events[0].body["exhaustive"] is True


def test_a_known_lot_that_the_book_does_not_have_there_is_there(hall: Hall) -> None:
    outcome = sweep(hall, "1", lots={"1": "L9"})
    assert (MILK, "L9", 1, ["1"]) in asserted(outcome)
    assert (MILK, "L1", 0, []) in asserted(outcome)


def test_books_stand_where_the_number_of_tags_fits_them(hall: Hall) -> None:
    outcome = sweep(hall, "1", "2", "3", "4", "5", lots={"1": "L1"})
    assert outcome.status == "accepted"
    assert asserted(outcome) == [(MILK, "L1", 2, ["1"]), (MILK, "L2", 3, []), RICE_ROW]
    loose = outcome.events[0].body["loose"]
    assert loose == [{"item": MILK, "location": "R-01", "serials": ["2", "3", "4", "5"]}]


@pytest.mark.parametrize(
    ("serials", "lots"),
    [
        (("1", "2", "3", "4"), {}),  # one too few
        (("1", "2", "3", "4", "5", "6"), {}),  # one too many
        (("1", "2", "3", "4", "5"), {"1": "L1", "2": "L1", "3": "L1"}),  # too many of one lot
        (("1", "2", "3", "4", "5"), {"1": "L9"}),  # one of a lot that should not be there
    ],
)
def test_nothing_is_said_of_lots_that_nobody_can_tell_apart(
    hall: Hall, serials: tuple[str, ...], lots: Mapping[str, str]
) -> None:
    outcome = sweep(hall, *serials, lots=lots)
    assert (outcome.status, outcome.result["message_key"]) == ("flagged", "lots_to_count")
    assert asserted(outcome) == [RICE_ROW], "and of the rest all is said"
    assert outcome.events[0].body["exhaustive"] is False, "no lot of milk is said to be gone"
    assert outcome.result["message"] == (
        f"Milk: {len(serials)} tags, the book has 5 in 2 lots: count each lot at R-01"
    )
    assert hall.on_hand(MILK, "L1", "R-01") == 2
    hall.fold()
    assert hall.on_hand(MILK, "L2", "R-01") == 3


def test_the_place_waits_for_somebody_to_count_it_and_then_no_more(hall: Hall) -> None:
    sweep(hall, "1")
    assert "R-01" in hall.floor.flows.doubts
    hall.scan(TaskContext("count", None, "R-01", 2), of(MILK, "L1"))
    assert "R-01" not in hall.floor.flows.doubts


def test_no_tags_of_an_item_are_none_of_any_lot(hall: Hall) -> None:
    outcome = sweep(hall)
    assert asserted(outcome) == [RICE_ROW, (MILK, "L1", 0, []), (MILK, "L2", 0, [])]


def test_weighed_goods_are_not_counted_by_their_tags(hall: Hall) -> None:
    task = TaskContext("receive", None, "R-03", 1500, "g")
    hall.scan(task, of(MILK, "L5"))
    outcome = hall.sweep(TaskContext("count", None, "R-03"), {MILK: ("1", "2")})
    assert outcome.result["message_key"] == "lots_to_count"
    assert asserted(outcome) == []


def test_a_label_is_believed_before_it_is_folded(hall: Hall) -> None:
    assert label(hall, "1", "L2").events[-1].type == ev.GOODS_RECEIVED
    assert hall.floor.lots_ahead() == {(MILK, "1"): "L2"}
    hall.fold()
    assert hall.floor.lots_ahead() == {}, "from then on the table has it"


def test_a_label_without_a_lot_tells_none(hall: Hall) -> None:
    hall.scan(TaskContext("receive", None, "A-01", 1), Symbol((), RICE, serial="1"))
    assert hall.floor.lots_ahead() == {}
