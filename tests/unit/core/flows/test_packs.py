"""Pins cases kept as pieces: received whole, opened exactly, counted and moved as pieces."""

import pytest

from cloud_sync.contract import documents as doc
from cloud_sync.contract import events as ev
from gateway.core.flows.goods import Goods
from gateway.core.flows.packs import pieces_in
from gateway.core.readings import TaskContext
from tests.rigs.flows import MILK, Hall, of

CASE, PALLET = "19506000134359", "29506000134356"


@pytest.fixture
def hall() -> Hall:
    hall = Hall()
    for gtin, inner, units in ((CASE, MILK, 12), (PALLET, CASE, 40)):
        hall.facts.items[gtin] = doc.Item(
            gtin=gtin, names={"en": "Pack"}, zone="refrigerated", grams_per_unit=6000,
            contains=doc.Contents(item=inner, units=units),
        )  # fmt: skip
    opens(hall, is_opened=True)
    return hall


def opens(hall: Hall, *, is_opened: bool) -> None:
    hall.facts.policies[MILK] = doc.Policy(
        warehouse="J1", gtin=MILK, demand_units_per_day=1.0, demand_sd_units_per_day=0.0,
        reorder_point_units=0, lead_time_days=1.0, opens_cases=is_opened,
    )  # fmt: skip


def test_a_case_comes_as_announced_and_stands_there_as_its_pieces(hall: Hall) -> None:
    hall.facts.asns["A-1"] = doc.Asn(
        id="A-1", warehouse="J1", source="@supplier", status="dispatched",
        ordered=[doc.ShipmentLine(item=CASE, quantity=3)],
    )  # fmt: skip
    outcome = hall.scan(TaskContext("receive", "A-1", None, 3), of(CASE, "L1", "2026-12-01"))
    assert outcome.status == "accepted", "the delivery announced cases"
    assert [event.type for event in outcome.events] == [
        ev.LOT_CREATED, ev.LOT_CREATED, ev.GOODS_RECEIVED, ev.GOODS_TRANSFORMED,
    ]  # fmt: skip
    assert outcome.result["event_id"] == outcome.events[2].event_id
    assert (hall.on_hand(CASE, "L1", "DOCK"), hall.on_hand(MILK, "L1", "DOCK")) == (0, 36)
    assert hall.floor.expiry(Goods(MILK, "L1", "EA")) == "2026-12-01", "pieces spoil as the case"


def test_a_damaged_case_leaves_damaged_pieces(hall: Hall) -> None:
    hall.scan(TaskContext("receive", quantity=1, condition="damaged"), of(CASE, "L1"))
    assert hall.on_hand(MILK, "L1", "DOCK", "damaged") == 12
    assert hall.on_hand(CASE, "L1", "DOCK", "damaged") == 0


def test_undone_the_case_is_closed_and_then_never_came(hall: Hall) -> None:
    hall.scan(TaskContext("receive", quantity=2), of(CASE, "L1"))
    hall.fold()
    first = hall.scan(TaskContext("undo"))
    assert first.result["undone"]["item"] == CASE  # type: ignore[index]  # as the table says
    assert (hall.on_hand(CASE, "L1", "DOCK"), hall.on_hand(MILK, "L1", "DOCK")) == (2, 0)
    hall.scan(TaskContext("undo"))
    assert (hall.on_hand(CASE, "L1", "DOCK"), hall.on_hand(MILK, "L1", "DOCK")) == (0, 0)


def test_who_moves_or_counts_a_case_means_its_pieces(hall: Hall) -> None:
    hall.scan(TaskContext("receive", quantity=2), of(CASE, "L1"))
    hall.scan(TaskContext("putaway", None, "R-01", 1), of(CASE, "L1"))
    assert (hall.on_hand(MILK, "L1", "DOCK"), hall.on_hand(MILK, "L1", "R-01")) == (12, 12)
    counted = hall.scan(TaskContext("count", None, "R-01"), of(CASE, "L1"))
    (event,) = counted.events
    (row,) = event.body["assertions"]  # type: ignore[misc]  # one, as counted
    assert (row["item"], row["quantity"]) == (MILK, 12)


def test_a_warehouse_that_opens_none_keeps_cases(hall: Hall) -> None:
    opens(hall, is_opened=False)
    hall.scan(TaskContext("receive", quantity=2), of(CASE, "L1"))
    assert (hall.on_hand(CASE, "L1", "DOCK"), hall.on_hand(MILK, "L1", "DOCK")) == (2, 0)


def test_levels_are_opened_down_to_the_pieces_and_rings_are_not(hall: Hall) -> None:
    case = Goods(CASE, "L1", "EA")
    assert pieces_in(Goods(PALLET, "L1", "EA"), 2, hall.floor) == (Goods(MILK, "L1", "EA"), 960)
    assert pieces_in(Goods(CASE, "L1", "g"), 2, hall.floor) == (Goods(CASE, "L1", "g"), 2)
    assert pieces_in(case, 83_334, hall.floor) == (case, 83_334), "more than a million pieces"
    milk = hall.facts.items[MILK].model_copy(update={"contains": doc.Contents(item=CASE, units=2)})
    hall.facts.items[MILK] = milk
    assert pieces_in(case, 1, hall.floor) == (Goods(MILK, "L1", "EA"), 12)
