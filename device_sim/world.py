"""The simulated world: goods, places and the truth about them. Seeded and pure.

An action does three things at once: it changes the truth, once; it yields the scans a worker
makes of it; and it says what must become of each scan. Whatever the network, the devices and
the gateways then go through, edge and cloud must end at this truth.

Truth is double entry like the contract's lines: goods come from @supplier, leave to @customer
or @waste, and travel in @transit, so that the sum over all places of a lot is always zero.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from random import Random
from typing import Final, Literal

from cloud_sync.contract import keys
from device_sim.catalog import EXAMPLE_PREFIX, CatalogItem, make_gtin
from gateway.codecs.gs1 import encode_gs1_128

Expect = Literal["recorded", "answered", "refused", "asked"]
"""recorded: exactly one event; answered: a result and no event; refused: told so, no event;
asked: one event or none, accepted or refused, as things stand at the gateway."""

SHELVES: Final = {"ambient": "A", "refrigerated": "R", "frozen": "F"}
"""Zone → the letter its bins begin with."""

UNKNOWN_REFERENCE: Final = 99_000
"""Item references from here on are in no catalogue."""


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """Where goods of one lot are. warehouse is "" for virtual locations, which belong to none."""

    warehouse: str
    location: str
    item: str
    lot: str


@dataclass(frozen=True, slots=True)
class Lot:
    """One production lot of an item."""

    item: str
    code: str
    expiry: date


@dataclass(frozen=True, slots=True)
class Stop:
    """A line of a pick list: where to go, and for what."""

    location: str
    item: str
    lot: str
    quantity: int


@dataclass(frozen=True, slots=True)
class ScanOrder:
    """What a worker does with a PDA: the symbol read, the task it belongs to, what must follow.

    data: None for what is done without scanning.
    """

    data: str | None
    task: Mapping[str, object] | None
    expect: Expect = "recorded"
    symbology: str = "GS1_128"


@dataclass(slots=True)
class World:
    """All warehouses and the goods in and between them. `today` dates the lots.

    label: goes into the names of lots and documents, so that days in one place do not meet.
    """

    catalog: Sequence[CatalogItem]
    random: Random
    today: date
    truth: dict[Place, int] = field(default_factory=dict)
    lots: dict[tuple[str, str], Lot] = field(default_factory=dict)
    n_orders: int = 0
    n_lots: int = 0
    n_boxes: int = 0
    label: str = ""

    # ------------------------------------------------------------ goods

    def make_lot(self, item: CatalogItem) -> Lot:
        """A fresh lot; the later it is made the later it expires, so that FEFO is FIFO."""
        self.n_lots += 1
        life = timedelta(days=item.shelf_life_days, hours=self.n_lots)
        code = f"L{self.today:%y%m%d}-{self.label}{self.n_lots:03d}"
        lot = Lot(item.gtin, code, self.today + life)
        self.lots[item.gtin, code] = lot
        return lot

    def bin_of(self, gtin: str, lot: str) -> str:
        """The bin a lot is put away in: the zone's letter, an aisle, a place by the lot."""
        shelf = SHELVES.get(self._zone(gtin), "X")
        number = sum(map(ord, lot)) % 8 + 1
        return f"{shelf}-{int(gtin[8:13]) % 4 + 1:02d}-{number:02d}"

    def bins(self) -> list[tuple[str, str]]:
        """Every bin that goods may be put away in, by name, with its zone."""
        return sorted(
            {
                (f"{SHELVES[item.zone]}-{int(item.gtin[8:13]) % 4 + 1:02d}-{n:02d}", item.zone)
                for item in self.catalog
                for n in range(1, 9)
            }
        )

    def _zone(self, gtin: str) -> str:
        return next((item.zone for item in self.catalog if item.gtin == gtin), "")

    def shelf_units(self, warehouse: str, gtin: str) -> int:
        """Units of an item that stand in bins and may still be promised."""
        return sum(units for _, units in self._bins(warehouse, gtin))

    def _bins(self, warehouse: str, gtin: str) -> list[tuple[Place, int]]:
        """Bins with goods of an item, first expired first out."""
        held = [
            (place, units)
            for place, units in self.truth.items()
            if place.warehouse == warehouse
            and place.item == gtin
            and units > 0
            and place.location != keys.PACKING
        ]
        return sorted(held, key=lambda row: (self.lots[gtin, row[0].lot].expiry, row[0]))

    def _fefo(self, warehouse: str, gtin: str, units: int) -> list[tuple[Place, int]]:
        """From which bins to take `units`; less, if there are not so many."""
        taken = []
        for place, held in self._bins(warehouse, gtin):
            part = min(held, units)
            if part > 0:
                taken.append((place, part))
            units -= part
        return taken

    def _move(self, lot: Lot, units: int, *, warehouse: str, source: str, target: str) -> None:
        for location, change in ((source, -units), (target, units)):
            owner = "" if keys.is_virtual(location) else warehouse
            place = Place(owner, location, lot.item, lot.code)
            balance = self.truth.get(place, 0) + change
            if balance:
                self.truth[place] = balance
            else:
                self.truth.pop(place, None)

    # ------------------------------------------------------------ what workers do

    def receive(
        self, warehouse: str, lot: Lot, units: int, *, asn: str, transfer: str | None = None
    ) -> list[ScanOrder]:
        """Take in expected goods, straight into their bin."""
        source = keys.SUPPLIER if transfer is None else keys.transit(transfer)
        place = self.bin_of(lot.item, lot.code)
        self._move(lot, units, warehouse=warehouse, source=source, target=place)
        return [self._scan(lot, units, type="receive", id=asn, location=place)]

    def receive_at_dock(
        self, warehouse: str, lot: Lot, units: int, *, asn: str
    ) -> list[ScanOrder]:
        """Take in expected goods at the dock, then put them away: two scans."""
        place = self.bin_of(lot.item, lot.code)
        self._move(lot, units, warehouse=warehouse, source=keys.SUPPLIER, target=place)
        return [
            self._scan(lot, units, type="receive", id=asn),
            self._scan(lot, units, type="putaway", location=place),
        ]

    def sell(self, warehouse: str, n_lines: int) -> list[ScanOrder]:
        """One customer order: pick each line, then hand it over to the rider."""
        self.n_orders += 1
        order = f"SO-{warehouse}-{self.label}{self.n_orders:05d}"
        picks, ships = [], []
        weights = [item.popularity for item in self.catalog]
        for item in _distinct(self.random.choices(self.catalog, weights, k=n_lines)):
            for place, units in self._fefo(warehouse, item.gtin, self.random.randint(1, 3)):
                lot = self.lots[item.gtin, place.lot]
                self._move(
                    lot, units, warehouse=warehouse, source=place.location, target=keys.CUSTOMER
                )
                picks.append(
                    self._scan(lot, units, type="pick", id=order, location=place.location)
                )
                ships.append(self._scan(lot, units, type="ship", id=order))
        return picks + ships

    def pick(self, warehouse: str, order: str, stop: Stop, units: int) -> ScanOrder:
        """Take goods off the shelf for an order of the cloud's, as the pick list says."""
        lot = self.lots[stop.item, stop.lot]
        place = stop.location
        self._move(lot, units, warehouse=warehouse, source=place, target=keys.PACKING)
        return self._scan(lot, units, type="pick", id=order, location=place)

    def miss(self, order: str, stop: Stop, units: int) -> ScanOrder:
        """Say that so many are not where the pick list has them."""
        lot = self.lots[stop.item, stop.lot]
        return self._scan(
            lot, units, type="short", id=order, location=stop.location, reason="not there"
        )

    def pack(self, order: str, goods: tuple[str, str], units: int, sscc: str) -> ScanOrder:
        """Put picked goods into the box."""
        return self._scan(self.lots[goods], units, type="pack", id=order, sscc=sscc)

    def ship(
        self, warehouse: str, order: str, sscc: str, contents: Mapping[tuple[str, str], int]
    ) -> ScanOrder:
        """Give the box to the rider."""
        for goods, units in contents.items():
            self._move(
                self.lots[goods], units, warehouse=warehouse, source=keys.PACKING,
                target=keys.CUSTOMER,
            )  # fmt: skip
        return ScanOrder(encode_gs1_128([("00", sscc)]), {"type": "ship", "id": order})

    def make_sscc(self) -> str:
        """The label of a box that was never used."""
        self.n_boxes += 1
        body = f"1{EXAMPLE_PREFIX}{self.n_boxes:09d}"
        return body + keys.gtin_check_digit(body)

    def dispatch(self, warehouse: str, transfer: str, gtin: str, units: int) -> list[ScanOrder]:
        """Send goods under a transfer, first expired first out; less, if there are not so many."""
        scans = []
        for place, part in self._fefo(warehouse, gtin, units):
            lot = self.lots[gtin, place.lot]
            target = keys.transit(transfer)
            self._move(lot, part, warehouse=warehouse, source=place.location, target=target)
            scans.append(self._scan(lot, part, type="ship", id=transfer, location=place.location))
        return scans

    def waste(self, warehouse: str) -> list[ScanOrder]:
        """Throw away one damaged piece of something."""
        return self._single(warehouse, "waste", keys.WASTE, reason="damaged")

    def take_back(self, warehouse: str) -> list[ScanOrder]:
        """A customer brings back one piece; it goes to the shelf it came from."""
        return self._single(warehouse, "return", None)

    def count(self, warehouse: str) -> list[ScanOrder]:
        """Count one bin: what the books must say from then on, and do already if all is well."""
        bins = self._stocked_bins(warehouse)
        if not bins:
            return []
        place, units = self.random.choice(bins)
        lot = self.lots[place.item, place.lot]
        return [self._scan(lot, units, type="count", location=place.location)]

    def _single(
        self, warehouse: str, kind: str, target: str | None, **task: object
    ) -> list[ScanOrder]:
        bins = self._stocked_bins(warehouse)
        if not bins:
            return []
        place, _ = self.random.choice(bins)
        lot = self.lots[place.item, place.lot]
        source, end = (
            (keys.CUSTOMER, place.location) if target is None else (place.location, target)
        )
        self._move(lot, 1, warehouse=warehouse, source=source, target=end)
        return [self._scan(lot, 1, type=kind, location=place.location, **task)]

    def _stocked_bins(self, warehouse: str) -> list[tuple[Place, int]]:
        return [row for item in self.catalog for row in self._bins(warehouse, item.gtin)]

    # ------------------------------------------------------------ what goes wrong

    def look_up(self) -> ScanOrder:
        """A worker asks what an item is; nothing is recorded."""
        gtin = self.random.choice(self.catalog).gtin
        return ScanOrder(gtin[1:], {"type": "lookup"}, "answered", "EAN13")

    def wrong_check_digit(self) -> ScanOrder:
        """A damaged label: the GTIN's check digit does not fit."""
        gtin = self.random.choice(self.catalog).gtin
        wrong = str((int(gtin[-1]) + self.random.randint(1, 9)) % 10)
        data = encode_gs1_128([("01", gtin[:-1] + wrong)])
        return ScanOrder(data, {"type": "receive", "quantity": 1}, "refused")

    def missing_place(self) -> ScanOrder:
        """A pick without saying where: told so at once."""
        gtin = self.random.choice(self.catalog).gtin
        return ScanOrder(encode_gs1_128([("01", gtin)]), {"type": "pick"}, "refused")

    def internal_label(self) -> ScanOrder:
        """A label that is no product at all."""
        data = f"TOTE-{self.random.randint(1, 999):03d}"
        return ScanOrder(data, {"type": "receive", "quantity": 1}, "refused", "CODE128")

    def unknown_item(self, warehouse: str) -> list[ScanOrder]:
        """Goods that are in no catalogue: recorded and flagged, because they are there."""
        gtin = make_gtin(UNKNOWN_REFERENCE + self.random.randint(0, 4))
        self.n_lots += 1
        lot = Lot(gtin, f"X{self.label}{self.n_lots:03d}", self.today + timedelta(days=30))
        self.lots[gtin, lot.code] = lot
        self._move(lot, 1, warehouse=warehouse, source=keys.SUPPLIER, target=keys.RECEIVING)
        return [self._scan(lot, 1, type="receive")]

    # ------------------------------------------------------------ symbols

    def _scan(self, lot: Lot, units: int, **task: object) -> ScanOrder:
        elements = [("01", lot.item), ("17", f"{lot.expiry:%y%m%d}"), ("10", lot.code)]
        if self.random.random() < 0.5:
            # The lot before the date: its end then needs the separator that FNC1 stands for.
            elements[1:] = elements[:0:-1]
        worker = f"w{self.random.randint(1, 4)}"
        return ScanOrder(
            encode_gs1_128(elements), {**task, "quantity": units, "unit": "EA", "worker": worker}
        )


def _distinct(items: Iterable[CatalogItem]) -> list[CatalogItem]:
    return list(dict.fromkeys(items))
