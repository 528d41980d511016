"""Pins the steps of plans as a gateway's journal tells them, what is on order at each, and how a
plan ends: with what came of what was asked for."""

from __future__ import annotations

import json
from itertools import count
from typing import cast

import pytest

from cloud_sync.contract import events as ev
from cloud_sync.inventory.folding import step
from gateway.core.facts import Facts
from gateway.core.projection import apply_effects, effects_of
from gateway.services.trigger_watch import Change, Found, TriggerWatch
from tests.fakes.clock import FakeClock
from tests.fakes.trigger_watch import watch

ITEM = "09506000134352"
numbers = count(1)


class Site:
    """A warehouse's facts, told event by event; closings are what the watch wrote."""

    def __init__(self) -> None:
        self.facts = Facts("J1")
        self.watching: TriggerWatch = watch(FakeClock())
        self.closings: list[dict[str, object]] = []

    def tell(
        self, kind: str, body: dict[str, object], *lines: ev.Line, asn: str | None = None
    ) -> None:
        n = next(numbers)
        documents = () if asn is None else (ev.Document(type="asn", id=asn),)
        event = ev.Event(
            event_id=f"00000000-0000-7000-8000-{n:012x}", type=kind, version=1,
            occurred_at_us=n, received_at_us=n, warehouse="J1", lines=lines, body=body,
            documents=documents,
        )  # fmt: skip
        rows = [(self.facts.seq + 1, event)]
        effects = effects_of(rows, "J1")
        placed = self.facts.book.place(rows)
        effects.stock = self.facts.book.take(placed, step(placed))
        touched = effects.touched_items(self.facts)
        apply_effects(self.facts, effects)
        self.facts.seq, found = rows[-1][0], Found()
        self.watching.look(self.facts, Change(effects, touched, {}, n), found)
        self.closings += [json.loads(it.body)["body"] for it in found.drafts]

    def propose(
        self, approval: str = "automatic", *, plan: str = "PL-1", instead_of: str | None = None
    ) -> None:
        line = {"item": ITEM, "quantity": 24, "order_up_to_units": 30, "position_units": 6}
        self.tell(ev.PLAN_PROPOSED, {
            "plan_id": plan, "warehouse": "J1", "source": "K1", "triggers": [],
            "based_on_seq": 1, "computed_at_us": 1, "lines": [line], "network_plan": {},
            "approval": approval, "supersedes": [instead_of] if instead_of else [],
        })  # fmt: skip

    def decide(self, decision: str) -> None:
        body = {"decision": decision, "plan_id": "PL-1", "based_on_seq": 1, "reason": "x"}
        self.tell(ev.PLAN_DECIDED, cast(dict[str, object], body))

    def word(self, decision: str) -> None:
        said = {"id": f"00000000-0000-7000-8000-{next(numbers):012x}", "decision": decision,
                "at_us": 10**6, "author": "ana", "reason": "no"}  # fmt: skip
        self.document("plan", "PL-1", {"id": "PL-1", "warehouse": "J1", "said": [said]})

    def delivery(self, status: str, *, closed: str | None = None, shipped: int = 0) -> None:
        goods = [{"item": ITEM, "quantity": n} for n in (24, shipped)]
        data: dict[str, object] = {
            "id": "ASN-1", "warehouse": "J1", "source": "K1", "transfer": "TR-1",
            "plan": "PL-1", "status": status, "ordered": goods[:1],
            "shipped": goods[1:] if shipped else [],
        }  # fmt: skip
        self.document("asn", "ASN-1", data | ({"closed": closed} if closed else {}))

    def document(self, kind: str, key: str, data: dict[str, object]) -> None:
        body = {"kind": kind, "key": key, "version": 1, "deleted": False, "data": data}
        self.tell(ev.DOCUMENT_CHANGED, body)

    def receive(self, units: int) -> None:
        line = ev.Line(
            item=ITEM, from_location="@transit.TR-1", to_location="DOCK", quantity=units
        )
        self.tell(ev.TRANSFER_RECEIVED, {}, line, asn="ASN-1")

    @property
    def stands(self) -> tuple[str | None, int]:
        """The plan's state, and what is on order."""
        return self.facts.plans["PL-1"].state, self.facts.on_order(ITEM)


def test_a_plan_and_what_it_takes_the_place_of_are_never_both_on_order() -> None:
    """The word on the older one is the next row: a look in between saw twice as much under way,
    called the new plan stale, and so on, a plan for every plan."""
    site = Site()
    site.propose()
    site.propose(plan="PL-2", instead_of="PL-1")
    assert site.facts.on_order(ITEM) == 24
    word = {"plan_id": "PL-1", "decision": "superseded", "triggers": []}
    site.tell(ev.PLAN_DECIDED, word | {"reason": "PL-2", "based_on_seq": 1})
    assert site.facts.on_order(ITEM) == 24
    assert list(site.facts.open_plans) == ["PL-2"]


@pytest.fixture
def site() -> Site:
    return Site()


def test_a_plan_goes_its_way_and_is_closed_with_what_came(site: Site) -> None:
    site.propose()
    assert site.stands == ("approved", 24)
    site.delivery("planned")
    assert site.stands == ("ordered", 24)
    site.delivery("dispatched", shipped=20)
    assert site.stands == ("in_transit", 24)
    site.receive(20)
    assert site.stands == ("in_transit", 4)
    site.tell(ev.RECEIPT_CLOSED, {}, asn="ASN-1")
    assert site.stands[0] == "received"
    (closing,) = site.closings
    assert (closing["decision"], closing["plan_id"]) == ("closed", "PL-1")
    assert closing["reconciled"] == [{"item": ITEM, "ordered_units": 24, "received_units": 20}]
    assert closing["reason"] == "Plan PL-1: 1 of 1 lines came otherwise than ordered"
    site.tell(ev.PLAN_DECIDED, closing)
    site.delivery("received", shipped=20)
    assert site.stands == ("closed", 0)
    assert len(site.closings) == 1, "told once"


@pytest.mark.parametrize("who", ["somebody here", "somebody in the cloud", "another plan"])
def test_nothing_is_on_order_of_a_plan_that_was_dropped(site: Site, who: str) -> None:
    site.propose("needed")
    assert site.stands == ("proposed", 24), "or the next sale would ask for the same again"
    if who == "somebody in the cloud":
        site.word("rejected")
    else:
        site.decide("rejected" if who == "somebody here" else "superseded")
    assert site.stands[1] == 0
    assert site.facts.open_plan_with(ITEM) is None


def test_goods_that_left_under_a_dropped_plan_are_on_order_all_the_same(site: Site) -> None:
    site.propose()
    site.decide("superseded")
    site.delivery("received", closed="the plan was taken back")
    assert site.stands == ("superseded", 0)
    site.delivery("dispatched", shipped=24)
    assert site.stands == ("in_transit", 24)


def test_a_word_that_comes_twice_is_one(site: Site) -> None:
    site.propose("needed")
    site.word("approved")
    n_steps = len(site.facts.plans["PL-1"].steps)
    document = {"id": "PL-1", "warehouse": "J1", "said": [
        {"id": it.id, "decision": "approved", "at_us": it.at_us, "author": "ana", "reason": "no"}
        for it in site.facts.plans["PL-1"].steps.values() if it.name == "approve"]}  # fmt: skip
    site.document("plan", "PL-1", cast(dict[str, object], document))
    assert len(site.facts.plans["PL-1"].steps) == n_steps
    assert site.stands[0] == "approved"


def test_steps_of_plans_that_nobody_knows_are_let_go(site: Site) -> None:
    site.delivery("dispatched", shipped=24)
    assert site.facts.plans == {}
