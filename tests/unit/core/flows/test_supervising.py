"""Pins what a supervisor sees of the open exceptions at a handheld, what a word of his becomes,
and who is refused."""

from __future__ import annotations

import pytest

from cloud_sync.contract import documents as doc
from cloud_sync.contract import events as ev
from cloud_sync.inventory.exceptions import word_in
from cloud_sync.inventory.findings import COUNT_STALE, NEGATIVE_STOCK
from gateway.codecs.pda_messages import PdaResult
from gateway.core.decode import Outcome
from gateway.core.exceptions import Evidence, OpenException
from gateway.core.flows import kinds
from gateway.core.flows.showing import shown_in_words
from gateway.core.readings import TaskContext
from tests.rigs.flows import MILK, Hall

SHELF = ("J1", "R-01", MILK, "M1", "available", "EA")
FIRST = "00000000-0000-7000-8000-00000000aaaa"
SECOND = "00000000-0000-7000-8000-00000000bbbb"
HELD = OpenException(
    "lot_held", (MILK, "M1"), 2, 5, 9, SECOND,
    (Evidence(FIRST, 5, ev.GOODS_PICKED), Evidence(SECOND, 9, ev.GOODS_PICKED)),
)  # fmt: skip
STALE = OpenException(COUNT_STALE, SHELF, 1, 7, 7, FIRST, (Evidence(FIRST, 7, "late"),))
NEGATIVE = OpenException(NEGATIVE_STOCK, SHELF)


@pytest.fixture
def hall() -> Hall:
    hall = Hall()
    hall.floor.open_exceptions = (STALE, HELD, NEGATIVE)
    hall.facts.workers["w8"] = doc.Worker(id="w8", roles=["supervisor"], language="zh")
    return hall


def ask(hall: Hall, name: str | None = None, *, worker: str = "w2") -> Outcome:
    return hall.scan(TaskContext("exceptions", name, worker=worker))


def resolve(hall: Hall, it: OpenException, **said: object) -> Outcome:
    task: dict[str, object] = {
        "worker": "w2", "action": "release", "reason": "smells good", **said,
    }  # fmt: skip
    return hall.scan(TaskContext("resolve", it.name, **task))  # type: ignore[arg-type]  # as said


def rows(outcome: Outcome) -> list[dict[str, object]]:
    PdaResult.model_validate(dict(outcome.result))
    found = outcome.result["exceptions"]
    assert isinstance(found, list)
    return found


def test_a_supervisor_sees_all_that_is_open_the_newest_first(hall: Hall) -> None:
    outcome = ask(hall)
    assert (outcome.status, outcome.events) == ("accepted", ())
    assert outcome.result["n_open"] == 3
    assert [row["kind"] for row in rows(outcome)] == ["lot_held", COUNT_STALE, NEGATIVE_STOCK]
    assert "evidence" not in rows(outcome)[0]


def test_one_is_shown_in_words_with_what_shows_it_and_what_can_be_done(hall: Hall) -> None:
    outcome = ask(hall, HELD.name)
    (row,) = rows(outcome)
    assert outcome.result["message"] == "Goods were handled that are on hold"
    assert row["about"] == "Milk · M1"
    assert row["evidence"] == [
        {"event_id": SECOND, "at_us": 9, "detail": ev.GOODS_PICKED, "text": "Picked"},
        {"event_id": FIRST, "at_us": 5, "detail": ev.GOODS_PICKED, "text": "Picked"},
    ]
    assert {"action": "release", "text": "Release the lot"} in row["actions"]  # type: ignore[operator]


def test_words_come_in_the_supervisors_language(hall: Hall) -> None:
    (row,) = rows(ask(hall, HELD.name, worker="w8"))
    assert row["text"] == "处理了被冻结的货物"
    assert {"action": "release", "text": "解除冻结该批次"} in row["actions"]  # type: ignore[operator]
    assert [shown["text"] for shown in row["evidence"]] == ["已拣货", "已拣货"]  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("kind", "key", "detail", "text"),
    [
        (COUNT_STALE, SHELF, "counted too long ago", "盘点时间过早"),
        ("sensor_fault", ("t-1", "stuck"), "unchanged for 21600 s", "读数一直不变"),
        ("excursion", ("frozen", "t-1"), "high and low", "温度过高且过低"),
        ("expiry_conflict", (MILK, "M1"), "2026-12-24", "2026-12-24"),
        ("duplicate_epc", (MILK, "7"), "J1 DOCK", "J1 DOCK"),
    ],
)
def test_evidence_is_told_in_words_and_codes_as_they_are(
    kind: str, key: tuple[str, ...], detail: str, text: str
) -> None:
    assert shown_in_words(kind, key, detail, "zh") == text


def test_whatever_an_event_is_evidence_by_has_words() -> None:
    for detail in sorted(kinds.OF_WORKERS | {ev.TAG_ARRIVED, ev.TAG_LEFT}):
        assert shown_in_words("lot_held", (MILK, "M1"), detail, "en") != detail


def test_a_word_names_all_that_was_shown_and_who_says_it(hall: Hall) -> None:
    outcome = resolve(hall, HELD, worker="w1", supervisor="BADGE-2")
    (event,) = outcome.events
    said = word_in(event)
    assert said is not None
    assert (event.type, event.worker) == (ev.EXCEPTION_RESOLVED, "w1")
    assert (said.kind, said.key, said.evidence) == ("lot_held", (MILK, "M1"), (FIRST, SECOND))
    assert (said.action, said.reason, said.author) == ("release", "smells good", "w2")
    assert outcome.result["event_id"] == event.event_id
    assert outcome.result["message"] == "Milk · M1: settled. Release the lot"


@pytest.mark.parametrize("worker", ["w1", "nobody"])
def test_a_picker_neither_sees_nor_settles_any(hall: Hall, worker: str) -> None:
    for outcome in (ask(hall, worker=worker), resolve(hall, HELD, worker=worker)):
        assert outcome.result["message_key"] == "supervisor_needed"
        assert outcome.events == ()
        assert "exceptions" not in outcome.result


def test_what_was_just_settled_is_gone_before_the_queue_has_heard_of_it(hall: Hall) -> None:
    assert resolve(hall, HELD).events
    assert resolve(hall, HELD).result["message_key"] == "exception_gone"
    assert ask(hall).result["n_open"] == 2


def test_nobody_settles_what_has_more_to_it_by_now(hall: Hall) -> None:
    grown = OpenException("lot_held", HELD.key, 3, 5, 11, FIRST)
    hall.floor.open_exceptions = (grown,)
    assert resolve(hall, HELD).result["message_key"] == "exception_gone"
    assert ask(hall, HELD.name).result["message_key"] == "exception_gone"


@pytest.mark.parametrize(
    ("it", "said", "key"),
    [
        (HELD, {"action": None}, "action_missing"),
        (HELD, {"action": "adjust"}, "action_missing"),
        (HELD, {"reason": None}, "reason_missing"),
        (STALE, {"action": "adjust"}, "quantity_missing"),
        (STALE, {"action": "adjust", "quantity": -1}, "quantity_refused"),
        (STALE, {"action": "adjust", "quantity": 10**9 + 1}, "quantity_refused"),
    ],
)
def test_a_word_that_says_too_little_is_asked_for_the_rest(
    hall: Hall, it: OpenException, said: dict[str, object], key: str
) -> None:
    outcome = resolve(hall, it, **said)
    assert (outcome.status, outcome.result["message_key"]) == ("refused", key)
    assert outcome.events == ()


def test_the_choice_of_actions_is_told_where_none_was_made(hall: Hall) -> None:
    said = resolve(hall, STALE, action="release").result["message"]
    assert said == (
        "Choose what is done about it: Have it counted again, Say how many are there, "
        "Leave it as it is"
    )


def test_an_adjustment_says_how_many_are_there_and_nought_is_a_number(hall: Hall) -> None:
    (event,) = resolve(hall, STALE, action="adjust", quantity=0).events
    said = word_in(event)
    assert said is not None
    assert said.quantity == 0


def test_a_recount_of_what_fell_below_nothing_names_no_event(hall: Hall) -> None:
    (event,) = resolve(hall, NEGATIVE, action="recount").events
    said = word_in(event)
    assert said is not None
    assert (said.kind, said.key, said.evidence) == (NEGATIVE_STOCK, SHELF, ())


def test_nothing_open_is_said_so(hall: Hall) -> None:
    hall.floor.open_exceptions = ()
    outcome = ask(hall)
    assert (outcome.result["message_key"], outcome.result["n_open"]) == ("exceptions_none", 0)
