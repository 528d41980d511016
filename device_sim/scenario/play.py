"""One scenario from the opening of the doors to the proof.

Phases   setting up   programs start, master data and first deliveries go in
         stocking     workers receive the first deliveries
         running      orders, boxes, mistakes, and the scenario's faults
         draining     no new orders; what was begun is finished, within DRAIN_S
         checking     what was sent is held against what arrived
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import time
from collections.abc import Callable
from datetime import date
from random import Random
from typing import Final

from device_sim.catalog import make_catalog
from device_sim.clock import wall_us
from device_sim.errors import SimulatorError
from device_sim.scenario import fleet
from device_sim.scenario.books import ReaderBook, Report, ScannerBook
from device_sim.scenario.evidence import Evidence, Ground
from device_sim.scenario.model import (
    Device,
    MqttReader,
    Pda,
    PdaOffline,
    Reader,
    Scanner,
    Scenario,
)
from device_sim.scenario.orders import field_order
from device_sim.scenario.sensor_checks import patience_of, watched_sensors
from device_sim.scenario.trouble import Troublemaker
from device_sim.stage import configuration as conf
from device_sim.stage.crew import Pace, Supplier, Worker
from device_sim.stage.ledger import Ledger
from device_sim.stage.memory import MemoryWatch
from device_sim.stage.picking import Picker, Shop
from device_sim.stage.processes import Child, Stage
from device_sim.stage.tags import TagMint
from device_sim.world import World
from gateway.codecs.gs1 import encode_gs1_128
from gateway.settings import load_settings

STOCKING_S: Final = 90.0
DRAIN_S: Final = 120.0
CLASH_DRAIN_S: Final = 60.0
POLL_S: Final = 1.0
OPENING_UNITS: Final = 4000
LOW_UNITS: Final = 1500
"""Below this the supplier sends more."""
TAGS_A_DAY: Final = 100_000
STAY_SHARE: Final = 0.6
"""Of the time between two loads of boxes, how long one stands before the reader."""

MakeWorld = Callable[[Random, date], World]
Note = Callable[[str], None]


def make_world(random: Random, today: date) -> World:
    """An honest world."""
    return World(make_catalog(), random, today)


class Play:
    """A scenario being played. note: is told what happens."""

    def __init__(
        self,
        scenario: Scenario,
        stage: Stage,
        ground: Ground,
        *,
        today: date,
        note: Note,
        make_world: MakeWorld = make_world,
    ) -> None:
        self.scenario, self.stage, self.ground, self.note = scenario, stage, ground, note
        self.random = Random(scenario.seed)
        self.world = make_world(Random(self.random.random()), today)
        self.world.label = f"{ground.day:x}" if ground.day else ""
        first = ground.day * TAGS_A_DAY
        self.mint = TagMint(self.world, Random(self.random.random()), first)
        self.supplier = Supplier(self.world)
        self.books = {
            device.name: fleet.make_book(device)
            for device in scenario.devices
            if not isinstance(device, Pda)
        }
        self.evidence = Evidence(self.world, self.books)
        self.children: dict[str, Child] = {}
        self.workers: dict[str, Worker] = {}

    async def run(self) -> Evidence:
        """Play it; gives what is to be judged. Raises SimulatorError if it cannot go on."""
        async with asyncio.TaskGroup() as group:
            self.note("setting up")
            self.evidence.zero_us = wall_us() - round(time.monotonic() * 1_000_000)
            self.evidence.sensors_watched = watched_sensors(
                self.scenario.devices,
                {
                    warehouse: patience_of(load_settings(site.config).sensors)
                    for warehouse, site in self.ground.sites.items()
                },
            )
            await self.evidence.take_baseline(self.ground)
            for device in self.scenario.devices:
                await self._start(device)
            side_shows = [group.create_task(self._watch_memory(), name="memory")]
            for warehouse in self.scenario.warehouses:
                delivering = self._first_worker(warehouse).keep_delivering()
                task = group.create_task(delivering, name=f"delivering-{warehouse}")
                side_shows.append(task)
            self.note("stocking")
            await self._stock_up()
            for picker in self._open_shop():
                picking = picker.keep_picking()
                side_shows.append(group.create_task(picking, name="picking"))
            self.note("running")
            self.evidence.opened_at_s = time.monotonic()
            await self._run()
            self.note("draining")
            self.evidence.closed_at_s = time.monotonic()
            undone = await self._drain()
            self.note("checking")
            await self.evidence.collect(self.ground, undone)
            for task in side_shows:
                task.cancel()
        return self.evidence

    # ------------------------------------------------------------ devices

    async def _start(self, device: Device) -> None:
        site = self.ground.sites[device.warehouse]
        if isinstance(device, Pda):
            worker = self._hire(device)
            self.workers[device.name] = worker
            worker.pda = await self._start_program(device, device.name, site, worker.hear)
            return
        book = self.books[device.name]

        def hear(report: Report) -> None:
            book.hear(report, time.monotonic())

        await self._start_program(device, device.name, site, hear)

    def _hire(self, pda: Pda) -> Worker:
        work = self.scenario.work
        pace = Pace(work.scan_s, work.order_s, work.oddity_s)
        ledger = Ledger(pda.name)
        self.evidence.ledgers.append(ledger)
        random = Random(self.random.random())
        tells_other_times = any(
            isinstance(fault, PdaOffline) and fault.stands_for_s is not None
            for fault in self.scenario.faults
        )
        return Worker(
            self.world, pda.warehouse, ledger, random, pace, may_count=not tells_other_times
        )

    async def _start_program(
        self, device: Device, name: str, site: conf.Site, hear: Callable[[Report], None]
    ) -> Child:
        program = conf.device_program(
            fleet.program_kind(device),
            broker=self.ground.broker if fleet.is_on_mqtt(device) else None,
            options=fleet.device_options(device, site),
            seed=self.scenario.seed,
        )
        self.children[name] = await self.stage.start(name, program, on_report=hear)
        return self.children[name]

    def _first_worker(self, warehouse: str) -> Worker:
        """Who receives the deliveries of a warehouse."""
        return next(w for w in self.workers.values() if w.warehouse == warehouse)

    async def clash(self, name: str, is_over: asyncio.Event) -> None:
        """Let a second PDA of the same name work until it is over and its scans are receipted."""
        pda = self.scenario.device(name)
        if not isinstance(pda, Pda):
            raise AssertionError("only PDAs clash")
        worker = self._hire(pda)
        twin = f"{name}-twin-{secrets.token_hex(2)}"
        site = self.ground.sites[pda.warehouse]
        worker.pda = await self._start_program(pda, twin, site, worker.hear)
        async with asyncio.TaskGroup() as group:
            group.create_task(worker.keep_selling(), name=f"selling-{twin}")
            await is_over.wait()
            worker.is_closing = True
        # A twin that is switched off with scans in it would lose them: its worker waits.
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(CLASH_DRAIN_S):
                while worker.ledger.n_open:
                    worker.news.clear()
                    await worker.news.wait()
        await self.stage.stop(twin)

    # ------------------------------------------------------------ stocking

    async def _stock_up(self) -> None:
        catalog = self.world.catalog
        cloud = self.ground.cloud
        await cloud.import_documents(
            items=[item.document() for item in catalog],
            locations=[
                {"warehouse": warehouse, "id": name, "zone": zone, "walk": walk}
                for warehouse in self.scenario.warehouses
                * (self.scenario.work.web_order_s is not None)
                for walk, (name, zone) in enumerate(self.world.bins())
            ],
        )
        for warehouse in self.scenario.warehouses:
            await self._announce(warehouse, {item.gtin: OPENING_UNITS for item in catalog})

        def is_stocked() -> bool:
            return not any(worker.ledger.n_open for worker in self.workers.values()) and all(
                self.world.shelf_units(warehouse, item.gtin) >= OPENING_UNITS
                for warehouse in self.scenario.warehouses
                for item in catalog
            )

        missing = ["the first deliveries"]
        try:
            async with asyncio.timeout(STOCKING_S):
                while not is_stocked():  # noqa: ASYNC110 -- the world is plain values, without events
                    await asyncio.sleep(0.1)
                names = fleet.health_names(
                    # Readers that publish on their own say nothing before there is a tag.
                    device
                    for device in self.scenario.devices
                    if not isinstance(device, MqttReader)
                )
                # A gateway that was there first may be between two looks at an empty port.
                while missing := await self.evidence.not_online(self.ground, names):  # noqa: ASYNC110 -- asked, not told
                    await asyncio.sleep(POLL_S)
        except TimeoutError as error:
            still = ", ".join(missing)
            raise SimulatorError(f"after {STOCKING_S:g} s still not there: {still}") from error

    def _open_shop(self) -> list[Picker]:
        """The shop, if the scenario has one, and at each warehouse one who picks for it."""
        work = self.scenario.work
        if work.web_order_s is None:
            return []
        distances_m = {name: 1000 + i for i, name in enumerate(self.scenario.warehouses)}
        random = Random(self.random.random())
        self.evidence.shop = Shop(self.ground.cloud, self.world, random, distances_m)
        *others, last = self.scenario.warehouses
        missed = {**dict.fromkeys(others, work.missed_share or 0.0), last: 0.0}
        self.evidence.pickers = [
            Picker(self._first_worker(name), Random(random.random()), missed_share=share)
            for name, share in missed.items()
        ]
        return self.evidence.pickers

    async def _keep_ordering(self, shop: Shop, period_s: float) -> None:
        """Customers order, for ever."""
        while True:
            await shop.place(wall_us())
            await asyncio.sleep(period_s)

    async def _announce(self, warehouse: str, units: dict[str, int]) -> None:
        asn = self.supplier.make_asn(warehouse, units)
        self._first_worker(warehouse).supplier_asns.add(str(asn["id"]))
        await self.ground.cloud.import_documents(asns=[asn])

    # ------------------------------------------------------------ running

    async def _run(self) -> None:
        began_s = time.monotonic()
        maker = Troublemaker(
            self.scenario,
            self.ground.own,
            self.children,
            {name: book for name, book in self.books.items() if isinstance(book, ReaderBook)},
            list(self.workers.values()),
            self.mint,
            self.clash,
            self.note,
        )
        self.evidence.troubles, self.evidence.skipped = maker.log, maker.skipped
        async with asyncio.TaskGroup() as group:
            for name, worker in self.workers.items():
                group.create_task(worker.keep_selling(), name=f"selling-{name}")
                group.create_task(worker.keep_erring(), name=f"erring-{name}")
            passing = [
                group.create_task(self._pass_boxes(device), name=f"boxes-{device.name}")
                for device in self.scenario.devices
                if isinstance(device, Reader)
            ]
            passing += [
                group.create_task(self._pass_belt(device), name=f"belt-{device.name}")
                for device in self.scenario.devices
                if isinstance(device, Scanner)
            ]
            supplying = group.create_task(self._keep_supplied(), name="supplying")
            shop, period_s = self.evidence.shop, self.scenario.work.web_order_s
            if shop is not None and period_s is not None:
                ordering = self._keep_ordering(shop, period_s)
                passing.append(group.create_task(ordering, name="ordering"))
            for i, fault in enumerate(maker.possible()):
                group.create_task(maker.make(fault, began_s), name=f"fault-{i}")
            await asyncio.sleep(self.scenario.duration_s)
            for worker in self.workers.values():
                worker.is_closing = True
            for task in (*passing, supplying):
                task.cancel()
        for device in self.scenario.devices:
            book = self.books.get(device.name)
            if isinstance(book, ReaderBook):
                self.children[device.name].tell(field_order(device, []))
                book.go(time.monotonic())

    async def _pass_boxes(self, reader: Device) -> None:
        """Boxes come before a reader, stay, and go on, for ever."""
        book = self.books[reader.name]
        if not isinstance(book, ReaderBook):
            raise AssertionError("only readers see boxes")
        child, box_s = self.children[reader.name], self.scenario.work.box_s
        while True:
            boxes = self.mint.boxes()
            child.tell(field_order(reader, boxes))
            book.come([epc for epc, _ in boxes], time.monotonic())
            await asyncio.sleep(box_s * STAY_SHARE)
            child.tell(field_order(reader, []))
            book.go(time.monotonic())
            await asyncio.sleep(box_s * (1 - STAY_SHARE))

    async def _pass_belt(self, scanner: Scanner) -> None:
        """Things pass a fixed scanner, each of a lot of its own, for ever."""
        book = self.books[scanner.name]
        if not isinstance(book, ScannerBook):
            raise AssertionError("only scanners see the belt")
        while True:
            lot = f"B{self.world.label}{len(book.passed) + 1:06d}"
            gtin = self.random.choice(self.world.catalog).gtin
            book.passed[lot] = time.monotonic()
            data = encode_gs1_128([("01", gtin), ("10", lot)])
            self.children[scanner.name].tell({"do": "scan", "data": data})
            await asyncio.sleep(scanner.period_s)

    async def _keep_supplied(self) -> None:
        """The supplier sends more of what runs low, once until it has come."""
        announced: dict[tuple[str, str], int] = {}
        while True:
            for warehouse in self.scenario.warehouses:
                low = {}
                for item in self.world.catalog:
                    held = self.world.shelf_units(warehouse, item.gtin)
                    key = (warehouse, item.gtin)
                    if held >= LOW_UNITS:
                        announced.pop(key, None)
                    elif key not in announced:
                        announced[key] = low[item.gtin] = OPENING_UNITS
                if low:
                    await self._announce(warehouse, low)
            await asyncio.sleep(POLL_S)

    async def _watch_memory(self) -> None:
        """Measure every gateway once a second."""
        watches = {site.gateway: MemoryWatch(site.socket) for site in self.ground.sites.values()}
        self.evidence.memory = {name: watch.measurements for name, watch in watches.items()}
        while True:
            for watch in watches.values():
                await asyncio.to_thread(watch.look, time.monotonic())
            await asyncio.sleep(POLL_S)

    # ------------------------------------------------------------ draining

    async def _drain(self) -> list[str]:
        """Wait until nothing is under way; gives what still is after DRAIN_S."""
        undone = ["not looked yet"]
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(DRAIN_S):
                while undone:
                    await asyncio.sleep(POLL_S)
                    undone = await self.evidence.undone(self.ground)
        return undone
