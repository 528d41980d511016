"""The simulated workers: they read the open tasks, act in the world, and scan what they do.

Each leads one PDA. The world changes at the moment of the act; the scan then takes its way
through PDA, broker and gateway, which may drop, repeat and delay it, and may even die.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date
from random import Random
from typing import Final

from device_sim.stage.ledger import Entry, Ledger
from device_sim.stage.processes import Child
from device_sim.world import Lot, ScanOrder, World

MAX_OPEN_SCANS: Final = 300
"""Scans without receipt at which a worker stops and waits: the PDA's own queue has an end."""

MALFORMED: Final = (
    b"",
    b"not json",
    b"\xff\xfe\x00\x01",
    b'{"v":1,"data":NaN}',
    b'{"v":2,"data":"x"}',
    b'{"v":1,"boot":"x","seq":true,"data":"x"}',
    b'{"v":1,"data":"x","task":{"type":"dance"}}',
)
"""What a broken application may publish on the scan channel."""


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast a worker works. scan_s: between two scans; order_s: between two orders."""

    scan_s: float = 0.08
    order_s: float = 0.3
    oddity_s: float = 1.7

    def faster(self, factor: float) -> Pace:
        """The same in a fraction of the time."""
        return Pace(self.scan_s / factor, self.order_s / factor, self.oddity_s / factor)


@dataclass(slots=True)
class Worker:
    """One worker with a PDA at one warehouse.

    received: units by (ASN, item, lot); dispatched: units by (transfer, item); sent: units by
    (parcel, item). is_closing: no new
    orders; what was begun is finished, because the world has changed already. may_count: False
    where scans tell of other times than they were made at: a count says what was there when it
    was made, and would not be true at the time that it tells.
    """

    world: World
    warehouse: str
    ledger: Ledger
    random: Random
    pace: Pace
    pda: Child | None = None
    tasks: list[dict[str, object]] = field(default_factory=list)
    supplier_asns: set[str] = field(default_factory=set)
    received: dict[tuple[str, str, str], int] = field(default_factory=dict)
    dispatched: dict[tuple[str, str], int] = field(default_factory=dict)
    sent: dict[tuple[str, str], int] = field(default_factory=dict)
    is_closing: bool = False
    may_count: bool = True
    n_scanning: int = 0
    news: asyncio.Event = field(default_factory=asyncio.Event)

    def hear(self, report: dict[str, object]) -> None:
        """Take in what the PDA reports."""
        self.ledger.hear(report)
        tasks = report.get("tasks")
        if report.get("event") == "tasks" and isinstance(tasks, list):
            self.tasks = [task for task in tasks if isinstance(task, dict)]
        self.news.set()

    async def scan(self, orders: Iterable[ScanOrder]) -> None:
        """Make scans at a worker's pace; waits while too many have no receipt."""
        self.n_scanning += 1
        for order in orders:
            self._tell(order)
            await asyncio.sleep(self.pace.scan_s)
            while self.ledger.n_open >= MAX_OPEN_SCANS:
                self.news.clear()
                await self.news.wait()
        self.n_scanning -= 1

    async def ask(self, order: ScanOrder) -> Entry:
        """Make one scan and wait for its receipt, however often it is sent for it."""
        (entry,) = await self.settle([order])
        return entry

    async def settle(self, orders: Iterable[ScanOrder]) -> list[Entry]:
        """Make scans and wait for all their receipts: what follows must not overtake them."""
        refs = []
        self.n_scanning += 1
        for order in orders:
            refs.append(self._tell(order))
            await asyncio.sleep(self.pace.scan_s)
        entries = [self.ledger.entries[ref] for ref in refs]
        while any(entry.status is None for entry in entries):
            self.news.clear()
            await self.news.wait()
        self.n_scanning -= 1
        return entries

    def _tell(self, order: ScanOrder) -> int:
        ref = self.ledger.add(order)
        if self.pda is None:
            raise AssertionError("the worker has no PDA yet")
        self.pda.tell(
            {
                "do": "scan",
                "ref": ref,
                "data": order.data,
                "symbology": order.symbology,
                "task": order.task,
            }
        )
        return ref

    # ------------------------------------------------------------ tasks

    async def work_on_tasks(self) -> bool:
        """Do one line of an open task; False if there is none left to do."""
        for task in self.tasks:
            if task.get("type") == "ship" and "destination" not in task:
                continue  # a picked order, which its picker packs and sends
            for line in lines_of(task):
                orders = self._do_line(str(task.get("type")), str(task.get("id")), line)
                if orders:
                    await self.scan(orders)
                    return True
        return False

    def _do_line(self, kind: str, document: str, line: TaskLine) -> list[ScanOrder]:
        if kind == "ship":
            key = (document, line.item)
            left = line.quantity - self.dispatched.get(key, 0)
            held = self.world.shelf_units(self.warehouse, line.item)
            units = min(left, held)
            if units <= 0:
                return []
            self.dispatched[key] = self.dispatched.get(key, 0) + units
            return self.world.dispatch(self.warehouse, document, line.item, units)
        if kind == "receive" and line.lot is not None:
            return self._receive(document, line, line.lot)
        return []

    def _receive(self, asn: str, line: TaskLine, lot_code: str) -> list[ScanOrder]:
        key = (asn, line.item, lot_code)
        left = line.quantity - self.received.get(key, 0)
        lot = self.world.lots.get((line.item, lot_code))
        if left <= 0 or lot is None:
            return []
        self.received[key] = self.received.get(key, 0) + left
        if asn not in self.supplier_asns:
            return self.world.receive(
                self.warehouse, lot, left, asn=asn, transfer=transfer_of(asn)
            )
        if self.random.random() < 0.5:
            return self.world.receive_at_dock(self.warehouse, lot, left, asn=asn)
        return self.world.receive(self.warehouse, lot, left, asn=asn)

    # ------------------------------------------------------------ the working day

    async def keep_delivering(self) -> None:
        """Receive and send whatever is asked for, for ever."""
        while True:
            if not await self.work_on_tasks():
                self.news.clear()
                await self.news.wait()

    async def keep_selling(self) -> None:
        """Customer orders, one after the other, until the shop closes."""
        while not self.is_closing:
            await self.scan(self.world.sell(self.warehouse, self.random.randint(1, 3)))
            await asyncio.sleep(self.pace.order_s)

    async def keep_erring(self) -> None:
        """What else happens on a shift, each in turn: mistakes, damage, counts, rubbish."""
        turn = 0
        while not self.is_closing:
            await self._err(turn)
            turn += 1
            await asyncio.sleep(self.pace.oddity_s)

    async def _err(self, turn: int) -> None:
        world, here = self.world, self.warehouse
        oddities: Sequence[list[ScanOrder]] | None = None
        match turn % 9:
            case 0:
                oddities = [[world.wrong_check_digit()]]
            case 1:
                oddities = [world.unknown_item(here)]
            case 2:
                self._repeat()
            case 3:
                self._rubbish(turn)
            case 4:
                # A bin is counted when nobody has goods in hand that are not scanned yet.
                if self.may_count and not self.n_scanning:
                    oddities = [world.count(here)]
            case 5:
                oddities = [world.waste(here), world.take_back(here)]
            case 6:
                oddities = [[world.look_up()]]
            case 7:
                oddities = [[world.missing_place()]]
            case _:
                oddities = [[world.internal_label()]]
        for orders in oddities or ():
            await self.scan(orders)

    def _repeat(self) -> None:
        """Send an old scan again although it was receipted: an impatient worker, a bad network."""
        if self.pda is not None and self.ledger.by_seq:
            seq = self.random.choice(list(self.ledger.by_seq))
            self.ledger.n_repeats += 1
            self.pda.tell({"do": "repeat", "seq": seq})

    def _rubbish(self, turn: int) -> None:
        if self.pda is not None:
            raw = MALFORMED[turn // 9 % len(MALFORMED)]
            self.ledger.n_raw += 1
            self.pda.tell({"do": "raw", "channel": "scan", "hex": raw.hex()})


@dataclass(frozen=True, slots=True)
class TaskLine:
    """A line of an open task as the gateway publishes it."""

    item: str
    quantity: int
    lot: str | None


def lines_of(task: dict[str, object]) -> list[TaskLine]:
    """A task's lines."""
    lines = task.get("lines")
    if not isinstance(lines, list):
        return []
    return [
        TaskLine(str(line["item"]), int(line["quantity"]), line.get("lot"))
        for line in lines
        if isinstance(line, dict)
    ]


def transfer_of(asn: str) -> str:
    """The transfer whose goods a plan's delivery brings (cloud_sync.contract.plans)."""
    return "TR-" + asn.removeprefix("ASN-")


@dataclass(slots=True)
class Supplier:
    """Sends goods of every item on order, each delivery announced by an ASN."""

    world: World
    n_sent: int = 0

    def make_asn(
        self, warehouse: str, units: dict[str, int], *, n_lots: int = 1
    ) -> dict[str, object]:
        """An announced delivery, each item in so many fresh lots; the first is the smallest."""
        self.n_sent += 1
        lines = [
            _line(self.world.make_lot(item), part)
            for item in self.world.catalog
            for part in parts_of(units.get(item.gtin, 0), n_lots)
        ]
        return {
            "id": f"ASN-S{self.world.label}{self.n_sent:04d}",
            "warehouse": warehouse,
            "source": "@supplier",
            "status": "dispatched",
            "ordered": [
                {key: line[key] for key in ("item", "quantity", "unit")} for line in lines
            ],
            "shipped": lines,
        }


def parts_of(units: int, n: int) -> list[int]:
    """Units in at most n parts, each twice as large as the one before."""
    shares = [units * (1 << i) // ((1 << n) - 1) for i in range(n)]
    shares[-1] += units - sum(shares)
    return [share for share in shares if share]


def _line(lot: Lot, units: int) -> dict[str, object]:
    return {
        "item": lot.item,
        "quantity": units,
        "unit": "EA",
        "lot": lot.code,
        "expiry": _iso(lot.expiry),
    }


def _iso(day: date) -> str:
    return day.isoformat()
