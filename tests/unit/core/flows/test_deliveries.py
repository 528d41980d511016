"""Pins what a delivery announces: sums per lot and item, and anew with each new document."""

from cloud_sync.contract.documents import Asn
from gateway.core.flows.deliveries import REMEMBERED_MAX, Deliveries
from gateway.core.flows.goods import Goods

MILK, RICE = "09506000134352", "09506000117843"


def asn(name: str = "ASN-1", **said: object) -> Asn:
    return Asn.model_validate(
        {"id": name, "warehouse": "W1", "source": "@supplier", "status": "dispatched", **said}
    )


def line(item: str, quantity: int, lot: str | None = None) -> dict[str, object]:
    return {"item": item, "quantity": quantity, "unit": "EA", "lot": lot}


def test_what_was_sent_counts_before_what_was_asked_for() -> None:
    sent = [line(MILK, 3, "L1"), line(MILK, 4, "L2"), line(MILK, 2, "L1")]
    found = Deliveries().announced(asn(ordered=[line(MILK, 20), line(RICE, 5)], shipped=sent))
    assert found.goods == {Goods(MILK, "L1", "EA"): 5, Goods(MILK, "L2", "EA"): 4}
    assert found.units == {(MILK, "EA"): 9}
    assert found.lots == {MILK: {"L1", "L2"}}


def test_what_was_asked_for_counts_where_nobody_said_what_was_sent() -> None:
    found = Deliveries().announced(asn(ordered=[line(MILK, 20), line(RICE, 5)]))
    assert found.units == {(MILK, "EA"): 20, (RICE, "EA"): 5}
    assert found.lots == {MILK: {""}, RICE: {""}}


def test_a_new_word_about_a_delivery_is_taken_at_once() -> None:
    deliveries = Deliveries()
    first = asn(ordered=[line(MILK, 20)])
    assert deliveries.announced(first) is deliveries.announced(first)
    assert deliveries.announced(asn(ordered=[line(MILK, 6)])).units == {(MILK, "EA"): 6}


def test_many_deliveries_do_not_fill_the_memory() -> None:
    deliveries = Deliveries()
    for n in range(REMEMBERED_MAX + 10):
        found = deliveries.announced(asn(f"ASN-{n}", ordered=[line(MILK, n + 1)]))
        assert found.units == {(MILK, "EA"): n + 1}
    assert len(deliveries._known) == REMEMBERED_MAX
