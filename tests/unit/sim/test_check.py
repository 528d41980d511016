"""Pins the demo's proof: it holds for a clean run and breaks for every loss or invention."""

from collections.abc import Callable
from copy import deepcopy

import pytest

from device_sim.stage import check
from device_sim.stage.ledger import Ledger
from device_sim.world import Expect, Place, ScanOrder

Row = dict[str, object]


def make_ledger(*expects: Expect) -> Ledger:
    """A PDA whose scans all were receipted as they must be."""
    ledger = Ledger("pda-J1")
    ledger.hear({"event": "ready", "boot": "b1"})
    for seq, expect in enumerate(expects, 1):
        ref = ledger.add(ScanOrder("x", None, expect))
        ledger.hear({"event": "scan", "ref": ref, "seq": seq})
        ledger.hear({"event": "sent", "seq": seq})
        status = "refused" if expect == "refused" else "accepted"
        ledger.hear({"event": "receipt", "seq": seq, "status": status})
    return ledger


def event(seq: int, scan: int, event_type: str = "goods.picked", boot: str = "b1") -> Row:
    device = {"id": "pda-J1", "boot": boot, "seq": scan}
    return {"gateway": "gw-J1", "seq": seq, "event": {"type": event_type, "device": device}}


LEDGER = make_ledger("recorded", "refused", "answered", "recorded")
EVENTS = [event(1, 1, "lot.created"), event(2, 1), event(3, 4)]


def test_a_clean_run_holds() -> None:
    assert check.check_scans([LEDGER], EVENTS).holds
    assert check.check_receipts([LEDGER]).holds
    assert check.check_journal_order(EVENTS, {"gw-J1": 3}).holds


@pytest.mark.parametrize(
    ("spoil", "problem"),
    [
        (lambda rows: rows.pop(), "scan 4: 0 events"),
        (lambda rows: rows.append(event(4, 1)), "scan 1: 2 events"),
        (lambda rows: rows.append(event(4, 2)), "scan 2: must not be there"),
        (lambda rows: rows.append(event(4, 3)), "scan 3: must not be there"),
        (lambda rows: rows.append(event(4, 9)), "scan 9: was never sent"),
    ],
    ids=["lost", "twice", "refused", "answered", "invented"],
)
def test_a_wrong_number_of_events_is_found(
    spoil: Callable[[list[Row]], object], problem: str
) -> None:
    rows = deepcopy(EVENTS)
    spoil(rows)
    found = check.check_scans([LEDGER], rows)
    assert not found.holds
    assert found.problems == (f"pda-J1 {problem}",)


def test_a_scan_without_receipt_and_a_wrong_receipt_are_found() -> None:
    ledger = make_ledger("recorded")
    ledger.add(ScanOrder("x", None, "recorded"))
    assert check.check_receipts([ledger]).problems == ("pda-J1 None: no receipt",)
    ledger.hear({"event": "scan", "ref": 1, "seq": 2})
    ledger.hear({"event": "receipt", "seq": 2, "status": "refused"})
    assert check.check_receipts([ledger]).problems == ("pda-J1 2: refused, expected recorded",)


def test_a_missing_and_a_repeated_journal_row_are_found() -> None:
    rows = [event(1, 1), event(3, 2), event(3, 3)]
    problems = check.check_journal_order(rows, {"gw-J1": 3}).problems
    assert problems == ("gw-J1 row 3: more than once", "gw-J1 row 2: missing")


def stock(location: str, quantity: int, warehouse: str = "J1") -> Row:
    return {
        "warehouse": "" if location[0] == "@" else warehouse,
        "location": location,
        "item": "i",
        "lot": "l",
        "status": "available",
        "unit": "EA",
        "quantity": quantity,
    }


def test_equal_stock_holds_although_each_edge_knows_half_of_a_transfer() -> None:
    truth = {Place("J1", "A-01", "i", "l"): 5, Place("", "@supplier", "i", "l"): -5}
    sender = [stock("@supplier", -5), stock("@transit.TR-1", 5)]
    receiver = [stock("@transit.TR-1", -5), stock("A-01", 5)]
    cloud = [stock("@supplier", -5), stock("A-01", 5)]
    assert all(each.holds for each in check.check_stock(truth, [sender, receiver], cloud))
    assert check.check_conserved(cloud).holds


def test_one_unit_off_breaks_both_sides_it_touches() -> None:
    truth = {Place("J1", "A-01", "i", "l"): 5}
    edge, cloud = [stock("A-01", 5)], [stock("A-01", 4)]
    holds = [each.holds for each in check.check_stock(truth, [edge], cloud)]
    assert holds == [True, False, False]
    assert not check.check_conserved(cloud).holds


def test_replenishment_needs_a_plan_for_a_known_trigger_and_its_delivery() -> None:
    trigger = {"event": {"type": "replenishment.triggered", "event_id": "t1"}}
    plan: Row = {"plan_id": "PL-1", "triggers": ["t1"]}
    received, planned = ({"id": "ASN-1", "status": status} for status in ("received", "planned"))

    def holds(events: list[Row], plans: list[Row], asns: list[Row]) -> list[bool]:
        return [each.holds for each in check.check_replenished(events, plans, asns)]

    assert holds([trigger], [plan], [received]) == [True, True]
    assert holds([trigger], [plan], [planned]) == [True, False]
    assert holds([trigger], [plan], []) == [True, False]
    assert holds([], [plan], [received]) == [False, True]
    assert holds([trigger], [], []) == [False, False]


def test_a_pick_list_made_anew_beside_a_scan_is_no_second_event() -> None:
    short = [*EVENTS, event(4, 4, "pick.allocated")]
    assert check.check_scans([LEDGER], short).holds
    twice = check.check_scans([LEDGER], [*short, event(5, 4, "pick.allocated")])
    assert twice.problems == ("pda-J1 scan 4: 2 × pick.allocated",)


def test_what_is_asked_may_be_recorded_once_or_refused() -> None:
    ledger = make_ledger("asked")
    assert check.check_scans([ledger], []).holds
    assert check.check_scans([ledger], [event(1, 1)]).holds
    assert not check.check_scans([ledger], [event(1, 1), event(2, 1)]).holds
    ledger.hear({"event": "receipt", "seq": 1, "status": "refused"})
    assert not ledger.surprises()


def order(status: str, delivered: int) -> Row:
    line = {"item": "i", "quantity": 2, "delivered": delivered}
    return {"id": "O", "status": status, "parcels": [{"parcel": "O.1", "lines": [line]}]}


def test_orders_hold_when_the_cloud_has_delivered_what_was_sent() -> None:
    assert all(
        each.holds for each in check.check_orders([order("delivered", 2)], {("O.1", "i"): 2})
    )


@pytest.mark.parametrize(
    ("orders", "sent", "problem"),
    [
        ([order("picking", 2)], {("O.1", "i"): 2}, "O: picking"),
        ([order("delivered", 2)], {}, "O.1 i: 2, says the cloud; 0 were sent"),
        ([order("delivered", 2)], {("O.1", "i"): 4}, "O.1 i: 2, says the cloud; 4 were sent"),
        ([], {("O.1", "i"): 2}, "O.1 i: 0, says the cloud; 2 were sent"),
    ],
    ids=["open", "invented", "lost", "unknown"],
)
def test_an_order_that_is_not_what_was_sent_is_found(
    orders: list[Row], sent: dict[tuple[str, str], int], problem: str
) -> None:
    found = [it for each in check.check_orders(orders, sent) for it in each.problems]
    assert found == [problem]
