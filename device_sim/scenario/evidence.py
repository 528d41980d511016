"""What a scenario leaves to be judged: the books of its devices, and what the products say.

The products are asked through their public interfaces only: the cloud's HTTP API, and
`forepost-gateway status` and `journal export`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from device_sim.broker import Endpoint
from device_sim.scenario import checks
from device_sim.scenario.books import BusBook, ReaderBook, ScannerBook, SensorBook, Trouble
from device_sim.scenario.sensor_checks import Watched
from device_sim.stage.cloud import CloudApi
from device_sim.stage.configuration import Site
from device_sim.stage.installation import Installation
from device_sim.stage.ledger import Ledger
from device_sim.stage.memory import Measurement
from device_sim.stage.picking import Picker, Shop
from device_sim.stage.watch import GatewayReport, ask_gateway, export_journal
from device_sim.world import World

Row = dict[str, object]


@dataclass(frozen=True, slots=True)
class Ground:
    """The installation a scenario is played on. own: None if it is somebody else's.

    day: tells this day from earlier ones in the same place; 0 where there are none.
    """

    broker: Endpoint
    cloud: CloudApi
    sites: Mapping[str, Site]
    own: Installation | None
    day: int = 0


@dataclass(slots=True)
class Evidence:
    """Everything the checks and the report are made of.

    cloud_baseline: stock before the first act. opened_at_s, closed_at_s: when the doors were.
    first_seqs: by gateway, the last row before the first act. last_seqs: by warehouse, up to
    where the journal must be in the cloud. zero_us: the wall time at monotonic zero. shop: whose
    orders are picked by lists, if there are any. orders: what the cloud says of them.
    """

    world: World
    books: Mapping[str, SensorBook | BusBook | ReaderBook | ScannerBook]
    ledgers: list[Ledger] = field(default_factory=list)
    troubles: list[Trouble] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)
    undone_at_end: list[str] = field(default_factory=list)
    cloud_baseline: list[Row] = field(default_factory=list)
    reports: dict[str, GatewayReport] = field(default_factory=dict)
    journals: dict[str, list[Row]] = field(default_factory=dict)
    events: list[Row] = field(default_factory=list)
    cloud_stock: list[Row] = field(default_factory=list)
    set_aside: list[Row] = field(default_factory=list)
    memory: dict[str, list[Measurement]] = field(default_factory=dict)
    sensors_watched: list[Watched] = field(default_factory=list)
    shop: Shop | None = None
    pickers: list[Picker] = field(default_factory=list)
    orders: list[Row] = field(default_factory=list)
    zero_us: int = 0
    opened_at_s: float = 0.0
    closed_at_s: float = 0.0
    first_seqs: dict[str, int] = field(default_factory=dict)
    last_seqs: dict[str, int] = field(default_factory=dict)

    async def take_baseline(self, ground: Ground) -> None:
        """Remember what was there before, so that only what is ours is judged."""
        self.cloud_baseline = await ground.cloud.stock()
        await self._look(ground)
        self.first_seqs = {report.gateway: report.last_seq for report in self.reports.values()}

    def ours(self, rows: Sequence[Row]) -> list[Row]:
        """The stock rows of lots of this world; others are somebody else's."""
        return [row for row in rows if (row.get("item"), row.get("lot") or "") in self.world.lots]

    def acknowledged(self, gateway: str, last_seq: int) -> int:
        """Up to where the gateway said the cloud has its journal, as far as it was exported."""
        known = [r.acknowledged_seq for r in self.reports.values() if r.gateway == gateway]
        return min([last_seq, *known])

    async def not_online(self, ground: Ground, names: Mapping[str, Sequence[str]]) -> list[str]:
        """The devices that their gateways do not yet see. names: by warehouse."""
        await self._look(ground)
        seen = {
            (warehouse, row.get("name"))
            for warehouse, report in self.reports.items()
            for row in report.devices
            if row.get("state") == "online"
        }
        return [
            name
            for warehouse, expected in names.items()
            for name in expected
            if (warehouse, name) not in seen
        ]

    async def undone(self, ground: Ground) -> list[str]:
        """What is still under way. Sensors speak on: rows after the last scan's do not count."""
        await self._look(ground)
        left = [
            f"{ledger.device}: {ledger.n_open} scans without receipt"
            for ledger in self.ledgers
            if ledger.n_open
        ]
        for warehouse, site in ground.sites.items():
            report = self.reports.get(warehouse)
            if report is None:
                left.append(f"{site.gateway}: does not answer")
            elif left:
                self.last_seqs.pop(warehouse, None)
            elif not report.has_done(self.last_seqs.setdefault(warehouse, report.last_seq)):
                left.append(f"{site.gateway}: has work up to row {self.last_seqs[warehouse]}")
        ours = {sensor.name for sensor in self.sensors_watched}
        left += [
            f"{fault.get('device')}: {fault.get('kind')} is still open"
            for report in self.reports.values()
            for fault in report.sensor_faults
            if fault.get("device") in ours
        ]
        await self._look_at_orders(ground)
        left += [
            f"{order.get('id')}: {order.get('status')}"
            for order in self.orders
            if order.get("status") != "delivered"
        ]
        last = int(str(self.events[-1]["position"])) if self.events else 0
        self.events += self._of_today(await ground.cloud.events(after_position=last))
        return left + checks.missing_departures(self.readers, self.events)

    async def collect(self, ground: Ground, undone: list[str]) -> None:
        """Take in everything that is to be judged."""
        self.undone_at_end = undone
        self.journals = {
            site.gateway: self._of_today(await export_journal(site))
            for site in ground.sites.values()
        }
        self.events = self._of_today(await ground.cloud.events())
        await self._look_at_orders(ground)
        self.cloud_stock = await ground.cloud.stock()
        self.set_aside = await ground.cloud.quarantine()

    def _of_today(self, rows: Sequence[Row]) -> list[Row]:
        """The rows since the first act; what was there before is nobody's business here."""
        return [
            row
            for row in rows
            if int(str(row.get("seq"))) > self.first_seqs.get(str(row.get("gateway")), 0)
        ]

    async def _look_at_orders(self, ground: Ground) -> None:
        """The shop's orders; others are somebody else's."""
        if self.shop is not None:
            ours = set(self.shop.placed)
            self.orders = [it for it in await ground.cloud.orders() if it.get("id") in ours]

    async def _look(self, ground: Ground) -> None:
        self.reports = {}
        for site in ground.sites.values():
            report = await ask_gateway(site)
            if report is not None:
                self.reports[site.warehouse] = report

    @property
    def readers(self) -> list[ReaderBook]:
        """The books of the RFID readers."""
        return [book for book in self.books.values() if isinstance(book, ReaderBook)]

    @property
    def sensors(self) -> list[SensorBook]:
        """The books of the MQTT sensors."""
        return [book for book in self.books.values() if isinstance(book, SensorBook)]

    @property
    def buses(self) -> list[BusBook]:
        """The books of the Modbus buses."""
        return [book for book in self.books.values() if isinstance(book, BusBook)]

    @property
    def scanners(self) -> list[ScannerBook]:
        """The books of the fixed scanners."""
        return [book for book in self.books.values() if isinstance(book, ScannerBook)]
