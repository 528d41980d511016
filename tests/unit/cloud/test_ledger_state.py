"""Pins lots' states, serials, logistic units and findings, by example."""

from __future__ import annotations

from datetime import UTC, timedelta, timezone

import pytest

from cloud_sync.contract import events as ev
from cloud_sync.contract.documents import Certificate, Hold
from cloud_sync.inventory import findings
from cloud_sync.inventory.folding import LedgerRow, placed_events
from cloud_sync.inventory.instances import (
    ContentKey,
    contents,
    contents_lines,
    positions,
)
from cloud_sync.inventory.lots import (
    Bans,
    LotState,
    certified_until,
    fold_lots,
    local_day,
    make_bans,
    usable,
)
from cloud_sync.inventory.traces import shown_by, traces_of
from tests.fakes.ledger_rows import ITEM, SECOND, counted, move, pick, row


def test_a_lot_may_be_used_on_its_last_day_where_the_warehouse_stands() -> None:
    lot = LotState(expiry="2026-03-01")
    last_evening_in_shanghai = 1_772_380_000 * SECOND  # 2026-03-01 15:46 UTC, 23:46 there
    shanghai = timezone(timedelta(hours=8))
    assert usable(lot, local_day(last_evening_in_shanghai, shanghai))
    assert usable(lot, local_day(last_evening_in_shanghai + 900 * SECOND, UTC))
    after = usable(lot, local_day(last_evening_in_shanghai + 900 * SECOND, shanghai))
    assert not after
    assert after.reason == "expired"


def about(event_type: str, at_s: int, lot: str | None = "L", **body: object) -> LedgerRow:
    named = {} if lot is None else {"lot": lot}
    return row(event_type, at_s, body={"item": ITEM, **named, **body}, device=None)


@pytest.mark.parametrize(
    ("rows", "reason"),
    [
        ([], ""),
        ([about(ev.LOT_HELD, 1)], "held"),
        ([about(ev.LOT_HELD, 1), about(ev.LOT_RELEASED, 2)], ""),
        ([about(ev.LOT_RECALLED, 1), about(ev.LOT_RELEASED, 2)], "recalled"),
        ([about(ev.LOT_RECALLED, 1), about(ev.LOT_RELEASED, 2, lifts="recall")], ""),
        ([about(ev.LOT_HELD, 1, lot=None)], "held"),
    ],
)
def test_a_lots_state_is_the_last_word_on_it(rows: list[LedgerRow], reason: str) -> None:
    lots = fold_lots(reversed(placed_events(rows)))
    found = usable(lots.get((ITEM, "L"), LotState()), "2026-01-01", of_all=lots.get((ITEM, "")))
    assert found.reason == reason


ANOTHER = "04012345678918"


@pytest.mark.parametrize(
    ("said", "is_banned"),
    [
        ((ITEM, "L1", None), True),
        ((ITEM, None, "W1"), True),
        ((ITEM, None, None), True),
        ((ITEM, "L2", None), False),
        ((ITEM, "L1", "W2"), False),
        ((ANOTHER, None, None), False),
    ],
)
@pytest.mark.parametrize("kind", ["hold", "recall"])
def test_a_ban_stands_against_its_lots_where_it_holds(
    said: tuple[str, str | None, str | None], kind: str, *, is_banned: bool
) -> None:
    item, lot, where = said
    hold = {"id": "H", "kind": kind, "item": item, "lot": lot, "warehouse": where, "reason": "x"}
    bans = make_bans([Hold.model_validate(hold)], [])
    found = bans.usable("W1", (ITEM, "L1"), expiry=None, on="2026-01-01")
    assert found.reason == ({"hold": "held", "recall": "recalled"}[kind] if is_banned else "")


def paper(name: str, type_: str, items: list[str], until: str) -> Certificate:
    return Certificate(id=name, type=type_, items=items, valid_until=until)


def test_a_paper_is_good_on_its_last_day_and_the_last_of_its_type_counts() -> None:
    until = certified_until(
        [
            paper("C-1", "organic", [ITEM], "2026-03-01"),
            paper("C-2", "organic", [ITEM], "2026-05-31"),
            paper("C-3", "halal", [ITEM, ANOTHER], "2026-06-30"),
        ]
    )
    assert until == {ITEM: "2026-05-31", ANOTHER: "2026-06-30"}
    bans = Bans(certified_until=until)

    def reason(item: str, on: str) -> str:
        return bans.usable("W1", (item, "L1"), expiry=None, on=on).reason

    assert reason(ITEM, "2026-05-31") == ""
    assert reason(ITEM, "2026-06-01") == "uncertified"
    assert reason("04012345678925", "2030-01-01") == ""


def test_the_gravest_of_several_reasons_is_told() -> None:
    key = (ITEM, "L1")
    everything = Bans(frozenset({(*key, "")}), frozenset({(ITEM, "", "W1")}), {ITEM: "2026-01-01"})
    for bans, reason in (
        (everything, "recalled"),
        (Bans(everything.held, certified_until=everything.certified_until), "held"),
        (Bans(certified_until=everything.certified_until), "expired"),
    ):
        assert bans.usable("W1", key, expiry="2026-01-01", on="2026-01-02").reason == reason


def test_the_first_expiry_of_a_lot_stands() -> None:
    rows = [
        about(ev.LOT_CREATED, 1, expiry="2026-05-01"),
        about(ev.LOT_CREATED, 2, expiry="2026-06-01"),
    ]
    placed = placed_events(rows)
    assert fold_lots(reversed(placed))[ITEM, "L"].expiry == "2026-05-01"


def tag(at_s: int, point: str, **header: object) -> LedgerRow:
    body = {"read_point": point, "epc": "3034", "gtin": ITEM, "serial": "S1"}
    return row(ev.TAG_ARRIVED, at_s, body=body, **header)  # type: ignore[arg-type]  # as the test says


@pytest.mark.parametrize(
    ("rows", "n"),
    [
        ([tag(10, "door-1.1"), tag(69, "door-2.1")], 1),
        ([tag(10, "door-1.1"), tag(70, "door-2.1")], 0),
        ([tag(10, "door-1.1"), tag(11, "door-1.1")], 0),
        ([tag(10, "door-1.1"), tag(609, "door-1.1", warehouse="J2")], 2),
        ([tag(10, "door-1.1"), tag(610, "door-1.1", warehouse="J2")], 0),
    ],
)
def test_a_serial_in_two_places_at_once_is_a_copied_tag(rows: list[LedgerRow], n: int) -> None:
    found = shown_by(
        [it for each in rows for it in traces_of(each.event, each.gateway, is_shared=False)]
    )
    assert len({(it.warehouse, it.kind, it.key) for it in found}) == n
    assert {it.kind for it in found} <= {findings.DUPLICATE_EPC}


def test_an_instance_is_where_it_was_seen_last_whatever_came_last() -> None:
    put = row(ev.GOODS_MOVED, 10, move("DOCK", "R-01", 1, serials=("S1",)), late_s=500)
    where = positions(placed_events([tag(50, "door-1.1"), put]))
    assert where[ITEM, "S1"].location == "door-1.1"


def test_a_unit_holds_what_was_packed_less_what_was_unpacked() -> None:
    def pack(event_type: str, quantity: int) -> ev.Event:
        child = {"item": ITEM, "lot": "L", "quantity": quantity, "unit": "EA"}
        return row(event_type, 10, body={"parent": "0" * 18, "children": [child]}).event

    inside = contents([pack(ev.UNIT_UNPACKED, 2), pack(ev.UNIT_PACKED, 5)])
    assert inside == {"0" * 18: {ContentKey(ITEM, "L", "EA"): 3}}
    (line,) = contents_lines(inside["0" * 18], from_location="PACK", to_location="@customer")
    assert (line.item, line.lot, line.quantity, line.to_location) == (ITEM, "L", 3, "@customer")
    assert contents([pack(ev.UNIT_PACKED, 2), pack(ev.UNIT_UNPACKED, 2)]) == {}


@pytest.mark.parametrize(
    ("gateway", "at_s", "n"), [("gw-2", 22, 1), ("gw-2", 23, 0), ("gw-1", 20, 0)]
)
def test_a_count_beside_another_gateways_move_is_uncertain(
    gateway: str, at_s: int, n: int
) -> None:
    unsure = ev.DeviceMark(id="p", seq=1, clock="trusted", error_us=SECOND)
    rows = [counted(20, 3, device=unsure), pick(at_s, 1, gateway=gateway, device=unsure)]
    found = shown_by(
        [it for each in rows for it in traces_of(each.event, each.gateway, is_shared=True)]
    )
    assert [it.kind for it in found] == [findings.COUNT_UNCERTAIN] * 2 * n
