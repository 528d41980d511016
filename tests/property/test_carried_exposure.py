"""Pins that no part of a lot loses what it has suffered, however it is split over transfers, sent
on and back, received without papers, and however late and often it is told; and that an undivided
lot gains nothing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from cloud_sync.contract import documents as doc
from cloud_sync.contract import events as ev
from cloud_sync.contract.exposures import CarriedLot, carried_lots, worst_of
from cloud_sync.inventory.stock import StockKey
from gateway.core.excursions import Excursions
from gateway.core.exposure import NONE, Exposure, Sums
from gateway.core.facts import Facts
from gateway.services.carrying import Carrying
from tests.rigs import tier

pytestmark = pytest.mark.slow

ITEM, LOT = "09506000134352", "L1"
MINUTE_US = 60_000_000
GOOD_CENTI_C = 300
SITES = ("W1", "W2", "W3")


@dataclass
class Part:
    """Some of the lot, and what it has truly been through. site: "" while it is on its way."""

    site: str
    suffered: Sums = NONE


@dataclass
class Way:
    """A transfer of one part, what was told of it, and how much of that has come down."""

    part: Part
    source: str
    target: str
    told: list[CarriedLot] = field(default_factory=list)
    n_down: int = 0
    has_come: bool = False
    left_us: int = 0


class Site:
    """One warehouse: a cold room, and in it what is there of the lot."""

    def __init__(self, name: str, ids: Iterator[str]) -> None:
        rule = doc.Climate(
            warehouse=name, zone="cold", low_centi_c=0, high_centi_c=500, duration_s=60,
            hysteresis_centi_c=0, recover_readings=1,
        )  # fmt: skip
        self.facts = Facts(name, climates={"cold": rule})
        self.rule = rule
        self.excursions = Excursions(
            ids.__next__,
            lambda _: True,
            lambda _: [(key.item, key.lot) for key in self.facts.stock],
        )
        self.carrying = Carrying(facts=lambda: self.facts, warehouse=name, new_id=ids.__next__)

    @property
    def total(self) -> Sums:
        """What the lot has suffered, as this warehouse has it."""
        return self.excursions.lots.get((ITEM, LOT), Exposure()).total


class World:
    """Warehouses, and a cloud that brings what one tells to the other."""

    def __init__(self, n_parts: int) -> None:
        self._ids = (f"00000000-0000-7000-8000-{n:012x}" for n in count(1))
        self.now_us = 1_760_000_000_000_000
        self.sites = {name: Site(name, self._ids) for name in SITES}
        self.parts = [Part(SITES[0]) for _ in range(n_parts)]
        self.ways: list[Way] = []
        for name in SITES:
            self._read(name, GOOD_CENTI_C)
        self._stock()

    def _stock(self) -> None:
        """The books, as the projector would have them by now."""
        for name, site in self.sites.items():
            key = StockKey(name, "cold", ITEM, LOT, "available", "EA")
            n = sum(part.site == name for part in self.parts)
            site.facts.stock.clear()
            site.facts.stock.update({key: n} if n else {})

    def _read(self, name: str, centi_c: int) -> None:
        site = self.sites[name]
        site.excursions.take(
            zone="cold", device="s1", at_us=self.now_us, centi_c=centi_c, rule=site.rule
        )

    def _event(self, kind: str, **members: object) -> ev.Event:
        fields: dict[str, object] = {
            "event_id": next(self._ids), "type": kind, "version": 1, "warehouse": "W1",
            "occurred_at_us": self.now_us, "received_at_us": self.now_us,
        }  # fmt: skip
        return ev.Event(**(fields | members))  # type: ignore[arg-type]

    def warm(self, name: str, centi_c: int, minutes: int) -> None:
        """So long it is so warm at a place; what moves there moves at its end."""
        self._read(name, centi_c)
        self.now_us += minutes * MINUTE_US
        span_us = minutes * MINUTE_US
        more = Sums(
            above_us=span_us if centi_c > 500 else 0,
            below_us=span_us if centi_c < 0 else 0,
            heat=max(0, centi_c - 500) * span_us,
        )
        for part in self.parts:
            if part.site == name:
                part.suffered = part.suffered.plus(more)

    def end(self, name: str) -> None:
        """It is good again."""
        self._read(name, GOOD_CENTI_C)

    def send(self, part: Part, target: str) -> None:
        """A part leaves for another warehouse."""
        source, number = part.site, len(self.ways)
        if source in {"", target}:
            return
        line = ev.Line(
            item=ITEM, lot=LOT, from_location="cold", to_location=f"@transit.T{number}", quantity=1
        )
        documents = (ev.Document(type="transfer", id=f"T{number}"),)
        part.site = ""
        self.ways.append(Way(part, source, target, left_us=self.now_us))
        self._stock()  # the books may be ahead of the sensor watch
        self._take(source, self._event(ev.TRANSFER_DISPATCHED, lines=(line,), documents=documents))

    def receive(self, number: int, *, is_blind: bool = False) -> None:
        """It comes; or so do goods of which nobody says with what."""
        way = self.ways[number]
        if way.has_come:
            return
        source = "@supplier" if is_blind else f"@transit.T{number}"
        line = ev.Line(item=ITEM, lot=LOT, from_location=source, to_location="cold", quantity=1)
        documents = () if is_blind else (ev.Document(type="asn", id=f"A{number}"),)
        kind = ev.GOODS_RECEIVED if is_blind else ev.TRANSFER_RECEIVED
        self._take(way.target, self._event(kind, lines=(line,), documents=documents))
        way.part.site, way.has_come = way.target, True
        self._stock()

    def bring_down(self, number: int) -> None:
        """The delivery's document comes as it stands now."""
        way = self.ways[number]
        way.n_down = len(way.told)
        asn = doc.Asn(
            id=f"A{number}", warehouse=way.target, source=way.source, transfer=f"T{number}",
            status="dispatched", ordered=[], exposures=worst_of(way.told) or None,
            left_us=way.left_us,
        )  # fmt: skip
        body = {"kind": doc.ASN, "key": asn.id, "version": 1, "data": asn.model_dump()}
        self._take(way.target, self._event(ev.DOCUMENT_CHANGED, body=body))

    def _take(self, name: str, event: ev.Event) -> None:
        site = self.sites[name]
        site.carrying.take(event, site.excursions)
        _, drafts = site.carrying.settle()
        for draft in drafts:
            told = ev.parse_event(draft.body)
            (document,) = told.documents
            self.ways[int(document.id[1:])].told += carried_lots(told)

    def settle(self) -> None:
        """All arrives, goods and words; a word may bring about another."""
        for number in range(len(self.ways)):
            self.receive(number)
        while late := [n for n, way in enumerate(self.ways) if way.n_down < len(way.told)]:
            self.bring_down(late[-1])


steps = st.one_of(
    st.tuples(
        st.just("warm"), st.integers(0, 2), st.sampled_from([-200, 600, 900]), st.integers(1, 90)
    ),
    st.tuples(st.just("send"), st.integers(0, 2), st.integers(0, 2), st.just(0)),
    st.tuples(st.sampled_from(["come", "come blind"]), st.integers(0, 9), st.just(0), st.just(0)),
    st.tuples(st.just("tell"), st.integers(0, 9), st.just(0), st.just(0)),
)
Step = tuple[str, int, int, int]


def play(n_parts: int, story: list[Step]) -> World:
    """What happens, one after the other."""
    world = World(n_parts)
    for what, which, how, minutes in story:
        if what == "warm":
            world.warm(SITES[which], how, minutes)
            world.end(SITES[which])
        elif what == "send":
            world.send(world.parts[which % n_parts], SITES[how])
        elif world.ways and what in {"come", "come blind"}:
            world.receive(which % len(world.ways), is_blind=what == "come blind")
        elif world.ways:
            world.bring_down(which % len(world.ways))
    world.settle()
    return world


CHAIN: list[Step] = [
    ("warm", 0, 900, 60), ("send", 0, 1, 0), ("come", 0, 0, 0), ("warm", 1, 600, 30),
    ("send", 0, 2, 0), ("come", 1, 0, 0), ("warm", 2, 600, 10),
]  # fmt: skip


@settings(max_examples=tier.count(100, 200, 2000), deadline=None)
@given(st.integers(2, 3), st.lists(steps, max_size=30))
@example(2, CHAIN)
@example(2, [("come blind", *rest) if what == "come" else (what, *rest) for what, *rest in CHAIN])
@example(2, [*CHAIN, ("send", 1, 1, 0), ("warm", 1, -200, 5), ("send", 1, 2, 0)])
def test_no_part_of_a_lot_loses_what_it_suffered(n_parts: int, story: list[Step]) -> None:
    world = play(n_parts, story)
    for part in world.parts:
        assert part.suffered.beyond(world.sites[part.site].total) == NONE


@settings(max_examples=100, deadline=None)
@given(st.lists(steps, max_size=30))
@example(CHAIN)
@example([*CHAIN, ("send", 0, 0, 0), ("warm", 0, 600, 7), ("send", 0, 1, 0)])
def test_a_lot_that_is_never_divided_has_what_it_suffered_and_no_more(story: list[Step]) -> None:
    world = play(1, story)
    (part,) = world.parts
    assert world.sites[part.site].total == part.suffered


def test_goods_that_leave_in_mid_excursion_take_along_what_it_did_until_then() -> None:
    world = World(1)
    world.warm("W1", 900, 20)
    world.send(world.parts[0], "W2")
    assert world.ways[0].told[0].above_us == 20 * MINUTE_US
    world.settle()
    assert world.sites["W2"].total == world.parts[0].suffered
