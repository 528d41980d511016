"""Pins the fold: conserved stock, order-free balances, what is on order, memory = tables."""

from itertools import count

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud_sync.contract import documents as doc
from cloud_sync.contract import events as ev
from cloud_sync.contract import keys
from cloud_sync.inventory.folding import step
from gateway.core.facts import Facts
from gateway.core.projection import apply_effects, effects_of
from tests.rigs.sums import summed

GTIN = "09506000134352"
OTHER = "00614141123452"
TODAY = "2026-11-18"
PLACES = ("@supplier", "DOCK", "R-01", "PACK", "@customer", "@waste", "@transit.TR-1")
_numbers = count(1)


def event(event_type: str, *lines: ev.Line, **header: object) -> ev.Event:
    fields: dict[str, object] = {
        "event_id": f"00000000-0000-7000-8000-{next(_numbers):012x}",
        "type": event_type, "version": 1, "occurred_at_us": 1, "received_at_us": 1,
        "warehouse": "J1", "lines": lines,
    }  # fmt: skip
    return ev.Event(**(fields | header))  # type: ignore[arg-type]


def move(source: str, target: str, quantity: int, item: str = GTIN, lot: str = "L") -> ev.Line:
    return ev.Line(item=item, lot=lot, from_location=source, to_location=target, quantity=quantity)


def fold(*events: ev.Event) -> Facts:
    facts = Facts("J1")
    fold_more(facts, 1, *events)
    return facts


def fold_more(facts: Facts, first_seq: int, *events: ev.Event) -> None:
    rows = list(enumerate(events, first_seq))
    effects = effects_of(rows, "J1")
    placed = facts.book.place(rows)
    effects.stock = facts.book.take(placed, step(placed))
    apply_effects(facts, effects)


def changed(kind: str, key: str, data: dict[str, object] | None, version: int = 1) -> ev.Event:
    body = {"kind": kind, "key": key, "version": version, "deleted": data is None, "data": data}
    return event(ev.DOCUMENT_CHANGED, body=body)


def asn(status: str, *, ordered: int = 24, shipped: int = 0, warehouse: str = "J1") -> ev.Event:
    def lines(quantity: int) -> list[dict[str, object]]:
        return [{"item": GTIN, "quantity": quantity}] if quantity else []

    data = {
        "id": "ASN-1", "warehouse": warehouse, "source": "K1", "transfer": "TR-1",
        "status": status, "ordered": lines(ordered), "shipped": lines(shipped),
    }  # fmt: skip
    return changed(doc.ASN, "ASN-1", data)


def received(quantity: int) -> ev.Event:
    return event(
        ev.TRANSFER_RECEIVED,
        move("@transit.TR-1", "DOCK", quantity),
        documents=(ev.Document(type="asn", id="ASN-1"),),
    )


moves = st.builds(
    move,
    st.sampled_from(PLACES),
    st.sampled_from(PLACES),
    st.integers(0, 50),
    st.sampled_from([GTIN, OTHER]),
    st.sampled_from(["L1", "L2"]),
)
histories = st.lists(st.lists(moves, min_size=1, max_size=3), max_size=12)


@given(histories, st.randoms())
def test_any_order_and_any_batching_gives_the_same_balances(
    history: list[list[ev.Line]], random: object
) -> None:
    events = [event(ev.GOODS_MOVED, *lines) for lines in history]
    shuffled = list(events)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    piecemeal = Facts("J1")
    for seq, one in enumerate(shuffled, 1):
        fold_more(piecemeal, seq, one)
    whole = fold(*events)
    assert piecemeal.stock == whole.stock == summed(events)
    for item in (GTIN, OTHER):
        assert piecemeal.on_hand(item, TODAY) == whole.on_hand(item, TODAY)


@given(histories)
def test_nothing_appears_or_vanishes(history: list[list[ev.Line]]) -> None:
    stock = fold(*(event(ev.GOODS_MOVED, *lines) for lines in history)).stock
    totals: dict[tuple[str, str], int] = {}
    for key, quantity in stock.items():
        totals[key.item, key.lot] = totals.get((key.item, key.lot), 0) + quantity
    assert set(totals.values()) <= {0}


def test_virtual_places_belong_to_no_warehouse() -> None:
    stock = fold(event(ev.GOODS_RECEIVED, move(keys.SUPPLIER, "DOCK", 5))).stock
    owners = {key.location: key.warehouse for key in stock}
    assert owners == {"@supplier": "", "DOCK": "J1"}


def test_negative_stock_is_kept_as_it_is() -> None:
    facts = fold(event(ev.GOODS_PICKED, move("R-01", "PACK", 3)))
    assert facts.on_hand(GTIN, TODAY) == {"EA": -3}


def test_what_is_picked_is_no_longer_on_hand() -> None:
    facts = fold(
        event(ev.GOODS_RECEIVED, move(keys.SUPPLIER, "DOCK", 10)),
        event(ev.GOODS_PICKED, move("DOCK", "PACK", 4)),
    )
    assert facts.position(GTIN, TODAY) == 6


def lot(expiry: str) -> ev.Event:
    return event(ev.LOT_CREATED, body={"item": GTIN, "lot": "L", "expiry": expiry})


def test_a_lot_is_on_hand_through_its_last_day() -> None:
    facts = fold(lot("2026-11-18"), event(ev.GOODS_RECEIVED, move(keys.SUPPLIER, "R-01", 5)))
    assert facts.on_hand(GTIN, "2026-11-18") == {"EA": 5}
    assert facts.on_hand(GTIN, "2026-11-19") == {}


def test_weight_and_pieces_are_not_added_but_weight_makes_pieces_for_the_plan() -> None:
    weighed = ev.Line(
        item=GTIN, from_location=keys.SUPPLIER, to_location="R-01", quantity=2600, unit="g"
    )
    item = {"gtin": GTIN, "names": {"en": "Milk"}, "zone": "cold", "grams_per_unit": 500}
    facts = fold(
        changed(doc.ITEM, GTIN, item),
        event(ev.GOODS_RECEIVED, weighed, move(keys.SUPPLIER, "R-01", 5)),
    )
    assert facts.on_hand(GTIN, TODAY) == {"EA": 5, "g": 2600}
    assert facts.position(GTIN, TODAY) == 10, "five of 500 g, and 100 g that make none"


def paper(name: str, until: str, type_: str = "organic") -> ev.Event:
    data = {"id": name, "type": type_, "items": [GTIN], "valid_until": until, "supplier": "S"}
    return changed(doc.CERTIFICATE, name, data)


@pytest.mark.parametrize(
    ("papers", "n"),
    [
        ([paper("C-1", "2026-11-18")], 5),
        ([paper("C-1", "2026-11-17")], 0),
        ([paper("C-1", "2026-11-17"), paper("C-2", "2027-11-17")], 5),
        ([paper("C-1", "2026-11-17"), paper("C-2", "2027-11-17", "customs")], 0),
        ([paper("C-1", "2026-11-17"), changed(doc.CERTIFICATE, "C-1", None)], 5),
        ([paper("C-1", "2026-11-19"), paper("C-1", "2026-11-17")], 0),
    ],
)
def test_the_newest_paper_of_each_type_counts(papers: list[ev.Event], n: int) -> None:
    facts = fold(event(ev.GOODS_RECEIVED, move(keys.SUPPLIER, "R-01", 5)), *papers)
    assert facts.on_hand(GTIN, TODAY).get("EA", 0) == n


def hold(kind: str = "hold", **said: object) -> ev.Event:
    return changed(doc.HOLD, "H", {"id": "H", "kind": kind, "item": GTIN, "reason": "x", **said})


@pytest.mark.parametrize(
    ("said", "n"),
    [
        (hold(), 0),
        (hold("recall"), 0),
        (hold(lot="L"), 0),
        (hold(lot="other"), 5),
        (hold(warehouse="J1"), 0),
        (hold(warehouse="J2"), 5),
    ],
)
def test_a_hold_takes_its_lots_off_what_is_on_hand_where_it_holds(said: ev.Event, n: int) -> None:
    facts = fold(event(ev.GOODS_RECEIVED, move(keys.SUPPLIER, "R-01", 5)), said)
    assert facts.on_hand(GTIN, TODAY).get("EA", 0) == n


@pytest.mark.parametrize(
    ("events", "on_order"),
    [
        ((asn("planned"),), 24),
        ((asn("planned"), asn("dispatched", shipped=12)), 24),
        ((asn("dispatched", shipped=30),), 30),
        ((asn("dispatched", shipped=24), received(10)), 14),
        ((asn("dispatched", shipped=24), received(24)), 0),
        ((asn("dispatched", shipped=24), received(30)), 0),
        ((asn("dispatched", shipped=24), received(20), asn("received", shipped=24)), 0),
        ((asn("planned", warehouse="J2"),), 0),
    ],
)
def test_on_order_is_what_is_expected_and_has_not_come(
    events: tuple[ev.Event, ...], on_order: int
) -> None:
    assert fold(*events).on_order(GTIN) == on_order


CHEESE = changed(
    doc.ITEM,
    GTIN,
    {"gtin": GTIN, "names": {"en": "Cheese"}, "zone": "chilled", "shelf_life_days": 30,
     "grams_per_unit": 500, "case_pack_units": 1, "minimum_order_units": 1},
)  # fmt: skip


def asks(**units: int) -> ev.Event:
    """A delivery that asks for so much of one item in each unit."""
    lines = [{"item": GTIN, "quantity": n, "unit": unit} for unit, n in units.items()]
    data = {"id": "ASN-1", "warehouse": "J1", "source": "@supplier", "status": "dispatched",
            "ordered": lines}  # fmt: skip
    return changed(doc.ASN, "ASN-1", data)


def came(quantity: int, unit: str) -> ev.Event:
    line = ev.Line(
        item=GTIN, from_location="@supplier", to_location="DOCK", quantity=quantity, unit=unit
    )
    return event(ev.GOODS_RECEIVED, line, documents=(ev.Document(type="asn", id="ASN-1"),))


@pytest.mark.parametrize(
    ("events", "on_order", "came_units"),
    [
        ((asks(g=5000),), 10, 0),
        ((asks(EA=4, g=5000),), 14, 0),
        ((asks(EA=4, g=5000), came(4, "EA")), 10, 4),
        ((asks(EA=4, g=5000), came(5000, "g")), 4, 10),
        ((asks(EA=4, g=5000), came(4, "EA"), came(4750, "g")), 0, 13),
        ((asks(EA=10), came(5000, "g")), 0, 10),
        ((asks(EA=4, g=5000), asks(g=2000)), 4, 0),
        ((asks(EA=4), changed(doc.ASN, "ASN-1", None)), 0, 0),
    ],
)
def test_pieces_and_grams_on_order_are_added_as_pieces_only(
    events: tuple[ev.Event, ...], on_order: int, came_units: int
) -> None:
    facts = fold(CHEESE, *events)
    assert facts.on_order(GTIN) == on_order
    assert facts.received_units("ASN-1", GTIN) == came_units


def test_what_a_delivery_asks_for_no_more_is_looked_at_too() -> None:
    facts = fold(asn("planned"))
    effects = effects_of([(2, changed(doc.ASN, "ASN-1", None))], "J1")
    assert effects.touched_items(facts) == {GTIN}
    apply_effects(facts, effects)
    assert (facts.on_order(GTIN), facts.expecting[GTIN]) == (0, set())


def test_a_proposed_plan_counts_as_on_order_until_its_delivery_says_more() -> None:
    plan = {
        "plan_id": "PL-1", "warehouse": "J1", "source": "K1", "triggers": [], "based_on_seq": 1,
        "computed_at_us": 1, "objective": 1.0, "network_plan": {},
        "lines": [{"item": GTIN, "quantity": 24, "order_up_to_units": 30, "position_units": 6}],
    }  # fmt: skip
    proposed = event(ev.PLAN_PROPOSED, body=plan)
    assert fold(proposed).on_order(GTIN) == 24
    assert fold(proposed, asn("planned")).on_order(GTIN) == 24, "not counted twice"


def test_the_newest_document_wins_and_a_tombstone_removes() -> None:
    def item(name: str) -> dict[str, object]:
        return {"gtin": GTIN, "names": {"en": name}, "zone": "cold", "grams_per_unit": 1}

    facts = fold(changed("item", GTIN, item("old")), changed("item", GTIN, item("new")))
    assert facts.items[GTIN].names == {"en": "new"}
    assert GTIN not in fold(changed("item", GTIN, item("old")), changed("item", GTIN, None)).items


def test_a_document_of_a_newer_cloud_is_no_stumbling_block() -> None:
    assert fold(changed("hologram", "H-1", {"x": 1})).items == {}


def test_the_first_expiry_of_a_lot_stands() -> None:
    assert fold(lot("2026-12-01"), lot("2027-01-01")).lots == {(GTIN, "L"): "2026-12-01"}
