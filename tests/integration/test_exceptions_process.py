"""Pins every kind of exception at the real programs: provoked by handhelds, tags and sensors, seen
at the gateway and in the cloud with the same evidence, settled at either end, also without uplink
and at both ends at once, and in the end both queues and all words are the same."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from cloud_sync.inventory.exceptions import ACTIONS
from tests.rigs.troubles import SUPERVISOR, TROUBLES, Stage, item, until
from tests.week.office import Row
from tests.week.symbols import goods

pytestmark = pytest.mark.slow

CLOUD_ALONE = {"correction_conflict", "count_uncertain", "double_delivery", "transit_overdue"}
"""What takes another gateway's events, or the clock."""
SETTLED = {
    "approval_needed": ("gateway", "approve"),
    "certificate_expired": ("cloud", "renew_certificate"),
    "correction_conflict": ("cloud", "accept"),
    "count_stale": ("cloud", "adjust"),
    "count_uncertain": ("cloud", "accept"),
    "document_closed": ("gateway", "accept"),
    "double_delivery": ("cloud", "collect"),
    "duplicate_epc": ("both", "inspect"),
    "excursion": ("gateway", "inspect"),
    "expiry_conflict": ("cloud", "hold"),
    "exposure": ("gateway", "release"),
    "late_variance": ("gateway", "accept"),
    "lot_expired": ("gateway", "waste"),
    "lot_held": ("cloud", "return"),
    "lot_not_expected": ("gateway", "accept"),
    "lot_recalled": ("cloud", "return"),
    "negative_stock": ("count", "recount"),
    "not_expected": ("cloud", "accept"),
    "not_ordered": ("gateway", "accept"),
    "not_picked": ("cloud", "accept"),
    "order_short": ("gateway", "replenish"),
    "over_dispatch": ("cloud", "return"),
    "over_receipt": ("gateway", "correct"),
    "sensor_fault": ("cloud", "replace"),
    "short_receipt": ("gateway", "claim"),
    "shrink_beyond": ("cloud", "claim"),
    "temperature_at_door": ("both", "return"),
    "transit_overdue": ("cloud", "chase"),
    "unknown_document": ("gateway", "enter_document"),
    "unknown_item": ("cloud", "enter_item"),
    "unknown_tag": ("gateway", "remove_tag"),
    "wrong_item": ("cloud", "return"),
}
"""At which end each kind is settled here, and how. count: by the count that the word asks for."""


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    it = Stage(tmp_path_factory.mktemp("exceptions"))
    yield it
    it.close()


def shown(rows: list[Row]) -> dict[tuple[str, str], set[str]]:
    """Evidence by kind and key."""
    found = {}
    for row in rows:
        evidence = row["evidence"]
        assert isinstance(evidence, list)
        found[str(row["kind"]), json.dumps(row["key"])] = {it["event_id"] for it in evidence}
    return found


def test_every_kind_is_seen_and_settled_at_both_ends(stage: Stage) -> None:
    assert SETTLED.keys() == ACTIONS.keys()
    for happens in TROUBLES:
        happens(stage)
    missing: set[str] = set()

    def all_are_told() -> bool:
        missing.clear()
        missing.update(ACTIONS.keys() - {kind for kind, _ in stage.in_the_cloud()})
        return not missing

    until(all_are_told, missing)
    both_show_the_same(stage)
    (below,) = stage.at_the_gateway("show", "negative_stock")
    assert [it["detail"] for it in below["evidence"]] == ["-5 EA"]  # type: ignore[attr-defined]  # a list
    stage.site.line.cut()
    settle_at_the_gateway(stage)
    settle_in_the_cloud(stage)
    stage.site.line.mend()
    count_what_is_asked_for(stage)
    until(lambda: not stage.in_the_cloud() and stage.ask()["n_open"] == 0, "all settled")
    assert stage.at_the_gateway("list") == []
    both_say_the_same(stage)


def both_show_the_same(stage: Stage) -> None:
    """What this gateway can know is in its queue and in the cloud's, with the same evidence."""

    def is_same() -> bool:
        there = shown([*stage.in_the_cloud().values()])
        there = {it: ids for it, ids in there.items() if it[0] not in CLOUD_ALONE}
        if stage.ask()["n_open"] != len(there):
            return False
        return shown(stage.at_the_gateway("list")) == there

    until(is_same, "the same queue")


def settle_at_the_gateway(stage: Stage) -> None:
    """By a supervisor at a handheld, and one from a shell; the uplink is down."""
    rows = stage.ask()["exceptions"]
    assert isinstance(rows, list)
    for row in rows:
        side, action = SETTLED[row["kind"]]
        if row["kind"] == "unknown_tag":
            stage.at_the_gateway("resolve", row["kind"], *row["key"], "--action", action,
                                 "--reason", "torn off", "--author", SUPERVISOR)  # fmt: skip
        elif action == "approve":
            at = {"id": row["key"][1], "location": row["key"][2]}
            answer = stage.say(None, type="approve", worker=SUPERVISOR, **at)
            assert answer["status"] == "accepted", answer
        elif side in {"gateway", "both"}:
            answer = stage.say(None, type="resolve", worker=SUPERVISOR, id=row["id"],
                               action=action, reason="seen to")  # fmt: skip
            assert answer["message_key"] == "resolved", answer


def settle_in_the_cloud(stage: Stage) -> None:
    """By the office, which has not heard of what was said at the gateway."""
    for (kind, _), row in stage.in_the_cloud().items():
        side, action = SETTLED[kind]
        if side == "gateway":
            continue
        evidence = row["evidence"]
        assert isinstance(evidence, list)
        ids = [] if kind == "negative_stock" else [it["event_id"] for it in evidence]
        quantity = {"quantity": 7} if action == "adjust" else {}
        stage.office.write("POST", "/v1/exceptions/resolve", {
            "warehouse": "J1", "kind": kind, "key": row["key"], "evidence": ids,
            "action": action, "reason": "seen to", **quantity,
        })  # fmt: skip


def count_what_is_asked_for(stage: Stage) -> None:
    """The count that the word on negative stock has asked for comes as a task."""
    answer: Row = {}

    def is_there() -> bool:
        answer.update(stage.say(None, type="start", id=f"{counts_of(stage)}"))
        return answer["message_key"] == "count_list"

    until(is_there, answer)
    place = {"id": counts_of(stage), "location": "N-01"}
    stage.say(goods(item(11), "L1"), type="count", quantity=0, **place)


def counts_of(stage: Stage) -> str:
    """The count that the cloud has written on that word; it asks for uncertain ones again, too."""
    rows = stage.office.pages("/v1/counts", "counts", warehouse="J1")
    (found,) = [str(it["id"]) for it in rows if it["locations"] == ["N-01"]]
    return found


def both_say_the_same(stage: Stage) -> None:
    """What stands in the cloud as the word on each piece of evidence was heard here, too."""
    there = set()
    for row in stage.in_the_cloud("resolved").values():
        evidence = row["evidence"]
        assert isinstance(evidence, list)
        there |= {
            (str(row["kind"]), str(said["word"]), str(said["action"]))
            for it in evidence
            for said in it["said"]
            if said["action"] not in {"ended", "correct"}  # by an event, which is no word
        }
    settled = {(kind, action) for kind, (side, action) in SETTLED.items() if side != "count"}
    by_events = {("approval_needed", "approve"), ("over_receipt", "correct")}
    assert {(kind, action) for kind, _, action in there} == settled - by_events

    unheard = set(there)

    def all_are_heard() -> bool:
        words = stage.at_the_gateway("words")
        unheard.difference_update(
            (str(it["kind"]), str(it["word"]), str(it["action"])) for it in words
        )
        return not unheard

    until(all_are_heard, unheard)
