"""Pins that balances are a function of the set of events: any order, grouping and repeats, with
late scans, counts, sweeps and corrections among them, end in the same ledger, to the last row."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cloud_sync.contract import events as ev
from cloud_sync.inventory.corrections import acting, target_of
from cloud_sync.inventory.folding import (
    LedgerRow,
    missing,
    placed_events,
    rebuild,
    step,
)
from cloud_sync.inventory.history import balances_at, postings
from cloud_sync.inventory.ledger import Ledger
from cloud_sync.inventory.places import BEGINNING, Placed, parse_place, place_text
from tests.auditor.records import Row
from tests.auditor.stock_fold import fold
from tests.rigs.sums import summed

pytestmark = pytest.mark.slow

ITEMS = ("09506000134352", "00614141123452")
PLACES = ("@supplier", "R-01", "R-02", "@customer")
GATEWAYS = ("gw-1", "gw-2")
SECOND = 1_000_000
START = 1_750_000_000 * SECOND

_quantities = st.integers(0, 9)
_lots = st.sampled_from([None, "L1"])
_lines = st.builds(
    ev.Line,
    item=st.sampled_from(ITEMS),
    lot=_lots,
    from_location=st.sampled_from(PLACES),
    to_location=st.sampled_from(PLACES),
    quantity=_quantities,
    weight_g=st.sampled_from([None, 1250]),
)
_assertions = st.fixed_dictionaries(
    {
        "item": st.sampled_from(ITEMS),
        "location": st.sampled_from(["R-01", "R-02"]),
        "quantity": _quantities,
    },
    optional={"lot": st.just("L1")},
)
_scopes = st.fixed_dictionaries(
    {"location": st.sampled_from(["R-01", "R-02"])}, optional={"item": st.sampled_from(ITEMS)}
)
# What happened: kind, gateway, seconds since the last row, seconds late, content, what it corrects
_facts = st.tuples(
    st.sampled_from(["move", "move", "count", "sweep", "correct"]),
    st.sampled_from(GATEWAYS),
    st.integers(-40, 60),
    st.sampled_from([0, 0, 0, 90, 300, 4 * 86_400]),
    st.lists(_lines, min_size=1, max_size=2),
    st.lists(_assertions, max_size=2),
    _scopes,
    st.integers(0, 30),
)


@st.composite
def histories(draw: st.DrawFn) -> list[LedgerRow]:
    """The journals of two gateways, whose clocks jump now and then."""
    rows: list[LedgerRow] = []
    now_us = START
    seqs: dict[str, int] = defaultdict(int)
    for number, fact in enumerate(draw(st.lists(_facts, max_size=14)), 1):
        kind, gateway, pause_s, late_s, lines, counted, scope, nth = fact
        now_us += pause_s * SECOND
        body: dict[str, object] = {}
        if kind in ("count", "sweep") or (kind == "correct" and nth % 2):
            body = {"assertions": counted}
            if kind != "count":
                body |= {"exhaustive": True, "scope": scope}
        is_correction = kind == "correct" and bool(rows)
        seqs[gateway] += 1
        event = ev.Event(
            event_id=f"00000000-0000-7000-8000-{number:012x}",
            type=ev.EVENT_CORRECTED
            if is_correction
            else ev.COUNT_OBSERVED
            if kind in ("count", "sweep")
            else ev.GOODS_MOVED,
            version=1,
            occurred_at_us=now_us - late_s * SECOND,
            received_at_us=now_us,
            warehouse="J1",
            device=ev.DeviceMark(id="pda-1", boot="b", seq=number, clock="trusted", error_us=0),
            corrects=rows[nth % len(rows)].event.event_id if is_correction else None,
            lines=tuple(lines) if kind in ("move", "correct") else (),
            body=body,
        )
        rows.append(LedgerRow(gateway, "e1", seqs[gateway], event, known_us=now_us))
    return rows


class Keeper:
    """A ledger that is kept up in steps, as the stores do it, with all its rows at hand."""

    def __init__(self) -> None:
        self.ledger = Ledger()
        self.known: dict[str, Placed] = {}
        self.horizon = BEGINNING

    def take(self, batch: Sequence[Placed]) -> None:
        fresh = {each.event.event_id: each for each in batch}
        fresh = {name: each for name, each in fresh.items() if name not in self.known}
        related = self._related(list(fresh.values()))
        changes = step(list(fresh.values()), related)
        first = changes.first_count()
        later = []
        if first is not None and first < self.horizon:
            undone = {(each.place, each.event.event_id, each.asserts) for each in changes.undo}
            later = [
                each
                for each in acting(self.known.values())
                if each.place > first
                and (each.place, each.event.event_id, each.asserts) not in undone
            ]
        self.ledger.apply(undo=changes.undo, do=changes.do, later=later)
        self.known |= fresh
        self.horizon = max([self.horizon, *(each.place for each in changes.do)])

    def _related(self, batch: list[Placed]) -> list[Placed]:
        found: dict[str, Placed] = {}
        while True:
            tree = [*batch, *found.values()]
            names = {each.event.event_id for each in tree}
            more = {name: self.known[name] for name in missing(tree) if name in self.known}
            more |= {
                name: each
                for name, each in self.known.items()
                if target_of(each.event) in names | missing(tree) and name not in names
            }
            if not more:
                return list(found.values())
            found |= more


def content(ledger: Ledger) -> tuple[object, object, object]:
    return ledger.balances, ledger.counts, ledger.sweeps


@settings(max_examples=80, deadline=None)
@given(histories(), st.randoms(use_true_random=False), st.integers(1, 5))
def test_any_order_grouping_and_repeats_end_in_the_same_ledger(
    rows: list[LedgerRow], random: Random, size: int
) -> None:
    whole = rebuild(rows)
    placed = placed_events(rows)
    shuffled = [*placed, *random.sample(placed, len(placed) // 2)]
    random.shuffle(shuffled)
    keeper = Keeper()
    for first in range(0, len(shuffled), size):
        keeper.take(shuffled[first : first + size])
    assert content(keeper.ledger) == content(whole)
    assert content(rebuild([*reversed(rows), *rows])) == content(whole)


@settings(max_examples=80, deadline=None)
@given(histories())
def test_the_auditor_who_does_the_whole_day_again_agrees(rows: list[LedgerRow]) -> None:
    told = [
        Row(it.gateway, it.epoch, it.seq, it.event.event_id, ev.encode_event(it.event), None)
        for it in rows
    ]
    assert dict(fold(told)) == rebuild(rows).balances


@settings(max_examples=40, deadline=None)
@given(histories())
def test_nothing_appears_or_vanishes(rows: list[LedgerRow]) -> None:
    totals: dict[tuple[str, str, str], int] = defaultdict(int)
    for key, quantity in rebuild(rows).balances.items():
        totals[key.item, key.lot, key.unit] += quantity
    assert set(totals.values()) <= {0}


@settings(max_examples=40, deadline=None)
@given(histories())
def test_a_balance_is_its_movements_and_its_variances(rows: list[LedgerRow]) -> None:
    ledger = rebuild(rows)
    sums = defaultdict(int, summed(each.event for each in acting(placed_events(rows))))
    for key, counts in ledger.counts.items():
        sums[key] += sum(row.variance for row in counts)
    assert {k: v for k, v in sums.items() if v and k.location != "@adjustment"} == {
        k: v for k, v in ledger.balances.items() if k.location != "@adjustment"
    }


@settings(max_examples=40, deadline=None)
@given(histories())
def test_what_changed_is_told_to_the_last_piece(rows: list[LedgerRow]) -> None:
    keeper, told = Keeper(), defaultdict(int)
    for each in placed_events(rows):
        keeper.take([each])
        for key, quantity in keeper.ledger.take_changes().balances.items():
            told[key] += quantity
    assert {k: v for k, v in told.items() if v} == keeper.ledger.balances


@settings(max_examples=40, deadline=None)
@given(histories())
def test_the_account_of_a_balance_ends_in_the_balance(rows: list[LedgerRow]) -> None:
    now = balances_at(rows)
    for item in {key.item for key in now}:
        alone = {key: quantity for key, quantity in now.items() if key.item == item}
        assert balances_at(rows, items={item}) == alone
    for key, balance in now.items():
        if key.location != "@adjustment":
            account = postings(rows, key)
            assert account[-1].balance == balance == sum(each.quantity for each in account)


@settings(max_examples=40, deadline=None)
@given(histories())
def test_places_are_a_total_order_that_keeps_each_journals_own(rows: list[LedgerRow]) -> None:
    placed = placed_events(rows)
    places = [each.place for each in placed]
    assert len(set(places)) == len(places)
    assert sorted(map(place_text, places)) == [place_text(place) for place in sorted(places)]
    assert [parse_place(place_text(place)) for place in places] == places
    live = [each.place for each in placed if not each.place.device]
    for gateway in GATEWAYS:
        mine = [place for place in live if place.gateway == gateway]
        assert sorted(mine) == sorted(mine, key=lambda place: place.seq)
