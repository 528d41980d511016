"""The seven days. What each one brings stands in its function; the rest of it is chance."""

from __future__ import annotations

from collections.abc import Callable

from tests.week import papers, symbols
from tests.week.book import DAMAGED, Goods
from tests.week.papers import E0, K1, M1, M2, M3, P1, R1, T1, line
from tests.week.week import Week
from tests.week.work import RECORDED, Worker

PALLET = [(R1, 20), (T1, 10)]


def pallet_of(warehouse: str) -> str:
    """The unit that comes to each warehouse on Monday."""
    return symbols.sscc(papers.WAREHOUSES.index(warehouse))


def monday(week: Week) -> None:
    """Papers come down; the suppliers' lorries come, with what they should bring and what not."""
    office = week.office
    office.write("POST", "/v1/import", papers.master_data())
    for source, target in (("J1", 1), ("J2", 2)):
        office.put(
            "transfers", f"T-{source}", id=f"T-{source}", source="C1", destination=source,
            ordered=[line(M2, 8), line(E0, 6), line(K1, 1000 * target)], shrink_per_mille=200,
        )  # fmt: skip
    office.put("counts", "COUNT-J1", id="COUNT-J1", warehouse="J1", locations=["R-01", "A-01"],
               blind=True)  # fmt: skip
    for each in papers.WAREHOUSES:
        pallet = [line(goods, n, sscc=pallet_of(each)) for goods, n in PALLET]
        shipped = [line(M1, 12), line(M2, 30), line(P1, 8), line(E0, 20), line(K1, 5000), *pallet]
        office.put("asns", f"ASN-{each}", id=f"ASN-{each}", warehouse=each, source="@supplier",
                   status="dispatched", ordered=[], shipped=shipped)  # fmt: skip
    for each in papers.WAREHOUSES:
        week.boards[each].until(f"ASN-{each}")
        unload(week, week.workers[each][0])
    week.sites["J2"].line.cut()


def unload(week: Week, worker: Worker) -> None:
    """Exactly, too few, too many, broken, too warm, another lot, another item, unknown, blind."""
    asn = f"ASN-{worker.warehouse}"
    worker.receive(M1, 5, asn=asn)
    worker.receive(M1, 7, asn=asn)
    worker.receive(M2, 27, asn=asn)
    worker.receive(M2, 1, asn=asn, condition="damaged")
    worker.receive(M3, 10, asn=asn, expected=("flagged", "lot_not_expected"))
    worker.receive(P1, 6, asn=asn, temperature_c=-19.0)
    worker.receive(P1, 2, asn=asn, temperature_c=-4.0, expected=("flagged", "temperature_at_door"),
                   status="held")  # fmt: skip
    worker.receive(E0, 23, asn=asn, expected=("flagged", "over_receipt"))
    worker.receive(K1, 2500, asn=asn)
    worker.receive(K1, 2500, asn=asn)
    worker.receive(Goods(papers.STRANGE), 3, asn=asn, expected=("flagged", "not_expected"))
    worker.receive_unit(pallet_of(worker.warehouse), PALLET, asn)
    worker.close_delivery(asn, ("flagged", "short_receipt"))
    worker.move(P1, 6, "DOCK", "A-01", expected=("refused", "wrong_zone"))
    worker.move(P1, 2, "DOCK", "A-01", expected=("flagged", "wrong_zone"),
                supervisor=papers.BADGE)  # fmt: skip
    worker.move(P1, 2, "A-01", "F-02")
    worker.move(P1, 4, "DOCK", "F-01")
    worker.move(M1, 12, "DOCK", "R-02")
    worker.move(M2, 20, "DOCK", "R-01")
    worker.move(M2, 7, "DOCK", "R-03")
    worker.move(M2, 1, "DOCK", "R-04", status=DAMAGED)
    worker.move(M3, 10, "DOCK", "R-04")
    worker.move(E0, 23, "DOCK", "A-02")
    worker.move(K1, 5000, "DOCK", "R-04")
    worker.move_unit(pallet_of(worker.warehouse), PALLET, "A-01")
    worker.receive(T1, 5, location="A-03", expected=RECORDED)
    week.hour(worker.warehouse)


def tuesday(week: Week) -> None:
    """Lorries leave the central warehouse; the first orders are picked, one by two warehouses."""
    sender = week.workers["C1"][0]
    for each in ("J1", "J2"):
        week.boards["C1"].until(f"T-{each}")
        for goods, n in ((M2, 8), (E0, 6), (K1, 1000)):
            for place, some in week.found(sender, goods, n):
                sender.dispatch(goods, some, f"T-{each}", place, expected=RECORDED)
    week.order("O-1", {"J1": 1000, "C1": 9000}, [(papers.MILK, 15, "EA"), (papers.RICE, 2, "EA")])
    week.order("O-2", {"C1": 1000, "J1": 9000}, [(papers.CHEESE, 700, "g")])
    for each in ("C1", "J1", "J2"):
        week.hour(each)
    receive_transfer(week, "J1")


def receive_transfer(week: Week, warehouse: str) -> None:
    """All of the milk, an egg too few (within what may shrink), cheese as it was weighed."""
    worker = week.workers[warehouse][1]
    asn, transfer = f"ASN-T-{warehouse}", f"T-{warehouse}"
    worker.receive(M2, 8, asn=asn, transfer=transfer, location="R-03", expected=RECORDED)
    worker.receive(E0, 5, asn=asn, transfer=transfer, expected=RECORDED)
    worker.receive(K1, 1000, asn=asn, transfer=transfer, location="R-04", expected=RECORDED)
    worker.move(E0, 5, "DOCK", "A-02")
    worker.close_transfer(asn, transfer, [(E0, 1)], RECORDED)


def wednesday(week: Week) -> None:
    """The line of J1 is down. There it is counted, blindly and badly; a supervisor approves."""
    week.sites["J1"].line.cut()
    week.order("O-3", {"J1": 1000}, [(papers.MILK, 2, "EA"), (papers.EGGS, 1, "EA")], wait=False)
    counter = week.workers["J1"][1]
    for place in ("R-01", "A-01"):
        week.chance.count(counter, place, by=1, task="COUNT-J1")
        week.chance.count(counter, place, task="COUNT-J1")
        answer = counter.close_count(place, "COUNT-J1")
        if answer["status"] != "refused":
            counter.say(RECORDED, None, type="approve", id="COUNT-J1", location=place,
                        supervisor=papers.BADGE)  # fmt: skip
    for each in ("J1", "J2", "C1"):
        week.hour(each)


def thursday(week: Week) -> None:
    """C1 loses its power. Who works there scans on, out of reach; J1 is heard of again."""
    first, second = week.workers["C1"]
    week.sites["C1"].power_off()
    week.sites["J1"].line.mend()
    with first.pda.out_of_reach():
        first.is_waiting = False
        first.receive(R1, 4, location="A-03", expected=RECORDED)
        first.receive(T1, 3, location="A-03", expected=RECORDED)
        first.move(T1, 2, "A-03", "A-02", expected=RECORDED)
        first.waste(R1, 1, "A-03", expected=RECORDED)
        first.pick(R1, 1, "A-03", "COUNTER-dark", expected=RECORDED)
        first.ship(R1, 1, "COUNTER-dark", expected=RECORDED)
        first.undo()
        first.is_waiting = True
        first.pda.reboot()
    hold_and_release(week.workers["J1"][1])
    for each in ("J1", "J2"):
        week.hour(each)
    week.sites["C1"].power_on()
    first.pda.settle()
    first.catch_up()
    week.boards["J1"].until("O-3.1")
    week.fulfil(week.workers["J1"][0], "O-3.1")
    second.receive(R1, 1, location="A-01", expected=RECORDED)
    second.count(R1, None, "A-01")
    second.undo()
    second.undo()


def hold_and_release(worker: Worker) -> None:
    """A lot is held and let go; goods are looked at."""
    worker.receive(T1, 4, location="A-01", expected=RECORDED)
    worker.say_of_lot(T1, "hold")
    worker.pick(T1, 1, "A-01", "COUNTER-held", expected=("flagged", "lot_held"))
    worker.undo()
    worker.say_of_lot(T1, "release", supervisor=papers.BADGE)
    worker.inspect(T1, 2, "A-01", condition="suspect", expected=RECORDED)
    worker.inspect(T1, 1, "A-01", condition="good", supervisor=papers.BADGE,
                   expected=RECORDED)  # fmt: skip
    worker.inspect(T1, 1, "A-01", condition="damaged", expected=RECORDED)
    worker.waste(T1, 1, "A-01", status=DAMAGED, expected=RECORDED)


def friday(week: Week) -> None:
    """A lot is recalled. Orders are picked around it, two pickers at one of them."""
    week.office.put("recalls", "RECALL", id="RECALL", item=papers.MILK, lots=["M3"],
                    reason="glass")  # fmt: skip
    for each in ("C1", "J1"):
        week.until_recalled(week.workers[each][0], M3)
    for place, some in week.found(week.workers["J1"][0], M3, 2):
        week.workers["J1"][0].waste(M3, some, place, expected=RECORDED)
    week.order("O-4", {"J1": 1000}, [(papers.MILK, 3, "EA"), (papers.TUNA, 2, "EA")], pickers=2)
    week.order("O-5", {"C1": 1000}, [(papers.RICE, 3, "EA")], short=1)
    for each in papers.WAREHOUSES:
        week.hour(each)


def saturday(week: Week) -> None:
    """A shelf is swept for its tags; an order is called off when half of it is in the tote."""
    worker = week.workers["C1"][1]
    week.sweep(worker, "A-03", T1)
    week.order("O-6", {"C1": 1000}, [(papers.MILK, 2, "EA"), (papers.EGGS, 2, "EA")], wait=False)
    week.boards["C1"].until("O-6.1")
    place, goods, quantity = week.stops(worker, "O-6.1")[0]
    quantity = min(quantity, worker.book.truth()[worker.key(place, goods)])
    if quantity > 0:
        worker.pick(goods, quantity, place, "O-6.1", expected=RECORDED)
    week.office.write("POST", "/v1/orders/O-6/cancel")
    week.boards["C1"].until("O-6.1", is_there=False)
    worker.say(("refused", "cannot_begin"), None, type="start", id="O-6.1")
    if quantity > 0:
        worker.move(goods, quantity, "PACK", place, expected=RECORDED)
    for each in papers.WAREHOUSES:
        week.hour(each)


def sunday(week: Week) -> None:
    """J2 is heard of, with its whole week; what was counted wrong is counted anew."""
    receive_transfer(week, "J2")
    week.hour("J2")
    week.sites["J2"].power_off()
    week.sites["J2"].line.mend()
    week.sites["J2"].power_on()
    for each in papers.WAREHOUSES:
        for place in week.wrong_places(each):
            week.chance.count(week.workers[each][0], place)


DAYS: tuple[Callable[[Week], None], ...] = (
    monday, tuesday, wednesday, thursday, friday, saturday, sunday,
)  # fmt: skip
