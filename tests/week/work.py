"""What workers do with a PDA, each thing said to the gateway and written into the ledger.

What must be answered is the contract's word (docs/flows.md); `say` holds the gateway to it.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field

from tests.week import symbols
from tests.week.book import AVAILABLE, DAMAGED, HELD, Book, Entry, Goods, Key, key_of
from tests.week.handheld import Answer, Handheld, Scan

ACCEPTED = ("accepted", None)
RECORDED = ("recorded", None)
"""Accepted or flagged: how it looks to the gateway is not this worker's matter."""
STATUS_OF = {None: AVAILABLE, "good": AVAILABLE, "damaged": DAMAGED, "suspect": HELD}
Expected = tuple[str, str | None]


@dataclass
class Catalogue:
    """What is printed on the goods."""

    expiries: dict[tuple[str, str], str] = field(default_factory=dict)

    def last_day(self, goods: Goods) -> str:
        """When it expires; behind all others if it does not."""
        return self.expiries.get((goods.item, goods.lot or ""), "9999")

    def label(self, goods: Goods, quantity: int | None = None) -> str:
        """The symbol on it; what is weighed has its weight there."""
        expiry = self.expiries.get((goods.item, goods.lot)) if goods.lot else None
        grams = quantity if goods.unit == "g" else None
        return symbols.goods(goods.item, goods.lot, expiry=expiry, grams=grams)


class Worker:
    """Somebody with a PDA at a warehouse, and the ledger."""

    def __init__(self, pda: Handheld, book: Book, catalogue: Catalogue, worker: str) -> None:
        self.pda, self.book, self.catalogue, self.worker = pda, book, catalogue, worker
        self.warehouse = pda.warehouse
        self.tally: defaultdict[tuple[str | None, str], dict[Key, int]] = defaultdict(dict)
        self._done: list[Entry] = []
        self._pending: list[tuple[Scan, Expected]] = []
        self.is_waiting = True

    def say(self, expected: Expected, data: str | None, **task: object) -> tuple[Scan, Answer]:
        """One scan and its answer, which must be as expected; None stands for any key."""
        context = {key: value for key, value in task.items() if value is not None}
        scan = self.pda.scan(data, task={"worker": self.worker, **context})
        if not self.is_waiting:
            self._pending.append((scan, expected))
            return scan, {}
        return scan, self._judge(scan, expected)

    def _judge(self, scan: Scan, expected: Expected) -> Answer:
        answer = self.pda.answer(scan)
        status, key = answer["status"], answer.get("message_key")
        said = f"{self.pda.name} {scan.seq}: {status} {key} {answer.get('message')!r}"
        may_be = {"accepted", "flagged"} if expected[0] == "recorded" else {expected[0]}
        assert status in {*may_be, "duplicate"}, f"{said}, expected {expected}"
        assert expected[1] in {None, key}, f"{said}, expected {expected}"
        return answer

    def catch_up(self) -> None:
        """Hear the answers to all that was said without waiting."""
        pending, self._pending = self._pending, []
        for scan, expected in pending:
            self._judge(scan, expected)

    def _entry(self, scan: Scan) -> Entry:
        entry = self.book.enter(scan.at_us)
        self._done.append(entry)
        return entry

    def _move(
        self, scan: Scan, goods: Goods, quantity: int, source: tuple[str, str],
        target: tuple[str, str],
    ) -> None:  # fmt: skip
        one, other = self.key(source[0], goods, source[1]), self.key(target[0], goods, target[1])
        self._entry(scan).moves.append((one, other, quantity))

    def key(self, location: str, goods: Goods, status: str = AVAILABLE) -> Key:
        """Where goods stand, at this warehouse."""
        return key_of(self.warehouse, location, goods, status)

    def _goods(self, goods: Goods, quantity: int) -> dict[str, object]:
        """How much, in the words of a task; what is weighed says it by its label."""
        return {} if goods.unit == "g" else {"quantity": quantity, "unit": "EA"}

    def receive(
        self,
        goods: Goods,
        quantity: int,
        *,
        asn: str | None = None,
        transfer: str | None = None,
        location: str | None = None,
        condition: str | None = None,
        temperature_c: float | None = None,
        expected: Expected = ACCEPTED,
        status: str | None = None,
    ) -> None:
        """Goods at the door; `transfer` where the delivery comes from another warehouse."""
        scan, _ = self.say(
            expected, self.catalogue.label(goods, quantity), type="receive", id=asn,
            location=location, condition=condition, temperature_c=temperature_c,
            **self._goods(goods, quantity),
        )  # fmt: skip
        source = f"@transit.{transfer}" if transfer else "@supplier"
        to_status = status or STATUS_OF[condition]
        self._move(scan, goods, quantity, (source, AVAILABLE), (location or "DOCK", to_status))

    def receive_unit(self, number: str, contents: list[tuple[Goods, int]], asn: str) -> None:
        """A pallet that the delivery announces."""
        scan, _ = self.say(ACCEPTED, symbols.unit(number), type="receive", id=asn)
        entry = self._entry(scan)
        for goods, quantity in contents:
            entry.moves.append((self.key("@supplier", goods), self.key("DOCK", goods), quantity))

    def move(
        self, goods: Goods, quantity: int, source: str, target: str, *,
        status: str = AVAILABLE, expected: Expected = ACCEPTED, supervisor: str | None = None,
    ) -> None:  # fmt: skip
        """Put away or move; from the dock if `source` is DOCK."""
        condition = {AVAILABLE: None, DAMAGED: "damaged", HELD: "suspect"}[status]
        scan, _ = self.say(
            expected, self.catalogue.label(goods, quantity),
            type="putaway" if source == "DOCK" else "move",
            id=None if source == "DOCK" else source, location=target, condition=condition,
            supervisor=supervisor, **self._goods(goods, quantity),
        )  # fmt: skip
        if expected[0] != "refused":
            self._move(scan, goods, quantity, (source, status), (target, status))

    def move_unit(self, number: str, contents: list[tuple[Goods, int]], target: str) -> None:
        """A pallet with all that is in it, from the dock."""
        scan, _ = self.say(
            ("accepted", "unit_moved"), symbols.unit(number), type="putaway", location=target
        )
        entry = self._entry(scan)
        for goods, quantity in contents:
            entry.moves.append((self.key("DOCK", goods), self.key(target, goods), quantity))

    def pick(
        self, goods: Goods, quantity: int, location: str, order: str, *,
        expected: Expected = ACCEPTED,
    ) -> Answer:  # fmt: skip
        """Off the shelf, into the tote."""
        scan, answer = self.say(
            expected, self.catalogue.label(goods, quantity), type="pick", id=order,
            location=location, **self._goods(goods, quantity),
        )  # fmt: skip
        if expected[0] != "refused":
            self._move(scan, goods, quantity, (location, AVAILABLE), ("PACK", AVAILABLE))
        return answer

    def pack(self, goods: Goods, quantity: int, order: str, number: str) -> None:
        """Into the box; no stock moves."""
        scan, _ = self.say(
            ACCEPTED, self.catalogue.label(goods, quantity), type="pack", id=order, sscc=number,
            **self._goods(goods, quantity),
        )  # fmt: skip
        self._entry(scan)

    def ship(
        self, goods: Goods, quantity: int, order: str, *, location: str | None = None,
        expected: Expected = ACCEPTED,
    ) -> None:  # fmt: skip
        """To the rider."""
        scan, _ = self.say(
            expected, self.catalogue.label(goods, quantity), type="ship", id=order,
            location=location, **self._goods(goods, quantity),
        )  # fmt: skip
        self._move(
            scan, goods, quantity, (location or "PACK", AVAILABLE), ("@customer", AVAILABLE)
        )

    def ship_unit(self, number: str, contents: list[tuple[Goods, int]], order: str) -> None:
        """The whole box."""
        scan, _ = self.say(ACCEPTED, symbols.unit(number), type="ship", id=order)
        entry = self._entry(scan)
        for goods, quantity in contents:
            entry.moves.append((self.key("PACK", goods), self.key("@customer", goods), quantity))

    def dispatch(
        self, goods: Goods, quantity: int, transfer: str, location: str, *,
        expected: Expected = ACCEPTED,
    ) -> None:  # fmt: skip
        """On to the lorry to another warehouse."""
        scan, _ = self.say(
            expected, self.catalogue.label(goods, quantity), type="ship", id=transfer,
            location=location, **self._goods(goods, quantity),
        )  # fmt: skip
        self._move(
            scan, goods, quantity, (location, AVAILABLE), (f"@transit.{transfer}", AVAILABLE)
        )

    def close_transfer(
        self, asn: str, transfer: str, within: list[tuple[Goods, int]], expected: Expected
    ) -> None:
        """The lorry is empty; `within` is the shrink that the office allows."""
        scan, _ = self.say(expected, None, type="close", id=asn, reason="fell off")
        entry = self._entry(scan)
        for goods, quantity in within:
            lost = self.key(f"@transit.{transfer}", goods), self.key("@adjustment", goods)
            entry.moves.append((*lost, quantity))

    def close_delivery(self, asn: str, expected: Expected = ACCEPTED) -> Answer:
        """Nothing more comes."""
        return self.say(expected, None, type="close", id=asn)[1]

    def count(
        self, goods: Goods, quantity: int | None, location: str, count: str | None = None
    ) -> Answer:
        """So many in all; without a quantity, one piece more."""
        told = {} if quantity is None or goods.unit == "g" else {"quantity": quantity}
        scan, answer = self.say(
            ACCEPTED, self.catalogue.label(goods, quantity), type="count", id=count,
            location=location, **told,
        )  # fmt: skip
        key = key_of(self.warehouse, location, goods)
        tally = self.tally[count, location]
        tally[key] = tally.get(key, 0) + 1 if quantity is None else quantity
        self._entry(scan).counts[key] = tally[key]
        return answer

    def close_count(self, location: str, count: str | None = None) -> Answer:
        """All of this place was seen; what was not is not there."""
        scan = self.pda.scan(
            None, task={"worker": self.worker, "type": "close", "location": location}
            | ({"id": count} if count else {}),
        )  # fmt: skip
        answer = self.pda.answer(scan)
        entry = self._entry(scan)
        seen = self.tally.pop((count, location), {})
        for key, quantity in self.book.at(self.warehouse, location).items():
            if key not in seen and key.status == AVAILABLE and quantity:
                entry.counts[key] = 0
        return answer

    def waste(
        self, goods: Goods, quantity: int, location: str, *, status: str = AVAILABLE,
        expected: Expected = ACCEPTED,
    ) -> None:  # fmt: skip
        """Into the bin that nobody sells from."""
        condition = {AVAILABLE: None, DAMAGED: "damaged", HELD: "suspect"}[status]
        scan, _ = self.say(
            expected, self.catalogue.label(goods, quantity), type="waste", location=location,
            condition=condition, reason="spoilt", **self._goods(goods, quantity),
        )  # fmt: skip
        self._move(scan, goods, quantity, (location, status), ("@waste", status))

    def take_back(
        self, goods: Goods, quantity: int, *, condition: str | None,
        location: str | None = None, expected: Expected = ACCEPTED,
    ) -> None:  # fmt: skip
        """A customer's return."""
        scan, _ = self.say(
            expected, self.catalogue.label(goods, quantity), type="return", location=location,
            condition=condition, **self._goods(goods, quantity),
        )  # fmt: skip
        to = (location or "DOCK", STATUS_OF[condition])
        self._move(scan, goods, quantity, ("@customer", AVAILABLE), to)

    def inspect(
        self, goods: Goods, quantity: int, location: str, *, condition: str,
        supervisor: str | None = None, expected: Expected = ACCEPTED,
    ) -> None:  # fmt: skip
        """Looked at closely: another status than most of them have."""
        here = self.book.balances()
        others = [each for each in (AVAILABLE, HELD, DAMAGED) if each != STATUS_OF[condition]]
        was = max(others, key=lambda each: here[self.key(location, goods, each)])
        scan, _ = self.say(
            expected, self.catalogue.label(goods, quantity), type="inspect", location=location,
            condition=condition, supervisor=supervisor, **self._goods(goods, quantity),
        )  # fmt: skip
        if expected[0] != "refused":
            self._move(scan, goods, quantity, (location, was), (location, STATUS_OF[condition]))

    def say_of_lot(self, goods: Goods, kind: str, *, supervisor: str | None = None) -> None:
        """Hold or release a lot at this warehouse; no stock moves."""
        self.say(
            ACCEPTED, self.catalogue.label(goods), type=kind, reason="smells",
            supervisor=supervisor,
        )  # fmt: skip

    def lose(self, source: Key) -> None:
        """A piece goes, and nobody knows."""
        entry = self.book.enter(0)
        entry.is_unseen = True
        gone = source._replace(warehouse="", location="@adjustment")
        entry.moves.append((source, gone, 1))

    def undo(self) -> None:
        """My last scan was a mistake."""
        self.say(("accepted", "undone"), None, type="undo")
        self._done.pop().is_struck = True
